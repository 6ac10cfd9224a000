//! The capability `http`: requests to the outside, each within what a flow's grant allows and each
//! through the call log.
//!
//! A guest's request is read strictly ([`request`], [`target`]), compared with the grant ([`policy`]),
//! journalled, sent on a connection to a checked address ([`connection`], [`wire`], [`client`]), and its answer
//! searched for secrets ([`secrets`]), journalled ([`answer`]) and given to the guest. What is refused
//! before anything leaves depends on the request and the grant alone, so it needs no record.

mod address;
mod answer;
mod client;
mod connection;
mod own;
mod policy;
mod problem;
mod request;
mod secrets;
mod stand_in;
mod target;
mod wire;

use std::sync::Arc;

pub use connection::{Resolver, SystemResolver};
pub use own::{Web, WebAddress, WebAnswer, WebError, WebRequest};
pub use policy::{HttpPolicy, HttpRule};
pub use problem::HTTP_PROBLEMS;
pub use secrets::{NoSecrets, Secret, Secrets};
pub use stand_in::{OutsideAnswer, OutsideRequest, StandIn};
pub use target::Scheme;
#[cfg(test)]
pub(crate) use target::Target;

pub(crate) use client::Client;

use crate::bindings::menagerie::plugin::http as wit;
use crate::call_log::{EffectClass, Interface, OnUnknown};
use crate::http::client::Exchanged;
use crate::http::policy::is_safe;
use crate::http::problem::{Problem, Token};
use crate::http::request::Checked;
use crate::recorder::{HostCall, Made, Permission};
use crate::revoked::REVOKED;
use crate::state::CallState;
use crate::stop::Stop;

/// What one call may do outside, and by whom.
#[derive(Clone)]
pub(crate) struct HttpAccess {
    pub(crate) policy: Arc<HttpPolicy>,
    pub(crate) client: Arc<Client>,
    pub(crate) stand_in: Option<Arc<dyn StandIn>>,
}

impl wit::Host for CallState {
    async fn send(
        &mut self,
        request: wit::Request,
    ) -> wasmtime::Result<Result<wit::Response, wit::Problem>> {
        self.meters
            .capability_call(Interface::Http, request::size(&request))?;
        let Some(access) = self.http.clone() else {
            // A plugin that imports `http` is loaded with a grant, or not at all.
            return Err(Stop::Host("the call has no grant of `http`".to_owned()).into());
        };
        if let Some(stand_in) = &access.stand_in {
            let answer = stand_in::answer(&**stand_in, request);
            let size = answer.as_ref().map_or(0, |response| response.body.len());
            self.give_way(size).await;
            return Ok(answer);
        }
        match within_grant(&access.policy, request) {
            Ok(granted) => Ok(self.exchange(access, granted).await?),
            Err(problem) => {
                if problem.is(Token::Denied) {
                    self.meters.denied();
                }
                Ok(Err(problem.into()))
            }
        }
    }
}

/// A request that may leave, and how.
struct Granted {
    request: Checked,
    effect: EffectClass,
    on_unknown: OnUnknown,
}

fn within_grant(policy: &HttpPolicy, request: wit::Request) -> Result<Granted, Problem> {
    let request = Checked::of(request)?;
    let rule = request.within(policy)?;
    Ok(Granted {
        effect: rule.effect_of(request.method.as_str()),
        on_unknown: rule.on_unknown,
        request,
    })
}

impl CallState {
    async fn exchange(
        &mut self,
        access: HttpAccess,
        granted: Granted,
    ) -> Result<Result<wit::Response, wit::Problem>, Stop> {
        let Granted {
            request,
            effect,
            on_unknown,
        } = granted;
        let canonical = request.canonical();
        let safe = is_safe(request.method.as_str());
        let call = HostCall {
            interface: Interface::Http,
            effect,
            read: safe && effect == EffectClass::Idempotent,
            on_unknown,
            request: &canonical,
        };
        // A server is told the key where it was declared to honour one; a question needs none.
        let keyed = effect == EffectClass::Idempotent && !safe;
        let revoked = self.revoked.clone();
        let make = move |permission: Permission| async move {
            if revoked.is_revoked(Interface::Http) {
                let gone = Problem::new(Token::Denied, REVOKED);
                return Made::Answer(answer::encode(Err(gone)));
            }
            let key = keyed.then_some(permission.idempotency_key.as_str());
            let exchanged = access.client.exchange(&access.policy, request, key).await;
            match exchanged {
                Exchanged::Answer(answer) => Made::Answer(answer::encode(answer)),
                Exchanged::Unknown(problem) => Made::Unknown(answer::encode(Err(problem))),
                Exchanged::Failed(message) => Made::Failed(message),
            }
        };
        let recorded = self.outside(call, make).await?;
        let answer = answer::decode(&recorded).map_err(Stop::Host)?;
        if answer
            .as_ref()
            .is_err_and(|problem| problem.code == "denied")
        {
            self.meters.denied();
        }
        let size = match &answer {
            Ok(response) => response.body.len(),
            Err(problem) => problem.message.len(),
        };
        self.give_way(size).await;
        Ok(answer)
    }
}
