//! What a guest returned is checked before anybody else sees it: its JSON, its numbers between 0
//! and 1, and the length of its words.

use crate::ijson::{Budget, check_document};
use crate::limits::Limits;
use crate::spec::{Reply, Request};
use crate::types::{
    ArtifactRef, ConfigProblem, Decision, Dependency, Ending, Fault, GroupDecision, Outcome,
    Ruling, Verdict, Wake,
};

/// Bytes of a name, an id or a token.
const NAME_BYTES: usize = 256;

/// Bytes of a reason or a message.
const TEXT_BYTES: usize = 64 << 10;

/// Bytes of the metadata of one decision.
const METADATA_BYTES: usize = 64 << 10;

/// A rule that an answer breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BadOutput {
    pub(crate) rule: &'static str,
    pub(crate) message: String,
}

type Checked = Result<(), BadOutput>;

/// Checks the answer to a request and gives its size in bytes.
pub(crate) fn check_reply(
    limits: &Limits,
    request: &Request,
    reply: &Reply,
) -> Result<u64, BadOutput> {
    let mut checker = Checker::new(limits);
    match reply {
        Reply::Outcome(outcome) => checker.outcome(outcome)?,
        Reply::Started | Reply::Compensated => {}
        Reply::Decision(decision) => checker.decision(decision)?,
        Reply::GroupDecision(decision) => checker.group_decision(decision)?,
        Reply::Verdict(verdict) => {
            checker.verdict(verdict)?;
            known_member(request, verdict)?;
        }
        Reply::Problems(problems) => checker.problems(problems)?,
    }
    Ok(checker.bytes)
}

/// An arbiter chooses among the results that it was given.
fn known_member(request: &Request, verdict: &Verdict) -> Checked {
    let (Request::Arbitrate { results, .. }, Ruling::Chosen(chosen)) = (request, &verdict.ruling)
    else {
        return Ok(());
    };
    if results.iter().any(|result| result.member == chosen.member) {
        return Ok(());
    }
    let members: Vec<&str> = results.iter().map(|result| &*result.member).collect();
    let message = format!(
        "ruling: member: {:?} was given no result; there are {members:?}",
        chosen.member
    );
    Err(bad("member", message))
}

/// The same for a fault.
pub(crate) fn check_fault(limits: &Limits, fault: &Fault) -> Result<u64, BadOutput> {
    let mut checker = Checker::new(limits);
    checker.name("code", &fault.code)?;
    checker.text("message", &fault.message)?;
    checker.optional_json("details", fault.details.as_ref())?;
    checker.extra("extra", &fault.extra)?;
    Ok(checker.bytes)
}

struct Checker {
    budget: Budget,
    bytes: u64,
    bytes_allowed: u64,
}

fn bad(rule: &'static str, message: String) -> BadOutput {
    BadOutput { rule, message }
}

impl Checker {
    fn new(limits: &Limits) -> Checker {
        let budget = Budget::new(limits.json_depth, limits.json_nodes);
        Checker {
            budget,
            bytes: 0,
            bytes_allowed: limits.output_bytes,
        }
    }

    fn size(&mut self, bytes: usize) -> Checked {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        if self.bytes > self.bytes_allowed {
            return Err(bad(
                "size",
                format!("it has more than {} bytes", self.bytes_allowed),
            ));
        }
        Ok(())
    }

    fn item(&mut self, place: &str) -> Checked {
        self.budget
            .spend()
            .map_err(|message| bad("json-nodes", format!("{place}: {message}")))
    }

    fn json(&mut self, place: &str, document: &str) -> Checked {
        self.size(document.len())?;
        check_document(document, &mut self.budget)
            .map_err(|broken| bad(broken.rule, format!("{place}: {broken}")))
    }

    fn optional_json(&mut self, place: &str, document: Option<&String>) -> Checked {
        document.map_or(Ok(()), |document| self.json(place, document))
    }

    fn extra(&mut self, place: &str, extra: &[(String, String)]) -> Checked {
        let mut names = std::collections::HashSet::new();
        for (name, value) in extra {
            self.item(place)?;
            self.name(place, name)?;
            if !names.insert(name.as_str()) {
                return Err(bad(
                    "json-duplicate-name",
                    format!("{place}: {name:?} comes twice"),
                ));
            }
            self.json(place, value)?;
        }
        Ok(())
    }

    fn name(&mut self, place: &str, name: &str) -> Checked {
        self.size(name.len())?;
        if name.len() > NAME_BYTES {
            let message = format!(
                "{place}: {} bytes, and a name has at most {NAME_BYTES}",
                name.len()
            );
            return Err(bad("name-length", message));
        }
        Ok(())
    }

    fn text(&mut self, place: &str, text: &str) -> Checked {
        self.size(text.len())?;
        if text.len() > TEXT_BYTES {
            let message = format!(
                "{place}: {} bytes, and a text has at most {TEXT_BYTES}",
                text.len()
            );
            return Err(bad("text-length", message));
        }
        Ok(())
    }

    fn unit(place: &str, value: f64) -> Checked {
        if (0.0..=1.0).contains(&value) {
            return Ok(());
        }
        Err(bad(
            "confidence",
            format!("{place}: {value} does not lie between 0 and 1"),
        ))
    }

