//! Plugins of registries that speak the OCI distribution protocol: how they are named, got and put there.
//!
//! - [`Reference`]: `oci://HOST[:PORT]/NAME:TAG` or `…@sha256:…`.
//! - [`Client`]: [`pull`](Client::pull) and [`push`](Client::push) one component.
//! - [`Keyring`]: who a registry is told that asks, each word for one host alone.
//!
//! An artifact is laid out as CNCF's TAG Runtime says: an image manifest whose configuration is
//! [`CONFIG_TYPE`] and whose only layer, [`LAYER_TYPE`], is the component. A signature in minisign's format
//! stands in the manifest's annotation [`SIGNATURE`]: it is over the component's bytes, whatever registry
//! they come from.
//!
//! What it must not know: the registry of a store, flows, runs, settings.

mod answer;
mod challenge;
mod client;
mod error;
#[cfg(test)]
mod fuzzed;
mod keyring;
mod manifest;
mod pull;
mod push;
mod reference;
mod session;

pub use client::{Client, Options};
pub use error::{OciError, Part};
pub use keyring::{Keyring, KeyringError};
pub use manifest::{CONFIG_TYPE, LAYER_TYPE, MANIFEST_TYPE, SIGNATURE};
pub use pull::Pulled;
pub use push::{Described, Pushed};
pub use reference::{Reference, Version};
