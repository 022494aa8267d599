//! Decides whether a cell is answered from a recording. If it is, nothing is sent.

use std::sync::Arc;

use crate::chat::action::Recorded;
use crate::chat::conversation::Conversations;
use crate::chat::conversation::order::CellKey;
use crate::chat::recording::Recording;
use crate::chat::recording::asked::{Asked, Difference, File};
use crate::chat::recording::play::Player;
use crate::chat::settings::Replay;
use crate::chat::structured::Wanted;
use crate::kernel::context::{CellContext, Playing};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines::notes;
use crate::kernel::recordings::Library;
use crate::notebook::recordings::Found;

/// The most differences that an error names.
const MAX_NAMED: usize = 4;

/// Works out what a cell asks and looks for a recording of it. Sets both in `context`.
///
/// # Errors
/// If only recordings may answer and there is none, or the cell was stopped.
pub(super) async fn look_for(
    prompt: &str,
    wanted: Option<&Wanted>,
    context: &mut CellContext<'_>,
) -> Result<(), Stopped> {
    if prompt.is_empty() || context.is_dry || context.replay.is_some() {
        return Ok(());
    }
    let files = files(context);
    let asked = asked(prompt, wanted, files, context);
    context.asked = Some(asked.clone());
    look(&asked, context).await
}

/// Does the same for a summary that a cell asks for; returns what it asks.
///
/// # Errors
/// The same.
pub(in crate::kernel) async fn look_for_summary(
    line: &str,
    context: &mut CellContext<'_>,
) -> Result<Asked, Stopped> {
    let asked = asked(line, None, Vec::new(), context);
    look(&asked, context).await?;
    Ok(asked)
}

/// Has a recording answer, if one is due and there is one.
async fn look(asked: &Asked, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    context.state.library.ran.insert(context.state.cell.clone());
    let mode = context.settings.replay;
    let library = &context.state.library;
    if library.is_empty() && mode != Replay::Only {
        return Ok(());
    }
    let is_due = match mode {
        Replay::Always | Replay::Only => true,
        Replay::Catchup => !library.was_answered(asked),
        Replay::Off => false,
        Replay::Fresh => return Ok(()),
    };
    if !is_due && context.services.client.credentials_origin().is_ok() {
        return Ok(());
    }
    let Some((found, recording)) = find(asked, context).await? else {
        return match mode {
            Replay::Only => Err(miss(asked, context).await?.into()),
            Replay::Catchup | Replay::Always | Replay::Off | Replay::Fresh => Ok(()),
        };
    };
    if !is_due {
        let told = "There are no credentials to ask with, so this is the recorded answer. `claude-kernel doctor` says how to set them.";
        context.output.show(notes([&told.to_owned()])).await;
    }
    tracing::info!(
        cell = context.output.count,
        "a recorded answer is shown; nothing is sent"
    );
    context.playing = Some(playing(&found, recording, mode, context));
    Ok(())
}

/// What a cell asks, by digests.
fn asked(
    prompt: &str,
    wanted: Option<&Wanted>,
    files: Vec<File>,
    context: &CellContext<'_>,
) -> Asked {
    let state = &*context.state;
    Asked::of(
        state.conversations.digest_above(&state.cell),
        prompt,
        (&context.settings, &state.initial),
        wanted,
        files,
    )
}

/// The files that go with a prompt.
fn files(context: &CellContext<'_>) -> Vec<File> {
    let state = &*context.state;
    let waiting = state.inputs.waiting();
    let attachments = waiting.iter().chain(&context.attachments);
    let files = attachments.map(|attachment| {
        let mut known = state.inputs.uploaded().iter();
        let known = known.find(|input| input.file_id == attachment.file_id);
        File {
            name: attachment.name.clone(),
            size_bytes: known.map_or(0, |input| input.size_bytes),
            sha256: known.map(|input| input.sha256.clone()).unwrap_or_default(),
            delivery: attachment.delivery,
        }
    });
    files.collect()
}

