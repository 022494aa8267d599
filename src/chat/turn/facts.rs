//! What is known when a request is composed, beside what is asked: which files and which sandbox
//! there are, what the budget leaves, what the API refused. If a request is refused, a repair
//! changes one fact and the request is composed anew.

use crate::anthropic::model::Models;
use crate::anthropic::request::ApiVersion;
use crate::chat::input::Gone;

/// What is known when a request is composed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// The files of the conversation.
    pub files: Files,
    /// The sandbox.
    pub sandbox: Sandbox,
    /// Where a request tells of tools that changed in mid-conversation.
    pub tools: Tools,
    /// Which thinking of earlier turns is sent.
    pub thinking: Thinking,
    /// The most tokens that the budget leaves for an answer; `None` without a limit.
    pub max_tokens: Option<u32>,
    /// Whether the API takes `diagnostics`.
    pub diagnostics: Diagnostics,
    /// The version of the API that the request asks for.
    pub version: ApiVersion,
    /// Which keys of the sandbox's results are sent back.
    pub keys: Keys,
    /// What models take.
    pub models: Models,
}

/// The files that questions refer to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Files {
    /// Files that the API no longer has, or has under another id.
    pub gone: Vec<Gone>,
    /// The ids of the files that the known sandbox has; `None` means that it has every file that it
    /// was given.
    pub in_sandbox: Option<Vec<String>>,
}

/// The sandbox of a conversation.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Sandbox {
    /// Its id, if it is known by now. A request names the sandbox only if a tool can use it.
    pub id: Option<String>,
    /// Its id when the question was asked. If there was none, the question brings the files and the
    /// note for a new sandbox. The turn itself may make a sandbox; this value then stays `None`, so
    /// that the question stays the same.
    pub at_question: Option<String>,
    /// Whether the sandbox of earlier turns turned out to be gone.
    pub is_replaced: bool,
}

impl Sandbox {
    /// Returns the facts about a conversation's sandbox before a turn.
    #[must_use]
    pub fn of(id: Option<&str>) -> Self {
        Self {
            id: id.map(str::to_owned),
            at_question: id.map(str::to_owned),
            is_replaced: false,
        }
    }
}

/// Where a request tells of tools that changed in mid-conversation
/// (`docs/protocol.md#tool-changes`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tools {
    /// In `system` messages, at the turns where tools changed, if the model takes such messages.
    #[default]
    InPlace,
    /// In `tools`, because the API refused the changes of this conversation.
    UpFront,
    /// In `tools`, because the API takes no changes of tools with this model.
    AlwaysUpFront,
}

/// Which thinking of earlier turns is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Thinking {
    /// The thinking that is still bound to what stands before it.
    #[default]
    Bound,
    /// None, because the API refused a request with thinking.
    Stripped,
}

/// Which keys of the sandbox's results are sent back (`docs/protocol.md#sending-answers-back`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Keys {
    /// All keys that came.
    #[default]
    All,
    /// The keys that the API's reference names, because the API refused others.
    Known,
}

/// Whether the API takes `diagnostics` (`docs/protocol.md#cache-diagnostics`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Diagnostics {
    /// As far as is known, the API takes the field.
    #[default]
    Sent,
    /// The API refused the field.
    Refused,
}
