//! The licence file: three lines, of which the second is what was signed.
//!
//! ```text
//! menagerie-licence 1
//! {"tier":"professional","holder":"…","not_before":…,"expires":…,"grace":…}
//! ed25519 <the issuer's public key> <the signature over the two lines above>
//! ```

use std::collections::BTreeSet;

use ed25519_dalek::Signature;
use serde::Deserialize;
use thiserror::Error;

use crate::entitlements::Entitlements;
use crate::keys::TrustedKeys;
use crate::tier::{Feature, Limit, Tier};

/// How each licence of this format begins.
pub(crate) const FIRST_LINE: &str = "menagerie-licence 1";
/// The word before the version.
const MAGIC: &str = "menagerie-licence ";
/// A licence is a few hundred bytes; more is something else.
const LONGEST_FILE: usize = 64 * 1024;
/// The longest name of a holder, in characters.
const LONGEST_HOLDER: usize = 200;

/// Why a licence file is refused. Nothing in a refused file counts.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum LicenceError {
    /// The bytes are something else.
    #[error("this is no licence file: {0}")]
    NotALicence(&'static str),
    /// A format that this build does not read.
    #[error("the licence has format {0:?}; this build reads format 1: a newer build is needed")]
    UnknownFormat(String),
    /// Signed, but by somebody else.
    #[error("the licence is signed with the key {0}, which is none of this build's issuers'")]
    UntrustedKey(String),
    /// The signature is not the issuer's over these terms.
    #[error("the licence was altered after it was signed, or its signature is forged")]
    BadSignature,
    /// Signed by the issuer, and still not understood: refused rather than guessed at.
    #[error("the terms of the licence cannot be read: {0}")]
    BadTerms(String),
    /// Its time has not come.
    #[error("the licence of {holder} begins at {}", instant(*.not_before))]
    NotYetValid {
        /// Who holds it.
        holder: String,
        /// When it begins, in seconds since 1970.
        not_before: u64,
    },
    /// Its time is over, and so is its grace period.
    #[error(
        "the licence of {holder} expired at {}, and its grace period ended at {}",
        instant(*.expired),
        instant(*.grace_ended)
    )]
    Expired {
        /// Who held it.
        holder: String,
        /// When it expired, in seconds since 1970.
        expired: u64,
        /// When its grace period was over, in seconds since 1970.
        grace_ended: u64,
    },
}

/// What was signed. Unknown fields are refused: one of them might narrow.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Terms {
    tier: Tier,
    holder: String,
    /// Seconds since 1970; the first second in which the licence counts.
    not_before: u64,
    /// Seconds since 1970; the first second in which it does not.
    expires: u64,
    /// Seconds after `expires` for which it is honoured with a warning.
    #[serde(default)]
    grace: u64,
    #[serde(default)]
    limits: LimitOverrides,
    #[serde(default)]
    features: FeatureOverrides,
}

/// Figures in place of the tier's, narrower or wider.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitOverrides {
    concurrent_pipelines: Option<Limit>,
    agents_per_pipeline: Option<Limit>,
    parallel_agents: Option<Limit>,
}

/// Features beside the tier's, and without some of them.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct FeatureOverrides {
    #[serde(default)]
    add: BTreeSet<Feature>,
    #[serde(default)]
    remove: BTreeSet<Feature>,
}

/// What a host may do, given the bytes of its licence file if it has one, and the time in seconds
/// since 1970.
///
/// Without a file it is [`Entitlements::community`]. After its expiry a licence is honoured for
/// its grace period, which the answer says.
///
/// # Errors
/// A [`LicenceError`] with the reason when the file is forged, altered, expired, not yet valid or
/// none at all. The caller may then go on with [`Entitlements::community`] or stop; nothing of the
/// file counts either way.
pub fn verify(
    bytes: Option<&[u8]>,
    now: u64,
    trusted: &TrustedKeys,
) -> Result<Entitlements, LicenceError> {
    let Some(bytes) = bytes else {
        return Ok(Entitlements::community());
    };
    let terms = signed_terms(bytes, trusted)?;
    let terms = read_terms(terms)?;
    entitlements(terms, now)
}

/// The bytes that a signature is over. They begin with the format's name, so that nothing else
/// that the issuer may ever sign reads as a licence.
pub(crate) fn signed_bytes(terms: &str) -> Vec<u8> {
    format!("{FIRST_LINE}\n{terms}\n").into_bytes()
}