    fn outcome(&mut self, outcome: &Outcome) -> Checked {
        self.json("output", &outcome.output)?;
        outcome
            .confidence
            .map_or(Ok(()), |value| Checker::unit("confidence", value))?;
        for attachment in &outcome.attachments {
            self.attachment(attachment)?;
        }
        self.extra("extra", &outcome.extra)
    }

    fn attachment(&mut self, attachment: &ArtifactRef) -> Checked {
        self.item("attachments")?;
        self.name("attachments: id", &attachment.id)?;
        self.name("attachments: media-type", &attachment.media_type)?;
        self.name("attachments: digest", &attachment.digest)?;
        let digits = attachment
            .digest
            .strip_prefix("sha256:")
            .unwrap_or_default();
        if digits.len() == 64
            && digits
                .bytes()
                .all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
        {
            return Ok(());
        }
        let message = format!("attachments: {:?} is no SHA-256 digest", attachment.digest);
        Err(bad("digest", message))
    }

    fn metadata(&mut self, document: &str) -> Checked {
        if document.len() > METADATA_BYTES {
            let message = format!(
                "{} bytes, and it has at most {METADATA_BYTES}",
                document.len()
            );
            return Err(bad("metadata", message));
        }
        self.json("metadata", document)?;
        if document.trim_start().starts_with('{') {
            return Ok(());
        }
        Err(bad("metadata", "it is no object".to_owned()))
    }

    fn decision(&mut self, decision: &Decision) -> Checked {
        for start in &decision.start {
            self.item("start")?;
            for (place, name) in [
                ("start: id", &start.id),
                ("start: agent", &start.agent),
                ("start: kind", &start.kind),
            ] {
                self.name(place, name)?;
            }
            self.optional_json("start: input", start.input.as_ref())?;
            self.text("start: reason", &start.reason)?;
            self.extra("start: extra", &start.extra)?;
        }
        for join in &decision.joins {
            self.item("joins")?;
            self.name("joins: id", &join.id)?;
            self.name("joins: aggregator", &join.aggregator)?;
            self.names("joins: members", &join.members)?;
            self.optional_json("joins: config", join.config.as_ref())?;
            self.text("joins: reason", &join.reason)?;
            self.extra("joins: extra", &join.extra)?;
        }
        self.plan(&decision.after, &decision.wake, decision.end.as_ref())?;
        self.text("reason", &decision.reason)?;
        Checker::unit("confidence", decision.confidence)?;
        self.metadata(&decision.metadata)?;
        self.extra("extra", &decision.extra)
    }

    fn group_decision(&mut self, decision: &GroupDecision) -> Checked {
        for start in &decision.start {
            self.item("start")?;
            for (place, name) in [
                ("start: id", &start.id),
                ("start: pipeline", &start.pipeline),
                ("start: kind", &start.kind),
            ] {
                self.name(place, name)?;
            }
            self.optional_json("start: input", start.input.as_ref())?;
            self.text("start: reason", &start.reason)?;
            self.extra("start: extra", &start.extra)?;
        }
        self.plan(&decision.after, &decision.wake, decision.end.as_ref())?;
        if let Some(aggregator) = &decision.aggregator {
            self.name("aggregator", aggregator)?;
        }
        self.text("reason", &decision.reason)?;
        Checker::unit("confidence", decision.confidence)?;
        self.metadata(&decision.metadata)?;
        self.extra("extra", &decision.extra)
    }

    /// What both kinds of decision say about what comes after.
    fn plan(&mut self, after: &[Dependency], wake: &Wake, end: Option<&Ending>) -> Checked {
        for dependency in after {
            self.item("after")?;
            self.name("after: step", &dependency.step)?;
            self.names("after: after", &dependency.after)?;
        }
        if let Wake::These(steps) = wake {
            self.names("wake", steps)?;
        }
        if let Some(end) = end {
            self.name("end: status", &end.status)?;
            self.text("end: reason", &end.reason)?;
            self.optional_json("end: output", end.output.as_ref())?;
        }
        Ok(())
    }

    fn names(&mut self, place: &str, names: &[String]) -> Checked {
        for name in names {
            self.item(place)?;
            self.name(place, name)?;
        }
        Ok(())
    }

    fn verdict(&mut self, verdict: &Verdict) -> Checked {
        match &verdict.ruling {
            Ruling::Chosen(chosen) => {
                self.name("ruling: member", &chosen.member)?;
                self.text("ruling: reason", &chosen.reason)?;
            }
            Ruling::Synthesized(made) => {
                self.json("ruling: output", &made.output)?;
                self.text("ruling: reason", &made.reason)?;
            }
        }
        verdict
            .confidence
            .map_or(Ok(()), |value| Checker::unit("confidence", value))?;
        self.extra("extra", &verdict.extra)
    }

    fn problems(&mut self, problems: &[ConfigProblem]) -> Checked {
        for problem in problems {
            self.item("problems")?;
            self.text("problems: pointer", &problem.pointer)?;
            self.text("problems: message", &problem.message)?;
        }
        Ok(())
    }
}
