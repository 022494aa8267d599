//! The models: one table (`docs/protocol.md#models, #thinking, #effort`) and the Models API over it
//! (`docs/protocol.md#models-api`).

use axum::body::Body;
use axum::http::Response;
use serde_json::{Value, json};

use super::error::{ApiError, json_response};
use super::query::Query;

/// The header that a request needs to ask for a summary.
const COMPACT: &str = "compact-2026-09-04";

/// One model's row.
#[derive(Debug, PartialEq)]
pub(super) struct Model {
    pub(super) id: &'static str,
    /// If this id is another name of a model, such as a dated snapshot, the id of that model.
    pub(super) alias_of: Option<&'static str>,
    display_name: &'static str,
    created: &'static str,
    line: &'static str,
    lifecycle: &'static str,
    retires: Option<&'static str>,
    max_input_tokens: u64,
    pub(super) max_tokens: u64,
    pub(super) thinking: ThinkingRules,
    pub(super) efforts: &'static [&'static str],
    pub(super) default_effort: &'static str,
    /// Refuses `tool_choice` of type any or tool.
    pub(super) refuses_forced_tools: bool,
    /// Takes `role: "system"` inside `messages` (`docs/protocol.md#system-messages`).
    pub(super) system_messages: bool,
    /// Checks a thinking block's prefix by default (`docs/protocol.md#thinking-binding`).
    pub(super) checks_prefix: bool,
    /// The `display` of a request that has none: true means `omitted`.
    pub(super) hides_thinking: bool,
    /// The fewest tokens a cached prefix has.
    pub(super) min_cacheable: u64,
    /// Refuses an assistant message as the last message.
    pub(super) refuses_prefill: bool,
    /// Has the REPL of `code_execution_20260120` and later.
    repl: bool,
    /// Takes `speed: "fast"` (`docs/protocol.md#fast-mode`).
    pub(super) fast: Fast,
}

/// When a model takes `speed: "fast"`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fast {
    No,
    Yes,
    /// Only beside the beta header.
    WithHeader,
}

/// How a model takes `thinking` (`docs/protocol.md#thinking`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct ThinkingRules {
    /// A request without `thinking` gets adaptive thinking.
    pub(super) on_by_default: bool,
    pub(super) adaptive: bool,
    pub(super) enabled: bool,
    pub(super) between_tools: bool,
    pub(super) disabled: bool,
    /// Takes `disabled` only up to effort `high`.
    pub(super) disabled_to_high: bool,
}

const fn rules(on: bool, adaptive: bool, enabled: bool, disabled: bool) -> ThinkingRules {
    ThinkingRules {
        on_by_default: on,
        adaptive,
        enabled,
        between_tools: false,
        disabled,
        disabled_to_high: false,
    }
}

const ALWAYS: ThinkingRules = rules(true, true, false, false);
const BETWEEN: ThinkingRules = ThinkingRules {
    between_tools: true,
    ..ALWAYS
};
const TO_HIGH: ThinkingRules = ThinkingRules {
    disabled_to_high: true,
    ..rules(true, true, false, true)
};
const ON_OR_OFF: ThinkingRules = rules(true, true, false, true);
const OFF_OR_ADAPTIVE: ThinkingRules = rules(false, true, false, true);
const ANY: ThinkingRules = rules(false, true, true, true);
const MANUAL: ThinkingRules = rules(false, false, true, true);

const ALL: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const NO_XHIGH: &[&str] = &["low", "medium", "high", "max"];
const TO_HIGH_ONLY: &[&str] = &["low", "medium", "high"];

/// What the current models have in common. Each row changes only what differs.
const CURRENT: Model = Model {
    id: "",
    alias_of: None,
    display_name: "",
    created: "",
    line: "opus",
    lifecycle: "active",
    retires: None,
    max_input_tokens: 1_000_000,
    max_tokens: 128_000,
    thinking: ALWAYS,
    efforts: ALL,
    default_effort: "high",
    refuses_forced_tools: false,
    system_messages: true,
    checks_prefix: false,
    hides_thinking: true,
    min_cacheable: 512,
    refuses_prefill: true,
    repl: true,
    fast: Fast::No,
};

