//! What a running turn has cost: exact for the calls that ended, an estimate for the running call.
//! Pure.
//!
//! The estimate may be too low, because hidden thinking is not streamed. It is used to stop a turn
//! that costs more than its allowance, and to say what a turn that was cut off cost.

use std::sync::Arc;

use crate::anthropic::model::Prices;
use crate::anthropic::usage::Usage;

use super::budget::Allowance;
use super::ledger;
use super::receipt::TurnUsage;

/// Bytes of text in a token, about.
const BYTES_PER_TOKEN: u64 = 4;

/// The money side of one turn.
#[derive(Debug, Clone, Default)]
pub struct Spending {
    prices: Arc<Prices>,
    allowance: Option<Allowance>,
    usage: TurnUsage,
    /// Of the calls that ended, in US dollars; the flag says that the price of one was unknown.
    ended_usd: f64,
    unknown: bool,
    open: Option<Open>,
}

/// The call in flight.
#[derive(Debug, Clone, Default)]
struct Open {
    model: String,
    /// As the API last counted it.
    usage: Usage,
    /// Text, code and summaries streamed since.
    streamed_bytes: u64,
    /// Results of the API's tools, which the model reads in its next pass.
    result_bytes: u64,
    /// What later passes read once more, in tokens.
    reread_tokens: u64,
}

/// What a turn has cost so far.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Spent {
    /// Tokens.
    pub usage: TurnUsage,
    /// US dollars; `None` when a price is unknown.
    pub usd: Option<f64>,
    /// Whether a call in flight was estimated: the truth is at least this.
    pub is_estimate: bool,
}

impl Spending {
    /// Starts a turn that may spend `allowance`.
    #[must_use]
    pub fn new(prices: Arc<Prices>, allowance: Option<Allowance>) -> Self {
        Self {
            prices,
            allowance,
            ..Self::default()
        }
    }

    /// A call began or goes on: its usage so far, from `message_start` or `message_delta`.
    pub fn counted(&mut self, model: &str, usage: Usage) {
        let open = self.open.get_or_insert_default();
        model.clone_into(&mut open.model);
        open.usage = usage;
        // This usage includes everything that was estimated until now.
        (open.result_bytes, open.reread_tokens) = (0, 0);
    }

    /// Something was streamed.
    pub fn streamed(&mut self, bytes: usize) {
        if let Some(open) = &mut self.open {
            open.streamed_bytes = open.streamed_bytes.saturating_add(bytes as u64);
        }
    }

    /// A tool of the API answered with this many bytes. The model reads them and everything before
    /// them again.
    pub fn resampled(&mut self, bytes: usize) {
        if let Some(open) = &mut self.open {
            let before = (open.streamed_bytes + open.result_bytes) / BYTES_PER_TOKEN;
            let before = before.saturating_add(open.usage.total_input_tokens());
            open.reread_tokens = open.reread_tokens.saturating_add(before);
            open.result_bytes = open.result_bytes.saturating_add(bytes as u64);
        }
    }

    /// A call ended with this usage.
    pub fn ended(&mut self, model: &str, usage: &Usage) {
        self.open = None;
        self.usage = ledger::sum(self.usage, usage);
        match self.prices.cost_usd(model, usage) {
            Some(usd) => self.ended_usd += usd,
            None => self.unknown = true,
        }
    }

    /// Returns what the turn has cost, as far as it was told or seen.
    #[must_use]
    pub fn so_far(&self) -> Spent {
        match &self.open {
            None => Spent {
                usage: self.usage,
                usd: (!self.unknown).then_some(self.ended_usd),
                is_estimate: false,
            },
            Some(open) => {
                let usage = open.seen();
                Spent {
                    usd: self.with(open, &usage),
                    usage: ledger::sum(self.usage, &usage),
                    is_estimate: true,
                }
            }
        }
    }

    /// Returns the allowance if it is probably spent; never if the price is unknown.
    #[must_use]
    pub fn over(&self) -> Option<Allowance> {
        let allowance = self.allowance?;
        let usd = match &self.open {
            None => self.so_far().usd,
            Some(open) => self.with(open, &open.likely()),
        };
        (usd? > allowance.usd).then_some(allowance)
    }

    fn with(&self, open: &Open, usage: &Usage) -> Option<f64> {
        let usd = self.prices.cost_usd(&open.model, usage);
        usd.filter(|_| !self.unknown)
            .map(|usd| self.ended_usd + usd)
    }

    /// Returns the allowance, the prices and what is spent, to bound the next call.
    #[must_use]
    pub fn bound(&self) -> Option<(Allowance, &Prices, f64)> {
        Some((self.allowance?, &self.prices, self.so_far().usd?))
    }
}

impl Open {
    /// What the API counted, and the output that was seen since.
    fn seen(&self) -> Usage {
        let mut usage = self.usage.clone();
        let written = self.streamed_bytes / BYTES_PER_TOKEN;
        usage.output_tokens = usage.output_tokens.max(written);
        usage
    }

    /// The same with the passes that the API has not counted yet.
    fn likely(&self) -> Usage {
        let mut usage = self.seen();
        let new = self.result_bytes / BYTES_PER_TOKEN;
        usage.input_tokens = usage.input_tokens.saturating_add(new);
        // What was read before comes from the cache.
        let again = self.reread_tokens;
        usage.cache_read_input_tokens = usage.cache_read_input_tokens.saturating_add(again);
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chat::budget::Limit;

    const OPUS: &str = "claude-opus-5-5";

    fn usage(input_tokens: u64, output_tokens: u64) -> Usage {
        Usage {
            input_tokens,
            output_tokens,
            ..Usage::default()
        }
    }

    #[test]
    fn ended_calls_are_exact_and_the_one_in_flight_is_estimated() {
        let allowance = Allowance {
            usd: 0.05,
            limit: Limit::Cell,
            times: 1.0,
        };
        let mut spending = Spending::new(Arc::default(), Some(allowance));
        assert_eq!(spending.so_far().usd, Some(0.0));
        spending.counted(OPUS, usage(1_000, 1));
        spending.ended(OPUS, &usage(1_000, 500));
        let spent = spending.so_far();
        assert!((spent.usd.unwrap() - 0.014).abs() < 1e-9 && !spent.is_estimate);
        spending.counted(OPUS, usage(2_000, 1));
        spending.streamed(4_000);
        let spent = spending.so_far();
        assert_eq!(spent.usage.output_tokens, 1_500);
        assert!((spent.usd.unwrap() - 0.042).abs() < 1e-9 && spent.is_estimate);
        assert_eq!(spending.over(), None);
        spending.resampled(100);
        spending.streamed(2_000);
        assert_eq!(spending.over(), Some(allowance));
    }

    #[test]
    fn an_unknown_price_is_not_guessed() {
        let mut spending = Spending::new(Arc::default(), None);
        spending.counted("claude-opus-9", usage(1, 1));
        assert_eq!(spending.so_far().usd, None);
        spending.ended("claude-opus-9", &usage(1, 1));
        spending.counted(OPUS, usage(1, 1));
        assert_eq!(spending.so_far().usd, None);
        assert_eq!(spending.so_far().usage.input_tokens, 2);
    }
}
