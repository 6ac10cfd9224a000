//! Files that somebody works on. They are looked at several times a second, which works on every file system and
//! costs little for a plugin's project.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Between two looks. A change is taken up when nothing has changed from one look to the next: an editor writes
/// several files, and some of them in pieces.
const BETWEEN_LOOKS: Duration = Duration::from_millis(200);

/// Folders that tools write, and not people. So are those whose names begin with a dot.
const NOT_OF_PEOPLE: [&str; 4] = ["target", "node_modules", "__pycache__", "venv"];

/// What a file was like.
type Seen = BTreeMap<PathBuf, (Option<SystemTime>, u64)>;

/// Files and folders, and what they were like.
pub(crate) struct Watched {
    places: Vec<PathBuf>,
    left_out: Option<PathBuf>,
    seen: Seen,
}

impl Watched {
    /// Watches these files and folders, but for one folder below them.
    pub(crate) fn of(places: Vec<PathBuf>, left_out: Option<PathBuf>) -> Watched {
        let left_out = left_out.and_then(|folder| std::path::absolute(folder).ok());
        Watched {
            places,
            left_out,
            seen: Seen::new(),
        }
    }

    /// Takes everything for known as it is now.
    pub(crate) fn look(&mut self) {
        self.seen = self.now();
    }

    /// Waits for changes since [`look`](Watched::look), and for them to be over; gives the files.
    pub(crate) async fn changed(&mut self) -> Vec<PathBuf> {
        let mut last = self.seen.clone();
        loop {
            tokio::time::sleep(BETWEEN_LOOKS).await;
            let now = self.now();
            if now == last && now != self.seen {
                return differing(&self.seen, &now);
            }
            last = now;
        }
    }

    fn now(&self) -> Seen {
        let mut seen = Seen::new();
        for place in &self.places {
            self.collect(place, &mut seen);
        }
        seen
    }

    /// What cannot be read is not there: it may be again at the next look.
    fn collect(&self, path: &Path, seen: &mut Seen) {
        let Ok(metadata) = std::fs::metadata(path) else {
            return;
        };
        if metadata.is_file() {
            let state = (metadata.modified().ok(), metadata.len());
            seen.insert(path.to_owned(), state);
            return;
        }
        let Ok(entries) = path.read_dir() else {
            return;
        };
        for entry in entries.flatten() {
            let name = entry.file_name();
            let name = name.to_string_lossy();
            // A link may lead anywhere, in circles too.
            let link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            let left_out = std::path::absolute(entry.path()).ok() == self.left_out;
            if !link && !left_out && !name.starts_with('.') && !NOT_OF_PEOPLE.contains(&&*name) {
                self.collect(&entry.path(), seen);
            }
        }
    }
}

/// The files that are in one and not in the other, or not alike.
fn differing(before: &Seen, after: &Seen) -> Vec<PathBuf> {
    let gone = before.keys().filter(|path| !after.contains_key(*path));
    let other = after
        .iter()
        .filter(|(path, state)| before.get(*path) != Some(state))
        .map(|(path, _)| path);
    gone.chain(other).cloned().collect()
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::{Watched, differing};

    #[test]
    fn what_people_write_is_watched_and_what_tools_write_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let put = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        put("plugin.py", "one");
        put("gone.py", "one");
        let out = folder.path().join("out");
        let mut watched = Watched::of(vec![folder.path().to_owned()], Some(out));
        watched.look();
        for name in [
            "target/a",
            ".git/a",
            "__pycache__/a",
            "node_modules/a/b",
            "out/a",
        ] {
            put(name, "one");
        }
        assert_eq!(watched.now(), watched.seen);
        put("plugin.py", "three");
        put("tests/cases.toml", "one");
        std::fs::remove_file(folder.path().join("gone.py")).unwrap();
        let differing = differing(&watched.seen, &watched.now());
        let names: Vec<_> = differing
            .iter()
            .map(|path| path.strip_prefix(folder.path()).unwrap().to_str().unwrap())
            .collect();
        assert_eq!(names, ["gone.py", "plugin.py", "tests/cases.toml"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_change_is_told_when_it_is_over() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("plugin.c");
        std::fs::write(&file, "int one;").unwrap();
        let mut watched = Watched::of(vec![folder.path().to_owned()], None);
        watched.look();
        std::fs::write(&file, "int one, two;").unwrap();
        let started = tokio::time::Instant::now();
        assert_eq!(watched.changed().await, [file]);
        assert_eq!(started.elapsed(), 2 * super::BETWEEN_LOOKS);
    }
}
