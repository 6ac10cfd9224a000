//! Older history than a view holds, paged out of the run's journal.

use std::sync::Arc;

use async_trait::async_trait;
use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::command::{Call, CallRequest};
use menagerie_orchestration::document::Document;
use menagerie_orchestration::view::HistoryEntry;
use menagerie_orchestration::wire;
use menagerie_sandbox::{HistoryPager, types};

use crate::translate;

/// Pages of a run's history, out of its journal, as it was when a call was asked for.
pub(crate) struct JournalHistory {
    journal: Arc<dyn Journal>,
    key: RunKey,
    /// Entries from here on came later than the call, and are not there for it: the same call
    /// made again, now or in a year, must be told the same.
    until: u64,
}

/// Events read at once when looking for older history.
const HISTORY_PAGE: u64 = 512;

impl JournalHistory {
    /// The history behind the view of a call, and no other call's.
    pub(crate) fn behind(call: &Call, journal: Arc<dyn Journal>, key: RunKey) -> Self {
        let until = match &call.request {
            // The newest entry there was is in the view.
            CallRequest::Decide { view } => view.history.last().map_or(0, |entry| entry.id + 1),
            CallRequest::Process { .. } | CallRequest::Aggregate { .. } => 0,
        };
        Self {
            journal,
            key,
            until,
        }
    }
}

