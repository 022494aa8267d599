//! The message that asks: the kernel's note about the sandbox, the files, the prompt.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::anthropic::content::Content;
use crate::chat::conversation::{Turn, gone_file};
use crate::chat::input::{Attachment, upload_block};
use crate::chat::turn::ask::{Ask, Kind};
use crate::chat::turn::facts::Facts;

use super::Composition;

/// What Claude is told if the sandbox holds work of cells that Claude does not see.
const AHEAD: &str = "\
[Note from the notebook, not from the person: the sandbox is ahead of this conversation. It still \
holds files from cells that stand below this one or were taken back. Do not rely on them; check \
what is there before you use or overwrite it.]";

/// What Claude is told if the sandbox that earlier turns used is not the present one.
pub const EMPTY_SANDBOX: &str = "\
[Note from the notebook, not from the person: the sandbox is new and empty. Files and variables \
made earlier in this conversation are not in it; make again what you need.]";

/// What Claude is told in that case if the person's files are sent with the note.
pub const NEW_SANDBOX: &str = "\
[Note from the notebook, not from the person: the sandbox is new. The files the person attached are \
in it again; files and variables made earlier in this conversation are not: make again what you need.]";

/// Returns the content of the message; empty for a summary, which has no question.
pub(super) fn content(
    composition: &Composition<'_>,
    has_sandbox: bool,
    files_again: &[String],
) -> Content {
    if matches!(composition.ask.kind, Kind::Compaction { .. }) {
        return Content::of(&[]);
    }
    let mut blocks: Vec<Value> = Vec::new();
    let note = note(composition, has_sandbox, files_again);
    blocks.extend(note.map(|note| json!({"type": "text", "text": note})));
    blocks.extend(files_again.iter().map(|id| upload_block(id)));
    let attachments = composition.ask.attachments.iter();
    blocks.extend(attachments.flat_map(|own| attached(own, composition.facts)));
    if !composition.ask.prompt.is_empty() || blocks.is_empty() {
        blocks.push(json!({"type": "text", "text": composition.ask.prompt}));
    }
    Content::of(&blocks)
}

/// The blocks of a file that is sent with the question. If the file is gone meanwhile, a text that
/// says so.
fn attached(own: &Attachment, facts: &Facts) -> Vec<Value> {
    match current_id(&own.file_id, facts) {
        Some(id) if id == own.file_id => own.blocks(),
        Some(id) => Attachment {
            file_id: id.to_owned(),
            ..own.clone()
        }
        .blocks(),
        None => vec![gone_file(Some(&own.name))],
    }
}

/// The note about the sandbox, if Claude needs one.
fn note(
    composition: &Composition<'_>,
    has_sandbox: bool,
    files_again: &[String],
) -> Option<Cow<'static, str>> {
    if !has_sandbox {
        // No tool can use a sandbox.
        return None;
    }
    if let Some(names) = &composition.ask.restored {
        return Some(Cow::Owned(other_sandbox(names)));
    }
    let sandbox = &composition.facts.sandbox;
    let worked = composition.above.iter().any(|turn| turn.receipt.runs > 0);
    if composition.standing.sandbox_ahead {
        Some(Cow::Borrowed(AHEAD))
    } else if sandbox.at_question.is_some() || !(worked || sandbox.is_replaced) {
        None
    } else if files_again.is_empty() {
        Some(Cow::Borrowed(EMPTY_SANDBOX))
    } else {
        Some(Cow::Borrowed(NEW_SANDBOX))
    }
}

/// What Claude is told if steps above ran in another sandbox, whose files are here as far as they
/// are known.
fn other_sandbox(names: &[String]) -> String {
    let files = match names {
        [] => "None of what they made is here".to_owned(),
        names => format!(
            "Of what they made, these files are here, among the attached ones: {}. Nothing else is",
            names.join(", ")
        ),
    };
    format!(
        "[Note from the notebook, not from the person: steps above ran in another sandbox. {files}: make again what you need.]"
    )
}

/// Returns the ids of the files that earlier turns put into a sandbox and that the present sandbox
/// lacks, each once and in order. A `container_upload` works only in the turn that it is sent with
/// (`docs/protocol.md#files-into-the-sandbox`).
pub(super) fn lacking_files(above: &[&Turn], ask: &Ask, facts: &Facts) -> Vec<String> {
    let is_new = facts.sandbox.at_question.is_none();
    let there = match &facts.files.in_sandbox {
        _ if is_new => &[][..],
        Some(there) => there,
        None => return Vec::new(),
    };
    let goes = |id: &String| own_uploads(ask, facts).any(|own| own == id);
    let mut lacking = given_files(above, facts);
    lacking.retain(|id| !goes(id) && !there.contains(id));
    lacking
}

/// Returns the ids of all files that the sandbox should have after the question, each once.
pub(super) fn sandbox_files(above: &[&Turn], ask: &Ask, facts: &Facts) -> Vec<String> {
    let mut files = given_files(above, facts);
    for own in own_uploads(ask, facts) {
        if !files.iter().any(|known| known == own) {
            files.push(own.to_owned());
        }
    }
    files
}

/// The files that the question itself puts into the sandbox.
fn own_uploads<'a>(ask: &'a Ask, facts: &'a Facts) -> impl Iterator<Item = &'a str> {
    let own = ask.attachments.iter().filter(|own| own.delivery.sandbox);
    own.filter_map(|own| current_id(&own.file_id, facts))
}

/// The files that earlier turns put into a sandbox, without those that the API no longer has.
fn given_files(above: &[&Turn], facts: &Facts) -> Vec<String> {
    let mut files: Vec<String> = Vec::new();
    let given = above.iter().flat_map(|turn| turn.files());
    for file in given.filter(|file| file.sandbox) {
        if let Some(id) = current_id(&file.file_id, facts)
            && !files.iter().any(|known| known == id)
        {
            files.push(id.to_owned());
        }
    }
    files
}

/// Returns the ids of all files that a request refers to, each once.
pub(super) fn files(above: &[&Turn], ask: &Ask, facts: &Facts) -> Vec<String> {
    let earlier = above.iter().flat_map(|turn| turn.files());
    let earlier = earlier.filter_map(|file| current_id(&file.file_id, facts));
    let own = ask.attachments.iter();
    let own = own.filter_map(|own| current_id(&own.file_id, facts));
    let mut found: Vec<String> = Vec::new();
    for id in earlier.chain(own) {
        if !found.iter().any(|known| known == id) {
            found.push(id.to_owned());
        }
    }
    found
}

/// The id under which the API has a file now; `None` if the API no longer has the file.
fn current_id<'a>(file_id: &'a str, facts: &'a Facts) -> Option<&'a str> {
    let mut gone = facts.files.gone.iter();
    match gone.find(|gone| gone.file_id == file_id) {
        Some(gone) => gone.again.as_deref(),
        None => Some(file_id),
    }
}
