//! A structured result as an output: the value, or, if it is not valid, what arrived and where it
//! is wrong.

use serde_json::{Value, json};

use super::screen::{Form, quiet};
use super::{foreign, value};
use crate::chat::schema::{Invalid, Valid, kind};
use crate::chat::structured::Structured;

/// A value of more bytes than this is not repeated in the output's metadata, because the file has
/// it.
const MAX_METADATA_BYTES: usize = 64 * 1024;
/// How many first and last lines are shown of an answer that is not valid.
const LINES: (usize, usize) = (30, 10);

/// Returns the output of a result.
pub(crate) fn form(result: &Structured) -> Form {
    match &result.outcome {
        Ok(valid) => valid_form(&result.name, valid),
        Err(invalid) => invalid_form(result, invalid),
    }
}

fn valid_form(name: &str, valid: &Valid) -> Form {
    let shown = &valid.value;
    let kind = kind(shown);
    let notes: Vec<String> = valid
        .notes
        .iter()
        .map(|note| format!("\n\n{}", quiet(&foreign::spoken(note))))
        .collect();
    let markdown = format!(
        "**{}** ({kind})\n\n{}{}",
        foreign::inline(name),
        value::markdown(shown),
        notes.concat()
    );
    let mut plain = format!(
        "{name} ({kind})\n\n{}",
        foreign::plain(&value::plain(shown))
    );
    for note in &valid.notes {
        plain.push_str(&format!("\n{}", foreign::printable(note)));
    }
    let small = shown.to_string().len() <= MAX_METADATA_BYTES;
    let machine = json!({
        "block": "result",
        "name": name,
        "value": if small { shown } else { &Value::Null },
    });
    Form::new(markdown, plain, machine)
}

fn invalid_form(result: &Structured, invalid: &Invalid) -> Form {
    let name = &result.name;
    let head = "What arrived does not fit the schema";
    let places: Vec<(&str, &str)> = invalid
        .problems
        .iter()
        .map(|problem| {
            let place = if problem.pointer.is_empty() {
                "/"
            } else {
                &problem.pointer
            };
            (place, problem.message.as_str())
        })
        .collect();
    let lines: Vec<String> = places
        .iter()
        .map(|(place, message)| format!("- {} {}", foreign::code(place), foreign::inline(message)))
        .collect();
    let arrived = match &invalid.value {
        Some(value) => format!("{value:#}"),
        None => result.answer.clone(),
    };
    let language = if invalid.value.is_some() {
        "json"
    } else {
        "text"
    };
    let shown = foreign::fence(language, &foreign::excerpt(&arrived, LINES.0, LINES.1));
    let markdown = format!(
        "**{}** - {head}:\n\n{}\n\n{shown}",
        foreign::inline(name),
        lines.join("\n")
    );
    let mut plain = format!("{name} - {head}:\n");
    for (place, message) in &places {
        plain.push_str(&format!("  {place} {}\n", foreign::printable(message)));
    }
    plain.push_str(&format!("\n{}", foreign::plain(&arrived)));
    let problems: Vec<Value> = invalid
        .problems
        .iter()
        .map(|problem| json!({"pointer": problem.pointer, "message": problem.message}))
        .collect();
    let machine = json!({
        "block": "result",
        "name": name,
        "problems": problems,
        "more": invalid.more,
    });
    Form::new(markdown, plain, machine)
}
