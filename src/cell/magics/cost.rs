//! `%cost`: where the money went.

use super::arguments::{no_value, no_values, none};
use crate::cell::magic::{Context, Effect, Form, Group, Magic};
use crate::cell::shown::{Part, Shown, clip};
use crate::chat::ledger::{Entry, Totals};
use crate::chat::receipt::TurnUsage;

/// The cells listed one by one: about a screen; the sums are of all.
const SHOWN: usize = 30;
/// How much of a prompt fits in a row, in characters.
const CLIP: usize = 40;

pub(super) const COST: Magic = Magic {
    name: "cost",
    aliases: &["costs"],
    usage: "",
    form: Form::Line,
    group: Group::Money,
    summary: "show what each cell used and cost, and the sums",
    details: "Every run of a cell is counted, also those that failed, were stopped or were run again later. `cached` is \
input that was read from the cache, for a small part of its price; a note says why the cache was missed where the API \
tells. Sandbox time is the time commands ran; the API bills hours of the sandbox's life beyond a monthly free amount, \
which no answer tells, so it is not in the sum. `claude-kernel cost NOTEBOOK` sums up saved notebooks.",
    examples: &[("%cost", "show"), ("%cost?", "this help")],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        Ok(vec![show(context)])
    },
};

fn show(context: &Context<'_>) -> Effect {
    let entries = context.ledger.entries();
    if entries.is_empty() {
        return Shown::default()
            .paragraph("Nothing was sent yet, so nothing was spent.")
            .effect();
    }
    let hidden = entries.len().saturating_sub(SHOWN);
    let totals = context.ledger.totals();
    let mut rows: Vec<Vec<Part>> = entries.iter().skip(hidden).map(row).collect();
    rows.push(sum_row(&totals));
    let mut shown = Shown::default().table(
        &[
            "cell", "prompt", "model", "input", "cached", "output", "searches", "sandbox", "cost",
            "",
        ],
        &rows,
    );
    if hidden > 0 {
        shown = shown.paragraph(&format!("{hidden} earlier runs are in the sum only."));
    }
    if totals.unknown > 0 {
        shown = shown.paragraph(&format!(
            "The price of {} is unknown and not in the sum; the setting `prices` names a file with prices.",
            runs(totals.unknown)
        ));
    }
    shown
        .paragraph(&format!("Prices of {}.", context.prices_date))
        .effect()
}

fn row(entry: &Entry) -> Vec<Part> {
    let cost = match (entry.offline, entry.cost_usd) {
        _ if entry.recorded => "$0 (recorded)".to_owned(),
        (true, _) => "offline".to_owned(),
        (false, None) => "unknown".to_owned(),
        (false, Some(usd)) => least(entry.at_least, usd),
    };
    let note = entry
        .cache_miss
        .as_ref()
        .map(|reason| format!("cache missed: {}", reason.replace('_', " ")));
    let model = entry.model.strip_prefix("claude-").unwrap_or(&entry.model);
    let mut row = vec![
        Part::text(&format!("In [{}]", entry.count)),
        Part::code(&clip(&entry.prompt, CLIP)),
        Part::text(model),
    ];
    row.extend(numbers(&entry.usage, entry.sandbox_ms));
    row.push(Part::text(&cost));
    row.push(Part::text(&note.unwrap_or_default()));
    row
}

fn sum_row(totals: &Totals) -> Vec<Part> {
    let mut row = vec![Part::text("sum"), Part::text(""), Part::text("")];
    row.extend(numbers(&totals.usage, totals.sandbox_ms));
    row.push(Part::text(&least(totals.at_least, totals.cost_usd)));
    row
}

fn numbers(usage: &TurnUsage, sandbox_ms: u64) -> [Part; 5] {
    let input = usage.input_tokens + usage.cache_creation_tokens + usage.cache_read_tokens;
    [
        input.to_string(),
        usage.cache_read_tokens.to_string(),
        usage.output_tokens.to_string(),
        usage.web_searches.to_string(),
        minutes(sandbox_ms),
    ]
    .map(|number| Part::text(&number))
}

/// Whole minutes begun. Seconds would differ from run to run.
fn minutes(ms: u64) -> String {
    match ms.div_ceil(60_000) {
        0 => "-".to_owned(),
        minutes => format!("{minutes} min"),
    }
}

fn least(at_least: bool, usd: f64) -> String {
    let words = if at_least { "at least " } else { "" };
    format!("{words}${usd:.4}")
}

fn runs(count: usize) -> String {
    if count == 1 {
        "1 run".to_owned()
    } else {
        format!("{count} runs")
    }
}
