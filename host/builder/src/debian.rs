//! A compiler and the source of its standard library from Debian's packages, in a private folder.
//!
//! Debian 12 carries the compilers that its browsers need, newer than its own, as `rustc-web`. One
//! compiler, its library and its source match each other there, which is what building a standard
//! library takes. Nothing of the system is changed: packages are downloaded and unpacked, not installed.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::command::{command, run, run_within};
use crate::error::BuildError;
use crate::lock::lock;
use crate::progress::{Event, Progress};
use crate::standard_library::{Attempt, Search, StandardLibrary, TARGET, Way, ask_rustc};

/// The compiler, and the source of the library that belongs to it.
const ROOTS: [&str; 2] = ["rustc-web", "rust-web-src"];

/// What the compiler is made of; everything else it needs is on any machine that has a linker.
const PARTS: [&str; 2] = ["libstd-rust-web", "libllvm"];

/// 140 MB, so that a slow line is not mistaken for a dead one.
const DOWNLOAD_LIMIT: Duration = Duration::from_secs(900);

/// Written last: a folder without it was left by an interrupted download.
const COMPLETE: &str = "complete";

fn folder(toolchain_dir: &Path) -> PathBuf {
    toolchain_dir.join("debian")
}

/// Whether an earlier build has left everything there.
pub(crate) fn is_unpacked(toolchain_dir: &Path) -> bool {
    folder(toolchain_dir).join(COMPLETE).exists()
}

pub(crate) fn standard_library(
    search: &Search<'_>,
    progress: &mut dyn Progress,
) -> Result<Attempt, BuildError> {
    let folder = folder(search.toolchain_dir);
    if !is_unpacked(search.toolchain_dir) {
        if search.offline {
            return Ok(Err("not tried, since nothing may be downloaded".to_owned()));
        }
        let _lock = lock(search.toolchain_dir, progress)?;
        // Another process may have done it while this one waited.
        if !is_unpacked(search.toolchain_dir)
            && let Err(reason) = unpack(&folder, progress)?
        {
            return Ok(Err(reason));
        }
    }
    use_unpacked(search, &folder)
}

/// Downloads and unpacks; the inner error is a reason why it cannot be done here.
fn unpack(folder: &Path, progress: &mut dyn Progress) -> Result<Result<(), String>, BuildError> {
    if folder.exists() {
        fs::remove_dir_all(folder).map_err(BuildError::file(folder))?;
    }
    let downloads = folder.join("downloads");
    fs::create_dir_all(&downloads).map_err(BuildError::file(&downloads))?;
    let mut say = |doing: &str| {
        progress.report(Event::TryingStandardLibrary {
            way: Way::Debian,
            doing,
        });
    };
    say("looking for Debian's packages");
    let apt = Apt {
        downloads: &downloads,
        lists: None,
    };
    let fetched = match apt.fetch(&mut say)? {
        Ok(()) => Ok(()),
        Err(first) => {
            // The machine's lists may be missing or old. Fresh ones in a folder of our own need
            // no right to change anything.
            say("apt-get update, into a private folder");
            let lists = folder.join("apt");
            match apt.update(&lists)? {
                Ok(()) => Apt {
                    downloads: &downloads,
                    lists: Some(&lists),
                }
                .fetch(&mut say)?,
                Err(second) => Err(format!("{first}; apt-get update: {second}")),
            }
        }
    };
    if let Err(reason) = fetched {
        return Ok(Err(reason));
    }
    say("unpacking Debian's packages");
    for entry in downloads
        .read_dir()
        .map_err(BuildError::file(&downloads))?
        .flatten()
    {
        let package = entry.path();
        if package
            .extension()
            .is_none_or(|extension| extension != "deb")
        {
            continue;
        }
        let mut unpack = command("dpkg-deb", folder);
        let output = run(unpack.arg("-x").arg(&package).arg(folder))?;
        if !output.status.success() {
            return Ok(Err(output.complaint()));
        }
    }
    remove_what_is_not_needed(folder, &downloads)?;
    let complete = folder.join(COMPLETE);
    fs::write(&complete, "").map_err(BuildError::file(&complete))?;
    Ok(Ok(()))
}

