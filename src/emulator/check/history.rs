//! The order and pairing of messages and blocks
//! (`docs/protocol.md#system-messages, #client-tools, #sending-answers-back`).
//!
//! Consecutive messages of one role are one turn here, as in the API.

use std::collections::HashSet;

use serde_json::Value;

use super::super::error::ApiError;
use super::super::headers::Version;
use super::super::message::{Role, is_thinking, kind, text};
use super::super::request::Request;

/// Consecutive messages of one role.
#[derive(Debug)]
struct Turn<'a> {
    role: Role,
    /// The index of the first message.
    first: usize,
    blocks: Vec<Placed<'a>>,
}

/// A block and its place.
#[derive(Debug, Clone, Copy)]
struct Placed<'a> {
    block: &'a Value,
    message: usize,
    index: usize,
}

impl Placed<'_> {
    fn path(&self) -> String {
        format!("messages.{}.content.{}", self.message, self.index)
    }
}

pub(super) fn check(request: &Request, version: Version, paused: bool) -> Result<(), ApiError> {
    for (i, block) in request.system.iter().enumerate() {
        if text(block, "text").is_none_or(|text| text.trim().is_empty()) && request.system.len() > 1
        {
            return Err(ApiError::invalid(format!(
                "system.{i}: text content blocks must be non-empty"
            )));
        }
    }
    let Some(first) = request.messages.first() else {
        return Err(ApiError::invalid(
            "messages: at least one message is required",
        ));
    };
    if first.role != Role::User && !opens_with_compaction(first.blocks.first()) {
        return Err(ApiError::invalid(
            "messages: first message must use the \"user\" role",
        ));
    }
    contents(request, version)?;
    let turns = turns(request);
    system_messages(&turns)?;
    turns.iter().try_for_each(unique_ids)?;
    tool_results(&turns)?;
    server_tools(request, &turns)?;
    ending(request, &turns, paused)
}

fn opens_with_compaction(block: Option<&Value>) -> bool {
    block.is_some_and(|block| kind(block) == "compaction")
}

fn turns(request: &Request) -> Vec<Turn<'_>> {
    let mut turns: Vec<Turn<'_>> = Vec::new();
    let with_content = request.messages.iter().enumerate();
    let with_content =
        with_content.filter(|(_, value)| value.role != Role::System || !value.blocks.is_empty());
    for (message, value) in with_content {
        let placed = value
            .blocks
            .iter()
            .enumerate()
            .map(|(index, block)| Placed {
                block,
                message,
                index,
            });
        match turns.last_mut() {
            Some(turn) if turn.role == value.role => turn.blocks.extend(placed),
            _ => turns.push(Turn {
                role: value.role,
                first: message,
                blocks: placed.collect(),
            }),
        }
    }
    turns
}

/// Checks each block alone, and whether a message of this role may hold it.
fn contents(request: &Request, version: Version) -> Result<(), ApiError> {
    let last = request.messages.len() - 1;
    for (i, message) in request.messages.iter().enumerate() {
        if message.role == Role::System && !request.model.system_messages {
            return Err(ApiError::invalid(format!(
                "messages.{i}: `system` messages are not supported by {}",
                request.model.id
            )));
        }
        let of_system = [
            (message.clear_at.is_some(), "clear_at"),
            (message.config.is_some(), "output_config"),
        ];
        for (given, field) in of_system {
            if given && message.role != Role::System {
                return Err(ApiError::invalid(format!(
                    "messages.{i}.{field}: only `system` messages have it"
                )));
            }
        }
        let configures = message.effort().is_some();
        let may_be_empty = configures || (message.role == Role::Assistant && i == last);
        if message.blocks.is_empty() && !may_be_empty {
            return Err(ApiError::invalid(format!(
                "messages.{i}: all messages must have non-empty content except for the optional final assistant message"
            )));
        }
        for (j, block) in message.blocks.iter().enumerate() {
            let path = format!("messages.{i}.content.{j}");
            place(message.role, block, &path, version)?;
        }
    }
    Ok(())
}

fn place(role: Role, block: &Value, path: &str, version: Version) -> Result<(), ApiError> {
    let kind = kind(block);
    let only = |role: &str| {
        Err(ApiError::invalid(format!(
            "{path}: `{kind}` blocks can only be in `{role}` messages"
        )))
    };
    let by_assistant = is_thinking(block)
        || matches!(
            kind,
            "tool_use" | "server_tool_use" | "mcp_tool_use" | "fallback"
        )
        || (kind.ends_with("_tool_result"));
    let by_user = matches!(kind, "tool_result" | "image" | "search_result");
    match role {
        Role::User if by_assistant => only("assistant"),
        Role::Assistant if by_user => only("user"),
        Role::Assistant if kind == "document" && version == Version::New => only("user"),
        Role::System if !matches!(kind, "text" | "tool_addition" | "tool_removal") => {
            Err(ApiError::invalid(format!(
                "{path}: `{kind}` blocks are not allowed in `system` messages"
            )))
        }
        Role::User | Role::Assistant if matches!(kind, "tool_addition" | "tool_removal") => {
            only("system")
        }
        Role::User if version == Version::New && cites(block) => Err(ApiError::invalid(format!(
            "{path}.citations: `text` blocks in user messages may not have citations"
        ))),
        _ => Ok(()),
    }
}

