#[menagerie::agent]
struct Agent; //~ ERROR an agent is a function
