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
use crate::chat::prompt::{NO_CODE, changed, instructions, system_blocks};
use crate::chat::question::Question;
use crate::chat::record::{Notice, Prefix, Record, TurnId, TurnRecord};
use crate::chat::settings::Settings;
use crate::chat::skills;
use crate::chat::tool_types::{is_code_execution, tool_type};
use crate::chat::turn::FinishedTurn;

use super::compact::COMPACT_BETA;
use super::mark::{Mark, follow};
use super::order::CellKey;
use super::{Conversations, Turn, message};

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
        let (prefix, notice, is_new) = self.prefix(settings, &above);
        let form = if is_new { Form::Bare } else { Form::Bound };
        let Sequence {
            mut messages,
            bound,
            stripped,
        } = self.sequence(&settings.model, &prefix, &above, form);
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
        let summary = self
            .summary_of(&settings.model, &above)
            .map(|_| COMPACT_BETA);
        let mut betas = settings.all_betas();
        // Tools that stay although the settings no longer ask for them still need theirs.
        for beta in prefix.tools.iter().filter_map(beta_of).chain(summary) {
            if !betas.iter().any(|known| known == beta) {
                betas.push(beta.to_owned());
            }
        }
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
                    .filter(|_| prefix.tools.iter().any(is_code_execution))
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
            prefix,
            mut stripped,
            notice,
            ..
        } = opening;
        if turn.thinking_refused {
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
        })))
    }

    /// Returns how many tokens are about to be read again without the cache because tools of this
    /// machine changed in mid-conversation; `None` when they did not.
    #[must_use]
    pub fn cost_of_new_tools(&self, opening: &Opening) -> Option<u64> {
        let (new, old) = (opening.prefix.as_ref()?, self.current.prefix.as_ref()?);
        let turns = self.turns();
        let above = turns
            .iter()
            .rev()
            .find(|turn| opening.standing.saw.contains(&turn.cell))?;
        let own = |prefix: &Prefix| -> Vec<Value> {
            let own = prefix
                .tools
                .iter()
                .filter(|tool| tool.get("input_schema").is_some());
            own.cloned().collect()
        };
        let usage = above.receipt.usage;
        let tokens = usage.input_tokens + usage.cache_read_tokens + usage.cache_creation_tokens;
        (own(new) != own(old)).then_some(tokens)
    }

    /// Decides on `system` and `tools`: as they were, while it can be helped. The last value says
    /// that they are new.
    pub(super) fn prefix(
        &self,
        settings: &Settings,
        above: &[&Arc<Turn>],
    ) -> (Prefix, Option<Notice>, bool) {
        let wanted = Prefix {
            system: system_blocks(settings),
            tools: params::tools(settings),
            instructions: instructions(settings),
        };
        let Some(frozen) = &self.current.prefix else {
            return (wanted, None, true);
        };
        if above.is_empty() {
            let is_new = *frozen != wanted;
            return (wanted, None, is_new);
        }
        let Some(told_off) = stand_in(&frozen.tools, &wanted.tools) else {
            return (wanted, None, true);
        };
        let mut instructions = wanted.instructions.clone();
        if told_off {
            instructions = [NO_CODE, &instructions].join("\n\n").trim_end().to_owned();
        }
        let takes_notices = model::lookup(&settings.model).is_some_and(|m| m.system_messages);
        // What was told before a summary is not sent any more.
        let (_, sent) = self.summary_of(&settings.model, above).unzip();
        let sent = sent.unwrap_or(above);
        let told = sent.iter().rev().find_map(|turn| turn.told());
        if !takes_notices && told.is_some() {
            return (wanted, None, true);
        }
        if told.unwrap_or(&frozen.instructions) == instructions {
            return (frozen.clone(), None, false);
        }
        if !takes_notices {
            return (wanted, None, true);
        }
        let text = changed(&instructions);
        let content = message::message(Role::System, &[json!({"type": "text", "text": text})]);
        let notice = content.map(|said| Notice {
            instructions,
            content: said.content,
        });
        (frozen.clone(), notice, false)
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
        if let Some((summary, left)) = self.summary_of(model, above) {
            bound = bound.then(Mark::of_messages(std::iter::once(summary)));
            messages.push(summary.clone());
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
            bound = bound.then(sent.mark);
            messages.extend(sent.messages().cloned());
        }
        Sequence {
            messages,
            bound,
            stripped,
        }
    }

    /// The summary that stands for the first of these turns, and the turns after them; `None` also
    /// for a model that takes no summaries, which is sent the turns themselves.
    pub(super) fn summary_of<'a>(
        &self,
        model: &str,
        above: &'a [&'a Arc<Turn>],
    ) -> Option<(&MessageParam, &'a [&'a Arc<Turn>])> {
        let summary = self.current.summary.as_ref()?;
        if model::lookup(model).is_some_and(|spec| !spec.compacts) {
            return None;
        }
        let (covered, rest) = above.split_at_checked(summary.turns.len())?;
        let ids = covered.iter().map(|turn| &turn.id);
        ids.eq(&summary.turns).then_some((&summary.message, rest))
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

/// Whether tools that were sent may stay in the place of those wanted: `Some(false)` when they are
/// the same, `Some(true)` when only code execution is to rest, which Claude can be told.
fn stand_in(frozen: &[Value], wanted: &[Value]) -> Option<bool> {
    if frozen == wanted {
        return Some(false);
    }
    // Who may call a tool matters only while there is code that could.
    let plain = |tool: &Value| {
        let mut tool = tool.clone();
        if let Some(fields) = tool.as_object_mut() {
            fields.remove("allowed_callers");
        }
        tool
    };
    let rest = frozen.iter().filter(|tool| !is_code_execution(tool));
    rest.map(plain).eq(wanted.iter().map(plain)).then_some(true)
}

pub(super) fn beta_of(tool: &Value) -> Option<&'static str> {
    tool_type(tool.get("type")?.as_str()?)?.beta
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
