//! A turn that never ended, put together again from what the journal has of it. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::entry::{Entry, Kind};
use crate::anthropic::block::{Block, View};
use crate::chat::history::Said;

/// What has arrived of a turn.
#[derive(Debug, Clone, PartialEq)]
pub struct PartialTurn {
    /// The turn, within its file.
    pub turn: u64,
    /// Execution count of its cell.
    pub line: u32,
    /// What the person asked.
    pub prompt: String,
    /// The record it is kept by, without an answer.
    pub asked: Value,
    /// Lengths of its lines in the file.
    pub(super) bytes: usize,
    pieces: BTreeMap<usize, Piece>,
    /// First positions of the messages after the first.
    calls: Vec<usize>,
    /// Results of tools of this machine, by the position of the call.
    results: BTreeMap<usize, Value>,
    container: Option<String>,
    files: Vec<String>,
    notices: Vec<String>,
}

/// What has arrived of a block.
#[derive(Debug, Clone, PartialEq)]
enum Piece {
    Growing { kind: Kind, text: String },
    Whole(Block),
}

impl PartialTurn {
    pub(super) fn new(turn: u64, line: u32, prompt: String, asked: Value) -> Self {
        Self {
            turn,
            line,
            prompt,
            asked,
            bytes: 0,
            pieces: BTreeMap::new(),
            calls: Vec::new(),
            results: BTreeMap::new(),
            container: None,
            files: Vec::new(),
            notices: Vec::new(),
        }
    }

    /// Takes one entry of this turn.
    pub(super) fn take(&mut self, entry: &Entry) {
        match entry {
            Entry::Asked { asked, .. } => self.asked.clone_from(asked),
            Entry::Call { at, .. } => self.calls.push(*at),
            Entry::Delta { at, kind, text, .. } => {
                let piece = self.pieces.entry(*at).or_insert_with(|| Piece::Growing {
                    kind: *kind,
                    text: String::new(),
                });
                if let Piece::Growing {
                    kind: known,
                    text: sum,
                } = piece
                    && known == kind
                {
                    sum.push_str(text);
                }
            }
            Entry::Block { at, block, .. } => {
                let block = Block::from_raw(block.clone());
                self.pieces.insert(*at, Piece::Whole(block));
            }
            Entry::Done { at, block, .. } => {
                if let Some(piece) = self.pieces.get_mut(at)
                    && let Piece::Growing {
                        kind: Kind::Text,
                        text,
                    } = piece
                {
                    let mut block = block.clone();
                    if let Some(place) = block.get_mut("text") {
                        *place = Value::String(std::mem::take(text));
                    }
                    *piece = Piece::Whole(Block::from_raw(block));
                }
            }
            Entry::Result { at, block, .. } => {
                self.results.insert(*at, block.clone());
            }
            Entry::Sandbox { id, .. } => self.container = Some(id.clone()),
            Entry::File { path, .. } => self.files.push(path.clone()),
            Entry::Notice { text, .. } => self.notices.push(text.clone()),
            _ => {}
        }
    }

    /// Returns the sandbox's id, if it had become known.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Returns how many steps had run in the sandbox.
    #[must_use]
    pub fn runs(&self) -> u32 {
        let is_run = |piece: &&Piece| matches!(piece, Piece::Whole(block) if matches!(block.view(), View::Executed { .. }));
        u32::try_from(self.pieces.values().filter(is_run).count()).unwrap_or(u32::MAX)
    }

    /// Returns whether nothing had arrived.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Returns the messages as they came, for `chat::history::keep`: complete blocks, and text that
    /// was still growing.
    #[must_use]
    pub fn messages(&self) -> Vec<Said> {
        let mut said: Vec<Said> = Vec::new();
        let mut blocks: Vec<Block> = Vec::new();
        let mut first = 0;
        let mut calls = self.calls.iter().copied().peekable();
        for (at, piece) in &self.pieces {
            while calls.next_if(|call| call <= at).is_some() {
                self.end_message(&mut said, &mut blocks, first..*at);
                first = *at;
            }
            match piece {
                Piece::Whole(block) => blocks.push(block.clone()),
                Piece::Growing {
                    kind: Kind::Text,
                    text,
                } if !text.is_empty() => {
                    blocks.push(text_block(text));
                }
                Piece::Growing { .. } => {}
            }
        }
        self.end_message(&mut said, &mut blocks, first..usize::MAX);
        said
    }

    /// Ends a message, and adds the results of its tool calls.
    fn end_message(
        &self,
        said: &mut Vec<Said>,
        blocks: &mut Vec<Block>,
        range: std::ops::Range<usize>,
    ) {
        if blocks.is_empty() {
            return;
        }
        let results: Vec<Block> = match range.is_empty() {
            true => Vec::new(),
            false => self
                .results
                .range(range)
                .map(|(_, block)| Block::from_raw(block.clone()))
                .collect(),
        };
        said.push(Said::assistant(std::mem::take(blocks)));
        if !results.is_empty() {
            said.push(Said::user(results));
        }
    }

    /// Returns all that had arrived, as (what it is, text), in order.
    #[must_use]
    pub fn shown(&self) -> Vec<(&'static str, String)> {
        let mut shown: Vec<(&'static str, String)> = Vec::new();
        for (at, piece) in &self.pieces {
            shown.extend(match piece {
                Piece::Growing { kind, text } => Some((kind_name(*kind), text.clone())),
                Piece::Whole(block) => block_text(block),
            });
            if let Some(result) = self.results.get(at) {
                shown.extend(block_text(&Block::from_raw(result.clone())));
            }
        }
        shown.extend(self.files.iter().map(|path| ("file", path.clone())));
        shown.extend(self.notices.iter().map(|text| ("notice", text.clone())));
        shown.retain(|(_, text)| !text.trim().is_empty());
        shown
    }

    /// Returns the answer's text as far as it had come.
    #[must_use]
    pub fn answer(&self) -> String {
        let texts: Vec<String> = self
            .shown()
            .into_iter()
            .filter(|(what, _)| *what == kind_name(Kind::Text))
            .map(|(_, text)| text)
            .collect();
        texts.join("\n\n")
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Text => "answer",
        Kind::Thinking => "thinking",
        Kind::Input => "code",
    }
}

fn text_block(text: &str) -> Block {
    Block::from_raw(json!({"type": "text", "text": text}))
}

/// What a reader saw of a block: prose as it is, everything else with its strings a line each.
pub(super) fn block_text(block: &Block) -> Option<(&'static str, String)> {
    match block.view() {
        View::Text { text, .. } => Some(("answer", text.to_owned())),
        View::Thinking { thinking } => Some(("thinking", thinking.to_owned())),
        View::RedactedThinking => None,
        View::ToolUse { input, .. } | View::ServerToolUse { input, .. } => {
            Some(("code", strings(input)))
        }
        _ => {
            let content = block.raw().get("content").cloned().unwrap_or_default();
            Some(("output", strings(&content)))
        }
    }
}

/// Every string in a value, without those that only name types, ids or ciphers.
fn strings(value: &Value) -> String {
    let mut found = Vec::new();
    collect(value, &mut found);
    found.join("\n")
}

fn collect<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
    match value {
        Value::String(text) => found.push(text.trim_end_matches('\n')),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(fields) => {
            for (name, value) in fields {
                let is_machinery = matches!(name.as_str(), "type" | "data")
                    || name.ends_with("_id")
                    || name.starts_with("encrypted");
                if !is_machinery {
                    collect(value, found);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
