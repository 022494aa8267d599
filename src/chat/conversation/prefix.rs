//! What stands before all messages: kept as it was while it can be helped, and what Claude is told
//! of settings and tools that changed since (`claude-api.md` 2.6, 14.1).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::anthropic::model;
use crate::anthropic::request::Role;
use crate::chat::params;
use crate::chat::prompt::{NO_CODE, changed, instructions, system_blocks};
use crate::chat::record::{Notice, Prefix};
use crate::chat::settings::Settings;
use crate::chat::tool_changes;

use super::plan::Sequence;
use super::{Conversations, Turn, message};

/// What a request begins with.
pub(super) struct Ground {
    /// What is sent.
    pub(super) prefix: Prefix,
    /// What would be sent if nothing had been before.
    pub(super) wanted: Prefix,
    /// Whether it is new: then no thinking goes along, and no notices.
    pub(super) is_new: bool,
}

impl Conversations {
    /// Decides on `system` and `tools`: as they were, while Claude can be told what changed.
    pub(super) fn ground(&self, settings: &Settings, above: &[&Arc<Turn>]) -> Ground {
        let wanted = Prefix {
            system: system_blocks(settings),
            tools: params::tools(settings),
            instructions: instructions(settings),
        };
        let frozen = self.current.prefix.as_ref();
        let stays = frozen.filter(|frozen| match above {
            [] => **frozen == wanted,
            _ => self.stays(frozen, &wanted, &settings.model, above),
        });
        Ground {
            prefix: stays.unwrap_or(&wanted).clone(),
            is_new: stays.is_none(),
            wanted,
        }
    }

    /// Whether a model can be told what is wanted now, or need not be.
    fn stays(&self, frozen: &Prefix, wanted: &Prefix, model: &str, above: &[&Arc<Turn>]) -> bool {
        if self.takes_tool_changes(model) {
            return true;
        }
        let (_, sent) = self.summary_of(model, above).unzip();
        let sent = sent.unwrap_or(above);
        let (tools, rests) = tool_changes::resting(&frozen.tools, &wanted.tools);
        if !tool_changes::same(&tools, &frozen.tools)
            || sent.iter().any(|turn| turn.told_tools().is_some())
        {
            return false;
        }
        takes_notices(model)
            || frozen.instructions == in_words(wanted, rests)
                && sent.iter().all(|turn| turn.told().is_none())
    }

    /// Returns whether tools may change in mid-conversation, as far as is known.
    pub(super) fn takes_tool_changes(&self, model: &str) -> bool {
        takes_notices(model) && !self.no_tool_changes.iter().any(|known| known == model)
    }
}

/// Returns what Claude has to be told, after the question, of what is wanted now; `None` when it
/// stands there already.
pub(super) fn notice(ground: &Ground, sequence: &Sequence) -> Option<Notice> {
    if ground.is_new {
        return None;
    }
    let in_force = &sequence.in_force;
    let (tools, rests) = tool_changes::resting(in_force, &ground.wanted.tools);
    let new_tools = !tool_changes::same(&tools, in_force);
    let instructions = in_words(&ground.wanted, rests);
    let told = sequence.told.as_ref();
    let new_words = told.unwrap_or(&ground.prefix.instructions) != &instructions;
    let mut blocks = match new_tools {
        true => tool_changes::blocks(in_force, &tools),
        false => Vec::new(),
    };
    blocks.extend(new_words.then(|| json!({"type": "text", "text": changed(&instructions)})));
    let said = message::message(Role::System, &blocks)?;
    Some(Notice {
        instructions: new_words.then_some(instructions),
        tools: new_tools.then_some(tools),
        content: said.content,
    })
}

/// Returns the headers that tools need; they are sent as long as the tools are in the history.
pub(super) fn betas(tools: &[Value]) -> impl Iterator<Item = &'static str> {
    tools.iter().filter_map(super::plan::beta_of)
}

/// The instructions in force, while the sandbox rests or does not.
fn in_words(wanted: &Prefix, rests: bool) -> String {
    match rests {
        true => [NO_CODE, &wanted.instructions]
            .join("\n\n")
            .trim_end()
            .to_owned(),
        false => wanted.instructions.clone(),
    }
}

fn takes_notices(model: &str) -> bool {
    model::lookup(model).is_some_and(|spec| spec.system_messages)
}
