//! One guest call on its way: through the gate, into the guest, and out with what its run's loop is told.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use menagerie_journal::crash_point_of;
use menagerie_orchestration::command::Call;
use menagerie_orchestration::event::{CallFacts, CallId, CallOf, StepResult};
use menagerie_orchestration::failure::Failure;
use menagerie_orchestration::input::Input;
use tokio_util::sync::CancellationToken;

use crate::clock::Clock;
use crate::desk::Desk;
use crate::figures::FlowFigures;
use crate::gate::{Gate, Ticket};
use crate::guests::{GuestAnswer, GuestReply, Guests};
use crate::held::{HeldSlot, Place, Places};
use crate::watch::Watcher;

/// One guest call on its way: through the gate and into the guest.
pub(crate) struct GuestTask {
    pub(crate) gate: Gate,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) guests: Arc<dyn Guests>,
    pub(crate) watcher: Arc<dyn Watcher>,
    pub(crate) key: Arc<str>,
    pub(crate) places: Arc<Places>,
    pub(crate) figures: Option<Arc<FlowFigures>>,
    pub(crate) desk: Desk,
    pub(crate) cancel: CancellationToken,
}

impl GuestTask {
    /// Makes a call that has a place among those of its run, and gives what the loop is to be told;
    /// nothing when the call was cancelled.
    pub(crate) async fn make(self, call: Call, place: Place) -> Option<Input> {
        let (queued, waited) = (self.clock.now(), self.clock.monotonic());
        let ticket = Ticket {
            key: self.key.clone(),
            max_load: call.max_load,
            priority: call.priority,
            critical_path_ms: call.critical_path_ms,
        };
        let figures = self.figures.as_ref();
        let mut counted = figures.and_then(|figures| figures.queued(&call.role));
        let slot = tokio::select! {
            slot = self.gate.enter(ticket.clone()) => slot,
            () = self.cancel.cancelled() => {
                drop(place);
                self.places.tell();
                return None;
            }
        };
        let slot_wait = self.clock.monotonic().saturating_sub(waited);
        let admitted = self.clock.now();
        if let Some(counted) = &mut counted {
            counted.admitted();
        }
        self.watcher.entered(&call);
        let (id, role, ready) = (call.id, call.role.to_string(), call.ready);
        let strategy = matches!(id.of, CallOf::Decision(_));
        let slot = HeldSlot::new(self.gate.clone(), ticket, slot, self.places.clone(), place);
        crash_point_of("before-call", &call.step);
        let answer = self.answer(call, slot.clone()).await;
        slot.give_back();
        drop(counted);
        if self.cancel.is_cancelled() {
            // Nobody waits for the answer any more; the attempt counts as never made.
            self.places.tell();
            return None;
        }
        let facts = CallFacts {
            ready,
            queued,
            admitted,
            started: admitted,
            finished: self.clock.now(),
            slot_wait_us: u64::try_from(slot_wait.as_micros())
                .unwrap_or(u64::MAX)
                .saturating_add(slot.waited_us()),
            wall_us: answer.used.wall_us,
            busy_us: answer.used.busy_us,
            fuel: answer.used.fuel,
            peak_memory_bytes: answer.used.peak_memory_bytes,
            table_elements: answer.used.table_elements,
            host_calls: answer.used.host_calls,
            bytes_to_host: answer.used.bytes_to_host,
            output_bytes: answer.used.output_bytes,
            log_dropped: answer.used.log_dropped,
            host_wait_us: answer.used.host_wait_us,
            suspensions: answer.used.suspensions,
            denied_host_calls: answer.used.denied_host_calls,
            repeated_host_calls: answer.used.repeated_host_calls,
            plugin: self.guests.digest(&role),
        };
        Some(input_of(id, strategy, answer, facts))
    }

    /// The guest's answer; a panic in the host is a failure of the call, so that no run hangs.
    async fn answer(&self, call: Call, slot: HeldSlot) -> GuestAnswer {
        let made = async {
            let cancel = self.cancel.clone();
            let desk = self.desk.clone();
            self.guests.call_in_slot(call, slot, desk, cancel).await
        };
        let answer = AssertUnwindSafe(made).catch_unwind().await;
        answer.unwrap_or_else(|_| {
            let message = "the host panicked while making the call";
            GuestAnswer::unmade(Failure::new("host", message))
        })
    }
}

/// The answer of a call as the machine takes it.
pub(crate) fn input_of(
    call: CallId,
    strategy: bool,
    answer: GuestAnswer,
    facts: CallFacts,
) -> Input {
    let log = answer.log;
    if strategy {
        let result = match answer.result {
            Ok(GuestReply::Decision(decision)) => Ok(decision),
            Ok(GuestReply::Output { .. }) => Err(mismatch("a decision", "an output")),
            Err(failure) => Err(failure),
        };
        return Input::Decided {
            call,
            result,
            facts,
            log,
        };
    }
    let result = match answer.result {
        Ok(GuestReply::Output {
            output,
            confidence,
            attachments,
        }) => StepResult::Completed {
            output,
            confidence,
            attachments,
        },
        Ok(GuestReply::Decision(_)) => StepResult::Failed(mismatch("an output", "a decision")),
        Err(failure) => StepResult::Failed(failure),
    };
    Input::StepEnded {
        call,
        result,
        context: answer.context,
        facts,
        log,
    }
}

fn mismatch(expected: &str, found: &str) -> Failure {
    Failure::new(
        "refused",
        format!("expected {expected}, the plugin answered with {found}"),
    )
}
