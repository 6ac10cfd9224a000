//! Time: the call's logical time, which stands still while the call runs.

use wasmtime::component::Resource;
use wasmtime_wasi::p2::DynPollable;
use wasmtime_wasi::p2::bindings::clocks::{monotonic_clock, wall_clock};

use super::io::{LATER, NOW};
use crate::state::CallState;

impl wall_clock::Host for CallState {
    fn now(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.meters.host_call(0)?;
        // Before 1970 this type has no times.
        let milliseconds = u64::try_from(self.invocation.now_ms).unwrap_or(0);
        Ok(wall_clock::Datetime {
            seconds: milliseconds / 1_000,
            nanoseconds: (milliseconds % 1_000) as u32 * 1_000_000,
        })
    }

    fn resolution(&mut self) -> wasmtime::Result<wall_clock::Datetime> {
        self.meters.host_call(0)?;
        Ok(wall_clock::Datetime {
            seconds: 0,
            nanoseconds: 1_000_000,
        })
    }
}

impl CallState {
    /// Never zero, which a call has that is no run's, such as a look at a configuration: Go's runtime takes
    /// a clock at zero for one that does not go, and gives up.
    fn nanoseconds(&self) -> u64 {
        let milliseconds = u64::try_from(self.invocation.now_ms).unwrap_or(0);
        milliseconds.saturating_mul(1_000_000).max(1)
    }
}

impl monotonic_clock::Host for CallState {
    fn now(&mut self) -> wasmtime::Result<u64> {
        self.meters.host_call(0)?;
        Ok(self.nanoseconds())
    }

    fn resolution(&mut self) -> wasmtime::Result<u64> {
        self.meters.host_call(0)?;
        Ok(1_000_000)
    }

    fn subscribe_instant(&mut self, when: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.meters.host_call(0)?;
        let pollable = if when <= self.nanoseconds() {
            NOW
        } else {
            LATER
        };
        Ok(Resource::new_own(pollable))
    }

    fn subscribe_duration(&mut self, duration: u64) -> wasmtime::Result<Resource<DynPollable>> {
        self.meters.host_call(0)?;
        let pollable = if duration == 0 { NOW } else { LATER };
        Ok(Resource::new_own(pollable))
    }
}
