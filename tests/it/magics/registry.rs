//! Meta-tests: what every magic must have, so that adding one cannot forget it.

use std::collections::HashSet;

use crate::support::readme::check_table;
use claude_kernel::cell::complete::{Completeness, complete, inspect, is_complete};
use claude_kernel::cell::help::{of_magic, readme_table, usage_line};
use claude_kernel::cell::magic::{Context, Effect, Form};
use claude_kernel::cell::magics::{MAGICS, apply, find};
use claude_kernel::cell::parse::{Cell, MagicCall, Scope, parse};
use claude_kernel::cell::variables::Variables;
use claude_kernel::chat::settings::Settings;
use serde_json::json;

use super::{run, shown};

#[test]
fn names_are_unique_and_can_be_typed() {
    let mut seen = HashSet::new();
    for magic in MAGICS {
        for name in std::iter::once(&magic.name).chain(magic.aliases) {
            assert!(seen.insert(*name), "two magics are called {name}");
            assert_eq!(find(name).map(|found| found.name), Some(magic.name));
            let Cell::Turn { magics, .. } = parse(&format!("%{name}")) else {
                panic!("%{name} is no magic line")
            };
            assert_eq!(magics[0].name, *name);
        }
    }
}

#[test]
fn every_magic_explains_itself() {
    let settings = Settings::default();
    let context = Context::new(&settings);
    for magic in MAGICS {
        let name = magic.name;
        assert!(
            magic.summary.len() > 10 && !magic.summary.ends_with('.'),
            "{name}: {}",
            magic.summary
        );
        assert!(magic.details.ends_with('.'), "{name}: {}", magic.details);
        for asked in [format!("%help {name}"), format!("%help %{name}")] {
            let plain = shown(&asked);
            if name != "help" {
                let head = format!("{} - {}", usage_line(magic), magic.summary.replace('`', ""));
                let begins: Vec<&str> = plain.split_whitespace().collect();
                assert!(begins.join(" ").starts_with(&head), "{head}: {plain}");
            }
            for (code, what) in magic.examples {
                if name != "help" {
                    assert!(
                        plain.contains(code.lines().next().unwrap()) && plain.contains(what),
                        "{name}: {plain}"
                    );
                }
            }
        }
        let help = of_magic(magic, &context);
        let widest = help.plain.lines().map(|line| line.chars().count()).max();
        assert!(
            widest < Some(80),
            "{name} has a line of {widest:?}:\n{}",
            help.plain
        );
        for code in [format!("%{name}"), format!("%{name}?"), format!("?{name}")] {
            // `?help` is the overview, as `%help` is.
            let expected = if code == "?help" {
                shown("%help")
            } else {
                help.plain.clone()
            };
            assert_eq!(
                inspect(&code, 3, &context).map(|shown| shown.plain),
                Some(expected),
                "of {code}"
            );
        }
    }
}

#[test]
fn every_example_works_and_two_differ() {
    // Variables and betas that examples refer to.
    let variables = Variables::from_iter([("city", json!("Bergen"))]);
    let settings = Settings::default();
    let context = Context {
        variables: &variables,
        ..Context::new(&settings)
    };
    for magic in MAGICS {
        assert!(
            magic.examples.len() >= 2,
            "{} has too few examples",
            magic.name
        );
        let mut seen = HashSet::new();
        for (code, what) in magic.examples {
            assert!(seen.insert(*code), "{code} twice");
            assert!(!what.is_empty());
            match parse(code) {
                Cell::Help { topic } => assert_eq!(topic, magic.name),
                Cell::Turn { .. } => {
                    let (_, effects) = super::run_in(code, &context)
                        .unwrap_or_else(|error| panic!("{code}: {error:?}"));
                    assert!(
                        !effects
                            .iter()
                            .any(|effect| matches!(effect, Effect::Warn(_))),
                        "{code} warns: {effects:?}"
                    );
                }
                other => panic!("{code} is {other:?}"),
            }
            assert_eq!(
                is_complete(code),
                if code.starts_with("%%") && !code.contains('\n') {
                    Completeness::Incomplete
                } else {
                    Completeness::Complete
                },
                "{code}"
            );
        }
    }
}

#[test]
fn every_magic_is_completed_and_so_are_its_values() {
    let settings = Settings {
        betas: vec!["fast-mode-2026-02-01".to_owned()],
        ..Settings::default()
    };
    let variables = Variables::from_iter([("city", json!("Bergen"))]);
    let context = Context {
        variables: &variables,
        ..Context::new(&settings)
    };
    for magic in MAGICS {
        let sign = magic.form.sign();
        let full = format!("{sign}{}", magic.name);
        let names = complete(&full[..full.len() - 1], usize::MAX, &context).matches;
        assert!(
            names.iter().any(|candidate| candidate.text == full),
            "{full} is not completed"
        );
        let values = complete(&format!("{full} "), usize::MAX, &context).matches;
        assert_eq!(
            values.is_empty(),
            magic.usage.is_empty(),
            "{full} completes {values:?}"
        );
        // What completion offers as a whole value must be taken.
        if magic.form == Form::CellBody {
            continue;
        }
        for value in values.iter().filter(|value| {
            let is_begun = value.text.ends_with('=') || value.text.starts_with("--");
            !is_begun && !matches!(value.text.as_str(), "add" | "rm")
        }) {
            let call = MagicCall {
                name: magic.name.to_owned(),
                scope: Scope::FromHere,
                args: value.text.clone(),
                body: None,
                line: 1,
            };
            let effects = apply(&call, &context)
                .unwrap_or_else(|error| panic!("{full} {}: {error:?}", value.text));
            assert!(
                !effects
                    .iter()
                    .any(|effect| matches!(effect, Effect::Warn(text) if text.contains("not"))),
                "{full} {}: {effects:?}",
                value.text
            );
        }
    }
}

#[test]
fn every_magic_is_listed() {
    let unwrapped = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let (list, overview) = (unwrapped(&shown("%lsmagic")), unwrapped(&shown("%help")));
    for magic in MAGICS {
        let summary = magic.summary.replace('`', "");
        let name = format!("{}{}", magic.form.sign(), magic.name);
        for (text, written) in [(&list, &usage_line(magic)), (&overview, &name)] {
            let line = format!("{written} {summary}");
            assert!(text.contains(&line), "{line} in\n{text}");
        }
    }
}

#[test]
fn forms_are_kept() {
    for magic in MAGICS {
        let name = magic.name;
        let wrong = match magic.form {
            Form::Setting | Form::Body => continue,
            Form::Line => format!("%%{name}"),
            Form::Cell | Form::CellBody => format!("%{name}"),
        };
        let error = run(&format!("{wrong}\nHello")).unwrap_err();
        assert!(
            error
                .message
                .starts_with(&format!("`{wrong}` does not exist")),
            "{error:?}"
        );
    }
}

#[test]
fn a_magic_that_takes_nothing_says_so() {
    for magic in MAGICS.iter().filter(|magic| magic.usage.is_empty()) {
        let sign = magic.form.sign();
        let error = run(&format!("{sign}{} rubbish", magic.name)).unwrap_err();
        assert!(
            error.message.contains("takes nothing, not `rubbish`"),
            "{error:?}"
        );
    }
}

#[test]
fn the_readme_holds_the_table() {
    check_table("magics", &readme_table(MAGICS));
}
