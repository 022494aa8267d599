//! The shapes of messages and their content blocks
//! (`docs/protocol.md#input-blocks, #output-blocks`).

use super::shape::Shape::{
    Any, Bool, Int, List, ListOr, Map, Name, Nullable, Object, OneOf, Tagged, Text, TextOr, Word,
};
use super::shape::{Field, Shape, Tag, beta, beta_tag, may, must, tag};

const MCP: &[&str] = &["mcp-client-2025-11-20", "mcp-client-2026-09-15"];
const MCP_LISTING: &[&str] = &["mcp-client-2026-09-15"];
const COMPACT: &[&str] = &["compact-2026-09-04", "compact-2026-01-12"];
const FALLBACK: &[&str] = &[
    "server-side-fallback-2026-07-01",
    "server-side-fallback-2026-06-01",
];
const ADVISOR: &[&str] = &["advisor-tool-2026-03-01"];
const TOOL_CHANGES: &[&str] = &["mid-conversation-tool-changes-2026-07-01", INLINE];
/// The header for tools defined in messages.
const INLINE: &str = "inline-tools-2026-09-15";

/// `cache_control`, for all places where it may stand.
pub(super) const CACHE: Shape = Nullable(&Tagged(&[tag(
    "ephemeral",
    &[may("ttl", &OneOf(&["5m", "1h"]))],
)]));
const ID: Shape = Name(256);
const COUNT: Shape = Nullable(&Int(0, i64::MAX));
const EFFORT: Shape = Nullable(&OneOf(super::EFFORTS));

const MESSAGE: Shape = Object(&[
    must("role", &OneOf(&["user", "assistant", "system"])),
    // `history` requires content in those messages that must have it.
    may("content", &TextOr(&List(&BLOCK))),
    beta(
        "clear_at",
        &OneOf(&["next_user_message", "never"]),
        &["mid-conversation-system-clear-at-2026-08-21"],
    ),
    beta(
        "output_config",
        &Object(&[may("effort", &EFFORT)]),
        &["mid-conversation-output-config-2026-07-01"],
    ),
]);

/// `messages`.
pub(super) const MESSAGES: Shape = List(&MESSAGE);

/// `system`.
pub(super) const SYSTEM: Shape = TextOr(&List(&Tagged(&[tag("text", TEXT)])));

const TEXT: &[Field] = &[
    must("text", &Text),
    may("cache_control", &CACHE),
    may("citations", &Nullable(&List(&CITATION))),
];

const CITED: &[Field] = &[
    must("cited_text", &Text),
    must("document_index", &Int(0, i64::MAX)),
    must("document_title", &Nullable(&Text)),
    may("file_id", &Nullable(&Text)),
    may("start_char_index", &Int(0, i64::MAX)),
    may("end_char_index", &Int(0, i64::MAX)),
    may("start_page_number", &Int(1, i64::MAX)),
    may("end_page_number", &Int(1, i64::MAX)),
    may("start_block_index", &Int(0, i64::MAX)),
    may("end_block_index", &Int(0, i64::MAX)),
];

const CITATION: Shape = Tagged(&[
    tag("char_location", CITED),
    tag("page_location", CITED),
    tag("content_block_location", CITED),
    tag(
        "search_result_location",
        &[
            must("cited_text", &Text),
            must("source", &Text),
            must("title", &Nullable(&Text)),
            must("search_result_index", &Int(0, i64::MAX)),
            must("start_block_index", &Int(0, i64::MAX)),
            must("end_block_index", &Int(0, i64::MAX)),
        ],
    ),
    tag(
        "web_search_result_location",
        &[
            must("cited_text", &Text),
            must("url", &Text),
            must("title", &Nullable(&Text)),
            must("encrypted_index", &Text),
        ],
    ),
]);

const CITATIONS: Shape = Nullable(&Object(&[may("enabled", &Bool)]));

const IMAGE_SOURCE: Shape = Tagged(&[
    tag(
        "base64",
        &[
            must(
                "media_type",
                &OneOf(&["image/jpeg", "image/png", "image/gif", "image/webp"]),
            ),
            must("data", &Text),
        ],
    ),
    tag("url", &[must("url", &Text)]),
    tag("file", &[must("file_id", &ID)]),
]);

const IMAGE: &[Field] = &[
    must("source", &IMAGE_SOURCE),
    may("cache_control", &CACHE),
    may(
        "transformations",
        &Nullable(&Object(&[may(
            "oversized_image",
            &OneOf(&["downsize", "error"]),
        )])),
    ),
];

const DOCUMENT_SOURCE: Shape = Tagged(&[
    tag(
        "base64",
        &[
            must("media_type", &Word("application/pdf")),
            must("data", &Text),
        ],
    ),
    tag(
        "text",
        &[must("media_type", &Word("text/plain")), must("data", &Text)],
    ),
    tag(
        "content",
        &[must(
            "content",
            &TextOr(&List(&Tagged(&[tag("text", TEXT), tag("image", IMAGE)]))),
        )],
    ),
    tag("url", &[must("url", &Text)]),
    tag("file", &[must("file_id", &ID)]),
]);

