//! What a cell's turn leaves: shows its errors and results, records the turn, tells the journal.

use crate::anthropic::error::ApiError;
use crate::chat::input::Attachment;
use crate::chat::turn::ask::Kind;
use crate::chat::turn::{FinishedTurn, TurnEnd};
use crate::kernel::context::CellContext;
use crate::kernel::error::CellError;
use crate::kernel::interrupts::{Leave, unless_stopped};
use crate::kernel::lines::warnings;
use crate::kernel::magics::{compact, exec, replay};
use crate::kernel::{results, save};

use super::record::keep_recording;
use super::run::Ended;

/// The hint if the API does not find something that a request refers to and the request refers to
/// files.
const FILE_GONE: &str = "A file that was attached may be gone from Anthropic: run the cell again, and it is uploaded \
again or left out. `%models` lists the models you can use.";

/// What became of a turn.
#[derive(Debug)]
pub struct Committed {
    /// What the cell fails with, if it does.
    pub error: Option<CellError>,
    /// The answer's text, as far as it is kept.
    pub answer: String,
    /// Set when the kernel is to leave.
    pub leave: Option<Leave>,
}

/// Takes what a turn left into the conversation and the journal. Returns what the cell fails with,
/// if it fails.
pub async fn commit(ended: Ended, context: &mut CellContext<'_>) -> Committed {
    let mut leave = ended.leave;
    let (used, now) = (context.services.used(), context.services.local_now());
    let mut error = CellError::from_end(&ended.end, used, now);
    if let (TurnEnd::Failed { error: cause, .. }, Some(shown)) = (&ended.end, &mut error) {
        advise(cause, ended.has_files, shown, context);
        if matches!(cause, ApiError::Status { status: 400, .. }) && !cause.is_beyond_repair() {
            suspect_attachments(&ended.ask.attachments, shown);
        }
    }
    let mut kept = match ended.end {
        TurnEnd::Finished(turn) => Some(turn),
        TurnEnd::Interrupted { left }
        | TurnEnd::OverBudget { left, .. }
        | TurnEnd::Failed { left, .. } => left.kept,
        TurnEnd::Refused { .. } => None,
    };
    if let Some(result) = kept.as_ref().and_then(|kept| kept.result.as_ref()) {
        error = error.or(results::error(result));
        if let Ok(valid) = &result.outcome {
            context.state.set_variable(&result.name, &valid.value);
        }
    }
    if let (None, Some(verbatim), Some(kept)) = (&error, &ended.ask.verbatim, &kept)
        && let Some((failure, difference)) = exec::judge(verbatim, kept)
    {
        context.output.show(difference.into_iter().collect()).await;
        error = Some(failure);
    }
    if let Some(replay) = &ended.ask.replay {
        let messages = kept.iter().flat_map(|kept| &kept.messages);
        let blocks: Vec<_> = messages.flat_map(|said| &said.blocks).collect();
        let verdict = replay::verdict(replay, &blocks);
        context.output.show(warnings(verdict.iter())).await;
    }
    if let (Some(kept), Some(coded)) = (&mut kept, &context.recording) {
        kept.digest = Some(coded.id);
    }
    if ended.ask.kind == Kind::Cell {
        context.state.left_nothing = kept.is_none().then(|| ended.ask.cell.clone());
    }
    record(kept.as_deref(), ended.container.as_deref(), context);
    if context.playing.is_none() {
        context.state.restored.stay(ended.container.as_deref());
    }
    keep_recording(ended.ask.asked.as_ref(), context);
    if let (Kind::Cell, Some(_), Some(shown)) = (ended.ask.kind, &kept, ended.shown) {
        let state = &mut *context.state;
        state
            .marks
            .add(&ended.ask.cell, &state.conversations, shown);
    }
    save::end_turn(context, error.is_none());
    if error.is_none() {
        let saving = context.journal.safe();
        match unless_stopped(saving, context.interrupts, context.output.replies).await {
            Ok(unsaved) => context.output.show(warnings(unsaved.iter())).await,
            // The thread goes on writing; the cell no longer waits for it.
            Err(stopped) => leave = leave.or(stopped.leave),
        }
    }
    Committed {
        error,
        answer: kept.map(|kept| kept.answer).unwrap_or_default(),
        leave,
    }
}

/// Records a turn, or at least the sandbox that it leaves.
fn record(kept: Option<&FinishedTurn>, container: Option<&str>, context: &mut CellContext<'_>) {
    let record = kept.and_then(FinishedTurn::record);
    let conversations = &context.state.conversations;
    let record = record.or_else(|| conversations.container_changed(container));
    if let Some(record) = record {
        context.state.record(record);
        context.state.record_settings();
    }
}

/// Says how to do without the files that Claude was to see for the first time: they wait for the next
/// prompt, which the API would refuse too if one of them is the reason.
fn suspect_attachments(attachments: &[Attachment], shown: &mut CellError) {
    let seen = attachments.iter();
    let seen = seen.filter(|file| file.delivery.visible_as.is_some());
    let names: Vec<String> = seen.map(|file| format!("`%rm {}`", file.name)).collect();
    if names.is_empty() {
        return;
    }
    let hint = shown.hint.take().unwrap_or_default();
    shown.hint = Some(format!(
        "{hint} If an attached file is the reason, take it off the next prompts with {}, or give it to the sandbox alone: `%attach PATH --sandbox`.",
        names.join(" or ")
    ));
}

/// Says once that the model of this cell retires.
pub fn retirement(context: &mut CellContext<'_>) -> Option<String> {
    let today = today(context);
    let model = &context.settings.model;
    let state = &mut *context.state;
    let retirement = state.models.abilities(model).retirement?;
    if state.told_retirements.iter().any(|told| told == model) {
        return None;
    }
    state.told_retirements.push(model.to_owned());
    Some(retirement.sentence(model, &today))
}

fn today(context: &CellContext<'_>) -> String {
    context.services.host.now().format("%Y-%m-%d").to_string()
}

/// Adds to an error what the cause of a failed call may be.
fn advise(cause: &ApiError, has_files: bool, shown: &mut CellError, context: &mut CellContext<'_>) {
    compact::advise(context, cause, shown);
    if let ApiError::Status { status, .. } = cause {
        // A file may be gone: before the next request the API is asked which files it has.
        context.state.inputs.asked_at = None;
        if *status == 404 && has_files {
            shown.hint = Some(FILE_GONE.to_owned());
        }
        let model = &context.settings.model;
        let retirement = context.state.models.abilities(model).retirement;
        let today = today(context);
        if let (400 | 404 | 410, Some(retirement)) = (*status, retirement)
            && retirement.is_past(&today)
        {
            shown.hint = Some(retirement.sentence(model, &today));
        }
        if context.settings.fast && matches!(*status, 400 | 403 | 429) {
            let hint = shown.hint.take().unwrap_or_default();
            shown.hint = Some(format!("{hint} `%fast off` asks at the usual speed."));
        }
    }
}
