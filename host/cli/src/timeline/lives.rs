//! Owns the reading of events: what each step and each decision did when.

use std::collections::{BTreeMap, BTreeSet};

use menagerie_orchestration::decision::Decision;
use menagerie_orchestration::event::{
    AfterFailure, Answer, CallFacts, CallOf, Event, Recorded, StepNo, StepResult,
};
use menagerie_orchestration::plan;

use super::{Life, Mark, Part, Stretch};

/// From ready to queued nobody drove the run if it took longer than this: a loop that lives queues a
/// call as soon as the events behind it are durable.
const LONGEST_COMMIT_MS: i64 = 1_000;

/// Everything that was read.
#[derive(Default)]
pub(super) struct Told {
    pub(super) from_ms: i64,
    pub(super) to_ms: i64,
    pub(super) lives: Vec<Life>,
    /// When the run was paused.
    pub(super) pauses: Vec<(i64, i64)>,
    /// When nobody drove it.
    pub(super) downs: Vec<(i64, i64)>,
    pub(super) marks: Vec<Mark>,
}

/// A step or a decision under way.
struct Open {
    life: usize,
    /// Up to where its life is told.
    cursor: i64,
    /// What it waits for now.
    waits: Part,
}

#[derive(Default)]
struct Reader {
    told: Told,
    /// By the step's id, or `decision-<number>`.
    open: BTreeMap<String, Open>,
    /// Ids by the steps' numbers.
    names: BTreeMap<CallOf, String>,
    /// The number of the step that was planned last.
    last_step: u32,
    /// What each open step waits for before its first attempt, and when the last of that ended.
    after: BTreeMap<String, (BTreeSet<String>, Option<i64>)>,
    paused_at: Option<i64>,
    last: i64,
    /// Times at which some call was queued or running.
    alive: Vec<(i64, i64)>,
    /// From ready to queued, longer than a commit takes.
    unqueued: Vec<(i64, i64)>,
}

pub(super) fn tell<'event>(events: impl IntoIterator<Item = &'event Recorded>) -> Told {
    let mut reader = Reader::default();
    for recorded in events {
        reader.read(recorded);
    }
    reader.finish()
}

impl Reader {
    fn read(&mut self, recorded: &Recorded) {
        let at = recorded.at.0;
        if let Event::RunStarted { .. } = recorded.event {
            self.told.from_ms = at;
            self.last = at;
        }
        let down = recorded.cause == "recovery" || recorded.cause == "fork";
        if down && at > self.last {
            self.told.downs.push((self.last, at));
        }
        self.event(&recorded.event, at);
        self.last = at;
        self.told.to_ms = at;
    }

    fn event(&mut self, event: &Event, at: i64) {
        match event {
            Event::DecisionRequested { decision, .. } => {
                let name = format!("decision-{decision}");
                self.names.insert(CallOf::Decision(*decision), name.clone());
                self.begin(name, "orchestrator", at, Part::Slot);
            }
            Event::Decided {
                decision,
                answer,
                call,
                ..
            } => {
                self.served(&format!("decision-{decision}"), call, at);
                self.end(&format!("decision-{decision}"), "decided", at);
                self.planned(answer, at);
            }
            Event::DecisionFailed {
                decision,
                retry_at,
                call,
                ..
            } => {
                let name = format!("decision-{decision}");
                self.served(&name, call, at);
                match retry_at {
                    Some(_) => self.wait(&name, Part::Retry, at),
                    None => self.end(&name, "failed", at),
                }
            }
            Event::StepEnded {
                id,
                agent,
                result,
                next,
                call,
                ..
            } => {
                self.rename(id, agent);
                self.served(id, call, at);
                self.after_attempt(id, result, next.as_ref(), at);
            }
            Event::CallRetried { call, .. } => self.wait_call(*call, Part::Slot, at),
            Event::CallReissued { call, .. } => self.cut_off(*call, at),
            Event::StepSkipped { id, .. } => self.end(id, "skipped", at),
            Event::Escalated { id, .. } => self.wait(id, Part::Gate, at),
            Event::Answered { id, answer, by, .. } => {
                self.mark(at, format!("{id} answered by {by}"));
                match answer {
                    Answer::Skip => self.end(id, "skipped", at),
                    Answer::Continue => self.end(id, "completed", at),
                    Answer::Reroute { agent } => {
                        self.rename(id, agent);
                        self.wait(id, Part::Slot, at);
                    }
                    Answer::Retry { .. } => self.wait(id, Part::Slot, at),
                    Answer::Abort => self.end(id, "aborted", at),
                }
            }
            Event::Paused { .. } => self.paused_at = self.paused_at.or(Some(at)),
            Event::Unpaused { .. } => {
                let paused = self.paused_at.take().map(|from| (from, at));
                self.told.pauses.extend(paused);
            }
            Event::Migrated { plugins, .. } => {
                let roles: Vec<&str> = plugins.keys().map(String::as_str).collect();
                self.mark(at, format!("migrated: {}", roles.join(", ")));
            }
            Event::GrantRevoked {
                role, interface, ..
            } => self.mark(at, format!("{interface} taken from {role}")),
            Event::GrantReturned {
                role, interface, ..
            } => self.mark(at, format!("{interface} given back to {role}")),
            Event::Checkpointed { id, label, .. } => self.mark(at, format!("{id}: {label}")),
            Event::RunForked { from, .. } => self.mark(at, format!("forked from {from}")),
            Event::RunEnded { .. } => {
                for name in self.open.keys().cloned().collect::<Vec<_>>() {
                    self.end(&name, "cancelled", at);
                }
            }
            Event::RunStarted { .. }
            | Event::SharedSet { .. }
            | Event::ArtifactPut { .. }
            | Event::InputRefused { .. } => {}
        }
    }

