//! `%compact`: asks the API for a summary of the turns above a cell, and keeps the summary in their
//! place.

use crate::anthropic::block::{Block, View};
use crate::anthropic::error::ApiError;
use crate::anthropic::model::Models;
use crate::cell::shown::Shown;
use crate::chat::settings::Settings;
use crate::chat::turn::ask::Ask;
use crate::chat::turn::compose::{is_nearly_full, nothing_to_sum_up, summary_record};
use crate::chat::turn::{FinishedTurn, TurnEnd};
use crate::kernel::cell::recorded::look_for_summary;
use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::{Leave, Stopped};
use crate::kernel::lines::{notes, warnings};
use crate::kernel::turn::record::keep_recording;
use crate::kernel::turn::run::{Ended, run};

/// Has a summary made, shows its receipt, and records it.
///
/// # Errors
/// When there is nothing to sum up, the model takes no summaries, the API refuses, or the cell was
/// stopped. The conversation is then as it was.
pub(super) async fn compact(
    instructions: Option<&str>,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    if context.is_dry {
        return Ok(Outcome::default());
    }
    let line = instructions.map_or_else(
        || "%compact".to_owned(),
        |instructions| format!("%compact {instructions}"),
    );
    sum_up(instructions, Some(&line), context).await
}

/// Has a summary made. If a line of the cell asks for it, a recording may answer.
async fn sum_up(
    instructions: Option<&str>,
    line: Option<&str>,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let settings = context.settings.clone();
    if !can(&settings, &context.state.models) {
        return Err(CellError::new(
            ErrorKind::Magic,
            format!("`{}` cannot sum up a conversation", settings.model),
            "Let another model do it: `%%model sonnet` above `%compact`, in the same cell.",
        )
        .into());
    }
    let cell = context.state.cell.clone();
    if nothing_to_sum_up(
        &context.state.conversations,
        &cell,
        &settings,
        &context.state.facts(),
    ) {
        return Err(CellError::new(
            ErrorKind::Magic,
            "there is nothing to sum up above this cell",
            "`%history` shows the turns; a summary stands for those above it already.",
        )
        .into());
    }
    let mut ask = Ask::compaction(cell, settings, instructions);
    if let Some(line) = line {
        ask.asked = match look_for_summary(line, context).await {
            Err(miss) if miss.error.kind == ErrorKind::ReplayMiss => {
                let told = "`%replay only` sends nothing, so the conversation is not summed up."
                    .to_owned();
                context.output.show(notes([&told])).await;
                return Ok(Outcome::default());
            }
            asked => Some(asked?),
        };
    }
    let ended = run(ask, "%compact", context).await;
    let asked = ended
        .as_ref()
        .ok()
        .and_then(|ended| ended.ask.asked.clone());
    keep_recording(asked.as_ref(), context);
    // The prompt of the cell has a recording of its own.
    context.playing = None;
    let (turn, leave) = finished(ended?, context)?;
    let blocks: Vec<Block> = turn.messages.into_iter().flat_map(|m| m.blocks).collect();
    let Some(record) = summary_record(&turn.sent, &blocks) else {
        return Err(CellError::new(
            ErrorKind::Protocol,
            "the API answered without a summary",
            "The conversation is as it was. `%reset chat` begins a new one.",
        )
        .into());
    };
    context.state.record(record);
    let shown = shown(turn.sent.above.len(), summary(&blocks));
    let outcome = context.tell(shown).await;
    match leave {
        Some(leave) => Err(Stopped {
            error: CellError::interrupted(),
            leave: Some(leave),
        }),
        None => Ok(outcome),
    }
}

/// Returns the turn that made the summary, and why the kernel is to leave, if it is.
fn finished(
    ended: Ended,
    context: &CellContext<'_>,
) -> Result<(Box<FinishedTurn>, Option<Leave>), Stopped> {
    match ended.end {
        TurnEnd::Finished(turn) => Ok((turn, ended.leave)),
        end => {
            let (used, now) = (context.services.used(), context.services.local_now());
            let mut error =
                CellError::from_end(&end, used, now).unwrap_or_else(CellError::interrupted);
            let hint = error.hint.unwrap_or_default();
            error.hint = Some(format!(
                "{hint} No summary was made: the conversation is as it was."
            ));
            Err(Stopped {
                error,
                leave: ended.leave,
            })
        }
    }
}

/// Has a summary made before a prompt, without being asked. If that fails, the prompt is sent all
/// the same.
///
/// # Errors
/// When the cell was stopped meanwhile.
pub async fn before_prompt(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    match sum_up(None, None, context).await {
        Err(stopped) if stopped.leave.is_none() && stopped.error.kind != ErrorKind::Interrupted => {
            let why = format!(
                "The context is nearly full, and the conversation could not be summed up: {}",
                stopped.error.evalue
            );
            context.output.show(warnings([why].iter())).await;
            Ok(Outcome::default())
        }
        result => result,
    }
}

/// Whether a summary is due before a prompt: the settings ask for it, the context is nearly full,
/// and the model takes summaries.
#[must_use]
pub fn is_due(context: &CellContext<'_>) -> bool {
    let state = &context.state;
    context.settings.auto_compact
        && can(&context.settings, &state.models)
        && is_nearly_full(
            &state.conversations,
            &state.cell,
            &context.settings,
            &state.facts(),
        )
}

/// Takes note of a call that failed. If the API refused the summary, the summary goes; if the
/// context may be full, the error says so.
pub fn advise(context: &mut CellContext<'_>, error: &ApiError, shown: &mut CellError) {
    let state = &mut *context.state;
    let conversations = &state.conversations;
    let refused = error
        .code()
        .and_then(|code| conversations.summary_refused(code));
    if let Some(record) = refused {
        state.record(record);
        shown.hint = Some(
            "Run the cell again: without the summary, which the API does not take any more, Claude \
             gets the turns themselves."
                .to_owned(),
        );
        return;
    }
    let is_refusal = matches!(error, ApiError::Status { status: 400, .. });
    if is_refusal
        && is_nearly_full(
            conversations,
            &state.cell,
            &context.settings,
            &state.facts(),
        )
    {
        let hint = shown.hint.take().unwrap_or_default();
        shown.hint = Some(format!(
            "The context window is nearly full: `%compact` makes room. {hint}"
        ));
    }
}

/// Whether the model takes summaries. A model that is in no table may try.
fn can(settings: &Settings, models: &Models) -> bool {
    models.abilities(&settings.model).compacts != Some(false)
}

fn summary(blocks: &[Block]) -> Option<&str> {
    blocks.iter().find_map(|block| match block.view() {
        View::Compaction { summary } => Some(summary),
        _ => None,
    })
}

fn shown(turns: usize, summary: Option<&str>) -> Shown {
    let which = match turns {
        1 => "the turn above".to_owned(),
        _ => format!("the {turns} turns above"),
    };
    let shown = Shown::default().paragraph(&format!(
        "From here on Claude sees this summary in the place of {which}; they stay in the notebook and in `%history`."
    ));
    match summary {
        Some(summary) => shown.block(summary),
        None => shown,
    }
}
