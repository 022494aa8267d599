//! What of an answer may be sent back (`claude-api.md` 6.6, 8, 16.3).
//!
//! Blocks go back exactly as they came or not at all. What cannot go back: a call without its
//! result, a result without its call, steps in a sandbox that cannot be named, and thinking that
//! stands behind any of these, because it is bound to what came before it (14.1).

use serde_json::Value;

use crate::anthropic::block::{Block, View};
use crate::anthropic::request::Role;

use super::turn::TurnMessage;

/// One message of a running turn.
pub type Said = (Role, Vec<Block>);

/// What of an answer goes into the history.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// In order; none of them is empty.
    pub messages: Vec<TurnMessage>,
    /// Whether steps were left out because their sandbox has no known name.
    pub sandbox_lost: bool,
}

/// Returns the messages to keep. Of one that was `cut` off, trailing thinking and blank text go
/// too: they never got their end. `sandbox_known` says whether the container has an id.
#[must_use]
pub fn keep(said: &[Said], cut: bool, sandbox_known: bool) -> Kept {
    let left_out = left_out(said, sandbox_known);
    let sandbox_lost = !sandbox_known && all(said).any(is_step);
    let mut broken = false;
    let mut messages: Vec<TurnMessage> = Vec::with_capacity(said.len());
    for (role, blocks) in said {
        let mut kept = Vec::with_capacity(blocks.len());
        for block in blocks {
            let is_out = tie(block).is_some_and(|id| left_out.contains(&id));
            broken |= is_out;
            if !(is_out || broken && is_thinking(block.kind())) {
                kept.push(Value::Object(block.raw().clone()));
            }
        }
        messages.push(TurnMessage {
            role: *role,
            blocks: kept,
        });
    }
    if cut || broken {
        trim(&mut messages);
    }
    messages.retain(|message| !message.blocks.is_empty());
    Kept {
        messages,
        sandbox_lost,
    }
}

/// Returns the text of an answer: its text blocks, joined by blank lines.
#[must_use]
pub fn answer_text(messages: &[TurnMessage]) -> String {
    let answers = messages.iter().filter(|said| said.role == Role::Assistant);
    let texts: Vec<&str> = answers
        .flat_map(|said| &said.blocks)
        .filter(|block| field(block, "type") == Some("text"))
        .filter_map(|block| field(block, "text"))
        .filter(|text| !text.trim().is_empty())
        .collect();
    texts.join("\n\n")
}

/// Returns the text of a structured result: what was said after the last tool call and its result.
#[must_use]
pub fn result_text(messages: &[Said]) -> String {
    let mut texts: Vec<&str> = Vec::new();
    for (role, blocks) in messages.iter().rev() {
        if *role != Role::Assistant {
            break;
        }
        let mut ends = false;
        for block in blocks.iter().rev() {
            match block.view() {
                View::Text { text, .. } => texts.push(text),
                View::Thinking { .. } | View::RedactedThinking => {}
                _ => {
                    ends = true;
                    break;
                }
            }
        }
        if ends {
            break;
        }
    }
    texts.reverse();
    texts.concat()
}

/// Returns the ids of the calls that cannot go back, and of results without a call.
fn left_out(said: &[Said], sandbox_known: bool) -> Vec<&str> {
    let results: Vec<&str> = all(said).filter_map(result_id).collect();
    let calls: Vec<&str> = all(said).filter_map(call_id).collect();
    let mut out: Vec<&str> = Vec::new();
    for block in all(said) {
        let Some(id) = call_id(block) else {
            continue;
        };
        let lost = !sandbox_known && is_step(block);
        // Code that called a tool comes before the tool's call.
        let called_by_lost = caller_id(block).is_some_and(|caller| out.contains(&caller));
        if lost || called_by_lost || !results.contains(&id) {
            out.push(id);
        }
    }
    out.extend(results.into_iter().filter(|id| !calls.contains(id)));
    out
}

/// Takes from the end what never got its end. Results of tools end a history well.
fn trim(messages: &mut Vec<TurnMessage>) {
    while let Some(last) = messages.last_mut() {
        if last.role == Role::Assistant {
            while last.blocks.last().is_some_and(is_unfinished) {
                last.blocks.pop();
            }
        }
        if !last.blocks.is_empty() {
            break;
        }
        messages.pop();
    }
}

fn all(said: &[Said]) -> impl Iterator<Item = &Block> {
    said.iter().flat_map(|(_, blocks)| blocks)
}

