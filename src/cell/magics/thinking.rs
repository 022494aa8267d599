//! `%thinking`: whether Claude's thinking is shown, folded or switched off.

use super::abilities::{self, Off};
use super::arguments::put;
use crate::anthropic::model::Abilities;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;
use crate::chat::settings::{Settings, ThinkingShow};

pub(super) const THINKING: Magic = Magic {
    name: "thinking",
    aliases: &[],
    usage: "[show|fold|notes|off] [--interleaved]",
    form: Form::Setting,
    group: Group::Answers,
    summary: "show Claude's thinking, fold it away, or switch it off",
    details: "What is shown is a summary; all of the thinking is paid for. `notes` hides it and shows only what Claude \
notes between its steps, as it works; models that think by themselves can do that. `off` works only with models that can do \
without. `--interleaved` sends the header that older models need to think between steps, `--no-interleaved` stops \
that; newer ones do it by themselves.",
    examples: &[
        ("%thinking show", "from here on"),
        ("%%thinking fold", "this cell only"),
        ("%thinking", "what is in force"),
    ],
    values,
    now: |context| Some(now(context)),
    apply,
};

fn values(context: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    let mut words = if before.iter().any(|word| !word.starts_with('-')) {
        Vec::new()
    } else {
        vec!["show", "fold", "notes"]
    };
    if !words.is_empty() && abilities::thinking_off(&context.abilities()) != Off::Never {
        words.push("off");
    }
    if !before.contains(&"--interleaved") {
        words.push("--interleaved");
    }
    Candidate::list("value", words)
}

/// The mode in force, in a few words.
pub(super) fn now(context: &Context<'_>) -> String {
    let settings = context.settings;
    let mode = match settings.thinking {
        ThinkingShow::Show => "shown",
        ThinkingShow::Fold => "folded",
        ThinkingShow::Notes => "progress notes only",
        ThinkingShow::Off if abilities::thinking_off(&context.abilities()) == Off::BetweenTools => {
            "off but between tool calls"
        }
        ThinkingShow::Off => "off",
    };
    if settings.interleaved {
        format!("{mode}, interleaved")
    } else {
        mode.to_owned()
    }
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let mut settings = context.settings.clone();
    let abilities = context.abilities();
    let mut warnings = Vec::new();
    let mut mode = None;
    for word in call.args.split_whitespace() {
        let chosen = match word.to_ascii_lowercase().as_str() {
            "show" => ThinkingShow::Show,
            "fold" | "on" => ThinkingShow::Fold,
            "notes" | "updates" => ThinkingShow::Notes,
            "off" => ThinkingShow::Off,
            "--interleaved" => {
                warnings.extend(interleave(&mut settings, &abilities));
                continue;
            }
            "--no-interleaved" => {
                settings.interleaved = false;
                continue;
            }
            _ => {
                return Err(MagicError::new(
                    format!("`%thinking` does not take `{word}`"),
                    "It takes show, fold, notes or off, and `--interleaved`.",
                ));
            }
        };
        if mode.replace(chosen).is_some() {
            return Err(MagicError::new(
                format!(
                    "`%thinking` takes one of show, fold, notes and off, not `{}`",
                    call.args
                ),
                "Choose one of them.",
            ));
        }
    }
    if call.args.is_empty() {
        return Ok(vec![setting("thinking", &now(context), context)]);
    }
    if let Some(mode) = mode {
        if mode == ThinkingShow::Off {
            warnings.extend(check_off(&settings, &abilities)?);
        }
        if mode == ThinkingShow::Notes {
            check_notes(&abilities)?;
        }
        settings.thinking = mode;
    }
    let mut effects = vec![put(settings)];
    effects.extend(warnings.into_iter().map(Effect::Warn));
    Ok(effects)
}

/// Turns interleaving on where a model needs the header; else says why not.
fn interleave(settings: &mut Settings, abilities: &Abilities) -> Option<String> {
    settings.interleaved = abilities::needs_interleaved_header(abilities);
    (!settings.interleaved).then(|| {
        format!(
            "`{}` thinks between steps by itself: `--interleaved` sends nothing",
            settings.model
        )
    })
}

fn check_notes(abilities: &Abilities) -> Result<(), MagicError> {
    let model = &abilities.id;
    if abilities::has_notes(abilities) {
        return Ok(());
    }
    Err(MagicError::new(
        format!("`{model}` has no progress notes: it shows its thinking as a summary"),
        "Take `%thinking fold` or `%thinking show`, or a newer model with `%model`.",
    ))
}

/// Whether thinking can be off with this model and effort; returns what to warn of.
fn check_off(settings: &Settings, abilities: &Abilities) -> Result<Option<String>, MagicError> {
    let model = &abilities.id;
    let off = abilities::thinking_off(abilities);
    if off == Off::Never {
        return Err(MagicError::new(
            format!("`{model}` cannot switch thinking off"),
            "`%thinking fold` keeps it out of sight, and a lower `%effort` makes it shorter.",
        ));
    }
    let effort = settings.effort.or(abilities.default_effort);
    if let Some(effort) = effort
        && !abilities::takes_without_thinking(abilities, effort)
    {
        return Err(MagicError::new(
            format!(
                "`{model}` cannot switch thinking off at effort `{}`",
                effort.as_str()
            ),
            "Lower it first: `%effort high` or less.",
        ));
    }
    Ok((off == Off::BetweenTools).then(|| {
        format!("`{model}` cannot switch thinking off entirely: it still thinks between tool calls")
    }))
}
