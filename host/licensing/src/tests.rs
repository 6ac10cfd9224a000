//! What a licence gives, and what is refused: by example, and under arbitrary damage.
#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::BTreeSet;

use proptest::prelude::*;
use serde_json::{Value, json};

use crate::issue::{development_seed, public_key, sign};
use crate::keys::DEVELOPMENT_KEY;
use crate::{Entitlements, Feature, LicenceError, Limit, Tier, TrustedKeys, verify};

const SEED: [u8; 32] = [7; 32];
const OTHER_SEED: [u8; 32] = [8; 32];
/// A time within the licences of these tests.
const NOW: u64 = 1_800_000_500;

fn trusted() -> TrustedKeys {
    TrustedKeys::for_test(&[&public_key(&SEED)])
}

/// Good terms with `changes` laid over them.
fn terms(changes: Value) -> Value {
    let Value::Object(changes) = changes else {
        panic!("changes are an object");
    };
    let mut terms = json!({
        "tier": "professional",
        "holder": "Example & Sons",
        "not_before": 1_800_000_000_u64,
        "expires": 1_800_001_000_u64,
        "grace": 100,
    });
    terms.as_object_mut().unwrap().extend(changes);
    terms
}

fn verify_terms(changes: Value, now: u64) -> Result<Entitlements, LicenceError> {
    let file = sign(&terms(changes), &SEED);
    verify(Some(file.as_bytes()), now, &trusted())
}

#[track_caller]
fn check_refused(file: &[u8], expected: &str) {
    let error = verify(Some(file), NOW, &trusted()).unwrap_err().to_string();
    assert!(error.contains(expected), "{error}");
}

#[test]
fn no_file_is_the_community_tier() {
    let entitlements = verify(None, NOW, &trusted()).unwrap();
    assert_eq!(entitlements, Entitlements::community());
    assert_eq!(entitlements.parallel_width(), 2);
    assert_eq!(entitlements.check_agents(5), Ok(()));
    assert_eq!(entitlements.check_concurrent_pipelines(1), Ok(()));
    assert_eq!(entitlements.feature(Feature::SequentialExecution), Ok(()));
}

#[test]
fn each_tier_has_its_figures_and_features() {
    let check = |tier: &str, figures: [Limit; 3], width: u32, features: &[Feature]| {
        let found = verify_terms(json!({ "tier": tier }), NOW).unwrap();
        let limits = found.limits;
        assert_eq!(
            [
                limits.concurrent_pipelines,
                limits.agents_per_pipeline,
                limits.parallel_agents
            ],
            figures,
            "{tier}"
        );
        assert_eq!(found.parallel_width(), width, "{tier}");
        assert_eq!(found.features, features.iter().copied().collect(), "{tier}");
        assert_eq!(found.holder.as_deref(), Some("Example & Sons"));
    };
    let few = Limit::AtMost;
    let basic = [Feature::BasicAgents, Feature::SequentialExecution];
    check("community", [few(1), few(5), few(2)], 2, &basic);
    check(
        "professional",
        [few(5), few(20), few(10)],
        10,
        &Feature::ALL,
    );
    check("enterprise", [Limit::Unlimited; 3], u32::MAX, &Feature::ALL);
}

#[test]
fn a_refusal_names_the_tier_the_limit_and_the_figure() {
    let community = Entitlements::community();
    let check = |refused: Result<(), crate::Refusal>, expected: &str| {
        assert_eq!(refused.unwrap_err().to_string(), expected);
    };
    check(
        community.check_agents(7),
        "agents per pipeline: the community tier allows 5, and this flow has 7",
    );
    check(
        community.check_concurrent_pipelines(2),
        "concurrent pipelines: the community tier allows 1, and this would be number 2",
    );
    check(
        community.feature(Feature::ProcessMining),
        "the licence in force (community) is without `process_mining`, which comes with the \
         professional tier",
    );
    assert!(community.check_agents(usize::MAX).is_err());
}

#[test]
fn overrides_narrow_and_widen_as_signed() {
    let found = verify_terms(
        json!({
            "limits": { "concurrent_pipelines": "unlimited", "agents_per_pipeline": 3 },
            "features": { "remove": ["process_mining"] },
        }),
        NOW,
    )
    .unwrap();
    assert_eq!(found.check_concurrent_pipelines(1_000_000), Ok(()));
    assert!(found.check_agents(4).is_err());
    assert_eq!(found.limits.parallel_agents, Limit::AtMost(10), "untouched");
    assert!(found.feature(Feature::ProcessMining).is_err());
    assert_eq!(found.feature(Feature::ExternalActions), Ok(()));
}

