//! `%status`: everything in force, in one table.

use super::arguments::{no_value, no_values, none};
use crate::cell::magic::{Context, Effect, Form, Group, Magic};
use crate::cell::shown::{Part, Shown, with_origin};

pub(super) const STATUS: Magic = Magic {
    name: "status",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Kernel,
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

/// The lines that settings make: label, and the magics that set it, the first of which tells the
/// value.
const SETTINGS: &[(&str, &[&str])] = &[
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

/// What matters first, without a heading; then groups. A line that stands in none comes last.
const SECTIONS: &[(&str, &[&str])] = &[
    (
        "",
        &["model", "effort", "cost", "budget", "turns", "sandbox"],
    ),
    (
        "How Claude answers",
        &["thinking", "max_tokens", "system", "beta"],
    ),
    (
        "What Claude may do",
        &[
            "languages",
            "tools",
            "own tools",
            "python of tools",
            "web",
            "skills",
        ],
    ),
    ("The notebook", &["saved", "replay", "variables"]),
    ("The kernel", &["backend", "version"]),
];

fn show(context: &Context<'_>) -> Effect {
    let settings = SETTINGS.iter().filter_map(|(label, setters)| {
        let magic = context
            .magics
            .iter()
            .find(|magic| Some(&magic.name) == setters.first())?;
        let value = with_origin(setters, &(magic.now)(context)?, context);
        Some(((*label).to_owned(), value))
    });
    let mut left: Vec<(String, String)> = settings.chain(context.status.iter().cloned()).collect();
    let mut sections: Vec<(&str, Vec<(Part, Part)>)> = Vec::new();
    for (title, labels) in SECTIONS {
        let rows = labels.iter().filter_map(|label| {
            let at = left.iter().position(|(known, _)| known == label)?;
            Some(row(left.remove(at)))
        });
        sections.push((title, rows.collect()));
    }
    sections.push(("Also", left.into_iter().map(row).collect()));
    sections.retain(|(_, rows)| !rows.is_empty());
    Shown::default().sections(["", "now"], &sections).effect()
}

fn row((label, value): (String, String)) -> (Part, Part) {
    (Part::text(&label), Part::text(&value))
}
