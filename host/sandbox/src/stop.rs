//! Why the host stopped a guest from within a host function or a meter. The value travels through
//! wasmtime as an error and is recognised again when the call has ended.

use crate::call_log::OnUnknown;

/// A typed reason, wrapped into the trap that ends the guest.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Stop {
    #[error("{asked} bytes of memory were asked for, and the limit is {limit}")]
    Memory { limit: u64, asked: u64 },
    #[error("{asked} table elements were asked for, and the limit is {limit}")]
    Tables { limit: u64, asked: u64 },
    #[error("more than {limit} host calls")]
    HostCalls { limit: u32 },
    #[error("more host calls than the limit `{meter}` of {limit}")]
    CapabilityCalls { meter: &'static str, limit: u32 },
    #[error("{passed} bytes were passed to the host, and the limit is {limit}")]
    Bytes { limit: u64, passed: u64 },
    #[error("host call {ordinal} of `{plugin}` differs from the one that was recorded")]
    Nondeterministic { plugin: String, ordinal: u32 },
    #[error("the outcome of host call {ordinal} is not known")]
    CallOutcomeUnknown { ordinal: u32, on_unknown: OnUnknown },
    /// No end at all: the instance makes room while its host call goes on.
    #[error("the call is suspended")]
    Suspended,
    #[error("{0} is not to be had here")]
    Denied(String),
    #[error("the guest ended its process with {code}")]
    Exit { code: u8 },
    #[error("{0}")]
    Misuse(String),
    #[error("{0}")]
    Host(String),
}
