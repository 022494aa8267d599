//! Plays a recording: gives its calls as the events of a stream, and what its tools answered. The
//! turn loop and the renderer take them as they take those of a live answer.
//!
//! And [`portable`]: which part of a played answer may go back to the API, which may be that of
//! another organisation.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use serde_json::{Map, Value, json};

use crate::anthropic::block::{Block, View};
use crate::anthropic::event::StreamEvent;
use crate::anthropic::request::Role;
use crate::chat::history::Said;

use super::names::{id_in, with_ids};
use super::{RecordedFile, Recording, ToolAnswer};

/// A recording that is being played.
#[derive(Debug, Clone)]
pub struct Player {
    recording: Arc<Recording>,
    /// Makes the ids of this turn differ from those of every other one.
    turn: String,
    next: usize,
    events: VecDeque<StreamEvent>,
}

impl Player {
    /// Makes the player of a recording.
    #[must_use]
    pub fn new(recording: Arc<Recording>) -> Self {
        Self {
            turn: recording.digest().short(),
            recording,
            next: 0,
            events: VecDeque::new(),
        }
    }

    /// Returns the recording.
    #[must_use]
    pub fn recording(&self) -> &Recording {
        &self.recording
    }

    /// A request is sent: its answer comes next.
    pub fn call(&mut self) {
        self.events.clear();
        if let Some(call) = self.recording.calls.get(self.next) {
            self.events.extend(events(&self.turn, call));
        }
        self.next += 1;
    }

    /// Returns what gives the next event of the answer; `None` at its end. The event is taken when
    /// it is given, so nothing is lost if nobody waits for it.
    pub fn next_event(&mut self) -> Option<Next<'_>> {
        let is_over = self.events.is_empty();
        (!is_over).then_some(Next(&mut self.events))
    }

    /// Returns what a tool answered to the call `id`.
    #[must_use]
    pub fn tool(&self, id: &str) -> Option<&ToolAnswer> {
        let mut tools = self.recording.tools.iter();
        tools.find(|answer| id_in(&self.turn, &answer.id) == id)
    }

    /// Returns the file that a block calls `id`.
    #[must_use]
    pub fn file(&self, id: &str) -> Option<&RecordedFile> {
        let mut files = self.recording.files.iter();
        files.find(|file| id_in(&self.turn, &file.id) == id)
    }
}

/// Gives the next event.
#[derive(Debug)]
pub struct Next<'a>(&'a mut VecDeque<StreamEvent>);

impl Future for Next<'_> {
    type Output = StreamEvent;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<StreamEvent> {
        match self.get_mut().0.pop_front() {
            Some(event) => Poll::Ready(event),
            None => Poll::Pending,
        }
    }
}

impl Recording {
    /// Returns what followed the question, as far as it may be sent to any API.
    #[must_use]
    pub fn said(&self) -> Vec<Said> {
        let turn = self.digest().short();
        let mut said = Vec::new();
        for call in &self.calls {
            let blocks: Vec<Block> = call.blocks.iter().map(|b| with_ids(&turn, b)).collect();
            let answers: Vec<Block> = blocks
                .iter()
                .filter_map(|block| match block.view() {
                    View::ToolUse { id, .. } => {
                        let mut tools = self.tools.iter();
                        let answer = tools.find(|answer| id_in(&turn, &answer.id) == id)?;
                        Some(result(id, answer))
                    }
                    _ => None,
                })
                .collect();
            said.push(Said::assistant(blocks));
            if !answers.is_empty() {
                said.push(Said::user(answers));
            }
        }
        portable(said)
    }
}

fn result(id: &str, answer: &ToolAnswer) -> Block {
    let mut block = Map::new();
    block.insert("type".to_owned(), json!("tool_result"));
    block.insert("tool_use_id".to_owned(), json!(id));
    block.insert("content".to_owned(), answer.content.clone());
    if answer.is_error {
        block.insert("is_error".to_owned(), json!(true));
    }
    Block::from_raw(Value::Object(block))
}

fn events(turn: &str, call: &super::Call) -> Vec<StreamEvent> {
    let message = json!({"type": "message", "role": "assistant", "content": [], "model": call.model,
        "usage": {"input_tokens": 0, "output_tokens": 0}});
    let mut events = Vec::with_capacity(2 * call.blocks.len() + 3);
    events.push(StreamEvent::MessageStart {
        message: object(message),
    });
    for (index, block) in call.blocks.iter().enumerate() {
        let block = with_ids(turn, block);
        events.push(StreamEvent::BlockStart { index, block });
        events.push(StreamEvent::BlockStop { index });
    }
    events.push(StreamEvent::MessageDelta {
        raw: object(json!({"delta": call.stop, "usage": {"output_tokens": 0}})),
    });
    events.push(StreamEvent::MessageStop);
    events
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// Returns the part of a played answer that any API takes: no thinking, which is bound to an
/// organisation and to ids that are gone; nothing encrypted; and results without the files that
/// they name, because these ids mean nothing (`docs/protocol.md#foreign-history`).
#[must_use]
pub fn portable(said: Vec<Said>) -> Vec<Said> {
    let messages = said.into_iter().map(|message| {
        let hidden = hidden_calls(&message.blocks);
        let blocks = message.blocks.into_iter();
        let blocks = blocks.filter(|block| {
            !block.is_thinking() && !call_of(block).is_some_and(|id| hidden.contains(&id))
        });
        Said {
            role: message.role,
            blocks: blocks.map(|block| plain(&block)).collect(),
        }
    });
    messages
        .filter(|message| !message.blocks.is_empty() || message.role == Role::User)
        .collect()
}

/// The calls whose results only the API that made them can read.
fn hidden_calls(blocks: &[Block]) -> Vec<String> {
    let hidden = blocks.iter().filter(|block| {
        let is_known = matches!(
            block.kind(),
            "text" | "tool_use" | "tool_result" | "server_tool_use"
        );
        !is_known && has_hidden(&Value::Object(block.raw().clone()))
    });
    hidden.filter_map(call_of).collect()
}

fn has_hidden(value: &Value) -> bool {
    match value {
        Value::Object(map) => map
            .iter()
            .any(|(key, value)| key.starts_with("encrypted") || has_hidden(value)),
        Value::Array(items) => items.iter().any(has_hidden),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn call_of(block: &Block) -> Option<String> {
    let raw = block.raw();
    let id = raw.get("tool_use_id").or_else(|| raw.get("id"))?;
    id.as_str().map(str::to_owned)
}

/// A block without citations and without the files that it names.
fn plain(block: &Block) -> Block {
    let mut raw = block.raw().clone();
    raw.remove("citations");
    let files = raw.get_mut("content").and_then(|it| it.get_mut("content"));
    if let Some(Value::Array(files)) = files {
        files.retain(|file| file.get("file_id").is_none());
    }
    Block::from_raw(Value::Object(raw))
}
