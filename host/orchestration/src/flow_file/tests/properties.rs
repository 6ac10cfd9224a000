//! Arbitrary and damaged files: always an answer, never a panic, and each problem within the text.
//! proptest prints the seed of a case that fails.

use proptest::prelude::*;

use super::super::{ParsedFlow, PluginUseRef, parse, schema};
use super::good_flows::WHOLE;

fn check_answer(text: &str) -> Result<(), TestCaseError> {
    let problems = match parse(text) {
        Ok(parsed) => return check_spans(&parsed, text),
        Err(problems) => problems,
    };
    prop_assert!(!problems.is_empty());
    let mut last = 0;
    for problem in &problems {
        prop_assert!(text.get(problem.span.clone()).is_some(), "{:?}", problem);
        prop_assert!(problem.span.start >= last, "out of order: {:?}", problems);
        last = problem.span.start;
        let line = text.split('\n').nth(problem.line - 1);
        prop_assert!(line.is_some(), "{:?}", problem);
        let width = line.unwrap_or_default().chars().count();
        prop_assert!(
            problem.column >= 1 && problem.column - 1 + problem.length <= width,
            "{:?}",
            problem
        );
        let shown = problem.in_file("f").to_string();
        prop_assert!(!shown.contains(char::is_control), "{:?}", shown);
    }
    Ok(())
}

fn check_spans(parsed: &ParsedFlow, text: &str) -> Result<(), TestCaseError> {
    let agents = parsed.flow.agents.iter().map(|agent| &*agent.name);
    for plugin in agents
        .map(PluginUseRef::Agent)
        .chain([PluginUseRef::Strategy])
    {
        for pointer in ["", "/style", "/a/b/0"] {
            for offset in [None, Some(0), Some(3), Some(1_000)] {
                if let Some(place) = parsed.spans.locate(plugin, pointer, offset) {
                    prop_assert!(text.get(place.span).is_some());
                }
            }
        }
    }
    Ok(())
}

/// Pieces that flow files are made of, so that random orders of them get far.
fn piece() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("name = \"f\"\n".to_owned()),
        "[a-c]{1,2}".prop_map(|name| format!("[agents.{name}]\nplugin = \"p\"\n")),
        "[a-d]".prop_map(|name| format!("after = [\"{name}\"]\n")),
        "[a-d]".prop_map(|name| format!("fallback = \"{name}\"\n")),
        "[0-9]{1,3}(s|ms|x|)".prop_map(|text| format!("timeout = \"{text}\"\n")),
        "[0-9]{1,3} ?(MiB|kB|x|)".prop_map(|text| format!("limits = {{ memory = \"{text}\" }}\n")),
        Just("[strategy]\nplugin = \"dag\"\n".to_owned()),
        Just("[[strategy.config.rules]]\nwhen = 'x'\n".to_owned()),
        Just("[limits]\nmax_steps = 5\n".to_owned()),
        "[a-z_]{1,12} = (1|true|nan|\\[\\]|\\{\\}|\"\\PC{0,8}\"|1979-05-27)\n",
        "\\PC{0,20}\n",
    ]
}

proptest! {
    #[test]
    fn arbitrary_text_is_answered(text in "\\PC*|[\\x00-\\x7f\\n\\[\\]{}=\"'.#,a-c]{0,200}") {
        check_answer(&text)?;
    }

    #[test]
    fn arbitrary_pieces_of_flow_files_are_answered(
        pieces in proptest::collection::vec(piece(), 0..12)
    ) {
        check_answer(&pieces.concat())?;
    }

    #[test]
    fn a_damaged_flow_file_is_answered(
        at in 0..WHOLE.len(),
        removed in 0_usize..12,
        inserted in "\\PC{0,6}|[\\n\"'\\[\\]{}=.]{0,4}",
    ) {
        let start = WHOLE.floor_char_boundary(at);
        let end = WHOLE.floor_char_boundary((at + removed).min(WHOLE.len()));
        let text = format!("{}{inserted}{}", &WHOLE[..start], &WHOLE[end.max(start)..]);
        check_answer(&text)?;
    }

    #[test]
    fn what_the_parser_accepts_the_published_schema_accepts(
        pieces in proptest::collection::vec(piece(), 0..8)
    ) {
        let text = format!("name = \"f\"\n[agents.z]\nplugin = \"p\"\n{}", pieces.concat());
        if parse(&text).is_ok() {
            let value: serde_json::Value = toml::from_str(&text)
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            let validator = jsonschema::draft202012::new(&schema())
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert!(validator.is_valid(&value), "{}", text);
        }
    }
}

#[test]
#[expect(
    clippy::disallowed_methods,
    reason = "a thread has the stack size that it is asked for"
)]
fn depth_is_refused_on_a_small_stack() {
    // Brackets multiply with dotted keys. The first text is the deepest that reaches the TOML
    // parser, the second the deepest that this parser would take.
    let let_through = vec!["a"; 16].join(".");
    let refused = vec!["a"; 79].join(".");
    let nested = |depth: usize, open: &str, close: &str| {
        format!("x = {}1{}", open.repeat(depth), close.repeat(depth))
    };
    for text in [
        nested(79, &format!("{{ {let_through} = "), " }"),
        nested(79, &format!("{{ {refused} = "), " }"),
        nested(100_000, "[", "]"),
        nested(100_000, "{ a = ", " }"),
        format!("{} = 1", vec!["a"; 100_000].join(".")),
        format!("[{}]", vec!["a"; 100_000].join(" . ")),
    ] {
        let problems = std::thread::Builder::new()
            .stack_size(1 << 20)
            .spawn(move || parse(&text).unwrap_err())
            .unwrap()
            .join()
            .unwrap();
        assert!(!problems.is_empty());
    }
}

#[test]
fn a_file_beyond_the_bound_is_refused_without_being_read() {
    let text = "#".repeat((1 << 20) + 1);
    let problems = parse(&text).unwrap_err();
    assert_eq!(problems.len(), 1);
    assert!(
        problems[0].to_string().contains("too long"),
        "{}",
        problems[0]
    );
}