/// The compiler's own source is most of what was unpacked.
fn remove_what_is_not_needed(folder: &Path, downloads: &Path) -> Result<(), BuildError> {
    fs::remove_dir_all(downloads).map_err(BuildError::file(downloads))?;
    let sources = folder.join("usr/src");
    for entry in sources
        .read_dir()
        .map_err(BuildError::file(&sources))?
        .flatten()
    {
        for part in ["compiler", "src"] {
            let part = entry.path().join(part);
            if part.is_dir() {
                fs::remove_dir_all(&part).map_err(BuildError::file(&part))?;
            }
        }
    }
    Ok(())
}

/// Debian's package tools, with the machine's lists or with private ones.
struct Apt<'apt> {
    downloads: &'apt Path,
    lists: Option<&'apt Path>,
}

impl Apt<'_> {
    fn command(&self, program: &str) -> std::process::Command {
        let mut command = command(program, self.downloads);
        command.env("LC_ALL", "C");
        if let Some(lists) = self.lists {
            command.args(private_lists(lists));
        }
        command
    }

    fn fetch(&self, say: &mut dyn FnMut(&str)) -> Result<Result<(), String>, BuildError> {
        let packages = match self.packages()? {
            Ok(packages) => packages,
            Err(reason) => return Ok(Err(reason)),
        };
        say(&format!("downloading {}", packages.join(", ")));
        let mut download = self.command("apt-get");
        download.arg("download").args(&packages);
        let (output, timed_out) = run_within(&mut download, Some(DOWNLOAD_LIMIT))?;
        if timed_out {
            return Ok(Err(format!(
                "no download within {} s",
                DOWNLOAD_LIMIT.as_secs()
            )));
        }
        Ok(if output.status.success() {
            Ok(())
        } else {
            Err(output.complaint())
        })
    }

    /// The compiler's packages and those that it depends on. Their names hold version numbers, so
    /// that they are looked up and not listed.
    fn packages(&self) -> Result<Result<Vec<String>, String>, BuildError> {
        let mut packages: Vec<String> = ROOTS.iter().map(|&root| root.to_owned()).collect();
        let mut at = 0;
        while at < packages.len() {
            let mut ask = self.command("apt-cache");
            ask.args(["depends", "--no-recommends", "--no-suggests", &packages[at]]);
            let output = match run(&mut ask) {
                Ok(output) => output,
                Err(BuildError::Run { .. }) => {
                    return Ok(Err("this is no Debian: there is no apt-cache".to_owned()));
                }
                Err(error) => return Err(error),
            };
            if !output.status.success() {
                return Ok(Err(format!("no package {}", packages[at])));
            }
            for line in output.stdout.lines() {
                let Some(name) = line.trim().strip_prefix("Depends: ") else {
                    continue;
                };
                let is_part = PARTS.iter().any(|part| name.starts_with(part));
                if is_part && !packages.iter().any(|known| known == name) {
                    packages.push(name.to_owned());
                }
            }
            at += 1;
        }
        Ok(Ok(packages))
    }

    fn update(&self, lists: &Path) -> Result<Result<(), String>, BuildError> {
        for part in ["lists/partial", "cache/archives/partial"] {
            let part = lists.join(part);
            fs::create_dir_all(&part).map_err(BuildError::file(&part))?;
        }
        let mut update = command("apt-get", self.downloads);
        update
            .env("LC_ALL", "C")
            .args(private_lists(lists))
            .arg("update");
        let (output, timed_out) = run_within(&mut update, Some(DOWNLOAD_LIMIT))?;
        if timed_out {
            return Ok(Err(format!(
                "no answer within {} s",
                DOWNLOAD_LIMIT.as_secs()
            )));
        }
        Ok(if output.status.success() {
            Ok(())
        } else {
            Err(output.complaint())
        })
    }
}

