//! How a turn ends: whole, cut off, or not at all; and what of it goes into the history.

use serde_json::Value;

use crate::anthropic::error::ApiError;
use crate::anthropic::model;
use crate::anthropic::request::Role;
use crate::chat::action::Action;
use crate::chat::history::{self, Kept};
use crate::chat::turn::{Activity, Cut, FinishedTurn, Receipt, TurnEnd, TurnUsage, Update};

use super::{Phase, TurnLoop};

impl TurnLoop {
    /// Returns what the turn took so far, at any moment and after any end. While an answer runs,
    /// and for one that broke off, the API has told its input only: the output is a lower bound.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        let spent = self.spending.so_far();
        let model = self
            .accumulator
            .field("model")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or_else(|| self.served_by.clone())
            .unwrap_or_else(|| self.plan.request.model.clone());
        let spec = model::lookup(&model);
        Receipt {
            effort: self
                .plan
                .effort
                .or(spec.and_then(|spec| spec.default_effort)),
            usage: spent.usage,
            runs: self.runs,
            cost_usd: spent.usd,
            at_least: spent.is_estimate,
            cache_miss: self.cache_miss.clone(),
            sandbox_ms: self.sandbox_ms,
            context_tokens: self.context_tokens,
            turn: self.plan.turn,
            standing: self.plan.standing.clone(),
            offline: self.plan.offline,
            model,
        }
    }

    /// Ends the turn once every file is here and the result, if one is wanted, is saved.
    pub(super) fn settle(&mut self) {
        self.phase = Phase::Settling;
        if self.pending_fetches > 0 {
            let name = if self.pending_fetches == 1 {
                "a file".to_owned()
            } else {
                format!("{} files", self.pending_fetches)
            };
            return self.show_activity(Activity::Fetching { name });
        }
        if let Some(wanted) = self.plan.wanted.take() {
            self.judge(wanted);
        }
        if self.pending_saves > 0 {
            return;
        }
        let kept = history::keep(&self.finished, self.cut.is_some(), true);
        let finished = self.leave(kept);
        self.show(Update::Finished(finished.receipt.clone()));
        self.finish(TurnEnd::Finished(Box::new(finished)));
    }

    /// The person stopped it.
    pub(super) fn interrupted(&mut self) {
        let kept = self.salvage(Cut::Interrupted);
        self.abort(TurnEnd::Interrupted { kept });
    }

    /// It cannot go on.
    pub(super) fn fail(&mut self, error: ApiError) {
        let kept = self.salvage(Cut::Failed);
        self.abort(TurnEnd::Failed { error, kept });
    }

    /// Ends the turn early: what is on the screen stays there.
    pub(super) fn abort(&mut self, end: TurnEnd) {
        // A sandbox that was in doubt when nothing answered is not lost: the next cell may use it.
        self.container = self.doubted.take().or(self.container.take());
        // What was to be shown is shown; nothing else is begun.
        self.actions
            .retain(|action| matches!(action, Action::Show(_)));
        let receipt = self.receipt();
        let bought = receipt.usage != TurnUsage::default();
        self.show(Update::Aborted(bought.then(|| Box::new(receipt))));
        self.finish(end);
    }

    fn finish(&mut self, end: TurnEnd) {
        self.phase = Phase::Over;
        self.actions.push_back(Action::Finish(Box::new(end)));
    }

    /// Returns what of a turn that breaks off here can be sent again (`claude-api.md` 6.6, 16.3).
    pub(super) fn salvage(&mut self, cut: Cut) -> Option<Box<FinishedTurn>> {
        // A whole answer whose files were still coming stays whole.
        if self.phase != Phase::Settling {
            self.cut = Some(cut);
        }
        let mut said = self.finished.clone();
        said.push((Role::Assistant, self.accumulator.salvage()));
        let answered = self.tools.iter().filter_map(|(_, result)| result.clone());
        said.push((Role::User, answered.collect()));
        let kept = history::keep(&said, self.cut.is_some(), self.container.is_some());
        if kept.sandbox_lost {
            self.notice(
                "The sandbox of this answer is lost: it was new, and its name comes with the end \
                 of the answer. Its steps are not part of the conversation; files that were made \
                 in it are gone unless they are shown here.",
            );
        }
        (!kept.messages.is_empty()).then(|| Box::new(self.leave(kept)))
    }

    fn leave(&mut self, kept: Kept) -> FinishedTurn {
        FinishedTurn {
            question: std::mem::take(&mut self.plan.question),
            answer: history::answer_text(&kept.messages),
            messages: kept.messages,
            message_id: self.message_id.take(),
            receipt: self.receipt(),
            thinking_refused: self.thinking_refused,
            tool_changes: self.tool_changes,
            cut: self.cut,
            result: self.result.take(),
        }
    }
}
