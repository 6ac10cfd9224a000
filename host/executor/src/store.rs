//! Events and runs, as they go into a journal and come out of it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use menagerie_journal::{
    Batch, Checkpoint, Content, Digest, Journal, Loaded, NewEvent, RunKey, Snapshot, Status,
    StoredEvent, Timer, Wakes,
};
use menagerie_orchestration::command::Command;
use menagerie_orchestration::document::Document;
use menagerie_orchestration::event::{CallId, Event, Recorded, TimerId};
use menagerie_orchestration::flow::Flow;
use menagerie_orchestration::run::{Run, RunStatus, SNAPSHOT_VERSION};
use menagerie_orchestration::time::Timestamp;
use menagerie_orchestration::wire::{self, WireError};
use tokio::time::Instant;

use crate::error::ExecutorError;

/// Events between two snapshots.
const SNAPSHOT_INTERVAL: u64 = 1_024;
/// The most bytes of snapshot that an interval's events pay for. A larger one is due the more rarely,
/// so that a run of however large a state is resumed without all of its events, and what a step
/// costs stays bounded all the same.
const SNAPSHOT_BYTES_PER_INTERVAL: usize = 1 << 20;
/// A snapshot larger than this is never made: a store keeps it in one row.
const LARGEST_SNAPSHOT: usize = 64 << 20;

/// How often to give a sign of life, at the most, while a run is being folded. After an event and by no
/// clock: whoever waits for one event for ever hangs.
const BETWEEN_SIGNS: Duration = Duration::from_secs(1);

/// The status of a run whose host was asked to stop: nothing was under way when it ended.
const PARKED: &str = "parked";
/// The status of a paused run none of whose calls is under way.
const PAUSED: &str = "paused";
/// The status of a run that nobody has driven yet.
const QUEUED: &str = "queued";

/// What a run's state asks for.
#[derive(Debug, Default)]
pub(crate) struct Outstanding {
    /// In the order of admission, and whether each may start.
    pub(crate) calls: Vec<(CallId, bool)>,
    /// In due order.
    pub(crate) timers: Vec<(Timestamp, TimerId)>,
}

impl Outstanding {
    pub(crate) fn of(run: &Run) -> Self {
        let mut outstanding = Self::default();
        for command in run.outstanding() {
            match command {
                Command::Call { id, may_start } => outstanding.calls.push((id, may_start)),
                Command::Timer { id, due } => outstanding.timers.push((due, id)),
            }
        }
        outstanding.timers.sort_unstable();
        outstanding
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.calls.is_empty() && self.timers.is_empty()
    }
}

/// What the journal has of a run beside its events, so that a commit holds only what changed.
#[derive(Debug, Default)]
pub(crate) struct Known {
    timers: BTreeMap<String, i64>,
    /// The same timers as they were last told, which spares their names where nothing changed.
    told: Vec<(Timestamp, TimerId)>,
    status: Option<Status>,
}

impl Known {
    /// What the journal already has.
    pub(crate) fn stored(timers: &[Timer], status: &Status) -> Self {
        let timers = timers.iter().map(|timer| {
            let due = i64::try_from(timer.due_at_ms).unwrap_or(i64::MAX);
            (timer.id.clone(), due)
        });
        Self {
            timers: timers.collect(),
            told: Vec::new(),
            status: Some(status.clone()),
        }
    }

    /// Adds to a batch what has changed of the timers.
    pub(crate) fn change(&mut self, outstanding: &Outstanding, batch: &mut Batch) {
        if self.told == outstanding.timers {
            return;
        }
        self.told.clone_from(&outstanding.timers);
        let named = self.told.iter().map(|(due, id)| (id.to_string(), due.0));
        let wanted: BTreeMap<String, i64> = named.collect();
        for (id, due) in &wanted {
            if self.timers.get(id) != Some(due) {
                batch.timers_set.push(Timer {
                    due_at_ms: u64::try_from(*due).unwrap_or(0),
                    id: id.clone(),
                });
            }
        }
        let gone = self.timers.keys().filter(|id| !wanted.contains_key(*id));
        batch.timers_clear.extend(gone.cloned());
        self.timers = wanted;
    }

    /// The status, if the journal has another.
    pub(crate) fn changed(&mut self, status: Status) -> Option<Status> {
        if self.status.as_ref() == Some(&status) {
            return None;
        }
        self.status = Some(status.clone());
        Some(status)
    }
}

