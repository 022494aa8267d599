//! From turns to the request for a cell: what stands above it, and what has to be said of changes.
//!
//! Pure deciding; the fold takes what comes of it as one record, when the turn is over.

use std::collections::HashSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::anthropic::model;
use crate::anthropic::request::{Container, MessageParam, MessagesRequest, Role};
use crate::chat::params;
use crate::chat::question::Question;
use crate::chat::record::{Notice, Prefix, Record, TurnId, TurnRecord};
use crate::chat::settings::Settings;
use crate::chat::skills;
use crate::chat::tool_changes;
use crate::chat::tool_types::{is_code_execution, tool_type};
use crate::chat::turn::{FinishedTurn, ToolChanges};

use super::compact::COMPACT_BETA;
use super::mark::{Mark, follow};
use super::order::CellKey;
use super::prefix::{self, Ground};
use super::{Conversations, Summary, Turn, message};

/// What Claude is told when its sandbox holds what it does not see.
const AHEAD: &str = "\
[Note from the notebook, not from the person: the sandbox is ahead of this conversation. It still \
holds files from cells that stand below this one or were taken back. Do not rely on them; check \
what is there before you use or overwrite it.]";

/// What Claude is told when the sandbox of earlier turns is not this one.
pub(in crate::chat) const EMPTY: &str = "\
[Note from the notebook, not from the person: the sandbox is new and empty. Files and variables \
made earlier in this conversation are not in it; make again what you need.]";

/// A request, and what to remember until its turn is over.
#[derive(Debug)]
pub struct Planned {
    /// The request, its last message the question, or a notice behind it.
    pub request: MessagesRequest,
    /// The question, with what the kernel put before it.
    pub question: Question,
    /// For [`Conversations::turn_record`].
    pub opening: Opening,
}

/// What a turn was asked on.
#[derive(Debug, Clone)]
pub struct Opening {
    /// 1-based number of the turn, from the top.
    pub number: u32,
    /// Where the turn stands.
    pub standing: Standing,
    thread: String,
    cell: CellKey,
    model: String,
    bound: Mark,
    above: u64,
    prefix: Option<Prefix>,
    stripped: Vec<TurnId>,
    notice: Option<Notice>,
    /// What is sent in the place of tool changes, should the API refuse them; `None` without any.
    pub up_front: Option<Prefix>,
}

/// Where a turn stands among the others.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Standing {
    /// The cells Claude saw, from the top. Not recorded: it would grow with the square of the turns.
    #[serde(skip)]
    pub saw: Vec<CellKey>,
    /// How many turns will no longer have seen what stands above them.
    pub stale: u32,
    /// Whether the sandbox holds what Claude does not see.
    pub sandbox_ahead: bool,
}

/// What of a conversation is sent.
pub(super) struct Sequence {
    pub(super) messages: Vec<MessageParam>,
    bound: Mark,
    stripped: Vec<TurnId>,
    /// The tools in force at its end.
    pub(super) in_force: Vec<Value>,
    /// The instructions told last, if any were.
    pub(super) told: Option<String>,
    /// The headers that it needs.
    pub(super) betas: Vec<&'static str>,
}

/// How much of the thinking goes along.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// What is still bound to what stands before it.
    Bound,
    /// None.
    Stripped,
    /// None, and no notices: `system` is new.
    Bare,
}

