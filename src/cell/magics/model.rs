//! `%model`: which model answers.

use super::abilities::{self, fit};
use super::arguments::put;
use crate::anthropic::model::{self, MODELS, TABLE_DATE};
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::nearest::{nearest, quoted};
use crate::cell::shown::setting;

pub(super) const MODEL: Magic = Magic {
    name: "model",
    aliases: &[],
    usage: "[NAME]",
    form: Form::Setting,
    group: Group::Answers,
    summary: "which model answers: a name or opus | sonnet | haiku | fable",
    details: "The short names stand for the newest of their line. A name the kernel does not know is sent as it is. \
Settings that the new model does not take are changed, and said. Changing the model between cells makes the next cell \
pay for the conversation without the cache.",
    examples: &[
        ("%model sonnet", "from here on"),
        ("%%model haiku", "this cell only"),
        ("%model", "show"),
    ],
    values,
    now: |context| Some(context.settings.model.clone()),
    apply,
};

/// Longest id taken; the longest known has 26 characters.
const LONGEST: usize = 100;

fn values(context: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    if !before.is_empty() {
        return Vec::new();
    }
    let mut all = Candidate::list("alias", MODELS.iter().filter_map(|spec| spec.alias));
    if context.models.is_empty() {
        all.extend(Candidate::list("model", abilities::offered()));
    } else {
        all.extend(Candidate::list("model", context.models.ids()));
    }
    all
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    if call.args.is_empty() {
        return Ok(vec![setting("model", &context.settings.model, context)]);
    }
    let (id, doubt) = resolve(&call.args, context)?;
    let mut settings = context.settings.clone();
    settings.model = id;
    let changes = fit(&mut settings, context.models);
    let abilities = context.models.abilities(&settings.model);
    let model = &settings.model;
    let gated = abilities
        .gated
        .then(|| format!("`{model}` answers only accounts that Anthropic approved for it"));
    let mut effects = vec![put(settings)];
    let warnings = doubt.into_iter().chain(gated).chain(changes);
    effects.extend(warnings.map(Effect::Warn));
    Ok(effects)
}

/// The id for what was typed, and what to warn of when nobody knows it.
fn resolve(typed: &str, context: &Context<'_>) -> Result<(String, Option<String>), MagicError> {
    let fits = typed.len() <= LONGEST
        && typed.bytes().all(|byte| {
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/' | b'@')
        });
    if !fits {
        return Err(MagicError::new(
            format!("`{typed}` is not the name of a model"),
            "`%models` lists them; opus, sonnet, haiku and fable stand for the newest of each line.",
        ));
    }
    let lower = typed.to_ascii_lowercase();
    if let Some(spec) = model::resolve_alias(&lower) {
        return Ok((spec.id.to_owned(), None));
    }
    // A dated id is found too, and stays dated.
    if model::lookup(&lower).is_some() {
        return Ok((lower, None));
    }
    // As people say it, and as receipts do: `opus-5-5`, `haiku-4.5`.
    let whole = lower.replace('.', "-");
    let whole = match whole.starts_with("claude-") {
        true => whole,
        false => format!("claude-{whole}"),
    };
    if model::lookup(&whole).is_some() {
        return Ok((whole, None));
    }
    if context.models.ids().any(|listed| listed == typed) {
        return Ok((typed.to_owned(), None));
    }
    let mut near = model::nearest(&lower);
    near.extend(nearest(&lower, context.models.ids()));
    near.dedup();
    // Letters alone and like a short name: a slip, which would fail every cell from here on.
    let short = near
        .iter()
        .find(|name| model::resolve_alias(name).is_some());
    if let (Some(short), true) = (short, typed.bytes().all(|byte| byte.is_ascii_alphabetic())) {
        return Err(MagicError::new(
            format!("`{typed}` is not the name of a model"),
            format!("Did you mean `{short}`? `%models` lists them."),
        ));
    }
    let near = quoted(&near, "").map_or(String::new(), |names| format!(" (did you mean {names}?)"));
    Ok((
        typed.to_owned(),
        Some(format!(
            "`{typed}` is not in the kernel's table of {TABLE_DATE}: it is sent as it is{near}"
        )),
    ))
}
