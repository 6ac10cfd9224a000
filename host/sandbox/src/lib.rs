//! The sandbox: the only crate that knows wasmtime. It turns bytes into plugins and makes one guest
//! call at a time, each in a fresh instance, within meters, with nothing but what it was granted.
//!
//! - [`Engine`] and [`EngineConfig`]: wasmtime, its ceilings, its fingerprint.
//! - [`Catalogue`]: bytes to [`Plugin`]s, by name and by digest; [`inspect()`] for a look without compiling.
//! - [`jail`]: compiling untrusted components in a process of its own.
//! - [`CallSpec`] to [`CallReport`] through [`Engine::call`]: one call and how it [`Ended`].
//! - [`CallLog`]: the port through which host calls with an effect are journalled.
//! - [`HttpPolicy`]: what a grant of `http` allows; [`OutsideConfig`]: by whom the outside is reached.
//! - [`Web`]: the same way out for the host's own requests.
//! - [`types`]: the values that guests take and give.
//!
//! What it must not know: flows, routing, the journal, licences.

mod artifacts;
mod bindings;
mod cache;
mod call;
mod call_log;
mod catalogue;
mod component_file;
mod costs;
mod ended;
mod engine;
mod entries;
#[cfg(test)]
mod fuzzed;
mod http;
mod ijson;
mod inspect;
mod instant;
pub mod jail;
mod lane;
mod limits;
mod linker;
mod load_error;
mod manifest;
mod meters;
mod output;
mod plugin;
mod random;
mod recorder;
mod repeating;
mod report;
mod revoked;
mod run;
mod shared;
mod spec;
mod state;
mod stop;
mod trust;
pub mod types;
mod waits;
mod wasi;

pub use artifacts::{ArtifactAccess, ArtifactContent, ArtifactInfo, ArtifactPolicy, ArtifactStore};
pub use call_log::{
    CallKey, CallLog, CallLogError, CallTrouble, EffectClass, Intent, Interface, Known,
    MemoryCallLog, OnUnknown,
};
pub use catalogue::{Catalogue, Refusals};
pub use component_file::{ReadError, read_component};
pub use engine::{Engine, EngineConfig, EngineError, OutsideConfig, WASMTIME_VERSION};
pub use http::{
    HTTP_PROBLEMS, HttpPolicy, HttpRule, NoSecrets, OutsideAnswer, OutsideRequest, Resolver,
    Scheme, Secret, Secrets, StandIn, SystemResolver, Web, WebAddress, WebAnswer, WebError,
    WebRequest,
};
pub use inspect::{
    CONTRACT_VERSION, Inspection, LARGEST_COMPONENT, MOST_ELEMENTS, digest_of, inspect,
};
pub use limits::{CallCeilings, CeilingError, Limits};
pub use load_error::LoadError;
pub use manifest::{MANIFEST_SECTION, Manifest, Schemas, WantedLimits};
pub use plugin::{Grants, Kind, Origin, Plugin};
pub use recorder::{HostCall, InFlight, Made, Opened, Permission, Recorder, Ticket};
pub use report::{CallReport, Ended, LogLine, Usage};
pub use revoked::{NothingRevoked, Revocations};
pub use shared::{SharedAccess, SharedAnswer, SharedPolicy, SharedState, SharedValue};
pub use spec::{
    CallSpec, HistoryPager, Invocation, NoHistory, NoObserver, Observer, Outside, Progress, Reply,
    Request,
};
pub use trust::{Trust, TrustError, TrustedKey};
pub use waits::{HostWaits, NoWaits};
