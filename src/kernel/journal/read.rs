//! Reads a journal's bytes. Pure. A line that cannot be read, or whose checksum is not its own, is
//! left out, and said to be.

use std::collections::{HashMap, HashSet};
use std::ops::Range;

use chrono::{DateTime, Utc};
use serde_json::Value;
use serde_json::value::RawValue;

use super::checksum;
use crate::chat::recording::coding::Coded;
use crate::notebook::recordings::Found;

use super::entry::{Entry, FORMAT, Header, RecordLine, VERSION};
use super::partial_turn::PartialTurn;
use crate::chat::record::{Record, RecordError};
use crate::kernel::history_entry::HistoryEntry;

/// How a line with a record begins.
const RECORD_START: &[u8] = b"{\"record\":";

/// How every other line begins.
const ENTRY_START: &[u8] = b"{\"t\":";

/// Why a journal cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unreadable {
    /// Nothing in it, or a first line that is another format's.
    #[error("it is no conversation of claude-kernel")]
    Foreign,
    /// Written by a later version.
    #[error(
        "it was written by claude-kernel {kernel} in format {version}, and this one reads up to {VERSION}"
    )]
    Newer {
        /// Its format.
        version: u64,
        /// The kernel that wrote it.
        kernel: String,
    },
    /// Holds a change of a kind that only a later version knows.
    #[error("it was written by a later version of claude-kernel (it holds `{kind}`)")]
    Kind {
        /// The kind.
        kind: String,
    },
}

/// Lines in the middle that cannot be read, or are not as they were written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The first of them, 1-based.
    pub line: usize,
    /// How many more there are.
    pub more: usize,
}

impl Damage {
    /// Returns where the damage is: `line 7`, `line 7 and 2 more`.
    #[must_use]
    pub fn place(&self) -> String {
        match self.more {
            0 => format!("line {}", self.line),
            more => format!("line {} and {more} more", self.line),
        }
    }
}

/// What a journal says.
#[derive(Debug, Clone)]
pub struct Contents {
    /// The first line.
    pub header: Header,
    /// The kernels that wrote it, in order.
    pub sessions: Vec<Session>,
    /// The records of the conversation, in order.
    pub records: Vec<Record>,
    /// The recordings of answers, in order.
    pub recordings: Vec<Found>,
    /// Turns that never ended, in order: one at most, unless the file was tampered with.
    pub partial_turns: Vec<PartialTurn>,
    /// The key the next turn gets.
    pub next_turn: u64,
    /// How far the file goes, without a torn last line.
    pub good_bytes: usize,
    /// The lines in it that are left out.
    pub bad: Vec<Range<usize>>,
    /// How much of that belongs to turns that have ended or was replaced, and can be left out.
    pub spent_bytes: usize,
    /// Where lines begin whose records a later one replaced.
    pub replaced: HashSet<usize>,
    /// The last record of each kind of which only the last counts: where its line is.
    last_words: HashMap<String, Range<usize>>,
    /// Whether the last line was torn, and is left out.
    pub torn: bool,
    /// Which lines are left out, if any are.
    pub damage: Option<Damage>,
}

/// What one kernel did.
#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    /// The kernel's process.
    pub id: String,
    /// When it began.
    pub began: DateTime<Utc>,
    /// Its connection file's name.
    pub connection: Option<String>,
    /// Whether nobody watched.
    pub headless: bool,
    /// Its cells.
    pub cells: Vec<HistoryEntry>,
    /// Whether it left in an orderly way.
    pub closed: bool,
}

/// Reads the first line alone.
///
/// # Errors
/// When it is not ours to read.
pub fn header(bytes: &[u8]) -> Result<(Header, usize), Unreadable> {
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (first, length) = match end {
        Some(end) => (bytes.get(..end).unwrap_or_default(), end + 1),
        None => return Err(Unreadable::Foreign),
    };
    let value: Value = serde_json::from_slice(first).map_err(|_| Unreadable::Foreign)?;
    let text = |name: &str| value.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("format") != FORMAT {
        return Err(Unreadable::Foreign);
    }
    // The version is read first, because a later version may write other fields than these.
    match value.get("version").and_then(Value::as_u64) {
        Some(version) if version > VERSION => {
            return Err(Unreadable::Newer {
                version,
                kernel: text("kernel").chars().take(40).collect(),
            });
        }
        Some(_) => {}
        None => return Err(Unreadable::Foreign),
    }
    let header = serde_json::from_value(value).map_err(|_| Unreadable::Foreign)?;
    Ok((header, length))
}

/// Reads a whole journal.
///
/// # Errors
/// When its first line is not ours to read. Damage further on is reported in the contents.
pub fn contents(bytes: &[u8]) -> Result<Contents, Unreadable> {
    let (header, length) = header(bytes)?;
    let mut contents = Contents {
        header,
        sessions: Vec::new(),
        records: Vec::new(),
        recordings: Vec::new(),
        partial_turns: Vec::new(),
        next_turn: 1,
        good_bytes: length,
        bad: Vec::new(),
        spent_bytes: 0,
        replaced: HashSet::new(),
        last_words: HashMap::new(),
        torn: false,
        damage: None,
    };
    let mut rest = bytes.get(length..).unwrap_or_default();
    let mut number = 1;
    while !rest.is_empty() {
        number += 1;
        let end = rest.iter().position(|byte| *byte == b'\n');
        let line = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        let taken = end.map_or(rest.len(), |end| end + 1);
        let after = rest.get(taken..).unwrap_or_default();
        let is_whole = end.is_some() && checksum::is_intact(line);
        let is_read = is_whole && contents.read_line(line, taken)?;
        // Only the last write can be torn: what has lines behind it, or a checksum that is not its
        // own, was damaged later.
        let is_torn = end.is_none() || checksum::is_intact(line);
        if !is_read && after.is_empty() && is_torn {
            contents.torn = true;
            break;
        }
        if !is_read {
            contents.leave_out(number, taken);
        }
        contents.good_bytes += taken;
        rest = after;
    }
    Ok(contents)
}

