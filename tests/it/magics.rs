//! The magics: the registry as a whole, what each one does, and what it shows.

mod calls;
mod help;
mod model;
mod registry;
mod secrets;
mod shows;
mod slips;
mod system;
mod tools;

use claude_kernel::cell::magic::{Context, Effect, MagicError};
use claude_kernel::cell::magics::apply;
use claude_kernel::cell::parse::{Cell, parse};
use claude_kernel::chat::settings::Settings;

/// Applies the magics of a cell one after the other, each seeing what those before it set, as the
/// kernel does.
fn run_in(source: &str, context: &Context<'_>) -> Result<(Settings, Vec<Effect>), MagicError> {
    let Cell::Turn { magics, .. } = parse(source) else {
        panic!("{source:?} is no turn");
    };
    let mut settings = context.settings.clone();
    let mut others = Vec::new();
    for call in &magics {
        let effects = apply(
            call,
            &Context {
                settings: &settings,
                ..*context
            },
        )?;
        for effect in effects {
            match effect {
                Effect::Settings(changed) => settings = *changed,
                other => others.push(other),
            }
        }
    }
    Ok((settings, others))
}

/// Applies the magics of a cell to the defaults.
fn run(source: &str) -> Result<(Settings, Vec<Effect>), MagicError> {
    run_in(source, &Context::new(&Settings::default()))
}

/// The settings after a cell that must be taken without a word.
fn settings_after(source: &str) -> Settings {
    match run(source) {
        Ok((settings, others)) if others.is_empty() => settings,
        other => panic!("{source:?} gave {other:?}"),
    }
}

/// The settings after a cell that must be taken with these warnings.
fn warned(source: &str, warnings: &[&str]) -> Settings {
    let (settings, others) = run(source).unwrap();
    let expected: Vec<Effect> = warnings
        .iter()
        .map(|text| Effect::Warn((*text).to_owned()))
        .collect();
    assert_eq!(others, expected, "of {source:?}");
    settings
}

/// Checks that a cell is refused with this message and this hint.
fn refused(source: &str, message: &str, hint: &str) {
    let error = run(source).unwrap_err();
    assert_eq!(
        (error.message.as_str(), error.hint.as_str()),
        (message, hint),
        "of {source:?}"
    );
}

/// The plain text of what a cell shows.
fn shown_in(source: &str, context: &Context<'_>) -> String {
    match run_in(source, context).unwrap().1.as_slice() {
        [Effect::Show { plain, markdown }] => {
            assert!(!markdown.is_empty());
            plain.clone()
        }
        other => panic!("{source:?} gave {other:?}"),
    }
}

fn shown(source: &str) -> String {
    shown_in(source, &Context::new(&Settings::default()))
}
