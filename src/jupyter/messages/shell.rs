//! Replies on shell; those that need no state also on control.

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use super::{Content, Empty};
use crate::jupyter::mime::{ErrorOutput, MimeBundle};

/// `kernel_info_reply`: who the kernel is.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct KernelInfoReply {
    /// The version of the protocol, such as `5.5`.
    pub protocol_version: &'static str,
    /// The program's name.
    pub implementation: &'static str,
    /// The program's version.
    pub implementation_version: &'static str,
    /// What notebooks keep of the language.
    pub language_info: LanguageInfo,
    /// What a terminal shows first.
    pub banner: String,
    /// Links for a help menu.
    pub help_links: Vec<Empty>,
    /// Whether there is a debugger; older clients look here.
    pub debugger: bool,
    /// The abilities of JEP 92 that the kernel has: neither subshells nor a debugger.
    pub supported_features: Vec<&'static str>,
}

/// `language_info` of `kernel_info_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LanguageInfo {
    /// The language's name.
    pub name: &'static str,
    /// Its version.
    pub version: &'static str,
    /// The mime type of a cell's text.
    pub mimetype: &'static str,
    /// Of scripts, with the dot.
    pub file_extension: &'static str,
    /// What exporters highlight it with.
    pub pygments_lexer: &'static str,
    /// What editors highlight it with. Text: a mode that is an object breaks strict clients.
    pub codemirror_mode: &'static str,
}

/// `execute_reply` of a cell that did not fail. One that did is answered by [`ExecuteError`].
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct ExecuteReply {
    /// The cell's number.
    pub execution_count: u32,
    /// What the front end is to do besides.
    pub payload: Vec<Payload>,
    /// The answers to `user_expressions`.
    pub user_expressions: UserExpressions,
}

/// `execute_reply` of a cell that failed or did not run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename = "error")]
pub struct ExecuteError {
    /// The cell's number; `None` leaves it out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub execution_count: Option<u32>,
    /// What went wrong.
    #[serde(flatten)]
    pub error: ErrorOutput,
    /// Empty.
    pub user_expressions: Empty,
    /// Empty.
    pub payload: [Payload; 0],
}

/// Metadata of `execute_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ExecuteMetadata {
    /// When the cell began, in RFC 3339.
    pub started: String,
    /// `ok` or `error`, as in the content.
    pub status: &'static str,
}

/// What a front end is to do after a cell.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "source", rename_all = "snake_case")]
pub enum Payload {
    /// Show something in a pager.
    Page {
        /// What; with `text/plain`.
        data: MimeBundle,
        /// The line to begin at.
        start: u32,
    },
    /// Leave, as a terminal does.
    AskExit {
        /// Whether the kernel goes on without the front end.
        keepkernel: bool,
    },
}

/// The answers to `user_expressions`, in the order in which they were asked for.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct UserExpressions(pub Vec<(String, Expression)>);

/// The answer to one expression.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum Expression {
    /// It has a value.
    Ok {
        /// The value.
        data: MimeBundle,
        /// Empty.
        metadata: Empty,
    },
    /// It has none.
    Error(ErrorOutput),
}

/// `complete_reply`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct CompleteReply {
    /// What may stand there.
    pub matches: Vec<String>,
    /// From where it is replaced, in code points.
    pub cursor_start: usize,
    /// Up to where.
    pub cursor_end: usize,
    /// What more is known of the matches.
    pub metadata: CompleteMetadata,
}

/// Metadata of `complete_reply`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CompleteMetadata {
    /// One for each match.
    #[serde(rename = "_jupyter_types_experimental")]
    pub types: Vec<MatchType>,
}

/// What is known of one match.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MatchType {
    /// From where it is replaced, in code points.
    pub start: usize,
    /// Up to where.
    pub end: usize,
    /// What is inserted.
    pub text: String,
    /// What it is, such as `magic`.
    #[serde(rename = "type")]
    pub kind: &'static str,
}

/// `inspect_reply`.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct InspectReply {
    /// Whether there is anything to show.
    pub found: bool,
    /// What; empty if there is nothing.
    pub data: MimeBundle,
    /// Empty.
    pub metadata: Empty,
}

/// `is_complete_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum IsCompleteReply {
    /// It can be run.
    Complete,
    /// More lines are needed.
    Incomplete {
        /// What the next one begins with.
        indent: &'static str,
    },
    /// It cannot be run, whatever comes.
    Invalid,
}

/// `history_reply`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct HistoryReply {
    /// The cells, oldest first: session, line, text.
    pub history: Vec<(i64, u32, HistoryText)>,
}

/// What is told of one cell.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum HistoryText {
    /// What was typed.
    Input(String),
    /// What was typed, and what came of it.
    Both(String, String),
}

/// `comm_info_reply`: there are no comms.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
#[serde(tag = "status", rename = "ok")]
pub struct CommInfoReply {
    /// Empty.
    pub comms: Empty,
}

/// The replies to requests that look at the kernel's state and do not run.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(untagged)]
pub enum LookReply {
    /// To `complete_request`.
    Complete(CompleteReply),
    /// To `inspect_request`.
    Inspect(InspectReply),
    /// To `is_complete_request`.
    IsComplete(IsCompleteReply),
    /// To `history_request`.
    History(HistoryReply),
}

impl Payload {
    /// Shows a text in a pager, or below the cell where there is none.
    #[must_use]
    pub fn page(data: MimeBundle) -> Self {
        Self::Page { data, start: 0 }
    }
}

impl ExecuteError {
    /// Answers with what went wrong.
    #[must_use]
    pub fn new(error: ErrorOutput, execution_count: Option<u32>) -> Self {
        Self {
            execution_count,
            error,
            user_expressions: Empty::new(),
            payload: [],
        }
    }
}

impl Serialize for UserExpressions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, expression) in &self.0 {
            map.serialize_entry(name, expression)?;
        }
        map.end()
    }
}

impl Content for KernelInfoReply {
    fn msg_type(&self) -> &str {
        "kernel_info_reply"
    }
}

impl Content for ExecuteReply {
    fn msg_type(&self) -> &str {
        EXECUTE_REPLY
    }
}

impl Content for ExecuteError {
    fn msg_type(&self) -> &str {
        EXECUTE_REPLY
    }
}

impl Content for CommInfoReply {
    fn msg_type(&self) -> &str {
        "comm_info_reply"
    }
}

impl Content for LookReply {
    fn msg_type(&self) -> &str {
        match self {
            Self::Complete(_) => "complete_reply",
            Self::Inspect(_) => "inspect_reply",
            Self::IsComplete(_) => "is_complete_reply",
            Self::History(_) => "history_reply",
        }
    }
}

/// The type of the reply to `execute_request`.
pub const EXECUTE_REPLY: &str = "execute_reply";
