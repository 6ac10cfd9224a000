//! Counting ballots: what counts, who wins, what a tie means; pure.

use std::collections::BTreeMap;

use members::{ListedError, Unsuccessful, listed, none_valid, short_text};
use menagerie::{Fault, Member, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// What the flow file may say to this aggregator.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    /// The field of each output that is the vote: a key, or a JSON pointer that begins with `/`.
    pub(crate) field: String,
    /// Ballots that must have been cast.
    #[serde(default)]
    pub(crate) quorum: Option<usize>,
    /// The same, as a share of all members, above 0 and at most 1.
    #[serde(default)]
    pub(crate) quorum_share: Option<f64>,
    /// What the winner needs.
    #[serde(default)]
    pub(crate) needs: Needs,
    /// What happens when several values have the most votes.
    #[serde(default)]
    pub(crate) ties: Ties,
}

/// What the winner needs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Needs {
    /// More votes than any other value.
    #[default]
    Plurality,
    /// More than half of the ballots that were cast.
    Majority,
}

/// What a tie means.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Ties {
    /// The join fails.
    #[default]
    Fail,
    /// The value that was voted for first, in declared order, wins.
    First,
    /// Nobody wins: `winner` is null, and the join succeeds.
    Abstain,
}

/// The answer.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Output {
    pub(crate) vote: Tally,
}

/// A vote that was counted.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Tally {
    pub(crate) field: String,
    /// Null where a tie means that nobody wins.
    pub(crate) winner: Value,
    /// The winner's; of a tie that nobody wins, those of each value in it.
    pub(crate) votes: usize,
    /// Whether several values had the most votes.
    pub(crate) tie: bool,
    /// Most votes first; equals in the order in which they were first voted for.
    pub(crate) counts: Vec<Count>,
    /// Every member in declared order.
    pub(crate) ballots: Vec<Ballot>,
    /// Members that completed without a value in the field.
    pub(crate) abstained: Vec<String>,
    /// Members without a result.
    pub(crate) failed: Vec<Unsuccessful>,
    pub(crate) quorum: Quorum,
}

/// One value and who voted for it.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Count {
    pub(crate) value: Value,
    pub(crate) votes: usize,
    pub(crate) members: Vec<String>,
}

/// What one member said.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Ballot {
    pub(crate) member: String,
    pub(crate) status: String,
    /// `cast`, `abstained` or `failed`.
    pub(crate) ballot: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) value: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) error: Option<ListedError>,
}

/// How many ballots had to be cast, and how many were.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Quorum {
    pub(crate) needed: usize,
    pub(crate) cast: usize,
    pub(crate) members: usize,
}

/// Counts the ballots.
pub(crate) fn count(members: Vec<Member<Value>>, config: &Config) -> Result<Output, Fault> {
    let needed = needed_ballots(config, members.len())?;
    let ballots: Vec<Ballot> = members
        .into_iter()
        .map(|member| ballot(member, &config.field))
        .collect();
    let counts = counts(&ballots);
    let cast = counts.iter().map(|count| count.votes).sum();
    let failed: Vec<Unsuccessful> = ballots
        .iter()
        .filter(|ballot| ballot.ballot == "failed")
        .map(|ballot| Unsuccessful {
            member: ballot.member.clone(),
            status: ballot.status.clone(),
            error: ballot.error.clone(),
        })
        .collect();
    if failed.len() == ballots.len() {
        return Err(none_valid(&failed));
    }
    let votes = counts.first().map_or(0, |count| count.votes);
    let leaders = counts.iter().filter(|count| count.votes == votes).count();
    let abstained = ballots
        .iter()
        .filter(|ballot| ballot.ballot == "abstained")
        .map(|ballot| ballot.member.clone());
    let tally = Tally {
        field: config.field.clone(),
        winner: Value::Null,
        votes,
        tie: leaders > 1,
        abstained: abstained.collect(),
        failed,
        quorum: Quorum {
            needed,
            cast,
            members: ballots.len(),
        },
        counts,
        ballots,
    };
    elect(tally, config)
}

