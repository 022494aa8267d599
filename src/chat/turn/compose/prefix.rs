//! `system` and `tools` of a request. They stay as they were sent first as long as Claude can be
//! told of changed settings and tools in `system` messages
//! (`docs/protocol.md#system-messages, #tool-changes, #thinking-binding`).

use serde_json::{Value, json};

use crate::anthropic::content::Content;
use crate::chat::conversation::prefix::{Notice, Prefix};
use crate::chat::conversation::{Conversations, Turn};
use crate::chat::params;
use crate::chat::prompt::{NO_CODE, changed, instructions, system_blocks};
use crate::chat::tool_changes;
use crate::chat::tool_types::tool_type;
use crate::chat::turn::ask::{Ask, Kind};
use crate::chat::turn::facts::{Facts, Tools};

use super::sequence::{Sequence, summary_of};

/// `system` and `tools`: what is sent, and what the settings want.
pub(super) struct PrefixPlan {
    /// What is sent.
    pub(super) prefix: Prefix,
    /// What would be sent if the conversation began now.
    wanted: Prefix,
    /// Whether `prefix` differs from what the conversation sent before. If so, the notices of
    /// earlier turns are not sent: they are part of the new `system`.
    pub(super) is_new: bool,
}

impl PrefixPlan {
    /// Keeps what was sent before if Claude can be told what has changed since.
    pub(super) fn of(
        conversations: &Conversations,
        ask: &Ask,
        facts: &Facts,
        above: &[&Turn],
    ) -> Self {
        let wanted = Prefix {
            system: system_blocks(&ask.settings),
            tools: params::tools(&ask.settings, &facts.models),
            instructions: instructions(&ask.settings),
        };
        let before = match ask.kind {
            Kind::Cell | Kind::Compaction { .. } => conversations.current().prefix(),
            Kind::Hidden => None,
        };
        let stays = before.filter(|before| match above {
            [] => **before == wanted,
            _ => stays(before, &wanted, conversations, ask, facts, above),
        });
        Self {
            prefix: stays.unwrap_or(&wanted).clone(),
            is_new: stays.is_none(),
            wanted,
        }
    }
}

/// Whether `before` can stay: Claude can be told what is wanted now, or nothing has changed.
fn stays(
    before: &Prefix,
    wanted: &Prefix,
    conversations: &Conversations,
    ask: &Ask,
    facts: &Facts,
    above: &[&Turn],
) -> bool {
    let model = &ask.settings.model;
    if takes_tool_changes(conversations, model, facts) {
        return true;
    }
    let sent = match summary_of(conversations, model, facts, above) {
        Some((_, after)) => after,
        None => above,
    };
    let (tools, rests) = tool_changes::resting(&before.tools, &wanted.tools);
    if !tool_changes::same(&tools, &before.tools)
        || sent.iter().any(|turn| turn.told_tools().is_some())
    {
        return false;
    }
    takes_notices(model, facts)
        || before.instructions == in_words(wanted, rests)
            && sent.iter().all(|turn| turn.told().is_none())
}

/// Returns whether the API takes tools that change in mid-conversation, as far as is known.
pub(super) fn takes_tool_changes(
    conversations: &Conversations,
    model: &str,
    facts: &Facts,
) -> bool {
    facts.tools == Tools::InPlace
        && takes_notices(model, facts)
        && !conversations.refuses_tool_changes(model)
}

/// Returns what Claude has to be told after the question so that the wanted settings and tools are
/// in force; `None` if they are in force already.
pub(super) fn notice(plan: &PrefixPlan, sequence: &Sequence) -> Option<Notice> {
    if plan.is_new {
        return None;
    }
    let in_force = &sequence.in_force;
    let (tools, rests) = tool_changes::resting(in_force, &plan.wanted.tools);
    let new_tools = !tool_changes::same(&tools, in_force);
    let instructions = in_words(&plan.wanted, rests);
    let told = sequence.told.as_ref();
    let new_words = told.unwrap_or(&plan.prefix.instructions) != &instructions;
    let mut blocks = match new_tools {
        true => tool_changes::blocks(in_force, &tools),
        false => Vec::new(),
    };
    blocks.extend(new_words.then(|| json!({"type": "text", "text": changed(&instructions)})));
    (!blocks.is_empty()).then(|| Notice {
        instructions: new_words.then_some(instructions),
        tools: new_tools.then_some(tools),
        content: Content::of(&blocks),
    })
}

/// Returns the values of `anthropic-beta` that tools need. They are sent as long as the tools are
/// in the history.
pub(super) fn betas(tools: &[Value]) -> impl Iterator<Item = &'static str> {
    let beta_of = |tool: &Value| tool_type(tool.get("type")?.as_str()?)?.beta;
    tools.iter().filter_map(beta_of)
}

/// The instructions in force. If `rests`, no code may run, and the instructions say so.
fn in_words(wanted: &Prefix, rests: bool) -> String {
    match rests {
        true => [NO_CODE, &wanted.instructions]
            .join("\n\n")
            .trim_end()
            .to_owned(),
        false => wanted.instructions.clone(),
    }
}

fn takes_notices(model: &str, facts: &Facts) -> bool {
    facts.models.abilities(model).system_messages
}
