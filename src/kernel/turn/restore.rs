//! Gives the sandbox what recorded answers made: their own sandbox was another one, or another
//! person's. Files are taken from the notebook's folder, and only if their content is the recorded
//! one.

use std::sync::Arc;

use crate::anthropic::upload::Upload;
use crate::chat::conversation::Turn;
use crate::chat::conversation::order::CellKey;
use crate::chat::input::{Attachment, Delivery};
use crate::chat::record::Artifact;
use crate::chat::tool_types::tool_name;
use crate::chat::turn::ask::{Ask, Kind};
use crate::kernel::context::CellContext;
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines::notes;
use crate::kernel::magics::attach;
use crate::kernel::state::State;

/// The most files that go into the sandbox before one question.
const MAX_FILES: usize = 50;

/// Uploads the files of the recorded answers above that the sandbox does not have, and has Claude
/// told of them.
///
/// # Errors
/// When the API does not take a file, or the person stopped the cell.
pub(super) async fn restore(ask: &mut Ask, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    let mut types = ask.settings.tool_types().into_iter();
    let has_sandbox = types.any(|id| tool_name(id) == "code_execution");
    if ask.kind != Kind::Cell || context.playing.is_some() || !has_sandbox {
        return Ok(());
    }
    let turns = lacking(&ask.cell, context.state);
    if turns.is_empty() {
        return Ok(());
    }
    let mut names: Vec<String> = Vec::new();
    // A later file takes the place of an earlier one of the same name.
    let files = turns.iter().rev().filter_map(|turn| turn.played.as_deref());
    let files: Vec<Artifact> = files.flatten().cloned().collect();
    for file in files {
        if names.len() < MAX_FILES && !names.contains(&file.name) {
            let Some(attachment) = upload(&file.name, &file.sha256, context).await? else {
                continue;
            };
            names.push(file.name.clone());
            ask.attachments.push(attachment);
        }
    }
    names.reverse();
    let list: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    let told = match list.as_slice() {
        [] => None,
        [name] => Some(format!(
            "{name} of a recorded answer goes to Claude's sandbox."
        )),
        names => Some(format!(
            "{} of recorded answers go to Claude's sandbox.",
            names.join(", ")
        )),
    };
    context.output.show(notes(told.iter())).await;
    ask.restored = Some(names);
    for turn in &turns {
        context.state.restored.give(turn.id);
    }
    Ok(())
}

/// The recorded turns above the cell whose steps the sandbox knows nothing of.
fn lacking(cell: &CellKey, state: &mut State) -> Vec<Arc<Turn>> {
    let container = state.conversations.current().container();
    state.restored.enter(container);
    let above = state.conversations.above(cell).into_iter();
    above
        .filter(|turn| turn.played.is_some() && turn.receipt.runs > 0)
        .filter(|turn| !state.restored.has(turn.id))
        .cloned()
        .collect()
}

/// Uploads a file of the folder; `None` if it is not there with this content.
async fn upload(
    name: &str,
    sha256: &str,
    context: &mut CellContext<'_>,
) -> Result<Option<Attachment>, Stopped> {
    let Some(path) = context.services.store.path_of(name) else {
        return Ok(None);
    };
    let examining = {
        let path = path.clone();
        tokio::task::spawn_blocking(move || attach::content_of(&path))
    };
    let examined = unless_stopped(examining, context.interrupts, context.output.replies).await?;
    let Ok(Some((found, size_bytes))) = examined else {
        return Ok(None);
    };
    if found != sha256 {
        return Ok(None);
    }
    let upload = Upload {
        path,
        name: name.to_owned(),
        mime_type: "application/octet-stream".to_owned(),
        size_bytes,
        sha256: found,
    };
    let input = attach::send_quietly(&upload, context).await?;
    let attachment = Attachment {
        file_id: input.file_id.clone(),
        name: name.to_owned(),
        delivery: Delivery {
            visible_as: None,
            sandbox: true,
        },
    };
    context.state.inputs.add(input);
    Ok(Some(attachment))
}
