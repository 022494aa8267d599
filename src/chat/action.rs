//! What goes into a turn loop and what comes out: the terms, inputs (what happened) and actions
//! (what to do next).

use std::sync::Arc;
use std::time::Duration;

use crate::anthropic::error::ApiError;
use crate::anthropic::event::StreamEvent;
use crate::anthropic::model::Prices;
use crate::anthropic::request::MessagesRequest;

use super::budget::Allowance;
use super::conversation::digest::Digest;
use super::receipt::Receipt;
use super::structured::NewFile;
use super::turn::{FetchedFile, ToolCall, ToolResult, TurnEnd, Update};

/// What tokens cost and what the turn may spend.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// What tokens cost.
    pub prices: Arc<Prices>,
    /// What the turn may spend, if that is limited.
    pub allowance: Option<Allowance>,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// The execution count of the cell.
    pub count: u32,
    /// The recording that answers, if one does.
    pub recorded: Option<Box<Recorded>>,
}

/// What is known beforehand of a turn that a recording answers.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Its receipt.
    pub receipt: Receipt,
    /// The digest of what was asked and answered.
    pub digest: Digest,
}

/// Why a file is not in the folder.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotSaved {
    /// As a clause.
    pub why: String,
}

impl NotSaved {
    /// Says of something that failed that there is no file for it.
    #[must_use]
    pub fn because(why: impl std::fmt::Display) -> Self {
        let why = why.to_string();
        Self { why }
    }
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The stream brought an event.
    Event(StreamEvent),
    /// The call failed, before the response or in the middle of its stream.
    Failed {
        /// How.
        error: ApiError,
        /// A number in `0.0..1.0` that spreads the delay before the next attempt.
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
        /// The file, or why not.
        result: Result<FetchedFile, NotSaved>,
    },
    /// A file of the structured result was saved, or why not.
    Saved(Result<FetchedFile, NotSaved>),
    /// A tool of this machine answered.
    ToolDone {
        /// Id of the `tool_use` block.
        id: String,
        /// What it answered.
        result: ToolResult,
    },
    /// The person wants the turn to stop.
    Interrupted,
}

/// What to do next.
#[derive(Debug)]
pub enum Action {
    /// Send a request and open its stream. An earlier stream, if there is one, is over.
    Call(Box<MessagesRequest>),
    /// Tell the renderer.
    Show(Update),
    /// Report [`Input::Waited`] after this long.
    Wait(Duration),
    /// Fetch and save a file, while everything else goes on.
    Fetch {
        /// Position of the block that named it.
        ordinal: usize,
        /// Files API id.
        file_id: String,
    },
    /// Save a file; report [`Input::Saved`].
    Save(NewFile),
    /// Run a tool of this machine, at the same time as the others of the same answer.
    RunTool(ToolCall),
    /// The turn is over; drop the stream and the fetches.
    Finish(Box<TurnEnd>),
}
