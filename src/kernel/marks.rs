//! The receipts on the screen, and what has become of their answers since. Pure.
//!
//! An answer that was made without what now stands above it, or that Claude no longer sees, says so
//! in its own receipt, because that is where it is read. Only outputs of this process can be
//! changed; what was changed is saved with the notebook.

use crate::chat::conversation::Conversations;
use crate::chat::conversation::order::CellKey;
use crate::chat::record::TurnId;
use crate::jupyter::mime::Output;
use crate::render::receipt::{Mark, ShownReceipt};

/// The most receipts that are remembered: a run without cell ids adds one with each cell.
const MAX_SHOWN: usize = 1_000;
/// The most receipts that are changed by one cell; the others are changed by the next one.
const MAX_CHANGED: usize = 300;

/// What may have changed the conversation.
#[derive(Debug, Clone, Copy)]
pub enum Cause {
    /// The notebook: its cells were deleted or moved.
    Notebook,
    /// The cell with this execution count.
    Cell(u32),
}

/// The receipts on the screen.
#[derive(Debug, Default)]
pub struct Marks {
    shown: Vec<Shown>,
}

#[derive(Debug)]
struct Shown {
    cell: CellKey,
    thread: String,
    turn: TurnId,
    receipt: ShownReceipt,
    mark: Option<Mark>,
}

impl Marks {
    /// Takes note of the receipt of the turn that a cell has in the current conversation. A receipt
    /// that the cell had before is no longer on the screen.
    pub fn add(&mut self, cell: &CellKey, conversations: &Conversations, receipt: ShownReceipt) {
        self.forget(cell);
        let turns = conversations.turns().into_iter();
        let Some(turn) = turns.rev().find(|turn| turn.cell == *cell) else {
            return;
        };
        if self.shown.len() >= MAX_SHOWN {
            self.shown.remove(0);
        }
        self.shown.push(Shown {
            cell: cell.clone(),
            thread: conversations.current().name.clone(),
            turn: turn.id,
            receipt,
            mark: None,
        });
    }

    /// Forgets what a cell had on the screen: it runs again.
    pub fn forget(&mut self, cell: &CellKey) {
        self.shown.retain(|shown| shown.cell != *cell);
    }

    /// Returns the receipts that no longer tell the truth, as they have to be. `here` is the cell
    /// that runs.
    pub fn changed(
        &mut self,
        conversations: &Conversations,
        here: &CellKey,
        cause: Cause,
    ) -> Vec<Output> {
        if self.shown.is_empty() {
            return Vec::new();
        }
        // This is done for each cell: sorting what is almost sorted costs less than a map.
        let mut turns = conversations.turns_and_stale();
        turns.sort_by_key(|(turn, _)| turn.id);
        let order = conversations.order();
        let thread = &conversations.current().name;
        let has_turn = turns.iter().any(|(turn, _)| turn.cell == *here);
        let mut outputs = Vec::new();
        for shown in self
            .shown
            .iter_mut()
            .filter(|shown| shown.thread == *thread)
        {
            let known = turns.binary_search_by_key(&shown.turn, |(turn, _)| turn.id);
            let known = known.ok().and_then(|at| turns.get(at));
            let kind = match known.filter(|(turn, _)| turn.cell == shown.cell) {
                Some((_, false)) => None,
                Some((_, true)) => Some("stale"),
                // A deleted cell has no receipt on the screen.
                None if order.is_detached(&shown.cell) => continue,
                None => Some("undone"),
            };
            if kind == shown.mark.as_ref().map(|mark| mark.kind) {
                continue;
            }
            let is_above = order.position(here) < order.position(&shown.cell);
            shown.mark = kind.map(|kind| mark(kind, cause, has_turn && is_above));
            outputs.push(shown.receipt.update(shown.mark.as_ref()));
            if outputs.len() == MAX_CHANGED {
                break;
            }
        }
        outputs
    }
}

/// Says what has become of an answer. `is_above` says that the cell which runs stands above it and
/// was answered.
fn mark(kind: &'static str, cause: Cause, is_above: bool) -> Mark {
    let text = match (kind, cause) {
        ("undone", Cause::Cell(count)) => {
            format!("taken back by In [{count}]: Claude no longer sees this answer")
        }
        ("undone", Cause::Notebook) => "taken back: Claude no longer sees this answer".to_owned(),
        (_, Cause::Cell(count)) if is_above => {
            format!("stale: In [{count}] above changed; run this cell again")
        }
        (_, Cause::Cell(count)) => {
            format!("stale: In [{count}] changed what stands above; run this cell again")
        }
        (_, Cause::Notebook) => {
            "stale: cells above were deleted or moved; run this cell again".to_owned()
        }
    };
    Mark { kind, text }
}
