//! What each model takes: a table as data (`docs/protocol.md#models, #thinking, #effort`), with its
//! date.
//!
//! The Models API refines it ([`ModelInfo`], [`Abilities`]); a model in neither is sent as it is.
//! Pure.

mod abilities;
mod cost;
mod info;
mod known;
mod prices;
mod table;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use abilities::{Abilities, NotTaken, Retirement};
pub use cost::{FAST, SEARCH_USD, WORST_WRITE};
pub use info::ModelInfo;
pub use known::Models;
pub use prices::Prices;
pub use table::MODELS;

use Effort::{High, Low, Max, Medium, XHigh};
use ThinkingKind::{Adaptive, BetweenTools, Disabled, Enabled};

/// The day the table was compiled.
pub const TABLE_DATE: &str = "2026-11-30";

/// `output_config.effort`, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effort {
    /// `low`.
    Low,
    /// `medium`.
    Medium,
    /// `high`.
    High,
    /// `xhigh`.
    XHigh,
    /// `max`.
    Max,
}

/// How `thinking` may be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ThinkingKind {
    /// `{"type":"adaptive"}`.
    Adaptive,
    /// `{"type":"enabled","budget_tokens":N}`, 4.6 and older.
    Enabled,
    /// `{"type":"between_tools"}`.
    BetweenTools,
    /// `{"type":"disabled"}`.
    Disabled,
}

/// Whether a model answers faster for more money (`docs/protocol.md#fast-mode`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fast {
    /// It does not.
    No,
    /// With `speed: "fast"` alone.
    Yes,
    /// With a beta header too.
    WithHeader,
}

/// Prices in US dollars per million tokens.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Price {
    /// Base input.
    pub input: f64,
    /// Output, thinking included.
    pub output: f64,
    /// Cache read.
    pub cache_read: f64,
    /// Above this many prompt tokens the second set of prices holds: (tokens, input, output, read).
    pub above: Option<(u64, f64, f64, f64)>,
}

/// What one model takes.
#[derive(Debug, Clone, PartialEq)]
pub struct ModelSpec {
    /// The id on the wire, such as `claude-opus-5-5`.
    pub id: &'static str,
    /// `opus`, `sonnet`, `haiku`, `fable` for the newest of a line.
    pub alias: Option<&'static str>,
    /// Context window, in tokens.
    pub context_tokens: u64,
    /// The most `max_tokens` may be.
    pub max_output_tokens: u32,
    /// Prices.
    pub price: Price,
    /// Effort levels taken; empty for none.
    pub efforts: &'static [Effort],
    /// The API's default effort.
    pub default_effort: Option<Effort>,
    /// Kinds of `thinking` that may be sent.
    pub thinking: &'static [ThinkingKind],
    /// Whether `thinking.display` may be sent and `thinking` is on by default.
    pub thinks_by_default: bool,
    /// Whether `role: "system"` messages may be sent (`docs/protocol.md#system-messages`).
    pub system_messages: bool,
    /// Whether code in its sandbox may call tools of the client
    /// (`docs/protocol.md#programmatic-calls`).
    pub sandbox_calls_tools: bool,
    /// Whether it sums up conversations on demand (`docs/protocol.md#compaction`).
    pub compacts: bool,
    /// Whether it takes `speed: "fast"` (`docs/protocol.md#fast-mode`).
    pub fast: Fast,
    /// The day it retires, if known.
    pub retires: Option<&'static str>,
    /// The model to go over to when it retires.
    pub successor: Option<&'static str>,
    /// Whether it needs an approval, and so is not offered.
    pub gated: bool,
}

const ALL_EFFORTS: &[Effort] = &[Low, Medium, High, XHigh, Max];
const ALL_THINKING: &[ThinkingKind] = &[Adaptive, Enabled, BetweenTools, Disabled];

impl Effort {
    /// Reads the wire value.
    #[must_use]
    pub fn parse(value: &str) -> Option<Self> {
        ALL_EFFORTS
            .iter()
            .copied()
            .find(|effort| effort.as_str() == value)
    }

    /// Returns the wire value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::XHigh => "xhigh",
            Self::Max => "max",
        }
    }
}

impl fmt::Display for Effort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl ThinkingKind {
    /// Returns the wire value.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Adaptive => "adaptive",
            Self::Enabled => "enabled",
            Self::BetweenTools => "between_tools",
            Self::Disabled => "disabled",
        }
    }
}

impl ModelSpec {
    /// Returns the highest effort a kind of thinking goes with
    /// (`docs/protocol.md#thinking, #effort`).
    #[must_use]
    pub fn highest_effort_with(&self, thinking: ThinkingKind) -> Effort {
        let off = matches!(thinking, Disabled | BetweenTools);
        // Sonnet 5 and the models before it take any effort with thinking off.
        let unbound = !self.thinks_by_default || self.id == "claude-sonnet-5";
        if off && !unbound { High } else { Max }
    }
}

/// Finds a model by its id; a dated id (`claude-haiku-4-5-20251001`) is the model of that name.
#[must_use]
pub fn lookup(id: &str) -> Option<&'static ModelSpec> {
    let exact = |id: &str| MODELS.iter().find(|spec| spec.id == id);
    exact(id).or_else(|| {
        let (name, date) = id.rsplit_once('-')?;
        let is_date = date.len() == 8 && date.bytes().all(|byte| byte.is_ascii_digit());
        is_date.then(|| exact(name)).flatten()
    })
}

/// Finds the newest model of a line: `opus`, `sonnet`, `haiku`, `fable`.
#[must_use]
pub fn resolve_alias(name: &str) -> Option<&'static ModelSpec> {
    MODELS.iter().find(|spec| spec.alias == Some(name))
}

/// Returns up to three ids and aliases that a mistyped name may mean, the likeliest first.
#[must_use]
pub fn nearest(name: &str) -> Vec<&'static str> {
    const ENOUGH: f64 = 0.8;
    let name = name.to_ascii_lowercase();
    let mut near: Vec<(f64, &'static str)> = MODELS
        .iter()
        .filter(|spec| !spec.gated)
        .flat_map(|spec| [Some(spec.id), spec.alias])
        .flatten()
        .map(|known| (strsim::jaro_winkler(known, &name), known))
        .filter(|(likeness, _)| *likeness > ENOUGH)
        .collect();
    near.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    near.into_iter().take(3).map(|(_, known)| known).collect()
}
