module menagerie

go 1.25
