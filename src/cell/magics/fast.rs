//! `%fast`: answers that come faster and cost more.

use super::arguments::{and, put, word};
use crate::anthropic::model::{Fast, MODELS};
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;

const USAGE: &str = "[on|off]";

pub(super) const FAST: Magic = Magic {
    name: "fast",
    aliases: &[],
    usage: USAGE,
    form: Form::Setting,
    group: Group::Answers,
    summary: "answer faster, for twice the price, where the model can",
    details: "Every token costs twice its usual price, cached ones too; `%cost`, receipts and `%budget` count it so. \
The API calls it a preview: it may refuse it to an account, and has rate limits of its own for it. Changing it between \
cells makes the next cell pay for the conversation without the cache.",
    examples: &[
        ("%fast on", "from here on"),
        ("%%fast on", "this cell only"),
        ("%fast", "show"),
    ],
    values: |context, before| {
        if !before.is_empty() {
            Vec::new()
        } else if context.abilities().fast == Fast::No {
            Candidate::list("value", ["off"])
        } else {
            Candidate::list("value", ["on", "off"])
        }
    },
    now: |context| Some(now(context).to_owned()),
    apply,
};

/// Whether answers are fast.
fn now(context: &Context<'_>) -> &'static str {
    match context.settings.fast {
        true => "on (twice the price)",
        false => "off",
    }
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let Some(value) = word(call, USAGE)? else {
        return Ok(vec![setting("fast", now(context), context)]);
    };
    let mut settings = context.settings.clone();
    settings.fast = match value.as_str() {
        "on" => true,
        "off" => false,
        other => {
            return Err(MagicError::new(
                format!("`%fast` does not take `{other}`"),
                "Write `%fast on` or `%fast off`.",
            ));
        }
    };
    if settings.fast && context.abilities().fast == Fast::No {
        let models = MODELS
            .iter()
            .filter(|spec| spec.fast != Fast::No && !spec.gated);
        let names: Vec<String> = models.map(|spec| format!("`{}`", spec.id)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        return Err(MagicError::new(
            format!("`{}` has no fast mode", settings.model),
            format!("These have: {}. Choose one with `%model`.", and(&names)),
        ));
    }
    Ok(vec![put(settings)])
}
