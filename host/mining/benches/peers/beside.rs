//! The same work by others, in the same run: the crate `process_mining`, built beside this, and PM4Py, where its
//! environment is. Neither is part of Menagerie; each is a program of its own, and one that is not there is skipped.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names a Python program that has PM4Py; else the environment of `tests/pm4py/run` is looked for.
const PYTHON: &str = "MENAGERIE_PM4PY_PYTHON";

/// Times in milliseconds, by the net they belong to, if to any, and by what was done.
pub(crate) type Figures = Vec<(String, String, f64)>;

/// Runs the others over a log and nets, prints what they say, and then all figures side by side.
pub(crate) fn compare(ours: &Figures, log: &str, nets: &[(String, String)]) {
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let folder = std::env::temp_dir().join(format!("mining-peers-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for the log");
    let mut paths = vec![folder.join("log.xes")];
    std::fs::write(&paths[0], log).expect("the log is written");
    for (place, (_, pnml)) in nets.iter().enumerate() {
        let path = folder.join(format!("net-{place}.pnml"));
        std::fs::write(&path, pnml).expect("the net is written");
        paths.push(path);
    }
    let crate_ = built(&here, &root).and_then(|program| {
        let name = "process_mining 0.6.2";
        told(name, Command::new(program).args(&paths))
    });
    let pm4py = python(&root).and_then(|python| {
        let script = here.join("pm4py_figures.py");
        told("PM4Py", Command::new(python).arg(script).args(&paths))
    });
    let read = |text: Option<String>| text.map(|text| figures(&text, &paths[1..], nets));
    side_by_side(ours, read(crate_).as_ref(), read(pm4py).as_ref());
    let _ = std::fs::remove_dir_all(&folder);
}

/// Builds the program with `process_mining`, with the cargo that runs this.
fn built(here: &Path, root: &Path) -> Option<PathBuf> {
    let target = root.join("target/mining-peers");
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let built = Command::new(cargo)
        .args([
            "build",
            "--quiet",
            "--release",
            "--locked",
            "--manifest-path",
        ])
        .arg(here.join("Cargo.toml"))
        .arg("--target-dir")
        .arg(&target)
        .status();
    let program = target.join("release/mining-peers");
    if built.is_ok_and(|status| status.success()) && program.is_file() {
        return Some(program);
    }
    println!("\nprocess_mining is skipped: it could not be built");
    None
}

fn python(root: &Path) -> Option<PathBuf> {
    let named = std::env::var_os(PYTHON).map(PathBuf::from);
    let python = named.unwrap_or_else(|| root.join("target/pm4py-venv/bin/python"));
    if python.is_file() {
        return Some(python);
    }
    println!(
        "\nPM4Py is skipped: {} is not there; `tests/pm4py/run LOG.xes` makes an environment, or {PYTHON} names one's Python",
        python.display()
    );
    None
}

/// What a program says, printed; nothing where it fails.
fn told(name: &str, command: &mut Command) -> Option<String> {
    println!("\n== {name}");
    match command.output() {
        Ok(ended) if ended.status.success() => {
            let text = String::from_utf8_lossy(&ended.stdout).into_owned();
            println!("{}", text.trim_end());
            Some(text)
        }
        Ok(ended) => {
            println!(
                "it failed: {}",
                String::from_utf8_lossy(&ended.stderr).trim()
            );
            None
        }
        Err(error) => {
            println!("it could not be run: {error}");
            None
        }
    }
}

/// Lines such as `align   1.234 ms`; a line that begins with a net's path says whose the next ones are.
fn figures(text: &str, paths: &[PathBuf], nets: &[(String, String)]) -> Figures {
    let mut figures = Figures::new();
    let mut net = String::new();
    for line in text.lines() {
        let of = paths
            .iter()
            .position(|path| line.starts_with(&*path.to_string_lossy()));
        if let Some(of) = of {
            net.clone_from(&nets[of].0);
            continue;
        }
        let Some((name, milliseconds)) = line
            .strip_suffix(" ms")
            .and_then(|line| line.rsplit_once(' '))
        else {
            continue;
        };
        if let Ok(milliseconds) = milliseconds.parse() {
            figures.push((net.clone(), name.trim().to_owned(), milliseconds));
        }
    }
    figures
}

fn side_by_side(ours: &Figures, crate_: Option<&Figures>, pm4py: Option<&Figures>) {
    let mut text = format!(
        "\n== side by side, in milliseconds\n{:44} {:>12} {:>15} {:>12}\n",
        "", "Menagerie", "process_mining", "PM4Py"
    );
    let find = |figures: Option<&Figures>, net: &str, name: &str| {
        let found = figures?.iter().find(|one| one.0 == net && one.1 == name);
        found.map(|one| one.2)
    };
    let shown = |figure: Option<f64>| figure.map_or("–".to_owned(), |ms| format!("{ms:.3}"));
    for (net, name, ms) in ours {
        let others = [find(crate_, net, name), find(pm4py, net, name)];
        if others.iter().all(Option::is_none) {
            continue;
        }
        let what = match net.as_str() {
            "" => name.clone(),
            net => format!("{name}, {net}"),
        };
        let _ = writeln!(
            text,
            "{what:44} {:>12} {:>15} {:>12}",
            shown(Some(*ms)),
            shown(others[0]),
            shown(others[1])
        );
    }
    println!("{text}");
}
