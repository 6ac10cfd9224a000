//! The power goes at any point.

use std::collections::BTreeSet;

use menagerie_power::{Chance, Cut, Image, Platter, Progress, Step, seeds};

use crate::aftermath::check;
use crate::backend::wait;
use crate::life::{Asked, Forgotten, Life, Size};

/// Large enough to share transactions and to make SQLite move its log.
const USUAL: Size = Size {
    runs: 5,
    rounds: 30,
    large_once_in: 25,
};

/// Every point of it is tried.
const SMALL: Size = Size {
    runs: 3,
    rounds: 6,
    large_once_in: 12,
};

/// A life that was lived to its end.
pub(crate) struct Lived {
    record: Vec<Step>,
    history: Vec<Asked>,
    platter: Platter,
}

impl Lived {
    pub(crate) fn new(
        seed: u64,
        size: Size,
        forgotten: Option<Forgotten>,
        synchronous_off: bool,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut life = Life::new(folder.path(), seed, size, forgotten);
        if synchronous_off {
            life.disk.turn_synchronous_off();
        }
        wait(life.live());
        Self {
            record: life.disk.record(),
            platter: Platter::new(life.disk.folder()),
            history: life.history,
        }
    }

    /// Cuts the power after each of these steps, in these ways.
    pub(crate) fn check(
        &self,
        points: &BTreeSet<usize>,
        cuts: impl Fn(usize) -> Vec<Cut>,
    ) -> Result<usize, String> {
        let mut platter = self.platter.clone();
        let mut acked = BTreeSet::new();
        let mut images = 0;
        // A cut that leaves the same image as one before, and nothing more was answered.
        let mut seen: Vec<Image> = Vec::new();
        for (index, step) in self.record.iter().enumerate() {
            platter.pass(step);
            if let Step::Mark(mark) = step {
                acked.insert(*mark as usize);
                seen.clear();
            }
            if !points.contains(&index) {
                continue;
            }
            for mut cut in cuts(index) {
                let image = platter.cut(&mut cut);
                if seen.contains(&image) {
                    continue;
                }
                images += 1;
                wait(check(&image, &self.history, &acked))
                    .map_err(|wrong| format!("cut after step {index}, {cut:?}: {wrong}"))?;
                seen = vec![image];
            }
        }
        Ok(images)
    }

    pub(crate) fn every_point(&self) -> BTreeSet<usize> {
        (0..self.record.len()).collect()
    }

    /// The ends of commits and of syncs, which is where something may be missing.
    pub(crate) fn marks(&self) -> BTreeSet<usize> {
        let marks = self.record.iter().enumerate();
        let marks = marks.filter(|(_, step)| matches!(step, Step::Mark(_)));
        marks.map(|(index, _)| index).collect()
    }

    pub(crate) fn some_points(&self, chance: &mut Chance, count: usize) -> BTreeSet<usize> {
        (0..count)
            .map(|_| chance.index(self.record.len()))
            .collect()
    }
}

fn all_cuts(seed: u64) -> Vec<Cut> {
    vec![Cut::Lost, Cut::Kept, Cut::Torn(Chance::new(seed))]
}

#[test]
fn a_cut_at_any_point_of_a_small_schedule_loses_nothing_that_was_answered() {
    for seed in seeds(0..1) {
        let lived = Lived::new(seed, SMALL, None, false);
        let images = lived.check(&lived.every_point(), |index| all_cuts(seed ^ index as u64));
        let images = images.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
        assert!(images > 200, "only {images} different stores were left");
    }
}

fn survive_cuts(usual: std::ops::Range<u64>, points: usize) {
    let seeds = seeds(usual);
    let progress = Progress::new("power cuts", seeds.end - seeds.start);
    for seed in seeds {
        survives_cuts(seed, points);
        progress.passed(seed);
    }
}

fn survives_cuts(seed: u64, points: usize) {
    let lived = Lived::new(seed, USUAL, None, false);
    let mut chance = Chance::new(!seed);
    let points = lived.some_points(&mut chance, points);
    let checked = lived.check(&points, |index| all_cuts(seed ^ index as u64));
    checked.unwrap_or_else(|wrong| panic!("seed {seed}: {wrong}"));
}

#[test]
fn a_cut_anywhere_in_a_random_schedule_loses_nothing_that_was_answered() {
    survive_cuts(100..112, 6);
}

#[test]
#[ignore = "takes minutes: cargo test --workspace --test power -- --ignored"]
fn cuts_in_many_random_schedules_lose_nothing_that_was_answered() {
    survive_cuts(1_000..1_200, 40);
}
