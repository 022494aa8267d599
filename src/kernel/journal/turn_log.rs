//! What a running turn shows, as lines: collected for a moment, so that a growing answer makes few.
//! Pure.
//!
//! A key may come in pieces that would stand in different lines: what may be the beginning of one is
//! held back. Bytes are linear in what was shown: a delta is written once, and a block of text that its deltas
//! give whole is not written again.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;

use super::entry::{Entry, How, Kind, line};
use super::redact::{Redactor, Stream};
use crate::anthropic::block::{Block, View};
use crate::anthropic::event::Delta;
use crate::chat::turn::{Activity, Update};

/// How long the oldest piece waits. Below the 250 ms that may be lost, with room for the thread and
/// the disk; above it a line for each delta would be most of the file.
const LONGEST: Duration = Duration::from_millis(100);

/// One turn.
#[derive(Debug)]
pub struct TurnLog {
    turn: u64,
    waiting: Vec<Entry>,
    since: Option<Duration>,
    /// One past the highest position seen.
    next: usize,
    /// Where the running message begins.
    message: usize,
    /// The text block that is growing: its position, the bytes its deltas gave.
    text: Option<(usize, usize)>,
    container: Option<String>,
    redactor: Redactor,
    /// The block that grows: its position, what grows, and what of it is held back.
    growing: Option<(usize, Kind, Stream)>,
}

impl TurnLog {
    /// Begins with the turn whose first line has been written.
    #[must_use]
    pub fn new(turn: u64, redactor: Redactor) -> Self {
        Self {
            turn,
            waiting: Vec::new(),
            since: None,
            next: 0,
            message: 0,
            text: None,
            container: None,
            redactor,
            growing: None,
        }
    }

    /// Returns the turn, within its file.
    #[must_use]
    pub fn turn(&self) -> u64 {
        self.turn
    }

    /// Takes what is shown at monotonic time `now`.
    pub fn take(&mut self, update: &Update, now: Duration) {
        let before = self.waiting.len();
        let turn = self.turn;
        match update {
            Update::Activity(Activity::Waiting) if self.next > self.message => {
                self.message = self.next;
                self.waiting.push(Entry::Call {
                    turn,
                    at: self.next,
                });
            }
            Update::BlockStarted { ordinal, block } => self.started(*ordinal, block),
            Update::BlockDelta { ordinal, delta } => match delta {
                Delta::Text(text) => self.grew(*ordinal, Kind::Text, text),
                Delta::Thinking(text) => self.grew(*ordinal, Kind::Thinking, text),
                Delta::InputJson(text) => self.grew(*ordinal, Kind::Input, text),
                // They come again with the whole block.
                Delta::Signature(_) | Delta::Citation(_) | Delta::Other { .. } => {}
            },
            Update::BlockFinished { ordinal, block } => self.finished(*ordinal, block),
            Update::ToolFinished {
                ordinal, result, ..
            } => self.waiting.push(Entry::Result {
                turn,
                at: *ordinal,
                block: result.raw().clone().into(),
            }),
            Update::FileFetched { ordinal, file } => self.waiting.push(Entry::File {
                turn,
                at: *ordinal,
                path: file.relative_path.clone(),
            }),
            Update::FileFailed { why, .. } => self.waiting.push(Entry::Notice {
                turn,
                text: format!("A file of this step could not be saved: {why}."),
            }),
            Update::Notice(text) => self.waiting.push(Entry::Notice {
                turn,
                text: text.clone(),
            }),
            Update::ResultSaved(file) => self.waiting.push(Entry::File {
                turn,
                at: self.next,
                path: file.relative_path.clone(),
            }),
            // A result's text came as blocks.
            Update::Activity(_) | Update::Result(_) | Update::Finished(_) | Update::Aborted(_) => {}
        }
        if self.since.is_none() && self.waiting.len() > before {
            self.since = Some(now);
        }
    }

