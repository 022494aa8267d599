//! A turn as it is kept: serialised once, then sent as the same bytes.
//!
//! Invariant: what Claude said is never rebuilt. All thinking of a turn may be taken out, for good.
//! What no request may carry is taken out before the turn is recorded (`chat::history`).

use std::sync::Arc;

use serde_json::{Value, json};

use crate::anthropic::block::{Block, View};
use crate::anthropic::content::Content;
use crate::anthropic::request::{MessageParam, Role};
use crate::chat::history::{self, Said};
use crate::chat::input::Gone;
use crate::chat::receipt::{Cut, Receipt};
use crate::chat::record::{Artifact, TurnId, TurnRecord};
use crate::chat::tool_changes;

use super::digest::Digest;
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
    pub bound: Digest,
    /// Digest of its own messages.
    pub digest: Digest,
    /// Digest of what was asked and answered, by which recordings are found.
    pub recording: Digest,
    /// The files that a recording made, if one answered.
    pub played: Option<Arc<[Artifact]>>,
    /// Whether it holds thinking.
    pub thinks: bool,
    /// Whether results of the sandbox in it have keys that the reference does not know.
    pub has_unknown_keys: bool,
    /// The files that its question refers to.
    files: Arc<[FileRef]>,
    question: MessageParam,
    notice: Option<Told>,
    answers: Vec<MessageParam>,
}

/// A file that a question refers to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRef {
    /// Its id.
    pub file_id: String,
    /// Whether the question puts it into the sandbox.
    pub sandbox: bool,
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
        // Journals of older versions may hold what no request may carry.
        let answers = history::sendable(record.answers);
        let (mut texts, mut thinks, mut has_unknown_keys) = (Vec::new(), false, false);
        for block in answers.iter().flat_map(|said| said.content.blocks()) {
            thinks = thinks || block.is_thinking();
            has_unknown_keys = has_unknown_keys || block.with_known_keys().is_some();
            texts.extend(text_of(&block));
        }
        // If each turn kept the list of all turns above it, the memory would grow with the square
        // of their number.
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
            digest: Digest::default(),
            recording: Digest::default(),
            played: record.played.map(Arc::from),
            thinks,
            has_unknown_keys,
            files: files_of(&record.question).into(),
            question: said(Role::User, record.question),
            notice,
            answers,
        };
        turn.digest = turn.digested();
        turn.recording = record.recording.unwrap_or(turn.digest);
        turn
    }

    /// Returns the messages that are sent of the turn, in order.
    pub fn messages(&self) -> impl Iterator<Item = &MessageParam> {
        std::iter::once(&self.question)
            .chain(self.notice().map(|told| &told.message))
            .chain(&self.answers)
    }

    /// Returns the messages after the question: the role and the blocks of each.
    #[must_use]
    pub fn answers(&self) -> Vec<(Role, Vec<Value>)> {
        let answers = self.answers.iter();
        answers
            .map(|said| (said.role, said.content.values()))
            .collect()
    }

    /// Returns the files that its question refers to.
    #[must_use]
    pub fn files(&self) -> &[FileRef] {
        &self.files
    }

    /// Returns the calls that ran in the sandbox, in order: the tool's name and its input.
    #[must_use]
    pub fn sandbox_calls(&self) -> Vec<(String, Value)> {
        let blocks = self.answers.iter().flat_map(|said| said.content.blocks());
        blocks
            .filter(|block| block.kind() == "server_tool_use")
            .filter_map(|block| match block.view() {
                View::ServerToolUse { name, input, .. } => Some((name.to_owned(), input.clone())),
                _ => None,
            })
            .filter(|(name, _)| name.ends_with("code_execution"))
            .collect()
    }

    /// Returns the instructions that Claude was told in this turn, if they changed in it.
    #[must_use]
    pub fn told(&self) -> Option<&str> {
        self.notice()?.instructions.as_deref()
    }

    /// Returns the tools that are in force from this turn on, if they changed in it.
    #[must_use]
    pub fn told_tools(&self) -> Option<&[Value]> {
        self.notice()?.tools.as_deref()
    }

    /// Returns the turn as it is sent if these tools are in force before it; `None` if that makes
    /// no difference. If turns above are gone or new, the notice of this turn has to tell another
    /// change to reach the same tools.
    #[must_use]
    pub fn after_tools(&self, active_tools: &[Value]) -> Option<Self> {
        let told = self.notice()?;
        let tools = told.tools.as_deref()?;
        let texts = told.message.content.values().into_iter();
        let texts = texts.filter(|block| !tool_changes::is_change(block));
        let mut blocks = tool_changes::blocks(active_tools, tools);
        blocks.extend(texts);
        let content = Content::of(&blocks);
        if content.texts().eq(told.message.content.texts()) {
            return None;
        }
        let mut turn = self.clone();
        turn.notice = (!content.is_empty()).then(|| Told {
            message: MessageParam {
                role: Role::System,
                content,
            },
            ..told.clone()
        });
        turn.digest = turn.digested();
        Some(turn)
    }

    /// Returns the turn as it is sent if these files are gone; `None` if the turn refers to none of
    /// them. The API refuses every request that refers to a file which is gone. So the same file
    /// uploaded again stands in its place, or a text that says that it is gone.
    #[must_use]
    pub fn without_files(&self, gone: &[Gone]) -> Option<Self> {
        let find = |id: &str| gone.iter().find(|gone| gone.file_id == id);
        if !self.files.iter().any(|file| find(&file.file_id).is_some()) {
            return None;
        }
        let mut blocks = self.question.content.values();
        for block in &mut blocks {
            if let Some(gone) = file_of(block).and_then(find) {
                replace_file(block, gone);
            }
        }
        let mut turn = self.clone();
        turn.question.content = Content::of(&blocks);
        turn.files = files_of(&turn.question.content).into();
        turn.digest = turn.digested();
        Some(turn)
    }

    /// Returns the turn without its thinking.
    #[must_use]
    pub fn without_thinking(&self) -> Self {
        let mut turn = self.clone();
        turn.answers = turn
            .answers
            .into_iter()
            .filter_map(without_thinking)
            .collect();
        turn.thinks = false;
        turn.digest = turn.digested();
        turn
    }

    /// Returns the turn without the keys of results that the API's reference does not name; `None`
    /// if there are no such keys. The thinking behind them goes with them
    /// ([`history::with_known_keys`]).
    #[must_use]
    pub fn with_known_keys(&self) -> Option<Self> {
        if !self.has_unknown_keys {
            return None;
        }
        let said: Vec<Said> = self.answers.iter().map(Said::of).collect();
        let known = history::with_known_keys(&said)?;
        let mut blocks = known.iter().flat_map(|said| &said.blocks);
        let thinks = blocks.any(Block::is_thinking);
        let mut turn = self.clone();
        turn.answers = known.iter().map(Said::param).collect();
        turn.thinks = thinks;
        turn.has_unknown_keys = false;
        turn.digest = turn.digested();
        Some(turn)
    }

    /// Returns the turn without its notice of settings and tools; `None` if it has no notice.
    #[must_use]
    pub fn without_notice(&self) -> Option<Self> {
        self.notice.as_ref()?;
        let mut turn = self.clone();
        turn.notice = None;
        turn.digest = turn.digested();
        Some(turn)
    }

    /// The notice as it is sent. A `system` message must be followed by an answer
    /// (`docs/protocol.md#system-messages`); if the answer held only thinking and that is gone, the
    /// notice is not sent.
    fn notice(&self) -> Option<&Told> {
        self.notice.as_ref().filter(|_| !self.answers.is_empty())
    }

    fn digested(&self) -> Digest {
        Digest::of_messages(self.messages())
    }
}

