//! Each rule of I-JSON on both of its sides.

use super::{Budget, check_document};

fn rule(text: &str) -> Option<&'static str> {
    check_document(text, &mut Budget::new(4, 12))
        .err()
        .map(|broken| broken.rule)
}

#[test]
fn good_documents_are_good() {
    for text in [
        "null",
        " [ 1 , -0.5e-3 , true , false ] ",
        r#"{"a":{"b":[[]]},"":"ü\u00fc\ud83d\ude00\n"}"#,
        "9007199254740991",
        "-9007199254740991",
        "0",
        "1e308",
        "10000000000000000000.0",
    ] {
        assert_eq!(rule(text), None, "{text}");
    }
}

#[test]
fn each_broken_rule_is_named() {
    for (text, expected) in [
        ("", "json-syntax"),
        ("{", "json-syntax"),
        ("[1,]", "json-syntax"),
        ("{\"a\" 1}", "json-syntax"),
        ("01", "json-syntax"),
        ("1.", "json-syntax"),
        ("+1", "json-syntax"),
        ("NaN", "json-syntax"),
        ("nul", "json-syntax"),
        ("1 2", "json-syntax"),
        ("\"a\nb\"", "json-syntax"),
        ("\"\\x\"", "json-syntax"),
        ("\"\\u12\"", "json-syntax"),
        ("\"open", "json-syntax"),
        ("[[[[[]]]]]", "json-depth"),
        ("[1,2,3,4,5,6,7,8,9,10,11,12]", "json-nodes"),
        (r#"{"a":1,"\u0061":2}"#, "json-duplicate-name"),
        ("9007199254740992", "json-number"),
        ("-9007199254740992", "json-number"),
        ("99999999999999999999999999", "json-number"),
        ("1e999", "json-number"),
        (r#""\ud800""#, "json-characters"),
        (r#""\ud800\u0041""#, "json-characters"),
        (r#""\udc00""#, "json-characters"),
        ("\"\u{fffe}\"", "json-characters"),
        (r#""\ufdd0""#, "json-characters"),
    ] {
        assert_eq!(rule(text), Some(expected), "{text}");
    }
}

#[test]
fn one_budget_holds_for_several_documents() {
    let mut budget = Budget::new(4, 3);
    assert_eq!(check_document("[1]", &mut budget), Ok(()));
    assert_eq!(
        check_document("[1]", &mut budget).map_err(|broken| broken.rule),
        Err("json-nodes")
    );
}

#[test]
fn a_broken_document_says_where() {
    let broken =
        check_document("{\"a\": }", &mut Budget::new(4, 12)).map_err(|broken| broken.to_string());
    assert_eq!(
        broken,
        Err("a value was expected, and '}' was found at byte 6".to_owned())
    );
}

/// Agrees with serde_json on what is JSON at all, for documents cut and altered at every place.
#[test]
fn altered_documents_are_judged_as_serde_json_judges_them() {
    let document = r#"{"a":[1,2.5e3,-0,"x\"\u0041ü"],"b":{"c":null,"d":true,"e":[]}}"#;
    let characters: Vec<char> = document.chars().collect();
    for place in 0..characters.len() {
        for replacement in ['"', '{', ']', ',', '0', '\\', ' ', 'e', '-', '.'] {
            let mut altered = characters.clone();
            altered[place] = replacement;
            let altered: String = altered.into_iter().collect();
            let ours = check_document(&altered, &mut Budget::new(64, 1_000));
            let theirs = serde_json::from_str::<serde_json::Value>(&altered);
            let ours_is_json = ours
                .as_ref()
                .map_or_else(|broken| broken.rule != "json-syntax", |()| true);
            assert_eq!(
                ours_is_json,
                theirs.is_ok(),
                "{altered}: {ours:?} and {theirs:?}"
            );
        }
    }
}
