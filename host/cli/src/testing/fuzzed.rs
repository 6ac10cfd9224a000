//! Files of cases that are nearly good: each is read as a slow reader reads it, or refused with the place of
//! what is wrong.

use menagerie_fuzz::{corpus, fuzz_for};
use menagerie_sandbox::Kind;
use serde_json::{Number, Value, json};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::Case;
use super::cases::cases_in;

const WORDS: [&str; 26] = [
    "[[case]]\n",
    "[case]\n",
    "name = ",
    "input = ",
    "output = {",
    "http = [",
    "{ url = \"*\" }",
    "problem = \"tls\"",
    "status = ",
    "bytes = [",
    "members = ",
    "a.b.c = ",
    "nan",
    " = nan",
    " = 10:00:00",
    "-inf",
    "1e999",
    "2024-05-01",
    "10:00:00",
    "0x7fffffffffffffff",
    "\"\"\"",
    "\\u0000",
    "\\U00110000",
    "\u{202e}",
    "[",
    "{",
];

#[test]
fn a_file_of_cases_is_what_a_slow_reader_reads_or_is_refused_with_its_place() {
    let seeds = corpus("cases");
    let good = |seed: &Vec<u8>| std::str::from_utf8(seed).is_ok_and(|text| cases_in(text).is_ok());
    assert!(seeds.iter().all(good));
    fuzz_for(2, "cases", &seeds, &WORDS, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return;
        };
        match cases_in(text) {
            Ok(cases) => {
                let table = DeTable::parse(text).expect("it was read before");
                let mut values = table.get_ref().values();
                let told = values.next().map(Spanned::get_ref);
                let told = told.and_then(DeValue::as_array).expect("cases alone");
                assert_eq!(cases.len(), told.len());
                for (case, told) in cases.iter().zip(told) {
                    compare(case, told.get_ref());
                }
            }
            Err(problem) => {
                let lines = text.lines().count() + 1;
                assert!((1..=lines).contains(&problem.line), "{problem:?}");
                assert!(!problem.message.is_empty() && problem.column > 0);
                assert!(text.get(problem.span.clone()).is_some(), "{problem:?}");
            }
        }
    });
}

fn compare(case: &Case, told: &DeValue<'_>) {
    assert!(case.expects() && case.wrong().is_none());
    let read = json!(case);
    assert!(holds(&read, told), "{told:?} was read as {read}");
    // As a failure writes it down, to be tried again.
    let again: Case = serde_json::from_str(&read.to_string()).expect("it was written");
    assert_eq!(json!(again), read);
    for kind in Kind::ALL {
        let _ = case.request(kind);
    }
    let _ = case.invocation();
}

/// Whether everything that a text says has come to be what JSON makes of it, beside what goes without saying.
fn holds(read: &Value, told: &DeValue<'_>) -> bool {
    match (read, told) {
        (Value::Object(read), DeValue::Table(told)) => told.iter().all(|(name, told)| {
            let read = read.get(name.get_ref().as_ref());
            read.is_some_and(|read| holds(read, told.get_ref()))
        }),
        (Value::Array(read), DeValue::Array(told)) => {
            let mut pairs = read.iter().zip(told.iter());
            read.len() == told.len() && pairs.all(|(read, told)| holds(read, told.get_ref()))
        }
        (Value::String(read), DeValue::String(told)) => read == told,
        (Value::Bool(read), DeValue::Boolean(told)) => read == told,
        (Value::Number(read), DeValue::Float(told)) => told
            .as_str()
            .parse()
            .is_ok_and(|told| read.as_f64() == Some(told)),
        (Value::Number(read), DeValue::Integer(told)) => {
            let told = i128::from_str_radix(told.as_str(), told.radix());
            told.is_ok_and(|told| is(read, told))
        }
        // Dates among them.
        _ => false,
    }
}

/// Where a number of any kind is asked for, a whole one may have become the other.
fn is(read: &Number, told: i128) -> bool {
    let whole = read.as_i64().map(i128::from);
    match whole.or(read.as_u64().map(i128::from)) {
        Some(read) => read == told,
        None => read.as_f64() == Some(told as f64),
    }
}
