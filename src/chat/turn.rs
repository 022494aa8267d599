//! What a turn tells the outside while it runs, and what it leaves behind.

use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use crate::anthropic::block::Block;
use crate::anthropic::error::ApiError;
use crate::anthropic::event::Delta;
use crate::anthropic::model::Effort;

/// What the turn is doing now. Replaces the one before; nothing of it stays in the final output.
#[derive(Debug, Clone, PartialEq)]
pub enum Activity {
    /// A request was sent, nothing has come yet.
    Waiting,
    /// Claude thinks.
    Thinking,
    /// Claude writes the input of a tool call.
    WritingCode,
    /// A call runs in the sandbox.
    Running {
        /// `bash`, `Python`, `editor`, `web search`, …
        what: String,
    },
    /// Claude writes the answer.
    Writing,
    /// A file is being fetched.
    Fetching {
        /// File name or id.
        name: String,
    },
    /// A call failed and will be tried again.
    Retrying {
        /// How long until then.
        delay: Duration,
        /// One or two words: `overloaded`, `rate limited`, `connection lost`.
        why: String,
    },
}

/// A file the sandbox made, fetched.
#[derive(Debug, Clone, PartialEq)]
pub struct FetchedFile {
    /// Files API id.
    pub file_id: String,
    /// The name it was saved under, safe to show.
    pub name: String,
    /// Path relative to the working directory, with `/`, below `claude_files/`.
    pub relative_path: String,
    /// From the bytes, else from the API.
    pub mime_type: String,
    /// Size in bytes.
    pub size_bytes: u64,
    /// The content, when small enough to show (see `kernel::store`).
    pub bytes: Option<Bytes>,
}

/// Tokens of a turn, summed over its calls (`claude-api.md` 6.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TurnUsage {
    /// Uncached input.
    pub input_tokens: u64,
    /// Written to the cache.
    pub cache_creation_tokens: u64,
    /// Read from the cache.
    pub cache_read_tokens: u64,
    /// Output, thinking included.
    pub output_tokens: u64,
    /// Part of output that was thinking.
    pub thinking_tokens: u64,
    /// Web searches.
    pub web_searches: u64,
}

/// The one small line under an answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Receipt {
    /// The model that served.
    pub model: String,
    /// Effort in force, if one was set or is the model's default.
    pub effort: Option<Effort>,
    /// Tokens.
    pub usage: TurnUsage,
    /// Steps run in the sandbox.
    pub runs: u32,
    /// US dollars; `None` when the price is unknown.
    pub cost_usd: Option<f64>,
    /// 1-based number of the turn in the conversation.
    pub turn: u32,
    /// Whether the offline backend answered.
    pub offline: bool,
}

/// What a finished turn leaves to the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedTurn {
    /// What the person asked.
    pub prompt: String,
    /// The answer's messages, in order; blocks exactly as received, an unpaired tail cut off.
    pub assistant: Vec<Vec<Value>>,
    /// The answer's text.
    pub answer: String,
    /// `id` of the last message.
    pub message_id: Option<String>,
    /// What it took.
    pub receipt: Receipt,
    /// Whether the API took the history only without thinking.
    pub thinking_refused: bool,
}

/// How a turn ended.
#[derive(Debug, Clone, PartialEq)]
pub enum TurnEnd {
    /// It enters the history.
    Finished(Box<FinishedTurn>),
    /// Claude declined (`stop_reason: refusal`).
    Refused {
        /// `stop_details.category`.
        category: Option<String>,
        /// `stop_details.explanation`.
        explanation: Option<String>,
    },
    /// The API failed.
    Failed(ApiError),
    /// Claude called a client tool that this kernel does not have.
    UnknownTool {
        /// The tool's name.
        name: String,
    },
    /// The person stopped it.
    Interrupted,
}

/// What a running turn shows, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// What is being done now.
    Activity(Activity),
    /// A block began. `ordinal` counts blocks over the whole turn, continuations included.
    BlockStarted {
        /// Position in the turn.
        ordinal: usize,
        /// The block as it opened: whole for results, empty for text.
        block: Block,
    },
    /// A block grew.
    BlockDelta {
        /// Position in the turn.
        ordinal: usize,
        /// The piece.
        delta: Delta,
    },
    /// A block is complete.
    BlockFinished {
        /// Position in the turn.
        ordinal: usize,
        /// The block, whole.
        block: Block,
    },
    /// A file announced by the result block at `ordinal` is here.
    FileFetched {
        /// Position of the result block that named it.
        ordinal: usize,
        /// The file.
        file: FetchedFile,
    },
    /// A file could not be fetched.
    FileFailed {
        /// Position of the result block that named it.
        ordinal: usize,
        /// Files API id.
        file_id: String,
        /// One clause.
        why: String,
    },
    /// A quiet line: truncated answer, unknown event, another model went on.
    Notice(String),
    /// The turn is over; final forms of everything, then the receipt.
    Finished(Receipt),
    /// The turn was cut off; final forms of everything, no receipt. An error follows.
    Aborted,
}
