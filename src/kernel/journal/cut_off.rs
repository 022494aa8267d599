//! From a turn that the process did not survive to a record of it, by the rules of interrupted turns.
//! Pure.

use serde_json::{Value, json};

use super::running::Running;
use crate::anthropic::request::{MessageParam, Role};
use crate::chat::conversation::{Conversations, Opening, message};
use crate::chat::history;
use crate::chat::question::Question;
use crate::chat::record::{Record, TurnRecord};
use crate::chat::turn::{Cut, FinishedTurn, Receipt, ToolChanges, TurnMessage};

/// Returns the record that a turn would be kept by if nothing came, for the journal.
#[must_use]
pub fn asked(
    conversations: &Conversations,
    opening: &Opening,
    question: &Question,
    receipt: Receipt,
    container: Option<&str>,
) -> Value {
    // A record has an answer; its place is taken when one is known.
    let placeholder = TurnMessage {
        role: Role::Assistant,
        blocks: vec![json!({"type": "text", "text": "-"})],
    };
    let turn = FinishedTurn {
        question: question.clone(),
        messages: vec![placeholder],
        answer: String::new(),
        message_id: None,
        receipt,
        thinking_refused: false,
        tool_changes: ToolChanges::Taken,
        cut: Some(Cut::Failed),
        result: None,
    };
    match conversations.turn_record(opening.clone(), turn, container) {
        Some(Record::Turn(mut record)) => {
            record.answers.clear();
            serde_json::to_value(&*record).unwrap_or_default()
        }
        _ => Value::Null,
    }
}

/// Returns what is kept of a turn that was cut off; `None` when nothing of it can be sent again.
#[must_use]
pub fn record(running: &Running) -> Option<Record> {
    let mut record: TurnRecord = serde_json::from_value(running.asked.clone()).ok()?;
    if let Some(container) = running.container() {
        record.container = Some(container.to_owned());
    }
    let said = running.messages();
    let kept = history::keep(&said, true, record.container.is_some());
    let answers = kept.messages.into_iter();
    record.answers = answers
        .filter_map(|said| message(said.role, &said.blocks))
        .collect::<Vec<MessageParam>>();
    record.receipt.runs = running.runs();
    (!record.answers.is_empty()).then(|| Record::Turn(Box::new(record)))
}