fn private_lists(lists: &Path) -> Vec<String> {
    let option = |name: &str, part: &str| format!("-oDir::{name}={}", lists.join(part).display());
    vec![
        option("State::lists", "lists"),
        option("Cache", "cache"),
        // The user that apt would switch to may not reach a private folder.
        "-oAPT::Sandbox::User=".to_owned(),
    ]
}

fn use_unpacked(search: &Search<'_>, folder: &Path) -> Result<Attempt, BuildError> {
    let rustc = folder.join("usr/bin/rustc");
    let host = host_triple(search.dir)?;
    let Some(libraries) = library_folder(folder) else {
        return Ok(Err(format!("{} holds no libraries", folder.display())));
    };
    let output = run(command(&rustc, search.dir)
        .arg("-vV")
        .env("LD_LIBRARY_PATH", &libraries))?;
    if !output.status.success() {
        return Ok(Err(format!(
            "its compiler does not run: {}",
            output.complaint()
        )));
    }
    let version = output
        .stdout
        .lines()
        .find_map(|line| line.strip_prefix("release: "))
        .unwrap_or("0");
    if is_older(version, env!("CARGO_PKG_RUST_VERSION")) {
        let wanted = env!("CARGO_PKG_RUST_VERSION");
        return Ok(Err(format!(
            "its compiler is {version}, and plugins need {wanted}"
        )));
    }
    let Some(linker) = linker(search.dir, &host)? else {
        return Ok(Err(
            "there is no rust-lld and no wasm-ld (package lld)".to_owned()
        ));
    };
    let linker_variable = format!(
        "CARGO_TARGET_{}_LINKER",
        TARGET.to_uppercase().replace('-', "_")
    );
    Ok(Ok(StandardLibrary {
        environment: vec![
            ("RUSTC".into(), rustc.into()),
            ("LD_LIBRARY_PATH".into(), libraries.into()),
            // `-Zbuild-std` is what this way rests on, and the compiler is a stable one.
            ("RUSTC_BOOTSTRAP".into(), "1".into()),
            (linker_variable.into(), linker.into()),
        ],
        arguments: vec!["-Zbuild-std=std,panic_abort".to_owned()],
        // By the way that the compiler goes to it, through a symbolic link.
        source: Some(folder.join("usr/lib/rustlib/src/rust")),
    }))
}

fn host_triple(dir: &Path) -> Result<String, BuildError> {
    let text = ask_rustc(dir, &["-vV"])?;
    let host = text.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).ok_or_else(|| BuildError::Answer {
        program: "rustc".to_owned(),
        found: text.clone(),
    })
}

/// `usr/lib/x86_64-linux-gnu` on that machine; named by the machine's kind.
fn library_folder(folder: &Path) -> Option<PathBuf> {
    let entries = folder.join("usr/lib").read_dir().ok()?;
    let mut folders = entries.flatten().map(|entry| entry.path());
    folders.find(|path| path.to_string_lossy().ends_with("-linux-gnu"))
}

/// The toolchain's own linker for WebAssembly, else that of an LLVM on the path.
fn linker(dir: &Path, host: &str) -> Result<Option<PathBuf>, BuildError> {
    let sysroot = PathBuf::from(ask_rustc(dir, &["--print", "sysroot"])?);
    let own = sysroot.join("lib/rustlib").join(host).join("bin/rust-lld");
    if own.exists() {
        return Ok(Some(own));
    }
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path)
        .flat_map(|folder| [folder.join("rust-lld"), folder.join("wasm-ld")])
        .find(|candidate| candidate.exists());
    Ok(found)
}

fn is_older(version: &str, wanted: &str) -> bool {
    let numbers = |text: &str| -> Vec<u32> {
        text.split(['.', '-'])
            .map_while(|part| part.parse().ok())
            .collect()
    };
    numbers(version) < numbers(wanted)
}
