//! Everything that changes what was said, as values. The conversations are a fold over these
//! values.
//!
//! The kernel makes a record, writes it to the journal, then applies it
//! ([`super::conversation::Conversations::apply`]); a restarted kernel applies the same records
//! again and stands where it stood. Invariant: nothing changes the conversations but a record.
//! New fields get a default, so that older journals stay readable; a change that an older version
//! must not ignore gets a new kind, which it refuses by name ([`RecordError::Newer`]).

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;

use crate::anthropic::content::Content;
use crate::anthropic::request::MessageParam;

use super::conversation::digest::Digest;
use super::conversation::order::CellKey;
use super::conversation::prefix::{Notice, Prefix};
use super::input::{Delivery, Input};
use super::ledger::Entry;
use super::receipt::{Cut, Receipt};
use super::settings::Settings;

/// Number of a turn among all turns ever made; 1-based, never used twice.
pub type TurnId = u64;

/// One change.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// A cell with a prompt ran for the first time, or again after it was deleted.
    Ran {
        /// The cell.
        cell: CellKey,
    },
    /// A turn was made, whole or cut off. It replaces the turn that its cell had in this
    /// conversation.
    Turn(Box<TurnRecord>),
    /// A turn was taken back.
    Undone {
        /// The conversation.
        thread: String,
        /// The turn.
        turn: TurnId,
    },
    /// From here on cells talk in this conversation, which is made if there is none of this name.
    Thread {
        /// Its name.
        name: String,
    },
    /// A new conversation began with turns of another, and cells talk in it from here on.
    Forked {
        /// The new one.
        name: String,
        /// The old one.
        from: String,
        /// The turns they share.
        turns: Vec<TurnId>,
    },
    /// The notebook deleted cells: their turns are no longer sent. They return if a cell runs again.
    Detached {
        /// The cells.
        cells: Vec<CellKey>,
    },
    /// A conversation was forgotten; its sandbox stays.
    Reset {
        /// The conversation.
        thread: String,
    },
    /// The reset of a conversation was taken back.
    Restored {
        /// The conversation.
        thread: String,
    },
    /// All conversations were forgotten.
    ResetAll,
    /// A conversation works in another sandbox from here on.
    Container {
        /// The conversation.
        thread: String,
        /// The sandbox; `None` until the next command makes one.
        id: Option<String>,
        /// The cells whose work the sandbox already holds, such as after a replay.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        cells: Vec<CellKey>,
    },
    /// A summary stands for the first turns of a conversation.
    Compacted {
        /// The conversation.
        thread: String,
        /// The message with the `compaction` block, as it is sent (`docs/protocol.md#compaction`).
        message: MessageParam,
        /// The turns it stands for, in order.
        turns: Vec<TurnId>,
        /// The tools in force after the summary, if it changes those of `tools`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        tools: Option<Vec<Value>>,
    },
    /// The API refused the summary of a conversation: its turns are sent again.
    Uncompacted {
        /// The conversation.
        thread: String,
    },
    /// Settings as they hold from here on.
    Settings(Box<Settings>),
    /// A variable has this value from here on, in all conversations of the notebook.
    Variable {
        /// Its name.
        name: String,
        /// A text, or a structured result: as JSON, so that it may be nested as deeply as it came.
        value: Arc<RawValue>,
    },
    /// A file was uploaded, or is sent in another way from here on.
    Input {
        /// All that is known of it.
        input: Box<Input>,
        /// How the file is sent with the next prompt, if it is sent with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        waits: Option<Delivery>,
    },
    /// A file is no longer at the API.
    InputGone {
        /// Its id.
        file_id: String,
        /// The id of the same content, uploaded again.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        again: Option<String>,
    },
    /// A sandbox was asked what it has installed.
    Packages {
        /// The sandbox.
        container: String,
        /// What it has, as lines of `name==version`.
        listing: String,
    },
    /// A run of a cell was paid for, however the cell ended.
    Spent(Box<Entry>),
    /// Another process goes on with the conversation. Cell ids that were valid only in the old
    /// process have no meaning any more.
    Restarted,
}

/// The names of the kinds, as they are written.
const KINDS: &[&str] = &[
    "ran",
    "turn",
    "undone",
    "thread",
    "forked",
    "detached",
    "reset",
    "restored",
    "reset_all",
    "container",
    "compacted",
    "uncompacted",
    "settings",
    "variable",
    "input",
    "input_gone",
    "packages",
    "spent",
    "restarted",
];

