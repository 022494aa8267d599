//! A conversation without a kernel: every question comes from a new cell below the others.

use std::ops::{Deref, DerefMut};

use claude_kernel::anthropic::request::MessagesRequest;
use claude_kernel::chat::action::{Action, Terms};
use claude_kernel::chat::conversation::Conversations;
use claude_kernel::chat::record::Record;
use claude_kernel::chat::settings::Settings;
use claude_kernel::chat::turn::FinishedTurn;
use claude_kernel::chat::turn::ask::Ask;
use claude_kernel::chat::turn::compose::compose;
use claude_kernel::chat::turn::facts::{Facts, Sandbox};
use claude_kernel::chat::turn_loop::TurnLoop;

/// The conversations.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) conversations: Conversations,
}

/// A turn that runs, with the conversations it is composed of.
#[derive(Debug)]
pub(crate) struct Asked {
    turn: TurnLoop,
    conversations: Conversations,
}

impl Asked {
    /// Returns the next action.
    pub(crate) fn poll(&mut self) -> Option<Action> {
        self.turn.poll(&self.conversations)
    }
}

impl Deref for Asked {
    type Target = TurnLoop;

    fn deref(&self) -> &TurnLoop {
        &self.turn
    }
}

impl DerefMut for Asked {
    fn deref_mut(&mut self) -> &mut TurnLoop {
        &mut self.turn
    }
}

/// What is known of conversations without a kernel: their sandbox.
pub(crate) fn facts(conversations: &Conversations) -> Facts {
    Facts {
        sandbox: Sandbox::of(conversations.current().container()),
        ..Facts::default()
    }
}

impl Talk {
    fn ask(&self, settings: &Settings, prompt: &str) -> Ask {
        Ask::of(
            self.conversations.order().next_run(),
            settings.clone(),
            prompt,
        )
    }

    /// Composes a request without sending it.
    pub(crate) fn plan(&self, settings: &Settings, prompt: &str) -> MessagesRequest {
        let ask = self.ask(settings, prompt);
        compose(&self.conversations, &ask, &facts(&self.conversations), &[]).request
    }

    /// Asks.
    pub(crate) fn start(&self, settings: &Settings, prompt: &str) -> Asked {
        let (ask, facts) = (self.ask(settings, prompt), facts(&self.conversations));
        let first = compose(&self.conversations, &ask, &facts, &[]);
        Asked {
            turn: TurnLoop::start(ask, facts, Terms::default(), first),
            conversations: self.conversations.clone(),
        }
    }

    /// Takes what a turn left, with the sandbox it worked in.
    pub(crate) fn commit(&mut self, mut finished: FinishedTurn, container: Option<&str>) {
        finished.container = container.map(str::to_owned);
        let record = finished.record();
        self.conversations.apply(record.expect("something is kept"));
    }

    /// Works in another sandbox from here on.
    pub(crate) fn set_container(&mut self, id: Option<&str>) {
        let record = self.conversations.container_changed(id);
        record
            .into_iter()
            .for_each(|record: Record| self.conversations.apply(record));
    }
}
