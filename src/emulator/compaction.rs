//! Summaries on demand (`docs/protocol.md#compaction`). They are made without a model, signed, and
//! checked when a client sends them back.

use serde_json::{Value, json};

use super::canon::Canon;
use super::error::ApiError;
use super::message::{Role, kind, text};
use super::request::Request;
use super::sign;

/// How many characters of each prompt a summary keeps.
const CLIP: usize = 200;
/// The most prompts a summary lists.
const LISTED: usize = 50;

/// Makes the block that takes the place of all messages of a request.
pub(super) fn block(request: &Request) -> Value {
    let summary = summary(request);
    let changes = Value::from(request.toolset.changes());
    let signature = sign::stamp(&[sign::digest(&summary), digest_of(&changes)]);
    json!({
        "type": "compaction",
        "content": summary,
        "signature": signature,
        "encrypted_content": null,
        "tool_changes": changes,
    })
}

/// If the history of a body begins with a summary, checks the summary.
///
/// # Errors
/// 400 if the summary is not as it was sent to the client.
pub(super) fn check(body: &Value, betas: &[String]) -> Result<(), ApiError> {
    let Some(block) = body.pointer("/messages/0/content/0") else {
        return Ok(());
    };
    // A summary that a trigger made has no signature.
    let by_trigger = betas.iter().any(|beta| beta == "compact-2026-01-12");
    let triggered = by_trigger && block.get("signature").is_none();
    if kind(block) != "compaction" || triggered || block.get("content") == Some(&Value::Null) {
        return Ok(());
    }
    let wrong = |what: &str, code: &str| {
        let problem = format!("messages.0.content.0: {what}");
        Err(ApiError::invalid(problem).code(code))
    };
    let signature = text(block, "signature").unwrap_or_default();
    let stamped = sign::stamped(signature).unwrap_or_default();
    let [content, changes] = stamped.as_slice() else {
        return wrong(
            "the `signature` of the `compaction` block does not verify",
            "compaction_signature_invalid",
        );
    };
    if *content != sign::digest(text(block, "content").unwrap_or_default()) {
        return wrong(
            "the `content` of the `compaction` block was changed",
            "compaction_content_mismatch",
        );
    }
    if *changes != digest_of(block.get("tool_changes").unwrap_or(&Value::Null)) {
        return wrong(
            "the `tool_changes` of the `compaction` block were changed",
            "compaction_tool_changes_mismatch",
        );
    }
    Ok(())
}

fn digest_of(changes: &Value) -> String {
    let mut canon = Canon::default();
    canon.value(changes);
    canon.digest()
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