/// Whether a line is JSON, and an entry by its first words.
fn is_entry(line: &[u8]) -> bool {
    line.starts_with(ENTRY_START) && serde_json::from_slice::<&RawValue>(line).is_ok()
}

impl Contents {
    /// Returns whether anything was said in it.
    #[must_use]
    pub fn has_turns(&self) -> bool {
        let said = |record: &Record| matches!(record, Record::Turn(_));
        self.records.iter().any(said) || self.partial_turns.iter().any(|turn| !turn.is_empty())
    }

    fn leave_out(&mut self, line: usize, bytes: usize) {
        self.bad.push(self.good_bytes..self.good_bytes + bytes);
        match &mut self.damage {
            Some(damage) => damage.more += 1,
            None => self.damage = Some(Damage { line, more: 0 }),
        }
    }

    /// Takes a line of `bytes` in the file; false when it cannot be read.
    fn read_line(&mut self, line: &[u8], bytes: usize) -> Result<bool, Unreadable> {
        if !line.starts_with(RECORD_START) {
            return Ok(match serde_json::from_slice(line) {
                Ok(entry) => {
                    self.take(entry, bytes);
                    true
                }
                // Nothing hangs on it but what a turn showed that was cut off: what is whole, and
                // only of another make or nested too deeply to be taken apart, is passed over.
                Err(_) => is_entry(line),
            });
        }
        let Ok(RecordLine { record }) = serde_json::from_slice::<RecordLine<&RawValue>>(line)
        else {
            return Ok(false);
        };
        match Record::parse(record.get()) {
            Ok(record) => {
                // A turn's record says that it is over, also where its end was lost.
                if matches!(record, Record::Turn(_)) {
                    self.end(|_| true);
                }
                if let Some(key) = record.last_word_on() {
                    let line = self.good_bytes..self.good_bytes + bytes;
                    if let Some(old) = self.last_words.insert(key, line) {
                        self.spent_bytes += old.len();
                        self.replaced.insert(old.start);
                    }
                }
                self.records.push(record);
                Ok(true)
            }
            Err(RecordError::Broken { .. }) => Ok(false),
            Err(RecordError::Newer { kind }) => Err(Unreadable::Kind { kind }),
        }
    }

    fn end(&mut self, is_over: impl Fn(&PartialTurn) -> bool) {
        for over in self
            .partial_turns
            .extract_if(.., |partial| is_over(partial))
        {
            self.spent_bytes += over.bytes;
        }
    }

    fn take(&mut self, entry: Entry, bytes: usize) {
        let give_to = |turns: &mut Vec<PartialTurn>, turn: u64, entry: &Entry| {
            if let Some(partial) = turns.iter_mut().find(|partial| partial.turn == turn) {
                partial.bytes += bytes;
                partial.take(entry);
            }
        };
        match entry {
            Entry::Session {
                id,
                began,
                connection,
                headless,
                ..
            } => self.sessions.push(Session {
                id,
                began,
                connection,
                headless,
                cells: Vec::new(),
                closed: false,
            }),
            Entry::Cell { line, input } => {
                if let Some(session) = self.sessions.last_mut() {
                    session.cells.push(HistoryEntry {
                        line,
                        input,
                        output: String::new(),
                    });
                }
            }
            Entry::Output { line, text } => {
                let cells = self.sessions.last_mut().map(|session| &mut session.cells);
                let cell =
                    cells.and_then(|cells| cells.iter_mut().rev().find(|cell| cell.line == line));
                if let Some(cell) = cell {
                    cell.output = text;
                }
            }
            Entry::Turn {
                turn,
                line,
                prompt,
                asked,
            } => {
                self.next_turn = self.next_turn.max(turn.saturating_add(1));
                let mut partial = PartialTurn::new(turn, line, prompt, asked);
                partial.bytes = bytes;
                self.partial_turns.push(partial);
            }
            Entry::End { turn, .. } => {
                self.spent_bytes += bytes;
                self.end(|partial| partial.turn == turn);
            }
            Entry::Close { .. } => {
                if let Some(session) = self.sessions.last_mut() {
                    session.closed = true;
                }
            }
            Entry::Recording { line, cell, record } => {
                if let Ok(coded) = Coded::read(&record) {
                    self.recordings.push(Found {
                        cell,
                        count: Some(u64::from(line)),
                        coded,
                    });
                }
            }
            Entry::Asked { turn, .. }
            | Entry::Call { turn, .. }
            | Entry::Delta { turn, .. }
            | Entry::Block { turn, .. }
            | Entry::Done { turn, .. }
            | Entry::Result { turn, .. }
            | Entry::Sandbox { turn, .. }
            | Entry::File { turn, .. }
            | Entry::Notice { turn, .. } => give_to(&mut self.partial_turns, turn, &entry),
            Entry::Unknown => {}
        }
    }
}