/// One commit's worth of events, with the documents beside them and a snapshot when one is due.
pub(crate) fn batch(
    key: &RunKey,
    run: &Run,
    recorded: &[Recorded],
) -> Result<Batch, ExecutorError> {
    let mut batch = Batch::default();
    for event in recorded {
        let encoded = wire::encode(event).map_err(|source| ExecutorError::Encode {
            run: key.clone(),
            source,
        })?;
        batch.events.push(NewEvent {
            event_type: event.event.kind().into(),
            json: encoded.text,
            at_ms: u64::try_from(event.at.0).unwrap_or(0),
        });
        if let Event::Checkpointed {
            id,
            label,
            automatic,
            ..
        } = &event.event
        {
            // Behind all that was made together: a run goes on from there, never from the middle.
            batch.checkpoints.push(Checkpoint {
                id: id.clone(),
                label: label.clone(),
                automatic: *automatic,
                next_seq: run.next_seq(),
                at_ms: u64::try_from(event.at.0).unwrap_or(0),
            });
        }
        let payloads = encoded.payloads.into_iter();
        batch
            .payloads
            .extend(payloads.map(|(_, text)| Content::new(text.into_bytes())));
    }
    let after = run.next_seq();
    let passes = |multiple: u64| after / multiple > (after - recorded.len() as u64) / multiple;
    if passes(SNAPSHOT_INTERVAL) && !run.status().is_final() {
        batch.snapshot = snapshot(run, |bytes| {
            let intervals = bytes.div_ceil(SNAPSHOT_BYTES_PER_INTERVAL).max(1);
            passes(SNAPSHOT_INTERVAL * intervals as u64)
        });
    }
    Ok(batch)
}

/// The run's state, if that many bytes are wanted.
pub(crate) fn snapshot(run: &Run, wanted: impl Fn(usize) -> bool) -> Option<Snapshot> {
    let body = run.snapshot().ok()?;
    (body.len() <= LARGEST_SNAPSHOT && wanted(body.len())).then(|| Snapshot {
        state_version: SNAPSHOT_VERSION,
        body: Content::new(body),
    })
}

/// How the run is listed while it is driven. A pause is told only once no call is under way, so
/// that whoever takes the run up knows whether one may have been.
pub(crate) fn status_of(run: &Run) -> Status {
    match run.status() {
        RunStatus::Paused => Status::unfinished("pausing"),
        RunStatus::Waiting if Outstanding::of(run).is_empty() => {
            Status::unfinished(RunStatus::Waiting.word()).resting(Wakes::WithMail)
        }
        status if status.is_final() => Status::ended(status.word()),
        status => Status::unfinished(status.word()),
    }
}

/// How the run is listed when no call of it is under way: it rests until its next timer, or until
/// somebody has a wish.
pub(crate) fn status_at_rest(run: &Run) -> Status {
    let status = status_of(run);
    if status.ended {
        return status;
    }
    if run.status() == RunStatus::Paused {
        return Status::unfinished(PAUSED).resting(Wakes::WithMail);
    }
    match Outstanding::of(run).timers.first() {
        Some((due, _)) => status.resting(Wakes::At(u64::try_from(due.0).unwrap_or(0))),
        None => status.resting(Wakes::WithMail),
    }
}

/// How a run is listed that its host has put down.
pub(crate) fn parked() -> Status {
    Status::unfinished(PARKED)
}

/// How a run is listed that nobody has driven yet.
pub(crate) fn queued() -> Status {
    Status::unfinished(QUEUED)
}

/// Whether the run was put down with nothing under way, or never taken up.
pub(crate) fn was_at_rest(status: &Status) -> bool {
    [PARKED, PAUSED, QUEUED].contains(&&*status.text) || status.wakes != Wakes::Now
}

