//! The issuer's side: terms to a licence file. It gives no authority: that is the secret key's.

use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};

use crate::licence::{FIRST_LINE, signed_bytes};

/// What the development seed is made of: the SHA-256 of this text.
const DEVELOPMENT_PHRASE: &str =
    "menagerie development licence key 1: known to everybody, never for customers";

/// The secret seed of the development key. Known to everybody, so that tests of the whole program
/// can make licences.
#[must_use]
pub fn development_seed() -> [u8; 32] {
    Sha256::digest(DEVELOPMENT_PHRASE).into()
}

/// The public half of the key that `seed` is the secret of, in hexadecimal.
#[must_use]
pub fn public_key(seed: &[u8; 32]) -> String {
    hex::encode(SigningKey::from_bytes(seed).verifying_key().as_bytes())
}

/// A licence file over `terms`, signed with the key of `seed`.
///
/// The terms are one JSON object: `tier`, `holder`, `not_before`, `expires` (seconds since 1970),
/// and where they are wanted `grace` (seconds), `limits` and `features` (`{"add": […], "remove":
/// […]}`). They are not checked here: [`verify`](crate::verify) does that.
#[must_use]
pub fn sign(terms: &serde_json::Value, seed: &[u8; 32]) -> String {
    let terms = terms.to_string();
    let signature = SigningKey::from_bytes(seed).sign(&signed_bytes(&terms));
    format!(
        "{FIRST_LINE}\n{terms}\ned25519 {} {}\n",
        public_key(seed),
        hex::encode(signature.to_bytes())
    )
}
