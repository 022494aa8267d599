//! The conversation: finished turns, the container, and the requests made from them.
//!
//! Invariant: history only grows at its end. When `system` or `tools` differ from what was last
//! sent, all thinking is taken out of the stored turns, once, and never put back
//! (`claude-api.md` 14.1), so no request of ours is refused for its history.

use std::sync::Arc;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::anthropic::request::{MessageParam, MessagesRequest, Role};

use super::params;
use super::prompt::system_blocks;
use super::question::Question;
use super::settings::Settings;
use super::turn::{FinishedTurn, TurnUsage};

/// One message of a stored turn.
#[derive(Debug, Clone)]
struct Stored {
    role: Role,
    blocks: Vec<Value>,
    /// `blocks`, serialised once and sent again with every later turn.
    content: Arc<RawValue>,
}

impl Stored {
    fn new(role: Role, blocks: Vec<Value>) -> Option<Self> {
        let content = raw_array(&blocks)?;
        (!blocks.is_empty()).then_some(Self {
            role,
            blocks,
            content,
        })
    }
}

/// A finished turn, as `%history` and the ledger see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Turn {
    /// 1-based.
    pub number: u32,
    /// What the person asked.
    pub prompt: String,
    /// The answer's text.
    pub answer: String,
    /// The model that served.
    pub model: String,
    /// Tokens.
    pub usage: TurnUsage,
    /// US dollars, if the price is known.
    pub cost_usd: Option<f64>,
}

/// The chat behind a notebook.
#[derive(Debug, Default)]
pub struct Conversation {
    turns: Vec<Turn>,
    messages: Vec<Stored>,
    container: Option<String>,
    last_message_id: Option<String>,
    /// `system` and `tools` of the last request that was sent.
    frozen: Option<(Vec<Value>, Vec<Value>)>,
}

impl Conversation {
    /// Returns the finished turns, oldest first.
    #[must_use]
    pub fn turns(&self) -> &[Turn] {
        &self.turns
    }

    /// Returns the number the next turn will have.
    #[must_use]
    pub fn next_number(&self) -> u32 {
        u32::try_from(self.turns.len())
            .unwrap_or(u32::MAX)
            .saturating_add(1)
    }

    /// Returns the sandbox's id, if one is known.
    #[must_use]
    pub fn container(&self) -> Option<&str> {
        self.container.as_deref()
    }

    /// Remembers the sandbox, also after a turn that failed.
    pub fn set_container(&mut self, id: Option<String>) {
        self.container = id;
    }

    /// Forgets all turns; the sandbox stays.
    pub fn clear(&mut self) {
        *self = Self {
            container: self.container.take(),
            ..Self::default()
        };
    }

    /// Returns the request that asks `question` next, without changing anything (`%%dry` shows it).
    #[must_use]
    pub fn plan(&self, settings: &Settings, question: &Question) -> MessagesRequest {
        let (system, tools) = (system_blocks(settings), params::tools(settings));
        let keep_thinking = !self.is_changed(&system, &tools);
        let mut messages: Vec<MessageParam> = Vec::with_capacity(self.messages.len() + 1);
        let previous_user = self
            .messages
            .iter()
            .rposition(|stored| stored.role == Role::User);
        for (position, stored) in self.messages.iter().enumerate() {
            if Some(position) == previous_user {
                messages.extend(marked(&stored.blocks));
            } else if keep_thinking || stored.role != Role::Assistant {
                messages.push(MessageParam {
                    role: stored.role,
                    content: Arc::clone(&stored.content),
                });
            } else {
                messages.extend(
                    Stored::new(stored.role, without_thinking(&stored.blocks)).map(|stored| {
                        MessageParam {
                            role: stored.role,
                            content: stored.content,
                        }
                    }),
                );
            }
        }
        messages.extend(marked(&question.blocks()));
        MessagesRequest {
            model: settings.model.clone(),
            max_tokens: settings.max_tokens,
            stream: true,
            system,
            tools,
            thinking: params::thinking(settings),
            output_config: params::output_config(settings),
            container: self.container.clone(),
            diagnostics: Some(json!({"previous_message_id": self.last_message_id})),
            messages,
            betas: settings.all_betas(),
        }
    }

