//! What a turn took, and where it stands: the receipt under an answer, as it is shown and kept.

use serde::{Deserialize, Serialize};

use crate::anthropic::model::Effort;

use super::coded::Coded;
use super::conversation::order::CellKey;

/// Tokens of a turn, summed over its calls (`docs/protocol.md#usage`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TurnUsage {
    /// Uncached input.
    pub input_tokens: u64,
    /// Written to the cache.
    pub cache_creation_tokens: u64,
    /// Read from the cache.
    pub cache_read_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Part of output that was thinking.
    pub thinking_tokens: u64,
    /// Web searches.
    pub web_searches: u64,
}

/// The one small line under an answer. Fields that an older journal lacks read as empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Receipt {
    /// The model that served.
    pub model: String,
    /// Effort in force, if one was set or is the model's default.
    pub effort: Option<Effort>,
    /// Tokens.
    pub usage: TurnUsage,
    /// Steps run in the sandbox.
    pub runs: u32,
    /// US dollars; `None` when the price is unknown.
    pub cost_usd: Option<f64>,
    /// Whether the last call was cut off, so that tokens and cost are at least these.
    pub at_least: bool,
    /// Why the API did not read the cache, where it says (`diagnostics.cache_miss_reason.type`).
    pub cache_miss: Option<String>,
    /// How long commands ran in the sandbox, in milliseconds.
    pub sandbox_ms: u64,
    /// About how much of the context window was full at the end, in tokens; 0 when not known.
    #[serde(default)]
    pub context_tokens: u64,
    /// 1-based number of the turn in the conversation, from the top.
    pub turn: u32,
    /// The execution count of the cell: the n of its `In [n]`; 0 when not known.
    pub count: u32,
    /// Where it stands among the others.
    #[serde(default)]
    pub standing: Standing,
    /// Whether the offline backend answered.
    pub offline: bool,
    /// Whether nothing was sent for it, because a recording answered, and the receipt says so.
    #[serde(skip)]
    pub nothing_sent: bool,
    /// The recording of the turn, which the metadata of the receipt holds.
    #[serde(skip)]
    pub recording: Option<Coded>,
}

/// The most cells that a receipt names. Each receipt is saved with the notebook: if a thousand cells
/// each named a thousand, these names would be most of the notebook.
pub const MAX_SAW: usize = 100;

/// Where a turn stands among the others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The cells Claude saw, from the top: of many, the nearest [`MAX_SAW`]. Not recorded.
    #[serde(skip)]
    pub saw: Vec<CellKey>,
    /// How many turns are stale after this one: what stands above them is not what they saw.
    pub stale: u32,
    /// Whether the sandbox holds work of cells that Claude does not see.
    pub sandbox_ahead: bool,
}

impl Standing {
    /// Takes note of the cells that Claude saw, from the top.
    pub fn see<'a>(&mut self, above: impl ExactSizeIterator<Item = &'a CellKey>) {
        let skipped = above.len().saturating_sub(MAX_SAW);
        self.saw = above.skip(skipped).cloned().collect();
    }
}

/// Why an answer is not whole. `%continue` goes on after each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// `max_tokens`.
    MaxTokens,
    /// The context window was full.
    ContextWindow,
    /// Too many pauses or rounds of tools: the turn was ended here.
    Rounds,
    /// The person stopped it.
    Interrupted,
    /// The budget was spent.
    OverBudget,
    /// The stream, or a later call of the turn, failed.
    Failed,
}
