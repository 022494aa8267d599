//! How a turn ends: whole, or cut off; and which part of it goes into the history.

use serde_json::Value;

use crate::anthropic::block::View;
use crate::anthropic::error::ApiError;
use crate::chat::action::Action;
use crate::chat::history::{self, Kept, Said, Stage};
use crate::chat::receipt::{Cut, Receipt, TurnUsage};
use crate::chat::recording::play::portable;
use crate::chat::turn::{Activity, FinishedTurn, Left, TurnEnd, Update};

use super::{Phase, Step, TurnLoop};

impl TurnLoop {
    /// Returns what the turn took so far. May be called at any moment and after any end. If an
    /// answer still runs or broke off, the API has told only its input: the output is a lower
    /// bound.
    #[must_use]
    pub fn receipt(&self) -> Receipt {
        if let Some(recorded) = &self.terms.recorded {
            return Receipt {
                count: self.terms.count,
                ..recorded.receipt.clone()
            };
        }
        let spent = self.spending.so_far();
        let model = self
            .accumulator
            .field("model")
            .and_then(Value::as_str)
            .map(str::to_owned)
            .or_else(|| self.served_by.clone())
            .unwrap_or_else(|| self.ask.settings.model.clone());
        let abilities = self.facts.models.abilities(&model);
        Receipt {
            effort: self.ask.settings.effort.or(abilities.default_effort),
            usage: spent.usage,
            runs: self.runs,
            cost_usd: spent.usd,
            at_least: spent.is_estimate,
            cache_miss: self.cache_miss.clone(),
            sandbox_ms: self.sandbox_ms,
            context_tokens: self.context_tokens,
            turn: self.sent.number,
            count: self.terms.count,
            standing: self.sent.standing.clone(),
            offline: self.terms.offline,
            nothing_sent: false,
            recording: None,
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
        if let Some(wanted) = self.ask.wanted.take() {
            self.judge(wanted);
        }
        if self.pending_saves > 0 {
            return;
        }
        let stage = Stage::Over {
            cut: self.cut.is_some(),
            sandbox_known: true,
        };
        let kept = history::keep(&self.finished, stage);
        if kept.messages.is_empty() && self.cut.is_none() {
            self.notice("The answer was empty. Run the cell again, or ask in other words.");
        }
        let finished = self.leave(kept);
        self.show(Update::Finished(finished.receipt.clone()));
        self.finish(TurnEnd::Finished(Box::new(finished)));
    }

    /// Ends the turn because the person stopped it.
    pub(super) fn interrupted(&mut self) {
        let left = self.salvage(Cut::Interrupted);
        self.abort(TurnEnd::Interrupted { left });
    }

    /// Ends the turn because a call failed for good.
    pub(super) fn fail(&mut self, error: ApiError) {
        let left = self.salvage(Cut::Failed);
        self.abort(TurnEnd::Failed { error, left });
    }

    /// Ends the turn early. What is on the screen stays there.
    pub(super) fn abort(&mut self, end: TurnEnd) {
        // No request was accepted with the changes that were tried, so they prove nothing.
        self.take_back_trials();
        // Updates in the queue are still shown; no other action is begun.
        self.steps
            .retain(|step| matches!(step, Step::Do(action) if matches!(**action, Action::Show(_))));
        let receipt = self.receipt();
        let bought = receipt.usage != TurnUsage::default();
        self.show(Update::Aborted(bought.then(|| Box::new(receipt))));
        self.finish(end);
    }

    fn finish(&mut self, end: TurnEnd) {
        self.phase = Phase::Over;
        self.push(Action::Finish(Box::new(end)));
    }

    /// Returns what of a turn that breaks off here can be sent again
    /// (`docs/protocol.md#sending-answers-back, #interrupted-answers`).
    pub(super) fn salvage(&mut self, cut: Cut) -> Left {
        self.take_back_trials();
        // If only files were still coming, the answer itself is whole.
        if self.phase != Phase::Settling {
            self.cut = Some(cut);
        }
        let mut said = self.finished.clone();
        said.push(Said::assistant(self.accumulator.salvage()));
        let answered = self.tools.iter().filter_map(|(_, result)| result.clone());
        said.push(Said::user(answered.collect()));
        let stage = Stage::Over {
            cut: self.cut.is_some(),
            sandbox_known: self.facts.sandbox.id.is_some(),
        };
        let kept = history::keep(&said, stage);
        Left {
            sandbox_is_lost: kept.sandbox_lost,
            was_in_step: is_in_step(&said),
            had_begun: self.receipt().usage != TurnUsage::default(),
            kept: (!kept.messages.is_empty()).then(|| Box::new(self.leave(kept))),
        }
    }

    fn leave(&mut self, kept: Kept) -> FinishedTurn {
        let played = self.played();
        let messages = match &played {
            Some(_) => portable(kept.messages),
            None => kept.messages,
        };
        FinishedTurn {
            digest: self.terms.recorded.as_ref().map(|recorded| recorded.digest),
            played,
            sent: self.sent.clone(),
            container: self.container().map(str::to_owned),
            answer: history::answer_text(&messages),
            messages,
            message_id: self.message_id.take(),
            receipt: self.receipt(),
            cut: self.cut,
            result: self.result.take(),
        }
    }
}

/// Whether a step of the sandbox has no result yet.
fn is_in_step(said: &[Said]) -> bool {
    let blocks = || said.iter().flat_map(|message| &message.blocks);
    let has_result = |id: &str| {
        let mut results = blocks().filter_map(|block| block.raw().get("tool_use_id"));
        results.any(|of| of.as_str() == Some(id))
    };
    blocks().any(|block| matches!(block.view(), View::ServerToolUse { id, .. } if !has_result(id)))
}
