//! A plugin out of a registry: its manifest, then its component, each of the bytes that were named.

use http::HeaderMap;
use http::StatusCode;
use http::header::CONTENT_TYPE;
use menagerie_sandbox::digest_of;

use crate::answer::{read, refusal};
use crate::client::Client;
use crate::error::{OciError, Part};
use crate::manifest::{Manifest, accepted, within};
use crate::reference::{Reference, Version};
use crate::session::{Question, Session};

/// Bytes of a manifest. The distribution specification asks registries to take this much.
const LARGEST_MANIFEST: u64 = 4 << 20;

/// What came out of a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pulled {
    /// The component. Whether it is a good one is not known yet.
    pub bytes: Vec<u8>,
    /// Its signature, as minisign writes it, if there is one. Not checked yet.
    pub signature: Option<String>,
    /// What the manifest's bytes are: under this name they will always be the same.
    pub manifest: String,
}

impl Client {
    /// Gets a component. `progress` is told the bytes that have come and how many there are.
    ///
    /// # Errors
    /// When the registry does not give it, or gives something else.
    pub async fn pull(
        &self,
        reference: &Reference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Pulled, OciError> {
        self.in_time(self.pull_all(reference, progress)).await
    }

    async fn pull_all(
        &self,
        reference: &Reference,
        progress: &(dyn Fn(u64, u64) + Sync),
    ) -> Result<Pulled, OciError> {
        let mut session = Session::new(self, reference, "pull")?;
        let (manifest, digest) = self.manifest(&mut session, reference).await?;
        let component = &manifest.component;
        within(Part::Component, component, self.options.largest)?;
        let target = reference.target(
            self.scheme(reference),
            &format!("blobs/{}", component.digest),
        );
        let answered = session
            .ask(target?, &Question::get(Part::Component))
            .await?;
        if answered.answer.status != StatusCode::OK {
            return Err(refusal(answered, Part::Component, "such component").await);
        }
        let other_size = |found| OciError::Size {
            part: Part::Component,
            found,
            expected: component.size,
        };
        if let Some(declared) = answered.answer.declared()
            && declared != component.size
        {
            return Err(other_size(declared));
        }
        progress(0, component.size);
        let tell = |done: u64, _: Option<u64>| progress(done, component.size);
        let bytes = read(answered.answer, Part::Component, component.size, &tell).await?;
        if bytes.len() as u64 != component.size {
            return Err(other_size(bytes.len() as u64));
        }
        same_digest(Part::Component, &digest_of(&bytes), &component.digest)?;
        Ok(Pulled {
            bytes,
            signature: manifest.signature,
            manifest: digest,
        })
    }

    /// The manifest that a reference names, and its digest.
    async fn manifest(
        &self,
        session: &mut Session<'_>,
        reference: &Reference,
    ) -> Result<(Manifest, String), OciError> {
        let (Version::Tag(version) | Version::Digest(version)) = &reference.version;
        let target = reference.target(self.scheme(reference), &format!("manifests/{version}"))?;
        let question = Question {
            accept: Some(accepted()),
            ..Question::get(Part::Manifest)
        };
        let answered = session.ask(target, &question).await?;
        if answered.answer.status != StatusCode::OK {
            return Err(refusal(answered, Part::Manifest, &format!("`{reference}`")).await);
        }
        let headers = &answered.answer.headers;
        let served_as = text(headers, CONTENT_TYPE.as_str()).unwrap_or_default();
        let served_as = served_as
            .split(';')
            .next()
            .unwrap_or_default()
            .trim()
            .to_owned();
        let claimed = text(headers, "docker-content-digest");
        let bytes = read(
            answered.answer,
            Part::Manifest,
            LARGEST_MANIFEST,
            &|_, _| {},
        )
        .await?;
        let digest = digest_of(&bytes);
        if let Version::Digest(asked) = &reference.version {
            same_digest(Part::Manifest, &digest, asked)?;
        }
        // Registries may claim digests of other kinds, which say nothing that could be looked at here.
        if let Some(claimed) = claimed.filter(|claimed| claimed.starts_with("sha256:")) {
            same_digest(Part::Manifest, &digest, &claimed)?;
        }
        Ok((Manifest::parse(&served_as, &bytes)?, digest))
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?.to_str().ok()?;
    Some(value.to_owned())
}

pub(crate) fn same_digest(part: Part, found: &str, expected: &str) -> Result<(), OciError> {
    match found == expected {
        true => Ok(()),
        false => Err(OciError::Digest {
            part,
            found: found.to_owned(),
            expected: expected.chars().take(100).collect(),
        }),
    }
}
