//! What the Models API says of a model (`docs/protocol.md#models-api`).

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{ALL_EFFORTS, ALL_THINKING, Effort, ThinkingKind};

/// A model as the Models API describes it (`docs/protocol.md#models-api`). `None`: it does not say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelInfo {
    /// The id on the wire.
    pub id: String,
    /// The name for people.
    pub display_name: String,
    /// `active`, `deprecated`, `retired`.
    pub lifecycle: Option<String>,
    /// `opus`, `sonnet`, …
    pub line: Option<String>,
    /// RFC 3339.
    pub retires_at: Option<String>,
    /// Context window, in tokens.
    pub context_tokens: Option<u64>,
    /// The most `max_tokens` may be.
    pub max_output_tokens: Option<u32>,
    /// Effort levels taken; empty for none.
    pub efforts: Option<Vec<Effort>>,
    /// Kinds of thinking taken; empty for none.
    pub thinking: Option<Vec<ThinkingKind>>,
    /// Whether the code execution tool may be sent.
    pub code_execution: Option<bool>,
    /// Whether code in its sandbox may call tools of the client.
    #[serde(default)]
    pub calls_by_code: Option<bool>,
    /// Whether it sums up conversations on demand.
    #[serde(default)]
    pub compacts: Option<bool>,
}

impl ModelInfo {
    /// Reads a model object; `None` when it has no id.
    #[must_use]
    pub fn from_raw(raw: &Value) -> Option<Self> {
        let text = |name: &str| raw.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = text("id")?;
        let capabilities = raw.get("capabilities");
        // What is null says nothing.
        let capability = |name: &str| {
            let named = capabilities.and_then(|all| all.get(name));
            named.filter(|capability| !capability.is_null())
        };
        let efforts = capability("effort").map(|effort| {
            ALL_EFFORTS
                .iter()
                .copied()
                .filter(|level| supported(effort.get(level.as_str())))
                .collect()
        });
        let thinking = capability("thinking")
            .and_then(|thinking| thinking.get("types"))
            .map(|types| {
                ALL_THINKING
                    .iter()
                    .copied()
                    .filter(|kind| supported(types.get(kind.as_str())))
                    .collect()
            });
        Some(Self {
            display_name: text("display_name").unwrap_or_else(|| id.clone()),
            lifecycle: text("lifecycle"),
            line: text("line"),
            retires_at: text("retires_at"),
            context_tokens: raw.get("max_input_tokens").and_then(Value::as_u64),
            max_output_tokens: raw
                .get("max_tokens")
                .and_then(Value::as_u64)
                .and_then(|tokens| u32::try_from(tokens).ok()),
            efforts,
            thinking,
            code_execution: capability("server_tools")
                .and_then(|tools| tools.get("code_execution"))
                .map(|tool| supported(Some(tool))),
            calls_by_code: capability("code_execution").map(|calls| supported(Some(calls))),
            compacts: capability("compaction")
                .and_then(|compaction| compaction.get("summarize"))
                .map(|summaries| supported(Some(summaries))),
            id,
        })
    }
}

fn supported(capability: Option<&Value>) -> bool {
    capability
        .and_then(|capability| capability.get("supported"))
        .and_then(Value::as_bool)
        .unwrap_or_default()
}
