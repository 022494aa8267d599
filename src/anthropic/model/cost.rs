//! What a call cost: prices of the table times counts of the usage
//! (`docs/protocol.md#prompt-cache, #web-tools, #models`).

use super::{Price, Prices};
use crate::anthropic::usage::Usage;

/// Dollars for a thousand web searches.
const SEARCHES_USD: f64 = 10.0;
/// Dollars for one.
pub const SEARCH_USD: f64 = SEARCHES_USD / 1000.0;
/// A 5-minute cache write costs this many times the input.
const WRITE_5M: f64 = 1.25;
/// A 1-hour cache write costs this many times the input.
const WRITE_1H: f64 = 2.0;
/// The most that input can cost, in times of its price: all of it written to the cache for an hour.
pub const WORST_WRITE: f64 = WRITE_1H;
/// `inference_geo: "us"`.
const US_ONLY: f64 = 1.1;
/// What a token costs with `speed: "fast"`, in times of its usual price.
pub const FAST: f64 = 2.0;
/// `service_tier: "batch"`.
const BATCH: f64 = 0.5;

impl Prices {
    /// Returns what a call cost in US dollars, `None` when a model that took part has no known
    /// price.
    ///
    /// Where the API lists the passes over the model, each is priced by its own model and prompt
    /// size; else the call is priced as one. Sandbox time is not in it.
    #[must_use]
    pub fn cost_usd(&self, model: &str, usage: &Usage) -> Option<f64> {
        let mut tokens = 0.0;
        if usage.iterations.is_empty() {
            tokens += self.of(model)?.cost_usd(&Pass {
                input: usage.input_tokens,
                output: usage.output_tokens,
                written: usage.cache_creation_input_tokens,
                written_1h: usage.cache_creation_1h_tokens,
                read: usage.cache_read_input_tokens,
            });
        }
        for pass in &usage.iterations {
            let model = pass.model.as_deref().unwrap_or(model);
            tokens += self.of(model)?.cost_usd(&Pass {
                input: pass.input_tokens,
                output: pass.output_tokens,
                written: pass.cache_creation_input_tokens,
                written_1h: pass.cache_creation_1h_tokens,
                read: pass.cache_read_input_tokens,
            });
        }
        for (field, value, factor) in [
            (&usage.inference_geo, "us", US_ONLY),
            (&usage.speed, "fast", FAST),
            (&usage.service_tier, "batch", BATCH),
        ] {
            if field.as_deref() == Some(value) {
                tokens *= factor;
            }
        }
        Some(tokens + usage.web_search_requests as f64 * SEARCHES_USD / 1000.0)
    }

    /// Returns the most that sending a prompt may cost, in US dollars: nothing of it read from the
    /// cache, all of it written there.
    #[must_use]
    pub fn worst_input_usd(&self, model: &str, tokens: u64) -> Option<f64> {
        let (input, _) = self.of(model)?.at(tokens);
        Some(tokens as f64 * input * WORST_WRITE / 1e6)
    }

    /// Returns the price of one token of output after a prompt of `prompt_tokens`, in US dollars.
    #[must_use]
    pub fn output_usd(&self, model: &str, prompt_tokens: u64) -> Option<f64> {
        let (_, output) = self.of(model)?.at(prompt_tokens);
        Some(output / 1e6)
    }
}

/// Tokens of one pass over a model.
struct Pass {
    input: u64,
    output: u64,
    written: u64,
    /// Part of `written`.
    written_1h: u64,
    read: u64,
}

impl Price {
    /// Returns the prices of input and output for a prompt of this many tokens.
    fn at(&self, prompt_tokens: u64) -> (f64, f64) {
        match self.above {
            Some((limit, input, output, _)) if prompt_tokens > limit => (input, output),
            _ => (self.input, self.output),
        }
    }

    fn cost_usd(&self, pass: &Pass) -> f64 {
        let prompt = pass
            .input
            .saturating_add(pass.written)
            .saturating_add(pass.read);
        let (input, output, read) = match self.above {
            Some((limit, input, output, read)) if prompt > limit => (input, output, read),
            _ => (self.input, self.output, self.cache_read),
        };
        let written_5m = pass.written.saturating_sub(pass.written_1h);
        let per_million = pass.input as f64 * input
            + pass.output as f64 * output
            + pass.read as f64 * read
            + written_5m as f64 * input * WRITE_5M
            + pass.written_1h as f64 * input * WRITE_1H;
        per_million / 1e6
    }
}
