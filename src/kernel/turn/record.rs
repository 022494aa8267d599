//! Gives the receipt of a turn the turn's recording, and keeps the recording.

use crate::chat::recording::asked::Asked;
use crate::chat::recording::coding::{Coded, LARGE_BYTES};
use crate::chat::recording::{Level, Recording};
use crate::chat::turn::Update;
use crate::chat::turn::ask::Kind;
use crate::chat::turn_loop::TurnLoop;
use crate::config::KnownSecrets;
use crate::kernel::context::CellContext;
use crate::kernel::journal::redact::REDACTED;
use crate::kernel::lines::notes;
use crate::render::foreign;

/// Returns the update. If it ends a turn that is recorded, its receipt holds the recording then,
/// and `context` has it for the library.
pub(super) async fn with_recording(
    update: Update,
    turn: &TurnLoop,
    context: &mut CellContext<'_>,
) -> Update {
    let level = context.state.library.options.level;
    let Update::Finished(mut receipt) = update else {
        return update;
    };
    if let Some(playing) = &context.playing {
        tell_size(playing.len_bytes, context).await;
        return Update::Finished(receipt);
    }
    if level == Level::Off {
        return Update::Finished(receipt);
    }
    let Some(mut recording) = turn.recording() else {
        return Update::Finished(receipt);
    };
    recording.told.clone_from(&context.told);
    let secrets = context.journal.secrets().clone();
    // A long answer takes a while to be written as JSON, deflated and encoded.
    let coding = tokio::task::spawn_blocking(move || code(recording, level, &secrets));
    match coding.await {
        Ok(Some(coded)) => {
            let is_summary = turn.ask().kind != Kind::Cell;
            let coded = coded.of_summary(is_summary);
            tell_size(coded.len_bytes(), context).await;
            receipt.recording = Some(coded.clone());
            context.recording = Some(coded);
        }
        Ok(None) => tracing::warn!("an answer is too large to be recorded"),
        Err(error) => tracing::error!(%error, "an answer was not recorded"),
    }
    Update::Finished(receipt)
}

/// Says how much a recording adds to the notebook, if that is much.
async fn tell_size(len_bytes: usize, context: &CellContext<'_>) {
    if len_bytes > LARGE_BYTES {
        let told = format!(
            "The recording of this answer adds {} to the notebook. `CLAUDE_KERNEL_KEEP_RECORD=slim` leaves thinking out, `off` records nothing.",
            foreign::size(len_bytes as u64)
        );
        context.output.show(notes([&told])).await;
    }
}

fn code(mut recording: Recording, level: Level, secrets: &KnownSecrets) -> Option<Coded> {
    if level == Level::Slim {
        recording = recording.slim();
    }
    if secrets.are_in(serde_json::to_vec(&recording).ok()?) {
        let mut value = serde_json::to_value(&recording).ok()?;
        secrets.cover_value(&mut value, REDACTED);
        recording = serde_json::from_value(value).ok()?;
    }
    Coded::of(&recording)
}

/// Gives the library the recording of a turn, and notes that its ask was answered.
pub fn keep_recording(asked: Option<&Asked>, context: &mut CellContext<'_>) {
    let cell = context.state.cell.id().cloned();
    let library = &mut context.state.library;
    if let Some(asked) = asked {
        library.answered(asked, context.playing.is_some());
    }
    if let Some(coded) = context.recording.take() {
        let count = context.output.count;
        context.journal.recording(count, cell.as_deref(), &coded);
        library.made(cell.as_deref(), count, coded);
    }
}