const SONNET_46: Model = Model {
    id: "claude-sonnet-4-6",
    display_name: "Claude Sonnet 4.6",
    created: "2026-02-17",
    line: "sonnet",
    thinking: ANY,
    efforts: NO_XHIGH,
    system_messages: false,
    hides_thinking: false,
    min_cacheable: 1024,
    ..CURRENT
};

const OPUS_45: Model = Model {
    id: "claude-opus-4-5",
    display_name: "Claude Opus 4.5",
    created: "2025-11-24",
    lifecycle: "deprecated",
    retires: Some("2027-01-22"),
    max_input_tokens: 200_000,
    max_tokens: 64_000,
    thinking: MANUAL,
    efforts: TO_HIGH_ONLY,
    system_messages: false,
    hides_thinking: false,
    min_cacheable: 4096,
    refuses_prefill: false,
    ..CURRENT
};

const SONNET_45: Model = Model {
    id: "claude-sonnet-4-5",
    display_name: "Claude Sonnet 4.5",
    created: "2025-09-29",
    line: "sonnet",
    retires: Some("2026-11-30"),
    efforts: &[],
    min_cacheable: 1024,
    ..OPUS_45
};

const HAIKU_45: Model = Model {
    id: "claude-haiku-4-5",
    display_name: "Claude Haiku 4.5",
    created: "2025-10-15",
    line: "haiku",
    lifecycle: "active",
    retires: None,
    efforts: &[],
    repl: false,
    ..OPUS_45
};

/// Newest first, as the API lists them.
const MODELS: &[Model] = &[
    Model {
        id: "claude-fable-5-2",
        display_name: "Claude Fable 5.2",
        created: "2026-11-09",
        line: "fable",
        refuses_forced_tools: true,
        checks_prefix: true,
        fast: Fast::Yes,
        ..CURRENT
    },
    Model {
        id: "claude-haiku-5-5",
        display_name: "Claude Haiku 5.5",
        created: "2026-10-07",
        line: "haiku",
        thinking: TO_HIGH,
        default_effort: "medium",
        checks_prefix: true,
        ..CURRENT
    },
    Model {
        id: "claude-sonnet-5-5",
        display_name: "Claude Sonnet 5.5",
        created: "2026-09-28",
        line: "sonnet",
        thinking: BETWEEN,
        refuses_forced_tools: true,
        checks_prefix: true,
        ..CURRENT
    },
    Model {
        id: "claude-opus-5-5",
        display_name: "Claude Opus 5.5",
        created: "2026-09-22",
        default_effort: "medium",
        refuses_forced_tools: true,
        checks_prefix: true,
        fast: Fast::Yes,
        ..CURRENT
    },
    Model {
        id: "claude-fable-5-1",
        display_name: "Claude Fable 5.1",
        created: "2026-09-01",
        line: "fable",
        refuses_forced_tools: true,
        checks_prefix: true,
        ..CURRENT
    },
    Model {
        id: "claude-opus-5",
        display_name: "Claude Opus 5",
        created: "2026-07-24",
        thinking: TO_HIGH,
        fast: Fast::WithHeader,
        ..CURRENT
    },
    Model {
        id: "claude-sonnet-5",
        display_name: "Claude Sonnet 5",
        created: "2026-06-30",
        line: "sonnet",
        thinking: ON_OR_OFF,
        system_messages: false,
        min_cacheable: 1024,
        ..CURRENT
    },
    Model {
        id: "claude-fable-5",
        display_name: "Claude Fable 5",
        created: "2026-06-09",
        line: "fable",
        ..CURRENT
    },
    Model {
        id: "claude-opus-4-8",
        display_name: "Claude Opus 4.8",
        created: "2026-05-28",
        thinking: OFF_OR_ADAPTIVE,
        min_cacheable: 1024,
        ..CURRENT
    },
    Model {
        id: "claude-opus-4-7",
        display_name: "Claude Opus 4.7",
        created: "2026-04-16",
        thinking: OFF_OR_ADAPTIVE,
        system_messages: false,
        min_cacheable: 2048,
        ..CURRENT
    },
    SONNET_46,
    Model {
        id: "claude-opus-4-6",
        display_name: "Claude Opus 4.6",
        created: "2026-02-05",
        line: "opus",
        min_cacheable: 4096,
        ..SONNET_46
    },
    Model {
        id: "claude-opus-4-5-20251101",
        alias_of: Some("claude-opus-4-5"),
        ..OPUS_45
    },
    OPUS_45,
    Model {
        id: "claude-haiku-4-5-20251001",
        alias_of: Some("claude-haiku-4-5"),
        ..HAIKU_45
    },
    HAIKU_45,
    Model {
        id: "claude-sonnet-4-5-20250929",
        alias_of: Some("claude-sonnet-4-5"),
        ..SONNET_45
    },
    SONNET_45,
];