#[async_trait]
impl HistoryPager for JournalHistory {
    async fn before(&self, id: u32, count: u32) -> Result<Vec<types::HistoryEntry>, String> {
        let wanted = usize::try_from(count).unwrap_or(usize::MAX);
        let mut entries = Vec::new();
        let mut end = u64::from(id).min(self.until);
        while end > 0 && entries.len() < wanted {
            let from = end.saturating_sub(HISTORY_PAGE);
            let limit = usize::try_from(end - from).unwrap_or(usize::MAX);
            let page = self.journal.events(&self.key, from, limit).await;
            let page = page.map_err(|error| error.to_string())?;
            for stored in page.iter().rev() {
                // An entry holds no document, so that those beside the event need not be read.
                let mut payload = |_: &str| Ok(Document::empty_object());
                let recorded = wire::decode(&stored.json, &mut payload);
                let recorded = recorded.map_err(|error| error.to_string())?;
                if let Some(entry) = HistoryEntry::of(stored.seq, &recorded) {
                    entries.push(translate::entry_of(&entry));
                }
            }
            end = from;
        }
        entries.truncate(wanted);
        Ok(entries)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use menagerie_journal::{Created, Digest, MemoryJournal, NewRun, Status};
    use menagerie_orchestration::event::{CallFacts, CallId, CallOf, Pins, StepResult};
    use menagerie_orchestration::flow::{Flow, RunLimits};
    use menagerie_orchestration::flow_file;
    use menagerie_orchestration::input::{Input, Start};
    use menagerie_orchestration::run::Run;
    use menagerie_orchestration::time::Timestamp;
    use serde_json::json;

    use super::*;
    use crate::store;

    const DECISIONS: u32 = 300;

    fn flow() -> Arc<Flow> {
        let text = "name = \"history\"\n[agents.a]\nplugin = \"a\"\n";
        Arc::new(flow_file::parse(text).unwrap().flow)
    }

    /// The answer to the one call that is outstanding: each decision starts a step.
    fn answer(call: CallId) -> Input {
        let facts = CallFacts::default();
        match call.of {
            CallOf::Decision(number) => {
                let decision = json!({
                    "start": [{"id": format!("s{number}"), "agent": "a", "kind": "route", "reason": ""}],
                    "wake": "all_finished", "wake_on_failure": false,
                    "reason": format!("why {number}"), "confidence": 1.0, "metadata": {},
                });
                Input::Decided {
                    call,
                    result: Ok(Box::new(serde_json::from_value(decision).unwrap())),
                    facts,
                    log: None,
                }
            }
            CallOf::Step(_) => Input::StepEnded {
                call,
                result: StepResult::Completed {
                    output: Document::empty_object(),
                    confidence: None,
                    attachments: Vec::new(),
                },
                context: Default::default(),
                facts,
                log: None,
            },
        }
    }

    /// A journal with a run of some hundred decisions, and the entries that they made, oldest first.
    async fn long_run() -> (JournalHistory, Run, Vec<Arc<HistoryEntry>>) {
        let journal = MemoryJournal::new("test");
        let key = RunKey::in_default("run-1");
        let mut run = Run::new(flow());
        let mut entries = Vec::new();
        let mut claim = None;
        let mut input = Input::Start(Box::new(Start {
            run: "run-1".to_owned(),
            input: Document::empty_object(),
            seed: 1,
            limits: RunLimits::default(),
            pins: Pins::default(),
            artifacts: Vec::new(),
        }));
        while run.decisions() < DECISIONS {
            let expected = run.next_seq();
            let recorded = run.advance(&[input], Timestamp(1));
            entries.extend(
                (expected..)
                    .zip(&recorded)
                    .filter_map(|(seq, one)| HistoryEntry::of(seq, one).map(Arc::new)),
            );
            let batch = store::batch(&key, &run, &recorded).unwrap();
            match &claim {
                Some(claim) => {
                    journal.commit(claim, expected, batch).await.unwrap();
                }
                None => {
                    let new = NewRun {
                        key: key.clone(),
                        input_digest: Digest::of(b""),
                        flow: "history".to_owned(),
                        parent: None,
                        path: String::new(),
                        session: None,
                        labels: Default::default(),
                        status: Status::unfinished("running"),
                        created_at_ms: 1,
                        pins: Vec::new(),
                    };
                    let Created::New(made, _) = journal.create(new, batch).await.unwrap() else {
                        panic!("the run is new");
                    };
                    claim = Some(made);
                }
            }
            input = answer(store::Outstanding::of(&run).calls[0].0);
        }
        let journal = Arc::new(journal);
        let call = run.call(store::Outstanding::of(&run).calls[0].0).unwrap();
        (JournalHistory::behind(&call, journal, key), run, entries)
    }

    #[tokio::test]
    async fn pages_behind_the_view_are_the_views_own_entries_continued() {
        let (history, run, entries) = long_run().await;
        let shown = run
            .view(DECISIONS, menagerie_orchestration::event::Trigger::Wake)
            .history;
        assert!(entries.len() > 512 && shown.len() == 32);
        assert_eq!(shown, entries[entries.len() - shown.len()..]);

        let mut paged = Vec::new();
        let mut id = u32::try_from(shown[0].id).unwrap();
        loop {
            let page = history.before(id, 100).await.unwrap();
            let Some(last) = page.last() else { break };
            id = last.id;
            paged.extend(page);
        }
        let told = |entry: types::HistoryEntry| (entry.id, entry.step, entry.status, entry.reason);
        let older = entries[..entries.len() - shown.len()].iter().rev();
        let expected: Vec<_> = older
            .map(|entry| told(translate::entry_of(entry)))
            .collect();
        assert_eq!(paged.into_iter().map(told).collect::<Vec<_>>(), expected);
    }

    #[tokio::test]
    async fn what_came_after_the_view_is_not_told() {
        let (now, _, entries) = long_run().await;
        let then = &entries[entries.len() / 2];
        let history = JournalHistory {
            until: then.id + 1,
            ..now
        };
        let newest = history.before(u32::MAX, 2).await.unwrap();
        let ids: Vec<u64> = newest.iter().map(|entry| entry.id.into()).collect();
        assert_eq!(ids, [then.id, entries[entries.len() / 2 - 1].id]);
    }

    #[tokio::test]
    async fn an_id_beyond_the_end_begins_with_the_newest() {
        let (history, _, entries) = long_run().await;
        let newest = history.before(u32::MAX, 1).await.unwrap();
        assert_eq!(u64::from(newest[0].id), entries.last().unwrap().id);
        assert!(history.before(0, 10).await.unwrap().is_empty());
    }
}
