//! `%budget`: what a notebook and a cell may cost.

use super::arguments::put;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;
use crate::chat::budget::Budget;

const HINT: &str = "Write `%budget $2` for the notebook, `%budget cell=$0.25` for each cell, both, or `%budget off`.";

pub(super) const BUDGET: Magic = Magic {
    name: "budget",
    aliases: &[],
    usage: "[$TOTAL] [cell=$EACH] | off",
    form: Form::Setting,
    group: Group::Money,
    summary: "how many US dollars the notebook and each cell may cost",
    details: "Before each call the prompt's tokens are counted, and `max_tokens` is lowered to what the rest pays for \
at the dearest; when that is no room for an answer, nothing is sent. An answer that goes over is stopped, and what \
came of it stays. Two things cannot be bounded: thinking that is hidden is paid for but not seen until the end, and \
when Claude runs several commands in one call the API reads the conversation again after each. Leave a margin. \
Sandbox hours are not in it. `CLAUDE_KERNEL_BUDGET` sets it where nobody types.",
    examples: &[
        ("%budget $2", "the whole notebook"),
        ("%budget $2 cell=$0.25", "and each cell"),
        ("%%budget cell=$1", "more for this cell"),
        ("%budget off", "no limit"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["$1", "$5", "cell=$0.25", "off"])
        } else {
            Candidate::list("value", ["cell=$0.25"])
        }
    },
    now: |context| Some(now(context)),
    apply,
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let mut settings = context.settings.clone();
    settings.budget = match call.args.to_ascii_lowercase().as_str() {
        "" => return Ok(vec![setting("budget", &now(context), context)]),
        "off" | "none" => Budget::default(),
        text => {
            Budget::parse(text).map_err(|why| MagicError::new(format!("`%budget` {why}"), HINT))?
        }
    };
    Ok(vec![put(settings)])
}

fn now(context: &Context<'_>) -> String {
    let spent = context.ledger.totals().cost_usd;
    let Budget {
        total_usd,
        cell_usd,
    } = context.settings.budget;
    let mut parts = Vec::new();
    parts.extend(total_usd.map(|usd| format!("${usd} for the notebook, ${spent:.3} of it spent")));
    parts.extend(cell_usd.map(|usd| format!("${usd} for each cell")));
    if parts.is_empty() {
        return "off".to_owned();
    }
    parts.join("; ")
}
