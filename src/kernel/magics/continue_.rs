//! `%continue`: what to ask Claude after an answer that was cut off.

use crate::chat::receipt::Cut;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::Stopped;

/// Returns the prompt that asks Claude to go on with the answer above the cell.
///
/// # Errors
/// When there is no answer above the cell, or that answer is whole.
pub(super) fn prompt(context: &CellContext<'_>) -> Result<Outcome, Stopped> {
    let above = context.state.conversations.above(&context.state.cell);
    let Some(last) = above.last() else {
        return Err(refusal(
            "`%continue` goes on after an answer, and there is none above this cell",
            "Nothing of a prompt that failed before its answer is kept: run its cell again.",
        ));
    };
    let Some(cut) = last.cut else {
        return Err(refusal(
            "the answer above this cell is whole: there is nothing to continue",
            "Ask for more in your own words. If a cell below it was stopped before anything of its answer could be kept, run that cell again.",
        ));
    };
    Ok(Outcome {
        prompt: Some(words(cut).to_owned()),
        ..Outcome::default()
    })
}

/// A new user message: an answer cannot be begun for Claude (`docs/protocol.md#no-prefill`).
fn words(cut: Cut) -> &'static str {
    match cut {
        Cut::MaxTokens | Cut::ContextWindow => {
            "Your last answer was cut off by its length limit. Go on exactly where it ended, without repeating what is there."
        }
        Cut::Rounds | Cut::OverBudget => {
            "Your last answer was stopped before its end. Go on where it ended, without repeating what is there."
        }
        Cut::Interrupted | Cut::Failed => {
            "Your last answer was cut off. Go on exactly where it ended, without repeating what is there. A command that was running may have had its effect or not: check before you run it again."
        }
    }
}

fn refusal(evalue: &str, hint: &str) -> Stopped {
    CellError::new(ErrorKind::Magic, evalue, hint).into()
}
