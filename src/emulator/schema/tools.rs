//! The shapes of tools and of `tool_choice`
//! (`docs/protocol.md#code-execution-tool, #web-tools, #client-tools`).

use serde_json::Value;

use super::blocks::CACHE;
use super::shape::Shape::{
    Any, Bool, Int, List, Map, Name, Nullable, Object, OneOf, Tagged, Text, Word,
};
use super::shape::{Betas, Field, Path, Shape, Tag, beta_tag, check, may, must, tag};
use crate::emulator::error::ApiError;
use crate::emulator::toolset::definition_in;

/// The header of the oldest code execution tool.
const PYTHON_ONLY: &str = "code-execution-2025-05-22";
const MCP: &[&str] = &["mcp-client-2025-11-20", "mcp-client-2026-09-15"];
/// The header for an `mcp_toolset` defined in messages.
const MCP_INLINE: &str = "mcp-client-2026-09-15";
const ADVISOR: &[&str] = &["advisor-tool-2026-03-01"];

/// `tool_choice`.
pub(super) const CHOICE: Shape = Tagged(&[
    tag("auto", &[may("disable_parallel_tool_use", &Bool)]),
    tag("any", &[may("disable_parallel_tool_use", &Bool)]),
    tag(
        "tool",
        &[must("name", &Text), may("disable_parallel_tool_use", &Bool)],
    ),
    tag("none", &[]),
]);

const CALLERS: Shape = List(&OneOf(&[
    "direct",
    "code_execution_20250825",
    "code_execution_20260120",
    "code_execution_20260521",
]));

const CUSTOM: Shape = Object(&[
    must("name", &Name(128)),
    must("input_schema", &INPUT_SCHEMA),
    may("type", &Nullable(&Word("custom"))),
    may("description", &Text),
    may("strict", &Bool),
    may("input_examples", &List(&Map)),
    may("eager_input_streaming", &Nullable(&Bool)),
    may("defer_loading", &Bool),
    may("allowed_callers", &CALLERS),
    may("cache_control", &CACHE),
]);

const INPUT_SCHEMA: Shape = Map;

/// Declares the fields of a server or client tool with a fixed name, and those that all tools have.
macro_rules! named {
    ($name:literal $(, $field:expr)* $(,)?) => {
        &[
            must("name", &Word($name)),
            may("cache_control", &CACHE),
            may("defer_loading", &Bool),
            may("strict", &Bool),
            may("allowed_callers", &CALLERS),
            $($field),*
        ]
    };
}

const COUNT: Shape = Nullable(&Int(1, i64::MAX));
const DOMAINS: Shape = Nullable(&List(&Text));
const INCLUSION: Shape = OneOf(&["full", "excluded"]);
const LOCATION: Shape = Nullable(&Tagged(&[tag(
    "approximate",
    &[
        may("city", &Nullable(&Text)),
        may("region", &Nullable(&Text)),
        may("country", &Nullable(&Text)),
        may("timezone", &Nullable(&Text)),
    ],
)]));
const CITATIONS: Shape = Nullable(&Object(&[may("enabled", &Bool)]));

const SEARCH: &[Field] = named!(
    "web_search",
    may("max_uses", &COUNT),
    may("allowed_domains", &DOMAINS),
    may("blocked_domains", &DOMAINS),
    may("user_location", &LOCATION),
);
const SEARCH_20260318: &[Field] = named!(
    "web_search",
    may("max_uses", &COUNT),
    may("allowed_domains", &DOMAINS),
    may("blocked_domains", &DOMAINS),
    may("user_location", &LOCATION),
    may("response_inclusion", &INCLUSION),
);
const FETCH: &[Field] = named!(
    "web_fetch",
    may("max_uses", &COUNT),
    may("allowed_domains", &DOMAINS),
    may("blocked_domains", &DOMAINS),
    may("max_content_tokens", &COUNT),
    may("citations", &CITATIONS),
    may("url_sources", &Map),
);
const FETCH_20260309: &[Field] = named!(
    "web_fetch",
    may("max_uses", &COUNT),
    may("allowed_domains", &DOMAINS),
    may("blocked_domains", &DOMAINS),
    may("max_content_tokens", &COUNT),
    may("citations", &CITATIONS),
    may("url_sources", &Map),
    may("use_cache", &Bool),
);
const FETCH_20260318: &[Field] = named!(
    "web_fetch",
    may("max_uses", &COUNT),
    may("allowed_domains", &DOMAINS),
    may("blocked_domains", &DOMAINS),
    may("max_content_tokens", &COUNT),
    may("citations", &CITATIONS),
    may("url_sources", &Map),
    may("use_cache", &Bool),
    may("response_inclusion", &INCLUSION),
);
const CODE: &[Field] = named!("code_execution");
const TOOLSET: &[Field] = &[
    may("cache_control", &CACHE),
    may("configs", &Any),
    may("default_config", &Any),
];

