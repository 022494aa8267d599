//! Which messages of the turns above a cell are sent, and which of their thinking is still bound to
//! what stands before it (`docs/protocol.md#thinking-binding`).

use std::borrow::Cow;

use serde_json::Value;

use crate::anthropic::request::MessageParam;
use crate::chat::conversation::digest::Digest;
use crate::chat::conversation::{Conversations, Summary, Turn};
use crate::chat::record::TurnId;
use crate::chat::tool_changes;
use crate::chat::turn::facts::{Facts, Keys, Thinking};

use super::Ground;
use super::compaction::BETA;
use super::prefix::{self, takes_tool_changes};

/// The messages of a request before its question.
pub(super) struct Sequence {
    pub(super) messages: Vec<MessageParam>,
    /// The digest of `system`, `tools` and these messages.
    pub(super) bound: Digest,
    /// The turns that have thinking which is not sent.
    pub(super) stripped: Vec<TurnId>,
    /// The tools in force at the end.
    pub(super) in_force: Vec<Value>,
    /// The instructions that a notice told last, if there was such a notice.
    pub(super) told: Option<String>,
    /// The values of `anthropic-beta` that the messages need.
    pub(super) betas: Vec<&'static str>,
    /// Whether the messages hold thinking.
    pub(super) has_thinking: bool,
    /// Whether the messages hold results of the sandbox with keys that the API's reference does not
    /// name.
    pub(super) has_unknown_keys: bool,
    /// Whether the messages tell of tools that changed.
    pub(super) changes_tools: bool,
    /// Whether the notices of the turns are left out, because they are part of a new `system`.
    pub(super) is_bare: bool,
}

impl Sequence {
    /// Puts together what is sent of the turns above the cell.
    pub(super) fn of(ground: &Ground<'_>) -> Self {
        let tools = &ground.prefix.prefix.tools;
        let mut sequence = Self {
            messages: Vec::with_capacity(ground.above.len() * 2 + 3),
            bound: Digest::of_prefix(&ground.prefix.prefix),
            stripped: Vec::new(),
            in_force: tools.clone(),
            told: None,
            betas: prefix::betas(tools).collect(),
            has_thinking: false,
            has_unknown_keys: false,
            changes_tools: false,
            is_bare: ground.prefix.is_new,
        };
        let model = &ground.ask.settings.model;
        let mut turns = ground.above.as_slice();
        let summary = summary_of(ground.conversations, model, ground.facts, turns);
        let summary = summary.filter(|(summary, _)| summary.fits(tools));
        if let Some((summary, after)) = summary {
            sequence.add_summary(summary);
            turns = after;
        }
        let mut is_bound = ground.facts.thinking == Thinking::Bound;
        for turn in turns {
            is_bound = sequence.add_turn(turn, ground, is_bound);
        }
        sequence
    }

    fn add_summary(&mut self, summary: &Summary) {
        let digest = Digest::of_messages(std::iter::once(&summary.message));
        self.bound = self.bound.then(digest);
        self.messages.push(summary.message.clone());
        self.betas.push(BETA);
        if let Some(tools) = tool_changes::applied(&self.in_force, &summary.tool_changes)
            && !summary.tool_changes.is_empty()
        {
            self.take_tools(&tools);
        }
    }

    /// Adds a turn. `is_bound` says whether all thinking before the turn is sent; the result says
    /// whether the thinking of the turns after this one may be sent.
    fn add_turn(&mut self, turn: &Turn, ground: &Ground<'_>, is_bound: bool) -> bool {
        let mut sent = Cow::Borrowed(turn);
        if let Some(turn) = turn.without_files(&ground.facts.files.gone) {
            sent = Cow::Owned(turn);
        }
        if self.is_bare
            && let Some(turn) = sent.without_notice()
        {
            sent = Cow::Owned(turn);
        }
        // All thinking of the turn stands behind the question and the notice.
        let is_changed = matches!(sent, Cow::Owned(_));
        if ground.facts.keys == Keys::Known
            && let Some(turn) = sent.with_known_keys()
        {
            sent = Cow::Owned(turn);
        }
        let is_bound = is_bound && (!turn.thinks || turn.bound == self.bound && !is_changed);
        if turn.thinks && !is_bound {
            self.stripped.push(turn.id);
            sent = Cow::Owned(sent.without_thinking());
        }
        let sent = match sent.after_tools(&self.in_force) {
            Some(turn) => Cow::Owned(turn),
            None => sent,
        };
        if let Some(tools) = sent.told_tools() {
            self.take_tools(tools);
        }
        self.told = sent.told().map(str::to_owned).or(self.told.take());
        self.bound = self.bound.then(sent.digest);
        self.has_thinking |= sent.thinks;
        self.has_unknown_keys |= sent.has_unknown_keys;
        self.messages.extend(sent.messages().cloned());
        is_bound
    }

    fn take_tools(&mut self, tools: &[Value]) {
        self.in_force = tools.to_vec();
        self.changes_tools = true;
        self.betas.extend(tool_changes::BETAS);
        self.betas.extend(prefix::betas(tools));
    }
}

/// The summary that stands for the first of these turns, and the turns after those. `None` also if
/// the model takes no summaries, or if the summary brings tools and the model takes no changes of
/// tools: then the turns themselves are sent.
pub(super) fn summary_of<'c, 'a>(
    conversations: &'c Conversations,
    model: &str,
    facts: &Facts,
    above: &'a [&'a Turn],
) -> Option<(&'c Summary, &'a [&'a Turn])> {
    let summary = conversations.current().summary()?;
    if facts.models.abilities(model).compacts == Some(false)
        || !summary.tool_changes.is_empty() && !takes_tool_changes(conversations, model, facts)
    {
        return None;
    }
    let (covered, rest) = above.split_at_checked(summary.turns.len())?;
    let ids = covered.iter().map(|turn| &turn.id);
    ids.eq(&summary.turns).then_some((summary, rest))
}
