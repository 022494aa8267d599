//! `%attach` and `@path`: examines files, uploads those the API does not have, says what goes
//! where, and has them go with the next prompt.
//!
//! An edge. Invariant: nothing is attached that the output does not name, and nothing is sent
//! before every file of the call was examined.

mod examine;
mod paths;
mod say;

use std::time::Duration;

use tokio::sync::watch;

use crate::anthropic::error::ApiError;
use crate::anthropic::files::retrying;
use crate::anthropic::upload::{Progress, Upload};
use crate::cell::magics::files::Destination;
use crate::cell::mention::{self, Mention};
use crate::chat::tool_types::tool_name;
use crate::render::foreign;
use crate::render::kind::kind;
use crate::render::renderer::Client as FrontEnd;

use super::error::CellError;
use super::inputs::{self, Eyes, Input};
use super::jobs::{Desktop, Outcome, Stopped, unless_stopped};
use super::show::notes;
use examine::{Examined, Kind};
use paths::{Found, Mentioned, Refused};
use say::{Note, ProgressLine, announcement};

pub use paths::completions;

/// An upload that takes longer shows how far it is.
const BEFORE_SHOWN: Duration = Duration::from_millis(500);
/// How often that is drawn anew.
const BETWEEN_DRAWN: Duration = Duration::from_millis(500);
/// The longest name the API takes, in characters.
const MAX_NAME_CHARS: usize = 255;

/// A file that is ready to go.
#[derive(Debug)]
struct Ready {
    found: Found,
    examined: Examined,
    eyes: Option<Eyes>,
    sandbox: bool,
    /// Why Claude does not see it, when that is worth a word.
    remark: Option<String>,
}

/// Attaches what `%attach` names.
///
/// # Errors
/// A file that cannot be attached, an upload that failed, or the person stopped it.
pub async fn attach(
    paths: &[String],
    to: Destination,
    desktop: &mut Desktop<'_>,
) -> Result<Outcome, Stopped> {
    let directory = desktop.edges.store.working_directory().to_owned();
    let typed = paths.to_vec();
    let found = blocking(desktop, move || paths::named(&directory, &typed)).await?;
    let shown = files(found, to, desktop).await?;
    Ok(Outcome {
        shown,
        ..Outcome::default()
    })
}

/// Attaches the files that a prompt mentions; what is no file stays as typed.
///
/// # Errors
/// As [`attach`].
pub async fn mentioned(prompt: &str, desktop: &mut Desktop<'_>) -> Result<(), Stopped> {
    let mentions = mention::find(prompt);
    if mentions.is_empty() {
        return Ok(());
    }
    let directory = desktop.edges.store.working_directory().to_owned();
    let judge = move || -> Result<Vec<(Mention, Mentioned)>, Refused> {
        let judged = mentions.into_iter().map(|mention| {
            let judged = paths::mentioned(&directory, &mention);
            (mention, judged)
        });
        Ok(judged.collect())
    };
    let (mut found, mut hints): (Vec<Found>, Vec<String>) = (Vec::new(), Vec::new());
    for (mention, judged) in blocking(desktop, judge).await? {
        match judged {
            Mentioned::File(file) if found.iter().all(|known| known.path != file.path) => {
                found.push(file);
            }
            Mentioned::File(_) | Mentioned::Text => {}
            Mentioned::Stays(why) => {
                let typed = mention.readings().last().copied().unwrap_or_default();
                hints.push(format!(
                    "`@{}` stays as typed: {why}.",
                    foreign::line(typed)
                ));
            }
        }
    }
    desktop.scene.show(notes(hints.iter())).await;
    if !found.is_empty() {
        files(found, Destination::default(), desktop).await?;
    }
    Ok(())
}

/// Examines all files, then uploads and announces them; returns what was said.
async fn files(
    found: Vec<Found>,
    to: Destination,
    desktop: &mut Desktop<'_>,
) -> Result<String, Stopped> {
    let has_sandbox = desktop
        .settings
        .tool_types()
        .iter()
        .any(|id| tool_name(id) == "code_execution");
    let mut ready = Vec::with_capacity(found.len());
    for found in found {
        let (path, shown) = (found.path.clone(), found.shown.clone());
        let examined = blocking(desktop, move || examine::examine(&path, &shown)).await?;
        ready.push(place(found, examined, to, has_sandbox).map_err(refusal)?);
    }
    let mut notes = Vec::with_capacity(ready.len());
    let mut line = ProgressLine::default();
    for file in &ready {
        match upload(file, &mut line, desktop).await {
            Ok(note) => notes.push(note),
            Err(stopped) => {
                line.withdraw(desktop).await;
                return Err(stopped);
            }
        }
    }
    let display = announcement(&notes);
    let plain = display
        .data
        .text("text/plain")
        .unwrap_or_default()
        .to_owned();
    line.replace(display, desktop).await;
    Ok(plain)
}