impl Model {
    /// Whether `compaction` is taken (`docs/protocol.md#compaction`).
    pub(super) fn compacts(&self) -> bool {
        !self.has_small_window()
    }

    /// Whether `output_config.task_budget` is taken (`docs/protocol.md#task-budgets`).
    pub(super) fn takes_budgets(&self) -> bool {
        let others = [
            "claude-opus-4-7",
            "claude-opus-4-8",
            "claude-opus-5",
            "claude-opus-5-5",
            "claude-haiku-5-5",
        ];
        self.line == "fable" || others.contains(&self.id)
    }

    /// Whether the model can read a thinking block that `producer` made
    /// (`docs/protocol.md#thinking-binding`). Blocks that it cannot read are dropped.
    pub(super) fn reads_thinking_of(&self, producer: &str) -> bool {
        let this = self.name();
        let producer = find(producer).map_or(producer, |model| model.name());
        if this == producer {
            return true;
        }
        let classic = producer.starts_with("claude-opus-4")
            || producer.starts_with("claude-sonnet-4")
            || producer.starts_with("claude-haiku-4")
            || matches!(producer, "claude-opus-5" | "claude-sonnet-5");
        match this {
            "claude-opus-5-5" => classic || producer == "claude-sonnet-5-5",
            "claude-fable-5-1" | "claude-fable-5-2" => producer == "claude-opus-5-5",
            _ => classic,
        }
    }

    /// Whether its context window is the small one, which has smaller limits.
    pub(super) fn has_small_window(&self) -> bool {
        self.max_input_tokens <= 200_000
    }

    /// How many pixels of an image's longer side the model sees. Larger images are made smaller
    /// (`docs/protocol.md#images`).
    pub(super) fn seen_side(&self) -> usize {
        // These are the models that hide their thinking: 4.7 and later.
        if self.hides_thinking { 2576 } else { 1568 }
    }

    /// Whether the REPL of the newer code execution tools works with this model.
    pub(super) fn has_repl(&self) -> bool {
        self.repl
    }

