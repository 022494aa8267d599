//! A turn as it is kept: serialised once, sent again as bytes.
//!
//! Invariant: what Claude said is never rebuilt. Thinking may be taken out, whole and for good.

use std::sync::Arc;

use serde_json::Value;

use crate::anthropic::request::{MessageParam, Role};
use crate::chat::record::{TurnId, TurnRecord};
use crate::chat::tool_changes;
use crate::chat::turn::{Cut, Receipt};

use super::mark::Mark;
use super::message;
use super::order::CellKey;

/// A turn.
#[derive(Debug, Clone)]
pub struct Turn {
    /// Its number among all turns ever made.
    pub id: TurnId,
    /// The cell that made it.
    pub cell: CellKey,
    /// What the person asked.
    pub prompt: Arc<str>,
    /// The answer's text.
    pub answer: Arc<str>,
    /// Why the answer stops in the middle, if it does.
    pub cut: Option<Cut>,
    /// What it took.
    pub receipt: Arc<Receipt>,
    /// `id` of the last message.
    pub message_id: Option<String>,
    /// Which turns stood above the cell when it was made.
    pub above: u64,
    /// Digest of what was sent before it.
    pub(super) bound: Mark,
    /// Digest of its own messages.
    pub(super) mark: Mark,
    /// Whether it holds thinking.
    pub(super) thinks: bool,
    question: MessageParam,
    notice: Option<Told>,
    answers: Vec<MessageParam>,
}

/// What Claude was told with a turn, after the question.
#[derive(Debug, Clone)]
struct Told {
    instructions: Option<Arc<str>>,
    tools: Option<Arc<[Value]>>,
    message: MessageParam,
}

impl Turn {
    /// Makes a turn of what was recorded.
    pub(super) fn of(record: TurnRecord) -> Self {
        let said = |role, content| MessageParam { role, content };
        let notice = record.notice.map(|notice| Told {
            instructions: notice.instructions.map(Arc::from),
            tools: notice.tools.map(Arc::from),
            message: said(Role::System, notice.content),
        });
        let (mut texts, mut thinks) = (Vec::new(), false);
        for block in record.answers.iter().flat_map(message::blocks) {
            thinks = thinks || message::is_thinking(&block);
            texts.extend(text_of(&block));
        }
        // Each turn naming all turns above it would make the memory grow with their square.
        let mut receipt = record.receipt;
        receipt.standing.saw = Vec::new();
        let mut turn = Self {
            id: record.id,
            cell: record.cell,
            prompt: Arc::from(record.prompt),
            answer: Arc::from(texts.join("\n\n")),
            cut: record.cut,
            receipt: Arc::new(receipt),
            message_id: record.message_id,
            above: record.above,
            bound: record.bound,
            mark: Mark::default(),
            thinks,
            question: said(Role::User, record.question),
            notice,
            answers: record.answers,
        };
        turn.mark = turn.marked();
        turn
    }

    /// Returns what is sent of it, in order.
    pub fn messages(&self) -> impl Iterator<Item = &MessageParam> {
        std::iter::once(&self.question)
            .chain(self.notice().map(|told| &told.message))
            .chain(&self.answers)
    }

    /// Returns what followed the question, message by message.
    #[must_use]
    pub fn answers(&self) -> Vec<(Role, Vec<Value>)> {
        let answers = self.answers.iter();
        answers
            .map(|said| (said.role, message::blocks(said)))
            .collect()
    }

    /// Returns the calls that ran in the sandbox, in order: the tool's name and its input.
    #[must_use]
    pub fn sandbox_calls(&self) -> Vec<(String, Value)> {
        let text = |block: &Value, name: &str| {
            let text = block.get(name).and_then(Value::as_str);
            text.unwrap_or_default().to_owned()
        };
        let blocks = self.answers.iter().flat_map(message::blocks);
        blocks
            .filter(|block| text(block, "type") == "server_tool_use")
            .map(|block| {
                let input = block.get("input").cloned().unwrap_or_default();
                (text(&block, "name"), input)
            })
            .filter(|(name, _)| name.ends_with("code_execution"))
            .collect()
    }

    /// Returns the instructions that Claude was told with this turn, if they changed with it.
    #[must_use]
    pub fn told(&self) -> Option<&str> {
        self.notice()?.instructions.as_deref()
    }

    /// Returns the tools that are in force from this turn on, if they changed with it.
    #[must_use]
    pub fn told_tools(&self) -> Option<&[Value]> {
        self.notice()?.tools.as_deref()
    }

    /// Returns it as it is sent where these tools are in force before it, if that is not as it is:
    /// what it tells of tools is a change to others when turns above it are gone or new.
    pub(super) fn after(&self, in_force: &[Value]) -> Option<Self> {
        let told = self.notice()?;
        let tools = told.tools.as_deref()?;
        let texts = message::blocks(&told.message).into_iter();
        let texts = texts.filter(|block| !tool_changes::is_change(block));
        let mut blocks = tool_changes::blocks(in_force, tools);
        blocks.extend(texts);
        let message = message::message(Role::System, &blocks);
        if message.as_ref().map(|said| said.content.get()) == Some(told.message.content.get()) {
            return None;
        }
        let mut turn = self.clone();
        turn.notice = message.map(|message| Told {
            message,
            ..told.clone()
        });
        turn.mark = turn.marked();
        Some(turn)
    }

    /// Returns it without thinking.
    pub(super) fn without_thinking(&self) -> Self {
        let mut turn = self.clone();
        turn.answers = turn
            .answers
            .into_iter()
            .filter_map(message::strip)
            .collect();
        turn.thinks = false;
        turn.mark = turn.marked();
        turn
    }

    /// Returns it without thinking and without what it told of settings.
    pub(super) fn bare(&self) -> Self {
        let mut turn = self.clone();
        turn.notice = None;
        turn.without_thinking()
    }

    /// A `system` message must be followed by an answer (`claude-api.md` 2.6), and an answer that
    /// was thinking alone may be gone.
    fn notice(&self) -> Option<&Told> {
        self.notice.as_ref().filter(|_| !self.answers.is_empty())
    }

    fn marked(&self) -> Mark {
        Mark::of_messages(self.messages())
    }
}

fn text_of(block: &Value) -> Option<String> {
    let is_text = block.get("type").and_then(Value::as_str) == Some("text");
    let text = block
        .get("text")
        .and_then(Value::as_str)
        .unwrap_or_default();
    (is_text && !text.trim().is_empty()).then(|| text.to_owned())
}
