//! What is remembered of a request until its turn is over, and how that becomes the turn's record.

use crate::anthropic::content::Content;
use crate::anthropic::request::MessageParam;
use crate::chat::conversation::digest::chain_hash;
use crate::chat::conversation::order::CellKey;
use crate::chat::conversation::prefix::{Notice, Prefix};
use crate::chat::history::Said;
use crate::chat::receipt::{Cut, Receipt, Standing};
use crate::chat::record::{TurnId, TurnRecord};
use crate::chat::turn::facts::Tools;

use super::question::sandbox_files;
use super::sequence::Sequence;
use super::{Bound, Composition, ids};

/// What was sent.
#[derive(Debug, Clone)]
pub struct Sent {
    /// 1-based number of the turn, from the top.
    pub number: u32,
    /// Where the turn stands.
    pub standing: Standing,
    /// The turns that stood above it, from the top.
    pub above: Vec<TurnId>,
    /// The name of the conversation.
    pub thread: String,
    /// The ids of the files that a new sandbox would have to get.
    pub sandbox_files: Vec<String>,
    /// The tools in force before the question.
    pub(super) active_tools: Vec<serde_json::Value>,
    /// The number of the turn among all turns ever made.
    id: TurnId,
    cell: CellKey,
    prompt: String,
    question: Content,
    notice: Option<Notice>,
    bound: Bound,
    prefix: Option<Prefix>,
    stripped: Vec<TurnId>,
    no_tool_changes: Option<String>,
}

/// What a turn brought, as far as it is kept.
#[derive(Debug, Clone)]
pub struct Brought<'a> {
    /// What followed the question.
    pub answers: &'a [Said],
    /// Why the answer is not whole.
    pub cut: Option<Cut>,
    /// What the turn took.
    pub receipt: Receipt,
    /// `id` of the last message.
    pub message_id: Option<String>,
    /// The sandbox after the turn.
    pub container: Option<String>,
}

impl Sent {
    pub(super) fn of(
        composition: &Composition<'_>,
        sequence: &Sequence,
        notice: Option<Notice>,
        question: Content,
    ) -> Self {
        let model = &composition.ask.settings.model;
        Self {
            number: u32::try_from(composition.above.len() + 1).unwrap_or(u32::MAX),
            standing: composition.standing.clone(),
            above: ids(&composition.above),
            thread: composition.conversations.current().name.clone(),
            sandbox_files: sandbox_files(&composition.above, composition.ask, composition.facts),
            active_tools: sequence.active_tools.clone(),
            id: composition.conversations.next_turn(),
            cell: composition.ask.cell.clone(),
            prompt: composition.ask.prompt.clone(),
            question,
            notice,
            bound: sequence.bound,
            prefix: composition
                .prefix
                .is_new
                .then(|| composition.prefix.prefix.clone()),
            stripped: sequence.stripped.clone(),
            no_tool_changes: (composition.facts.tools == Tools::AlwaysUpFront)
                .then(|| model.clone()),
        }
    }

    /// Returns the turn's record. A record without answers is for the journal alone, in case the
    /// process ends before the turn does.
    #[must_use]
    pub fn record(&self, brought: Brought<'_>) -> TurnRecord {
        let answers: Vec<MessageParam> = brought.answers.iter().map(Said::param).collect();
        TurnRecord {
            thread: self.thread.clone(),
            id: self.id,
            cell: self.cell.clone(),
            prompt: self.prompt.clone(),
            question: self.question.clone(),
            notice: self.notice.clone(),
            answers,
            cut: brought.cut,
            receipt: brought.receipt,
            message_id: brought.message_id,
            container: brought.container,
            bound: self.bound,
            above: self
                .above
                .iter()
                .fold(0, |chain, id| chain_hash(chain, *id)),
            keeps_thinking: self.prefix.is_some(),
            prefix: self.prefix.clone(),
            stripped: self.stripped.clone(),
            recording: None,
            played: None,
            no_tool_changes: self.no_tool_changes.clone(),
        }
    }
}
