//! Folds the events of one stream into the final message
//! (`docs/protocol.md#event-order, #accumulation`). Pure.
//!
//! Every block ends as the API would have sent it without streaming. Events in an odd order, with
//! odd indexes or for blocks that never opened change what they can and never panic. Deltas of
//! unknown kinds leave the block as it is: a guess would change what is sent back.

use serde_json::{Map, Value};

use super::block::{Block, View, unparsed};
use super::event::surrogates::replaced;
use super::event::{Delta, StreamEvent};
use super::message::Message;

/// What has arrived of one message.
#[derive(Debug, Clone, Default)]
pub struct Accumulator {
    fields: Map<String, Value>,
    started: bool,
    complete: bool,
    /// In the order of `index`; blocks of the same index in the order of arrival.
    slots: Vec<Slot>,
}

#[derive(Debug, Clone)]
struct Slot {
    index: usize,
    block: Block,
    open: bool,
    partial_json: String,
}

impl Accumulator {
    /// Starts with nothing received.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Folds in one event.
    pub fn apply(&mut self, event: &StreamEvent) {
        match event {
            StreamEvent::MessageStart { message } => self.start_message(message),
            StreamEvent::BlockStart { index, block } => self.start_block(*index, block),
            StreamEvent::BlockDelta { index, delta } => {
                if let Some(slot) = self.slot_mut(*index) {
                    slot.apply(delta);
                }
            }
            StreamEvent::BlockStop { index } => {
                if let Some(slot) = self.slot_mut(*index) {
                    slot.close();
                }
            }
            StreamEvent::MessageDelta { raw } => self.apply_message_delta(raw),
            StreamEvent::MessageStop => {
                for slot in &mut self.slots {
                    slot.close();
                }
                self.complete = true;
            }
            StreamEvent::Ping | StreamEvent::Error { .. } | StreamEvent::Unknown { .. } => {}
        }
    }

    /// Returns whether `message_stop` has come.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.complete
    }

    /// Returns the block at a wire index, open or complete.
    #[must_use]
    pub fn block(&self, index: usize) -> Option<&Block> {
        self.position(index)
            .and_then(|position| self.slots.get(position))
            .map(|slot| &slot.block)
    }

    /// Returns the blocks that are complete, in order.
    pub fn complete_blocks(&self) -> impl Iterator<Item = &Block> {
        self.slots
            .iter()
            .filter(|slot| !slot.open)
            .map(|slot| &slot.block)
    }

    /// Returns the block that is still growing, if one is.
    #[must_use]
    pub fn open_block(&self) -> Option<&Block> {
        self.slots
            .iter()
            .rev()
            .find(|slot| slot.open)
            .map(|slot| &slot.block)
    }

    /// Returns what an interrupted stream leaves: the complete blocks, and text that was still
    /// growing when it is the last and not empty (`docs/protocol.md#sending-answers-back`).
    #[must_use]
    pub fn salvage(&self) -> Vec<Block> {
        let last = self.slots.len().saturating_sub(1);
        self.slots
            .iter()
            .enumerate()
            .filter(|(position, slot)| !slot.open || (*position == last && slot.is_some_text()))
            .map(|(_, slot)| slot.block.clone())
            .collect()
    }

    /// Returns a top-level field of the message as known so far.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.fields.get(name)
    }

    /// Returns the container id as known so far: it may come with the first or the last event.
    #[must_use]
    pub fn container_id(&self) -> Option<&str> {
        self.fields.get("container")?.get("id")?.as_str()
    }

    /// Ends the fold: open blocks are closed as they are.
    #[must_use]
    pub fn into_message(self) -> Message {
        let content = self
            .slots
            .into_iter()
            .map(|mut slot| {
                slot.close();
                slot.block
            })
            .collect();
        Message {
            fields: self.fields,
            content,
        }
    }

    fn start_message(&mut self, message: &Map<String, Value>) {
        // A second `message_start` is no protocol we know; the first one stands.
        if self.started {
            return;
        }
        self.started = true;
        let message = Message::from_raw(message.clone());
        // Fields that came before the start (an odd order) are newer than the initial ones.
        let early = std::mem::replace(&mut self.fields, message.fields);
        for (name, value) in early {
            self.fields.insert(name, value);
        }
        for (index, block) in message.content.into_iter().enumerate() {
            self.insert(Slot::new(index, block, false));
        }
    }

    fn start_block(&mut self, index: usize, block: &Block) {
        if let View::Fallback { to, .. } = block.view() {
            self.fields
                .insert("model".to_owned(), Value::String(to.to_owned()));
        }
        self.insert(Slot::new(index, block.clone(), true));
    }

    fn insert(&mut self, slot: Slot) {
        let position = self
            .slots
            .partition_point(|other| other.index <= slot.index);
        self.slots.insert(position, slot);
    }

    fn position(&self, index: usize) -> Option<usize> {
        // Deltas are nearly always for the last block.
        self.slots.iter().rposition(|slot| slot.index == index)
    }

    fn slot_mut(&mut self, index: usize) -> Option<&mut Slot> {
        let position = self.position(index)?;
        self.slots.get_mut(position)
    }

    fn apply_message_delta(&mut self, raw: &Map<String, Value>) {
        for (name, value) in raw {
            match (name.as_str(), value) {
                ("type", _) => {}
                ("delta", Value::Object(delta)) => {
                    for (name, value) in delta {
                        if !value.is_null() || name.starts_with("stop_") {
                            self.fields.insert(name.clone(), value.clone());
                        }
                    }
                }
                ("usage", Value::Object(usage)) => self.merge_usage(usage),
                (_, Value::Null) => {}
                _ => {
                    self.fields.insert(name.clone(), value.clone());
                }
            }
        }
    }

    /// Counts are cumulative: they replace. What only `message_start` knows stays.
    fn merge_usage(&mut self, newer: &Map<String, Value>) {
        let usage = self
            .fields
            .entry("usage")
            .or_insert_with(|| Value::Object(Map::new()));
        if !usage.is_object() {
            *usage = Value::Object(Map::new());
        }
        let Some(usage) = usage.as_object_mut() else {
            return;
        };
        for (name, value) in newer {
            let from_start = matches!(
                name.as_str(),
                "cache_creation" | "service_tier" | "speed" | "inference_geo"
            );
            let known = usage.get(name).is_some_and(|known| !known.is_null());
            if !(value.is_null() || from_start && known) {
                usage.insert(name.clone(), value.clone());
            }
        }
    }
}

