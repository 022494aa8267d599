//! Covers the process's own secrets in what a turn shows, before it reaches the screen or the
//! journal. Pure.
//!
//! A secret may come in pieces, each in a message of its own. So text that may be the beginning of
//! one is held back until the next piece says what it is. The conversation itself keeps what came.

use std::borrow::Cow;
use std::mem::{Discriminant, discriminant};

use serde_json::Value;

use crate::anthropic::block::Block;
use crate::anthropic::event::Delta;
use crate::chat::turn::Update;
use crate::config::KnownSecrets;
use crate::kernel::journal::redact::{REDACTED, Redactor, Stream};

/// The updates of one turn on their way to the screen.
#[derive(Debug)]
pub struct Veil {
    secrets: KnownSecrets,
    growing: Option<Growing>,
}

/// A block that grows.
#[derive(Debug)]
struct Growing {
    ordinal: usize,
    /// Makes a delta of a piece.
    delta: fn(String) -> Delta,
    kind: Discriminant<Delta>,
    stream: Stream,
}

impl Veil {
    /// Covers these.
    #[must_use]
    pub fn new(secrets: KnownSecrets) -> Self {
        Self {
            secrets,
            growing: None,
        }
    }

    /// Returns what can be shown by now, in order.
    pub fn cover(&mut self, update: Update) -> Vec<Update> {
        if self.secrets.is_empty() {
            return vec![update];
        }
        match update {
            Update::BlockDelta { ordinal, delta } => self.delta(ordinal, delta),
            Update::Activity(_) => vec![update],
            update => {
                let held = self.stop();
                held.into_iter().chain([self.covered(update)]).collect()
            }
        }
    }

    fn delta(&mut self, ordinal: usize, delta: Delta) -> Vec<Update> {
        let kind = discriminant(&delta);
        let (text, make): (_, fn(String) -> Delta) = match delta {
            Delta::Text(text) => (text, Delta::Text),
            Delta::Thinking(text) => (text, Delta::Thinking),
            Delta::InputJson(text) => (text, Delta::InputJson),
            Delta::Citation(mut raw) => {
                self.secrets.cover_value(&mut raw, REDACTED);
                let delta = Delta::Citation(raw);
                return vec![Update::BlockDelta { ordinal, delta }];
            }
            Delta::Other { kind, mut raw } => {
                self.secrets.cover_value(&mut raw, REDACTED);
                let delta = Delta::Other { kind, raw };
                return vec![Update::BlockDelta { ordinal, delta }];
            }
            Delta::Signature(_) => return vec![Update::BlockDelta { ordinal, delta }],
        };
        let is_same = |growing: &Growing| growing.ordinal == ordinal && growing.kind == kind;
        let mut updates = Vec::new();
        if !self.growing.as_ref().is_some_and(is_same) {
            updates.extend(self.stop());
        }
        let growing = self.growing.get_or_insert_with(|| Growing {
            ordinal,
            delta: make,
            kind,
            stream: Stream::new(Redactor::of_own(self.secrets.clone())),
        });
        let text = match growing.stream.push(&text) {
            Cow::Borrowed(_) => text,
            Cow::Owned(covered) => covered,
        };
        updates.extend(growing.piece(text));
        updates
    }

    /// Ends the block that grows; returns what was held back of it.
    fn stop(&mut self) -> Option<Update> {
        let mut growing = self.growing.take()?;
        let text = growing.stream.finish();
        growing.piece(text)
    }

    fn covered(&self, update: Update) -> Update {
        match update {
            Update::BlockStarted { ordinal, block } => Update::BlockStarted {
                ordinal,
                block: self.block(block),
            },
            Update::BlockFinished { ordinal, block } => Update::BlockFinished {
                ordinal,
                block: self.block(block),
            },
            Update::ToolFinished {
                ordinal,
                id,
                result,
                printed,
            } => Update::ToolFinished {
                ordinal,
                id,
                result: self.block(result),
                printed: self.text(&printed),
            },
            Update::FileFailed {
                ordinal,
                file_id,
                why,
            } => Update::FileFailed {
                ordinal,
                file_id,
                why: self.text(&why),
            },
            Update::Notice(text) => Update::Notice(self.text(&text)),
            // Their texts are covered in the messages that show them, as those of all messages are.
            Update::Activity(_)
            | Update::BlockDelta { .. }
            | Update::FileFetched { .. }
            | Update::Result(_)
            | Update::ResultSaved(_)
            | Update::Finished(_)
            | Update::Aborted(_) => update,
        }
    }

    fn block(&self, block: Block) -> Block {
        let mut raw = Value::Object(block.raw().clone());
        match self.secrets.cover_value(&mut raw, REDACTED) {
            true => Block::from_raw(raw),
            false => block,
        }
    }

    fn text(&self, text: &str) -> String {
        self.secrets.cover(text, REDACTED).into_owned()
    }
}

impl Growing {
    fn piece(&self, text: String) -> Option<Update> {
        (!text.is_empty()).then(|| Update::BlockDelta {
            ordinal: self.ordinal,
            delta: (self.delta)(text),
        })
    }
}
