//! `%history`: the conversation so far.

use super::arguments::{no_value, word};
use crate::cell::magic::{Candidate, Context, Effect, Form, Magic, MagicError};
use crate::cell::parse::MagicCall;
use crate::cell::shown::{Part, Shown, clip};

/// How many turns are shown when no number is given: about a screen.
const SHOWN: usize = 20;
/// How much of a prompt or an answer fits in a row, in characters.
const CLIP: usize = 60;

pub(super) const HISTORY: Magic = Magic {
    name: "history",
    aliases: &["hist"],
    usage: "[N|all]",
    form: Form::Line,
    summary: "show the turns of this conversation",
    details: "Only finished turns are in the conversation: what failed or was interrupted is not sent again. Alone it \
shows the last 20.",
    examples: &[
        ("%history", "the last 20"),
        ("%history 3", "the last 3"),
        ("%history all", "all"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["all"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply,
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let turns = context.turns;
    let count = match word(call, "[N|all]")?.as_deref() {
        None => SHOWN,
        Some("all") => turns.len(),
        Some(number) => number.parse().ok().filter(|n| *n > 0).ok_or_else(|| {
            MagicError::new(
                format!("`%history` does not take `{number}`"),
                "It takes how many turns to show, or all.",
            )
        })?,
    };
    if turns.is_empty() {
        let empty = Shown::default().paragraph("No turns yet: this conversation is empty.");
        return Ok(vec![empty.effect()]);
    }
    let hidden = turns.len().saturating_sub(count);
    let rows: Vec<Vec<Part>> = turns
        .iter()
        .skip(hidden)
        .map(|turn| {
            vec![
                Part::text(&turn.number.to_string()),
                Part::code(&clip(&turn.prompt, CLIP)),
                Part::code(&clip(&turn.answer, CLIP)),
                turn.cost_usd
                    .map_or(Part::text("-"), |cost| Part::text(&format!("${cost:.3}"))),
            ]
        })
        .collect();
    let shown = Shown::default().table(&["turn", "prompt", "answer", "cost"], &rows);
    let shown = if hidden > 0 {
        shown.paragraph(&format!("{hidden} earlier: `%history all` shows them."))
    } else {
        shown
    };
    Ok(vec![shown.effect()])
}
