//! What a turn costs while it runs, and the budget it keeps to.

use serde_json::Value;

use crate::anthropic::event::StreamEvent;
use crate::anthropic::usage::Usage;
use crate::chat::budget::Limit;
use crate::chat::receipt::Cut;
use crate::chat::turn::TurnEnd;

use super::TurnLoop;

/// Bytes of a tool's result in a token, at the least.
const RESULT_BYTES_PER_TOKEN: u64 = 3;

impl TurnLoop {
    /// Counts what the running call uses.
    pub(super) fn count(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::MessageStart { .. } | StreamEvent::MessageDelta { .. } => {
                if matches!(event, StreamEvent::MessageStart { .. }) {
                    let usage = self.accumulator.field("usage").and_then(Value::as_object);
                    let usage = usage.map(Usage::from_raw).unwrap_or_default();
                    self.first_input = usage.total_input_tokens();
                    self.result_bytes = 0;
                }
                let field = |name| self.accumulator.field(name);
                let model = field("model").and_then(Value::as_str);
                let usage = field("usage").and_then(Value::as_object);
                self.spending.counted(
                    model.unwrap_or(&self.ask.settings.model),
                    usage.map(Usage::from_raw).unwrap_or_default(),
                );
            }
            StreamEvent::BlockDelta { delta, .. } => self.spending.streamed(delta.len_bytes()),
            StreamEvent::BlockStart { block, .. } => {
                if block.raw().contains_key("tool_use_id") {
                    let bytes = block.raw().get("content").map_or(0, size);
                    self.result_bytes = self.result_bytes.saturating_add(bytes as u64);
                    self.spending.resampled(bytes);
                }
            }
            StreamEvent::BlockStop { .. }
            | StreamEvent::MessageStop
            | StreamEvent::Ping
            | StreamEvent::Error { .. }
            | StreamEvent::Unknown { .. } => {}
        }
    }

    /// Returns about how many tokens the context holds after a call. If the API does not list its
    /// passes, `usage` counts the prompt once for each pass; then the input of the first pass, the
    /// output and the results of tools are added up.
    pub(super) fn context_at_end(&self, usage: &Usage) -> u64 {
        let counted = usage.context_tokens();
        if !usage.iterations.is_empty() || self.first_input == 0 {
            return counted;
        }
        let results = self.result_bytes / RESULT_BYTES_PER_TOKEN;
        counted.min(self.first_input + usage.output_tokens + results)
    }

    /// Lowers `max_tokens` of the next call of this turn to what the allowance still pays for. If
    /// the allowance pays for nothing, ends the turn and returns false.
    pub(super) fn bound_by_budget(&mut self) -> bool {
        let Some((allowance, prices, spent_usd)) = self.spending.bound() else {
            return true;
        };
        // The results of tools since the last call are sent too, at about four bytes a token.
        let added = self.finished.last();
        let added = added.map_or(0, |said| said.param().content.len_bytes() / 4);
        let bound = allowance.max_tokens(
            prices,
            &self.ask.settings.model,
            spent_usd,
            self.context_tokens.saturating_add(added as u64),
            self.max_tokens,
        );
        match bound {
            Ok(max_tokens) => {
                self.facts.max_tokens = Some(max_tokens);
                true
            }
            Err(_) => {
                self.over_budget(allowance.limit);
                false
            }
        }
    }

    /// Ends the turn if its answer has used more than the allowance.
    pub(super) fn check_budget(&mut self) {
        if let Some(allowance) = self.spending.over() {
            self.over_budget(allowance.limit);
        }
    }

    fn over_budget(&mut self, limit: Limit) {
        let left = self.salvage(Cut::OverBudget);
        self.abort(TurnEnd::OverBudget { limit, left });
    }
}

/// Returns how much text a value holds, in bytes.
fn size(value: &Value) -> usize {
    match value {
        Value::String(text) => text.len(),
        Value::Array(items) => items.iter().map(size).sum(),
        Value::Object(map) => map.values().map(size).sum(),
        Value::Null | Value::Bool(_) | Value::Number(_) => 0,
    }
}
