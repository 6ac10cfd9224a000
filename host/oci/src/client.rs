//! What is the same for every question: how long it may take, how much is taken, who is said to ask.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use menagerie_sandbox::{LARGEST_COMPONENT, Scheme, SystemResolver, Web};

use crate::error::OciError;
use crate::keyring::Keyring;
use crate::reference::Reference;

/// How a registry is talked to.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// Whether a registry that is not on this machine is spoken to without TLS.
    pub plain_http: bool,
    /// For all of a pull or a push together.
    pub timeout: Duration,
    /// Bytes of a component.
    pub largest: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            plain_http: false,
            timeout: Duration::from_secs(300),
            largest: LARGEST_COMPONENT,
        }
    }
}

/// Talks to registries.
pub struct Client {
    pub(crate) web: Web,
    pub(crate) keyring: Keyring,
    pub(crate) options: Options,
}

impl Client {
    /// A client that says of itself what is in the keyring.
    #[must_use]
    pub fn new(keyring: Keyring, options: Options) -> Client {
        Client {
            web: Web::new(Arc::new(SystemResolver)),
            keyring,
            options,
        }
    }

    /// Plain only on this machine, or by the explicit word of whoever asks.
    pub(crate) fn scheme(&self, reference: &Reference) -> Scheme {
        match self.options.plain_http || reference.is_of_this_machine() {
            true => Scheme::Http,
            false => Scheme::Https,
        }
    }

    pub(crate) async fn in_time<T>(
        &self,
        work: impl Future<Output = Result<T, OciError>>,
    ) -> Result<T, OciError> {
        let limit = self.options.timeout;
        let done = tokio::time::timeout(limit, work).await;
        done.unwrap_or(Err(OciError::Timeout(limit)))
    }
}
