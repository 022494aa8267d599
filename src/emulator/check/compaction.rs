//! Compaction on demand (`docs/protocol.md#compaction`): what a request for a summary may hold, and
//! where a summary stands.

use serde_json::Value;

use super::super::error::ApiError;
use super::super::message::{Role, kind, text};
use super::super::request::Request;

pub(super) fn check(request: &Request, paused: bool) -> Result<(), ApiError> {
    place(request)?;
    if request.compaction.is_none() {
        return Ok(());
    }
    wanted(request)?;
    let blocks = || request.messages.iter().flat_map(|message| &message.blocks);
    if !blocks().any(|block| kind(block) != "compaction") {
        return Err(ApiError::invalid("messages: there is nothing to summarize")
            .code("compaction_nothing_to_summarize"));
    }
    if paused || is_unfinished(request) {
        return Err(
            ApiError::invalid("messages: the last `assistant` turn is not finished")
                .code("compaction_incomplete_turn"),
        );
    }
    Ok(())
}

/// What must not stand beside `compaction`.
fn wanted(request: &Request) -> Result<(), ApiError> {
    let forced = request
        .tool_choice
        .as_ref()
        .is_some_and(|choice| matches!(kind(choice), "any" | "tool"));
    for (given, name) in [
        (request.edits_context, "context_management"),
        (!request.stop_sequences.is_empty(), "stop_sequences"),
        (request.format.is_some(), "output_config.format"),
        (forced, "tool_choice"),
    ] {
        if given {
            return Err(ApiError::invalid(format!(
                "compaction: cannot be combined with `{name}`"
            )));
        }
    }
    if !request.model.compacts() {
        return Err(ApiError::invalid(format!(
            "compaction: {} does not support compaction",
            request.model.id
        )));
    }
    Ok(())
}

/// There is at most one summary, and it is the first block of all.
fn place(request: &Request) -> Result<(), ApiError> {
    let mut found = 0;
    for (i, message) in request.messages.iter().enumerate() {
        for (j, block) in message.blocks.iter().enumerate() {
            if kind(block) != "compaction" {
                continue;
            }
            found += usize::from(text(block, "content").is_some());
            if found > 1 {
                return Err(ApiError::invalid(format!(
                    "messages.{i}.content.{j}: more than one `compaction` block"
                ))
                .code("compaction_block_ambiguous"));
            }
            if (i, j) != (0, 0) || message.role == Role::System {
                return Err(ApiError::invalid(format!(
                    "messages.{i}.content.{j}: a `compaction` block must be the first block of the conversation"
                ))
                .code("compaction_block_misplaced"));
            }
        }
    }
    Ok(())
}

/// Whether the conversation ends with calls that have no result.
fn is_unfinished(request: &Request) -> bool {
    let tail = request.messages.iter().rev();
    let tail = tail.take_while(|message| message.role == Role::Assistant);
    let blocks: Vec<&Value> = tail.flat_map(|message| &message.blocks).collect();
    let answered = |id: Option<&str>| {
        let mut results = blocks.iter().filter_map(|block| text(block, "tool_use_id"));
        id.is_some_and(|id| results.any(|result| result == id))
    };
    blocks.iter().any(|block| match kind(block) {
        "tool_use" => true,
        "server_tool_use" | "mcp_tool_use" => !answered(text(block, "id")),
        _ => false,
    })
}