#[test]
fn a_wider_figure_without_the_feature_leaves_the_width_at_two() {
    let wide = json!({ "tier": "community", "limits": { "parallel_agents": 50 } });
    assert_eq!(verify_terms(wide, NOW).unwrap().parallel_width(), 2);
    let wide = json!({
        "tier": "community",
        "limits": { "parallel_agents": 50 },
        "features": { "add": ["parallel_execution"] },
    });
    assert_eq!(verify_terms(wide, NOW).unwrap().parallel_width(), 50);
    let narrow = json!({ "tier": "enterprise", "limits": { "parallel_agents": 1 } });
    assert_eq!(verify_terms(narrow, NOW).unwrap().parallel_width(), 1);
}

#[test]
fn a_licence_counts_from_its_first_second_to_the_end_of_its_grace_period() {
    let at = |now| verify_terms(json!({}), now);
    assert_eq!(
        at(1_799_999_999).unwrap_err().to_string(),
        "the licence of Example & Sons begins at 2027-01-15T08:00:00Z"
    );
    assert!(!at(1_800_000_000).unwrap().in_grace);
    assert!(!at(1_800_000_999).unwrap().in_grace);
    let grace = at(1_800_001_000).unwrap();
    assert!(grace.in_grace);
    assert_eq!(grace.tier, Tier::Professional, "all of it counts in grace");
    assert_eq!(grace.expires, Some(1_800_001_000));
    assert_eq!(grace.grace_until, Some(1_800_001_100));
    assert!(at(1_800_001_099).unwrap().in_grace);
    assert_eq!(
        at(1_800_001_100).unwrap_err().to_string(),
        "the licence of Example & Sons expired at 2027-01-15T08:16:40Z, and its grace period \
         ended at 2027-01-15T08:18:20Z"
    );
    let endless = verify_terms(json!({ "grace": u64::MAX }), u64::MAX - 1);
    assert!(endless.unwrap().in_grace, "no overflow");
}

#[test]
fn a_key_that_the_operator_brought_does_not_count() {
    let file = sign(&terms(json!({ "tier": "enterprise" })), &OTHER_SEED);
    check_refused(file.as_bytes(), "none of this build's issuers'");
    check_refused(file.as_bytes(), &public_key(&OTHER_SEED));
    // Naming the issuer does not help: the signature is another's.
    let posing = file.replace(&public_key(&OTHER_SEED), &public_key(&SEED));
    check_refused(posing.as_bytes(), "altered after it was signed");
}

#[test]
fn altered_terms_are_refused() {
    let file = sign(&terms(json!({})), &SEED);
    let altered = file.replace("professional", "enterprise");
    assert_ne!(altered, file);
    check_refused(altered.as_bytes(), "altered after it was signed");
}

#[test]
fn what_is_no_licence_is_refused_by_its_reason() {
    let good = sign(&terms(json!({})), &SEED);
    let lines: Vec<&str> = good.lines().collect();
    check_refused(b"", "its first line is not");
    check_refused(b"\xff\xfe", "not UTF-8");
    check_refused(&vec![b' '; 70_000], "longer than 64 KiB");
    check_refused(b"menagerie-licence 2\n{}\n", "has format \"2\"");
    check_refused(lines[..2].join("\n").as_bytes(), "not exactly three lines");
    check_refused(
        format!("{good}more\n").as_bytes(),
        "not exactly three lines",
    );
    let unsigned = format!("{}\n{}\nnone\n", lines[0], lines[1]);
    check_refused(unsigned.as_bytes(), "its third line is not");
    let short = &good[..good.len() - 3];
    check_refused(short.as_bytes(), "altered after it was signed");
}