    /// As [`plan`](Self::plan), about to be sent: what it strips is stripped for good.
    pub fn begin(&mut self, settings: &Settings, question: &Question) -> MessagesRequest {
        let request = self.plan(settings, question);
        if self.is_changed(&request.system, &request.tools) {
            self.strip_thinking();
        }
        self.frozen = Some((request.system.clone(), request.tools.clone()));
        request
    }

    /// Appends a finished turn.
    pub fn commit(&mut self, turn: FinishedTurn) {
        if turn.thinking_refused {
            self.strip_thinking();
        }
        self.messages
            .extend(Stored::new(Role::User, turn.question.blocks()));
        for message in turn.messages {
            self.messages
                .extend(Stored::new(message.role, message.blocks));
        }
        self.turns.push(Turn {
            number: self.next_number(),
            prompt: turn.question.prompt,
            answer: turn.answer,
            model: turn.receipt.model,
            usage: turn.receipt.usage,
            cost_usd: turn.receipt.cost_usd,
        });
        self.last_message_id = turn.message_id.or(self.last_message_id.take());
    }

    fn is_changed(&self, system: &[Value], tools: &[Value]) -> bool {
        self.frozen
            .as_ref()
            .is_some_and(|(old_system, old_tools)| old_system != system || old_tools != tools)
    }

    fn strip_thinking(&mut self) {
        let messages = std::mem::take(&mut self.messages);
        self.messages = messages
            .into_iter()
            .filter_map(|stored| match stored.role {
                Role::Assistant if stored.blocks.iter().any(is_thinking) => {
                    Stored::new(Role::Assistant, without_thinking(&stored.blocks))
                }
                Role::Assistant | Role::User | Role::System => Some(stored),
            })
            .collect();
    }
}

/// Takes the thinking out of every assistant message of a request, as the last repair before its
/// refusal stands.
pub(super) fn strip_request(request: &mut MessagesRequest) -> bool {
    let mut stripped = false;
    let messages = std::mem::take(&mut request.messages);
    request.messages = messages
        .into_iter()
        .filter_map(|message| {
            if message.role != Role::Assistant {
                return Some(message);
            }
            let Ok(blocks) = serde_json::from_str::<Vec<Value>>(message.content.get()) else {
                return Some(message);
            };
            if !blocks.iter().any(is_thinking) {
                return Some(message);
            }
            stripped = true;
            Stored::new(Role::Assistant, without_thinking(&blocks)).map(|stored| MessageParam {
                role: Role::Assistant,
                content: stored.content,
            })
        })
        .collect();
    stripped
}

/// Serialises blocks as a message, to continue a turn.
pub(super) fn message(role: Role, blocks: Vec<Value>) -> Option<MessageParam> {
    Stored::new(role, blocks).map(|stored| MessageParam {
        role,
        content: stored.content,
    })
}

/// A user message whose last block carries a cache marker.
fn marked(blocks: &[Value]) -> Option<MessageParam> {
    let mut blocks = blocks.to_vec();
    if let Some(Value::Object(last)) = blocks.last_mut() {
        last.insert("cache_control".to_owned(), json!({"type": "ephemeral"}));
    }
    Some(MessageParam {
        role: Role::User,
        content: raw_array(&blocks)?,
    })
}

fn is_thinking(block: &Value) -> bool {
    matches!(
        block.get("type").and_then(Value::as_str),
        Some("thinking" | "redacted_thinking")
    )
}

fn without_thinking(blocks: &[Value]) -> Vec<Value> {
    blocks
        .iter()
        .filter(|block| !is_thinking(block))
        .cloned()
        .collect()
}

/// Serialises to raw JSON. `None` cannot happen for values that came from JSON.
fn raw_array(blocks: &[Value]) -> Option<Arc<RawValue>> {
    serde_json::value::to_raw_value(blocks).ok().map(Arc::from)
}
