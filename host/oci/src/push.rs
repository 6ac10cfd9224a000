//! A plugin into a registry: the component and what says of it what it is, then the manifest over both.

use http::{Method, StatusCode};
use menagerie_sandbox::{WebAddress, digest_of};
use serde_json::json;

use crate::answer::refusal;
use crate::client::Client;
use crate::error::{OciError, Part};
use crate::manifest::{CONFIG_TYPE, Descriptor, LAYER_TYPE, MANIFEST_TYPE, Manifest, within};
use crate::pull::same_digest;
use crate::reference::{Reference, Version};
use crate::session::{Answered, Question, Session};

/// A component and what is to be said of it.
#[derive(Clone, Copy, Debug)]
pub struct Described<'component> {
    /// The component itself.
    pub bytes: &'component [u8],
    /// The interfaces that it gives.
    pub exports: &'component [String],
    /// The interfaces that it wants.
    pub imports: &'component [String],
    /// Its signature, as minisign writes it.
    pub signature: Option<&'component str>,
}

/// What is in a registry now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pushed {
    /// What the manifest's bytes are.
    pub manifest: String,
    /// What the component's bytes are.
    pub component: String,
    /// Whether the registry had the component before.
    pub known: bool,
}

impl Client {
    /// Puts a component under a tag. The same component makes the same manifest, whoever pushes it and when.
    ///
    /// # Errors
    /// When the registry does not take it.
    pub async fn push(
        &self,
        reference: &Reference,
        component: Described<'_>,
    ) -> Result<Pushed, OciError> {
        self.in_time(self.push_all(reference, component)).await
    }

    async fn push_all(
        &self,
        reference: &Reference,
        component: Described<'_>,
    ) -> Result<Pushed, OciError> {
        let Version::Tag(tag) = &reference.version else {
            return Err(OciError::PushToDigest);
        };
        let mut session = Session::new(self, reference, "pull,push")?;
        let layer = descriptor(LAYER_TYPE, component.bytes);
        within(Part::Component, &layer, self.options.largest)?;
        let config = json!({
            "architecture": "wasm",
            "os": "wasip2",
            "layerDigests": [layer.digest],
            "component": {"exports": component.exports, "imports": component.imports},
        });
        let config = config.to_string().into_bytes();
        let manifest = Manifest {
            config: descriptor(CONFIG_TYPE, &config),
            component: layer,
            signature: component.signature.map(str::to_owned),
        };
        let known = self
            .blob(&mut session, reference, Part::Component, component.bytes)
            .await?;
        self.blob(&mut session, reference, Part::Config, &config)
            .await?;
        let written = manifest.write()?;
        let digest = digest_of(&written);
        let target = reference.target(self.scheme(reference), &format!("manifests/{tag}"))?;
        let question = Question {
            method: Method::PUT,
            content_type: MANIFEST_TYPE,
            body: &written,
            ..Question::get(Part::Manifest)
        };
        let answered = session.ask(target, &question).await?;
        if answered.answer.status != StatusCode::CREATED {
            return Err(refusal(answered, Part::Manifest, "place for the manifest").await);
        }
        let claimed = answered.answer.headers.get("docker-content-digest");
        if let Some(claimed) = claimed.and_then(|claimed| claimed.to_str().ok()) {
            same_digest(Part::Manifest, claimed, &digest)?;
        }
        Ok(Pushed {
            manifest: digest,
            component: manifest.component.digest,
            known,
        })
    }

    /// Sends bytes unless the registry has them. Gives whether it had.
    async fn blob(
        &self,
        session: &mut Session<'_>,
        reference: &Reference,
        part: Part,
        bytes: &[u8],
    ) -> Result<bool, OciError> {
        let digest = digest_of(bytes);
        let scheme = self.scheme(reference);
        let question = Question {
            method: Method::HEAD,
            ..Question::get(part)
        };
        let there = reference.target(scheme, &format!("blobs/{digest}"))?;
        if session.ask(there, &question).await?.answer.status == StatusCode::OK {
            return Ok(true);
        }
        let begin = Question {
            method: Method::POST,
            ..Question::get(Part::Upload)
        };
        let uploads = reference.target(scheme, "blobs/uploads/")?;
        let answered = session.ask(uploads.clone(), &begin).await?;
        if answered.answer.status != StatusCode::ACCEPTED {
            return Err(refusal(answered, Part::Upload, &format!("`{reference}`")).await);
        }
        let place = upload_place(session, &uploads, &answered, &digest)?;
        let send = Question {
            method: Method::PUT,
            content_type: "application/octet-stream",
            body: bytes,
            ..Question::get(part)
        };
        let answered = session.ask(place, &send).await?;
        match answered.answer.status {
            StatusCode::CREATED => Ok(false),
            _ => Err(refusal(answered, part, "place for it").await),
        }
    }
}

/// Where the registry wants the bytes. It is itself that they are for, and nobody else.
fn upload_place(
    session: &Session<'_>,
    registry: &WebAddress,
    answered: &Answered,
    digest: &str,
) -> Result<WebAddress, OciError> {
    let place = session.pointed_to(&answered.by, &answered.answer.headers)?;
    if !place.same_server(registry) {
        let why = format!("with an upload, to {}", place.authority());
        return Err(OciError::Redirect(why));
    }
    place
        .with_query(&format!("digest={digest}"))
        .map_err(OciError::Redirect)
}

fn descriptor(media_type: &str, bytes: &[u8]) -> Descriptor {
    Descriptor {
        media_type: media_type.to_owned(),
        digest: digest_of(bytes),
        size: bytes.len() as u64,
    }
}
