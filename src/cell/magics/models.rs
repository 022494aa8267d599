//! `%models`: what can be chosen.

use super::abilities;
use super::arguments::{no_value, word};
use crate::anthropic::model::TABLE_DATE;
use crate::cell::magic::{Candidate, Effect, Form, Magic, MagicError};
use crate::cell::shown::{Part, Shown};

pub(super) const MODELS: Magic = Magic {
    name: "models",
    aliases: &[],
    usage: "[refresh]",
    form: Form::Line,
    summary: "list the models, what they take and what they cost",
    details: "The names come from the API, the rest from the kernel's own table, whose day `%version` tells. Prices are \
US dollars for a million tokens in and out.",
    examples: &[
        ("%models", "list"),
        ("%models refresh", "ask the API again"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["refresh"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, _| match word(call, "[refresh]")?.as_deref() {
        None | Some("refresh") => Ok(vec![Effect::ListModels]),
        Some(other) => Err(MagicError::new(
            format!("`%models` does not take `{other}`"),
            "It takes nothing or refresh. `%model NAME` chooses a model.",
        )),
    },
};

/// Shows model ids with what the table knows of them; `current` is marked. Without ids, because the
/// API was not or could not be asked, those of the table.
#[must_use]
pub fn list(ids: &[String], current: &str) -> Shown {
    let rows: Vec<Vec<Part>> = if ids.is_empty() {
        abilities::offered()
            .map(|id| row(id, id == current))
            .collect()
    } else {
        ids.iter().map(|id| row(id, id == current)).collect()
    };
    Shown::default()
        .table(
            &[
                "",
                "model",
                "alias",
                "context",
                "max_tokens",
                "effort",
                "$ in / out",
            ],
            &rows,
        )
        .paragraph(&format!(
            "Effort with an asterisk is the default. Table of {TABLE_DATE}."
        ))
}

fn row(id: &str, is_current: bool) -> Vec<Part> {
    let mark = Part::ours(if is_current { "now" } else { "" });
    let Some(spec) = abilities::spec(id) else {
        let unknown = || Part::text("?");
        return vec![
            mark,
            Part::code(id),
            Part::text("-"),
            unknown(),
            unknown(),
            unknown(),
            unknown(),
        ];
    };
    let efforts: Vec<String> = spec
        .efforts
        .iter()
        .map(|level| {
            let default = if spec.default_effort == Some(*level) {
                "*"
            } else {
                ""
            };
            format!("{}{default}", level.as_str())
        })
        .collect();
    let efforts = if efforts.is_empty() {
        "none".to_owned()
    } else {
        efforts.join(" ")
    };
    let price = format!("{} / {}", spec.price.input, spec.price.output);
    vec![
        mark,
        Part::code(id),
        spec.alias.map_or(Part::text("-"), Part::code),
        Part::text(&thousands(spec.context_tokens)),
        Part::text(&thousands(u64::from(spec.max_output_tokens))),
        Part::text(&efforts),
        Part::text(&price),
    ]
}

/// `200k`, `1M`.
fn thousands(tokens: u64) -> String {
    match tokens {
        0..1_000 => tokens.to_string(),
        1_000..1_000_000 => format!("{}k", tokens / 1_000),
        _ => format!("{}M", tokens / 1_000_000),
    }
}
