//! Makes a request of what is asked and what is known. Nothing else makes requests. Pure.
//!
//! Each request is made from the beginning, also a repaired one and the next one of the same turn.
//! So what is remembered of a request ([`Sent`]) is true of what was sent. Invariant: the API never
//! refuses a request for its history.

mod compaction;
mod prefix;
mod question;
mod sent;
mod sequence;

use std::collections::HashSet;

use serde_json::{Value, json};

use crate::anthropic::content::Content;
use crate::anthropic::request::{Container, MessageParam, MessagesRequest, Role};
use crate::chat::conversation::digest::{Digest, chain_hash};
use crate::chat::conversation::order::CellKey;
use crate::chat::conversation::prefix::{Notice, Prefix};
use crate::chat::conversation::{Conversations, Turn};
use crate::chat::history::{self, Said, Stage};
use crate::chat::params;
use crate::chat::receipt::Standing;
use crate::chat::record::TurnId;
use crate::chat::settings::Settings;
use crate::chat::skills;
use crate::chat::tool_changes;
use crate::chat::tool_types::is_code_execution;

use super::ask::{Ask, Kind};
use super::facts::{Diagnostics, Facts, Tools};
use prefix::PrefixPlan;
use sequence::Sequence;

pub use compaction::{is_nearly_full, nothing_to_sum_up, summary_record};
pub use question::{EMPTY_SANDBOX, NEW_SANDBOX};
pub use sent::{Brought, Sent};

/// How many messages carry a cache marker: the two newest `user` messages, also those that hold
/// results of tools. So each round of tools is read from the cache in the next one
/// (`docs/protocol.md#prompt-cache`).
const MARKED_MESSAGES: usize = 2;

/// A request, and what the kernel has to remember of the request.
#[derive(Debug, Clone)]
pub struct Composed {
    /// What is sent.
    pub request: MessagesRequest,
    /// What the turn's record is made of.
    pub sent: Sent,
    /// The tools in force at the end of the request.
    pub tools: Vec<Value>,
    /// The ids of all files that the request refers to, each once.
    pub files: Vec<String>,
    /// The ids of files that are uploaded to the sandbox again, because the sandbox lacks them.
    pub files_again: Vec<String>,
    /// What the API reads again without its cache, if the person should be told.
    pub reread: Option<Reread>,
    /// Whether the request holds thinking of earlier turns.
    pub has_thinking: bool,
    /// Whether the request holds results of the sandbox with keys that the API's reference does not
    /// name.
    pub has_unknown_keys: bool,
    /// Whether the request tells of tools that changed in mid-conversation.
    pub tool_changes: ToolChanges,
}

/// What a request tells of tools that changed in mid-conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ToolChanges {
    /// Nothing.
    None,
    /// Changes that the API has taken before.
    Known,
    /// At least one change that the API has not seen before.
    New,
}

/// Why the API reads much again, although it was in the cache.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reread {
    /// Other tools of this machine stand in `tools` than in the request before.
    ChangedTools {
        /// About how many tokens.
        tokens: u64,
    },
    /// The conversation gets its first tools, which stand before everything in the cache.
    FirstTools {
        /// About how many tokens.
        tokens: u64,
    },
}

impl Reread {
    /// Returns the sentence that a person is told.
    #[must_use]
    pub fn sentence(self) -> String {
        match self {
            Self::ChangedTools { tokens } => format!(
                "Claude's tools have changed: about {tokens} tokens are read again without the cache, and without Claude's earlier thinking."
            ),
            Self::FirstTools { tokens } => format!(
                "Claude has its first tools: about {tokens} tokens are read again without the cache."
            ),
        }
    }
}

/// What a request is composed from: the turns above the cell, `system` and `tools`, and what
/// [`compose`] was given.
struct Composition<'a> {
    conversations: &'a Conversations,
    ask: &'a Ask,
    facts: &'a Facts,
    above: Vec<&'a Turn>,
    standing: Standing,
    prefix: PrefixPlan,
}