    /// Steps that were asked for, each with its number and what it waits for.
    fn planned(&mut self, answer: &Decision, at: i64) {
        for step in &answer.start {
            self.begin(step.id.clone(), &step.agent, at, Part::Dependency);
        }
        for join in &answer.joins {
            self.begin(join.id.clone(), &join.aggregator, at, Part::Dependency);
            self.wait_for(&join.id, &join.members);
        }
        for dependency in &answer.after {
            self.wait_for(&dependency.step, &dependency.after);
        }
        for index in plan::order(answer) {
            let joins = index.checked_sub(answer.start.len());
            let id = match joins {
                None => answer.start.get(index).map(|step| &step.id),
                Some(join) => answer.joins.get(join).map(|join| &join.id),
            };
            if let Some(id) = id {
                self.last_step += 1;
                let call = CallOf::Step(StepNo(self.last_step));
                self.names.insert(call, id.clone());
            }
        }
    }

    fn wait_for(&mut self, step: &str, after: &[String]) {
        // What has ended before is waited for no more.
        let open = after.iter().filter(|id| self.open.contains_key(*id));
        let open: Vec<String> = open.cloned().collect();
        let (waited_for, _) = self.after.entry(step.to_owned()).or_default();
        waited_for.extend(open);
    }

    fn mark(&mut self, at_ms: i64, what: String) {
        self.told.marks.push(Mark { at_ms, what });
    }

    fn begin(&mut self, step: String, agent: &str, at: i64, waits: Part) {
        let life = self.told.lives.len();
        self.told.lives.push(Life {
            step: step.clone(),
            agent: agent.to_owned(),
            outcome: "open",
            stretches: Vec::new(),
        });
        let cursor = at;
        self.open.insert(
            step,
            Open {
                life,
                cursor,
                waits,
            },
        );
    }

    fn rename(&mut self, step: &str, agent: &str) {
        if let Some(open) = self.open.get(step) {
            agent.clone_into(&mut self.told.lives[open.life].agent);
        }
    }

    /// Tells the life on, up to an instant.
    fn up_to(&mut self, step: &str, to: i64, part: Option<Part>) {
        let Some(open) = self.open.get_mut(step) else {
            return;
        };
        let part = part.unwrap_or(open.waits);
        push(
            &mut self.told.lives[open.life].stretches,
            open.cursor,
            to,
            part,
        );
        open.cursor = open.cursor.max(to);
    }

    /// An attempt that a guest worked on.
    fn served(&mut self, step: &str, call: &CallFacts, at: i64) {
        let within = |instant: i64| instant.min(at);
        self.up_to(step, within(call.ready.0), None);
        let (ready, queued) = (within(call.ready.0), within(call.queued.0));
        let (started, finished) = (within(call.started.0), within(call.finished.0));
        if queued - ready > LONGEST_COMMIT_MS {
            self.unqueued.push((ready, queued));
            self.up_to(step, queued, Some(Part::Slot));
        } else {
            self.up_to(step, queued, Some(Part::Host));
        }
        self.up_to(step, started, Some(Part::Slot));
        self.up_to(step, finished, Some(Part::Service));
        self.up_to(step, at, Some(Part::Host));
        self.alive.push((queued, finished));
    }

    fn after_attempt(
        &mut self,
        id: &str,
        result: &StepResult,
        next: Option<&AfterFailure>,
        at: i64,
    ) {
        match (result, next) {
            (StepResult::Completed { .. }, _) => self.end(id, "completed", at),
            (_, Some(AfterFailure::Retry { .. })) => self.wait(id, Part::Retry, at),
            (_, Some(AfterFailure::Fallback { agent })) => {
                self.rename(id, agent);
                self.wait(id, Part::Slot, at);
            }
            (_, Some(AfterFailure::Escalate)) => self.wait(id, Part::Gate, at),
            (_, Some(AfterFailure::Skip)) => self.end(id, "skipped", at),
            (_, Some(AfterFailure::Fail) | None) => self.end(id, "failed", at),
        }
    }

