//! Whose signature counts.

use ed25519_dalek::{Signature, VerifyingKey};

/// The public keys of the issuer: compiled in, since a key that an operator could bring would let
/// every operator issue licences.
///
/// **This is a development key.** Its secret half is [`crate::issue::development_seed`], which
/// everybody can compute. Whoever builds for customers makes a pair on a machine of their own (32
/// random bytes are the seed, [`crate::issue::public_key`] gives the public half), keeps the seed
/// off every machine that builds, and replaces this list. An old key stays in the list for as long
/// as licences signed with it are honoured.
const ISSUER_KEYS: [&str; 1] = [DEVELOPMENT_KEY];

/// The public half of [`crate::issue::development_seed`].
pub(crate) const DEVELOPMENT_KEY: &str =
    "6d1b4ae0ebfcf82cc0d9aa230d106ae4be5e9c63791816c8622e787684310498";

/// The issuers whose signature makes a licence.
#[derive(Debug, Clone)]
pub struct TrustedKeys(Vec<VerifyingKey>);

impl TrustedKeys {
    /// The keys that this build was made with: the only way to get any outside of this crate.
    #[must_use]
    pub fn compiled_in() -> Self {
        Self(ISSUER_KEYS.iter().filter_map(|key| read_key(key)).collect())
    }

    /// Keys for the tests of this crate.
    #[cfg(test)]
    pub(crate) fn for_test(keys: &[&str]) -> Self {
        Self(keys.iter().filter_map(|key| read_key(key)).collect())
    }

    /// Whether the public development key is among them: everybody can make licences for this
    /// build. Worth a warning from whatever reports on an installation.
    #[must_use]
    pub fn includes_development_key(&self) -> bool {
        self.find(DEVELOPMENT_KEY).is_some()
    }

    /// How many there are.
    #[cfg(test)]
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }

    /// The trusted key that a licence names; what it names is never a key by itself.
    pub(crate) fn find(&self, named: &str) -> Option<TrustedKey<'_>> {
        let bytes = hex::decode(named).ok()?;
        let key = self.0.iter().find(|key| key.as_bytes()[..] == bytes[..])?;
        Some(TrustedKey(key))
    }
}

/// One key out of [`TrustedKeys`].
pub(crate) struct TrustedKey<'a>(&'a VerifyingKey);

impl TrustedKey<'_> {
    /// Whether this key's owner signed `message`. Strict: a signature has one form only.
    pub(crate) fn signed(&self, message: &[u8], signature: &Signature) -> bool {
        self.0.verify_strict(message, signature).is_ok()
    }
}

/// A key that is no point, or that anybody could sign for, is none.
fn read_key(key: &str) -> Option<VerifyingKey> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(key, &mut bytes).ok()?;
    let key = VerifyingKey::from_bytes(&bytes).ok()?;
    (!key.is_weak()).then_some(key)
}
