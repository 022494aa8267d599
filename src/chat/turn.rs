//! What a turn tells the outside while it runs, and what it leaves behind.

use std::time::Duration;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::anthropic::block::Block;
use crate::anthropic::error::ApiError;
use crate::anthropic::event::Delta;

use super::budget::Limit;
use super::conversation::digest::Digest;
use super::history::Said;
use super::receipt::{Cut, Receipt};
use super::record::{Artifact, Record};
use super::structured::Structured;
use compose::{Brought, Sent};

pub mod ask;
pub mod compose;
pub mod facts;

/// What the turn is doing now. Each activity replaces the one before; the final output holds none.
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
    /// The execution count of the cell: the `In [n]` that a person sees.
    #[serde(default)]
    pub count: u32,
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
    /// The content, if it is small enough to show (see `kernel::store`).
    pub bytes: Option<Bytes>,
    /// How the content begins, if there are no `bytes`.
    pub start: Bytes,
    /// What made it.
    pub origin: Origin,
}

impl FetchedFile {
    /// Returns the content as far as it is in memory: all of it, or how it begins.
    #[must_use]
    pub fn beginning(&self) -> &[u8] {
        self.bytes.as_ref().unwrap_or(&self.start)
    }
}

/// A call of a tool that runs on this machine (`docs/protocol.md#client-tools`).
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
    /// Whether code in the sandbox called it (`docs/protocol.md#programmatic-calls`): the result
    /// may hold text only.
    pub from_code: bool,
}

/// What a tool answered.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ToolResult {
    /// `content` of the `tool_result`: a string or an array of blocks.
    pub content: Value,
    /// Whether the call failed; Claude is told.
    pub is_error: bool,
    /// What the tool printed, for the person alone.
    pub printed: String,
}

/// What a turn leaves to the conversation.
#[derive(Debug, Clone)]
pub struct FinishedTurn {
    /// What was sent.
    pub sent: Sent,
    /// What followed the question, in order, as far as it can be sent again.
    pub messages: Vec<Said>,
    /// The answer's text.
    pub answer: String,
    /// `id` of the last message.
    pub message_id: Option<String>,
    /// The sandbox after the turn, if it has one.
    pub container: Option<String>,
    /// What it took.
    pub receipt: Receipt,
    /// Why the answer is not whole; `None` if it is whole.
    pub cut: Option<Cut>,
    /// The structured result, if the cell wanted one.
    pub result: Option<Structured>,
    /// The digest of what was asked and answered, if the turn is recorded.
    pub digest: Option<Digest>,
    /// The files that a played recording made; `None` if the turn was asked.
    pub played: Option<Vec<Artifact>>,
}

impl FinishedTurn {
    /// Returns the turn's record; `None` if nothing followed the question.
    #[must_use]
    pub fn record(&self) -> Option<Record> {
        let mut record = self.sent.record(Brought {
            answers: &self.messages,
            cut: self.cut,
            receipt: self.receipt.clone(),
            message_id: self.message_id.clone(),
            container: self.container.clone(),
        });
        record.recording = self.digest;
        record.played.clone_from(&self.played);
        (!record.answers.is_empty()).then(|| Record::Turn(Box::new(record)))
    }
}

/// How a turn ended.
#[derive(Debug, Clone)]
pub enum TurnEnd {
    /// The turn is whole and enters the history.
    Finished(Box<FinishedTurn>),
    /// Claude declined (`stop_reason: refusal`).
    Refused {
        /// `stop_details.category`.
        category: Option<String>,
        /// `stop_details.explanation`.
        explanation: Option<String>,
    },
    /// The budget was spent before the turn was over.
    OverBudget {
        /// Whose limit it was.
        limit: Limit,
        /// What is left of it.
        left: Left,
    },
    /// The API refused or broke off the turn, or could not be reached.
    Failed {
        /// What the API said.
        error: ApiError,
        /// What is left of it.
        left: Left,
    },
    /// The person stopped the turn.
    Interrupted {
        /// What is left of it.
        left: Left,
    },
}

/// What is left of a turn that ended early.
#[derive(Debug, Clone)]
pub struct Left {
    /// What had come and can be sent again, if anything.
    pub kept: Option<Box<FinishedTurn>>,
    /// Whether steps are left out because nobody knows the name of their sandbox.
    pub sandbox_is_lost: bool,
    /// Whether a step had begun and its result had not come.
    pub was_in_step: bool,
    /// Whether the API had told that it works on the answer.
    pub had_begun: bool,
}

impl Left {
    /// Returns whether the answer itself was complete, so that only files were still coming.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.kept.as_ref().is_some_and(|turn| turn.cut.is_none())
    }
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
    /// The turn is over: the final form of each output, then the receipt.
    Finished(Receipt),
    /// The turn was cut off: the final form of each output, and the receipt if anything was paid
    /// for. An error follows.
    Aborted(Option<Box<Receipt>>),
}