/// Returns the message without thinking; `None` if it holds nothing else.
fn without_thinking(message: MessageParam) -> Option<MessageParam> {
    if message.role != Role::Assistant {
        return Some(message);
    }
    let blocks = message.content.blocks();
    if !blocks.iter().any(Block::is_thinking) {
        return Some(message);
    }
    let is_kept = |at: usize| !blocks.get(at).is_some_and(Block::is_thinking);
    let content = message.content.filtered(is_kept);
    (!content.is_empty()).then_some(MessageParam {
        role: message.role,
        content,
    })
}

fn text_of(block: &Block) -> Option<String> {
    match block.view() {
        View::Text { text, .. } if !text.trim().is_empty() => Some(text.to_owned()),
        _ => None,
    }
}

/// Returns the files that a question refers to, each reference once.
#[must_use]
pub fn files_of(question: &Content) -> Vec<FileRef> {
    let mut found: Vec<FileRef> = Vec::new();
    for block in question.values() {
        let Some(file_id) = file_of(&block) else {
            continue;
        };
        let file = FileRef {
            file_id: file_id.to_owned(),
            sandbox: kind(&block) == Some("container_upload"),
        };
        if !found.contains(&file) {
            found.push(file);
        }
    }
    found
}

/// The file that a block of a question refers to.
fn file_of(block: &Value) -> Option<&str> {
    match kind(block)? {
        "container_upload" => block.get("file_id")?.as_str(),
        "image" | "document" => block.get("source")?.get("file_id")?.as_str(),
        _ => None,
    }
}

/// Returns the block that takes the place of a file which is gone.
#[must_use]
pub fn gone_file(name: Option<&str>) -> Value {
    let text = match name {
        Some(name) => format!("(The file {name} was attached here and is gone now.)"),
        None => "(A file was attached here and is gone now.)".to_owned(),
    };
    json!({"type": "text", "text": text})
}

fn replace_file(block: &mut Value, gone: &Gone) {
    let Some(again) = &gone.again else {
        *block = gone_file(block.get("title").and_then(Value::as_str));
        return;
    };
    let holder = match block.get_mut("source") {
        Some(source) => source,
        None => block,
    };
    if let Some(holder) = holder.as_object_mut() {
        holder.insert("file_id".to_owned(), Value::from(again.as_str()));
    }
}

fn kind(block: &Value) -> Option<&str> {
    block.get("type").and_then(Value::as_str)
}
