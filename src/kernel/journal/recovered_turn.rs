//! Makes the record of a turn that was running when the process ended, by the rules of interrupted
//! turns. Pure.

use super::partial_turn::PartialTurn;
use crate::chat::history::{self, Said, Stage};
use crate::chat::record::{Record, TurnRecord};

/// Returns the record of a turn that was cut off; `None` if nothing of its answer can be sent
/// again.
#[must_use]
pub fn record(partial: &PartialTurn) -> Option<Record> {
    let mut record: TurnRecord = serde_json::from_value(partial.asked.clone()).ok()?;
    if let Some(container) = partial.container() {
        record.container = Some(container.to_owned());
    }
    let stage = Stage::Over {
        cut: true,
        sandbox_known: record.container.is_some(),
    };
    let kept = history::keep(&partial.messages(), stage);
    record.answers = kept.messages.iter().map(Said::param).collect();
    record.receipt.runs = partial.runs();
    (!record.answers.is_empty()).then(|| Record::Turn(Box::new(record)))
}