/// Returns the request for `ask`. `said` is what followed the question in the running turn so far.
/// Changes nothing.
#[must_use]
pub fn compose(conversations: &Conversations, ask: &Ask, facts: &Facts, said: &[Said]) -> Composed {
    let composition = Composition::of(conversations, ask, facts);
    let sequence = Sequence::of(&composition);
    let notice = match ask.kind {
        Kind::Cell | Kind::Hidden => prefix::notice(&composition.prefix, &sequence),
        Kind::Compaction { .. } => None,
    };
    let told_tools = notice.as_ref().and_then(|notice| notice.tools.clone());
    let tool_changes = match (&told_tools, sequence.changes_tools) {
        (Some(_), _) => ToolChanges::New,
        (None, true) => ToolChanges::Known,
        (None, false) => ToolChanges::None,
    };
    let tools = told_tools.unwrap_or_else(|| sequence.active_tools.clone());
    let has_sandbox = tools.iter().any(is_code_execution);
    let files_again = match has_sandbox {
        true => question::lacking_files(&composition.above, ask, facts),
        false => Vec::new(),
    };
    let question = question::content(&composition, has_sandbox, &files_again);
    let reread = composition.reread(&sequence, &notice);
    let container = Container {
        id: facts.sandbox.id.clone().filter(|_| has_sandbox),
        skills: match has_sandbox {
            true => ask
                .settings
                .skills
                .iter()
                .map(|name| skills::entry(name))
                .collect(),
            false => Vec::new(),
        },
    };
    let betas = betas(&composition, &sequence, &tools, tool_changes);
    let has_thinking = sequence.has_thinking;
    let has_unknown_keys = sequence.has_unknown_keys || history::has_unknown_keys(said);
    let files = question::files(&composition.above, ask, facts);
    let sent = Sent::of(&composition, &sequence, notice.clone(), question.clone());
    let messages = messages(sequence.messages, question, notice, said);
    Composed {
        request: composition.request(messages, container, betas),
        sent,
        tools,
        files,
        files_again,
        reread,
        has_thinking,
        has_unknown_keys,
        tool_changes,
    }
}

impl<'a> Composition<'a> {
    fn of(conversations: &'a Conversations, ask: &'a Ask, facts: &'a Facts) -> Self {
        let above: Vec<&Turn> = match ask.kind {
            Kind::Cell | Kind::Compaction { .. } => {
                let above = conversations.above(&ask.cell).into_iter();
                above.map(|turn| &**turn).collect()
            }
            Kind::Hidden => Vec::new(),
        };
        let prefix = PrefixPlan::of(conversations, ask, facts, &above);
        Self {
            standing: standing(conversations, &ask.cell, &above, facts),
            prefix,
            conversations,
            ask,
            facts,
            above,
        }
    }

    /// The settings that decide on the fields of a request.
    fn settings(&self) -> Settings {
        let asked = &self.ask.settings;
        let max_tokens = self.facts.max_tokens.unwrap_or(asked.max_tokens);
        Settings {
            max_tokens: max_tokens.min(asked.max_tokens),
            format: match self.ask.kind {
                Kind::Cell | Kind::Hidden => asked.format.clone(),
                Kind::Compaction { .. } => None,
            },
            ..asked.clone()
        }
    }

    fn request(
        &self,
        messages: Vec<MessageParam>,
        container: Container,
        betas: Vec<String>,
    ) -> MessagesRequest {
        let settings = self.settings();
        let summarizes = matches!(self.ask.kind, Kind::Compaction { .. });
        MessagesRequest {
            max_tokens: settings.max_tokens,
            stream: true,
            system: self.prefix.prefix.system.clone(),
            tools: self.prefix.prefix.tools.clone(),
            thinking: params::thinking(&settings, &self.facts.models),
            output_config: params::output_config(&settings),
            speed: params::speed(&settings, &self.facts.models),
            // No tool runs while a summary is made. If the sandbox has expired, a request that
            // names none is accepted all the same.
            container: match summarizes {
                true => Container::default(),
                false => container,
            },
            diagnostics: self.diagnostics(),
            compaction: compaction::field(&self.ask.kind),
            model: settings.model,
            messages,
            betas,
            version: self.facts.version,
        }
    }

    /// The id of the last message, so that the API can say why it did not read its cache. Gateways
    /// make ids of their own; the API refuses those, so they are not sent.
    fn diagnostics(&self) -> Option<Value> {
        let is_sent = self.facts.diagnostics == Diagnostics::Sent;
        let before = match self.ask.kind {
            Kind::Cell => self.conversations.current().last_message_id(),
            Kind::Hidden => None,
            Kind::Compaction { .. } => return None,
        };
        let before = before.filter(|id| id.starts_with("msg_"));
        is_sent.then(|| json!({"previous_message_id": before}))
    }

