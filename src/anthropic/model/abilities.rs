//! What the Models API says of a model, and whether a setting may be sent to it.

use serde_json::Value;

use super::ThinkingKind::{BetweenTools, Disabled};
use super::{ALL_EFFORTS, ALL_THINKING, Effort, ModelSpec, ThinkingKind, lookup};

/// A model as the Models API describes it (`docs/protocol.md#models-api`). `None`: it does not say.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelInfo {
    /// The id on the wire.
    pub id: String,
    /// The name for people.
    pub display_name: String,
    /// `active`, `deprecated`, `retired`.
    pub lifecycle: Option<String>,
    /// `opus`, `sonnet`, …
    pub line: Option<String>,
    /// RFC 3339.
    pub retires_at: Option<String>,
    /// Context window, in tokens.
    pub context_tokens: Option<u64>,
    /// The most `max_tokens` may be.
    pub max_output_tokens: Option<u32>,
    /// Effort levels taken; empty for none.
    pub efforts: Option<Vec<Effort>>,
    /// Kinds of thinking taken; empty for none.
    pub thinking: Option<Vec<ThinkingKind>>,
    /// Whether the code execution tool may be sent.
    pub code_execution: Option<bool>,
}

impl ModelInfo {
    /// Reads a model object; `None` when it has no id.
    #[must_use]
    pub fn from_raw(raw: &Value) -> Option<Self> {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = text("id")?;
        let capabilities = raw.get("capabilities");
        let capability = |name: &str| capabilities.and_then(|all| all.get(name));
        let efforts = capability("effort").map(|effort| {
            ALL_EFFORTS
                .iter()
                .copied()
                .filter(|level| supported(effort.get(level.as_str())))
                .collect()
        });
        let thinking = capability("thinking")
            .and_then(|thinking| thinking.get("types"))
            .map(|types| {
                ALL_THINKING
                    .iter()
                    .copied()
                    .filter(|kind| supported(types.get(kind.as_str())))
                    .collect()
            });
        Some(Self {
            display_name: text("display_name").unwrap_or_else(|| id.clone()),
            lifecycle: text("lifecycle"),
            line: text("line"),
            retires_at: text("retires_at"),
            context_tokens: raw.get("max_input_tokens").and_then(Value::as_u64),
            max_output_tokens: raw
                .get("max_tokens")
                .and_then(Value::as_u64)
                .and_then(|tokens| u32::try_from(tokens).ok()),
            efforts,
            thinking,
            code_execution: capability("server_tools")
                .and_then(|tools| tools.get("code_execution"))
                .map(|tool| supported(Some(tool))),
            id,
        })
    }
}

fn supported(capability: Option<&Value>) -> bool {
    capability
        .and_then(|capability| capability.get("supported"))
        .and_then(Value::as_bool)
        .unwrap_or_default()
}

/// What a model takes, from the table and what the Models API says of it, which wins.
/// `None`: nobody knows, so anything may be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Abilities {
    /// The id on the wire.
    pub id: String,
    /// The most `max_tokens` may be.
    pub max_output_tokens: Option<u32>,
    /// Effort levels; empty for none.
    pub efforts: Option<Vec<Effort>>,
    /// Kinds of thinking; empty for none.
    pub thinking: Option<Vec<ThinkingKind>>,
    spec: Option<&'static ModelSpec>,
}

/// A setting a model does not take, and what it takes instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotTaken {
    /// The model has no effort setting.
    #[error("`{model}` has no effort setting")]
    NoEfforts {
        /// The model.
        model: String,
    },
    /// Not this level.
    #[error("`{model}` does not take effort `{effort}`; it takes {}", efforts(.taken))]
    Effort {
        /// The model.
        model: String,
        /// The level asked for.
        effort: Effort,
        /// The levels taken.
        taken: Vec<Effort>,
    },
    /// Not this kind of thinking.
    #[error("`{model}` does not take thinking `{}`; it takes {}", .kind.as_str(), kinds(.taken))]
    Thinking {
        /// The model.
        model: String,
        /// The kind asked for.
        kind: ThinkingKind,
        /// The kinds taken.
        taken: Vec<ThinkingKind>,
    },
    /// Not both at once.
    #[error("`{model}` takes thinking `{}` only up to effort `{highest}`, not with `{effort}`", .kind.as_str())]
    Together {
        /// The model.
        model: String,
        /// The kind asked for.
        kind: ThinkingKind,
        /// The level asked for.
        effort: Effort,
        /// The highest level that kind goes with.
        highest: Effort,
    },
}

impl Abilities {
    /// Joins what the table and the Models API say of a model.
    #[must_use]
    pub fn of(id: &str, info: Option<&ModelInfo>) -> Self {
        let spec = lookup(id);
        Self {
            id: id.to_owned(),
            max_output_tokens: info
                .and_then(|info| info.max_output_tokens)
                .or(spec.map(|spec| spec.max_output_tokens)),
            efforts: info
                .and_then(|info| info.efforts.clone())
                .or(spec.map(|spec| spec.efforts.to_vec())),
            thinking: info
                .and_then(|info| info.thinking.clone())
                .or(spec.map(|spec| spec.thinking.to_vec())),
            spec,
        }
    }

    /// Checks an effort level and a kind of thinking, alone and together. `None` is not sent.
    ///
    /// # Errors
    /// The first thing that is not taken, with what is.
    pub fn check(
        &self,
        effort: Option<Effort>,
        thinking: Option<ThinkingKind>,
    ) -> Result<(), NotTaken> {
        let model = || self.id.clone();
        if let (Some(effort), Some(taken)) = (effort, &self.efforts) {
            if taken.is_empty() {
                return Err(NotTaken::NoEfforts { model: model() });
            }
            if !taken.contains(&effort) {
                return Err(NotTaken::Effort {
                    model: model(),
                    effort,
                    taken: taken.clone(),
                });
            }
        }
        let Some(kind) = thinking else { return Ok(()) };
        if let Some(taken) = &self.thinking
            && !taken.contains(&kind)
        {
            return Err(NotTaken::Thinking {
                model: model(),
                kind,
                taken: taken.clone(),
            });
        }
        if let (Some(effort), Some(spec)) = (effort, self.spec) {
            let highest = spec.highest_effort_with(kind);
            if effort > highest {
                return Err(NotTaken::Together {
                    model: model(),
                    kind,
                    effort,
                    highest,
                });
            }
        }
        Ok(())
    }

    /// Returns how thinking is switched off, or kept to a minimum; `None` when it cannot be.
    #[must_use]
    pub fn thinking_off(&self) -> Option<ThinkingKind> {
        let Some(taken) = &self.thinking else {
            return Some(Disabled);
        };
        [Disabled, BetweenTools]
            .into_iter()
            .find(|kind| taken.contains(kind))
    }
}

fn efforts(taken: &[Effort]) -> String {
    let names: Vec<&str> = taken.iter().map(|effort| effort.as_str()).collect();
    names.join(", ")
}

fn kinds(taken: &[ThinkingKind]) -> String {
    let names: Vec<&str> = taken.iter().map(|kind| kind.as_str()).collect();
    names.join(", ")
}