impl Slot {
    fn new(index: usize, block: Block, open: bool) -> Self {
        Self {
            index,
            block,
            open,
            partial_json: String::new(),
        }
    }

    fn is_some_text(&self) -> bool {
        matches!(self.block.view(), View::Text { text, .. } if !text.is_empty())
    }

    fn apply(&mut self, delta: &Delta) {
        match delta {
            Delta::Text(piece) => self.append("text", "text", piece),
            Delta::Thinking(piece) => self.append("thinking", "thinking", piece),
            Delta::InputJson(piece) => self.partial_json.push_str(piece),
            Delta::Signature(signature) if self.takes("thinking", "signature") => {
                self.set("signature", Value::String(signature.clone()));
            }
            Delta::Citation(citation) if self.takes("text", "citations") => {
                let citations = self
                    .block
                    .raw_mut()
                    .entry("citations")
                    .or_insert(Value::Null);
                match citations {
                    Value::Array(list) => list.push(citation.clone()),
                    other => *other = Value::Array(vec![citation.clone()]),
                }
            }
            Delta::Other { kind, raw } if kind == "compaction_delta" => {
                let Value::Object(fields) = raw else { return };
                for name in ["content", "encrypted_content"] {
                    if let Some(value) = fields.get(name) {
                        self.set(name, value.clone());
                    }
                }
            }
            Delta::Signature(_) | Delta::Citation(_) | Delta::Other { .. } => {}
        }
    }

    /// Whether the block is of a delta's own kind, or of another that has its field.
    fn takes(&self, kind: &str, field: &str) -> bool {
        self.block.kind() == kind || self.block.raw().contains_key(field)
    }

    /// Appends to a string field; makes it where the block is of the delta's own kind.
    fn append(&mut self, kind: &str, field: &str, piece: &str) {
        if let Some(value) = self.block.raw_mut().get_mut(field) {
            match value {
                Value::String(text) => text.push_str(piece),
                Value::Null => *value = Value::String(piece.to_owned()),
                _ => {}
            }
        } else if self.block.kind() == kind {
            self.set(field, Value::String(piece.to_owned()));
        }
    }

    fn set(&mut self, field: &str, value: Value) {
        self.block.raw_mut().insert(field.to_owned(), value);
    }

    fn close(&mut self) {
        if !self.open {
            return;
        }
        self.open = false;
        let pieces = std::mem::take(&mut self.partial_json);
        if !self.block.is_call() {
            return;
        }
        // Without any piece the input is the one of the start, or none.
        if !pieces.trim().is_empty() {
            let input = match serde_json::from_str(&replaced(&pieces)) {
                Ok(input @ Value::Object(_)) => input,
                Ok(_) | Err(_) => unparsed(pieces),
            };
            self.set("input", input);
        }
        let block = std::mem::replace(&mut self.block, Block::from_raw(Value::Null));
        self.block = block.with_object_input();
    }
}
