//! `%max_tokens`: the most an answer may have.

use super::arguments::{put, word};
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;
use crate::chat::settings::DEFAULT_MAX_TOKENS;

const USAGE: &str = "[N|default]";

pub(super) const MAX_TOKENS: Magic = Magic {
    name: "max_tokens",
    aliases: &["max-tokens"],
    usage: USAGE,
    form: Form::Setting,
    group: Group::Answers,
    summary: "the most tokens one answer may have, thinking included",
    details: "An answer that reaches it is cut off and marked. Only what is written is paid for, so a high limit costs \
nothing by itself. `32k`, `32_000` and `32000` are the same.",
    examples: &[
        ("%max_tokens 8000", "from here on"),
        ("%%max_tokens 64k", "this cell only"),
        ("%max_tokens", "show"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["8000", "16000", "32000", "64000", "default"])
        } else {
            Vec::new()
        }
    },
    now: |context| Some(context.settings.max_tokens.to_string()),
    apply,
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let Some(value) = word(call, USAGE)? else {
        let now = context.settings.max_tokens.to_string();
        return Ok(vec![setting("max_tokens", &now, context)]);
    };
    let mut settings = context.settings.clone();
    let model = &settings.model;
    let cap = context.abilities().max_output_tokens;
    let tokens = match value.as_str() {
        "default" => u64::from(cap.unwrap_or(DEFAULT_MAX_TOKENS).min(DEFAULT_MAX_TOKENS)),
        number => parse(number).ok_or_else(|| {
            MagicError::new(
                format!("`{number}` is not a number of tokens"),
                "Write a whole number from 1, such as `%max_tokens 16000`.",
            )
        })?,
    };
    let most = cap.unwrap_or(u32::MAX);
    settings.max_tokens = u32::try_from(tokens)
        .ok()
        .filter(|tokens| *tokens <= most)
        .ok_or_else(|| {
            MagicError::new(
                format!("`{model}` answers with at most {most} tokens, not {tokens}"),
                format!("Write `%max_tokens {most}` or less."),
            )
        })?;
    Ok(vec![put(settings)])
}

/// `32000`, `32_000`, `32,000`, `32k`; `None` below 1.
fn parse(text: &str) -> Option<u64> {
    let plain = text.replace(['_', ','], "");
    let (digits, factor) = match plain.strip_suffix('k') {
        Some(digits) => (digits, 1_000),
        None => (plain.as_str(), 1),
    };
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let tokens = digits.parse::<u64>().ok()?.checked_mul(factor)?;
    (tokens > 0).then_some(tokens)
}
