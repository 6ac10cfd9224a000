//! Golden histories as timelines: parts add up, and each cause is told where it was.

use std::path::PathBuf;

use menagerie_orchestration::event::Recorded;
use menagerie_orchestration::history_file::HistoryFile;

use super::{Part, Stretch, Timeline, svg, totals};

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/histories")
}

fn history(path: PathBuf) -> Vec<Recorded> {
    let text = std::fs::read_to_string(path).unwrap();
    HistoryFile::parse(&text).unwrap().recorded().unwrap()
}

fn named(name: &str) -> Timeline {
    Timeline::of(&history(folder().join(format!("{name}.jsonl"))))
}

/// Without gaps or overlaps, from one end to the other.
fn assert_whole(stretches: &[Stretch], what: &str) {
    for pair in stretches.windows(2) {
        assert_eq!(pair[0].to_ms, pair[1].from_ms, "{what}: {stretches:?}");
    }
    assert!(
        stretches.iter().all(|one| one.from_ms < one.to_ms),
        "{what}"
    );
}

#[test]
fn in_every_history_the_parts_add_up_to_the_duration() {
    let mut seen = 0;
    for entry in std::fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path
            .extension()
            .is_none_or(|extension| extension != "jsonl")
        {
            continue;
        }
        seen += 1;
        let name = path.display().to_string();
        let events = history(path);
        let timeline = Timeline::of(&events);
        let took = events.last().unwrap().at.0 - events[0].at.0;
        let sum: i64 = totals(&timeline.run).iter().map(|(_, ms)| ms).sum();
        assert_eq!(sum, took, "{name}");
        assert_whole(&timeline.run, &name);
        for life in &timeline.lives {
            assert_whole(&life.stretches, &format!("{name}: {}", life.step));
        }
        let picture = svg(&timeline, &name, "<flow> & 'more'");
        assert!(
            picture.contains("&lt;flow&gt; &amp; &#39;more&#39;") && !picture.contains("<flow>")
        );
    }
    assert!(seen > 30, "only {seen} histories");
}

/// How long a part took over all steps.
fn spent(timeline: &Timeline, part: Part) -> i64 {
    let lives = timeline.lives.iter().flat_map(|life| &life.stretches);
    let of_part = lives.filter(|stretch| stretch.part == part);
    of_part.map(|stretch| stretch.to_ms - stretch.from_ms).sum()
}

#[test]
fn each_cause_of_a_wait_is_told_where_it_was() {
    assert!(spent(&named("retry-with-back-off"), Part::Retry) > 0);
    assert!(spent(&named("pause-and-unpause"), Part::Pause) > 0);
    let fork = named("fork");
    let down: i64 = totals(&fork.run)
        .iter()
        .filter(|(part, _)| *part == Part::Down)
        .map(|(_, ms)| ms)
        .sum();
    assert!(down >= 1_000_000, "between a run and its fork: {down}");
    assert!(
        fork.marks
            .iter()
            .any(|mark| mark.what == "forked from run-1")
    );
}
