//! Takes the recorded answers of a notebook into the conversation, where this kernel did not make
//! them: the notebook was copied, renamed or received. What the page shows above a cell, Claude sees.
//!
//! Nothing of a recording is trusted but what it says was said: ids and sandboxes are new, thinking
//! is left out, and files are uploaded only if their content is the recorded one.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use crate::anthropic::content::Content;
use crate::chat::conversation::digest::{Digest, chain_hash};
use crate::chat::conversation::order::CellKey;
use crate::chat::history::{self, Said, Stage};
use crate::chat::input::{Attachment, Input, local_id};
use crate::chat::record::{Artifact, Record, TurnRecord};
use crate::chat::recording::Recording;
use crate::chat::recording::asked::File;
use crate::kernel::context::CellContext;
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines::notes;
use crate::kernel::state::State;
use crate::notebook::recordings::Found;

/// Takes in the recorded answers above the cell that runs, and says so.
///
/// # Errors
/// When the cell was stopped.
pub async fn above(context: &mut CellContext<'_>) -> Result<(), Stopped> {
    if !context.state.library.adopts {
        return Ok(());
    }
    let missing = missing_above(context.state);
    let count = take_in(missing, context).await?;
    if count > 0 {
        let what = match count {
            1 => "1 recorded answer is".to_owned(),
            count => format!("{count} recorded answers are"),
        };
        let told = format!(
            "This notebook was not run here. Its {what} part of the conversation, as the page shows above this cell. `%reset` begins without."
        );
        context.output.show(notes([&told])).await;
    }
    Ok(())
}

/// Takes in all recorded answers of the notebook, because the person asks for it. Returns the
/// sentence that says so; `None` if there are none that are not in the conversation already.
///
/// # Errors
/// When the cell was stopped.
pub(super) async fn all(context: &mut CellContext<'_>) -> Result<Option<String>, Stopped> {
    let found = context.state.library.from_files();
    let missing = missing(context.state, found, |_| true);
    let count = take_in(missing, context).await?;
    Ok(match count {
        0 => None,
        1 => Some("The recorded answer of this notebook goes on (1 turn).".to_owned()),
        count => Some(format!(
            "The recorded answers of this notebook go on ({count} turns)."
        )),
    })
}

/// The recordings of the notebook whose cells stand above the one that runs and have no turn here.
fn missing_above(state: &State) -> Vec<(CellKey, Arc<Found>)> {
    let order = state.conversations.order();
    missing(state, state.library.of_notebook(), |cell| {
        !order.is_in_file(&state.cell) || order.position(cell) < order.position(&state.cell)
    })
}

/// The recordings whose cells `is_meant` and have no turn in the conversation.
fn missing(
    state: &State,
    recordings: &[Arc<Found>],
    is_meant: impl Fn(&CellKey) -> bool,
) -> Vec<(CellKey, Arc<Found>)> {
    let turns = state.conversations.turns();
    let mut known: HashSet<CellKey> = turns.iter().map(|turn| turn.cell.clone()).collect();
    let mut missing: Vec<(CellKey, Arc<Found>)> = Vec::new();
    // The last recording of a cell is the one that its page shows.
    for found in recordings.iter().rev() {
        let Some(cell) = found.cell.as_deref().map(CellKey::of_id) else {
            continue;
        };
        let has_run = cell == state.cell || state.library.ran.contains(&cell);
        let is_out = has_run || found.coded.is_summary;
        if !is_out && is_meant(&cell) && known.insert(cell.clone()) {
            missing.push((cell, Arc::clone(found)));
        }
    }
    missing.reverse();
    missing
}

/// Makes turns of recordings; returns how many could be read.
async fn take_in(
    missing: Vec<(CellKey, Arc<Found>)>,
    context: &mut CellContext<'_>,
) -> Result<usize, Stopped> {
    if missing.is_empty() {
        return Ok(0);
    }
    let reading = tokio::task::spawn_blocking(move || {
        let read = missing.into_iter().map(|(cell, found)| {
            let read = found.coded.recording();
            (cell, found.coded.id, read)
        });
        read.collect::<Vec<_>>()
    });
    let read = unless_stopped(reading, context.interrupts, context.output.replies).await?;
    let mut count = 0;
    for (cell, id, read) in read.unwrap_or_default() {
        match read {
            Ok(recording) => {
                let folder = context.services.store.working_directory().to_owned();
                count += usize::from(adopt(cell, id, &recording, &folder, context.state));
            }
            Err(error) => tracing::warn!(%error, "a recording is left out"),
        }
    }
    Ok(count)
}

/// Makes the turn of a recording; returns whether there is anything in it.
fn adopt(
    cell: CellKey,
    id: Digest,
    recording: &Recording,
    folder: &Path,
    state: &mut State,
) -> bool {
    let stage = Stage::Over {
        cut: false,
        sandbox_known: true,
    };
    let kept = history::keep(&recording.said(), stage);
    let files = recording.asked.files.iter();
    let attachments: Vec<Attachment> = files
        .filter_map(|file| known_file(file, folder, state))
        .collect();
    let mut question: Vec<_> = attachments.iter().flat_map(Attachment::blocks).collect();
    question.push(serde_json::json!({"type": "text", "text": recording.prompt}));
    let conversations = &state.conversations;
    let above = conversations.above(&cell).into_iter();
    let played = recording.files.iter().filter(|file| file.failed.is_none());
    let record = TurnRecord {
        thread: conversations.current().name.clone(),
        id: conversations.next_turn(),
        prompt: recording.prompt.clone(),
        question: Content::of(&question),
        notice: None,
        answers: kept.messages.iter().map(Said::param).collect(),
        cut: None,
        receipt: recording.receipt.clone(),
        message_id: None,
        container: conversations.current().container().map(str::to_owned),
        bound: Digest::default(),
        above: above.fold(0, |chain, turn| chain_hash(chain, turn.id)),
        prefix: None,
        keeps_thinking: false,
        stripped: Vec::new(),
        recording: Some(id),
        played: Some(
            played
                .map(|file| Artifact {
                    name: file.name.clone(),
                    sha256: file.sha256.clone(),
                })
                .collect(),
        ),
        no_tool_changes: None,
        cell,
    };
    let is_there = !record.answers.is_empty();
    if is_there {
        state.record(Record::Turn(Box::new(record)));
    }
    is_there
}

/// A file that went with a recorded prompt: if it lies beside the notebook, it is uploaded before
/// the next request.
fn known_file(file: &File, folder: &Path, state: &mut State) -> Option<Attachment> {
    let input = Input {
        file_id: local_id(&file.name, &file.sha256),
        name: file.name.clone(),
        path: folder.join(&file.name),
        size_bytes: file.size_bytes,
        sha256: file.sha256.clone(),
        mime_type: "application/octet-stream".to_owned(),
        expires_at: None,
        visible_as: file.delivery.visible_as,
        sandbox: file.delivery.sandbox,
        cells: Vec::new(),
    };
    if !input.is_sound() {
        return None;
    }
    let attachment = Attachment {
        file_id: input.file_id.clone(),
        name: input.name.clone(),
        delivery: file.delivery,
    };
    if state.inputs.name_of(&input.file_id).is_none() {
        state.inputs.add(input);
    }
    Some(attachment)
}
