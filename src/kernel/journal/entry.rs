//! The lines of a journal. Pure: a line in, a line out.
//!
//! The first line is a [`Header`], every other one an [`Entry`]. New kinds of entries may be added
//! without a new version: an older kernel skips what it does not know. What an older kernel must
//! not skip needs a new [`VERSION`], which it refuses.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What the first line calls the format.
pub const FORMAT: &str = "claude-kernel conversation";
/// The version written, and the newest that is read.
pub const VERSION: u64 = 1;

/// The first line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// [`FORMAT`].
    pub format: String,
    /// [`VERSION`].
    pub version: u64,
    /// Version of the kernel that made the file.
    pub kernel: String,
    /// What `%resume` and the command line call the conversation.
    pub id: String,
    /// The notebook's absolute path, when it is known.
    pub notebook: Option<String>,
    /// When the file was made.
    pub created: DateTime<Utc>,
    /// Whether the offline backend answered.
    pub offline: bool,
}

/// How a turn ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum How {
    /// With a receipt.
    Finished,
    /// Stopped, refused or failed; what is to be kept of it is in a record.
    Stopped,
    /// The process ended first; what is to be kept of it is in a record.
    CutOff,
}

/// What a growing block grows by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The answer.
    Text,
    /// Thinking.
    Thinking,
    /// The input of a tool call, as JSON text.
    Input,
}

/// Every line but the first. `turn` names a turn within the file, `at` is a block's position in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "t", rename_all = "snake_case")]
pub enum Entry {
    /// A kernel begins to write: at the start, and whenever the conversation is resumed.
    Session {
        /// The kernel's process: one may write several journals, one after the other.
        id: String,
        /// When.
        began: DateTime<Utc>,
        /// The kernel's version.
        kernel: String,
        /// The connection file's name, which a restart by Jupyter keeps.
        connection: Option<String>,
        /// Whether nobody watches: no notebook, no terminal.
        headless: bool,
    },
    /// A cell begins.
    Cell {
        /// Its execution count.
        line: u32,
        /// Its text.
        input: String,
    },
    /// What a cell left, for Jupyter's history.
    Output {
        /// The cell's execution count.
        line: u32,
        /// Plain text, clipped.
        text: String,
    },
    /// A turn begins.
    Turn {
        /// The turn.
        turn: u64,
        /// Execution count of its cell.
        line: u32,
        /// What the person asked.
        prompt: String,
        /// The turn's record, still without an answer.
        asked: Value,
    },
    /// The turn sends another request than the one it began with, because that one was refused.
    Asked {
        /// The turn.
        turn: u64,
        /// The turn's new record, still without an answer.
        asked: Value,
    },
    /// Another request of the same turn: the blocks from `at` on are a message of their own.
    Call {
        /// The turn.
        turn: u64,
        /// Position of the message's first block.
        at: usize,
    },
    /// A block grew.
    Delta {
        /// The turn.
        turn: u64,
        /// The block.
        at: usize,
        /// Which part of it.
        kind: Kind,
        /// By what.
        text: String,
    },
    /// A block is complete.
    Block {
        /// The turn.
        turn: u64,
        /// The block.
        at: usize,
        /// As it came.
        block: Value,
    },
    /// A block of text is complete, and its text is what the deltas say.
    Done {
        /// The turn.
        turn: u64,
        /// The block.
        at: usize,
        /// As it came, its text left out.
        block: Value,
    },
    /// A tool of this machine answered the call at `at`.
    Result {
        /// The turn.
        turn: u64,
        /// The call.
        at: usize,
        /// The `tool_result` block.
        block: Value,
    },
    /// The turn's sandbox is known.
    Sandbox {
        /// The turn.
        turn: u64,
        /// Its id.
        id: String,
    },
    /// A file was saved.
    File {
        /// The turn.
        turn: u64,
        /// The block that announced it.
        at: usize,
        /// Where, relative to the working directory.
        path: String,
    },
    /// A quiet line was shown.
    Notice {
        /// The turn.
        turn: u64,
        /// Its text.
        text: String,
    },
    /// The recording of an answer, as the receipt in the notebook holds it.
    Recording {
        /// The cell's execution count.
        line: u32,
        /// The cell's id in the notebook.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cell: Option<String>,
        /// The recording.
        record: Value,
    },
    /// A turn is over. Its record says so too: one of the two may be lost.
    End {
        /// The turn.
        turn: u64,
        /// How.
        how: How,
    },
    /// The kernel left, or went over to another conversation. Missing after a crash.
    Close {
        /// When.
        at: DateTime<Utc>,
    },
    /// A kind this version does not know.
    #[serde(other)]
    Unknown,
}

/// A line of its own shape: the conversation changed. The record stays text until the conversation
/// reads it, so that nothing in it is changed on the way.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct RecordLine<T> {
    /// A record of `chat::record`.
    pub record: T,
}

/// Serialises a header or an entry as a line, its end included.
#[must_use]
pub fn line(entry: &impl Serialize) -> String {
    // A value that was read from JSON or built here always serialises.
    let mut line = serde_json::to_string(entry).unwrap_or_default();
    line.push('\n');
    line
}
