//! What a turn tells the outside while it runs, and what it leaves behind.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::anthropic::block::Block;
use crate::anthropic::error::ApiError;
use crate::anthropic::event::Delta;
use crate::anthropic::model::Effort;
use crate::anthropic::request::Role;

use super::budget::Limit;
use super::conversation::Standing;
use super::question::Question;
use super::structured::Structured;

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
    /// Claude writes a structured result, which is shown once it is whole.
    WritingResult,
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

/// Where in a conversation a file was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Origin {
    /// 1-based number of the turn.
    pub turn: u32,
    /// 1-based number of the tool call in its turn.
    pub step: u32,
    /// The call's id, which the step's output carries in its metadata.
    pub tool_use_id: String,
    /// What the call does, in one line, as the step's headline has it.
    pub title: String,
    /// SHA-256 of the code as the step shows it, in hexadecimal.
    pub code_sha256: String,
}

/// A file the sandbox made, fetched.
#[derive(Debug, Clone, Default, PartialEq)]
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
    /// SHA-256 of the content, in hexadecimal.
    pub sha256: String,
    /// The content, when small enough to show (see `kernel::store`).
    pub bytes: Option<Bytes>,
    /// How the content begins, when there are no `bytes`.
    pub start: Bytes,
    /// What made it.
    pub origin: Origin,
}

impl FetchedFile {
    /// Returns the content as far as it is here: all of it, or how it begins.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        self.bytes.as_ref().unwrap_or(&self.start)
    }
}

/// Tokens of a turn, summed over its calls (`claude-api.md` 6.4).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
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

/// The one small line under an answer. Fields that an older journal lacks read as empty.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
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
    /// Whether the last call was cut off, so that tokens and cost are at least these.
    pub at_least: bool,
    /// Why the API did not read the cache, where it says (`diagnostics.cache_miss_reason.type`).
    pub cache_miss: Option<String>,
    /// How long commands ran in the sandbox, in milliseconds.
    pub sandbox_ms: u64,
    /// About how much of the context window was full at the end, in tokens; 0 when not known.
    #[serde(default)]
    pub context_tokens: u64,
    /// 1-based number of the turn in the conversation, from the top.
    pub turn: u32,
    /// Where it stands among the others.
    #[serde(default)]
    pub standing: Standing,
    /// Whether the offline backend answered.
    pub offline: bool,
}

/// One message of a turn, as it is sent again.
#[derive(Debug, Clone, PartialEq)]
pub struct TurnMessage {
    /// `Assistant`: exactly as received. `User`: results of tools.
    pub role: Role,
    /// Its content.
    pub blocks: Vec<Value>,
}

/// A call of a tool that runs on this machine (`claude-api.md` 5).
#[derive(Debug, Clone, PartialEq)]
pub struct ToolCall {
    /// Position of the `tool_use` block in the turn.
    pub ordinal: usize,
    /// Id of the `tool_use` block.
    pub id: String,
    /// The tool's name.
    pub name: String,
    /// Its arguments.
    pub input: Value,
    /// Whether code in the sandbox called it (3.7): the result may hold text only.
    pub from_code: bool,
}

/// What a tool answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolResult {
    /// `content` of the `tool_result`: a string or an array of blocks.
    pub content: Value,
    /// Whether it failed; Claude is told.
    pub is_error: bool,
    /// What it printed, for the person alone.
    pub printed: String,
    /// How long it took.
    pub elapsed: Duration,
}

/// Why an answer is not whole. `%continue` goes on after each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cut {
    /// `max_tokens`.
    MaxTokens,
    /// The context window was full.
    ContextWindow,
    /// Too many pauses or rounds of tools: the turn was ended here.
    Rounds,
    /// The person stopped it.
    Interrupted,
    /// The budget was spent.
    OverBudget,
    /// The stream, or a later call of the turn, failed.
    Failed,
}

/// What became of tools that change in mid-conversation (`claude-api.md` 2.6).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ToolChanges {
    /// There were none, or the API took them.
    #[default]
    Taken,
    /// The API did not take these: `tools` is new, and all that was told of tools is gone.
    Replaced,
    /// The same, and the API takes none with this model.
    Refused,
}

/// What a turn leaves to the conversation.
#[derive(Debug, Clone, PartialEq)]
pub struct FinishedTurn {
    /// What the person asked.
    pub question: Question,
    /// What followed, in order; an unpaired tail cut off.
    pub messages: Vec<TurnMessage>,
    /// The answer's text.
    pub answer: String,
    /// `id` of the last message.
    pub message_id: Option<String>,
    /// What it took.
    pub receipt: Receipt,
    /// Whether the API took the history only without thinking.
    pub thinking_refused: bool,
    /// What became of tools that changed.
    pub tool_changes: ToolChanges,
    /// Why the answer is not whole; `None` for one that is.
    pub cut: Option<Cut>,
    /// The structured result, if the cell wanted one.
    pub result: Option<Structured>,
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
    /// The budget was spent in mid-turn.
    OverBudget {
        /// Whose limit it was.
        limit: Limit,
        /// What had come and can be sent again, if anything.
        kept: Option<Box<FinishedTurn>>,
    },
    /// The API failed.
    Failed {
        /// How.
        error: ApiError,
        /// What had come and can be sent again, if anything.
        kept: Option<Box<FinishedTurn>>,
    },
    /// The person stopped it.
    Interrupted {
        /// What had come and can be sent again, if anything.
        kept: Option<Box<FinishedTurn>>,
    },
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
    /// A tool of this machine answered the `tool_use` block at `ordinal`.
    ToolFinished {
        /// Position of the call.
        ordinal: usize,
        /// Id of the call.
        id: String,
        /// The `tool_result` block that goes back.
        result: Block,
        /// What the tool printed.
        printed: String,
        /// How long it took.
        elapsed: Duration,
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
    /// The structured result, judged. Text since the last step was its JSON.
    Result(Box<Structured>),
    /// A file of the structured result is here.
    ResultSaved(FetchedFile),
    /// A quiet line: truncated answer, unknown event, another model went on.
    Notice(String),
    /// The turn is over; final forms of everything, then the receipt.
    Finished(Receipt),
    /// The turn was cut off; final forms of everything, and the receipt if anything was bought. An
    /// error follows.
    Aborted(Option<Box<Receipt>>),
}