    fn wait(&mut self, step: &str, waits: Part, at: i64) {
        self.up_to(step, at, None);
        if let Some(open) = self.open.get_mut(step) {
            open.waits = waits;
        }
    }

    /// An event that tells a call by its number alone.
    fn wait_call(&mut self, call: CallOf, waits: Part, at: i64) {
        if let Some(name) = self.names.get(&call).cloned() {
            self.wait(&name, waits, at);
        }
    }

    /// What was under way when the host ended is lost up to its last sign of life.
    fn cut_off(&mut self, call: CallOf, at: i64) {
        let Some(name) = self.names.get(&call).cloned() else {
            return;
        };
        let last = self.last.min(at);
        // It was not under way before it was ready.
        if let Some((_, Some(ready))) = self.after.remove(&name) {
            self.up_to(&name, ready.min(last), None);
        }
        self.up_to(&name, last, Some(Part::Lost));
        self.up_to(&name, at, Some(Part::Down));
        self.wait(&name, Part::Slot, at);
    }

    fn end(&mut self, step: &str, outcome: &'static str, at: i64) {
        self.up_to(step, at, None);
        self.after.remove(step);
        for (waited_for, ready) in self.after.values_mut() {
            if waited_for.remove(step) && waited_for.is_empty() {
                *ready = Some(at);
            }
        }
        if let Some(open) = self.open.remove(step) {
            self.told.lives[open.life].outcome = outcome;
        }
    }

    fn finish(mut self) -> Told {
        let to = self.told.to_ms;
        for name in self.open.keys().cloned().collect::<Vec<_>>() {
            self.up_to(&name, to, None);
        }
        self.told
            .pauses
            .extend(self.paused_at.map(|from| (from, to)));
        // A call that is ready, while none is queued or running for longer than a commit takes, had
        // nobody to queue it: the run was parked.
        let parked = self
            .unqueued
            .iter()
            .flat_map(|gap| without(*gap, &self.alive));
        let parked = parked.filter(|(from, to)| to - from > LONGEST_COMMIT_MS);
        self.told.downs.extend(parked.collect::<Vec<_>>());
        let (pauses, downs) = (self.told.pauses.clone(), self.told.downs.clone());
        for life in &mut self.told.lives {
            life.stretches = overlaid(&life.stretches, &downs, Part::Down);
            life.stretches = overlaid(&life.stretches, &pauses, Part::Pause);
        }
        self.told
    }
}

/// Appends a stretch, or makes the last one longer.
pub(super) fn push(stretches: &mut Vec<Stretch>, from_ms: i64, to_ms: i64, part: Part) {
    if to_ms <= from_ms {
        return;
    }
    match stretches.last_mut() {
        Some(last) if last.part == part && last.to_ms == from_ms => last.to_ms = to_ms,
        _ => stretches.push(Stretch {
            from_ms,
            to_ms,
            part,
        }),
    }
}

/// What of an interval lies in none of the others.
fn without(interval: (i64, i64), others: &[(i64, i64)]) -> Vec<(i64, i64)> {
    let mut left = vec![interval];
    for (from, to) in others {
        let cut = |(begin, end): (i64, i64)| {
            [(begin, end.min(*from)), (begin.max(*to), end)]
                .into_iter()
                .filter(|(begin, end)| begin < end)
        };
        left = left.into_iter().flat_map(cut).collect();
    }
    left
}

/// While nobody drove the run, or it was paused, there is nothing else to blame for a wait: but for
/// a person, who could have answered, and for what went on all the same.
fn overlaid(stretches: &[Stretch], over: &[(i64, i64)], part: Part) -> Vec<Stretch> {
    let mut laid = Vec::new();
    for stretch in stretches {
        let kept = matches!(
            stretch.part,
            Part::Service | Part::Gate | Part::Lost | Part::Down
        );
        if kept {
            push(&mut laid, stretch.from_ms, stretch.to_ms, stretch.part);
            continue;
        }
        let mut cursor = stretch.from_ms;
        let mut within: Vec<(i64, i64)> = over
            .iter()
            .map(|(from, to)| ((*from).max(stretch.from_ms), (*to).min(stretch.to_ms)))
            .filter(|(from, to)| from < to)
            .collect();
        within.sort_unstable();
        for (from, to) in within {
            push(&mut laid, cursor, from.max(cursor), stretch.part);
            push(&mut laid, from.max(cursor), to, part);
            cursor = cursor.max(to);
        }
        push(&mut laid, cursor, stretch.to_ms, stretch.part);
    }
    laid
}