    fn name(&self) -> &'static str {
        self.alias_of.unwrap_or(self.id)
    }

    fn json(&self, betas: &[String]) -> Value {
        let is = |supported: bool| json!({"supported": supported});
        let effort = |level: &str| is(self.efforts.contains(&level));
        let new_edits = self.refuses_prefill;
        let mut model = json!({
            "type": "model",
            "id": self.id,
            "display_name": self.display_name,
            "created_at": format!("{}T00:00:00Z", self.created),
            "lifecycle": self.lifecycle,
            "line": self.line,
            "deprecated_at": (self.lifecycle != "active").then_some("2026-08-31T00:00:00Z"),
            "retires_at": self.retires.map(|day| format!("{day}T00:00:00Z")),
            "max_input_tokens": self.max_input_tokens,
            "max_tokens": self.max_tokens,
            "capabilities": {
                "batch": is(true),
                "citations": is(true),
                "code_execution": is(self.repl),
                "server_tools": {
                    "supported": true,
                    "code_execution": is(true),
                    "web_search": is(true),
                },
                "context_management": {
                    "supported": true,
                    "clear_thinking_20251015": is(true),
                    "clear_tool_uses_20250919": is(true),
                    "compact_20260112": is(new_edits),
                },
                "effort": {
                    "supported": !self.efforts.is_empty(),
                    "low": effort("low"),
                    "medium": effort("medium"),
                    "high": effort("high"),
                    "xhigh": effort("xhigh"),
                    "max": effort("max"),
                },
                "image_input": is(true),
                "pdf_input": is(true),
                "structured_outputs": is(true),
                "thinking": {
                    "supported": true,
                    "types": {
                        "adaptive": is(self.thinking.adaptive),
                        "between_tools": is(self.thinking.between_tools),
                        "disabled": is(self.thinking.disabled),
                        "enabled": is(self.thinking.enabled),
                    },
                },
            },
        });
        let capabilities = model.get_mut("capabilities");
        if betas.iter().any(|beta| beta == COMPACT)
            && let Some(map) = capabilities.and_then(Value::as_object_mut)
        {
            let compaction =
                json!({"supported": self.compacts(), "summarize": is(self.compacts())});
            map.insert("compaction".into(), compaction);
        }
        model
    }
}

/// Finds a model by its exact id.
pub(super) fn find(id: &str) -> Option<&'static Model> {
    MODELS.iter().find(|model| model.id == id)
}

/// The error for a model that does not exist.
pub(super) fn unknown(id: &str) -> ApiError {
    ApiError::not_found(format!("model: {id}"))
}

/// `GET /v1/models/{id}`.
pub(super) fn retrieve(id: &str, betas: &[String]) -> Result<Response<Body>, ApiError> {
    let model = find(id).ok_or_else(|| unknown(id))?;
    Ok(json_response(&model.json(betas)))
}

/// `GET /v1/models`.
pub(super) fn list(query: &Query, betas: &[String]) -> Result<Response<Body>, ApiError> {
    query.only(&["limit", "after_id", "before_id", "lifecycle"])?;
    let limit = query.limit()?;
    let lifecycles = query.all("lifecycle");
    if let Some(wrong) = lifecycles
        .iter()
        .find(|value| !["active", "deprecated", "retired"].contains(*value))
    {
        return Err(ApiError::invalid(format!(
            "lifecycle: Input should be 'active', 'deprecated' or 'retired', not '{wrong}'"
        )));
    }
    let listed: Vec<&Model> = MODELS
        .iter()
        .filter(|model| model.alias_of.is_none())
        .filter(|model| lifecycles.is_empty() || lifecycles.contains(&model.lifecycle))
        .collect();
    let place = |id: &str| {
        listed
            .iter()
            .position(|model| model.id == id)
            .ok_or_else(|| ApiError::invalid(format!("no model `{id}` to page from")))
    };
    let (from, to) = match (query.get("after_id"), query.get("before_id")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "after_id and before_id cannot be used together",
            ));
        }
        (Some(after), None) => (place(after)? + 1, listed.len()),
        (None, Some(before)) => {
            let end = place(before)?;
            (end.saturating_sub(limit), end)
        }
        (None, None) => (0, listed.len()),
    };
    let window = listed.get(from..to).unwrap_or_default();
    let page: Vec<&&Model> = window.iter().take(limit).collect();
    let has_more = if query.get("before_id").is_some() {
        from > 0
    } else {
        window.len() > limit
    };
    Ok(json_response(&json!({
        "data": page.iter().map(|model| model.json(betas)).collect::<Vec<_>>(),
        "has_more": has_more,
        "first_id": page.first().map(|model| model.id),
        "last_id": page.last().map(|model| model.id),
    })))
}