/// The second line of a licence file, if an issuer signed it.
fn signed_terms<'b>(bytes: &'b [u8], trusted: &TrustedKeys) -> Result<&'b str, LicenceError> {
    if bytes.len() > LONGEST_FILE {
        return Err(LicenceError::NotALicence("it is longer than 64 KiB"));
    }
    let text =
        str::from_utf8(bytes).map_err(|_| LicenceError::NotALicence("it is not UTF-8 text"))?;
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    if first != FIRST_LINE {
        return Err(match first.strip_prefix(MAGIC) {
            Some(version) => LicenceError::UnknownFormat(version.chars().take(20).collect()),
            None => LicenceError::NotALicence("its first line is not `menagerie-licence 1`"),
        });
    }
    let (Some(terms), Some(seal), None) = (lines.next(), lines.next(), lines.next()) else {
        return Err(LicenceError::NotALicence("it has not exactly three lines"));
    };
    let mut words = seal.split(' ');
    let (Some("ed25519"), Some(named), Some(signature), None) =
        (words.next(), words.next(), words.next(), words.next())
    else {
        return Err(LicenceError::NotALicence(
            "its third line is not `ed25519 <key> <signature>`",
        ));
    };
    let Some(key) = trusted.find(named) else {
        let shown = named.chars().filter(char::is_ascii_alphanumeric);
        return Err(LicenceError::UntrustedKey(shown.take(64).collect()));
    };
    let mut raw = [0; 64];
    hex::decode_to_slice(signature, &mut raw).map_err(|_| LicenceError::BadSignature)?;
    if !key.signed(&signed_bytes(terms), &Signature::from_bytes(&raw)) {
        return Err(LicenceError::BadSignature);
    }
    Ok(terms)
}

fn read_terms(terms: &str) -> Result<Terms, LicenceError> {
    let terms: Terms =
        serde_json::from_str(terms).map_err(|error| LicenceError::BadTerms(error.to_string()))?;
    let bad = |reason: &str| Err(LicenceError::BadTerms(reason.to_owned()));
    if terms.holder.is_empty() || terms.holder.chars().count() > LONGEST_HOLDER {
        return bad("`holder` must have 1 to 200 characters");
    }
    if terms.holder.contains(char::is_control) {
        return bad("`holder` has control characters");
    }
    if terms.not_before >= terms.expires {
        return bad("`expires` is not after `not_before`");
    }
    if !terms.features.add.is_disjoint(&terms.features.remove) {
        return bad("a feature is both added and removed");
    }
    Ok(terms)
}

fn entitlements(terms: Terms, now: u64) -> Result<Entitlements, LicenceError> {
    let Terms {
        tier,
        holder,
        not_before,
        expires,
        grace,
        limits: overrides,
        features: changes,
    } = terms;
    if now < not_before {
        return Err(LicenceError::NotYetValid { holder, not_before });
    }
    let grace_until = expires.saturating_add(grace);
    if now >= grace_until {
        return Err(LicenceError::Expired {
            holder,
            expired: expires,
            grace_ended: grace_until,
        });
    }
    let mut limits = tier.limits();
    for (figure, signed) in [
        (
            &mut limits.concurrent_pipelines,
            overrides.concurrent_pipelines,
        ),
        (
            &mut limits.agents_per_pipeline,
            overrides.agents_per_pipeline,
        ),
        (&mut limits.parallel_agents, overrides.parallel_agents),
    ] {
        *figure = signed.unwrap_or(*figure);
    }
    let mut features = tier.features();
    features.extend(changes.add);
    features.retain(|feature| !changes.remove.contains(feature));
    Ok(Entitlements {
        tier,
        holder: Some(holder),
        limits,
        features,
        expires: Some(expires),
        grace_until: Some(grace_until),
        in_grace: now >= expires,
    })
}

/// Seconds since 1970 as an RFC 3339 instant, in UTC.
fn instant(seconds: u64) -> String {
    // The days of the Gregorian calendar repeat every 400 years. Years are counted from March, so
    // that the leap day comes last, and the month follows from the day within the year.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (seconds / 3_600 % 24, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn instants_follow_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (951_868_800, "2000-03-01T00:00:00Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(instant(seconds), expected);
        }
        assert!(instant(u64::MAX).ends_with('Z'), "no overflow");
    }
}