const DOCUMENT: &[Field] = &[
    must("source", &DOCUMENT_SOURCE),
    may("title", &Nullable(&Text)),
    may("context", &Nullable(&Text)),
    may("citations", &CITATIONS),
    may("cache_control", &CACHE),
];

const SEARCH_RESULT: &[Field] = &[
    must("source", &Text),
    must("title", &Text),
    must("content", &List(&Tagged(&[tag("text", TEXT)]))),
    may("citations", &CITATIONS),
    may("cache_control", &CACHE),
];

const TOOL_REFERENCE: &[Field] = &[must("tool_name", &Text), may("cache_control", &CACHE)];

const CALLER: Shape = Nullable(&Tagged(&[
    tag("direct", &[]),
    tag("code_execution_20250825", &[must("tool_id", &ID)]),
    tag("code_execution_20260120", &[must("tool_id", &ID)]),
    tag("code_execution_20260521", &[must("tool_id", &ID)]),
]));

const TOOL_USE: &[Field] = &[
    must("id", &ID),
    must("name", &Text),
    must("input", &Map),
    may("caller", &CALLER),
    may("toolset_name", &Nullable(&Text)),
    may("cache_control", &CACHE),
];

const SERVER_TOOL_USE: &[Field] = &[
    must("id", &ID),
    must(
        "name",
        &OneOf(&[
            "web_search",
            "web_fetch",
            "code_execution",
            "bash_code_execution",
            "text_editor_code_execution",
            "tool_search_tool_regex",
            "tool_search_tool_bm25",
            "advisor",
        ]),
    ),
    must("input", &Map),
    may("caller", &CALLER),
    may("cache_control", &CACHE),
];

const TOOL_RESULT: &[Field] = &[
    must("tool_use_id", &ID),
    may(
        "content",
        &TextOr(&List(&Tagged(&[
            tag("text", TEXT),
            tag("image", IMAGE),
            tag("document", DOCUMENT),
            tag("search_result", SEARCH_RESULT),
            tag("tool_reference", TOOL_REFERENCE),
        ]))),
    ),
    may("is_error", &Bool),
    may("toolset_name", &Nullable(&Text)),
    may("cache_control", &CACHE),
];

/// Declares the fields of a server tool's result block.
macro_rules! result_of {
    ($content:expr) => {
        &[
            must("tool_use_id", &ID),
            must("content", $content),
            may("caller", &CALLER),
            may("cache_control", &CACHE),
        ]
    };
}

/// Declares the fields of the result of a command or cell.
macro_rules! outcome {
    ($stdout:literal, $output:literal $(, $more:expr)?) => {
        &[
            must($stdout, &Text),
            must("stderr", &Text),
            must("return_code", &Int(i64::MIN, i64::MAX)),
            must(
                "content",
                &List(&Tagged(&[tag($output, &[must("file_id", &ID)])])),
            ),
            $($more,)?
        ]
    };
}

const ERROR: &[Field] = &[
    must("error_code", &Text),
    may("error_message", &Nullable(&Text)),
];

const CODE_RESULT: Shape = Tagged(&[
    tag(
        "code_execution_result",
        // No published type has this field, but a client has to send it back if it came
        // (`docs/protocol.md#sending-answers-back`).
        outcome!(
            "stdout",
            "code_execution_output",
            may("abort_reason", &Nullable(&Text))
        ),
    ),
    tag(
        "encrypted_code_execution_result",
        outcome!("encrypted_stdout", "code_execution_output"),
    ),
    tag("code_execution_tool_result_error", ERROR),
]);

const BASH_RESULT: Shape = Tagged(&[
    tag(
        "bash_code_execution_result",
        outcome!("stdout", "bash_code_execution_output"),
    ),
    tag("bash_code_execution_tool_result_error", ERROR),
]);

const EDITOR_RESULT: Shape = Tagged(&[
    tag(
        "text_editor_code_execution_view_result",
        &[
            must("file_type", &OneOf(&["text", "image", "pdf"])),
            must("content", &Text),
            may("num_lines", &COUNT),
            may("start_line", &COUNT),
            may("total_lines", &COUNT),
        ],
    ),
    tag(
        "text_editor_code_execution_create_result",
        &[must("is_file_update", &Bool)],
    ),
    tag(
        "text_editor_code_execution_str_replace_result",
        &[
            may("old_start", &COUNT),
            may("old_lines", &COUNT),
            may("new_start", &COUNT),
            may("new_lines", &COUNT),
            may("lines", &Nullable(&List(&Text))),
        ],
    ),
    tag("text_editor_code_execution_tool_result_error", ERROR),
]);

