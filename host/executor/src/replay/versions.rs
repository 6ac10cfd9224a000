//! Another version of a plugin in the surroundings of a recorded run.
//!
//! Each recorded call of the plugin is made again with the other version, from the recorded request,
//! view, call log, and skills of the others; what it answers is judged, and forgotten: the next call
//! is the recorded one again. So a call is judged for itself, and not for what an earlier one
//! changed.

use std::collections::BTreeMap;
use std::sync::Arc;

use menagerie_journal::{Journal, RunKey};
use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::replay::{Comparison, Judge, Level, Verdict};
use menagerie_sandbox::{Catalogue, Kind};

use super::calls::{Calls, Meters};
use super::{Progress, ReplayError, Replayed, Telling, named};
use crate::assemble::{self, AssembleError, Assembled, Part};
use crate::events::Events;
use crate::pinned;

/// A component that is to stand in a plugin's place.
#[derive(Debug, Clone)]
pub struct Replacement {
    /// Whose: a role (`strategy`, `agent:NAME`, `aggregator:NAME`), the name of an agent or
    /// aggregator in the flow, or a plugin's own name, which may stand for several uses.
    pub name: String,
    /// The component.
    pub bytes: Arc<[u8]>,
}

/// One call of the other version.
#[derive(Debug, Clone, PartialEq)]
pub struct JudgedCall {
    /// The position of the event that tells the recorded call's end.
    pub seq: u64,
    /// The step's id, or `decision-<number>`.
    pub step: String,
    /// Counts from 1.
    pub attempt: u32,
    /// The use: `strategy`, `agent:NAME` or `aggregator:NAME`.
    pub role: String,
    /// The level at which it is judged.
    pub level: Level,
    /// What was found.
    pub comparison: Comparison,
    /// For a call that diverged: how.
    pub note: Option<String>,
}

/// What another version does to a recorded run.
#[derive(Debug, Clone, PartialEq)]
pub struct Versions {
    /// The run itself, told again without its calls: what it is compared with must be sound.
    pub replayed: Replayed,
    /// For each use that was replaced: the recorded version and the other one.
    pub versions: BTreeMap<String, (String, String)>,
    /// The digest of the other version for each of these uses.
    pub digests: BTreeMap<String, String>,
    /// Every call of the other version, in the order of the journal.
    pub calls: Vec<JudgedCall>,
}

impl Versions {
    /// Whether the run is sound and every call keeps its level.
    #[must_use]
    pub fn holds(&self) -> bool {
        self.replayed.difference.is_none() && self.calls.iter().all(|call| call.comparison.holds)
    }
}

/// A use whose plugin is replaced.
struct Replaced {
    part: Part,
    judge: Judge,
}

/// Makes the recorded calls of some plugins again with other versions of them, and compares at a
/// level: that one for all, or by kind `decision` for strategies and `schema` for the rest.
///
/// # Errors
/// When the run cannot be read or used any more, a name is unknown, or a component cannot stand in
/// the place that it is given.
pub async fn replay_versions(
    store: &Arc<dyn Journal>,
    catalogue: &Catalogue,
    key: &RunKey,
    with: &[Replacement],
    level: Option<Level>,
    progress: Progress<'_>,
) -> Result<Versions, ReplayError> {
    let assembled = pinned::assembled(&**store, catalogue, key).await?;
    let replaced = replaced(catalogue, &assembled, with, level)?;
    let versions = replaced.iter().map(|(role, replaced)| {
        let recorded = assembled.parts.get(role).map(named).unwrap_or_default();
        (role.clone(), (recorded, named(&replaced.part)))
    });
    let versions = versions.collect();
    let digests = replaced.iter().map(|(role, replaced)| {
        let digest = replaced.part.plugin.digest().to_owned();
        (role.clone(), digest)
    });
    let digests = digests.collect();
    let mut judged = Vec::new();
    let mut telling = Telling::of(&assembled);
    let mut calls = None;
    let mut events = Events::of(&**store, key).await?;
    while let Some(recorded) = events.next().await? {
        if let Some(begun) = telling.begin(&recorded, catalogue) {
            let calls = calls.insert(Calls::new(store, catalogue, key, &assembled, begun));
            telling.found.fuel = calls.fuel().clone();
        }
        if let (Some(calls), Some(call)) = (&calls, telling.replay.call(&recorded))
            && let Some(replaced) = replaced.get(&call.role.to_string())
        {
            if calls.is_fact(&recorded) {
                telling.found.facts += 1;
            } else {
                telling.found.calls += 1;
                judged.push(judge(calls, &telling, replaced, &recorded, &call).await?);
            }
        }
        if !telling.take(&recorded) {
            break;
        }
        progress(telling.found.events, events.total());
    }
    let replayed = match telling.found.difference {
        Some(_) => telling.found,
        None => telling.finish(),
    };
    Ok(Versions {
        replayed,
        versions,
        digests,
        calls: judged,
    })
}