const TYPED: &[Tag] = &[
    beta_tag("code_execution_20250522", CODE, &[PYTHON_ONLY]),
    tag("code_execution_20250825", CODE),
    tag("code_execution_20260120", CODE),
    tag("code_execution_20260521", CODE),
    tag("web_search_20250305", SEARCH),
    tag("web_search_20260209", SEARCH),
    tag("web_search_20260318", SEARCH_20260318),
    tag("web_fetch_20250910", FETCH),
    tag("web_fetch_20260209", FETCH),
    tag("web_fetch_20260309", FETCH_20260309),
    tag("web_fetch_20260318", FETCH_20260318),
    tag(
        "tool_search_tool_regex_20251119",
        named!("tool_search_tool_regex"),
    ),
    tag("tool_search_tool_regex", named!("tool_search_tool_regex")),
    tag(
        "tool_search_tool_bm25_20251119",
        named!("tool_search_tool_bm25"),
    ),
    tag("tool_search_tool_bm25", named!("tool_search_tool_bm25")),
    tag(
        "memory_20250818",
        named!("memory", may("input_examples", &List(&Map))),
    ),
    tag(
        "bash_20250124",
        named!("bash", may("input_examples", &List(&Map))),
    ),
    tag("text_editor_20250124", named!("str_replace_editor")),
    tag(
        "text_editor_20250429",
        named!("str_replace_based_edit_tool"),
    ),
    tag(
        "text_editor_20250728",
        named!("str_replace_based_edit_tool", may("max_characters", &COUNT)),
    ),
    tag("computer_toolset_20260801", TOOLSET),
    tag("browser_toolset_20260801", TOOLSET),
    beta_tag(
        "advisor_20260301",
        named!(
            "advisor",
            must("model", &Text),
            may("max_uses", &COUNT),
            may("max_tokens", &COUNT),
            may("caching", &Any),
        ),
        ADVISOR,
    ),
    beta_tag(
        "mcp_toolset",
        &[
            must("mcp_server_name", &Text),
            may("default_config", &Map),
            may("configs", &Map),
            may("tools", &Any),
            may("cache_control", &CACHE),
        ],
        MCP,
    ),
];

const ANY_TYPED: Shape = Tagged(TYPED);

/// Checks `tools`. An entry without a `type`, or with the type `custom`, is a client tool.
pub(super) fn check_all(tools: &Value, path: &Path<'_>, betas: Betas<'_>) -> Result<(), ApiError> {
    let Value::Array(tools) = tools else {
        return check(&List(&Any), tools, path, betas);
    };
    let mut tools = tools.iter().enumerate();
    tools.try_for_each(|(i, tool)| check_one(tool, &Path::Index(path, i), betas))
}

/// Checks the definitions of tools that stand in `messages`.
pub(super) fn check_inline(
    messages: &Value,
    path: &Path<'_>,
    betas: Betas<'_>,
) -> Result<(), ApiError> {
    let messages = messages.as_array().into_iter().flatten().enumerate();
    for (i, message) in messages {
        let path = Path::Index(path, i);
        let path = Path::Key(&path, "content");
        let blocks = message.get("content").and_then(Value::as_array);
        for (j, block) in blocks.into_iter().flatten().enumerate() {
            let Some(definition) = definition_in(block) else {
                continue;
            };
            let path = Path::Index(&path, j);
            let path = Path::Key(&path, "tool");
            let path = Path::Key(&path, "definition");
            check_one(definition, &path, betas)?;
            let kind = definition.get("type").and_then(Value::as_str);
            let kind = kind.unwrap_or_default();
            if kind.starts_with("computer_") {
                return Err(ApiError::invalid(format!(
                    "{path}: tools of type '{kind}' cannot be defined in messages"
                )));
            }
            if kind == "mcp_toolset" && !betas.0.iter().any(|sent| sent == MCP_INLINE) {
                return Err(ApiError::invalid(format!(
                    "{path}: an `mcp_toolset` in messages needs the header `anthropic-beta: {MCP_INLINE}`"
                )));
            }
        }
    }
    Ok(())
}

fn check_one(tool: &Value, path: &Path<'_>, betas: Betas<'_>) -> Result<(), ApiError> {
    match tool.get("type") {
        None | Some(Value::Null) => check(&CUSTOM, tool, path, betas)?,
        Some(Value::String(kind)) if kind == "custom" => check(&CUSTOM, tool, path, betas)?,
        Some(Value::String(kind))
            if kind == "code_execution_20250522"
                && !betas.0.iter().any(|sent| sent == PYTHON_ONLY) =>
        {
            return Err(ApiError::invalid(format!(
                "{path}: tool type '{kind}' needs the header `anthropic-beta: {PYTHON_ONLY}`; use 'code_execution_20260521'"
            )));
        }
        Some(_) => check(&ANY_TYPED, tool, path, betas)?,
    }
    if let Some(schema) = tool.get("input_schema")
        && schema.get("type").and_then(Value::as_str) != Some("object")
    {
        return Err(ApiError::invalid(format!(
            "{path}.input_schema.type: Input should be 'object'"
        )));
    }
    Ok(())
}
