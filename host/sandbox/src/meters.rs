//! The counts of one call: memory and tables as sums over the whole call, host calls, and bytes
//! that came from the guest.

use wasmtime::ResourceLimiter;

use crate::call_log::Interface;
use crate::limits::Limits;
use crate::stop::Stop;

/// What wasmtime says when a memory would grow past what its type can address. It is asked before
/// any limiter is, so only this text tells it from a failure of the host; a test holds the text.
const BEYOND_THE_TYPE: &str = "memory growth exceeds memory type's limits";

/// Bytes that a 32-bit memory can address.
const ADDRESSABLE: u64 = 1 << 32;

/// The meters of a call and what they have counted so far.
#[derive(Debug)]
pub(crate) struct Meters {
    limits: Limits,
    memory: u64,
    pub(crate) peak_memory: u64,
    pub(crate) table_elements: u64,
    pub(crate) host_calls: u32,
    /// Of those, the calls of each capability.
    http: u32,
    shared: u32,
    artifacts: u32,
    pub(crate) denied_host_calls: u32,
    pub(crate) bytes_to_host: u64,
}

impl Meters {
    pub(crate) fn new(limits: Limits) -> Meters {
        Meters {
            limits,
            memory: 0,
            peak_memory: 0,
            table_elements: 0,
            host_calls: 0,
            http: 0,
            shared: 0,
            artifacts: 0,
            denied_host_calls: 0,
            bytes_to_host: 0,
        }
    }

    pub(crate) fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Counts one host call that brought `bytes` from the guest.
    pub(crate) fn host_call(&mut self, bytes: usize) -> Result<(), Stop> {
        if self.host_calls >= self.limits.host_calls {
            return Err(Stop::HostCalls {
                limit: self.limits.host_calls,
            });
        }
        self.host_calls += 1;
        self.passed(bytes as u64)
    }

    /// Counts one host call of a capability that the flow granted. Each has a limit of its own beside the
    /// one of all, since what a call of it costs others is of another order.
    pub(crate) fn capability_call(&mut self, of: Interface, bytes: usize) -> Result<(), Stop> {
        let (meter, limit, count) = match of {
            Interface::Http => ("http_calls", self.limits.http_calls, &mut self.http),
            Interface::Shared => ("shared_calls", self.limits.shared_calls, &mut self.shared),
            Interface::Artifacts => (
                "artifact_calls",
                self.limits.artifact_calls,
                &mut self.artifacts,
            ),
        };
        if *count >= limit {
            return Err(Stop::CapabilityCalls { meter, limit });
        }
        *count += 1;
        self.host_call(bytes)
    }

    /// Counts a host call that a grant does not allow.
    pub(crate) fn denied(&mut self) {
        self.denied_host_calls += 1;
    }

    /// Counts bytes that came from the guest otherwise: its answer.
    pub(crate) fn passed(&mut self, bytes: u64) -> Result<(), Stop> {
        self.bytes_to_host = self.bytes_to_host.saturating_add(bytes);
        if self.bytes_to_host > self.limits.bytes_to_host {
            return Err(Stop::Bytes {
                limit: self.limits.bytes_to_host,
                passed: self.bytes_to_host,
            });
        }
        Ok(())
    }
}

impl ResourceLimiter for Meters {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        // A memory that reaches the maximum of its own type is told so, as the specification of
        // WebAssembly has it; the meters are for what the host says. Without a maximum of its own a
        // memory has what it can address.
        if maximum.is_some_and(|most| desired > most && (most as u64) < ADDRESSABLE) {
            return Ok(false);
        }
        let asked = self
            .memory
            .saturating_add(desired.saturating_sub(current) as u64);
        if asked > self.limits.memory_bytes {
            return Err(Stop::Memory {
                limit: self.limits.memory_bytes,
                asked,
            }
            .into());
        }
        self.memory = asked;
        self.peak_memory = self.peak_memory.max(asked);
        Ok(true)
    }

    fn memory_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        if error.to_string() == BEYOND_THE_TYPE {
            return Err(Stop::Memory {
                limit: self.limits.memory_bytes,
                asked: ADDRESSABLE,
            }
            .into());
        }
        Err(Stop::Host(format!("a guest's memory could not grow: {error:#}")).into())
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let asked = self
            .table_elements
            .saturating_add(desired.saturating_sub(current) as u64);
        if asked > self.limits.table_elements {
            return Err(Stop::Tables {
                limit: self.limits.table_elements,
                asked,
            }
            .into());
        }
        // The maximum is the table's own or the pool's, and the pool's is no lower than the limit.
        if maximum.is_some_and(|most| desired > most) {
            return Ok(false);
        }
        self.table_elements = asked;
        Ok(true)
    }

    fn table_grow_failed(&mut self, error: wasmtime::Error) -> wasmtime::Result<()> {
        Err(Stop::Host(format!("a guest's table could not grow: {error:#}")).into())
    }

    fn instances(&self) -> usize {
        self.limits.instances as usize
    }

    fn tables(&self) -> usize {
        self.limits.tables as usize
    }

    fn memories(&self) -> usize {
        self.limits.memories as usize
    }
}