async fn judge(
    calls: &Calls,
    telling: &Telling<'_>,
    replaced: &Replaced,
    recorded: &Recorded,
    call: &Call,
) -> Result<JudgedCall, ReplayError> {
    let made = calls
        .make(
            &replaced.part,
            &telling.replay,
            recorded,
            call,
            Meters::Flow,
        )
        .await?;
    let mut note = None;
    let comparison = match (
        made.divergence,
        telling.replay.followed(recorded, &made.input),
    ) {
        (None, Some(found)) => replaced.judge.compare(recorded, &found),
        (divergence, _) => {
            note = divergence
                .as_ref()
                .map(super::recorded_log::Divergence::note);
            let (before, now) = divergence.map_or((None, None), |one| one.requests());
            Comparison {
                verdict: Verdict::Diverged,
                holds: false,
                pointer: Some("/call".to_owned()),
                recorded: before.map(Into::into),
                found: now.map(Into::into),
            }
        }
    };
    Ok(JudgedCall {
        seq: telling.replay.events(),
        step: call.step.clone(),
        attempt: call.id.attempt,
        role: call.role.to_string(),
        level: replaced.judge.level(),
        comparison,
        note,
    })
}

fn replaced(
    catalogue: &Catalogue,
    assembled: &Assembled,
    with: &[Replacement],
    level: Option<Level>,
) -> Result<BTreeMap<String, Replaced>, ReplayError> {
    let mut replaced = BTreeMap::new();
    for replacement in with {
        for role in roles_named(assembled, &replacement.name)? {
            let flow = assembled.flow.clone();
            let Some((_, kind, uses)) = assemble::uses(&flow).find(|(known, ..)| *known == role)
            else {
                continue;
            };
            let part = assemble::part(catalogue, kind, uses, replacement.bytes.clone());
            let part = part.map_err(|problem| {
                let role = role.clone();
                ReplayError::Version(Box::new(AssembleError { role, problem }))
            })?;
            let recorded = assembled.parts.get(&role);
            let schema = recorded.and_then(|part| part.plugin.manifest().schemas.output.as_ref());
            let level = level.unwrap_or(match kind {
                Kind::Strategy => Level::Decision,
                _ => Level::Schema,
            });
            let judge = Judge::new(level, schema).map_err(|source| ReplayError::Schema {
                role: role.clone(),
                source,
            })?;
            replaced.insert(role, Replaced { part, judge });
        }
    }
    Ok(replaced)
}

/// The uses that a name stands for.
fn roles_named(assembled: &Assembled, name: &str) -> Result<Vec<String>, ReplayError> {
    let is_role = |role: &&String| {
        let within = role.split_once(':').map(|(_, name)| name);
        role.as_str() == name || within == Some(name)
    };
    let mut roles: Vec<String> = assembled.parts.keys().filter(is_role).cloned().collect();
    if roles.is_empty() {
        let named = assembled.parts.iter();
        let named = named.filter(|(_, part)| part.plugin.manifest().name == name);
        roles.extend(named.map(|(role, _)| role.clone()));
    }
    if roles.is_empty() {
        let plugin =
            |(role, part): (&String, &Part)| format!("{role} ({})", part.plugin.manifest().name);
        return Err(ReplayError::UnknownName {
            name: name.to_owned(),
            known: assembled.parts.iter().map(plugin).collect(),
        });
    }
    Ok(roles)
}
