//! Which cell a request is about (`docs/protocol.md#cell-ids`).

use serde_json::Value;

use crate::chat::conversation::Conversations;
use crate::chat::conversation::order::CellKey;
use crate::jupyter::wire::Message;
use crate::kernel::context::CellContext;
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::notebook::Notebook;

/// The most characters of a cell's id. A document's address has about a hundred; longer ids are
/// ignored.
const LONGEST_ID: usize = 4_096;

/// Takes note of which cell asks, of the order of the saved notebook, and of deleted cells.
///
/// # Errors
/// When the person or a shutdown stopped the cell.
pub async fn locate(
    request: &Message,
    notebook: Option<&mut Notebook>,
    context: &mut CellContext<'_>,
) -> Result<(), Stopped> {
    let order = match notebook {
        Some(notebook) => saved_order(notebook, context).await?,
        None => None,
    };
    let state = &mut *context.state;
    if let Some(ids) = order {
        state.conversations.set_file_order(ids);
    }
    state.cell = of(request, &state.conversations);
    let deleted = deleted(request).filter(|cell| *cell != state.cell);
    if let Some(record) = state.conversations.detached(deleted) {
        state.record(record);
    }
    Ok(())
}

/// Reads the order of the saved notebook on a thread of its own: it may be large.
async fn saved_order(
    notebook: &mut Notebook,
    context: &mut CellContext<'_>,
) -> Result<Option<Vec<String>>, Stopped> {
    let mut reading = notebook.clone();
    let read = tokio::task::spawn_blocking(move || {
        let order = reading.saved_order();
        (reading, order)
    });
    match unless_stopped(read, context.interrupts, context.output.replies).await? {
        Ok((read, order)) => {
            *notebook = read;
            Ok(order)
        }
        Err(error) => {
            tracing::warn!(%error, "the saved notebook was not read; cells keep their order");
            Ok(None)
        }
    }
}

/// Returns the cell that sent a request. If the front end names no cell, each request counts as a
/// cell of its own.
fn of(request: &Message, conversations: &Conversations) -> CellKey {
    let id = request.metadata.get("cellId").and_then(Value::as_str);
    id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID)
        .map_or_else(|| conversations.order().next_run(), CellKey::of_id)
}

/// Returns the cells that the notebook has deleted, as a request lists them.
fn deleted(request: &Message) -> impl Iterator<Item = CellKey> {
    let ids = request
        .metadata
        .get("deletedCells")
        .and_then(Value::as_array);
    ids.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(CellKey::of_id)
}
