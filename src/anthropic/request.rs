//! The body of `POST /v1/messages` (`docs/protocol.md#request-body`), serialised with the fields in
//! a fixed order.

use serde::ser::SerializeMap as _;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use super::call::{API_VERSION, OLD_API_VERSION};
use super::content::Content;

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The person, and tool results.
    User,
    /// Claude; content exactly as received.
    Assistant,
    /// A mid-conversation instruction (`docs/protocol.md#system-messages`).
    System,
}

/// One message, its content serialised once and re-sent as bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct MessageParam {
    /// Who says it.
    pub role: Role,
    /// Its blocks.
    pub content: Content,
}

/// `container`: the sandbox to work in, and what to load into it
/// (`docs/protocol.md#sandbox-life, #skills`).
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// The sandbox's id; `None` for a new one.
    pub id: Option<String>,
    /// Entries of `skills`.
    pub skills: Vec<Value>,
}

impl Container {
    fn is_empty(&self) -> bool {
        self.id.is_none() && self.skills.is_empty()
    }
}

/// An id alone, or an object when there are skills.
impl Serialize for Container {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.skills.is_empty() {
            return self.id.serialize(serializer);
        }
        let mut map = serializer.serialize_map(None)?;
        if let Some(id) = &self.id {
            map.serialize_entry("id", id)?;
        }
        map.serialize_entry("skills", &self.skills)?;
        map.end()
    }
}

/// `POST /v1/messages`. `None` and empty fields are left out.
#[derive(Debug, Clone, Serialize)]
pub struct MessagesRequest {
    /// `model`.
    pub model: String,
    /// `max_tokens`, in tokens.
    pub max_tokens: u32,
    /// `stream`; true for every turn.
    pub stream: bool,
    /// `system`, text blocks.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub system: Vec<Value>,
    /// `tools`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<Value>,
    /// `thinking` (`docs/protocol.md#thinking`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub thinking: Option<Value>,
    /// `output_config` (`docs/protocol.md#effort, #structured-output`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub output_config: Option<Value>,
    /// `speed`: `fast`, or left out (`docs/protocol.md#fast-mode`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub speed: Option<&'static str>,
    /// `container`.
    #[serde(skip_serializing_if = "Container::is_empty")]
    pub container: Container,
    /// `diagnostics`: sent on every turn, `previous_message_id` null on the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diagnostics: Option<Value>,
    /// `compaction`: asks for a summary in place of an answer (`docs/protocol.md#compaction`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub compaction: Option<Value>,
    /// `messages`.
    pub messages: Vec<MessageParam>,
    /// `anthropic-beta`; a header, not a body field.
    #[serde(skip)]
    pub betas: Vec<String>,
    /// `anthropic-version`; a header too.
    #[serde(skip)]
    pub version: ApiVersion,
}

/// Which version of the API a request is for (`docs/protocol.md#api-version`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ApiVersion {
    /// The newest, as far as is known.
    #[default]
    Newest,
    /// The newest: it took a request of this session.
    Proven,
    /// The one before, because the newest was refused.
    Old,
}

impl ApiVersion {
    /// Returns the header's value.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Newest | Self::Proven => API_VERSION,
            Self::Old => OLD_API_VERSION,
        }
    }
}

/// `POST /v1/messages/count_tokens`: what of a request that endpoint takes
/// (`docs/protocol.md#token-counting`).
#[derive(Debug, Clone, Serialize)]
pub struct CountTokensRequest<'a> {
    model: &'a str,
    #[serde(skip_serializing_if = "is_empty")]
    system: &'a [Value],
    #[serde(skip_serializing_if = "is_empty")]
    tools: &'a [Value],
    #[serde(skip_serializing_if = "Option::is_none")]
    thinking: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    output_config: Option<&'a Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    speed: Option<&'static str>,
    /// Counts nothing; says why the last message is no person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    compaction: Option<&'a Value>,
    messages: &'a [MessageParam],
}

impl<'a> CountTokensRequest<'a> {
    /// Takes the countable part of a request.
    #[must_use]
    pub fn of(request: &'a MessagesRequest) -> Self {
        Self {
            model: &request.model,
            system: &request.system,
            tools: &request.tools,
            thinking: request.thinking.as_ref(),
            output_config: request.output_config.as_ref(),
            speed: request.speed,
            compaction: request.compaction.as_ref(),
            messages: &request.messages,
        }
    }
}

fn is_empty<T>(items: &&[T]) -> bool {
    items.is_empty()
}
