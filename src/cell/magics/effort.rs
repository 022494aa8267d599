//! `%effort`: how hard Claude works.

use super::abilities;
use super::arguments::{and, put, word};
use crate::anthropic::model::Effort;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;
use crate::chat::settings::ThinkingShow;

const USAGE: &str = "LEVEL";

pub(super) const EFFORT: Magic = Magic {
    name: "effort",
    aliases: &[],
    usage: USAGE,
    form: Form::Setting,
    group: Group::Answers,
    summary: "how hard Claude works: low | medium | high | xhigh | max | default",
    details: "More effort means more thinking, more steps and more tokens. `default` leaves the level to the model. \
claude-haiku-4-5 and claude-sonnet-4-5 have no effort setting. \
Changing it between cells makes the next cell pay for the conversation without the cache.",
    examples: &[
        ("%effort high", "from here on"),
        ("%%effort max", "this cell only"),
        ("%effort", "show"),
    ],
    values,
    now: |context| Some(now(context)),
    apply,
};

fn values(context: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    if !before.is_empty() {
        return Vec::new();
    }
    let names = abilities::levels(&context.abilities()).into_iter();
    Candidate::list("value", names.chain(["default"]))
}

/// The level in force, with whose choice it is.
pub(super) fn now(context: &Context<'_>) -> String {
    let model = &context.settings.model;
    if let Some(level) = context.settings.effort {
        return level.as_str().to_owned();
    }
    let abilities = context.abilities();
    if abilities.has_no_efforts() {
        return format!("none ({model} has no effort setting)");
    }
    match abilities.default_effort {
        Some(level) => format!("{} (the default of {model})", level.as_str()),
        None => format!("the default of {model}"),
    }
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let Some(value) = word(call, USAGE)? else {
        return Ok(vec![setting("effort", &now(context), context)]);
    };
    let mut settings = context.settings.clone();
    settings.effort = match value.as_str() {
        "default" => None,
        level => Some(parse(level, context)?),
    };
    Ok(vec![put(settings)])
}

fn parse(level: &str, context: &Context<'_>) -> Result<Effort, MagicError> {
    let settings = context.settings;
    let model = &settings.model;
    let taken = context.abilities();
    if taken.has_no_efforts() {
        return Err(MagicError::new(
            format!("`{model}` has no effort setting"),
            "Leave the line out, or choose another model with `%model`.",
        ));
    }
    let takes = || {
        let levels = abilities::levels(&taken);
        format!(
            "`{model}` takes {}; `default` leaves it to the model.",
            and(&levels)
        )
    };
    let Some(effort) = abilities::EFFORTS
        .iter()
        .find(|known| known.as_str() == level)
    else {
        return Err(MagicError::new(
            format!("`{level}` is not an effort level"),
            takes(),
        ));
    };
    if !taken.takes_effort(*effort) {
        return Err(MagicError::new(
            format!("`{model}` does not take effort `{level}`"),
            takes(),
        ));
    }
    let is_off = settings.thinking == ThinkingShow::Off;
    if is_off && !abilities::takes_without_thinking(&taken, *effort) {
        return Err(MagicError::new(
            format!("`{model}` does not take effort `{level}` while thinking is off"),
            "Turn thinking on first with `%thinking fold`, or choose high or less.",
        ));
    }
    Ok(*effort)
}