/// The recording that answers `asked`, if there is one. Recordings may be large, so they are read
/// on a thread of their own.
async fn find(
    asked: &Asked,
    context: &mut CellContext<'_>,
) -> Result<Option<(Arc<Found>, Recording)>, Stopped> {
    let candidates = context.state.library.candidates(asked);
    if candidates.is_empty() {
        return Ok(None);
    }
    let asked = asked.clone();
    let reading = tokio::task::spawn_blocking(move || {
        candidates.into_iter().find_map(|found| {
            let recording = found.coded.recording();
            let recording = recording
                .inspect_err(|error| tracing::warn!(%error, "a recording is left out"))
                .ok()?;
            let fits = asked.differences(&recording.asked).is_empty();
            fits.then_some((found, recording))
        })
    });
    let read = unless_stopped(reading, context.interrupts, context.output.replies).await?;
    Ok(read.unwrap_or_else(|error| {
        tracing::error!(%error, "recordings could not be read");
        None
    }))
}

fn playing(
    found: &Found,
    recording: Recording,
    mode: Replay,
    context: &CellContext<'_>,
) -> Playing {
    let mut receipt = recording.receipt.clone();
    let state = &*context.state;
    let above = state.conversations.above(&state.cell);
    receipt.standing.see(above.iter().map(|turn| &turn.cell));
    receipt.nothing_sent = mode != Replay::Only;
    receipt.recording = Some(found.coded.clone());
    Playing {
        len_bytes: found.coded.len_bytes(),
        recorded: Recorded {
            receipt,
            digest: found.coded.id,
        },
        player: Player::new(Arc::new(recording)),
    }
}

/// The error of a cell that has no recording: says what changed.
async fn miss(asked: &Asked, context: &mut CellContext<'_>) -> Result<CellError, Stopped> {
    let state = &*context.state;
    let cell = state.cell.id().map(|id| id.to_string());
    let Some(at) = state.library.nearest(cell.as_deref(), asked) else {
        let what = match state.library.is_empty() {
            true => {
                "no recorded answers are known: the notebook holds none, or its outputs were cleared"
            }
            false => "no recorded answer is like this cell",
        };
        return Ok(replay_miss(what));
    };
    let above = difference_above(&state.library, at, &state.conversations, &state.cell);
    let Some(found) = state.library.known().get(at).cloned() else {
        return Ok(replay_miss("there is no recorded answer"));
    };
    let reading = tokio::task::spawn_blocking(move || found.coded.recording());
    let read = unless_stopped(reading, context.interrupts, context.output.replies).await?;
    let recording = match read {
        Ok(Ok(recording)) => recording,
        Ok(Err(error)) => {
            return Ok(replay_miss(&format!(
                "its recording cannot be used: {error}"
            )));
        }
        Err(error) => {
            return Ok(replay_miss(&format!(
                "its recording cannot be read: {error}"
            )));
        }
    };
    let mut clauses: Vec<String> = asked
        .differences(&recording.asked)
        .iter()
        .map(|difference| match (difference, &above) {
            (Difference::Above, Some(above)) => above.clone(),
            (difference, _) => difference.clause(),
        })
        .collect();
    let more = clauses.len().saturating_sub(MAX_NAMED);
    clauses.truncate(MAX_NAMED);
    if more > 0 {
        clauses.push(format!("{more} more"));
    }
    Ok(replay_miss(&clauses.join("; ")))
}

fn replay_miss(what: &str) -> CellError {
    CellError::new(
        ErrorKind::ReplayMiss,
        format!("this cell has no recorded answer: {what}"),
        "`%replay only` sends nothing. `%%fresh` asks this cell; `%replay catchup` asks what is not recorded.",
    )
}

/// Says which cell above the recording at `at` is the first that is not as it was.
fn difference_above(
    library: &Library,
    at: usize,
    conversations: &Conversations,
    cell: &CellKey,
) -> Option<String> {
    let above = conversations.above(cell);
    let recorded = library.before(at).iter();
    let recorded: Vec<_> = recorded.filter(|found| !found.coded.is_summary).collect();
    for (index, found) in recorded.iter().enumerate() {
        let name = match found.count {
            Some(count) => format!("In [{count}] above"),
            None => format!("the cell of answer {} above", index + 1),
        };
        match above.get(index) {
            None => return Some(format!("{name} was not run")),
            Some(turn) if turn.recording != found.coded.id => {
                return Some(format!("{name} changed, or was answered anew"));
            }
            Some(_) => {}
        }
    }
    (above.len() > recorded.len()).then(|| "a cell above was not there then".to_owned())
}
