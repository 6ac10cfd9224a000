//! PNML: what other tools write is read, what means something else is refused with its place, and what is written
//! is read back.
#![allow(clippy::unwrap_used, missing_docs, reason = "a failed test may panic")]

use menagerie_mining::net::{PetriNet, Place, read_pnml, write_pnml};
use proptest::prelude::*;

mod seeded;

type Shape = Vec<(Option<String>, Vec<(u32, u32)>, Vec<(u32, u32)>)>;

fn shape(net: &PetriNet) -> Shape {
    let one = net.transitions.iter();
    one.map(|one| (one.label.clone(), one.inputs.clone(), one.outputs.clone()))
        .collect()
}

fn written(net: &PetriNet) -> String {
    let mut bytes = Vec::new();
    write_pnml(&mut bytes, net).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn error(text: &str) -> String {
    read_pnml(text).unwrap_err().to_string()
}

/// A net with `a` from `p` to `q`, and more elements, which begin on the fourth line.
fn with(more: &str) -> String {
    [
        r#"<pnml><net id="n" type="http://www.pnml.org/version-2009/grammar/ptnet"><page id="g">"#,
        r#"<place id="p"/><place id="q"/><transition id="t"><name><text>a</text></name></transition>"#,
        r#"<arc id="a1" source="p" target="t"/><arc id="a2" source="t" target="q"/>"#,
        &format!("{more}</page></net></pnml>"),
    ]
    .join("\n")
}

#[test]
fn what_is_written_is_read_back() {
    let mut net = PetriNet {
        name: "x > y & z".to_owned(),
        ..PetriNet::default()
    };
    let [start, middle, end] = ["start", "a & b", "end"].map(|name| net.place(name));
    net.transition("a", Some("do \"it\" <now>"), &[start], &[middle, middle]);
    net.transition("skip & go", None, &[start], &[end]);
    net.transition("w", Some("<\"é\n z"), &[middle, middle], &[end, end, end]);
    net.transition("s", Some(" ends with a space "), &[start], &[end]);
    net.initial = vec![(start, 1)];
    net.finals = vec![vec![(end, 3)], vec![(end, 1)]];
    let again = read_pnml(&written(&net)).unwrap();
    assert_eq!(shape(&again), shape(&net));
    assert_eq!((&again.name, &again.places), (&net.name, &net.places));
    assert_eq!((again.initial, again.finals), (net.initial, net.finals));
}

#[test]
fn a_net_without_marks_begins_and_ends_where_it_can() {
    let net = read_pnml(&with("")).unwrap();
    let ends = (vec![(0, 1)], vec![vec![(1, 1)]]);
    assert_eq!((net.initial, net.finals), ends);
}

#[test]
fn what_prom_writes_is_read() {
    let text = with(
        r#"<transition id="s"><name><text>tau from tree</text></name>
        <toolspecific tool="ProM" version="6.4" activity="$invisible$" localNodeID="x"><place/></toolspecific></transition>
        <arc id="a3" source="q" target="s"><arctype><text>normal</text></arctype></arc>
        <arc id="a4" source="s" target="p"><inscription><text> 2 </text></inscription></arc>"#,
    );
    let finals = r#"</page><finalmarkings><marking><place idref="p"><text>0</text></place>
        <place idref="q"><text>1</text></place></marking></finalmarkings>"#;
    let begin = r#"<place id="p"><name><text>begin</text></name><initialMarking><text>1</text></initialMarking></place>"#;
    let text = text
        .replace("</page>", finals)
        .replace(r#"<place id="p"/>"#, begin);
    let net = read_pnml(&text).unwrap();
    assert_eq!(net.transitions[1].label, None);
    assert_eq!(net.transitions[1].outputs, [(0, 2)]);
    assert_eq!(
        (net.initial, net.finals),
        (vec![(0, 1)], vec![vec![(1, 1)]])
    );
    assert_eq!(net.places[0].name, "begin");
}

#[test]
fn what_pipe_writes_is_read() {
    let net = read_pnml(
        r#"<pnml><net id="n" type="P/T net"><place id="p"><name><value>P0</value></name>
        <initialMarking><value>Default,2</value></initialMarking></place><place id="q"/>
        <transition id="t"><name><value>
            go
        </value></name></transition>
        <arc id="x" source="p" target="t"><inscription><value>Default,2</value></inscription><type value="normal"/></arc>
        <arc id="y" source="t" target="q"/></net></pnml>"#,
    );
    let net = net.unwrap();
    let go = (Some("go".to_owned()), vec![(0, 2)], vec![(1, 1)]);
    assert_eq!(shape(&net), [go]);
    assert_eq!(net.initial, [(0, 2)]);
}

#[test]
fn references_stand_for_their_nodes() {
    let net = read_pnml(&with(
        r#"<transition id="u"><name><text>b</text></name></transition><place id="r"/>
        <arc id="a3" source="q2" target="u"/><arc id="a4" source="u" target="r"/>
        <referencePlace id="q2" ref="q1"/><referencePlace id="q1" ref="q"/>"#,
    ));
    assert_eq!(net.unwrap().transitions[1].inputs, [(1, 1)]);
    let circle = with(r#"<referencePlace id="x" ref="y"/><referencePlace id="y" ref="x"/>"#);
    assert_eq!(
        error(&circle),
        "line 4, column 1: a reference to `y`, which is no node"
    );
}

#[test]
fn places_that_share_a_name_are_called_by_their_ids() {
    let names = |other: &str| -> Vec<String> {
        let named = format!(
            r#"<place id="p"><name><text>q</text></name></place><place id="q"><name><text>{other}</text></name></place>"#
        );
        let text = with("").replace(r#"<place id="p"/><place id="q"/>"#, &named);
        let places = read_pnml(&text).unwrap().places;
        places.into_iter().map(|Place { name, .. }| name).collect()
    };
    assert_eq!(names("p"), ["p", "q"]);
    assert_eq!(names("q"), ["p", "q"]);
    assert_eq!(names("other"), ["p", "other"]);
}

#[test]
fn what_means_something_else_is_refused_with_its_place() {
    for (more, told) in [
        (
            r#"<arc id="i" source="q" target="t"><arctype><text>inhibitor</text></arctype></arc>"#,
            "line 4, column 50: found an arc of type `inhibitor`, expected a normal one",
        ),
        (
            r#"<arc id="i" source="q" target="t"><type value="reset"/></arc>"#,
            "line 4, column 35: found an arc of type `reset`, expected a normal one",
        ),
        (
            r#"<arc id="i" source="q" target="t"><inscription><text>0</text></inscription></arc>"#,
            "line 4, column 54: found `0`, expected a number from 1 to 1048576",
        ),
        (
            r#"<place id="r"><initialMarking><text>-1</text></initialMarking></place>"#,
            "line 4, column 37: found `-1`, expected a number from 0 to 1048576",
        ),
        (
            r#"<arc id="i" source="p" target="q"/>"#,
            "line 4, column 1: an arc from `p` to `q`, expected one between a place and a transition",
        ),
        (
            r#"<arc id="i" source="p" target="z"/>"#,
            "line 4, column 1: an arc at `z`, which is not there",
        ),
        (
            r#"é<place id="p"/>"#,
            "line 4, column 2: the id `p` is there twice",
        ),
        ("<place/>", "line 4, column 1: <place> has no `id`"),
        (
            r#"<place id="r"/>"#,
            "line 1, column 7: the net has no initial marking, and 2 places that nothing enters; expected one",
        ),
    ] {
        assert_eq!(error(&with(more)), told);
    }
    let coloured = error(&with("").replace("ptnet", "highlevelnet"));
    assert!(coloured.contains("expected a place/transition net"));
}

#[test]
fn what_is_no_net_is_refused_with_its_place() {
    let second = with("").replace("</net>", "</net>\n<net id=\"m\"/>");
    for (text, told) in [
        ("<log/>", "line 1, column 1: found <log>, expected <pnml>"),
        (
            "<pnml>\n</pnml>",
            "line 2, column 8: found no <net> within <pnml>",
        ),
        (
            "<pnml><net id=\"n\">\n<place id=\"p\">",
            "line 2, column 15: the file ends within <place>",
        ),
        (
            &second,
            "line 5, column 1: found a second <net>, expected one",
        ),
    ] {
        assert_eq!(error(text), told);
    }
    let crossed = error("<pnml>\n <net></pnml>");
    assert!(
        crossed.starts_with("line 2, column 7: not well-formed"),
        "{crossed}"
    );
    let deep = error(&format!("<pnml>{}", "<a>".repeat(1000)));
    assert!(deep.contains("more than 64 elements within one another"));
}

proptest! {
    #![proptest_config(seeded::seeded())]

    #[test]
    fn any_text_is_answered(text in ".{0,200}", place in 0_usize..400) {
        let whole = with("<transition id=\"u\"/>");
        let place = whole.floor_char_boundary(place);
        // Whatever is said of it, there is no panic, and the place lies within the text.
        for text in [text.clone(), format!("{}{text}{}", &whole[..place], &whole[place..])] {
            if let Err(error) = read_pnml(&text) {
                let line = text.split('\n').nth(usize::try_from(error.line).unwrap() - 1);
                prop_assert!(error.column <= line.unwrap().chars().count() as u64 + 1);
            }
        }
    }
}
