//! The shape of a request's body (`docs/protocol.md#request-body`) as tables.
//!
//! Only rules for single values are here. What values mean together is checked in `check`.
//! Unknown fields, and beta fields without their header, are refused.

mod blocks;
mod shape;
mod tools;

use std::borrow::Cow;

use serde_json::Value;

use super::error::ApiError;
use super::headers::Version;
use blocks::{CACHE, MESSAGES, SYSTEM};
use shape::Shape::{
    Any, Bool, Int, List, ListOr, Map, Nullable, Number, Object, OneOf, Tagged, Text, TextOr,
};
use shape::{
    Betas, Field, Path, Shape, beta, beta_tag, check as check_shape, may, must, object, tag,
};

/// The levels of `effort`.
const EFFORTS: &[&str] = &["low", "medium", "high", "xhigh", "max"];
const BINDING: &[&str] = &["thinking-binding-controls-2026-08-01"];
const CONTEXT: &[&str] = &["context-management-2025-06-27", "compact-2026-01-12"];
const COMPACT: &[&str] = &["compact-2026-09-04"];
const THREAD: &[&str] = &["message-threads-2026-08-12"];
const MCP: &[&str] = &["mcp-client-2025-11-20", "mcp-client-2026-09-15"];
const FALLBACK: &[&str] = &[
    "server-side-fallback-2026-07-01",
    "server-side-fallback-2026-06-01",
];
const CREDIT: &[&str] = &["fallback-credit-2026-07-01", "fallback-credit-2026-06-01"];
const BILLING: &[&str] = &["user-profiles-billing-2026-10-01"];
const BUDGETS: &[&str] = &["task-budgets-2026-03-13"];

/// Which request a body belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    /// `POST /v1/messages`.
    Create,
    /// `POST /v1/messages/count_tokens`.
    CountTokens,
}

const DISPLAY: Shape = Nullable(&OneOf(&["summarized", "omitted", "updates"]));
const BLOCK_BINDING: Shape = Nullable(&Object(&[must(
    "prefix_mismatch_behavior",
    &OneOf(&["error", "drop_block"]),
)]));

const THINKING: Shape = Tagged(&[
    tag(
        "adaptive",
        &[
            may("display", &DISPLAY),
            beta("block_binding", &BLOCK_BINDING, BINDING),
        ],
    ),
    tag(
        "enabled",
        &[
            must("budget_tokens", &Int(1024, i64::MAX)),
            may("display", &DISPLAY),
            beta("block_binding", &BLOCK_BINDING, BINDING),
        ],
    ),
    tag("between_tools", &[]),
    tag("disabled", &[]),
]);

const OUTPUT_CONFIG: Shape = Object(&[
    may("effort", &Nullable(&OneOf(EFFORTS))),
    may(
        "format",
        &Nullable(&Tagged(&[tag("json_schema", &[must("schema", &Map)])])),
    ),
    beta(
        "task_budget",
        &Nullable(&Tagged(&[tag(
            "tokens",
            &[
                must("total", &Int(20_000, i64::MAX)),
                may("remaining", &Nullable(&Int(0, i64::MAX))),
            ],
        )])),
        BUDGETS,
    ),
]);

const SKILL: &[Field] = &[must("skill_id", &Text), may("version", &Text)];

const CONTAINER: Shape = Nullable(&TextOr(&Object(&[
    may("id", &Nullable(&Text)),
    may(
        "skills",
        &Nullable(&List(&Tagged(&[
            tag("anthropic", SKILL),
            tag("custom", SKILL),
        ]))),
    ),
])));

const TOOL_USES: Shape = Tagged(&[tag("tool_uses", &[must("value", &Int(0, i64::MAX))])]);
const INPUT_TOKENS: Shape = Tagged(&[tag("input_tokens", &[must("value", &Int(0, i64::MAX))])]);

const CONTEXT_MANAGEMENT: Shape = Nullable(&Object(&[may(
    "edits",
    &List(&Tagged(&[
        beta_tag(
            "clear_tool_uses_20250919",
            &[
                may(
                    "trigger",
                    &Tagged(&[
                        tag("input_tokens", &[must("value", &Int(0, i64::MAX))]),
                        tag("tool_uses", &[must("value", &Int(0, i64::MAX))]),
                    ]),
                ),
                may("keep", &TOOL_USES),
                may("clear_at_least", &Nullable(&INPUT_TOKENS)),
                may("exclude_tools", &Nullable(&List(&Text))),
                may("clear_tool_inputs", &ListOr(&Text, &Nullable(&Bool))),
            ],
            &["context-management-2025-06-27"],
        ),
        beta_tag(
            "clear_thinking_20251015",
            &[may(
                "keep",
                &TextOr(&Tagged(&[
                    tag("all", &[]),
                    tag("thinking_turns", &[must("value", &Int(1, i64::MAX))]),
                ])),
            )],
            &["context-management-2025-06-27"],
        ),
        beta_tag(
            "compact_20260112",
            &[
                may(
                    "trigger",
                    &Tagged(&[tag(
                        "input_tokens",
                        &[must("value", &Int(50_000, i64::MAX))],
                    )]),
                ),
                may("instructions", &Nullable(&Text)),
                may("pause_after_compaction", &Bool),
            ],
            &["compact-2026-01-12"],
        ),
    ])),
)]));

