//! `%stale` and `%rerun stale`: turns that no longer saw what stands above them.

use super::arguments::{no_value, no_values, none, word};
use crate::cell::magic::{Candidate, Context, Form, Group, Magic, MagicError, TurnSummary};
use crate::cell::shown::{Part, Shown, clip};
use crate::chat::own_prompt::typed;

/// How much of a prompt fits in a row, in characters.
const CLIP: usize = 80;

const NOTHING: &str = "Nothing is stale: every turn saw what stands above it now.";

pub(super) const STALE: Magic = Magic {
    name: "stale",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Conversation,
    summary: "show the turns that no longer saw what stands above them",
    details: "Claude sees what stands above a cell. When a cell above is run again, added or deleted, the turns below \
it stay and are still sent, in their latest form, but they were made without that change.",
    examples: &[
        ("%stale", "which turns are stale"),
        ("%rerun stale", "what to run again, in order"),
    ],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        let rows: Vec<Vec<Part>> = stale(context)
            .map(|turn| {
                vec![
                    Part::text(&turn.label()),
                    Part::code(&clip(&typed(&turn.prompt), CLIP)),
                ]
            })
            .collect();
        if rows.is_empty() {
            return Ok(vec![Shown::default().paragraph(NOTHING).effect()]);
        }
        let shown = Shown::default()
            .table(&["cell", "prompt"], &rows)
            .paragraph("`%rerun stale` prints them whole, in the order to run them.");
        Ok(vec![shown.effect()])
    },
};

pub(super) const RERUN: Magic = Magic {
    name: "rerun",
    aliases: &[],
    usage: "stale",
    form: Form::Line,
    group: Group::Conversation,
    summary: "print the prompts to run again, in order",
    details: "A kernel cannot run other cells: run these from top to bottom. In JupyterLab, `Run Selected Cell and All \
Below` in the first of them does it.",
    examples: &[
        ("%rerun stale", "what to run again"),
        ("%stale", "the same in short"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["stale"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, context| {
        let given = word(call, "stale")?;
        if given.as_deref() != Some("stale") {
            let what = match given {
                Some(other) => format!("`%rerun` takes `stale`, not `{other}`"),
                None => "`%rerun` takes `stale` and nothing else".to_owned(),
            };
            return Err(MagicError::new(what, "Write `%rerun stale`."));
        }
        let mut shown = Shown::default();
        let mut count = 0;
        for turn in stale(context) {
            count += 1;
            shown = shown
                .paragraph(&format!("{count}. {}:", turn.label()))
                .block(&typed(&turn.prompt));
        }
        if count == 0 {
            shown = shown.paragraph(NOTHING);
        }
        Ok(vec![shown.effect()])
    },
};

fn stale<'a>(context: &Context<'a>) -> impl Iterator<Item = &'a TurnSummary> {
    context.turns.iter().filter(|turn| turn.is_stale)
}
