//! What of a finished answer may be sent back (`claude-api.md` 6.6, 8).

use serde_json::Value;

use crate::anthropic::block::{Block, View};
use crate::anthropic::request::Role;

use super::turn::TurnMessage;

/// One message of a running turn.
pub type Said = (Role, Vec<Block>);

/// Returns the messages to keep: blocks exactly as received, cut before the first tool call that
/// has no result; of a truncated answer also the trailing thinking, which never got its end.
#[must_use]
pub fn keep(messages: &[Said], truncated: bool) -> Vec<TurnMessage> {
    let results: Vec<&str> = blocks_of(messages).filter_map(result_id).collect();
    let mut kept: Vec<TurnMessage> = Vec::with_capacity(messages.len());
    for (role, blocks) in messages {
        let paired = blocks
            .iter()
            .take_while(|block| call_id(block).is_none_or(|id| results.contains(&id)))
            .count();
        kept.push(TurnMessage {
            role: *role,
            blocks: blocks
                .iter()
                .take(paired)
                .map(|block| Value::Object(block.raw().clone()))
                .collect(),
        });
        if paired < blocks.len() {
            break;
        }
    }
    if truncated {
        while let Some(last) = kept.last_mut() {
            while last.blocks.last().is_some_and(is_unfinished) {
                last.blocks.pop();
            }
            if !last.blocks.is_empty() {
                break;
            }
            kept.pop();
        }
    }
    kept.retain(|message| !message.blocks.is_empty());
    kept
}

/// Returns the text of an answer: its text blocks, joined by blank lines.
#[must_use]
pub fn answer_text(messages: &[Said]) -> String {
    let texts: Vec<&str> = blocks_of(messages)
        .filter_map(|block| match block.view() {
            View::Text { text, .. } if !text.trim().is_empty() => Some(text),
            _ => None,
        })
        .collect();
    texts.join("\n\n")
}

fn blocks_of(messages: &[Said]) -> impl Iterator<Item = &Block> {
    messages.iter().flat_map(|(_, blocks)| blocks)
}

fn call_id(block: &Block) -> Option<&str> {
    match block.view() {
        View::ServerToolUse { id, .. } | View::ToolUse { id, .. } => Some(id),
        _ => None,
    }
}

fn result_id(block: &Block) -> Option<&str> {
    block.raw().get("tool_use_id").and_then(Value::as_str)
}

fn is_unfinished(block: &Value) -> bool {
    match block.get("type").and_then(Value::as_str) {
        Some("thinking" | "redacted_thinking") => true,
        Some("text") => block
            .get("text")
            .and_then(Value::as_str)
            .is_none_or(str::is_empty),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn blocks(values: &[Value]) -> Said {
        let blocks = values.iter().cloned().map(Block::from_raw).collect();
        (Role::Assistant, blocks)
    }

    fn contents(kept: Vec<TurnMessage>) -> Vec<Vec<Value>> {
        kept.into_iter().map(|message| message.blocks).collect()
    }

    #[test]
    fn a_call_without_a_result_and_what_follows_it_is_cut() {
        let text = json!({"type": "text", "text": "first"});
        let call = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}});
        let late = json!({"type": "text", "text": "late"});
        assert_eq!(
            contents(keep(&[blocks(&[text.clone(), call, late])], true)),
            vec![vec![text]]
        );
    }

    #[test]
    fn a_pair_may_span_a_pause() {
        let call = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "bash_code_execution", "input": {}});
        let result = json!({"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_1", "content": {}});
        let kept = keep(
            &[
                blocks(std::slice::from_ref(&call)),
                blocks(std::slice::from_ref(&result)),
            ],
            false,
        );
        assert_eq!(contents(kept), vec![vec![call], vec![result]]);
    }

    #[test]
    fn a_truncated_answer_loses_its_trailing_thinking_and_may_vanish() {
        let thinking = json!({"type": "thinking", "thinking": "hm", "signature": ""});
        assert_eq!(
            contents(keep(&[blocks(std::slice::from_ref(&thinking))], true)),
            Vec::<Vec<Value>>::new()
        );
        assert_eq!(
            contents(keep(&[blocks(std::slice::from_ref(&thinking))], false)),
            vec![vec![thinking]]
        );
    }
}
