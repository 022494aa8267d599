//! What a cell writes to the journal, and what the first cell gets back from it.

use crate::jupyter::request::Execute;
use crate::kernel::context::CellContext;
use crate::kernel::history_entry::HistoryEntry;
use crate::kernel::interrupts::{Leave, unless_stopped};
use crate::kernel::lines::{notes, warnings};
use crate::kernel::magics::resume;
use crate::kernel::save;
use crate::render::renderer::DisplayMode;

/// Writes the cell down. Before the first cell, chooses the journal and says what was found.
/// `resumes` says that the cell itself asks for an earlier conversation.
pub(super) async fn begin(execute: &Execute, resumes: bool, context: &mut CellContext<'_>) {
    if !execute.silent && context.journal.is_asleep() {
        let is_headless = context.output.display_mode == DisplayMode::Batch;
        let chosen = context.journal.wake(is_headless).await;
        if let Some(contents) = chosen.continued {
            resume::adopt(context.state, context.journal, *contents);
        }
        // A person who resumes need not be told that there is something to resume.
        let notice = chosen.notice.filter(|_| !resumes);
        context.output.show(notes(notice.iter())).await;
    }
    if execute.store_history {
        context.journal.cell(context.state.count, &execute.code);
    }
}

/// Writes down what a cell changed and what it showed. Returns why the kernel is to leave, if it
/// was told so meanwhile.
pub(super) async fn end(
    execute: &Execute,
    output: String,
    context: &mut CellContext<'_>,
) -> Option<Leave> {
    if !execute.silent {
        context.state.record_settings();
    }
    let is_changed = save::write(context.state, context.journal);
    if execute.store_history {
        context.journal.output(context.state.count, &output);
        context.state.history.push(HistoryEntry {
            line: context.state.count,
            input: execute.code.clone(),
            output,
        });
    }
    if !is_changed {
        return None;
    }
    let saving = context.journal.safe();
    match unless_stopped(saving, context.interrupts, context.output.replies).await {
        Ok(unsaved) => {
            context.output.show(warnings(unsaved.iter())).await;
            None
        }
        // The thread goes on writing; the cell no longer waits for it.
        Err(stopped) => stopped.leave,
    }
}
