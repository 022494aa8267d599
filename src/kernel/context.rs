//! What every step of a cell works with: the kernel's memory, its services, and the place where
//! output goes.

use std::sync::Arc;

use chrono::{DateTime, FixedOffset};
use serde_json::Value;

use crate::anthropic::client::Client;
use crate::cell::shown::Shown;
use crate::chat::action::Recorded;
use crate::chat::input::Attachment;
use crate::chat::recording::asked::Asked;
use crate::chat::recording::coding::Coded;
use crate::chat::recording::play::Player;
use crate::chat::replay::Replay;
use crate::chat::settings::{Replay as ReplayMode, Settings};
use crate::host::Host;
use crate::jupyter::connection::Channel;
use crate::jupyter::messages::shell::Payload;
use crate::jupyter::messages::stdin::InputRequest;
use crate::jupyter::mime::{Display, Output};
use crate::jupyter::request::text;
use crate::jupyter::wire::{Message, Parent};
use crate::render::foreign;
use crate::render::renderer::{DisplayMode, Look};

use super::error::Used;
use super::interrupts::{Interrupts, Stopped, look_up};
use super::journal::Journal;
use super::lines;
use super::named_file::Readable;
use super::server::replies::Replies;
use super::state::State;
use super::store::Store;
use super::terminal::{self, Terminal};
use super::tools::Tools;

/// What the kernel calls upon.
#[derive(Debug, Clone)]
pub struct Services {
    /// Clock and chance.
    pub host: Arc<dyn Host>,
    /// The API.
    pub client: Client,
    /// Where files go.
    pub store: Store,
    /// Tools of this machine.
    pub tools: Tools,
    /// Whether the offline backend answers.
    pub offline: bool,
    /// The terminal, if there is one.
    pub terminal: Terminal,
}

/// Where a cell's output goes.
#[derive(Debug, Clone, Copy)]
pub struct CellOutput<'a> {
    /// What publishes it.
    pub replies: &'a Replies,
    /// The request's header.
    pub parent: &'a Parent,
    /// The execution count.
    pub count: u32,
    /// The request whose sender can be asked; `None` if nobody can be asked.
    pub asks: Option<&'a Message>,
    /// How the front end shows an output that changes.
    pub display_mode: DisplayMode,
    /// What a terminal can show; others do not ask.
    pub look: Look,
}

impl CellOutput<'_> {
    /// Asks the person and returns the id of the question. The reply comes on the stdin channel.
    pub async fn ask(&self, prompt: String) -> Option<String> {
        let prompt = foreign::among_ours(&prompt);
        let content = InputRequest {
            prompt: &prompt,
            password: false,
        };
        let header = self
            .replies
            .reply(Channel::Stdin, self.asks?, &content)
            .await;
        let header: Value = serde_json::from_str(&header).unwrap_or_default();
        Some(text(&header, "msg_id"))
    }

    /// Publishes outputs in order.
    pub async fn show(&self, outputs: Vec<Output>) {
        for output in outputs {
            let output = match self.display_mode {
                DisplayMode::Terminal => terminal::fit(output, self.look),
                DisplayMode::Live | DisplayMode::Batch => output,
            };
            self.replies.output(self.parent, output, self.count).await;
        }
    }
}

/// What a cell works with.
#[derive(Debug)]
pub struct CellContext<'a> {
    /// The kernel's memory.
    pub state: &'a mut State,
    /// The journal that the conversation is written to.
    pub journal: &'a mut Journal,
    /// The API, the clock, the files, the tools.
    pub services: &'a mut Services,
    /// What may stop the cell.
    pub interrupts: &'a mut Interrupts,
    /// Where the cell's output goes.
    pub output: CellOutput<'a>,
    /// The settings that hold for this cell's turn.
    pub settings: Settings,
    /// Whether the cell only shows its request. If so, nothing may be sent.
    pub is_dry: bool,
    /// Files that are sent with this cell's prompt and with no later one.
    pub attachments: Vec<Attachment>,
    /// The earlier steps that this cell runs again, if it runs any.
    pub replay: Option<Replay>,
    /// What the cell asks, by digests, if it asks anything.
    pub asked: Option<Asked>,
    /// The recording that answers the cell, if one does: nothing is sent then.
    pub playing: Option<Playing>,
    /// What the person was told before the first request, which is recorded too.
    pub told: Vec<String>,
    /// The recording of the cell's turn, once it is over.
    pub recording: Option<Coded>,
}

/// A recording that answers a cell.
#[derive(Debug, Clone)]
pub struct Playing {
    /// Plays it.
    pub player: Player,
    /// What is known of the turn beforehand.
    pub recorded: Recorded,
    /// How many bytes the recording takes in a notebook.
    pub len_bytes: usize,
}

/// What a magic leaves to its cell.
#[derive(Debug, Default)]
pub struct Outcome {
    /// What the magic showed, as plain text, for the history of inputs and outputs.
    pub shown: String,
    /// Entries of the reply's `payload`.
    pub payload: Vec<Payload>,
    /// A prompt to send if the cell has none of its own.
    pub prompt: Option<String>,
}

impl Services {
    /// Returns the time as the person's clock has it.
    #[must_use]
    pub fn local_now(&self) -> DateTime<FixedOffset> {
        self.host.local(self.host.now())
    }

    /// Returns whether what an answer uses is billed.
    #[must_use]
    pub fn used(&self) -> Used {
        match self.offline {
            true => Used::Free,
            false => Used::Billed,
        }
    }
}

impl CellContext<'_> {
    /// Between two steps of work on a text of `bytes`: answers control requests if it is large.
    ///
    /// # Errors
    /// When the person or a shutdown stopped the cell.
    pub async fn look_up(&mut self, bytes: usize) -> Result<(), Stopped> {
        let host = Arc::clone(&self.services.host);
        look_up(bytes, host.as_ref(), self.interrupts, self.output.replies).await
    }

    /// Returns whether files that the cell attaches are uploaded only when Claude is asked: a
    /// recording may answer.
    #[must_use]
    pub fn defers_uploads(&self) -> bool {
        let has_recordings = self.state.library.has_read();
        match self.settings.replay {
            ReplayMode::Only => true,
            ReplayMode::Catchup | ReplayMode::Always => has_recordings,
            ReplayMode::Off => has_recordings && self.services.client.credentials_origin().is_err(),
            ReplayMode::Fresh => false,
        }
    }

    /// Returns which files this cell may read.
    #[must_use]
    pub fn readable(&self) -> Readable {
        let is_headless = self.output.display_mode == DisplayMode::Batch;
        Readable::new(self.services.store.working_directory(), is_headless)
    }

    /// Shows what a magic has to say. The outcome holds that text and nothing else.
    pub async fn tell(&self, shown: Shown) -> Outcome {
        let plain = shown.plain.clone();
        let display = Display {
            data: lines::shown(&shown.markdown, &shown.plain),
            ..Display::default()
        };
        self.output.show(vec![Output::Display(display)]).await;
        Outcome {
            shown: plain,
            ..Outcome::default()
        }
    }
}
