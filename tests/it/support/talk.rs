//! A conversation without a kernel: every question comes from a new cell below the others.

use claude_kernel::anthropic::request::MessagesRequest;
use claude_kernel::chat::action::{Plan, UpFront};
use claude_kernel::chat::conversation::{Conversations, Opening, Planned};
use claude_kernel::chat::question::Question;
use claude_kernel::chat::record::Record;
use claude_kernel::chat::settings::Settings;
use claude_kernel::chat::turn::FinishedTurn;
use claude_kernel::chat::turn_loop::TurnLoop;

/// The conversations, and the turn that was asked last.
#[derive(Debug, Default)]
pub(crate) struct Talk {
    pub(crate) conversations: Conversations,
    opening: Option<Opening>,
}

impl Talk {
    /// Plans a turn without asking it.
    pub(crate) fn plan(&self, settings: &Settings, prompt: &str) -> MessagesRequest {
        let cell = self.conversations.order().next_run();
        let planned = self
            .conversations
            .plan(&cell, settings, &Question::of(prompt));
        planned.request
    }

    /// Asks.
    pub(crate) fn start(&mut self, settings: &Settings, prompt: &str) -> TurnLoop {
        let cell = self.conversations.order().next_run();
        let Planned {
            request,
            question,
            opening,
        } = self
            .conversations
            .plan(&cell, settings, &Question::of(prompt));
        let (turn, standing) = (opening.number, opening.standing.clone());
        let up_front = opening.up_front.clone();
        self.opening = Some(opening);
        TurnLoop::start(Plan {
            request,
            question,
            turn,
            wanted: None,
            standing,
            up_front: up_front.map(|prefix| UpFront { prefix, tokens: 0 }),
            effort: None,
            offline: false,
            prices: std::sync::Arc::default(),
            allowance: None,
        })
    }

    /// Takes what a turn left, with the sandbox it worked in.
    pub(crate) fn commit(&mut self, finished: FinishedTurn, container: Option<&str>) {
        let opening = self.opening.take().expect("a turn was asked");
        let record = self.conversations.turn_record(opening, finished, container);
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
