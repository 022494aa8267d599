//! `%last`: shows an answer again from the blocks that were kept, with its files from the disk.

use crate::anthropic::block::{Block, View};
use crate::anthropic::request::Role;
use crate::chat::conversation::Turn;
use crate::chat::turn::Update;
use crate::render::renderer::Renderer;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::Stopped;
use crate::kernel::store::Store;
use crate::kernel::turn::veil::Veil;

/// Shows the last answer again. Nothing is asked and nothing is fetched.
///
/// # Errors
/// When there is no answer.
pub(super) async fn show(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let Some(turn) = context.state.conversations.last() else {
        return Err(Stopped::from(CellError::new(
            ErrorKind::Magic,
            "there is no answer to show again",
            "The conversation is empty.",
        )));
    };
    let mut updates = updates(turn, &context.services.store);
    updates.push(Update::Finished(turn.receipt.as_ref().clone()));
    let now = context.services.host.elapsed();
    let prefix = context.services.host.uuid().simple().to_string();
    let mode = context.output.display_mode;
    let renderer = Renderer::new(mode, context.settings.thinking, prefix);
    let mut renderer = renderer.on_terminal(context.output.look);
    let mut veil = Veil::new(context.journal.secrets().clone());
    let outputs = updates
        .into_iter()
        .flat_map(|update| veil.cover(update))
        .flat_map(|update| renderer.apply(update, now))
        .collect();
    let shown = turn.answer.to_string();
    context.output.show(outputs).await;
    Ok(Outcome {
        shown,
        ..Outcome::default()
    })
}

fn updates(turn: &Turn, store: &Store) -> Vec<Update> {
    let mut updates = Vec::new();
    let mut ordinal = 0;
    for (role, blocks) in turn.answers() {
        for block in blocks.into_iter().map(Block::from_raw) {
            if role == Role::User {
                let id = block.raw().get("tool_use_id");
                let id = id.and_then(|id| id.as_str()).unwrap_or_default().to_owned();
                updates.push(Update::ToolFinished {
                    ordinal,
                    id,
                    result: block,
                    printed: String::new(),
                });
                continue;
            }
            let files = files(&block, ordinal, store);
            updates.push(Update::BlockStarted {
                ordinal,
                block: block.clone(),
            });
            updates.push(Update::BlockFinished { ordinal, block });
            updates.extend(files);
            ordinal += 1;
        }
    }
    updates
}

/// The files that a step left and that are still in the folder.
fn files(block: &Block, ordinal: usize, store: &Store) -> Vec<Update> {
    let View::Executed {
        tool_use_id,
        outcome: Ok(executed),
    } = block.view()
    else {
        return Vec::new();
    };
    let saved = store.artifacts().into_iter();
    let mut saved = saved.filter(|artifact| artifact.origin.tool_use_id == tool_use_id);
    executed
        .file_ids
        .into_iter()
        .map(|file_id| match saved.next() {
            Some(artifact) => Update::FileFetched {
                ordinal,
                file: store.again(artifact, file_id),
            },
            None => Update::FileFailed {
                ordinal,
                file_id: file_id.to_owned(),
                why: "it is no longer in its folder".to_owned(),
            },
        })
        .collect()
}
