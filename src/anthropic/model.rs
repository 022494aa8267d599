//! What each model takes: the table of `claude-api.md` 11 and 2.1-2.3 as data, with its date.
//!
//! The Models API refines it (`capabilities`); a model in neither is sent as it is.

/// The day the table was compiled.
pub const TABLE_DATE: &str = "2026-11-22";

/// `output_config.effort`, in rising order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    /// Whether `role: "system"` messages may be sent (2.6).
    pub system_messages: bool,
    /// The day it retires, if known.
    pub retires: Option<&'static str>,
}