impl Conversations {
    /// Returns the request that asks `question` in `cell`, without changing anything.
    #[must_use]
    pub fn plan(&self, cell: &CellKey, settings: &Settings, question: &Question) -> Planned {
        let above = self.above(cell);
        let standing = self.stand(cell, &above);
        let ground = self.ground(settings, &above);
        let form = if ground.is_new {
            Form::Bare
        } else {
            Form::Bound
        };
        let sequence = self.sequence(&settings.model, &ground.prefix, &above, form);
        let notice = prefix::notice(&ground, &sequence);
        let Ground {
            prefix,
            wanted,
            is_new,
        } = ground;
        let Sequence {
            mut messages,
            bound,
            stripped,
            in_force,
            betas: needed,
            ..
        } = sequence;
        let new_tools = notice.as_ref().and_then(|notice| notice.tools.as_ref());
        let tools = new_tools.unwrap_or(&in_force);
        let mut question = question.clone();
        question.before.splice(0..0, self.notes(&standing, &above));

        if let Some(last) = messages.iter_mut().rfind(|said| said.role == Role::User) {
            *last = message::marked(last);
        }
        let asked = message::message(Role::User, &question.blocks());
        messages.extend(asked.as_ref().map(message::marked));
        messages.extend(notice.as_ref().map(|notice| MessageParam {
            role: Role::System,
            content: Arc::clone(&notice.content),
        }));
        let changes = new_tools.iter().flat_map(|_| tool_changes::BETAS);
        let needed = needed.into_iter().chain(changes);
        let mut betas = settings.all_betas();
        add_betas(&mut betas, needed.chain(prefix::betas(tools)));
        let request = MessagesRequest {
            model: settings.model.clone(),
            max_tokens: settings.max_tokens,
            stream: true,
            system: prefix.system.clone(),
            tools: prefix.tools.clone(),
            thinking: params::thinking(settings),
            output_config: params::output_config(settings),
            container: Container {
                id: self.current.container.clone(),
                skills: settings
                    .skills
                    .iter()
                    .filter(|_| tools.iter().any(is_code_execution))
                    .map(|name| skills::entry(name))
                    .collect(),
            },
            diagnostics: Some(json!({"previous_message_id": self.current.last_message_id})),
            compaction: None,
            messages,
            betas,
        };
        let opening = Opening {
            number: count(above.len() + 1),
            standing,
            thread: self.current.name.clone(),
            cell: cell.clone(),
            model: settings.model.clone(),
            bound,
            above: above.iter().fold(0, |chain, turn| follow(chain, turn.id)),
            up_front: tool_changes::are_in(&request).then_some(wanted),
            prefix: is_new.then_some(prefix),
            stripped,
            notice,
        };
        Planned {
            request,
            question,
            opening,
        }
    }

    /// Returns what a turn that is over changes; `None` when nothing of it can be kept.
    #[must_use]
    pub fn turn_record(
        &self,
        opening: Opening,
        turn: FinishedTurn,
        container: Option<&str>,
    ) -> Option<Record> {
        let question = message::message(Role::User, &turn.question.blocks())?;
        let answers: Vec<MessageParam> = turn
            .messages
            .iter()
            .filter_map(|said| message::message(said.role, &said.blocks))
            .collect();
        if answers.is_empty() {
            return None;
        }
        let Opening {
            thread,
            cell,
            model,
            mut bound,
            above,
            mut prefix,
            mut stripped,
            notice,
            up_front,
            ..
        } = opening;
        let notice = notice.filter(|_| turn.tool_changes == ToolChanges::Taken);
        if turn.tool_changes != ToolChanges::Taken {
            prefix = up_front.or(prefix);
        }
        if turn.thinking_refused || turn.tool_changes != ToolChanges::Taken {
            let turns = self.above(&cell);
            let in_force = prefix.as_ref().or(self.current.prefix.as_ref());
            if let Some(in_force) = in_force {
                let form = match &prefix {
                    Some(_) => Form::Bare,
                    None => Form::Stripped,
                };
                let sequence = self.sequence(&model, in_force, &turns, form);
                (bound, stripped) = (sequence.bound, sequence.stripped);
            }
        }
        let no_tool_changes = (turn.tool_changes == ToolChanges::Refused).then_some(model);
        Some(Record::Turn(Box::new(TurnRecord {
            thread,
            id: self.turns + 1,
            cell,
            prompt: turn.question.prompt,
            question: question.content,
            notice,
            answers,
            cut: turn.cut,
            receipt: turn.receipt,
            message_id: turn.message_id,
            container: container.map(str::to_owned),
            bound,
            above,
            prefix,
            stripped,
            no_tool_changes,
        })))
    }

    /// Returns how many tokens of what stands above a turn the API has in its cache at best: those
    /// it read last. New `tools` have them read again.
    #[must_use]
    pub fn cached_above(&self, opening: &Opening) -> u64 {
        let turns = self.turns();
        let mut above = turns.iter().rev();
        let above = above.find(|turn| opening.standing.saw.contains(&turn.cell));
        above.map_or(0, |turn| {
            let usage = turn.receipt.usage;
            usage.input_tokens + usage.cache_read_tokens + usage.cache_creation_tokens
        })
    }

    /// Returns whether a turn replaces `tools` that were sent before by others of this machine.
    #[must_use]
    pub fn replaces_tools(&self, opening: &Opening) -> bool {
        let own = |prefix: &Prefix| -> Vec<Value> {
            let own = prefix
                .tools
                .iter()
                .filter(|tool| tool.get("input_schema").is_some());
            own.cloned().collect()
        };
        let prefixes = opening.prefix.as_ref().zip(self.current.prefix.as_ref());
        prefixes.is_some_and(|(new, old)| own(new) != own(old))
    }

