//! Compaction on demand: a summary made by the API stands for the turns above a cell
//! (`claude-api.md` 2.5). The turns stay; they are only not sent.

use serde_json::{Value, json};

use crate::anthropic::model;
use crate::anthropic::request::{Container, MessageParam, MessagesRequest, Role};
use crate::chat::params;
use crate::chat::record::{Record, TurnId};
use crate::chat::settings::Settings;

use super::order::CellKey;
use super::plan::{Form, Sequence, add_betas};
use super::prefix::Ground;
use super::{Conversations, message};

/// The header that a compaction, and every history with a summary, needs.
pub(super) const COMPACT_BETA: &str = "compact-2026-09-04";
/// What goes before a person's wish, because `instructions` take the place of the API's own.
const INSTRUCTIONS: &str = "\
Summarize this conversation so that the work can go on from the summary alone: what the person wants, \
what was decided and why, results with their exact numbers and units, files in the sandbox with their \
paths and what they hold, what is still open. The person asks in particular:";
/// A context window is nearly full above this share of it, in percent: there is still room for one
/// large question and its answer.
const NEARLY_FULL_PERCENT: u64 = 80;
/// A request is nearly too large above this size, in bytes: 32 MB is the limit.
const NEARLY_TOO_LARGE: usize = 28_000_000;

/// A request for a summary, and what the summary will stand for.
#[derive(Debug)]
pub struct Compaction {
    /// The request.
    pub request: MessagesRequest,
    /// The turns, from the top.
    pub turns: Vec<TurnId>,
    thread: String,
    in_force: Vec<Value>,
}

impl Compaction {
    /// Returns what the answer changes; `None` when it holds no summary.
    #[must_use]
    pub fn record(self, blocks: &[Value]) -> Option<Record> {
        // Without content it is a summary that failed, which the API takes for nothing.
        let is_summary = |block: &&Value| {
            let content = block.get("content").and_then(Value::as_str);
            kind(block) == Some("compaction") && content.is_some()
        };
        let summary = blocks.iter().find(is_summary)?.clone();
        // Without them the tools after the summary are those of `tools`, and Claude is told anew.
        let changes = summary.get("tool_changes").and_then(Value::as_array);
        let brings_tools = changes.is_some_and(|changes| !changes.is_empty());
        Some(Record::Compacted {
            thread: self.thread,
            tools: brings_tools.then_some(self.in_force),
            message: message::message(Role::Assistant, &[summary])?,
            turns: self.turns,
        })
    }
}

impl Conversations {
    /// Returns the request that sums up what stands above a cell; `None` when there is nothing
    /// that no summary stands for yet.
    #[must_use]
    pub fn plan_compaction(
        &self,
        cell: &CellKey,
        settings: &Settings,
        instructions: Option<&str>,
    ) -> Option<Compaction> {
        let above = self.above(cell);
        let (_, unsummed) = self.summary_of(&settings.model, &above).unzip();
        if unsummed.unwrap_or(&above).is_empty() {
            return None;
        }
        let Ground { prefix, is_new, .. } = self.ground(settings, &above);
        let form = if is_new { Form::Bare } else { Form::Bound };
        let Sequence {
            mut messages,
            in_force,
            betas: needed,
            ..
        } = self.sequence(&settings.model, &prefix, &above, form);
        if let Some(last) = messages.iter_mut().rfind(|said| said.role == Role::User) {
            *last = message::marked(last);
        }
        let mut betas = settings.all_betas();
        add_betas(&mut betas, needed.into_iter().chain([COMPACT_BETA]));
        let plain = Settings {
            format: None,
            ..settings.clone()
        };
        let request = MessagesRequest {
            model: settings.model.clone(),
            max_tokens: settings.max_tokens,
            stream: true,
            system: prefix.system,
            tools: prefix.tools,
            thinking: params::thinking(&plain),
            output_config: params::output_config(&plain),
            // Nothing runs, so a sandbox that expired is no hindrance.
            container: Container::default(),
            diagnostics: None,
            compaction: Some(match instructions {
                None => json!({"type": "summarize"}),
                Some(wish) => {
                    json!({"type": "summarize", "instructions": format!("{INSTRUCTIONS} {wish}")})
                }
            }),
            messages,
            betas,
        };
        Some(Compaction {
            request,
            turns: above.iter().map(|turn| turn.id).collect(),
            thread: self.current.name.clone(),
            in_force,
        })
    }

    /// Returns what a refusal of this name changes: without the summary that the API does not take
    /// the turns themselves can be sent.
    #[must_use]
    pub fn summary_refused(&self, code: &str) -> Option<Record> {
        let is_about_it = code.starts_with("compaction_");
        (is_about_it && self.current.summary.is_some()).then(|| Record::Uncompacted {
            thread: self.current.name.clone(),
        })
    }

    /// Returns whether what a cell sees leaves little room in the model's context window, or in a
    /// request.
    #[must_use]
    pub fn is_nearly_full(&self, cell: &CellKey, settings: &Settings) -> bool {
        let above = self.above(cell);
        let (summary, unsummed) = self.summary_of(&settings.model, &above).unzip();
        let unsummed = unsummed.unwrap_or(&above);
        let tokens = unsummed
            .last()
            .map_or(0, |turn| turn.receipt.context_tokens);
        let window = model::lookup(&settings.model).map(|spec| spec.context_tokens);
        let sent = unsummed
            .iter()
            .flat_map(|turn| turn.messages())
            .chain(summary.map(|summary| &summary.message));
        let bytes: usize = sent.map(size).sum();
        let is_full = window.is_some_and(|window| {
            tokens.saturating_mul(100) >= window.saturating_mul(NEARLY_FULL_PERCENT)
                || tokens.saturating_add(u64::from(settings.max_tokens)) > window
        });
        !unsummed.is_empty() && (is_full && tokens > 0 || bytes > NEARLY_TOO_LARGE)
    }
}

fn size(message: &MessageParam) -> usize {
    message.content.get().len()
}

fn kind(block: &Value) -> Option<&str> {
    block.get("type").and_then(Value::as_str)
}
