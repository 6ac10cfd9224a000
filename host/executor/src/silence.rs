//! How long other processes have given no sign of life.
//!
//! A sign is only ever compared with an earlier one of the same process, and time is this process's
//! own: clocks need not agree, and may be set. Time in which this process did not look counts for
//! next to nothing, since whatever stopped it may have stopped the others, too.

use std::collections::HashMap;
use std::time::Duration;

use menagerie_journal::Pulse;
use tokio::time::Instant;

/// What is known of the others.
#[derive(Debug)]
pub(crate) struct Silence {
    /// How often to look.
    interval: Duration,
    looked: Option<Instant>,
    known: HashMap<String, Seen>,
}

#[derive(Debug)]
struct Seen {
    pulse: Pulse,
    silent: Duration,
    /// It was told that this one is silent.
    told: bool,
}

impl Silence {
    pub(crate) fn new(interval: Duration) -> Self {
        Self {
            interval,
            looked: None,
            known: HashMap::new(),
        }
    }

    /// Whether it is time to look again.
    pub(crate) fn is_due(&self) -> bool {
        self.looked
            .is_none_or(|looked| looked.elapsed() >= self.interval)
    }

    /// Takes note of a look at all that live.
    pub(crate) fn note(&mut self, pulses: Vec<Pulse>) {
        let now = Instant::now();
        let since = self.looked.map_or(Duration::ZERO, |looked| now - looked);
        // An interval late is what a busy host is; more is a host that hung itself.
        let since = since.min(self.interval * 2);
        self.looked = Some(now);
        let mut before = std::mem::take(&mut self.known);
        for pulse in pulses {
            let seen = match before.remove(&pulse.process) {
                Some(seen) if seen.pulse.beat == pulse.beat => Seen {
                    silent: seen.silent + since,
                    ..seen
                },
                _ => Seen {
                    pulse,
                    silent: Duration::ZERO,
                    told: false,
                },
            };
            self.known.insert(seen.pulse.process.clone(), seen);
        }
    }

    /// Those who have given no sign for so long, and for how long they have not.
    pub(crate) fn longer_than(&self, patience: Duration) -> Vec<(Pulse, Duration)> {
        let silent = self.known.values().filter(|seen| seen.silent >= patience);
        silent
            .map(|seen| (seen.pulse.clone(), seen.silent))
            .collect()
    }

    /// Whether this one's silence is noticed for the first time.
    pub(crate) fn is_news(&mut self, process: &str) -> bool {
        let seen = self.known.get_mut(process);
        seen.is_some_and(|seen| !std::mem::replace(&mut seen.told, true))
    }
}

#[cfg(test)]
mod tests {
    use menagerie_journal::Owner;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn pulse(process: &str, beat: u64) -> Pulse {
        Pulse {
            process: process.to_owned(),
            owner: Owner {
                name: "a host".to_owned(),
                pid: 1,
                epoch: 0,
                own: false,
            },
            beat,
        }
    }

    fn silent(silence: &Silence, seconds: u32) -> Vec<String> {
        let silent = silence.longer_than(SECOND * seconds).into_iter();
        silent.map(|(pulse, _)| pulse.process).collect()
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_gives_no_sign_is_silent_and_a_sign_ends_that() {
        let mut silence = Silence::new(SECOND);
        for beat in 0..4 {
            silence.note(vec![pulse("stopped", 7), pulse("well", beat)]);
            tokio::time::advance(SECOND).await;
        }
        assert_eq!(silent(&silence, 3), ["stopped"]);
        assert!(silent(&silence, 4).is_empty());
        assert!(silence.is_news("stopped") && !silence.is_news("stopped"));
        silence.note(vec![pulse("stopped", 8), pulse("well", 4)]);
        assert!(silent(&silence, 1).is_empty());
        assert!(silence.is_news("stopped"), "another silence is another");
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_looked_is_not_held_against_the_others() {
        let mut silence = Silence::new(SECOND);
        silence.note(vec![pulse("stopped with us", 7)]);
        tokio::time::advance(SECOND * 3_600).await;
        assert!(silence.is_due());
        silence.note(vec![pulse("stopped with us", 7)]);
        assert!(!silence.is_due());
        assert!(silent(&silence, 3).is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn whoever_is_gone_is_forgotten() {
        let mut silence = Silence::new(SECOND);
        for pulses in [vec![pulse("brief", 7)], Vec::new(), vec![pulse("brief", 7)]] {
            silence.note(pulses);
            tokio::time::advance(SECOND).await;
        }
        assert!(silent(&silence, 1).is_empty());
    }
}
