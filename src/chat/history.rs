//! Which part of an answer goes into the history, so that the next request is valid whatever the
//! answer held (`docs/protocol.md#sending-answers-back, #blank-text`). Pure.
//!
//! Blocks go back as they came. Left out are: calls without a result, results without a call before
//! them, calls whose id a message has used already, text that no request may carry, and, if the
//! turn was cut off, what had not been finished.

use std::collections::{HashMap, HashSet};

use serde_json::Value;

use crate::anthropic::block::{Block, View};
use crate::anthropic::content::Content;
use crate::anthropic::request::{MessageParam, Role};

/// One message of a turn after its question.
#[derive(Debug, Clone, PartialEq)]
pub struct Said {
    /// `Assistant`: what Claude said. `User`: results of tools.
    pub role: Role,
    /// Its content.
    pub blocks: Vec<Block>,
}

impl Said {
    /// Makes a message by Claude.
    #[must_use]
    pub fn assistant(blocks: Vec<Block>) -> Self {
        Self {
            role: Role::Assistant,
            blocks,
        }
    }

    /// Makes a message that holds results of tools.
    #[must_use]
    pub fn user(blocks: Vec<Block>) -> Self {
        Self {
            role: Role::User,
            blocks,
        }
    }

    /// Reads a message.
    #[must_use]
    pub fn of(message: &MessageParam) -> Self {
        Self {
            role: message.role,
            blocks: message.content.blocks(),
        }
    }

    /// Serialises the message.
    #[must_use]
    pub fn param(&self) -> MessageParam {
        MessageParam {
            role: self.role,
            content: Content::of_blocks(&self.blocks),
        }
    }
}

/// How far a turn has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The turn goes on. Calls may still lack their results, such as that of code which waits for
    /// tools.
    Running,
    /// The turn is over.
    Over {
        /// Whether its last answer was cut off.
        cut: bool,
        /// Whether the id of its sandbox is known. If not, its steps cannot go back, because no
        /// request can name their sandbox.
        sandbox_known: bool,
    },
}

/// The part of a turn that goes into the history.
#[derive(Debug, Default, PartialEq)]
pub struct Kept {
    /// In order; none of them is empty.
    pub messages: Vec<Said>,
    /// Whether steps were left out because their sandbox has no known id.
    pub sandbox_lost: bool,
}

/// Returns the messages to send again.
#[must_use]
pub fn keep(said: &[Said], stage: Stage) -> Kept {
    let is_nameless = matches!(
        stage,
        Stage::Over {
            sandbox_known: false,
            ..
        }
    );
    let (left_out, sandbox_lost) = left_out(said, stage, is_nameless);
    // What was left out already when the turn itself sent these messages.
    let (left_out_then, _) = self::left_out(said, Stage::Running, false);
    // Whether something is left out that the turn itself sent. The thinking after it was bound to
    // it and is left out too.
    let mut is_changed = false;
    let mut is_broken = false;
    let mut messages: Vec<Said> = Vec::with_capacity(said.len());
    for (at, message) in said.iter().enumerate() {
        let mut blocks = Vec::with_capacity(message.blocks.len());
        // Whether a block of this message is not sent as Claude wrote it. The thinking after it in
        // the message was bound to the block as it was.
        let mut differs = false;
        for (position, block) in message.blocks.iter().enumerate() {
            let is_out = left_out.contains(&(at, position));
            let block = block.clone().with_object_input();
            differs |= is_out || block.has_unparsed_input();
            is_changed |= is_out && !left_out_then.contains(&(at, position));
            is_broken |= is_out;
            if !(is_out || (differs || is_changed) && block.is_thinking()) {
                blocks.push(block);
            }
        }
        drop_blank_text(&mut blocks);
        messages.push(Said {
            role: message.role,
            blocks,
        });
    }
    if let Stage::Over { cut, .. } = stage {
        trim(&mut messages, cut || is_broken);
    }
    messages.retain(|message| !message.blocks.is_empty());
    Kept {
        messages,
        sandbox_lost,
    }
}

/// Returns recorded answers in a form that can be sent. They change only if an older version
/// recorded something that no request may carry.
#[must_use]
pub fn sendable(answers: Vec<MessageParam>) -> Vec<MessageParam> {
    let said: Vec<Said> = answers.iter().map(Said::of).collect();
    let stage = Stage::Over {
        cut: false,
        sandbox_known: true,
    };
    let kept = keep(&said, stage).messages;
    if kept == said {
        return answers;
    }
    kept.iter().map(Said::param).collect()
}

/// Returns whether results of the sandbox have keys that the API's reference does not name.
#[must_use]
pub fn has_unknown_keys(said: &[Said]) -> bool {
    let mut blocks = said.iter().flat_map(|said| &said.blocks);
    blocks.any(|block| block.with_known_keys().is_some())
}

/// Returns the messages without the keys of results that the API's reference does not name; `None`
/// if there are no such keys. The thinking behind the first result that changes was bound to it, so
/// it is left out too; the thinking before that result stays.
#[must_use]
pub fn with_known_keys(said: &[Said]) -> Option<Vec<Said>> {
    let mut is_changed = false;
    let mut messages = Vec::with_capacity(said.len());
    for message in said {
        let mut blocks = Vec::with_capacity(message.blocks.len());
        for block in &message.blocks {
            let known = block.with_known_keys();
            is_changed |= known.is_some();
            if !(is_changed && block.is_thinking()) {
                blocks.push(known.unwrap_or_else(|| block.clone()));
            }
        }
        if !blocks.is_empty() {
            messages.push(Said {
                role: message.role,
                blocks,
            });
        }
    }
    is_changed.then_some(messages)
}