/// Whether a text block, or one within a search result, has citations.
fn cites(block: &Value) -> bool {
    let cited = |block: &Value| {
        let citations = block.get("citations").and_then(Value::as_array);
        kind(block) == "text" && citations.is_some_and(|citations| !citations.is_empty())
    };
    let inner = block.get("content").and_then(Value::as_array);
    cited(block) || inner.into_iter().flatten().any(cited)
}

fn system_messages(turns: &[Turn<'_>]) -> Result<(), ApiError> {
    for (i, turn) in turns.iter().enumerate() {
        if turn.role != Role::System {
            continue;
        }
        let wrong = |what: &str| {
            Err(ApiError::invalid(format!(
                "messages.{}: `system` messages {what}",
                turn.first
            )))
        };
        let before = i.checked_sub(1).and_then(|i| turns.get(i));
        let fits = before.is_some_and(|before| match before.role {
            Role::User => true,
            Role::Assistant => before
                .blocks
                .last()
                .is_some_and(|placed| is_server_result(placed.block)),
            Role::System => false,
        });
        if !fits {
            return wrong(
                "must follow a `user` message or an `assistant` turn that ends in a server tool result",
            );
        }
        if turns
            .get(i + 1)
            .is_some_and(|after| after.role != Role::Assistant)
        {
            return wrong("must be last or be followed by an `assistant` message");
        }
    }
    Ok(())
}

/// No two calls of one turn share an id; calls of different turns may
/// (`docs/protocol.md#compaction`).
fn unique_ids(turn: &Turn<'_>) -> Result<(), ApiError> {
    let mut used = HashSet::new();
    for placed in &turn.blocks {
        if let "tool_use" | "server_tool_use" | "mcp_tool_use" = kind(placed.block)
            && !used.insert(text(placed.block, "id").unwrap_or_default())
        {
            return Err(twice(placed));
        }
    }
    Ok(())
}

fn twice(placed: &Placed<'_>) -> ApiError {
    ApiError::invalid(format!(
        "{}: `{}` ids must be unique",
        placed.path(),
        kind(placed.block)
    ))
}

/// Every call of a client tool must have its result in the next turn, exactly once and before
/// anything else.
fn tool_results(turns: &[Turn<'_>]) -> Result<(), ApiError> {
    let mut open: Vec<&str> = Vec::new();
    let mut open_at = 0;
    for turn in turns {
        let mut answered = HashSet::new();
        let mut others = false;
        for placed in &turn.blocks {
            match kind(placed.block) {
                "tool_result" if turn.role == Role::User => {
                    let id = text(placed.block, "tool_use_id").unwrap_or_default();
                    if !open.contains(&id) {
                        return Err(ApiError::invalid(format!(
                            "{}: unexpected `tool_use_id` found in `tool_result` blocks: {id}. Each `tool_result` block must have a corresponding `tool_use` block in the previous message.",
                            placed.path()
                        )));
                    }
                    if others {
                        return Err(ApiError::invalid(format!(
                            "{}: `tool_result` blocks must come before other content",
                            placed.path()
                        )));
                    }
                    if !answered.insert(id) {
                        return Err(ApiError::invalid(format!(
                            "{}: each tool_use must have a single result. Found multiple `tool_result` blocks with id: {id}",
                            placed.path()
                        )));
                    }
                }
                _ => others = true,
            }
        }
        open.retain(|id| !answered.contains(id));
        unanswered(&open, open_at)?;
        open.clear();
        for placed in &turn.blocks {
            if kind(placed.block) == "tool_use" {
                let id = text(placed.block, "id").unwrap_or_default();
                open.push(id);
                open_at = placed.message;
            }
        }
    }
    unanswered(&open, open_at)
}

fn unanswered(open: &[&str], message: usize) -> Result<(), ApiError> {
    if open.is_empty() {
        return Ok(());
    }
    Err(ApiError::invalid(format!(
        "messages.{message}: `tool_use` ids were found without `tool_result` blocks immediately after: {}. Each `tool_use` block must have a corresponding `tool_result` block in the next message.",
        open.join(", ")
    )))
}

/// Every call of a server tool must have its result in the same turn; the last one may still wait
/// for it.
fn server_tools(request: &Request, turns: &[Turn<'_>]) -> Result<(), ApiError> {
    let mut pending: Vec<(&str, &str)> = Vec::new();
    // The content of a `system` message does not belong to the calls and their results.
    let turns: Vec<&Turn<'_>> = turns.iter().filter(|t| t.role != Role::System).collect();
    for (i, turn) in turns.iter().enumerate() {
        if turn.role == Role::User && !pending.is_empty() {
            // Between a call and its result only results of client tools may stand.
            if turn.blocks.iter().any(|p| kind(p.block) != "tool_result") {
                return Err(unpaired(&pending));
            }
            continue;
        }
        for placed in &turn.blocks {
            let block = placed.block;
            if kind(block) == "server_tool_use" {
                let id = text(block, "id").unwrap_or_default();
                // Find the call that the next result would belong to.
                if pending.iter().any(|(open, _)| *open == id) {
                    return Err(twice(placed));
                }
                pending.push((id, text(block, "name").unwrap_or_default()));
            } else if is_server_result(block) {
                let id = text(block, "tool_use_id").unwrap_or_default();
                let before = pending.len();
                pending.retain(|(open, name)| *open != id || !answers(kind(block), name));
                if pending.len() == before {
                    return Err(ApiError::invalid(format!(
                        "{}: unexpected `tool_use_id` found in `{}` blocks: {id}. Each one must have a corresponding `server_tool_use` block before it.",
                        placed.path(),
                        kind(block)
                    )));
                }
            }
        }
        let waits = i + 1 == turns.len()
            || turns.get(i + 1).is_some_and(|next| {
                next.role == Role::Assistant
                    || next.blocks.iter().all(|p| kind(p.block) == "tool_result")
            });
        if !pending.is_empty() && !waits {
            return Err(unpaired(&pending));
        }
    }
    resumed(request, &pending)
}

/// What a request must hold besides the results to go on with calls that wait.
fn resumed(request: &Request, pending: &[(&str, &str)]) -> Result<(), ApiError> {
    let Some((id, name)) = pending.first() else {
        return Ok(());
    };
    let needs_code = name.ends_with("code_execution");
    let tool = if needs_code { "code_execution" } else { name };
    let provided = match needs_code {
        true => request.code_execution().is_some(),
        false => request.has_tool(name),
    };
    if !provided {
        return Err(ApiError::invalid(format!(
            "`{name}` tool use with id `{id}` is pending but no `{tool}` tool was provided"
        )));
    }
    if needs_code && request.container.is_none() {
        return Err(ApiError::invalid(format!(
            "container: `{name}` tool use with id `{id}` is pending; the container it runs in is required"
        )));
    }
    Ok(())
}

fn unpaired(pending: &[(&str, &str)]) -> ApiError {
    let (id, name) = pending.first().copied().unwrap_or_default();
    ApiError::invalid(format!(
        "`{name}` tool use with id `{id}` was found without a corresponding `{name}_tool_result` block"
    ))
}

fn is_server_result(block: &Value) -> bool {
    kind(block).ends_with("_tool_result") && kind(block) != "mcp_tool_result"
}

/// Whether a result block of this kind answers a call of this tool.
fn answers(result: &str, name: &str) -> bool {
    let result = result.trim_end_matches("_tool_result");
    result == name || (result == "tool_search" && name.starts_with("tool_search_tool"))
}

/// Checks the last message: Claude answers it, or it is a paused turn that goes on.
fn ending(request: &Request, turns: &[Turn<'_>], paused: bool) -> Result<(), ApiError> {
    let Some(turn) = turns.last() else {
        return Ok(());
    };
    // If a summary is asked for, the conversation may end with an answer.
    if turn.role != Role::Assistant || paused || request.compaction.is_some() {
        return Ok(());
    }
    let last = turn.blocks.iter().rfind(|p| !is_thinking(p.block));
    let in_server_loop =
        last.is_some_and(|p| kind(p.block) == "server_tool_use" || is_server_result(p.block));
    if in_server_loop {
        return Ok(());
    }
    if request.model.refuses_prefill {
        return Err(ApiError::invalid(
            "This model does not support assistant message prefill. The conversation must end with a user message.",
        ));
    }
    let ends_in_space = last
        .and_then(|p| text(p.block, "text"))
        .is_some_and(|text| text.ends_with(char::is_whitespace));
    if ends_in_space {
        return Err(ApiError::invalid(
            "messages: final assistant content cannot end with trailing whitespace",
        ));
    }
    Ok(())
}
