//! `%compact`: has the API sum up what stands above a cell, and keeps the summary in its place.

use std::sync::Arc;

use serde_json::Value;

use crate::anthropic::error::ApiError;
use crate::anthropic::model;
use crate::cell::shown::Shown;
use crate::chat::action::Plan;
use crate::chat::conversation::Standing;
use crate::chat::question::Question;
use crate::chat::record::Record;
use crate::chat::settings::Settings;
use crate::chat::turn::TurnEnd;
use crate::chat::turn_loop::TurnLoop;
use crate::render::renderer::Renderer;

use super::error::{CellError, INTERRUPTED};
use super::execute::drive;
use super::jobs::{Desktop, Outcome, Stopped};
use super::money;
use super::show::warnings;
use super::state::State;

/// Sums up, shows the summary's receipt, and records it.
///
/// # Errors
/// When there is nothing to sum up, the model cannot, the API refuses, or the cell was stopped: the
/// conversation is then as it was.
pub(super) async fn compact(
    instructions: Option<&str>,
    desktop: &mut Desktop<'_>,
) -> Result<Outcome, Stopped> {
    if desktop.is_dry {
        return Ok(Outcome::default());
    }
    let mut settings = desktop.settings.clone();
    if !can(&settings) {
        return Err(CellError::new(
            "MagicError",
            format!("`{}` cannot sum up a conversation", settings.model),
            "Let another model do it: `%%model sonnet` above `%compact`, in the same cell.",
        )
        .into());
    }
    let planned = |settings: &Settings, desktop: &Desktop<'_>| {
        let conversations = &desktop.state.conversations;
        conversations.plan_compaction(&desktop.state.cell, settings, instructions)
    };
    let Some(mut compaction) = planned(&settings, desktop) else {
        return Err(CellError::new(
            "MagicError",
            "there is nothing to sum up above this cell",
            "`%history` shows the turns; a summary stands for those above it already.",
        )
        .into());
    };
    let allowance = money::admit(
        desktop.state,
        &mut compaction.request,
        &mut settings,
        desktop.edges,
        desktop.interruptions,
        desktop.scene.desk,
    )
    .await?;
    let turns = compaction.turns.len();
    let mut turn = TurnLoop::start(Plan {
        request: compaction.request.clone(),
        question: Question::default(),
        turn: u32::try_from(turns).unwrap_or(u32::MAX),
        standing: Standing::default(),
        up_front: None,
        wanted: None,
        effort: settings.effort,
        offline: desktop.offline,
        prices: Arc::clone(&desktop.state.prices),
        allowance,
    });
    let prefix = desktop.edges.host.uuid().simple().to_string();
    let mut renderer = Renderer::new(desktop.front_end, settings.thinking, prefix);
    let (end, leave) = drive(
        &mut turn,
        &mut renderer,
        desktop.edges,
        desktop.scene,
        desktop.interruptions,
        desktop.journal,
    )
    .await;
    let receipt = turn.receipt();
    let spent = money::line(desktop.scene.count, "%compact", &receipt);
    if let Some(entry) = spent {
        desktop.state.record(Record::Spent(Box::new(entry)));
    }
    let blocks: Vec<Value> = match end {
        TurnEnd::Finished(turn) => turn.messages.into_iter().flat_map(|m| m.blocks).collect(),
        end => {
            let mut error = CellError::from_end(&end, desktop.edges.host.now())
                .unwrap_or_else(CellError::interrupted);
            let hint = error.hint.unwrap_or_default();
            error.hint = Some(format!(
                "{hint} No summary was made: the conversation is as it was."
            ));
            return Err(Stopped { error, leave });
        }
    };
    let Some(record) = compaction.record(&blocks) else {
        return Err(CellError::new(
            "ProtocolError",
            "the API answered without a summary",
            "The conversation is as it was. `%reset chat` begins a new one.",
        )
        .into());
    };
    desktop.state.record(record);
    let outcome = desktop.tell(shown(turns, summary(&blocks))).await;
    match leave {
        Some(leave) => Err(Stopped {
            error: CellError::interrupted(),
            leave: Some(leave),
        }),
        None => Ok(outcome),
    }
}

/// Sums up by itself before a prompt. That it failed is no reason not to send the prompt.
///
/// # Errors
/// When the cell was stopped meanwhile.
pub(super) async fn before_prompt(desktop: &mut Desktop<'_>) -> Result<Outcome, Stopped> {
    match compact(None, desktop).await {
        Err(stopped) if stopped.leave.is_none() && stopped.error.ename != INTERRUPTED => {
            let why = format!(
                "The context is nearly full, and the conversation could not be summed up: {}",
                stopped.error.evalue
            );
            desktop.scene.show(warnings([why].iter())).await;
            Ok(Outcome::default())
        }
        result => result,
    }
}

/// Whether to sum up before a prompt: asked for, needed, and possible.
#[must_use]
pub(super) fn is_due(desktop: &Desktop<'_>) -> bool {
    let conversations = &desktop.state.conversations;
    desktop.settings.auto_compact
        && can(desktop.settings)
        && conversations.is_nearly_full(&desktop.state.cell, desktop.settings)
}

/// After a call that failed: lets go of a summary that the API refused, and says where a full
/// context may be the reason.
pub(super) fn advise(
    state: &mut State,
    settings: &Settings,
    error: &ApiError,
    shown: &mut CellError,
) {
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
    if is_refusal && conversations.is_nearly_full(&state.cell, settings) {
        let hint = shown.hint.take().unwrap_or_default();
        shown.hint = Some(format!(
            "The context window is nearly full: `%compact` makes room. {hint}"
        ));
    }
}

/// A model in no table may try.
fn can(settings: &Settings) -> bool {
    model::lookup(&settings.model).is_none_or(|spec| spec.compacts)
}

fn summary(blocks: &[Value]) -> Option<&str> {
    blocks.iter().find_map(|block| {
        let is_summary = block.get("type").and_then(Value::as_str) == Some("compaction");
        is_summary.then(|| block.get("content")?.as_str()).flatten()
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