/// Returns the text of an answer: its text blocks, joined by blank lines.
#[must_use]
pub fn answer_text(messages: &[Said]) -> String {
    let answers = messages.iter().filter(|said| said.role == Role::Assistant);
    let texts: Vec<&str> = answers
        .flat_map(|said| &said.blocks)
        .filter_map(|block| match block.view() {
            View::Text { text, .. } if !text.trim().is_empty() => Some(text),
            _ => None,
        })
        .collect();
    texts.join("\n\n")
}

/// Returns the text of a structured result: the text after the last tool call and its result.
#[must_use]
pub fn result_text(messages: &[Said]) -> String {
    let mut texts: Vec<&str> = Vec::new();
    let answers = messages.iter().rev();
    'messages: for said in answers.take_while(|said| said.role == Role::Assistant) {
        for block in said.blocks.iter().rev() {
            match block.view() {
                View::Text { text, .. } => texts.push(text),
                View::Thinking { .. } | View::RedactedThinking => {}
                _ => break 'messages,
            }
        }
    }
    texts.reverse();
    texts.concat()
}

/// Where a block stands: its message, its position there.
type Position = (usize, usize);

/// A call that was seen.
struct Call<'a> {
    block: &'a Block,
    at: Position,
    merged: usize,
    result: Option<Position>,
}

/// The positions of the blocks that cannot go back, and whether steps are among them because their
/// sandbox has no id.
fn left_out(said: &[Said], stage: Stage, is_nameless: bool) -> (HashSet<Position>, bool) {
    let mut out: HashSet<Position> = HashSet::new();
    let mut calls: Vec<Call<'_>> = Vec::new();
    // The newest call of each id.
    let mut by_id: HashMap<&str, usize> = HashMap::new();
    let merged = merged(said);
    for (at, block) in all(said) {
        if let Some(id) = call_id(block) {
            let merged = merged.get(at.0).copied().unwrap_or_default();
            let known = by_id.get(id).and_then(|known| calls.get(*known));
            let is_taken = known.is_some_and(|call| call.merged == merged || call.result.is_none());
            if id.is_empty() || is_taken {
                out.insert(at);
                continue;
            }
            by_id.insert(id, calls.len());
            calls.push(Call {
                block,
                at,
                merged,
                result: None,
            });
        } else if let Some(id) = result_id(block) {
            let call = by_id.get(id).and_then(|known| calls.get_mut(*known));
            let call = call.filter(|call| call.result.is_none());
            match call.filter(|call| call.block.takes_result(block)) {
                Some(call) => call.result = Some(at),
                None => drop(out.insert(at)),
            }
        }
    }
    let mut sandbox_lost = false;
    let mut lost_ids: HashSet<&str> = HashSet::new();
    for call in &calls {
        let block = call.block;
        let lost = is_nameless && is_step(block);
        sandbox_lost |= lost;
        // Code that called a tool comes before the tool's call.
        let called_by_lost = caller_id(block).is_some_and(|caller| lost_ids.contains(caller));
        if lost || called_by_lost || call.result.is_none() && stage != Stage::Running {
            lost_ids.extend(call_id(block));
            out.insert(call.at);
            out.extend(call.result);
        }
    }
    (out, sandbox_lost)
}

/// For each message, the number of the message that the API makes of it: the API joins neighbouring
/// messages of the same role.
fn merged(said: &[Said]) -> Vec<usize> {
    let mut number = 0;
    let mut role = None;
    said.iter()
        .map(|message| {
            if role.replace(message.role) != Some(message.role) {
                number += 1;
            }
            number
        })
        .collect()
}

/// Takes out the text blocks that the API refuses: empty ones always, and those of white space
/// alone if the message holds neither other text nor a `tool_use` block.
fn drop_blank_text(blocks: &mut Vec<Block>) {
    let has_substance = blocks.iter().any(|block| {
        block.kind() == "tool_use" || text(block).is_some_and(|text| !text.trim().is_empty())
    });
    blocks.retain(|block| match text(block) {
        Some(text) => !text.is_empty() && (has_substance || !text.trim().is_empty()),
        None => true,
    });
}

/// Takes from the end of an answer what may not stand there: thinking, and, if the answer was cut
/// off, blank text. Results of tools may stand at the end.
fn trim(messages: &mut Vec<Said>, is_cut: bool) {
    let goes = |block: &Block| block.is_thinking() || is_cut && is_unfinished(block);
    while let Some(last) = messages.last_mut() {
        if last.role == Role::Assistant {
            while last.blocks.last().is_some_and(goes) {
                last.blocks.pop();
            }
        }
        if !last.blocks.is_empty() {
            break;
        }
        messages.pop();
    }
}

fn all(said: &[Said]) -> impl Iterator<Item = (Position, &Block)> {
    said.iter().enumerate().flat_map(|(message, said)| {
        let blocks = said.blocks.iter().enumerate();
        blocks.map(move |(position, block)| ((message, position), block))
    })
}

/// The id of a call; empty if the call lacks its id or its name, so that no request may carry it.
fn call_id(block: &Block) -> Option<&str> {
    match block.view() {
        View::ServerToolUse { id, .. } | View::ToolUse { id, .. } => Some(id),
        _ => block.is_call().then_some(""),
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

fn is_unfinished(block: &Block) -> bool {
    text(block).is_some_and(|text| text.trim().is_empty())
}

/// The text of a text block.
fn text(block: &Block) -> Option<&str> {
    let text = block.raw().get("text").and_then(Value::as_str);
    (block.kind() == "text").then(|| text.unwrap_or_default())
}

#[cfg(test)]
mod tests;
