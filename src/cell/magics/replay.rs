//! `%replay` and `%%fresh`: answers from recordings, or from Claude.

use super::arguments::{no_value, no_values, none, put, word};
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;
use crate::chat::settings::Replay;

const USAGE: &str = "[catchup|always|only|off]";

pub(super) const REPLAY: Magic = Magic {
    name: "replay",
    aliases: &[],
    usage: USAGE,
    form: Form::Setting,
    group: Group::Conversation,
    summary: "answer a cell from its recording, with nothing sent and nothing billed",
    details: "A notebook holds its answers: each receipt carries what was asked and what came. A cell that asks the same, \
below the same answers, gets its recorded answer. `catchup` does so the first time after the kernel started and asks anew \
when the cell is run again; `always` does so every time; `only` too, and a cell that has no recording fails and says what \
changed; `off` asks. Without credentials a recorded cell answers from its recording also under `off`. Files are written \
again where they are missing; tools of your own are not run. `%%fresh` asks whatever is set. The setting `record` names a \
file with recordings for notebooks whose outputs are cleared.",
    examples: &[
        ("%replay only", "a run without key, network and cost"),
        ("%replay off", "ask, from here on"),
        ("%replay", "show"),
    ],
    values: |_, before| match before {
        [] => Candidate::list("value", Replay::ALL.map(Replay::name)),
        _ => Vec::new(),
    },
    now: |context| Some(context.settings.replay.name().to_owned()),
    apply,
};

pub(super) const FRESH: Magic = Magic {
    name: "fresh",
    aliases: &[],
    usage: "",
    form: Form::Cell,
    group: Group::Conversation,
    summary: "ask this cell anew, also if its answer is recorded",
    details: "It is sent and billed as any prompt, whatever `%replay` says.",
    examples: &[
        ("%%fresh\nWhat changed since last week?", "a new answer"),
        (
            "%%fresh\n%%effort high\nWhat changed since last week?",
            "with a setting",
        ),
    ],
    values: no_values,
    now: no_value,
    apply: |call, context| {
        none(call)?;
        Ok(vec![with(Replay::Fresh, context)])
    },
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let Some(value) = word(call, USAGE)? else {
        return Ok(vec![setting(
            "replay",
            context.settings.replay.name(),
            context,
        )]);
    };
    let replay = Replay::parse(&value).ok_or_else(|| {
        MagicError::new(
            format!("`%replay` does not take `{value}`"),
            "It takes catchup, always, only or off.",
        )
    })?;
    Ok(vec![with(replay, context)])
}

fn with(replay: Replay, context: &Context<'_>) -> Effect {
    let mut settings = context.settings.clone();
    settings.replay = replay;
    put(settings)
}
