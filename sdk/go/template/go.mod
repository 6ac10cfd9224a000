module template

go 1.25
