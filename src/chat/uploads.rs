//! Files that a request's history refers to: which went to the sandbox, and how to say that one is
//! no longer there. Pure.

use serde_json::{Value, json};

use crate::anthropic::request::{MessageParam, MessagesRequest, Role};

use super::conversation::{self, EMPTY};
use super::question::Question;
use super::record::TurnRecord;
use super::tool_changes;
use super::tool_types::is_code_execution;

/// Returns the ids of the files that `blocks` put into a sandbox, in order.
pub fn in_blocks<'a>(blocks: impl IntoIterator<Item = &'a Value>) -> Vec<String> {
    let uploads = blocks
        .into_iter()
        .filter(|block| kind(block) == Some("container_upload"));
    uploads
        .filter_map(|block| block.get("file_id")?.as_str().map(str::to_owned))
        .collect()
}

/// Returns the ids of the files that a turn put into a sandbox, in order.
#[must_use]
pub fn in_turn(turn: &TurnRecord) -> Vec<String> {
    let said = turn.question.get();
    // Most turns have none, and may be long.
    if !said.contains("container_upload") {
        return Vec::new();
    }
    let blocks: Vec<Value> = serde_json::from_str(said).unwrap_or_default();
    in_blocks(&blocks)
}

/// Returns the ids of the files that the messages of a request put into a sandbox, each once.
#[must_use]
pub fn in_request(request: &MessagesRequest) -> Vec<String> {
    let mut found = Vec::new();
    for id in request
        .messages
        .iter()
        .filter(|message| may_hold(message, "container_upload"))
        .flat_map(|message| in_blocks(&blocks_of(message)))
    {
        if !found.contains(&id) {
            found.push(id);
        }
    }
    found
}

/// A file that the API no longer has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Gone {
    /// Its id.
    pub file_id: String,
    /// The id of the same content, uploaded again.
    pub again: Option<String>,
}

/// Returns the ids of all files that the person's messages refer to, each once.
#[must_use]
pub fn files_in(request: &MessagesRequest) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    let messages = request.messages.iter();
    for message in messages.filter(|message| may_hold(message, "file_id")) {
        for block in blocks_of(message) {
            if let Some(id) = file_of(&block).filter(|id| !found.iter().any(|known| known == id)) {
                found.push(id.to_owned());
            }
        }
    }
    found
}

/// Replaces what refers to files that are `gone` by the same file uploaded again, or by a word about
/// it; the API would refuse the whole request otherwise. Thinking goes too, because it is bound to
/// what was said before it (`claude-api.md` 14.1). False when nothing referred to them.
pub fn without(request: &mut MessagesRequest, gone: &[Gone]) -> bool {
    let mut changed = false;
    for message in &mut request.messages {
        if message.role != Role::User || !gone.iter().any(|gone| may_hold(message, &gone.file_id)) {
            continue;
        }
        let mut blocks = blocks_of(message);
        let mut is_touched = false;
        for block in &mut blocks {
            let found = file_of(block).and_then(|id| gone.iter().find(|gone| gone.file_id == id));
            if let Some(gone) = found {
                is_touched = true;
                if let Some(again) = &gone.again {
                    set_file(block, again);
                    continue;
                }
                let name = block.get("title").and_then(Value::as_str);
                let text = match name {
                    Some(name) => format!("(The file {name} was attached here and is gone now.)"),
                    None => "(A file was attached here and is gone now.)".to_owned(),
                };
                let mark = block.get("cache_control").cloned();
                *block = json!({"type": "text", "text": text});
                if let (Some(mark), Some(block)) = (mark, block.as_object_mut()) {
                    block.insert("cache_control".to_owned(), mark);
                }
            }
        }
        if is_touched && let Some(new) = conversation::message(message.role, &blocks) {
            *message = new;
            changed = true;
        }
    }
    if changed {
        conversation::strip_request(request);
    }
    changed
}

/// Puts files into the sandbox once more, with the question that the request ends in: an upload
/// block works only in the turn it is sent with (`claude-api.md` 3.5). False without a sandbox, or
/// when there is nothing to add.
pub fn again(request: &mut MessagesRequest, question: &mut Question, ids: &[&str]) -> bool {
    let has_sandbox = tool_changes::in_force(request)
        .iter()
        .any(is_code_execution);
    let blocks = ids
        .iter()
        .map(|id| json!({"type": "container_upload", "file_id": id}));
    has_sandbox && put_before(request, question, blocks.collect())
}

/// As [`again`], with every file that went to the sandbox in an earlier turn, and with a word to
/// Claude: for a sandbox that turned out to be gone.
pub fn all_again(request: &mut MessagesRequest, question: &mut Question) -> bool {
    let own = in_blocks(&question.before);
    let all = in_request(request);
    let earlier: Vec<&str> = all
        .iter()
        .filter(|id| !own.contains(id))
        .map(String::as_str)
        .collect();
    let has_files = again(request, question, &earlier);
    let note = if has_files { NEW } else { EMPTY };
    put_before(
        request,
        question,
        vec![json!({"type": "text", "text": note})],
    );
    has_files
}

/// What Claude is told when its sandbox turned out to be gone, and there are files for the new one.
const NEW: &str = "\
[Note from the notebook, not from the person: the sandbox is new. The files the person attached are \
in it again; files and variables made earlier in this conversation are not: make again what you need.]";

/// Puts blocks before the question that the request ends in.
fn put_before(request: &mut MessagesRequest, question: &mut Question, blocks: Vec<Value>) -> bool {
    let mut messages = request.messages.iter_mut().rev();
    // A notice of the kernel may stand behind the question.
    let Some(last) = messages.find(|message| message.role == Role::User) else {
        return false;
    };
    let mut said = blocks.clone();
    said.extend(blocks_of(last));
    match conversation::message(Role::User, &said) {
        Some(message) if !blocks.is_empty() => {
            *last = message;
            question.before.splice(0..0, blocks);
            true
        }
        _ => false,
    }
}

/// The file that a block of a user message stands for.
fn file_of(block: &Value) -> Option<&str> {
    match kind(block)? {
        "container_upload" => block.get("file_id")?.as_str(),
        "image" | "document" => block.get("source")?.get("file_id")?.as_str(),
        _ => None,
    }
}

fn set_file(block: &mut Value, file_id: &str) {
    let holder = if block.get("source").is_some() {
        block.get_mut("source")
    } else {
        Some(block)
    };
    if let Some(holder) = holder.and_then(Value::as_object_mut) {
        holder.insert("file_id".to_owned(), Value::from(file_id));
    }
}

fn kind(block: &Value) -> Option<&str> {
    block.get("type").and_then(Value::as_str)
}

/// Whether it is worth looking into a message: most hold no file.
fn may_hold(message: &MessageParam, word: &str) -> bool {
    message.role == Role::User && message.content.get().contains(word)
}

fn blocks_of(message: &MessageParam) -> Vec<Value> {
    serde_json::from_str(message.content.get()).unwrap_or_default()
}