/// An event out of its text, with the documents that stand beside it.
///
/// # Errors
/// When the text is damaged or from a newer host, or a payload is missing.
pub async fn read_event(
    journal: &dyn Journal,
    key: &RunKey,
    stored: &StoredEvent,
) -> Result<Recorded, ExecutorError> {
    let unreadable = |source| ExecutorError::Event {
        run: key.clone(),
        seq: stored.seq,
        source,
    };
    // The first reading finds out which documents stand beside the event.
    let mut wanted = Vec::new();
    let mut note = |digest: &str| {
        wanted.push(digest.to_owned());
        Ok(Document::empty_object())
    };
    let recorded = wire::decode(&stored.json, &mut note).map_err(unreadable)?;
    if wanted.is_empty() {
        return Ok(recorded);
    }
    let mut known: BTreeMap<String, Document> = BTreeMap::new();
    for digest in wanted {
        let damaged = |reason: String| {
            unreadable(WireError::Payload {
                digest: digest.clone(),
                reason,
            })
        };
        let parsed = parse_digest(&digest).ok_or_else(|| damaged("not a digest".to_owned()))?;
        let bytes = journal.payload(key, parsed).await?;
        let value: serde_json::Value =
            serde_json::from_slice(&bytes).map_err(|error| damaged(error.to_string()))?;
        known.insert(digest, Document::from(value));
    }
    let mut payload = |digest: &str| known.get(digest).cloned().ok_or_else(String::new);
    wire::decode(&stored.json, &mut payload).map_err(unreadable)
}

/// How events and the sandbox write digests; the journal has the digits alone.
const DIGEST_PREFIX: &str = "sha256:";

/// A digest out of the text that events and the sandbox write.
pub(crate) fn parse_digest(text: &str) -> Option<Digest> {
    text.strip_prefix(DIGEST_PREFIX)?.parse().ok()
}

/// A digest as events and the sandbox write it.
pub(crate) fn digest_text(digest: Digest) -> String {
    format!("{DIGEST_PREFIX}{digest}")
}

/// A run folded from its snapshot, if there is a good one, and the events after it.
pub(crate) async fn fold(
    journal: &dyn Journal,
    key: &RunKey,
    flow: Arc<Flow>,
    loaded: Loaded,
) -> Result<Run, ExecutorError> {
    let mut run = Run::new(flow.clone());
    let mut events = loaded.events;
    if let Some(snapshot) = &loaded.snapshot {
        match Run::restore(flow, &snapshot.body) {
            Ok(restored) => run = restored,
            // A snapshot is a cache: without it the whole journal is folded.
            Err(error) => {
                tracing::warn!(run = %key, %error, "a snapshot is passed over");
                events = journal.events(key, 0, usize::MAX).await?;
            }
        }
    }
    let mut sign = Instant::now();
    for stored in &events {
        run.apply(&read_event(journal, key, stored).await?);
        if sign.elapsed() >= BETWEEN_SIGNS {
            journal.beat();
            sign = Instant::now();
        }
    }
    Ok(run)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use menagerie_orchestration::event::Pins;
    use menagerie_orchestration::flow_file;
    use menagerie_orchestration::input::{Input, Start};

    use super::*;

    /// How many events lie before each snapshot of a run with an input of so many bytes.
    fn snapshots_of(input: usize, events: u64) -> Vec<u64> {
        let flow = flow_file::parse("name = \"f\"\n[agents.a]\nplugin = \"a\"\n").unwrap();
        let key = RunKey::in_default("run");
        let mut run = Run::new(Arc::new(flow.flow));
        let start = Input::Start(Box::new(Start {
            run: "run".to_owned(),
            input: Document::from(serde_json::json!("x".repeat(input))),
            seed: 1,
            limits: run.flow().limits.clone(),
            pins: Pins::default(),
            artifacts: Vec::new(),
        }));
        run.advance(&[start], Timestamp(1));
        let recorded = Recorded {
            at: Timestamp(2),
            cause: String::new(),
            continues: false,
            event: Event::Unpaused {
                by: "test".to_owned(),
            },
        };
        let mut found = Vec::new();
        while run.next_seq() < events {
            run.apply(&recorded);
            let batch = batch(&key, &run, std::slice::from_ref(&recorded)).unwrap();
            found.extend(batch.snapshot.map(|_| run.next_seq()));
        }
        found
    }

    #[test]
    fn a_large_state_is_written_the_more_rarely_but_is_written() {
        assert_eq!(snapshots_of(10, 4_096), [1_024, 2_048, 3_072, 4_096]);
        // The input stands in the snapshot three times: as such, in the state, in the view of the
        // pending decision.
        assert_eq!(snapshots_of(600_000, 4_096), [2_048, 4_096]);
    }
}
