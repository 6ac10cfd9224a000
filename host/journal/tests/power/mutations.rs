//! Stores that forget to sync something lose what they have answered, and the suite sees it: were it
//! blind, it would prove nothing of the store that does not forget.

use menagerie_power::Cut;

use crate::cuts::Lived;
use crate::life::{Forgotten, Size};

const SIZE: Size = Size {
    runs: 3,
    rounds: 10,
    large_once_in: 6,
};

/// How many schedules are tried before the suite counts as blind.
const SEEDS: std::ops::Range<u64> = 0..8;

/// What is found wrong with a mutated store whose power is cut after each answer.
fn found(forgotten: Option<Forgotten>, synchronous_off: bool) -> String {
    let found = SEEDS.into_iter().find_map(|seed| {
        let lived = Lived::new(seed, SIZE, forgotten, synchronous_off);
        lived.check(&lived.marks(), |_| vec![Cut::Lost]).err()
    });
    found.unwrap_or_else(|| panic!("no cut in {SEEDS:?} does any harm: the suite is blind"))
}

#[test]
fn without_a_mutation_the_same_schedules_are_survived() {
    for seed in SEEDS {
        let lived = Lived::new(seed, SIZE, None, false);
        let checked = lived.check(&lived.marks(), |_| vec![Cut::Lost]);
        checked.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
    }
}

#[test]
fn synchronous_off_loses_an_answered_commit() {
    let wrong = found(None, true);
    assert!(wrong.contains("was answered and is lost"), "{wrong}");
}

#[test]
fn an_unsynced_content_file_is_found() {
    let wrong = found(Some(Forgotten::File), false);
    assert!(wrong.contains("bytes have another digest"), "{wrong}");
}

#[test]
fn an_unsynced_content_folder_is_found() {
    let wrong = found(Some(Forgotten::ContentFolder), false);
    assert!(wrong.contains("its file is missing"), "{wrong}");
}

#[test]
fn unsynced_outer_folders_are_found() {
    let wrong = found(Some(Forgotten::OuterFolders), false);
    assert!(wrong.contains("was answered and is lost"), "{wrong}");
}
