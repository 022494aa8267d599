//! The structured result of a turn: judged when the answer is whole, saved before the turn ends.

use crate::chat::action::Action;
use crate::chat::history;
use crate::chat::structured::Wanted;
use crate::chat::turn::{Activity, FetchedFile, Update};

use super::{Phase, TurnLoop};

impl TurnLoop {
    /// Judges the answer and asks for its files to be saved.
    pub(super) fn judge(&mut self, wanted: Wanted) {
        let result = wanted.judge(&history::result_text(&self.finished));
        for file in result.files() {
            self.pending_saves += 1;
            self.actions.push_back(Action::Save(file));
        }
        self.show(Update::Result(Box::new(result.clone())));
        self.result = Some(result);
    }

    /// A file of the result was saved, or not.
    pub(super) fn saved(&mut self, result: Result<FetchedFile, String>) {
        self.pending_saves = self.pending_saves.saturating_sub(1);
        match result {
            Ok(file) => self.show(Update::ResultSaved(file)),
            Err(why) => self.notice(&format!("The result could not be saved: {why}.")),
        }
        if self.phase == Phase::Settling {
            self.settle();
        }
    }

    /// What Claude does while it writes text.
    pub(super) fn writing(&self) -> Activity {
        match self.plan.wanted {
            Some(_) => Activity::WritingResult,
            None => Activity::Writing,
        }
    }
}
