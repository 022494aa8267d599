//! `%status`: everything in force, in one table.

use super::arguments::{no_value, no_values, none};
use crate::cell::magic::{Context, Effect, Form, Magic};
use crate::cell::shown::{Part, Shown, with_origin};

pub(super) const STATUS: Magic = Magic {
    name: "status",
    aliases: &[],
    usage: "",
    form: Form::Line,
    summary: "show the settings in force, the conversation and the sandbox",
    details: "It asks nobody and costs nothing.",
    examples: &[("%status", "show"), ("%status?", "this help")],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        Ok(vec![show(context)])
    },
};

/// The lines: label, and the magics that set it, the first of which tells the value.
const LINES: &[(&str, &[&str])] = &[
    ("model", &["model"]),
    ("effort", &["effort"]),
    ("thinking", &["thinking"]),
    ("max_tokens", &["max_tokens"]),
    ("languages", &["bash", "python", "tools"]),
    ("tools", &["tools", "bash", "python"]),
    ("own tools", &["tool"]),
    ("web", &["web"]),
    ("skills", &["skills"]),
    ("system", &["system"]),
    ("beta", &["beta"]),
    ("budget", &["budget"]),
    ("variables", &["set"]),
];

fn show(context: &Context<'_>) -> Effect {
    let settings = LINES.iter().filter_map(|(label, setters)| {
        let magic = context
            .magics
            .iter()
            .find(|magic| Some(&magic.name) == setters.first())?;
        let value = with_origin(setters, &(magic.now)(context)?, context);
        Some(vec![Part::ours(label), Part::text(&value)])
    });
    let others = context
        .status
        .iter()
        .map(|(label, value)| vec![Part::text(label), Part::text(value)]);
    let rows: Vec<Vec<Part>> = settings.chain(others).collect();
    Shown::default().table(&["", "now"], &rows).effect()
}