fn elect(mut tally: Tally, config: &Config) -> Result<Output, Fault> {
    let Quorum {
        needed,
        cast,
        members,
    } = tally.quorum;
    if cast < needed {
        let message = format!("{cast} of {members} members cast a ballot; the quorum is {needed}");
        return Err(refusal(message, &tally));
    }
    if config.needs == Needs::Majority && tally.votes * 2 <= cast {
        let message = format!(
            "no majority: the most votes for one value are {} of {cast}, more than half are needed",
            tally.votes
        );
        return Err(refusal(message, &tally));
    }
    let nobody = tally.tie && config.ties == Ties::Abstain;
    if tally.tie && config.ties == Ties::Fail {
        let tied = tally
            .counts
            .iter()
            .take_while(|count| count.votes == tally.votes);
        let texts: Result<Vec<String>, _> = tied.map(|count| short_text(&count.value)).collect();
        let texts = texts.map_err(Fault::permanent)?.join(", ");
        return Err(refusal(
            format!("a tie of {texts} with {} votes each", tally.votes),
            &tally,
        ));
    }
    if let (Some(first), false) = (tally.counts.first(), nobody) {
        tally.winner = first.value.clone();
    }
    Ok(Output { vote: tally })
}

/// The fault of a vote without a result; its details hold the whole count, failed members too.
fn refusal(message: String, tally: &Tally) -> Fault {
    Fault::permanent(message).details(json!({ "vote": tally }))
}

fn needed_ballots(config: &Config, members: usize) -> Result<usize, Fault> {
    // A vote in which nobody votes has no result, whatever the configuration says.
    let count = config.quorum.unwrap_or(1).max(1);
    let Some(share) = config.quorum_share else {
        return Ok(count);
    };
    if !(share > 0.0 && share <= 1.0) {
        return Err(Fault::permanent(format!(
            "`quorum_share` is {share}; expected a number above 0 and at most 1"
        )));
    }
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a count of members between 0 and 2^32, rounded up"
    )]
    let of_share = (share * members as f64).ceil() as usize;
    Ok(count.max(of_share))
}

fn ballot(member: Member<Value>, field: &str) -> Ballot {
    let completed = member.is_completed();
    let (ballot, value) = match &member.output {
        Some(output) if completed => match field_of(output, field) {
            Some(value) if !value.is_null() => ("cast", Some(canonical(value))),
            _ => ("abstained", None),
        },
        _ => ("failed", None),
    };
    Ballot {
        ballot,
        value,
        error: member.error.as_ref().map(listed),
        member: member.name,
        status: member.status,
    }
}

fn field_of<'output>(output: &'output Value, field: &str) -> Option<&'output Value> {
    if field.starts_with('/') {
        output.pointer(field)
    } else {
        output.get(field)
    }
}

/// The value in the form in which equal values are equal: 1.0 is 1. Objects are ordered already.
fn canonical(value: &Value) -> Value {
    /// Up to here every integer is a double and the other way round.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    match value {
        Value::Number(number) => match number.as_f64() {
            #[expect(clippy::cast_possible_truncation, reason = "an integer within ±2^53")]
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() <= EXACT => {
                Value::from(float as i64)
            }
            _ => value.clone(),
        },
        Value::Array(items) => items.iter().map(canonical).collect(),
        Value::Object(object) => object
            .iter()
            .map(|(key, value)| (key.clone(), canonical(value)))
            .collect(),
        other => other.clone(),
    }
}

fn counts(ballots: &[Ballot]) -> Vec<Count> {
    let mut counts: Vec<Count> = Vec::new();
    let mut position_of: BTreeMap<String, usize> = BTreeMap::new();
    for ballot in ballots {
        let Some(value) = &ballot.value else { continue };
        let position = *position_of.entry(value.to_string()).or_insert(counts.len());
        if position == counts.len() {
            counts.push(Count {
                value: value.clone(),
                votes: 0,
                members: Vec::new(),
            });
        }
        counts[position].votes += 1;
        counts[position].members.push(ballot.member.clone());
    }
    // The sort is stable: equals stay in the order in which they were first voted for.
    counts.sort_by_key(|count| std::cmp::Reverse(count.votes));
    counts
}

#[cfg(test)]
mod tests;