/// The id that ties a call and its result together.
fn tie(block: &Block) -> Option<&str> {
    call_id(block).or_else(|| result_id(block))
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

fn caller_id(block: &Block) -> Option<&str> {
    block.raw().get("caller")?.get("tool_id")?.as_str()
}

/// Whether a block is a call that runs in the sandbox.
fn is_step(block: &Block) -> bool {
    matches!(block.view(), View::ServerToolUse { name, .. } if name.ends_with("code_execution"))
}

fn is_thinking(kind: &str) -> bool {
    matches!(kind, "thinking" | "redacted_thinking")
}

fn is_unfinished(block: &Value) -> bool {
    match field(block, "type") {
        Some("text") => field(block, "text").is_none_or(|text| text.trim().is_empty()),
        kind => kind.is_some_and(is_thinking),
    }
}

fn field<'a>(block: &'a Value, name: &str) -> Option<&'a str> {
    block.get(name).and_then(Value::as_str)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn blocks(values: &[Value]) -> Said {
        let blocks = values.iter().cloned().map(Block::from_raw).collect();
        (Role::Assistant, blocks)
    }

    fn results(values: &[Value]) -> Said {
        (Role::User, blocks(values).1)
    }

    fn contents(kept: Kept) -> Vec<Vec<Value>> {
        let messages = kept.messages.into_iter();
        messages.map(|message| message.blocks).collect()
    }

    fn text(text: &str) -> Value {
        json!({"type": "text", "text": text})
    }

    fn thinking(signature: &str) -> Value {
        json!({"type": "thinking", "thinking": "", "signature": signature})
    }

    fn run(id: &str) -> [Value; 2] {
        [
            json!({"type": "server_tool_use", "id": id, "name": "bash_code_execution", "input": {}}),
            json!({"type": "bash_code_execution_tool_result", "tool_use_id": id, "content": {}}),
        ]
    }

    fn search(id: &str) -> [Value; 2] {
        [
            json!({"type": "server_tool_use", "id": id, "name": "web_search", "input": {}}),
            json!({"type": "web_search_tool_result", "tool_use_id": id, "content": []}),
        ]
    }

    #[test]
    fn a_call_without_a_result_goes_and_so_does_the_thinking_behind_it() {
        let [first, first_result] = run("srvtoolu_1");
        let [second, _] = run("srvtoolu_2");
        let said = [blocks(&[
            thinking("a"),
            first.clone(),
            second,
            first_result.clone(),
            thinking("b"),
            text("late"),
        ])];
        assert_eq!(
            contents(keep(&said, true, true)),
            vec![vec![thinking("a"), first, first_result, text("late")]]
        );
    }

    #[test]
    fn a_pair_may_span_a_pause() {
        let [call, result] = run("srvtoolu_1");
        let said = [
            blocks(std::slice::from_ref(&call)),
            blocks(std::slice::from_ref(&result)),
        ];
        assert_eq!(
            contents(keep(&said, false, true)),
            vec![vec![call], vec![result]]
        );
    }

    #[test]
    fn a_cut_answer_loses_its_trailing_thinking_and_may_vanish() {
        let said = [blocks(&[text("a"), thinking("b"), text(" \n")])];
        assert_eq!(contents(keep(&said, true, true)), vec![vec![text("a")]]);
        let said = [blocks(&[thinking("a")]), blocks(&[thinking("b")])];
        assert_eq!(keep(&said, true, true), Kept::default());
        assert_eq!(
            contents(keep(&said, false, true)),
            vec![vec![thinking("a")], vec![thinking("b")]]
        );
    }

    #[test]
    fn steps_in_a_sandbox_without_a_name_go_and_searches_stay() {
        let ([run, ran], [search, found]) = (run("srvtoolu_1"), search("srvtoolu_2"));
        let said = [blocks(&[
            search.clone(),
            found.clone(),
            run,
            ran,
            thinking("a"),
            text("b"),
        ])];
        let kept = keep(&said, true, false);
        assert!(kept.sandbox_lost);
        assert_eq!(contents(kept), vec![vec![search, found, text("b")]]);
        assert!(!keep(&[blocks(&[text("b")])], true, false).sandbox_lost);
    }

    #[test]
    fn what_lost_code_had_called_goes_with_it() {
        let code = json!({"type": "server_tool_use", "id": "srvtoolu_1", "name": "code_execution", "input": {}});
        let call = json!({"type": "tool_use", "id": "toolu_1", "name": "mine", "input": {},
            "caller": {"type": "code_execution_20260120", "tool_id": "srvtoolu_1"}});
        let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"});
        let said = [
            blocks(&[text("a"), code, call]),
            results(std::slice::from_ref(&result)),
        ];
        assert_eq!(contents(keep(&said, true, true)), vec![vec![text("a")]]);
    }

    #[test]
    fn answered_tools_stay_and_end_the_history() {
        let call = |id: &str| json!({"type": "tool_use", "id": id, "name": "mine", "input": {}});
        let result = json!({"type": "tool_result", "tool_use_id": "toolu_1", "content": "x"});
        let said = [
            blocks(&[thinking("a"), call("toolu_1"), call("toolu_2")]),
            results(std::slice::from_ref(&result)),
            blocks(&[thinking("b")]),
        ];
        assert_eq!(
            contents(keep(&said, true, true)),
            vec![vec![thinking("a"), call("toolu_1")], vec![result]]
        );
    }
}
