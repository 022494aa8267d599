//! The structured result of a turn: checked when the answer is whole, saved before the turn ends.

use crate::chat::action::{Action, NotSaved};
use crate::chat::history;
use crate::chat::structured::Wanted;
use crate::chat::turn::{Activity, FetchedFile, Update};

use super::{Phase, TurnLoop};

impl TurnLoop {
    /// Checks the answer and asks for the files of the result to be saved.
    pub(super) fn judge(&mut self, wanted: Wanted) {
        let result = wanted.judge(&history::result_text(&self.finished));
        for file in result.files() {
            self.pending_saves += 1;
            self.push(Action::Save(file));
        }
        self.show(Update::Result(Box::new(result.clone())));
        self.result = Some(result);
    }

    /// A file of the result was saved, or not.
    pub(super) fn saved(&mut self, result: Result<FetchedFile, NotSaved>) {
        self.pending_saves = self.pending_saves.saturating_sub(1);
        match result {
            Ok(file) => self.show(Update::ResultSaved(file)),
            Err(error) => self.notice(&format!("The result could not be saved: {error}.")),
        }
        if self.phase == Phase::Settling {
            self.settle();
        }
    }

    /// The activity to show while Claude writes text.
    pub(super) fn writing(&self) -> Activity {
        match self.ask.wanted {
            Some(_) => Activity::WritingResult,
            None => Activity::Writing,
        }
    }
}
