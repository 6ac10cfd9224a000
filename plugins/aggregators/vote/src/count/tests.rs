#![allow(
    clippy::unwrap_used,
    reason = "a failed expectation in a test is the test's answer"
)]

use menagerie::{Fault, Member, Value};
use proptest::prelude::*;
use serde_json::json;

use super::{Config, Tally, count};

fn config(text: Value) -> Config {
    serde_json::from_value(text).unwrap()
}

fn by_verdict() -> Config {
    config(json!({"field": "verdict"}))
}

/// One member for each value; null abstains.
fn votes(values: &[Value]) -> Vec<Member<Value>> {
    let member = |(index, value): (usize, &Value)| {
        Member::completed(format!("m{index}"), json!({"verdict": value}))
    };
    values.iter().enumerate().map(member).collect()
}

fn tally(members: Vec<Member<Value>>, config: &Config) -> Tally {
    count(members, config).unwrap().vote
}

#[test]
fn the_value_with_the_most_votes_wins_and_not_the_first() {
    let tally = tally(
        votes(&[json!("fail"), json!("pass"), json!("pass")]),
        &by_verdict(),
    );
    assert_eq!(
        (&tally.winner, tally.votes, tally.tie),
        (&json!("pass"), 2, false)
    );
    assert_eq!(tally.counts[0].members, ["m1", "m2"]);
    assert_eq!(tally.quorum.cast, 3);
}

#[test]
fn failed_and_abstaining_members_are_listed_and_never_counted() {
    let mut members = votes(&[json!("pass"), Value::Null]);
    let mut liar = Member::failed("broken", Fault::permanent("no luck"));
    liar.output = Some(json!({"verdict": "fail"}));
    members.push(liar);
    members.push(Member::completed("silent", json!({})));
    members.push(Member::completed("bare", json!("pass")));
    members.push(Member::ended("skipped", "skipped"));
    let tally = tally(members, &by_verdict());
    assert_eq!((tally.votes, tally.counts.len()), (1, 1));
    assert_eq!(tally.abstained, ["m1", "silent", "bare"]);
    let failed: Vec<&str> = tally
        .failed
        .iter()
        .map(|failed| failed.member.as_str())
        .collect();
    assert_eq!(failed, ["broken", "skipped"]);
    let kinds: Vec<&str> = tally.ballots.iter().map(|ballot| ballot.ballot).collect();
    assert_eq!(
        kinds,
        [
            "cast",
            "abstained",
            "failed",
            "abstained",
            "abstained",
            "failed"
        ]
    );
}

#[test]
fn each_way_with_ties_does_what_it_says() {
    let tied = || votes(&[json!("b"), json!("a"), json!("a"), json!("b"), json!("c")]);
    let fault = count(tied(), &by_verdict()).unwrap_err();
    assert_eq!(fault.message, "a tie of \"b\", \"a\" with 2 votes each");
    let first = tally(
        tied(),
        &config(json!({"field": "verdict", "ties": "first"})),
    );
    assert_eq!((&first.winner, first.tie), (&json!("b"), true));
    let nobody = tally(
        tied(),
        &config(json!({"field": "verdict", "ties": "abstain"})),
    );
    assert_eq!(
        (&nobody.winner, nobody.tie, nobody.votes),
        (&Value::Null, true, 2)
    );
}

#[test]
fn a_quorum_counts_ballots_and_not_members() {
    let members = || votes(&[json!("a"), json!("a"), Value::Null, Value::Null]);
    let fault = count(members(), &config(json!({"field": "verdict", "quorum": 3}))).unwrap_err();
    assert_eq!(
        fault.message,
        "2 of 4 members cast a ballot; the quorum is 3"
    );
    let details: Value = fault.details.unwrap().read().unwrap();
    assert_eq!(details["vote"]["abstained"], json!(["m2", "m3"]));
    assert!(
        count(
            members(),
            &config(json!({"field": "verdict", "quorum_share": 0.51}))
        )
        .is_err()
    );
    assert!(
        count(
            members(),
            &config(json!({"field": "verdict", "quorum_share": 0.5}))
        )
        .is_ok()
    );
    let fault = count(
        members(),
        &config(json!({"field": "verdict", "quorum_share": 1.5})),
    )
    .unwrap_err();
    assert!(fault.message.contains("1.5"), "{fault}");
}

#[test]
fn a_majority_is_more_than_half_of_the_ballots() {
    let majority = config(json!({"field": "verdict", "needs": "majority"}));
    assert!(count(votes(&[json!(1), json!(1), json!(2), json!(3)]), &majority).is_err());
    assert_eq!(
        tally(
            votes(&[json!(1), json!(1), json!(2), Value::Null]),
            &majority
        )
        .winner,
        json!(1)
    );
}

#[test]
fn a_vote_without_any_ballot_or_any_result_is_a_failure() {
    let fault = count(votes(&[Value::Null]), &by_verdict()).unwrap_err();
    assert!(fault.message.contains("the quorum is 1"), "{fault}");
    let fault = count(vec![Member::ended("a", "cancelled")], &by_verdict()).unwrap_err();
    assert!(
        fault.message.contains("no member has a valid result"),
        "{fault}"
    );
    assert!(count(Vec::new(), &by_verdict()).is_err());
}

#[test]
fn equal_values_are_one_value_however_they_are_written() {
    let tally = tally(
        votes(&[
            json!({"a": 1, "b": [2.0]}),
            json!({"b": [2], "a": 1.0}),
            json!(1.5),
        ]),
        &by_verdict(),
    );
    assert_eq!(
        (tally.votes, &tally.winner),
        (2, &json!({"a": 1, "b": [2]}))
    );
}

#[test]
fn a_pointer_reaches_into_an_output() {
    let members = vec![Member::completed(
        "m",
        json!({"report": {"verdict": "pass"}}),
    )];
    assert_eq!(
        tally(members, &config(json!({"field": "/report/verdict"}))).winner,
        json!("pass")
    );
}

proptest! {
    #[test]
    fn the_count_is_that_of_the_plainest_count(
        ballots in prop::collection::vec(prop::option::weighted(0.8, 0u8..4), 1..20),
        failing in prop::collection::vec(any::<bool>(), 20),
    ) {
        let mut members = votes(&ballots.iter().map(|ballot| json!(ballot)).collect::<Vec<_>>());
        for (member, fails) in members.iter_mut().zip(&failing) {
            if *fails {
                member.status = "failed".to_owned();
            }
        }
        let cast: Vec<u8> =
            ballots.iter().zip(&failing).filter(|(_, fails)| !**fails).filter_map(|(ballot, _)| *ballot).collect();
        let expected = |value: u8| cast.iter().filter(|ballot| **ballot == value).count();
        let most = (0..4).map(expected).max().unwrap_or(0);
        match count(members, &config(json!({"field": "verdict", "ties": "abstain"}))) {
            Err(_) => prop_assert!(cast.is_empty()),
            Ok(output) => {
                let tally = output.vote;
                prop_assert_eq!(tally.votes, most);
                prop_assert_eq!(tally.quorum.cast, cast.len());
                prop_assert_eq!(tally.tie, (0..4).filter(|value| expected(*value) == most).count() > 1);
                prop_assert_eq!(tally.abstained.len() + tally.failed.len() + cast.len(), ballots.len());
                for count in &tally.counts {
                    let value = u8::try_from(count.value.as_u64().unwrap()).unwrap();
                    prop_assert_eq!(count.votes, expected(value));
                }
                if let Some(winner) = tally.winner.as_u64() {
                    prop_assert_eq!(expected(u8::try_from(winner).unwrap()), most);
                }
            }
        }
    }
}
