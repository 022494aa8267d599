//! What the present model takes, for the magics. If the model is unknown, everything may be sent,
//! and the API decides.

use crate::anthropic::model::{self, Abilities, Effort, Fast, Models, ThinkingKind};
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

/// Returns the ids of the table, without those that need an approval.
pub(super) fn offered() -> impl Iterator<Item = &'static str> {
    model::MODELS
        .iter()
        .filter(|spec| !spec.gated)
        .map(|spec| spec.id)
}

/// Returns the names of the levels that a model takes.
pub(super) fn levels(abilities: &Abilities) -> Vec<&'static str> {
    let taken = EFFORTS
        .iter()
        .filter(|level| abilities.takes_effort(**level));
    taken.map(|level| level.as_str()).collect()
}

/// Returns what `%thinking off` can do.
pub(super) fn thinking_off(abilities: &Abilities) -> Off {
    match abilities.thinking_off() {
        Some(ThinkingKind::BetweenTools) => Off::BetweenTools,
        Some(_) => Off::Whole,
        None => Off::Never,
    }
}

/// Returns whether a model takes this effort with thinking off.
pub(super) fn takes_without_thinking(abilities: &Abilities, effort: Effort) -> bool {
    let kind = match thinking_off(abilities) {
        Off::BetweenTools => ThinkingKind::BetweenTools,
        Off::Whole | Off::Never => ThinkingKind::Disabled,
    };
    abilities.takes_together(effort, kind)
}

/// Returns whether a model interleaves thinking only with a header: those whose thinking is manual.
pub(super) fn needs_interleaved_header(abilities: &Abilities) -> bool {
    let kinds = abilities.thinking.as_ref();
    kinds.is_none_or(|kinds| !kinds.contains(&ThinkingKind::Adaptive))
}

/// Returns whether a model has progress notes: those that hide their thinking by themselves.
pub(super) fn has_notes(abilities: &Abilities) -> bool {
    abilities.thinks_by_default()
}

/// Makes settings fit their model after it changed; returns a sentence for each thing changed.
pub(super) fn fit(settings: &mut Settings, models: &Models) -> Vec<String> {
    let abilities = models.abilities(&settings.model);
    let mut changed = Vec::new();
    let model = &abilities.id;
    if let Some(effort) = settings.effort
        && !abilities.takes_effort(effort)
    {
        settings.effort = None;
        let name = effort.as_str();
        changed.push(match abilities.default_effort {
            Some(default) => format!(
                "`{model}` does not take effort `{name}`: its default, {}, holds now (it takes {})",
                default.as_str(),
                and(&levels(&abilities))
            ),
            None => format!("`{model}` has no effort setting: `{name}` is no longer sent"),
        });
    }
    changed.extend(fit_thinking(settings, &abilities));
    if settings.fast && abilities.fast == Fast::No {
        settings.fast = false;
        changed.push(format!(
            "`{model}` has no fast mode: it answers at its usual speed"
        ));
    }
    if let Some(most) = abilities.max_output_tokens
        && settings.max_tokens > most
    {
        settings.max_tokens = most;
        changed.push(format!(
            "`{model}` answers with at most {most} tokens: `max_tokens` was lowered to that"
        ));
    }
    changed
}

fn fit_thinking(settings: &mut Settings, abilities: &Abilities) -> Vec<String> {
    let (model, mut changed) = (&abilities.id, Vec::new());
    if settings.thinking == ThinkingShow::Off {
        let effort = settings.effort.or(abilities.default_effort);
        if thinking_off(abilities) == Off::Never {
            settings.thinking = ThinkingShow::Fold;
            changed.push(format!(
                "`{model}` cannot switch thinking off: it is on again, folded"
            ));
        } else if effort.is_some_and(|effort| !takes_without_thinking(abilities, effort)) {
            settings.thinking = ThinkingShow::Fold;
            changed.push(format!(
                "`{model}` cannot switch thinking off at this effort: it is on again, folded"
            ));
        }
    }
    if settings.thinking == ThinkingShow::Notes && !has_notes(abilities) {
        settings.thinking = ThinkingShow::Fold;
        changed.push(format!(
            "`{model}` has no progress notes: its thinking is shown folded"
        ));
    }
    let is_known = abilities.thinking.is_some();
    if settings.interleaved && is_known && !needs_interleaved_header(abilities) {
        settings.interleaved = false;
        changed.push(format!(
            "`{model}` thinks between steps by itself: the interleaved header is no longer sent"
        ));
    }
    changed
}