const SEARCHED: Shape = ListOr(
    &Tagged(&[tag(
        "web_search_result",
        &[
            must("url", &Text),
            must("title", &Text),
            must("encrypted_content", &Text),
            may("page_age", &Nullable(&Text)),
        ],
    )]),
    &Tagged(&[tag("web_search_tool_result_error", ERROR)]),
);

const FETCHED: Shape = Tagged(&[
    tag(
        "web_fetch_result",
        &[
            must("url", &Text),
            must("content", &Tagged(&[tag("document", DOCUMENT)])),
            may("retrieved_at", &Nullable(&Text)),
        ],
    ),
    tag("web_fetch_tool_result_error", ERROR),
]);

const TOOLS_FOUND: Shape = Tagged(&[
    tag(
        "tool_search_tool_search_result",
        &[must(
            "tool_references",
            &List(&Tagged(&[tag("tool_reference", TOOL_REFERENCE)])),
        )],
    ),
    tag("tool_search_tool_result_error", ERROR),
]);

const MCP_TOOL: &[Field] = &[must("server_name", &Text), must("name", &Text)];
const MCP_TOOLSET: &[Field] = &[must("server_name", &Text)];
/// The definition is checked together with those of `tools`.
const DEFINITION: &[Field] = &[must("definition", &Map)];

/// Declares the fields of a change of tools, which adds some or takes some away.
macro_rules! change_of {
    ($($definition:expr)?) => {
        &[
            must(
                "tool",
                &Tagged(&[
                    tag("tool_reference", &[must("name", &Text)]),
                    tag("mcp_tool_reference", MCP_TOOL),
                    tag("mcp_toolset_reference", MCP_TOOLSET),
                    $($definition)?
                ]),
            ),
            may("cache_control", &CACHE),
        ]
    };
}

const ADDITION: &[Field] = change_of!(beta_tag("tool_definition", DEFINITION, &[INLINE]));
const REMOVAL: &[Field] = change_of!();

/// The changes of tools in a summary need no header besides that of the summary.
const SUMMED_CHANGES: Shape = Nullable(&List(&Tagged(&[
    tag(
        "tool_addition",
        change_of!(tag("tool_definition", DEFINITION)),
    ),
    tag("tool_removal", REMOVAL),
])));

const BLOCKS: &[Tag] = &[
    tag("text", TEXT),
    tag("image", IMAGE),
    tag("document", DOCUMENT),
    tag("search_result", SEARCH_RESULT),
    tag(
        "container_upload",
        &[must("file_id", &ID), may("cache_control", &CACHE)],
    ),
    tag(
        "thinking",
        &[must("thinking", &Text), must("signature", &Text)],
    ),
    tag("redacted_thinking", &[must("data", &Text)]),
    tag("tool_use", TOOL_USE),
    tag("tool_result", TOOL_RESULT),
    tag("server_tool_use", SERVER_TOOL_USE),
    tag("web_search_tool_result", result_of!(&SEARCHED)),
    tag("web_fetch_tool_result", result_of!(&FETCHED)),
    tag("code_execution_tool_result", result_of!(&CODE_RESULT)),
    tag("bash_code_execution_tool_result", result_of!(&BASH_RESULT)),
    tag(
        "text_editor_code_execution_tool_result",
        result_of!(&EDITOR_RESULT),
    ),
    tag("tool_search_tool_result", result_of!(&TOOLS_FOUND)),
    // The block that the fault `unknown_block` sends: a server must take back what it sent.
    tag("future_block", &[may("future", &Any)]),
    beta_tag("advisor_tool_result", result_of!(&Map), ADVISOR),
    beta_tag(
        "mcp_tool_use",
        &[
            must("id", &ID),
            must("name", &Text),
            must("server_name", &Text),
            must("input", &Map),
            may("cache_control", &CACHE),
        ],
        MCP,
    ),
    beta_tag(
        "mcp_tool_result",
        &[
            must("tool_use_id", &ID),
            may("is_error", &Bool),
            may("content", &TextOr(&List(&Tagged(&[tag("text", TEXT)])))),
            may("cache_control", &CACHE),
        ],
        MCP,
    ),
    beta_tag(
        "mcp_tool_listing",
        &[may("server_name", &Text), may("tools", &Any)],
        MCP_LISTING,
    ),
    beta_tag(
        "compaction",
        &[
            must("content", &Nullable(&Text)),
            may("signature", &Text),
            may("encrypted_content", &Nullable(&Text)),
            may("tool_changes", &SUMMED_CHANGES),
            may("cache_control", &CACHE),
        ],
        COMPACT,
    ),
    beta_tag(
        "fallback",
        &[
            must("from", &Map),
            must("to", &Map),
            may("trigger", &Nullable(&Map)),
        ],
        FALLBACK,
    ),
    beta_tag("tool_addition", ADDITION, TOOL_CHANGES),
    beta_tag("tool_removal", REMOVAL, TOOL_CHANGES),
];

const BLOCK: Shape = Tagged(BLOCKS);