    /// Takes the id of the sandbox, as soon as it is known.
    pub fn take_container(&mut self, id: Option<&str>, now: Duration) {
        if let Some(id) = id.filter(|id| self.container.as_deref() != Some(id)) {
            self.container = Some(id.to_owned());
            self.waiting.push(Entry::Sandbox {
                turn: self.turn,
                id: id.to_owned(),
            });
            self.since.get_or_insert(now);
        }
    }

    /// Returns when the next lines are due.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        self.since.map(|since| since + LONGEST)
    }

    /// Returns the lines that are due at `now`.
    pub fn due(&mut self, now: Duration) -> Option<String> {
        self.deadline()
            .is_some_and(|deadline| deadline <= now)
            .then(|| self.lines())
    }

    /// Ends the turn: returns the lines to write before its record, and the one behind it. What a
    /// whole turn has not written yet is in its record.
    #[must_use]
    pub fn end(mut self, how: How) -> (String, String) {
        if how == How::Finished {
            self.waiting.clear();
            self.growing = None;
        }
        self.stop_growing();
        let turn = self.turn;
        (self.lines(), line(&Entry::End { turn, how }))
    }

    fn lines(&mut self) -> String {
        self.since = None;
        self.waiting.drain(..).map(|entry| line(&entry)).collect()
    }

    fn started(&mut self, ordinal: usize, block: &Block) {
        self.next = self.next.max(ordinal + 1);
        match block.view() {
            View::Text { text, .. } => {
                self.text = Some((ordinal, 0));
                self.grew(ordinal, Kind::Text, text);
            }
            View::Thinking { thinking } => self.grew(ordinal, Kind::Thinking, thinking),
            // Empty as they begin; the rest comes in deltas, or whole when it is finished.
            View::ToolUse { .. } | View::ServerToolUse { .. } => {}
            // These are shown as they begin.
            _ => self.whole(ordinal, block),
        }
    }

    fn grew(&mut self, at: usize, kind: Kind, piece: &str) {
        if piece.is_empty() {
            return;
        }
        if let (Kind::Text, Some((growing, bytes))) = (kind, &mut self.text)
            && *growing == at
        {
            *bytes += piece.len();
        }
        if !matches!(&self.growing, Some((now, of, _)) if (*now, *of) == (at, kind)) {
            self.stop_growing();
        }
        let (_, _, stream) = self
            .growing
            .get_or_insert_with(|| (at, kind, Stream::new(self.redactor.clone())));
        let piece = stream.push(piece);
        self.push_delta(at, kind, piece);
    }

    /// Gives out what was held back: the block does not grow any more.
    fn stop_growing(&mut self) {
        if let Some((at, kind, mut stream)) = self.growing.take() {
            self.push_delta(at, kind, Cow::Owned(stream.finish()));
        }
    }

    fn push_delta(&mut self, at: usize, kind: Kind, piece: Cow<'_, str>) {
        if piece.is_empty() {
            return;
        }
        match self.waiting.last_mut() {
            Some(Entry::Delta {
                at: last,
                kind: last_kind,
                text,
                ..
            }) if (*last, *last_kind) == (at, kind) => text.push_str(&piece),
            _ => self.waiting.push(Entry::Delta {
                turn: self.turn,
                at,
                kind,
                text: piece.into_owned(),
            }),
        }
    }

    fn finished(&mut self, ordinal: usize, block: &Block) {
        self.stop_growing();
        self.next = self.next.max(ordinal + 1);
        let by_deltas = match (block.view(), self.text.take()) {
            (View::Text { text, .. }, Some((at, bytes))) => at == ordinal && bytes == text.len(),
            _ => false,
        };
        if by_deltas {
            let mut block = block.raw().clone();
            block.insert("text".to_owned(), Value::String(String::new()));
            self.waiting.push(Entry::Done {
                turn: self.turn,
                at: ordinal,
                block: block.into(),
            });
        } else {
            self.whole(ordinal, block);
        }
    }

    fn whole(&mut self, at: usize, block: &Block) {
        let block = block.raw().clone().into();
        let entry = Entry::Block {
            turn: self.turn,
            at,
            block,
        };
        // A result is whole when it begins, so it is written once.
        if self.waiting.last() != Some(&entry) {
            self.waiting.push(entry);
        }
    }
}
