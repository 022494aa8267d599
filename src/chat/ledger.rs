//! Tokens and money: sums over the calls of a turn. Prices are in `anthropic::model`.

use crate::anthropic::usage::Usage;

use super::turn::TurnUsage;

/// Adds the usage of one call to a sum.
#[must_use]
pub fn sum(total: TurnUsage, usage: &Usage) -> TurnUsage {
    TurnUsage {
        input_tokens: total.input_tokens.saturating_add(usage.input_tokens),
        cache_creation_tokens: total
            .cache_creation_tokens
            .saturating_add(usage.cache_creation_input_tokens),
        cache_read_tokens: total
            .cache_read_tokens
            .saturating_add(usage.cache_read_input_tokens),
        output_tokens: total.output_tokens.saturating_add(usage.output_tokens),
        thinking_tokens: total.thinking_tokens.saturating_add(usage.thinking_tokens),
        web_searches: total.web_searches.saturating_add(usage.web_search_requests),
    }
}

/// Adds a cost in US dollars; once one is unknown, so is the sum.
#[must_use]
pub fn sum_costs(total_usd: Option<f64>, cost_usd: Option<f64>) -> Option<f64> {
    Some(total_usd? + cost_usd?)
}
