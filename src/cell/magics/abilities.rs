//! What the present model takes, for the magics. If the model is unknown, everything may be sent,
//! and the API decides.

use crate::anthropic::model::{self, Effort, ModelSpec, ThinkingKind};
use crate::chat::settings::{Settings, ThinkingShow};

use super::arguments::and;

/// All levels, in rising order.
pub(super) const EFFORTS: &[Effort] = &[
    Effort::Low,
    Effort::Medium,
    Effort::High,
    Effort::XHigh,
    Effort::Max,
];

/// What `%thinking off` can do with a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Off {
    /// Thinking is off, or the model is unknown.
    Whole,
    /// It still thinks between tool calls.
    BetweenTools,
    /// It always thinks.
    Never,
}

/// Returns the table's line for a model.
pub(super) fn spec(model: &str) -> Option<&'static ModelSpec> {
    model::lookup(model)
}

/// Returns the ids of the table, without those that need an approval.
pub(super) fn offered() -> impl Iterator<Item = &'static str> {
    model::MODELS
        .iter()
        .filter(|spec| !spec.gated)
        .map(|spec| spec.id)
}

/// Returns the levels a model takes, empty for none, `None` for an unknown model.
pub(super) fn efforts(model: &str) -> Option<&'static [Effort]> {
    spec(model).map(|spec| spec.efforts)
}

/// Returns what `%thinking off` can do.
pub(super) fn thinking_off(model: &str) -> Off {
    match spec(model).map(|spec| spec.thinking) {
        None => Off::Whole,
        Some(kinds) if kinds.contains(&ThinkingKind::Disabled) => Off::Whole,
        Some(kinds) if kinds.contains(&ThinkingKind::BetweenTools) => Off::BetweenTools,
        Some(_) => Off::Never,
    }
}

/// Returns whether a model takes this effort with thinking off.
pub(super) fn takes_without_thinking(model: &str, effort: Effort) -> bool {
    let kind = match thinking_off(model) {
        Off::BetweenTools => ThinkingKind::BetweenTools,
        Off::Whole | Off::Never => ThinkingKind::Disabled,
    };
    spec(model).is_none_or(|spec| effort <= spec.highest_effort_with(kind))
}

/// Returns whether a model interleaves thinking only with a header: those whose thinking is manual.
pub(super) fn needs_interleaved_header(model: &str) -> bool {
    spec(model).is_none_or(|spec| !spec.thinking.contains(&ThinkingKind::Adaptive))
}

/// Returns whether a model has progress notes: those that hide their thinking by themselves.
pub(super) fn has_notes(model: &str) -> bool {
    spec(model).is_none_or(|spec| spec.thinks_by_default)
}

/// Makes settings fit their model after it changed; returns a sentence for each thing changed.
pub(super) fn fit(settings: &mut Settings) -> Vec<String> {
    let Some(spec) = spec(&settings.model) else {
        return Vec::new();
    };
    let mut changed = Vec::new();
    let model = spec.id;
    if let Some(effort) = settings.effort
        && !spec.efforts.contains(&effort)
    {
        settings.effort = None;
        let name = effort.as_str();
        changed.push(match spec.default_effort {
            Some(default) if !spec.efforts.is_empty() => {
                let taken: Vec<&str> = spec.efforts.iter().map(|level| level.as_str()).collect();
                format!(
                    "`{model}` does not take effort `{name}`: its default, {}, holds now (it takes {})",
                    default.as_str(),
                    and(&taken)
                )
            }
            _ => format!("`{model}` has no effort setting: `{name}` is no longer sent"),
        });
    }
    if settings.thinking == ThinkingShow::Off {
        let effort = settings.effort.or(spec.default_effort);
        if thinking_off(model) == Off::Never {
            settings.thinking = ThinkingShow::Fold;
            changed.push(format!(
                "`{model}` cannot switch thinking off: it is on again, folded"
            ));
        } else if effort.is_some_and(|effort| !takes_without_thinking(model, effort)) {
            settings.thinking = ThinkingShow::Fold;
            changed.push(format!(
                "`{model}` cannot switch thinking off at this effort: it is on again, folded"
            ));
        }
    }
    if settings.thinking == ThinkingShow::Notes && !has_notes(model) {
        settings.thinking = ThinkingShow::Fold;
        changed.push(format!(
            "`{model}` has no progress notes: its thinking is shown folded"
        ));
    }
    if settings.interleaved && !needs_interleaved_header(model) {
        settings.interleaved = false;
        changed.push(format!(
            "`{model}` thinks between steps by itself: the interleaved header is no longer sent"
        ));
    }
    if settings.max_tokens > spec.max_output_tokens {
        settings.max_tokens = spec.max_output_tokens;
        changed.push(format!(
            "`{model}` answers with at most {} tokens: `max_tokens` was lowered to that",
            spec.max_output_tokens
        ));
    }
    changed
}