    /// What the API reads again without its cache; `None` if nothing above was in the cache.
    fn reread(&self, sequence: &Sequence, notice: &Option<Notice>) -> Option<Reread> {
        if self.ask.kind != Kind::Cell {
            return None;
        }
        let tokens = self.cached_above();
        let before = self.conversations.current().prefix();
        let has_other_tools = self.prefix.is_new
            && before.is_some_and(|before| own_tools(before) != own_tools(&self.prefix.prefix));
        let tells_tools = notice.as_ref().is_some_and(|notice| notice.tools.is_some());
        let has_first_tools = self.prefix.prefix.tools.is_empty() && tells_tools;
        if tokens == 0 {
            None
        } else if has_other_tools || self.facts.tools != Tools::InPlace && sequence.is_bare {
            Some(Reread::ChangedTools { tokens })
        } else {
            has_first_tools.then_some(Reread::FirstTools { tokens })
        }
    }

    /// The most tokens above the cell that the API can have in its cache: those of the last
    /// request.
    fn cached_above(&self) -> u64 {
        self.above.last().map_or(0, |turn| {
            let usage = turn.receipt.usage;
            usage.input_tokens + usage.cache_read_tokens + usage.cache_creation_tokens
        })
    }
}

/// The tools of this machine.
fn own_tools(prefix: &Prefix) -> Vec<&Value> {
    let tools = prefix.tools.iter();
    tools
        .filter(|tool| tool.get("input_schema").is_some())
        .collect()
}

/// Where the cell's turn will stand among the other turns.
fn standing(
    conversations: &Conversations,
    cell: &CellKey,
    above: &[&Turn],
    facts: &Facts,
) -> Standing {
    let mut chain = 0;
    let mut stale = conversations.count_below(cell);
    for turn in above {
        stale += usize::from(turn.above != chain);
        chain = chain_hash(chain, turn.id);
    }
    let cells = above.iter().map(|turn| &turn.cell);
    let work = conversations.current().in_sandbox();
    let sandbox_ahead = facts.sandbox.at_question.is_some() && !work.is_empty() && {
        let seen: HashSet<&CellKey> = cells.clone().chain([cell]).collect();
        work.iter().any(|other| !seen.contains(other))
    };
    let mut standing = Standing {
        saw: Vec::new(),
        stale: u32::try_from(stale).unwrap_or(u32::MAX),
        sandbox_ahead,
    };
    standing.see(cells);
    standing
}

/// Puts the messages of a request in order and marks the newest ones for the cache.
fn messages(
    mut messages: Vec<MessageParam>,
    question: Content,
    notice: Option<Notice>,
    said: &[Said],
) -> Vec<MessageParam> {
    if !question.is_empty() {
        messages.push(MessageParam {
            role: Role::User,
            content: question,
        });
    }
    messages.extend(notice.map(|notice| MessageParam {
        role: Role::System,
        content: notice.content,
    }));
    let running = history::keep(said, Stage::Running).messages;
    messages.extend(running.iter().map(Said::param));
    let newest = messages.iter_mut().rev();
    let newest = newest.filter(|message| message.role == Role::User);
    for message in newest.take(MARKED_MESSAGES) {
        message.content = message.content.marked_for_cache();
    }
    messages
}

/// The values of `anthropic-beta` that the request needs.
fn betas(
    composition: &Composition<'_>,
    sequence: &Sequence,
    tools: &[Value],
    tool_changes: ToolChanges,
) -> Vec<String> {
    let mut betas = composition
        .ask
        .settings
        .all_betas(&composition.facts.models);
    let changes = match tool_changes {
        ToolChanges::New => &tool_changes::BETAS[..],
        ToolChanges::Known | ToolChanges::None => &[],
    };
    let summary = matches!(composition.ask.kind, Kind::Compaction { .. });
    let needed = sequence
        .betas
        .iter()
        .copied()
        .chain(changes.iter().copied())
        .chain(prefix::betas(tools))
        .chain(summary.then_some(compaction::BETA));
    for beta in needed {
        if !betas.iter().any(|known| known == beta) {
            betas.push(beta.to_owned());
        }
    }
    betas
}

/// The numbers of turns, in order.
fn ids(turns: &[&Turn]) -> Vec<TurnId> {
    turns.iter().map(|turn| turn.id).collect()
}

/// The digest of everything before the question.
type Bound = Digest;