/// Decides where a file goes.
fn place(
    found: Found,
    examined: Examined,
    to: Destination,
    has_sandbox: bool,
) -> Result<Ready, Refused> {
    let shown = &found.shown;
    let unseen = examined.unseen();
    let (eyes, sandbox, remark) = if to.is_open() {
        match examined.kind {
            Kind::Image { .. } => match unseen {
                None => (Some(Eyes::Image), true, None),
                Some(why) => (None, true, Some(format!("Claude does not see it: {why}"))),
            },
            Kind::Pdf => (Some(Eyes::Document), true, None),
            Kind::Text | Kind::Other => (None, true, None),
        }
    } else {
        if let (true, Some(why)) = (to.image, unseen) {
            return Err(Refused::new(
                format!("`{shown}` cannot be attached as an image: {why}"),
                "Leave `--image` out to give it to Claude's sandbox.",
            ));
        }
        if to.document && !matches!(examined.kind, Kind::Pdf | Kind::Text) {
            return Err(Refused::new(
                format!("`{shown}` cannot be attached as a document: it is neither a PDF nor text"),
                "Leave `--document` out to give it to Claude's sandbox.",
            ));
        }
        let eyes = match (to.image, to.document) {
            (true, _) => Some(Eyes::Image),
            (false, true) => Some(Eyes::Document),
            (false, false) => None,
        };
        (eyes, to.sandbox, None)
    };
    let goes = sandbox && has_sandbox;
    if eyes.is_none() && !goes {
        return Err(Refused::new(
            format!("`{shown}` has nowhere to go: code execution is off, so Claude has no sandbox"),
            "Turn it on with `%tools bash python`, or attach text with `--document`.",
        ));
    }
    Ok(Ready {
        found,
        examined,
        eyes,
        sandbox: goes,
        remark,
    })
}

/// Uploads a file unless the API has it, and has it go with the next prompt.
async fn upload(
    file: &Ready,
    line: &mut ProgressLine,
    desktop: &mut Desktop<'_>,
) -> Result<Note, Stopped> {
    let Ready {
        found, examined, ..
    } = file;
    let base = found.path.file_name();
    let base = plain_name(&base.unwrap_or_default().to_string_lossy());
    let name = desktop.state.inputs.free_name(&base, &found.path);
    let upload = Upload {
        path: found.path.clone(),
        name: name.clone(),
        mime_type: examined.mime_type.clone(),
        size_bytes: examined.size_bytes,
        sha256: examined.sha256.clone(),
    };
    let known = desktop
        .state
        .inputs
        .same(&examined.sha256, &name, &examined.mime_type)
        .map(|input| input.file_id.clone());
    let note = Note {
        shown: found.shown.clone(),
        name,
        size_bytes: examined.size_bytes,
        sha256: examined.sha256.clone(),
        describe: kind(&found.shown, &examined.mime_type),
        eyes: file.eyes,
        sandbox: file.sandbox,
        remark: file.remark.clone(),
    };
    if desktop.is_dry {
        let file_id = known.unwrap_or_else(|| format!("file_of_{}", note.name));
        let blocks = inputs::blocks(&file_id, &note.name, file.eyes, file.sandbox);
        desktop.planned.extend(blocks);
        return Ok(note);
    }
    if let Some(file_id) = &known
        && is_there(file_id, &upload, desktop).await?
    {
        desktop.state.inputs.wait(file_id, file.eyes, file.sandbox);
        return Ok(note);
    }
    let input = send(&upload, &note.shown, line, desktop).await?;
    let inputs = &mut desktop.state.inputs;
    if inputs.uploaded().is_empty() && inputs.asked_at.is_none() {
        // The API has just said so.
        inputs.asked_at = Some(desktop.edges.host.now());
    }
    let file_id = input.file_id.clone();
    match known {
        // The API has forgotten it: what was said with it is said with the new one.
        Some(old) => inputs.replace(&old, input),
        None => inputs.add(input),
    }
    inputs.wait(&file_id, file.eyes, file.sandbox);
    Ok(note)
}

