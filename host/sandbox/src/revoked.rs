//! Grants that are taken while calls go on.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::call_log::Interface;
use crate::recorder::Made;
use crate::stop::Stop;

/// Knows which of a call's grants have been taken. It is asked at every host call that is not recorded
/// already: what it says then is part of the recorded answer.
pub trait Revocations: Send + Sync {
    /// Whether the call has lost this grant.
    fn is_revoked(&self, interface: Interface) -> bool;
}

/// Nothing is ever taken.
#[derive(Clone, Copy, Debug, Default)]
pub struct NothingRevoked;

impl Revocations for NothingRevoked {
    fn is_revoked(&self, _interface: Interface) -> bool {
        false
    }
}

/// What a guest is told of a grant that was taken.
pub(crate) const REVOKED: &str = "the grant was revoked";

/// A recorded answer, or that the grant was gone.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Told<T> {
    Answer(T),
    Revoked,
}

/// Asks for an answer unless the grant is gone, and gives what the log keeps.
pub(crate) async fn unless_revoked<T: Serialize>(
    revoked: Arc<dyn Revocations>,
    interface: Interface,
    ask: impl Future<Output = Result<T, String>>,
) -> Made {
    let told = if revoked.is_revoked(interface) {
        Ok(Told::Revoked)
    } else {
        ask.await.map(Told::Answer)
    };
    let written =
        told.and_then(|told| serde_json::to_vec(&told).map_err(|error| error.to_string()));
    match written {
        Ok(text) => Made::Answer(text),
        Err(message) => Made::Failed(message),
    }
}

/// What the log keeps, read again.
pub(crate) fn told<T: DeserializeOwned>(recorded: &[u8]) -> Result<Told<T>, Stop> {
    let read = serde_json::from_slice(recorded);
    read.map_err(|error| Stop::Host(format!("a recorded answer cannot be read: {error}")))
}
