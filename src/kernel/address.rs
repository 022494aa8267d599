//! Which cell a request is about (`jupyter.md` 1.4). Pure.

use serde_json::Value;

use crate::chat::conversation::Conversations;
use crate::chat::conversation::order::CellKey;
use crate::jupyter::wire::Message;

/// The most characters of an id that is taken as one: a document's address is some hundred.
const LONGEST_ID: usize = 4_096;

/// Returns the cell that sent a request; a run of its own where the front end names none.
pub(super) fn of(request: &Message, conversations: &Conversations) -> CellKey {
    let id = request.metadata.get("cellId").and_then(Value::as_str);
    id.filter(|id| !id.is_empty() && id.len() <= LONGEST_ID)
        .map_or_else(|| conversations.order().next_run(), CellKey::of_id)
}

/// Returns the cells that the notebook deleted, as a request tells.
pub(super) fn deleted(request: &Message) -> impl Iterator<Item = CellKey> {
    let ids = request
        .metadata
        .get("deletedCells")
        .and_then(Value::as_array);
    ids.into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .map(CellKey::of_id)
}
