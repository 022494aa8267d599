//! What a cell writes to the journal, and what the first cell gets back from it.

use crate::jupyter::request::Execute;
use crate::kernel::context::CellContext;
use crate::kernel::history_entry::HistoryEntry;
use crate::kernel::interrupts::{Leave, unless_stopped};
use crate::kernel::lines::{notes, warnings};
use crate::kernel::magics::resume;
use crate::kernel::notebook::Notebook;
use crate::kernel::recordings::read;
use crate::kernel::save;
use crate::render::renderer::DisplayMode;

/// Writes the cell down. Before the first cell, chooses the journal and says what was found.
/// `resumes` says that the cell itself asks for an earlier conversation.
pub(super) async fn begin(
    execute: &Execute,
    resumes: bool,
    notebook: Option<&Notebook>,
    context: &mut CellContext<'_>,
) {
    if !execute.silent && context.journal.is_asleep() {
        read_recordings(notebook, context).await;
        let is_headless = context.output.display_mode == DisplayMode::Batch;
        let chosen = context.journal.wake(is_headless).await;
        context.state.library.read(chosen.recordings);
        context.state.library.adopts = !is_headless && !chosen.has_earlier;
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

/// Reads the recordings of the notebook and of the file that was named, before the front end saves
/// the notebook with cells whose outputs it has cleared.
async fn read_recordings(notebook: Option<&Notebook>, context: &mut CellContext<'_>) {
    let named = context.state.library.options.file.clone();
    let own = notebook.map(|notebook| notebook.path().to_owned());
    let reading = tokio::task::spawn_blocking(move || {
        let named = named.map(|path| (read::read(&path), path));
        (named, own.map(|path| read::read(&path)))
    });
    let Ok((named, own)) = reading.await else {
        return tracing::error!("recordings could not be read");
    };
    let mut told = Vec::new();
    let (named, own) = (
        named.and_then(|(read, path)| {
            let said = |error| {
                format!(
                    "The setting `record` names `{}`, which cannot be used: {error}",
                    path.display()
                )
            };
            read.map_err(|error| told.push(said(error))).ok()
        }),
        own.and_then(Result::ok),
    );
    for read in named.iter().chain(&own) {
        for (count, why) in &read.unreadable {
            let cell = count.map_or_else(|| "a cell".to_owned(), |count| format!("In [{count}]"));
            told.push(format!("The recorded answer of {cell} is left out: {why}."));
        }
    }
    let library = &mut context.state.library;
    library.read_named(named.into_iter().flat_map(|read| read.found));
    library.read(own.into_iter().flat_map(|read| read.found));
    told.truncate(MAX_TOLD);
    context.output.show(warnings(told.iter())).await;
}

/// The most recordings that are told of because they cannot be read.
const MAX_TOLD: usize = 3;

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