#[test]
fn signed_terms_that_are_not_understood_are_refused() {
    let check = |changes: Value, expected: &str| {
        let error = verify_terms(changes, NOW).unwrap_err();
        assert!(matches!(error, LicenceError::BadTerms(_)), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    check(json!({ "tier": "platinum" }), "platinum");
    check(json!({ "only_on": "tuesdays" }), "only_on");
    check(json!({ "limits": { "agents": 5 } }), "agents");
    check(
        json!({ "limits": { "agents_per_pipeline": 0 } }),
        "positive number",
    );
    check(json!({ "limits": { "agents_per_pipeline": -1 } }), "");
    check(
        json!({ "features": { "add": ["everything"] } }),
        "everything",
    );
    check(
        json!({ "features": { "add": ["process_mining"], "remove": ["process_mining"] } }),
        "both added and removed",
    );
    check(json!({ "holder": "" }), "1 to 200 characters");
    check(json!({ "holder": "\u{1b}[2J" }), "control characters");
    check(json!({ "expires": 1_800_000_000_u64 }), "not after");
}

#[test]
fn line_ends_of_another_system_change_nothing() {
    let file = sign(&terms(json!({})), &SEED);
    let expected = verify(Some(file.as_bytes()), NOW, &trusted()).unwrap();
    for other in [file.replace('\n', "\r\n"), file.trim_end().to_owned()] {
        assert_eq!(
            verify(Some(other.as_bytes()), NOW, &trusted()),
            Ok(expected.clone())
        );
    }
}

#[test]
fn the_compiled_in_key_is_the_documented_development_key() {
    assert_eq!(public_key(&development_seed()), DEVELOPMENT_KEY);
    let compiled_in = TrustedKeys::compiled_in();
    assert!(compiled_in.count() > 0, "no key was read");
    assert!(compiled_in.includes_development_key());
    assert!(!trusted().includes_development_key());
    let file = sign(&terms(json!({})), &development_seed());
    assert!(verify(Some(file.as_bytes()), NOW, &compiled_in).is_ok());
    let foreign = sign(&terms(json!({})), &SEED);
    assert!(verify(Some(foreign.as_bytes()), NOW, &compiled_in).is_err());
}

#[test]
fn a_key_that_anybody_can_sign_for_is_no_key() {
    // The neutral element of the curve, and bytes that are no point.
    let neutral = format!("01{}", "00".repeat(31));
    let no_point = format!("02{}", "00".repeat(31));
    for bad in [neutral, no_point, "00".repeat(31), String::new()] {
        assert_eq!(TrustedKeys::for_test(&[&bad]).count(), 0, "{bad}");
    }
}

#[test]
fn entitlements_are_recorded_and_read_back_as_they_were() {
    let found = verify_terms(json!({ "limits": { "parallel_agents": "unlimited" } }), NOW).unwrap();
    let text = serde_json::to_string(&found).unwrap();
    assert!(text.contains("\"parallel_agents\":\"unlimited\""), "{text}");
    assert_eq!(serde_json::from_str::<Entitlements>(&text).unwrap(), found);
}

/// Whether `found` allows anything that `bound` does not.
fn widens(found: &Entitlements, bound: &Entitlements) -> bool {
    let figures = |of: &Entitlements| {
        [
            of.limits.concurrent_pipelines.figure(),
            of.limits.agents_per_pipeline.figure(),
            of.parallel_width(),
        ]
    };
    let more = std::iter::zip(figures(found), figures(bound)).any(|(found, bound)| found > bound);
    more || !found.features.is_subset(&bound.features)
}

proptest! {
    /// proptest prints the seed of a case that fails.
    #[test]
    fn a_changed_byte_never_widens_anything(
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let file = sign(&terms(json!({})), &SEED).into_bytes();
        let signed = verify(Some(&file), NOW, &trusted()).unwrap();
        let mut altered = file.clone();
        let at = at.index(file.len());
        altered[at] = byte;
        if let Ok(found) = verify(Some(&altered), NOW, &trusted()) {
            prop_assert_eq!(&found, &signed);
            // The same licence written otherwise: the last line end, or the case of a digit.
            let same = file[at].eq_ignore_ascii_case(&byte) || at == file.len() - 1;
            prop_assert!(same, "byte {} became {} unnoticed", at, byte);
        }
    }

    #[test]
    fn removed_repeated_and_foreign_pieces_never_widen_anything(
        start in any::<prop::sample::Index>(),
        length in 0_usize..40,
        inserted in proptest::collection::vec(any::<u8>(), 0..40),
    ) {
        let file = sign(&terms(json!({})), &SEED).into_bytes();
        let signed = verify(Some(&file), NOW, &trusted()).unwrap();
        let start = start.index(file.len());
        let end = (start + length).min(file.len());
        let altered = [&file[..start], &inserted, &file[end..]].concat();
        if let Ok(found) = verify(Some(&altered), NOW, &trusted()) {
            prop_assert_eq!(found, signed);
        }
    }

    #[test]
    fn arbitrary_bytes_are_no_licence(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        prop_assert!(verify(Some(&bytes), NOW, &trusted()).is_err());
    }

    #[test]
    fn nothing_but_what_was_signed_is_ever_allowed(
        tier in prop::sample::select(vec!["community", "professional", "enterprise"]),
        figure in prop::option::of(1_u32..100),
        removed in prop::sample::subsequence(Feature::ALL.to_vec(), 0..5),
        now in 1_799_999_000_u64..1_800_003_000,
    ) {
        let limits = figure.map_or_else(|| json!({}), |most| json!({ "agents_per_pipeline": most }));
        let changes = json!({
            "tier": tier,
            "limits": limits,
            "features": { "remove": removed },
        });
        let found = verify_terms(changes, now);
        let within = (1_800_000_000..1_800_001_100).contains(&now);
        prop_assert_eq!(found.is_ok(), within);
        let Ok(found) = found else { return Ok(()) };
        let mut bound = verify_terms(json!({ "tier": tier }), NOW).unwrap();
        if let Some(most) = figure {
            bound.limits.agents_per_pipeline = Limit::AtMost(most);
        }
        prop_assert!(!widens(&found, &bound));
        let removed: BTreeSet<Feature> = removed.into_iter().collect();
        prop_assert!(found.features.is_disjoint(&removed));
    }
}
