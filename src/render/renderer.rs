//! Updates in, outputs out. Holds what is on the screen; paces growing text (`ux.md`, "Display").

use std::time::Duration;

use crate::chat::settings::ThinkingShow;
use crate::chat::turn::Update;
use crate::jupyter::mime::Output;

/// How the front end that asked takes a growing answer (`jupyter.md` 2.9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Client {
    /// JupyterLab, VS Code: displays with ids, updated.
    Live,
    /// A terminal: stdout as it comes, no second copy.
    Terminal,
    /// nbclient and its kin: one final display per block.
    Batch,
}

/// Turns the updates of one turn into outputs.
#[derive(Debug)]
pub struct Renderer {
    _client: Client,
}

impl Renderer {
    /// Starts a turn. `display_prefix` makes display ids unique in the kernel's life.
    #[must_use]
    pub fn new(client: Client, _thinking: ThinkingShow, _display_prefix: String) -> Self {
        Self { _client: client }
    }

    /// Takes one update at monotonic time `now`; returns what to publish, in order.
    pub fn apply(&mut self, _update: Update, _now: Duration) -> Vec<Output> {
        Vec::new()
    }

    /// Publishes what has waited long enough.
    pub fn tick(&mut self, _now: Duration) -> Vec<Output> {
        Vec::new()
    }

    /// Returns when [`tick`](Self::tick) next has something to publish.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        None
    }
}
