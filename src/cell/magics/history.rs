//! `%history`, `%last` and `%undo`: the conversation so far.

use serde_json::{Value, json};

use super::arguments::{no_value, no_values, none};
use crate::cell::effect::ConversationOp;
use crate::cell::magic::{
    Candidate, Context, Effect, Form, Group, Job, Magic, MagicCall, MagicError, TurnSummary,
};
use crate::cell::shown::{Part, Shown, clip};
use crate::chat::own_prompt::typed;

/// How many turns are shown when no number is given: about a screen.
const SHOWN: usize = 20;
/// How much of a prompt or an answer fits in a row, in characters.
const CLIP: usize = 60;

pub(super) const HISTORY: Magic = Magic {
    name: "history",
    aliases: &["hist"],
    usage: "[-n N|all] [--json]",
    form: Form::Line,
    group: Group::Conversation,
    summary: "show the turns of this conversation",
    details: "From top to bottom, as Claude sees them from below. What failed before anything came is not among them. \
Alone it shows the last 20; `--json` shows prompts and answers whole.",
    examples: &[
        ("%history", "the last 20"),
        ("%history -n 3", "the last 3"),
        ("%history all --json", "all, as JSON"),
    ],
    values: |_, _| Candidate::list("value", ["all", "--json"]),
    now: no_value,
    apply: history,
};

pub(super) const LAST: Magic = Magic {
    name: "last",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Conversation,
    summary: "show the last answer again, such as after the page was reloaded",
    details: "It asks nobody and costs nothing.",
    examples: &[("%last", "show it"), ("%history -n 1", "in one line")],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        if context.turns.is_empty() {
            return Ok(vec![empty()]);
        }
        Ok(vec![Effect::Job(Job::ShowLast)])
    },
};

pub(super) const UNDO: Magic = Magic {
    name: "undo",
    aliases: &[],
    usage: "",
    form: Form::Line,
    group: Group::Conversation,
    summary: "take back the last turn, or a `%reset`",
    details: "The turn that was made last leaves the conversation; its output stays in the notebook and says so. In a \
conversation that `%reset` has emptied, it brings the turns back. The sandbox does not rewind, and what the turn cost \
was spent.",
    examples: &[
        ("%undo", "take it back"),
        ("%reset sandbox", "and begin with an empty sandbox"),
    ],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        let last = context.turns.iter().max_by_key(|turn| turn.id);
        let forgotten = context.threads.first().and_then(|it| it.forgotten);
        let shown = match (last, forgotten) {
            (Some(last), _) => Shown::default().line(
                &match last.count {
                    0 => "Taken back".to_owned(),
                    count => format!("In [{count}] is taken back"),
                },
                &Part::code(&clip(&typed(&last.prompt), CLIP)),
            ),
            (None, Some(turns)) => Shown::default().paragraph(&format!(
                "The reset is taken back: the conversation has its {} again.",
                counted(turns)
            )),
            (None, None) => return Ok(vec![empty()]),
        };
        Ok(vec![
            Effect::Conversation(ConversationOp::Undo),
            shown.effect(),
        ])
    },
};

/// A number of turns, in words.
pub(super) fn counted(turns: usize) -> String {
    match turns {
        1 => "1 turn".to_owned(),
        turns => format!("{turns} turns"),
    }
}

/// What a call of `%history` asks for.
#[derive(Debug, PartialEq, Eq)]
struct Asked {
    count: usize,
    as_json: bool,
}

fn asked(call: &MagicCall, all: usize) -> Result<Asked, MagicError> {
    let mut asked = Asked {
        count: SHOWN,
        as_json: false,
    };
    let mut words = call.args.split_whitespace();
    while let Some(word) = words.next() {
        let number = match word {
            "--json" => {
                asked.as_json = true;
                continue;
            }
            "all" => {
                asked.count = all;
                continue;
            }
            "-n" => words.next().unwrap_or(word),
            word => word.strip_prefix("-n").unwrap_or(word),
        };
        let wrong = || {
            MagicError::new(
                format!("`%history` does not take `{number}`"),
                "It takes how many turns to show, or all; and --json.",
            )
        };
        asked.count = number.parse().ok().filter(|n| *n > 0).ok_or_else(wrong)?;
    }
    Ok(asked)
}

fn empty() -> Effect {
    Shown::default()
        .paragraph("No turns yet: this conversation is empty.")
        .effect()
}

fn history(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let turns = context.turns;
    let Asked { count, as_json } = asked(call, turns.len())?;
    let hidden = turns.len().saturating_sub(count);
    let turns = turns.get(hidden..).unwrap_or_default();
    if as_json {
        let turns: Vec<Value> = turns.iter().map(json_of).collect();
        let text = serde_json::to_string_pretty(&turns).unwrap_or_default();
        return Ok(vec![Shown::default().block(&text).effect()]);
    }
    if turns.is_empty() {
        return Ok(vec![empty()]);
    }
    let rows: Vec<Vec<Part>> = turns.iter().map(row).collect();
    let is_marked = turns.iter().any(|turn| turn.is_stale || turn.is_cut);
    let head = &["cell", "prompt", "answer", "cost", ""];
    let head = match is_marked {
        true => head,
        false => head.get(..4).unwrap_or(head),
    };
    let mut shown = Shown::default().table(head, &rows);
    if hidden > 0 {
        shown = shown.paragraph(&format!("{hidden} earlier: `%history all` shows them."));
    }
    Ok(vec![shown.effect()])
}

fn row(turn: &TurnSummary) -> Vec<Part> {
    let marks = match (turn.is_stale, turn.is_cut) {
        (true, true) => "stale, cut off",
        (true, false) => "stale",
        (false, true) => "cut off",
        (false, false) => "",
    };
    vec![
        Part::text(&turn.label()),
        Part::code(&clip(&typed(&turn.prompt), CLIP)),
        Part::code(&clip(&turn.answer, CLIP)),
        turn.cost_usd
            .map_or(Part::text("-"), |cost| Part::text(&format!("${cost:.3}"))),
        Part::text(marks),
    ]
}

fn json_of(turn: &TurnSummary) -> Value {
    json!({
        "turn": turn.number,
        "execution_count": turn.count,
        "cell": turn.cell,
        "prompt": turn.prompt,
        "answer": turn.answer,
        "model": turn.model,
        "cost_usd": turn.cost_usd,
        "stale": turn.is_stale,
        "cut_off": turn.is_cut,
    })
}
