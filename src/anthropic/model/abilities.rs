//! What a model takes, and whether a setting may be sent to it.

use super::ThinkingKind::{BetweenTools, Disabled};
use super::table::RETIRED;
use super::{Effort, Fast, ModelInfo, ModelSpec, ThinkingKind, lookup, resolve_alias};

/// What a model takes, from the table and what the Models API says of it, which wins.
/// `None`: nobody knows, so anything may be sent.
#[derive(Debug, Clone, PartialEq)]
pub struct Abilities {
    /// The id on the wire.
    pub id: String,
    /// Context window, in tokens.
    pub context_tokens: Option<u64>,
    /// The most `max_tokens` may be.
    pub max_output_tokens: Option<u32>,
    /// Effort levels; empty for none.
    pub efforts: Option<Vec<Effort>>,
    /// The API's default effort.
    pub default_effort: Option<Effort>,
    /// Kinds of thinking; empty for none.
    pub thinking: Option<Vec<ThinkingKind>>,
    /// Whether `role: "system"` messages may be sent. Only the table says so.
    pub system_messages: bool,
    /// Whether code in its sandbox may call tools of the client.
    pub calls_by_code: bool,
    /// Whether it sums up conversations on demand.
    pub compacts: Option<bool>,
    /// Whether it answers faster for more money.
    pub fast: Fast,
    /// When it retires or has retired.
    pub retirement: Option<Retirement>,
    /// Whether it needs an approval.
    pub gated: bool,
    spec: Option<&'static ModelSpec>,
}

/// When a model retires, and who takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retirement {
    /// The day, `2027-01-22`.
    pub day: String,
    /// The id of the model to go over to, if one is known.
    pub successor: Option<&'static str>,
}

impl Retirement {
    fn of(id: &str, info: Option<&ModelInfo>, spec: Option<&ModelSpec>) -> Option<Self> {
        let told = info.and_then(|info| info.retires_at.as_deref());
        let told = told.and_then(|at| at.get(.."2027-01-22".len()));
        let gone = RETIRED.iter().find(|(begins, ..)| id.starts_with(begins));
        let day = told
            .or(spec.and_then(|spec| spec.retires))
            .or(gone.map(|(_, day, _)| *day))?;
        let of_line = info
            .and_then(|info| info.line.as_deref())
            .and_then(resolve_alias);
        let successor = spec
            .and_then(|spec| spec.successor)
            .or(gone.map(|(.., successor)| *successor))
            .or(of_line.map(|spec| spec.id));
        Some(Self {
            day: day.to_owned(),
            successor: successor.filter(|successor| *successor != id),
        })
    }

    /// Returns whether that day has come; `today` is `2026-11-30`.
    #[must_use]
    pub fn is_past(&self, today: &str) -> bool {
        self.day.as_str() <= today
    }

    /// Says when the model retires and which one to take instead, as a sentence.
    #[must_use]
    pub fn sentence(&self, model: &str, today: &str) -> String {
        let when = match self.is_past(today) {
            true => format!("`{model}` was retired on {}", self.day),
            false => format!("`{model}` retires on {}", self.day),
        };
        match self.successor {
            Some(successor) => format!("{when}: `%model {successor}` chooses its successor."),
            None => format!("{when}: `%models` lists the others."),
        }
    }
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
        let efforts = info
            .and_then(|info| info.efforts.clone())
            .or(spec.map(|spec| spec.efforts.to_vec()));
        let default_effort = spec.and_then(|spec| spec.default_effort);
        let is_taken = |effort: &Effort| efforts.as_ref().is_none_or(|all| all.contains(effort));
        Self {
            id: id.to_owned(),
            context_tokens: info
                .and_then(|info| info.context_tokens)
                .or(spec.map(|spec| spec.context_tokens)),
            max_output_tokens: info
                .and_then(|info| info.max_output_tokens)
                .or(spec.map(|spec| spec.max_output_tokens)),
            default_effort: default_effort.filter(is_taken),
            thinking: info
                .and_then(|info| info.thinking.clone())
                .or(spec.map(|spec| spec.thinking.to_vec())),
            system_messages: spec.is_some_and(|spec| spec.system_messages),
            calls_by_code: info
                .and_then(|info| info.calls_by_code)
                .or(spec.map(|spec| spec.sandbox_calls_tools))
                .unwrap_or(false),
            compacts: info
                .and_then(|info| info.compacts)
                .or(spec.map(|spec| spec.compacts)),
            fast: spec.map_or(Fast::No, |spec| spec.fast),
            retirement: Retirement::of(id, info, spec),
            gated: spec.is_some_and(|spec| spec.gated),
            efforts,
            spec,
        }
    }

    /// Returns whether the model takes this effort; true if nobody knows.
    #[must_use]
    pub fn takes_effort(&self, effort: Effort) -> bool {
        self.efforts
            .as_ref()
            .is_none_or(|all| all.contains(&effort))
    }

    /// Returns whether the model has no effort setting at all.
    #[must_use]
    pub fn has_no_efforts(&self) -> bool {
        self.efforts.as_ref().is_some_and(Vec::is_empty)
    }

    /// Returns whether the model takes this kind of thinking; true if nobody knows.
    #[must_use]
    pub fn takes_thinking(&self, kind: ThinkingKind) -> bool {
        self.thinking.as_ref().is_none_or(|all| all.contains(&kind))
    }

    /// Returns whether the model takes this effort together with this kind of thinking.
    #[must_use]
    pub fn takes_together(&self, effort: Effort, thinking: ThinkingKind) -> bool {
        let spec = self.spec;
        spec.is_none_or(|spec| effort <= spec.highest_effort_with(thinking))
    }

    /// Returns whether the model thinks if a request says nothing of it, and then has progress
    /// notes; true if nobody knows.
    #[must_use]
    pub fn thinks_by_default(&self) -> bool {
        self.spec.is_none_or(|spec| spec.thinks_by_default)
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
