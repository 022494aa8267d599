//! A turn for the kernel's own needs: shown nowhere and part of no history.
//!
//! The turn runs in the sandbox of the conversation, so that no second sandbox is made. Its costs
//! stand in the ledger like those of any other turn.

use crate::chat::input::Attachment;
use crate::chat::settings::{Languages, Settings};
use crate::chat::turn::ask::{Ask, Kind};
use crate::chat::turn::{FinishedTurn, TurnEnd};
use crate::kernel::context::CellContext;
use crate::kernel::error::CellError;
use crate::kernel::interrupts::Stopped;

use super::run::run;

/// The most tokens of the answer: a command and a word.
const MAX_TOKENS: u32 = 4_000;

/// Has Claude run one thing in the sandbox; returns the turn.
///
/// # Errors
/// When the turn failed, the budget does not pay for it, or the person stopped it.
pub async fn hidden_turn(
    line: &str,
    prompt: &str,
    attachments: Vec<Attachment>,
    context: &mut CellContext<'_>,
) -> Result<Box<FinishedTurn>, Stopped> {
    let settings = Settings {
        max_tokens: MAX_TOKENS,
        languages: Languages {
            bash: true,
            python: true,
        },
        dated_tools: Vec::new(),
        format: None,
        client_tools: Vec::new(),
        ..context.settings.clone()
    };
    let ask = Ask {
        kind: Kind::Hidden,
        attachments,
        ..Ask::of(context.state.cell.clone(), settings, prompt)
    };
    let ended = run(ask, line, context).await?;
    let conversations = &context.state.conversations;
    if let Some(record) = conversations.container_changed(ended.container.as_deref()) {
        context.state.record(record);
    }
    if let Some(error) = CellError::from_end(
        &ended.end,
        context.services.used(),
        context.services.local_now(),
    ) {
        return Err(Stopped {
            error,
            leave: ended.leave,
        });
    }
    match ended.end {
        TurnEnd::Finished(turn) => Ok(turn),
        TurnEnd::Refused { .. }
        | TurnEnd::OverBudget { .. }
        | TurnEnd::Failed { .. }
        | TurnEnd::Interrupted { .. } => Err(CellError::interrupted().into()),
    }
}
