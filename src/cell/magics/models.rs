//! `%models`: what can be chosen.

use super::abilities;
use super::arguments::{no_value, word};
use crate::anthropic::model::{self, Models, TABLE_DATE};
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic, MagicError};
use crate::cell::shown::{Part, Shown};

pub(super) const MODELS: Magic = Magic {
    name: "models",
    aliases: &[],
    usage: "[refresh]",
    form: Form::Line,
    group: Group::Answers,
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
        None | Some("refresh") => Ok(vec![Effect::Job(Job::ListModels)]),
        Some(other) => Err(MagicError::new(
            format!("`%models` does not take `{other}`"),
            "It takes nothing or refresh. `%model NAME` chooses a model.",
        )),
    },
};

/// Shows the models that the API listed, or those of the table if it listed none, with what is known
/// of each; `current` is marked.
#[must_use]
pub fn list(models: &Models, current: &str) -> Shown {
    let rows: Vec<Vec<Part>> = match models.is_empty() {
        false => models.ids().map(|id| row(id, models, current)).collect(),
        true => abilities::offered()
            .map(|id| row(id, models, current))
            .collect(),
    };
    let source = match models.is_empty() {
        false => "Prices are those of",
        true => "This is the kernel's own table of",
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
            "{source} {TABLE_DATE}. Effort with an asterisk is the default."
        ))
}

fn row(id: &str, models: &Models, current: &str) -> Vec<Part> {
    let spec = model::lookup(id);
    let abilities = models.abilities(id);
    let tokens = |count: Option<u64>| count.map_or("?".to_owned(), thousands);
    let default = abilities.default_effort;
    let efforts = match abilities.efforts.as_deref() {
        None => "?".to_owned(),
        Some([]) => "none".to_owned(),
        Some(levels) => levels
            .iter()
            .map(|level| {
                let mark = if default == Some(*level) { "*" } else { "" };
                format!("{}{mark}", level.as_str())
            })
            .collect::<Vec<_>>()
            .join(" "),
    };
    let price = spec.map_or("?".to_owned(), |spec| {
        format!("{} / {}", spec.price.input, spec.price.output)
    });
    vec![
        Part::ours(if id == current { "now" } else { "" }),
        Part::code(id),
        spec.and_then(|spec| spec.alias)
            .map_or(Part::text("-"), Part::code),
        Part::text(&tokens(abilities.context_tokens)),
        Part::text(&tokens(abilities.max_output_tokens.map(u64::from))),
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
