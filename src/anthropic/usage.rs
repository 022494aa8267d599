//! What a call used, read from the open `usage` map (`docs/protocol.md#usage`).
//!
//! A reading, never a store: the map itself stays with the message, unknown fields and all.

use serde_json::{Map, Value};

/// Tokens and server-side work of one response. Missing or null counts are 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// Input that was neither written to nor read from the cache.
    pub input_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Input written to the cache, both lifetimes.
    pub cache_creation_input_tokens: u64,
    /// Part of `cache_creation_input_tokens` that was written for one hour.
    pub cache_creation_1h_tokens: u64,
    /// Input read from the cache.
    pub cache_read_input_tokens: u64,
    /// Part of `output_tokens` that was thinking.
    pub thinking_tokens: u64,
    /// Web searches.
    pub web_search_requests: u64,
    /// Web fetches.
    pub web_fetch_requests: u64,
    /// `speed`: `standard`, `fast`.
    pub speed: Option<String>,
    /// `inference_geo`: `global`, `us`.
    pub inference_geo: Option<String>,
    /// `service_tier`: `standard`, `priority`, `batch`.
    pub service_tier: Option<String>,
    /// Passes over the model, where the API lists them (a beta field).
    pub iterations: Vec<Iteration>,
}

/// One pass of `usage.iterations[]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Iteration {
    /// `message`, `compaction`, `advisor_message`, `fallback_message`, or a newer kind.
    pub kind: String,
    /// The model of the pass, when it is not the message's.
    pub model: Option<String>,
    /// As in [`Usage`].
    pub input_tokens: u64,
    /// As in [`Usage`].
    pub output_tokens: u64,
    /// As in [`Usage`].
    pub cache_creation_input_tokens: u64,
    /// As in [`Usage`].
    pub cache_creation_1h_tokens: u64,
    /// As in [`Usage`].
    pub cache_read_input_tokens: u64,
}

impl Usage {
    /// Reads a `usage` object.
    #[must_use]
    pub fn from_raw(raw: &Map<String, Value>) -> Self {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            input_tokens: count(raw, "input_tokens"),
            output_tokens: count(raw, "output_tokens"),
            cache_creation_input_tokens: count(raw, "cache_creation_input_tokens"),
            cache_creation_1h_tokens: nested(raw, "cache_creation", "ephemeral_1h_input_tokens"),
            cache_read_input_tokens: count(raw, "cache_read_input_tokens"),
            thinking_tokens: nested(raw, "output_tokens_details", "thinking_tokens"),
            web_search_requests: nested(raw, "server_tool_use", "web_search_requests"),
            web_fetch_requests: nested(raw, "server_tool_use", "web_fetch_requests"),
            speed: text("speed"),
            inference_geo: text("inference_geo"),
            service_tier: text("service_tier"),
            iterations: raw
                .get("iterations")
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
                .filter_map(Value::as_object)
                .map(Iteration::from_raw)
                .collect(),
        }
    }

    /// Returns all input tokens: uncached, written and read.
    #[must_use]
    pub fn total_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_creation_input_tokens)
            .saturating_add(self.cache_read_input_tokens)
    }

    /// Returns about how full the context window was at the end: the last pass where the API lists
    /// passes, else the whole call.
    #[must_use]
    pub fn context_tokens(&self) -> u64 {
        self.iterations
            .iter()
            .rev()
            .find(|pass| pass.kind == "message")
            .map_or_else(
                || self.total_input_tokens().saturating_add(self.output_tokens),
                |pass| pass.total_input_tokens().saturating_add(pass.output_tokens),
            )
    }
}

impl Iteration {
    fn from_raw(raw: &Map<String, Value>) -> Self {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        Self {
            kind: text("type").unwrap_or_default(),
            model: text("model"),
            input_tokens: count(raw, "input_tokens"),
            output_tokens: count(raw, "output_tokens"),
            cache_creation_input_tokens: count(raw, "cache_creation_input_tokens"),
            cache_creation_1h_tokens: nested(raw, "cache_creation", "ephemeral_1h_input_tokens"),
            cache_read_input_tokens: count(raw, "cache_read_input_tokens"),
        }
    }

    /// Returns all input tokens of the pass.
    #[must_use]
    pub fn total_input_tokens(&self) -> u64 {
        self.input_tokens
            .saturating_add(self.cache_creation_input_tokens)
            .saturating_add(self.cache_read_input_tokens)
    }
}

fn count(raw: &Map<String, Value>, name: &str) -> u64 {
    raw.get(name).and_then(Value::as_u64).unwrap_or_default()
}

fn nested(raw: &Map<String, Value>, outer: &str, inner: &str) -> u64 {
    raw.get(outer)
        .and_then(|value| value.get(inner))
        .and_then(Value::as_u64)
        .unwrap_or_default()
}
