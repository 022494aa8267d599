//! Completion, inspection and completeness of a cell being typed.

use claude_kernel::cell::complete::{Completeness, complete, inspect, is_complete};
use claude_kernel::cell::magic::Context;
use claude_kernel::cell::variables::Variables;
use claude_kernel::chat::settings::Settings;
use proptest::prelude::*;
use serde_json::json;

fn variables() -> Variables {
    [
        ("city", json!("Bergen")),
        ("Count", json!("3")),
        ("essay", json!("one\ntwo")),
        ("report", json!({"rows": [{"net": 1}], "odd key": 2})),
    ]
    .into_iter()
    .collect()
}

/// The matches at the end of `typed`, and what of it they replace.
fn completed(typed: &str) -> (Vec<String>, String) {
    let settings = Settings::default();
    let variables = variables();
    let context = Context {
        variables: &variables,
        ..Context::new(&settings)
    };
    let length = typed.chars().count();
    let completion = complete(typed, length, &context);
    assert_eq!(completion.cursor_end, length);
    let replaced = typed.chars().skip(completion.cursor_start).collect();
    (
        completion
            .matches
            .into_iter()
            .map(|candidate| candidate.text)
            .collect(),
        replaced,
    )
}

fn check(typed: &str, replaced: &str, matches: &[&str]) {
    let (found, replaces) = completed(typed);
    assert_eq!(
        (
            found.iter().map(String::as_str).collect::<Vec<_>>(),
            replaces.as_str()
        ),
        (matches.to_vec(), replaced),
        "of {typed:?}"
    );
}

#[test]
fn names_of_magics() {
    check("%eff", "%eff", &["%effort"]);
    check("%%eff", "%%eff", &["%%effort"]);
    check("%bash\n\n%mod", "%mod", &["%model", "%models"]);
    check("%%mod", "%%mod", &["%%model"]);
    check("%effort?", "", &[]);
    // One sign is on the way to two (U12).
    check("%d", "%d", &["%%dry"]);
    check("%js", "%js", &["%%json"]);
    check("%exe", "%exe", &["%%exec"]);
    check("%%d", "%%d", &["%%dry"]);
    check("😀\n%eff", "", &[]);
    check("Hello\n%eff", "", &[]);
    check("%%system\n%eff", "", &[]);
    check("eff", "", &[]);
    check("", "", &[]);
    assert!(completed("%").0.len() > 15);
    assert!(
        completed("%%")
            .0
            .iter()
            .all(|name| name.starts_with("%%") && name != "%%status")
    );
}

#[test]
fn values_of_magics() {
    check(
        "%effort ",
        "",
        &["low", "medium", "high", "xhigh", "max", "default"],
    );
    check("%%effort M", "M", &["medium", "max"]);
    check("%effort high ", "", &[]);
    check("%bash o", "o", &["on", "off", "only"]);
    check("%system --preset re", "re", &["reproducible", "recover"]);
    check("%system --p", "--p", &["--preset"]);
    check(
        "%tools code_execution_2026",
        "code_execution_2026",
        &["code_execution_20260521", "code_execution_20260120"],
    );
    check("%tools bash py", "py", &["python"]);
    check("%beta add fast", "fast", &["fast-mode-2026-02-01"]);
    check("%reset s", "s", &["sandbox"]);
    check("%set ci", "ci", &["city"]);
    check("%help lim", "lim", &["limits"]);
    check("%nothing ", "", &[]);
    check("%model so", "so", &["sonnet"]);
    check(
        "%model claude-opus-5",
        "claude-opus-5",
        &["claude-opus-5-5", "claude-opus-5"],
    );
}

#[test]
fn topics_and_variables() {
    check("?lim", "lim", &["limits"]);
    check("?what is", "", &[]);
    check("Weather in {{", "", &["city", "Count", "essay", "report"]);
    check("%bash\n👩‍👩‍👧 Weather in {{ C", "C", &["city", "Count"]);
    check("{{city}} ", "", &[]);
    check("{{report.", "report.", &["report.rows"]);
    check(
        "{{report",
        "report",
        &["report", "report.rows", "report[\"odd key\"]"],
    );
    check(
        "{{ report.rows[0].n",
        "report.rows[0].n",
        &["report.rows[0].net"],
    );
}

