//! `%continue`: what to ask Claude after an answer that was cut off.

use crate::chat::own_prompt::go_on;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::Stopped;

/// Returns the prompt that asks Claude to go on with the answer above the cell.
///
/// # Errors
/// When there is no answer above the cell, or that answer is whole.
pub(super) fn prompt(context: &CellContext<'_>) -> Result<Outcome, Stopped> {
    let state = &*context.state;
    let above = state.conversations.above(&state.cell);
    // The cell that was stopped last left nothing, and says so: this says the same.
    let stopped = state.left_nothing.as_ref();
    if stopped.is_some_and(|cell| *cell != state.cell) {
        return Err(refusal(
            "nothing of the last answer is in the conversation: there is nothing to continue",
            "Run its cell again.",
        ));
    }
    let Some(last) = above.last() else {
        return Err(refusal(
            "`%continue` goes on after an answer, and there is none above this cell",
            "Nothing of a prompt that failed before its answer is kept: run its cell again.",
        ));
    };
    let Some(cut) = last.cut else {
        return Err(refusal(
            "the answer above this cell is whole: there is nothing to continue",
            "Ask for more in your own words.",
        ));
    };
    Ok(Outcome {
        prompt: Some(go_on(cut)),
        ..Outcome::default()
    })
}

fn refusal(evalue: &str, hint: &str) -> Stopped {
    CellError::new(ErrorKind::Magic, evalue, hint).into()
}
