//! Lists the guests of `tests/guests`, so that the tests do not compile when one of them has no
//! test.

use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let guests = Path::new("../../tests/guests");
    println!("cargo::rerun-if-changed={}", guests.display());
    let mut names = Vec::new();
    if guests.is_dir() {
        for entry in fs::read_dir(guests)? {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "wat") {
                names.extend(
                    path.file_stem()
                        .and_then(|name| name.to_str())
                        .map(str::to_owned),
                );
            }
        }
    }
    names.sort();
    let mut list = "macro_rules! for_each_guest {\n    ($check:ident) => {\n".to_owned();
    for name in names {
        // Writing into a String cannot fail.
        let _ = writeln!(list, "        $check!({name});");
    }
    list.push_str("    };\n}\n");
    let folder = env::var_os("OUT_DIR")
        .map(PathBuf::from)
        .unwrap_or_default();
    fs::write(folder.join("guests.rs"), list)
}
