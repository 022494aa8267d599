//! Reading the arguments of a call.

use crate::cell::magic::{Candidate, Context, Effect, MagicCall, MagicError, Scope};
use crate::chat::settings::Settings;

/// Returns the one word a magic takes, lower case; `None` for none.
pub(super) fn word(call: &MagicCall, usage: &str) -> Result<Option<String>, MagicError> {
    let mut words = call.args.split_whitespace();
    let first = words.next().map(str::to_ascii_lowercase);
    if words.next().is_some() {
        let sign = match call.scope {
            Scope::FromHere => "%",
            Scope::ThisCell => "%%",
        };
        let (name, args) = (&call.name, &call.args);
        let text = match call.body {
            Some(_) => "text",
            None => "prompt",
        };
        return Err(MagicError::new(
            format!("`{sign}{name}` takes one value, not `{args}`"),
            format!("Write `{sign}{name} {usage}`; the {text} begins on the next line."),
        ));
    }
    Ok(first)
}

/// Splits the arguments as a shell does.
pub(super) fn words(call: &MagicCall) -> Result<Vec<String>, MagicError> {
    shlex::split(&call.args).ok_or_else(|| {
        MagicError::new(
            format!("`%{}` has a quotation mark that is not closed", call.name),
            "Put a path with blanks in quotes: `\"my data.csv\"`.",
        )
    })
}

/// Refuses arguments where none are taken.
pub(super) fn none(call: &MagicCall) -> Result<(), MagicError> {
    if call.args.is_empty() {
        return Ok(());
    }
    Err(MagicError::new(
        format!("`%{}` takes nothing, not `{}`", call.name, call.args),
        "The prompt begins on the next line.",
    ))
}

/// Makes the effect that puts changed settings in force.
pub(super) fn put(settings: Settings) -> Effect {
    Effect::Settings(Box::new(settings))
}

/// The completion of magics that take no values.
pub(super) fn no_values(_: &Context<'_>, _: &[&str]) -> Vec<Candidate> {
    Vec::new()
}

/// The value of magics that have none.
pub(super) fn no_value(_: &Context<'_>) -> Option<String> {
    None
}

/// Joins words for a sentence: `a, b and c`.
pub(super) fn and(words: &[&str]) -> String {
    match words.split_last() {
        None => String::new(),
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joins_words() {
        assert_eq!(and(&[]), "");
        assert_eq!(and(&["a"]), "a");
        assert_eq!(and(&["a", "b", "c"]), "a, b and c");
    }
}