/// Asks whether the API still has a file that can be used in place of an upload.
async fn is_there(
    file_id: &str,
    upload: &Upload,
    desktop: &mut Desktop<'_>,
) -> Result<bool, Stopped> {
    let edges = &*desktop.edges;
    let asked = retrying(edges.host.as_ref(), || edges.client.file(file_id));
    let answer = unless_stopped(asked, desktop.interruptions, desktop.scene.desk).await?;
    match answer {
        Ok(metadata) => {
            let expires = metadata.expires_at.as_deref();
            let expires = expires.and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
            // What a journal says of it need not be so.
            let is_same = metadata.size_bytes == upload.size_bytes;
            Ok(is_same && expires.is_none_or(|at| at > edges.host.now()))
        }
        Err(ApiError::Status { status: 404, .. }) => Ok(false),
        Err(error) => Err(CellError::from(&error).into()),
    }
}

/// Uploads a file of the kernel's own for the sandbox, and has it go with the next prompt.
pub(super) async fn send_quietly(
    upload: &Upload,
    desktop: &mut Desktop<'_>,
) -> Result<(), Stopped> {
    let mut line = ProgressLine::default();
    let sent = send(upload, &upload.name, &mut line, desktop).await;
    line.withdraw(desktop).await;
    let input = sent?;
    let file_id = input.file_id.clone();
    desktop.state.inputs.add(input);
    desktop.state.inputs.wait(&file_id, None, true);
    Ok(())
}

/// Uploads a file, showing how far it is.
async fn send(
    upload: &Upload,
    shown: &str,
    line: &mut ProgressLine,
    desktop: &mut Desktop<'_>,
) -> Result<Input, Stopped> {
    let Desktop {
        edges,
        interruptions,
        scene,
        front_end,
        ..
    } = desktop;
    let (progress, seen) = watch::channel(Progress::default());
    let host = edges.host.as_ref();
    let sending = edges.client.upload(host, upload, &progress);
    let drawn = async {
        tokio::pin!(sending);
        let mut wait = host.sleep(BEFORE_SHOWN);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return sent,
                () = &mut wait => {
                    if *front_end == FrontEnd::Live {
                        let sent_bytes = seen.borrow().sent_bytes;
                        let text = format!(
                            "Uploading {shown}, {} of {}",
                            foreign::size(sent_bytes),
                            foreign::size(upload.size_bytes)
                        );
                        line.draw(&text, host, *scene).await;
                    }
                    wait = host.sleep(BETWEEN_DRAWN);
                }
            }
        }
    };
    let metadata = unless_stopped(drawn, interruptions, scene.desk)
        .await?
        .map_err(|error| {
            let mut failed = CellError::from(&error);
            failed.evalue = format!("`{shown}` was not uploaded: {}", failed.evalue);
            failed
        })?;
    Ok(Input {
        file_id: metadata.id,
        name: upload.name.clone(),
        path: upload.path.clone(),
        size_bytes: upload.size_bytes,
        sha256: upload.sha256.clone(),
        mime_type: upload.mime_type.clone(),
        expires_at: metadata.expires_at,
        eyes: None,
        sandbox: false,
        turns: Vec::new(),
    })
}

/// Turns a file name into one the API takes (`claude-api.md` 10).
pub(super) fn plain_name(name: &str) -> String {
    let plain: String = name
        .chars()
        .map(|c| match c {
            '<' | '>' | ':' | '"' | '|' | '?' | '*' | '\\' | '/' => '_',
            c if c.is_control() || c == char::REPLACEMENT_CHARACTER => '_',
            c => c,
        })
        .take(MAX_NAME_CHARS)
        .collect();
    if plain.is_empty() {
        "unnamed".to_owned()
    } else {
        plain
    }
}

/// Returns the hash of a file that can be sent, in hexadecimal, and its size in bytes.
pub(super) fn content_of(path: &std::path::Path) -> Option<(String, u64)> {
    let examined = examine::examine(path, &path.to_string_lossy()).ok()?;
    Some((examined.sha256, examined.size_bytes))
}

/// Does something that reads files, on a thread of its own, and lets the person stop waiting for it.
async fn blocking<T: Send + 'static>(
    desktop: &mut Desktop<'_>,
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Stopped> {
    let done = tokio::task::spawn_blocking(work);
    let done = unless_stopped(done, desktop.interruptions, desktop.scene.desk).await?;
    let done = done.map_err(|error| {
        CellError::new(
            "FileError",
            format!("looking at a file went wrong: {error}"),
            "Run the cell again; the log has the details.",
        )
    })?;
    Ok(done.map_err(refusal)?)
}

fn refusal(refused: Refused) -> CellError {
    CellError::new("FileError", refused.why, refused.hint)
}