const FALLBACKS: Shape = TextOr(&List(&Object(&[
    must("model", &Text),
    may("max_tokens", &Int(1, i64::MAX)),
    may("thinking", &THINKING),
    may("output_config", &OUTPUT_CONFIG),
    may("speed", &Nullable(&OneOf(&["standard", "fast"]))),
])));

const MCP_SERVERS: Shape = List(&Tagged(&[tag(
    "url",
    &[
        must("name", &Text),
        must("url", &Text),
        may("authorization_token", &Nullable(&Text)),
    ],
)]));

const THREADS: Shape = Tagged(&[
    tag("create", &[]),
    tag("continue", &[must("previous_message_id", &Text)]),
]);

const COMPACTION: Shape = Tagged(&[tag("summarize", &[may("instructions", &Nullable(&Text))])]);

const CREATE: &[Field] = &[
    must("model", &Text),
    must("max_tokens", &Int(0, i64::MAX)),
    must("messages", &MESSAGES),
    may("cache_control", &CACHE),
    may("container", &CONTAINER),
    may(
        "diagnostics",
        &Nullable(&Object(&[may("previous_message_id", &Nullable(&Text))])),
    ),
    may("inference_geo", &Nullable(&Text)),
    may("metadata", &Object(&[may("user_id", &Nullable(&Text))])),
    may("output_config", &OUTPUT_CONFIG),
    may("service_tier", &OneOf(&["auto", "standard_only"])),
    may("speed", &Nullable(&OneOf(&["standard", "fast"]))),
    may("stop_sequences", &List(&Text)),
    may("stream", &Bool),
    may("system", &SYSTEM),
    may("thinking", &THINKING),
    may("tool_choice", &tools::CHOICE),
    may("tools", &Any),
    beta("billing_policy", &Any, BILLING),
    beta("compaction", &COMPACTION, COMPACT),
    beta("context_management", &CONTEXT_MANAGEMENT, CONTEXT),
    beta("fallback_credit_token", &Any, CREDIT),
    beta("fallbacks", &FALLBACKS, FALLBACK),
    beta("mcp_servers", &MCP_SERVERS, MCP),
    beta("thread", &THREADS, THREAD),
];

const COUNT_TOKENS: &[Field] = &[
    must("model", &Text),
    must("messages", &MESSAGES),
    may("cache_control", &CACHE),
    may("output_config", &OUTPUT_CONFIG),
    may("speed", &Nullable(&OneOf(&["standard", "fast"]))),
    may("system", &SYSTEM),
    may("thinking", &THINKING),
    may("tool_choice", &tools::CHOICE),
    may("tools", &Any),
    beta("billing_policy", &Any, BILLING),
    beta("compaction", &COMPACTION, COMPACT),
    beta("context_management", &CONTEXT_MANAGEMENT, CONTEXT),
    beta("mcp_servers", &MCP_SERVERS, MCP),
];

/// Fields that only `2023-06-01` has.
const SAMPLING: &[(&str, &Shape)] = &[
    ("temperature", &Number(0.0, 1.0)),
    ("top_p", &Number(0.0, 1.0)),
    ("top_k", &Int(0, i64::MAX)),
];

/// Checks the shape of a body.
///
/// # Errors
/// 400 for the first value that breaks a rule.
pub(super) fn check(
    body: &Value,
    endpoint: Endpoint,
    version: Version,
    betas: &[String],
) -> Result<(), ApiError> {
    let Value::Object(map) = body else {
        return Err(ApiError::invalid("Input should be a valid dictionary"));
    };
    let betas = Betas(betas);
    let mut map = Cow::Borrowed(map);
    if version == Version::Old && endpoint == Endpoint::Create {
        for (name, shape) in SAMPLING {
            if let Some(value) = map.get(*name) {
                check_shape(shape, value, &Path::Key(&Path::Root, name), betas)?;
                map.to_mut().remove(*name);
            }
        }
    }
    let fields = match endpoint {
        Endpoint::Create => CREATE,
        Endpoint::CountTokens => COUNT_TOKENS,
    };
    object(fields, &map, &Path::Root, betas, None)?;
    if let Some(given) = map.get("tools") {
        tools::check_all(given, &Path::Key(&Path::Root, "tools"), betas)?;
    }
    let messages = map.get("messages").unwrap_or(&Value::Null);
    contents(messages)?;
    tools::check_inline(messages, &Path::Key(&Path::Root, "messages"), betas)
}

/// Every message must have content, except a `system` message that configures what follows
/// (`docs/protocol.md#system-messages`).
fn contents(messages: &Value) -> Result<(), ApiError> {
    let messages = messages.as_array().into_iter().flatten();
    let mut empty = messages.enumerate().filter(|(_, message)| {
        let is_system = message.get("role").is_some_and(|role| role == "system");
        let configures = is_system && message.get("output_config").is_some();
        message.get("content").is_none() && !configures
    });
    match empty.next() {
        Some((i, _)) => Err(ApiError::invalid(format!(
            "messages.{i}.content: Field required"
        ))),
        None => Ok(()),
    }
}
