//! Owns the crash points: places where a debug build kills its own process when a test says so.

/// Kills this process with SIGKILL if `MENAGERIE_CRASH_AT` is `NAME:N` and this is the `N`th time
/// (counted from 1) that it passes the point of that name; `MENAGERIE_STOP_AT` stops it there with
/// SIGSTOP, until somebody lets it go on. Exists in debug builds only.
///
/// The journal's own points are `before-commit`, just before a transaction is made durable, and
/// `after-commit`, just after it was and before anyone has heard of it. Plain `commit` is
/// `after-commit`.
///
/// # Panics
/// When a variable is set to something else: a test that believes it crashes must not pass.
#[inline]
pub fn crash_point(name: &str) {
    #[cfg(debug_assertions)]
    armed::pass(name, None);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// A crash point of one step: besides `NAME:N` it is `NAME@STEP:N`.
///
/// # Panics
/// As [`crash_point`].
#[inline]
pub fn crash_point_of(name: &str, step: &str) {
    #[cfg(debug_assertions)]
    armed::pass(name, Some(step));
    #[cfg(not(debug_assertions))]
    let _ = (name, step);
}

/// What debug builds alone have.
#[cfg(debug_assertions)]
mod armed {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU64, Ordering};

    use rustix::process::Signal;

    /// One variable, and what becomes of a process that comes to the point that it names.
    struct Arm {
        variable: &'static str,
        signal: Signal,
        wanted: OnceLock<Option<(String, u64)>>,
        passed: AtomicU64,
    }

    /// A kill cannot be caught, so nothing is flushed, unlocked or answered after it.
    static KILLS: Arm = Arm::new("MENAGERIE_CRASH_AT", Signal::KILL);
    static STOPS: Arm = Arm::new("MENAGERIE_STOP_AT", Signal::STOP);

    pub(super) fn pass(name: &str, step: Option<&str>) {
        KILLS.pass(name, step);
        STOPS.pass(name, step);
    }

    impl Arm {
        const fn new(variable: &'static str, signal: Signal) -> Self {
            Self {
                variable,
                signal,
                wanted: OnceLock::new(),
                passed: AtomicU64::new(0),
            }
        }

        fn pass(&self, name: &str, step: Option<&str>) {
            let wanted = self.wanted.get_or_init(|| {
                let value = std::env::var_os(self.variable)?;
                let parsed = value.to_str().and_then(parse);
                assert!(
                    parsed.is_some(),
                    "{} is {value:?}, expected NAME:N or NAME@STEP:N with N from 1",
                    self.variable
                );
                parsed
            });
            if let Some((wanted, count)) = wanted
                && is_meant(wanted, name, step)
                && self.passed.fetch_add(1, Ordering::SeqCst) + 1 == *count
            {
                let _ = rustix::process::kill_process(rustix::process::getpid(), self.signal);
                // Another thread may be the one that takes the signal, and it is some instants until it has
                // stopped this one, too.
                std::thread::sleep(std::time::Duration::from_secs(1));
            }
        }
    }

    pub(super) fn is_meant(wanted: &str, name: &str, step: Option<&str>) -> bool {
        match wanted.split_once('@') {
            None => wanted == name,
            Some((wanted, wanted_step)) => wanted == name && step == Some(wanted_step),
        }
    }

    /// Takes `NAME:N` apart.
    pub(super) fn parse(value: &str) -> Option<(String, u64)> {
        let (name, count) = value.rsplit_once(':')?;
        let count = count.parse().ok().filter(|count| *count > 0)?;
        let name = match name {
            "" => return None,
            "commit" => "after-commit",
            other => other,
        };
        Some((name.to_owned(), count))
    }
}

#[cfg(all(test, debug_assertions))]
mod tests {
    use super::armed::{is_meant, parse};

    #[test]
    fn a_crash_point_is_a_name_and_a_count_from_one() {
        assert_eq!(
            parse("before-commit:3"),
            Some(("before-commit".to_owned(), 3))
        );
        assert_eq!(parse("commit:1"), Some(("after-commit".to_owned(), 1)));
        for bad in ["", "commit", "commit:", "commit:0", ":1", "commit:x"] {
            assert_eq!(parse(bad), None, "{bad:?}");
        }
    }

    #[test]
    fn a_crash_point_may_be_that_of_one_step() {
        assert!(is_meant("before-call", "before-call", Some("graph")));
        assert!(is_meant("before-call@graph", "before-call", Some("graph")));
        assert!(!is_meant(
            "before-call@graph",
            "before-call",
            Some("sources")
        ));
        assert!(!is_meant("before-call@graph", "after-call", Some("graph")));
        assert!(!is_meant("before-call@graph", "before-call", None));
    }
}
