//! What attempts under way have had done, by the number of the host call: an execution that is made
//! again after a crash asks for it again, and it is not done twice.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::event::{CallId, CallOf, StepNo};

/// What was done for attempts that have not ended: a number for each host call. A decision's place is 0,
/// which no step has.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Made(BTreeMap<StepNo, OfAttempt>);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct OfAttempt {
    attempt: u32,
    numbers: BTreeMap<u32, u32>,
}

/// Strategies are asked one question at a time: one place is enough for all of them.
fn place(of: CallOf) -> StepNo {
    match of {
        CallOf::Decision(_) => StepNo(0),
        CallOf::Step(no) => no,
    }
}

impl Made {
    /// Notes what a host call came to.
    pub(crate) fn note(&mut self, (call, attempt): (CallOf, u32), ordinal: u32, number: u32) {
        let made = self.0.entry(place(call)).or_default();
        if made.attempt != attempt {
            *made = OfAttempt {
                attempt,
                numbers: BTreeMap::new(),
            };
        }
        made.numbers.insert(ordinal, number);
    }

    /// What this very host call came to in an earlier execution of its attempt.
    pub(crate) fn number(&self, call: CallId, ordinal: u32) -> Option<u32> {
        let made = self.0.get(&place(call.of))?;
        let number = made.numbers.get(&ordinal)?;
        (made.attempt == call.attempt).then_some(*number)
    }

    /// The attempt has ended: it is not executed again.
    pub(crate) fn forget(&mut self, call: CallOf) {
        self.0.remove(&place(call));
    }

    /// No attempt is executed again under the log that it had.
    pub(crate) fn forget_all(&mut self) {
        self.0.clear();
    }
}
