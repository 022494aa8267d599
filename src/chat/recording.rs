//! What is kept of a turn so that it can be shown again: what was asked, by digests, and all that
//! came, in the order of the stream. Pure.
//!
//! The kernel writes a recording into the metadata of the turn's receipt, so the notebook alone is
//! enough to show the turn again ([`coding`] is how). It holds no ids of the API, no paths of the
//! machine and no times: [`names`] gives its calls and files names of their own, so two identical
//! runs leave the same recording. Invariant: a recording that is read is hostile until its digest
//! was compared, and even then nothing in it is trusted but what it says was said.

pub mod asked;
pub mod coding;
pub mod names;
pub mod play;
pub mod steps;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::anthropic::block::Block;
use crate::anthropic::message::Message;

use super::conversation::digest::Digest;
use super::ledger::MOST_USD;
use super::receipt::Receipt;
use asked::Asked;
use names::Names;

/// The largest file that a recording holds; of larger ones it says the hash.
pub const MAX_FILE_BYTES: usize = 64 * 1024;

/// A turn, as it can be shown again.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recording {
    /// What was asked.
    pub asked: Asked,
    /// The prompt, with variables filled in.
    pub prompt: String,
    /// What the person was told before the first request.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub told: Vec<String>,
    /// The answers, one for each request of the turn.
    pub calls: Vec<Call>,
    /// What tools of the person's machine answered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<ToolAnswer>,
    /// The files of the sandbox, in the order in which they came.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub files: Vec<RecordedFile>,
    /// The receipt.
    pub receipt: Receipt,
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Call {
    /// The model that served.
    pub model: Option<String>,
    /// Why the answer stops: `stop_reason`, and what comes with it.
    pub stop: Map<String, Value>,
    /// The blocks, as they came.
    pub blocks: Vec<Value>,
}

/// What a tool of the person's machine answered.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ToolAnswer {
    /// The call.
    pub id: String,
    /// `content` of the result.
    pub content: Value,
    /// Whether the call failed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_error: bool,
    /// What the tool printed.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub printed: String,
}

/// A file that the sandbox made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordedFile {
    /// What the blocks call it.
    pub id: String,
    /// The name it was saved under.
    #[serde(default)]
    pub name: String,
    /// Its type, as it was declared.
    #[serde(default)]
    pub mime_type: String,
    /// Size in bytes.
    #[serde(default)]
    pub size_bytes: u64,
    /// SHA-256 in hexadecimal.
    #[serde(default)]
    pub sha256: String,
    /// The content in base64, if it is small.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub content: Option<String>,
    /// Why the file was not saved, if it was not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failed: Option<String>,
}

impl RecordedFile {
    /// Returns the content, if the recording holds it.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        STANDARD.decode(self.content.as_deref()?).ok()
    }
}

/// How much of a turn is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Level {
    /// Everything.
    #[default]
    Full,
    /// Everything but thinking.
    Slim,
    /// Nothing.
    Off,
}

/// Collects what comes while a turn runs.
#[derive(Debug, Clone, Default)]
pub struct Recorder {
    names: Names,
    calls: Vec<Call>,
    tools: Vec<ToolAnswer>,
    files: Vec<RecordedFile>,
}

impl Recorder {
    /// Takes an answer that is complete.
    pub fn answered(&mut self, message: &Message) {
        let blocks = message.content.iter();
        let blocks: Vec<Value> = blocks.map(|block| self.names.of_block(block)).collect();
        let mut stop = Map::new();
        for name in ["stop_reason", "stop_sequence", "stop_details"] {
            if let Some(value) = message.fields.get(name).filter(|value| !value.is_null()) {
                stop.insert(name.to_owned(), value.clone());
            }
        }
        self.calls.push(Call {
            model: message.model().map(str::to_owned),
            stop,
            blocks,
        });
    }

    /// Takes what a tool of the person's machine answered to the call `id`.
    pub fn tool_answered(&mut self, id: &str, answer: ToolAnswer) {
        self.tools.push(ToolAnswer {
            id: self.names.of(id),
            ..answer
        });
    }

    /// Takes a file that was saved, or that could not be; `bytes` is its content, if it is at hand.
    pub fn saved(&mut self, id: &str, file: RecordedFile, bytes: Option<&Bytes>) {
        let small = bytes.filter(|bytes| bytes.len() <= MAX_FILE_BYTES);
        self.files.push(RecordedFile {
            id: self.names.of(id),
            content: small.map(|bytes| STANDARD.encode(bytes)),
            ..file
        });
    }

    /// Returns the files so far.
    #[must_use]
    pub fn files(&self) -> &[RecordedFile] {
        &self.files
    }

    /// Returns the recording of a turn that is whole.
    #[must_use]
    pub fn recording(&self, asked: &Asked, prompt: &str, receipt: &Receipt) -> Recording {
        let mut receipt = receipt.clone();
        // Which cells stand above is a matter of the notebook it is shown in.
        receipt.standing.saw = Vec::new();
        // How long commands ran is another time in each run, and nothing shows it.
        receipt.sandbox_ms = 0;
        // Where the cell is numbered is a matter of the run.
        receipt.count = 0;
        Recording {
            asked: asked.clone(),
            prompt: prompt.to_owned(),
            told: Vec::new(),
            calls: self.calls.clone(),
            tools: self.tools.clone(),
            files: self.files.clone(),
            receipt,
        }
    }
}

impl Recording {
    /// Returns the recording without thinking.
    #[must_use]
    pub fn slim(mut self) -> Self {
        for call in &mut self.calls {
            call.blocks
                .retain(|block| !Block::from_raw(block.clone()).is_thinking());
        }
        self
    }

    /// Returns the digest of what was asked and what was answered: the turns below are bound to it.
    /// Thinking does not count, so that a slim recording has the same digest.
    #[must_use]
    pub fn digest(&self) -> Digest {
        let blocks = self.calls.iter().flat_map(|call| &call.blocks);
        let blocks = blocks.filter(|block| {
            let kind = block.get("type").and_then(Value::as_str);
            !kind.is_some_and(|kind| kind.ends_with("thinking"))
        });
        let asked = serde_json::to_string(&self.asked).unwrap_or_default();
        let tools = json!(self.tools).to_string();
        let files = self.files.iter().map(|file| file.sha256.clone());
        let parts = [asked, self.prompt.clone(), tools].into_iter();
        let parts = parts.chain(files).chain(blocks.map(Value::to_string));
        Digest::of_parts(parts)
    }

    /// Returns whether the recording is one that a turn can have left.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        let is_hex = |text: &str| {
            text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let files = self.files.iter();
        let are_files_sound = files.filter(|file| file.failed.is_none()).all(|file| {
            let is_plain = !file.mime_type.chars().any(char::is_control);
            is_hex(&file.sha256) && is_plain && file.mime_type.len() <= 200
        });
        let cost_usd = self.receipt.cost_usd;
        let is_cost = cost_usd.is_none_or(|usd| (0.0..MOST_USD).contains(&usd));
        !self.calls.is_empty() && are_files_sound && is_cost
    }
}
