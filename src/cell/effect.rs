//! What a magic asks the actor to do: data, nothing else.

use serde_json::Value;

use super::job::Job;
use crate::chat::schema::Fit;
use crate::chat::settings::Settings;
use crate::chat::verbatim::Language;

/// What a magic asks the actor to do. Magics never do anything themselves.
#[derive(Debug, Clone, PartialEq)]
pub enum Effect {
    /// Replace the settings; the scope of the call says for how long.
    Settings(Box<Settings>),
    /// `%system --file PATH`: read the file, then replace the settings by
    /// [`crate::cell::magics::system::with_text`], for as long as the scope of the call says.
    SystemFile {
        /// As typed.
        path: String,
        /// Whether the text is added to the one in force.
        append: bool,
    },
    /// Show a value: `execute_result` with both forms.
    Show {
        /// `text/markdown`.
        markdown: String,
        /// `text/plain`.
        plain: String,
    },
    /// Show a quiet line, such as that a setting was taken but has no effect yet.
    Warn(String),
    /// Help to page: `payload` of the reply, in both forms.
    Page {
        /// `text/markdown`.
        markdown: String,
        /// `text/plain`.
        plain: String,
    },
    /// Set a variable.
    SetVariable { name: String, value: Value },
    /// Something the kernel does, in the order of the cell, before the prompt is sent.
    Job(Job),
    /// `%%json`: this cell's turn ends with a structured result.
    Result(Box<Asked>),
    /// `%%exec`: this cell's turn runs code as it stands.
    Exec {
        /// What it is written in.
        language: Language,
        /// The code, without white space at its end.
        code: String,
    },
    /// `%%dry`: show the request instead of sending it.
    Dry,
    /// `%reset`.
    Reset(Reset),
    /// `%undo`, `%thread`, `%fork`.
    Conversation(ConversationOp),
}

/// What `%reset` takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reset {
    /// The conversation.
    Chat,
    /// The container id.
    Sandbox,
    /// Both, settings and variables.
    All,
}

/// What happens to the conversations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ConversationOp {
    /// `%undo`: the last turn is taken back.
    Undo,
    /// `%thread`: cells talk in this conversation, which is made if there is none of this name.
    Thread(String),
    /// `%fork`: a new conversation begins with the turns above the cell.
    Fork(String),
}

/// A cell that wants a structured result.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// The variable it becomes.
    pub name: String,
    /// Where the schema is.
    pub schema: Source,
    /// What is asked.
    pub prompt: String,
}

/// Where a schema is.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// In the cell.
    Cell(Box<Fit>),
    /// In a file, as typed.
    File(String),
}