    /// Puts together what is sent of the turns above a cell.
    pub(super) fn sequence(
        &self,
        model: &str,
        prefix: &Prefix,
        above: &[&Arc<Turn>],
        form: Form,
    ) -> Sequence {
        let mut bound = Mark::of_prefix(prefix);
        let mut messages = Vec::with_capacity(above.len() * 2 + 3);
        let mut rest = above;
        let mut in_force = prefix.tools.clone();
        let mut told = None;
        let mut betas: Vec<&'static str> = prefix::betas(&prefix.tools).collect();
        if let Some((summary, left)) = self.summary_of(model, above) {
            bound = bound.then(Mark::of_messages(std::iter::once(&summary.message)));
            messages.push(summary.message.clone());
            betas.push(COMPACT_BETA);
            if let Some(tools) = &summary.tools {
                in_force.clone_from(tools);
                betas.extend(tool_changes::BETAS.into_iter().chain(prefix::betas(tools)));
            }
            rest = left;
        }
        let mut stripped = Vec::new();
        let mut is_whole = form == Form::Bound;
        for turn in rest {
            is_whole = is_whole && (!turn.thinks || turn.bound == bound);
            let sent = match form {
                Form::Bare => Arc::new(turn.bare()),
                Form::Bound | Form::Stripped if turn.thinks && !is_whole => {
                    stripped.push(turn.id);
                    Arc::new(turn.without_thinking())
                }
                Form::Bound | Form::Stripped => Arc::clone(turn),
            };
            let sent = sent.after(&in_force).map_or(sent, Arc::new);
            if let Some(tools) = sent.told_tools() {
                in_force = tools.to_vec();
                betas.extend(tool_changes::BETAS.into_iter().chain(prefix::betas(tools)));
            }
            told = sent.told().map(str::to_owned).or(told);
            bound = bound.then(sent.mark);
            messages.extend(sent.messages().cloned());
        }
        Sequence {
            messages,
            bound,
            stripped,
            in_force,
            told,
            betas,
        }
    }

    /// The summary that stands for the first of these turns, and the turns after them; `None` also
    /// for a model that takes no summaries, or none that brings tools: it is sent the turns
    /// themselves.
    pub(super) fn summary_of<'a>(
        &self,
        model: &str,
        above: &'a [&'a Arc<Turn>],
    ) -> Option<(&Summary, &'a [&'a Arc<Turn>])> {
        let summary = self.current.summary.as_ref()?;
        if model::lookup(model).is_some_and(|spec| !spec.compacts)
            || summary.tools.is_some() && !self.takes_tool_changes(model)
        {
            return None;
        }
        let (covered, rest) = above.split_at_checked(summary.turns.len())?;
        let ids = covered.iter().map(|turn| &turn.id);
        ids.eq(&summary.turns).then_some((summary, rest))
    }

    fn stand(&self, cell: &CellKey, above: &[&Arc<Turn>]) -> Standing {
        let saw: Vec<CellKey> = above.iter().map(|turn| turn.cell.clone()).collect();
        let place = self.order.place(cell);
        let below = self.standing(|other| other > place).len();
        let mut chain = 0;
        let mut stale = below;
        for turn in above {
            stale += usize::from(turn.above != chain);
            chain = follow(chain, turn.id);
        }
        let work = &self.current.in_sandbox;
        let seen: HashSet<&CellKey> = match work.is_empty() {
            true => HashSet::new(),
            false => saw.iter().chain([cell]).collect(),
        };
        let sandbox_ahead = work.iter().any(|other| !seen.contains(other));
        Standing {
            saw,
            stale: count(stale),
            sandbox_ahead,
        }
    }

    /// What Claude must know of its sandbox.
    fn notes(&self, standing: &Standing, above: &[&Arc<Turn>]) -> Option<Value> {
        let text = if standing.sandbox_ahead {
            AHEAD
        } else if self.current.container.is_none() && above.iter().any(|t| t.receipt.runs > 0) {
            EMPTY
        } else {
            return None;
        };
        Some(json!({"type": "text", "text": text}))
    }
}

/// Adds headers that are not there yet.
pub(super) fn add_betas(betas: &mut Vec<String>, more: impl Iterator<Item = &'static str>) {
    for beta in more {
        if !betas.iter().any(|known| known == beta) {
            betas.push(beta.to_owned());
        }
    }
}

pub(super) fn beta_of(tool: &Value) -> Option<&'static str> {
    tool_type(tool.get("type")?.as_str()?)?.beta
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
