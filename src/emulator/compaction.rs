//! Summaries on demand (`claude-api.md` 2.5): made without a model, signed, checked when they come
//! back.

use serde_json::{Value, json};

use super::error::ApiError;
use super::request::{Request, Role, kind, text};
use super::sign;

/// How much of each prompt a summary keeps, in characters.
const CLIP: usize = 200;
/// The most prompts a summary lists.
const LISTED: usize = 50;

/// Makes the block that stands for all messages of a request.
pub(super) fn block(request: &Request) -> Value {
    let summary = summary(request);
    let signature = sign::stamp(&summary);
    json!({
        "type": "compaction",
        "content": summary,
        "signature": signature,
        "encrypted_content": null,
        "tool_changes": [],
    })
}

/// Checks the summary of a history, if it has one; where it stands has been checked.
///
/// # Errors
/// 400 when it is not as it was given out.
pub(super) fn check(request: &Request) -> Result<(), ApiError> {
    let first = request.messages.first();
    let Some(block) = first.and_then(|message| message.blocks.first()) else {
        return Ok(());
    };
    // One that a trigger made has no signature.
    let triggered = request.beta("compact-2026-01-12") && block.get("signature").is_none();
    if kind(block) != "compaction" || triggered || block.get("content") == Some(&Value::Null) {
        return Ok(());
    }
    let wrong = |what: &str, code: &str| {
        let problem = format!("messages.0.content.0: {what}");
        Err(ApiError::invalid(problem).code(code))
    };
    let signature = text(block, "signature").unwrap_or_default();
    let Some(stamped) = sign::stamped(signature) else {
        return wrong(
            "the `signature` of the `compaction` block does not verify",
            "compaction_signature_invalid",
        );
    };
    if stamped != sign::digest(text(block, "content").unwrap_or_default()) {
        return wrong(
            "the `content` of the `compaction` block was changed",
            "compaction_content_mismatch",
        );
    }
    let changes = block.get("tool_changes");
    if changes.is_some_and(|changes| *changes != json!([]) && !changes.is_null()) {
        return wrong(
            "the `tool_changes` of the `compaction` block were changed",
            "compaction_tool_changes_mismatch",
        );
    }
    Ok(())
}

fn summary(request: &Request) -> String {
    let mut lines = vec![format!(
        "The offline backend has no model that could summarize. {} messages stood here.",
        request.messages.len()
    )];
    if let Some(instructions) = request.compaction.as_ref().and_then(|c| c.as_deref()) {
        lines.push(format!("Asked for: {}", clip(instructions)));
    }
    let asked = request.messages.iter();
    let asked = asked.filter(|message| message.role == Role::User);
    let prompts = asked
        .flat_map(|message| &message.blocks)
        .filter_map(|block| text(block, "text"));
    lines.extend(
        prompts
            .take(LISTED)
            .map(|prompt| format!("- {}", clip(prompt))),
    );
    lines.join("\n")
}

fn clip(text: &str) -> String {
    text.chars().take(CLIP).collect()
}