/// A turn, as it is kept and sent again.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct TurnRecord {
    /// The conversation.
    pub thread: String,
    /// Its number.
    pub id: TurnId,
    /// The cell that made it.
    pub cell: CellKey,
    /// What the person asked.
    pub prompt: String,
    /// `content` of the user message: what the kernel put before the prompt, and the prompt.
    pub question: Content,
    /// What Claude was told of changed settings, after the question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// What followed, in order.
    pub answers: Vec<MessageParam>,
    /// Why the answer stops in the middle, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
    /// What it took.
    pub receipt: Receipt,
    /// `id` of the last message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub message_id: Option<String>,
    /// The sandbox after the turn.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub container: Option<String>,
    /// Digest of all that was sent before the question: the thinking is bound to it.
    pub bound: Digest,
    /// Which turns stood above the cell ([`super::conversation::digest::chain_hash`]).
    pub above: u64,
    /// `system` and `tools`, if they changed with this turn. Notices of earlier turns are then no
    /// longer sent, because they are part of the new `system`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<Prefix>,
    /// Whether a new `prefix` leaves the thinking of earlier turns alone, so that only `stripped`
    /// turns lose theirs. Older versions took out all thinking if `prefix` was new.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub keeps_thinking: bool,
    /// Earlier turns whose thinking was not sent with this turn. They have lost it for good.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stripped: Vec<TurnId>,
    /// The digest of what was asked and answered, by which recordings are found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recording: Option<Digest>,
    /// The files that a recording made, if one answered: its sandbox is not that of this
    /// conversation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub played: Option<Vec<Artifact>>,
    /// The model for which the API refused changes of tools. From here on, changed tools are sent
    /// to it in `tools`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub no_tool_changes: Option<String>,
}

/// A file that a turn made, in the folder of the notebook.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Artifact {
    /// Its name.
    pub name: String,
    /// SHA-256 in hexadecimal.
    pub sha256: String,
}

/// A record that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    /// A kind this version does not know.
    #[error("`{kind}` was written by a newer version of claude-kernel")]
    Newer {
        /// The kind.
        kind: String,
    },
    /// No record at all, or one that lacks something.
    #[error("this is no record of a conversation: {source}")]
    Broken {
        /// Where it broke.
        source: serde_json::Error,
    },
}

impl Record {
    /// Returns a key, if only the last of all records with the same key counts.
    #[must_use]
    pub fn last_word_on(&self) -> Option<String> {
        match self {
            Self::Settings(_) => Some("settings".to_owned()),
            Self::Variable { name, .. } => Some(format!("variable {name}")),
            Self::Input { input, .. } => Some(format!("input {}", input.file_id)),
            Self::Packages { .. } => Some("packages".to_owned()),
            _ => None,
        }
    }

    /// Reads a record, such as one line of a journal holds.
    ///
    /// # Errors
    /// When its kind is unknown, or it is no record.
    pub fn parse(text: &str) -> Result<Self, RecordError> {
        serde_json::from_str(text).map_err(|source| {
            let kind = match serde_json::from_str::<Value>(text) {
                Ok(Value::String(kind)) => Some(kind),
                Ok(Value::Object(map)) if map.len() == 1 => map.into_iter().next().map(|(k, _)| k),
                _ => None,
            };
            match kind.filter(|kind| !KINDS.contains(&kind.as_str())) {
                Some(kind) => RecordError::Newer { kind },
                None => RecordError::Broken { source },
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_of_a_newer_version_is_named() {
        for (text, kind) in [(r#"{"dreamt":{"of":1}}"#, "dreamt"), (r#""lent""#, "lent")] {
            let error = Record::parse(text).unwrap_err();
            assert!(
                matches!(&error, RecordError::Newer { kind: found } if found == kind),
                "{error}"
            );
        }
        for text in [
            "",
            "{",
            "3",
            "{}",
            r#"{"ran":{}}"#,
            r#"{"ran":1,"undone":2}"#,
        ] {
            let error = Record::parse(text).unwrap_err();
            assert!(matches!(error, RecordError::Broken { .. }), "{text}");
        }
    }

    #[test]
    fn every_kind_has_its_name_and_fields_of_a_newer_version_are_ignored() {
        let records = [
            r#"{"ran":{"cell":{"cell":"a"},"mood":"good"}}"#,
            r#"{"undone":{"thread":"main","turn":3}}"#,
            r#"{"thread":{"name":"aside"}}"#,
            r#"{"forked":{"name":"aside","from":"main","turns":[1,2]}}"#,
            r#"{"detached":{"cells":[{"document":"x"},{"run":4}]}}"#,
            r#"{"reset":{"thread":"main"}}"#,
            r#"{"restored":{"thread":"main"}}"#,
            r#""reset_all""#,
            r#"{"container":{"thread":"main","id":null}}"#,
            r#"{"compacted":{"thread":"main","message":{"role":"assistant","content":[]},"turns":[]}}"#,
            r#"{"uncompacted":{"thread":"main"}}"#,
            r#"{"settings":{"model":"claude-opus-5","mood":"good"}}"#,
            r#"{"variable":{"name":"towns","value":[{"n":1.50}],"mood":"good"}}"#,
            r#"{"input":{"input":{"file_id":"file_1","name":"a.csv","path":"/a.csv","size_bytes":3,"sha256":"00","mime_type":"text/csv"},"mood":"good"}}"#,
            r#"{"input_gone":{"file_id":"file_1","mood":"good"}}"#,
            r#"{"packages":{"container":"container_1","listing":"numpy==2.1.0\n","mood":"good"}}"#,
            r#"{"spent":{"count":3,"model":"claude-opus-5","cost_usd":0.5,"mood":"good"}}"#,
            r#""restarted""#,
        ];
        for text in records {
            let record = Record::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"));
            let again = serde_json::to_string(&record).unwrap();
            Record::parse(&again).unwrap_or_else(|error| panic!("{again}: {error}"));
            assert!(
                KINDS
                    .iter()
                    .any(|kind| text.contains(&format!("\"{kind}\"")))
            );
        }
        assert_eq!(KINDS.len(), records.len() + 1, "and `turn`");
    }
}