#[test]
fn candidates_say_what_they_are() {
    let settings = Settings::default();
    let kinds = |typed: &str| -> Vec<&str> {
        let mut kinds: Vec<&str> = complete(typed, usize::MAX, &Context::new(&settings))
            .matches
            .iter()
            .map(|candidate| candidate.kind)
            .collect();
        kinds.dedup();
        kinds
    };
    assert_eq!(kinds("%eff"), ["magic"]);
    assert_eq!(kinds("%model "), ["alias", "model"]);
    assert_eq!(kinds("?"), ["topic", "magic"]);
}

fn inspected(code: &str, cursor_pos: usize) -> Option<String> {
    let settings = Settings::default();
    let variables = variables();
    let context = Context {
        variables: &variables,
        ..Context::new(&settings)
    };
    inspect(code, cursor_pos, &context).map(|shown| {
        assert!(!shown.markdown.is_empty());
        shown.plain.lines().next().unwrap_or_default().to_owned()
    })
}

#[test]
fn inspection_finds_what_the_cursor_is_on() {
    let effort = Some(
        "%effort LEVEL - how hard Claude works: low | medium | high | xhigh | max |".to_owned(),
    );
    for cursor_pos in [1, 3, 7, 9, 12] {
        assert_eq!(
            inspected("%effort high\nHello", cursor_pos),
            effort,
            "at {cursor_pos}"
        );
    }
    assert_eq!(inspected("%effort high\nHello", 14), None);
    assert_eq!(inspected("?effort", 2), effort);
    assert_eq!(inspected("%effort?", 8), effort);
    assert_eq!(
        inspected("%help limits", 7),
        Some("Limits of the sandbox".to_owned())
    );
    assert_eq!(
        inspected("in {{city}} now", 7),
        Some("city: Bergen".to_owned())
    );
    assert_eq!(inspected("in {{nowhere}}", 7), None);
    assert_eq!(inspected("%nothing", 4), None);
    assert_eq!(inspected("", 0), None);
}

#[test]
fn completeness() {
    use Completeness::{Complete, Incomplete, Invalid};
    for (code, expected) in [
        ("", Complete),
        ("Hello", Complete),
        ("%effort high", Complete),
        ("%effort high\nHello", Complete),
        ("?effort", Complete),
        ("# Parameters\nx = 1", Complete),
        ("Hello \\", Incomplete),
        ("Run this:\n```python\nprint(1)", Incomplete),
        ("Run this:\n```python\nprint(1)\n```", Complete),
        ("```a```", Complete),
        ("~~~\n```\n~~~", Complete),
        ("````\n```", Incomplete),
        ("%%system", Incomplete),
        ("%%system\n", Incomplete),
        ("%%system\nBe terse.", Complete),
        ("%%set x\r\n\r\n", Complete),
        ("%%effort max", Incomplete),
        ("%%effort max\n\n", Complete),
        ("%%effort max\nHello", Complete),
        ("%effrot max", Invalid),
        ("%effrot max\nHello", Invalid),
        ("!ls", Invalid),
    ] {
        assert_eq!(is_complete(code), expected, "of {code:?}");
    }
}

proptest! {
    #[test]
    fn any_cursor_in_any_text_is_answered(
        code in prop_oneof![any::<String>(), "[%?{}\\\\ \n]{0,4}(effort|system --preset|set|é|😀|e\u{301}){0,3}[ ,\u{3000}]?\\PC{0,4}"],
        cursor_pos in prop_oneof![0usize..40, Just(usize::MAX)],
    ) {
        let settings = Settings::default();
        let variables = variables();
        let context = Context { variables: &variables, ..Context::new(&settings) };
        let length = code.chars().count();
        let completion = complete(&code, cursor_pos, &context);
        prop_assert_eq!(completion.cursor_end, cursor_pos.min(length));
        prop_assert!(completion.cursor_start <= completion.cursor_end);
        // What is replaced is what the matches begin with, with one percent sign or two.
        let bare = |text: &str| text.trim_start_matches('%').to_lowercase();
        let typed: String = code.chars().take(completion.cursor_end).skip(completion.cursor_start).collect();
        for candidate in &completion.matches {
            prop_assert!(bare(&candidate.text).starts_with(&bare(&typed)), "{typed} {candidate:?}");
        }
        let _ = inspect(&code, cursor_pos, &context);
        let _ = is_complete(&code);
    }
}
