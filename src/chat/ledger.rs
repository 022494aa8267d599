//! The ledger: what every cell that called the API used and cost, also the ones that failed or
//! were stopped. Prices are in `anthropic::model`.

use serde::{Deserialize, Serialize};

use crate::anthropic::usage::Usage;

use super::receipt::TurnUsage;

/// What no notebook cost: numbers beyond it are not receipts of ours, and their sum is no number.
pub const MOST_USD: f64 = 1e9;

/// One line: one run of one cell.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Entry {
    /// The execution count of its cell.
    pub count: u32,
    /// Its prompt, cut to a line.
    pub prompt: String,
    /// The model that served.
    pub model: String,
    /// Tokens and searches.
    pub usage: TurnUsage,
    /// US dollars; `None` when the price is unknown.
    pub cost_usd: Option<f64>,
    /// Whether the turn was cut off, so that the truth is at least this.
    pub at_least: bool,
    /// How long commands ran in the sandbox, in milliseconds.
    pub sandbox_ms: u64,
    /// Why the API did not read the cache, where it says.
    pub cache_miss: Option<String>,
    /// Whether the offline backend answered, so that nothing was bought.
    pub offline: bool,
    /// Whether a recording answered, so that nothing was sent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub recorded: bool,
}

/// Everything spent by a notebook, oldest first.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Ledger {
    entries: Vec<Entry>,
}

/// A ledger without a line.
pub static EMPTY: Ledger = Ledger {
    entries: Vec::new(),
};

/// Sums over the ledger.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// Tokens and searches.
    pub usage: TurnUsage,
    /// US dollars, as far as prices are known.
    pub cost_usd: f64,
    /// How many entries have no known price.
    pub unknown: usize,
    /// Whether some of it is only known to be at least this.
    pub at_least: bool,
    /// How long commands ran in the sandbox, in milliseconds.
    pub sandbox_ms: u64,
}

impl Ledger {
    /// Adds a line.
    pub fn add(&mut self, entry: Entry) {
        self.entries.push(entry);
    }

    /// Returns the lines, oldest first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// Returns the sums. What the offline backend answered costs nothing.
    #[must_use]
    pub fn totals(&self) -> Totals {
        let mut totals = Totals::default();
        for entry in &self.entries {
            totals.usage = add(totals.usage, entry.usage);
            totals.sandbox_ms = totals.sandbox_ms.saturating_add(entry.sandbox_ms);
            if entry.offline {
                continue;
            }
            totals.at_least |= entry.at_least;
            match entry.cost_usd {
                Some(usd) => totals.cost_usd = (totals.cost_usd + usd).min(MOST_USD),
                None => totals.unknown += 1,
            }
        }
        totals
    }
}

/// Adds the usage of one call to a sum.
#[must_use]
pub fn sum(total: TurnUsage, usage: &Usage) -> TurnUsage {
    let compactions = usage.iterations.iter().filter(|p| p.kind == "compaction");
    let total = compactions.fold(total, |total, pass| {
        let pass = TurnUsage {
            input_tokens: pass.input_tokens,
            cache_creation_tokens: pass.cache_creation_input_tokens,
            cache_read_tokens: pass.cache_read_input_tokens,
            output_tokens: pass.output_tokens,
            ..TurnUsage::default()
        };
        add(total, pass)
    });
    add(
        total,
        TurnUsage {
            input_tokens: usage.input_tokens,
            cache_creation_tokens: usage.cache_creation_input_tokens,
            cache_read_tokens: usage.cache_read_input_tokens,
            output_tokens: usage.output_tokens,
            thinking_tokens: usage.thinking_tokens,
            web_searches: usage.web_search_requests,
        },
    )
}

fn add(a: TurnUsage, b: TurnUsage) -> TurnUsage {
    TurnUsage {
        input_tokens: a.input_tokens.saturating_add(b.input_tokens),
        cache_creation_tokens: a
            .cache_creation_tokens
            .saturating_add(b.cache_creation_tokens),
        cache_read_tokens: a.cache_read_tokens.saturating_add(b.cache_read_tokens),
        output_tokens: a.output_tokens.saturating_add(b.output_tokens),
        thinking_tokens: a.thinking_tokens.saturating_add(b.thinking_tokens),
        web_searches: a.web_searches.saturating_add(b.web_searches),
    }
}
