//! What goes into a turn loop and what comes out: the plan, what happened, what to do next.

use std::sync::Arc;
use std::time::Duration;

use crate::anthropic::error::ApiError;
use crate::anthropic::event::StreamEvent;
use crate::anthropic::model::{Effort, Prices};
use crate::anthropic::request::MessagesRequest;

use super::budget::Allowance;
use super::conversation::Standing;
use super::question::Question;
use super::record::Prefix;
use super::structured::{NewFile, Wanted};
use super::turn::{FetchedFile, ToolCall, ToolResult, TurnEnd, Update};

/// What a turn starts from.
#[derive(Debug)]
pub struct Plan {
    /// The request, its last message the person's.
    pub request: MessagesRequest,
    /// The person's message.
    pub question: Question,
    /// 1-based number of the turn.
    pub turn: u32,
    /// The structured result the cell wants.
    pub wanted: Option<Wanted>,
    /// Where it stands among the others.
    pub standing: Standing,
    /// What to send in the place of tool changes, should the API refuse them.
    pub up_front: Option<UpFront>,
    /// Effort set by the person.
    pub effort: Option<Effort>,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// What the turn may spend, if that is limited.
    pub allowance: Option<Allowance>,
}

/// What takes the place of tools that change in mid-conversation.
#[derive(Debug)]
pub struct UpFront {
    /// `system` and `tools`.
    pub prefix: Prefix,
    /// How many tokens are read again without the cache.
    pub tokens: u64,
}

impl UpFront {
    /// Returns what a person is told when `tools` are new.
    #[must_use]
    pub fn cost(tokens: u64) -> String {
        format!(
            "Claude's tools have changed: about {tokens} tokens are read again without the cache, and without Claude's earlier thinking."
        )
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The stream brought an event.
    Event(StreamEvent),
    /// The call failed: before the response, or in mid-stream. `random` in `0.0..1.0` is for jitter.
    Failed {
        /// How.
        error: ApiError,
        /// For the retry delay.
        random: f64,
    },
    /// The stream ended; an error unless `message_stop` was seen.
    EndOfStream,
    /// The time of [`Action::Wait`] is over.
    Waited,
    /// A fetch ended.
    Fetched {
        /// Position of the block that named the file.
        ordinal: usize,
        /// Files API id.
        file_id: String,
        /// The file, or why not, as a clause.
        result: Result<FetchedFile, String>,
    },
    /// A file of the structured result was saved, or why not, as a clause.
    Saved(Result<FetchedFile, String>),
    /// A tool of this machine answered.
    ToolDone {
        /// Id of the `tool_use` block.
        id: String,
        /// What it answered.
        result: ToolResult,
    },
    /// The person wants it to stop.
    Interrupted,
}

/// What to do next.
#[derive(Debug)]
pub enum Action {
    /// Open a stream; the one before, if any, is over.
    Call(Box<MessagesRequest>),
    /// Tell the renderer.
    Show(Update),
    /// Report [`Input::Waited`] after this long.
    Wait(Duration),
    /// Fetch and save a file, beside everything else.
    Fetch {
        /// Position of the block that named it.
        ordinal: usize,
        /// Files API id.
        file_id: String,
    },
    /// Save a file; report [`Input::Saved`].
    Save(NewFile),
    /// Run a tool of this machine, beside the others of the same answer.
    RunTool(ToolCall),
    /// The turn is over; drop the stream and the fetches.
    Finish(Box<TurnEnd>),
}
