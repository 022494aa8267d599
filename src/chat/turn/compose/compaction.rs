//! Compaction on demand: a summary that the API makes stands for the turns above a cell
//! (`docs/protocol.md#compaction`). The turns are kept, but are no longer sent.

use serde_json::{Value, json};

use crate::anthropic::block::Block;
use crate::anthropic::content::Content;
use crate::anthropic::request::{MessageParam, Role};
use crate::chat::conversation::order::CellKey;
use crate::chat::conversation::{Conversations, Turn};
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::turn::ask::Kind;
use crate::chat::turn::facts::Facts;

use super::Sent;
use super::sequence::summary_of;

/// The value of `anthropic-beta` for a compaction and for every history with a summary.
pub(super) const BETA: &str = "compact-2026-09-04";
/// What stands before a person's wish in `instructions`, which replace the API's own instructions.
const INSTRUCTIONS: &str = "\
Summarize this conversation so that the work can go on from the summary alone: what the person wants, \
what was decided and why, results with their exact numbers and units, files in the sandbox with their \
paths and what they hold, what is still open. The person asks in particular:";
/// If more than this share of a context window is used, in percent, the window is nearly full:
/// there is still room for one large question and its answer.
const NEARLY_FULL_PERCENT: u64 = 80;
/// If a request has more bytes than this, it is nearly too large: the API's limit is 32 MB.
const NEARLY_TOO_LARGE: usize = 28_000_000;

/// Returns the field `compaction` of a request.
pub(super) fn field(kind: &Kind) -> Option<Value> {
    let Kind::Compaction { instructions } = kind else {
        return None;
    };
    Some(match instructions {
        None => json!({"type": "summarize"}),
        Some(wish) => {
            json!({"type": "summarize", "instructions": format!("{INSTRUCTIONS} {wish}")})
        }
    })
}

/// Returns the record of the summary among these blocks, which answer what was `sent`; `None` if
/// there is no summary.
#[must_use]
pub fn summary_record(sent: &Sent, blocks: &[Block]) -> Option<Record> {
    // A `compaction` block without content is a summary that failed; the API ignores such a block.
    let is_summary = |block: &&Block| {
        let content = block.raw().get("content").and_then(Value::as_str);
        block.kind() == "compaction" && content.is_some()
    };
    let summary = blocks.iter().find(is_summary)?;
    // If the summary brings no changes of tools, the tools of `tools` are in force after it, and
    // Claude is told of changes anew.
    let changes = summary.raw().get("tool_changes").and_then(Value::as_array);
    let brings_tools = changes.is_some_and(|changes| !changes.is_empty());
    Some(Record::Compacted {
        thread: sent.thread.clone(),
        tools: brings_tools.then(|| sent.in_force.clone()),
        message: MessageParam {
            role: Role::Assistant,
            content: Content::of_blocks(std::slice::from_ref(summary)),
        },
        turns: sent.above.clone(),
    })
}

/// Returns whether there is nothing to sum up: a summary stands for every turn above the cell.
#[must_use]
pub fn nothing_to_sum_up(
    conversations: &Conversations,
    cell: &CellKey,
    settings: &Settings,
    facts: &Facts,
) -> bool {
    let above = above(conversations, cell);
    unsummed(conversations, settings, facts, &above).is_empty()
}

/// Returns whether the turns above a cell leave little room in the model's context window or in a
/// request.
#[must_use]
pub fn is_nearly_full(
    conversations: &Conversations,
    cell: &CellKey,
    settings: &Settings,
    facts: &Facts,
) -> bool {
    let above = above(conversations, cell);
    let unsummed = unsummed(conversations, settings, facts, &above);
    let tokens = unsummed
        .last()
        .map_or(0, |turn| turn.receipt.context_tokens);
    let window = facts.models.abilities(&settings.model).context_tokens;
    let sent = unsummed.iter().flat_map(|turn| turn.messages());
    let bytes: usize = sent.map(|message| message.content.len_bytes()).sum();
    let is_full = window.is_some_and(|window| {
        tokens.saturating_mul(100) >= window.saturating_mul(NEARLY_FULL_PERCENT)
            || tokens.saturating_add(u64::from(settings.max_tokens)) > window
    });
    !unsummed.is_empty() && (is_full && tokens > 0 || bytes > NEARLY_TOO_LARGE)
}

fn above<'a>(conversations: &'a Conversations, cell: &CellKey) -> Vec<&'a Turn> {
    let above = conversations.above(cell).into_iter();
    above.map(|turn| &**turn).collect()
}

/// The turns that no summary stands for.
fn unsummed<'a>(
    conversations: &Conversations,
    settings: &Settings,
    facts: &Facts,
    above: &'a [&'a Turn],
) -> &'a [&'a Turn] {
    match summary_of(conversations, &settings.model, facts, above) {
        Some((_, after)) => after,
        None => above,
    }
}
