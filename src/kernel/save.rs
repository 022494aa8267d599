//! Hands changes to the journal: between cells, and at the beginning and the end of a turn.

use crate::chat::receipt::Receipt;
use crate::chat::record::Record;
use crate::chat::turn::ask::Ask;
use crate::chat::turn::compose::{Brought, Sent};
use crate::chat::turn_loop::TurnLoop;
use serde_json::Value;

use super::context::CellContext;
use super::journal::Journal;
use super::journal::entry::How;
use super::state::State;

/// Hands over the records that were not written yet; returns whether there were any. Before the
/// first cell there is no journal, so the records wait.
pub(super) fn write(state: &mut State, journal: &mut Journal) -> bool {
    if journal.is_asleep() {
        return false;
    }
    let records = state.take_changes();
    let is_changed = !records.is_empty();
    journal.records(records.into_iter());
    is_changed
}

/// Writes that a turn begins, after the settings if they have changed.
pub(super) fn begin_turn(context: &mut CellContext<'_>, ask: &Ask, sent: &Sent) {
    let state = &mut *context.state;
    if state.conversations.settings() != Some(&state.settings) {
        state.record(Record::Settings(Box::new(state.settings.clone())));
    }
    write(state, context.journal);
    let receipt = Receipt {
        model: ask.settings.model.clone(),
        effort: ask.settings.effort,
        // The API has not told the costs yet.
        at_least: true,
        turn: sent.number,
        count: context.output.count,
        standing: sent.standing.clone(),
        offline: context.services.offline,
        ..Receipt::default()
    };
    let container = state.conversations.current().container();
    let asked = without_answer(sent, receipt, container);
    context
        .journal
        .begin_turn(context.output.count, &ask.prompt, asked);
}

/// Writes what a turn sends if that is another request than the one it began with. If the process
/// ends before the turn does, the turn is then kept bound to the request that was really sent.
pub(super) fn sent_again(journal: &mut Journal, turn: &TurnLoop) {
    if turn.is_on_trial() {
        let container = turn.container();
        let asked = without_answer(turn.sent(), turn.receipt(), container);
        journal.asked_again(asked);
    }
}

/// Writes that a turn is over, with the records that it left.
pub(super) fn end_turn(context: &mut CellContext<'_>, is_whole: bool) {
    let how = match is_whole {
        true => How::Finished,
        false => How::Stopped,
    };
    let changes = context.state.take_changes();
    context.journal.end_turn(how, changes.into_iter());
}

/// The turn's record, still without an answer.
fn without_answer(sent: &Sent, receipt: Receipt, container: Option<&str>) -> Value {
    let record = sent.record(Brought {
        answers: &[],
        cut: Some(crate::chat::receipt::Cut::Failed),
        receipt,
        message_id: None,
        container: container.map(str::to_owned),
    });
    serde_json::to_value(&record).unwrap_or_default()
}
