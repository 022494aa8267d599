//! `%attach` and `@path`: examines files, uploads those that the API does not have, says which way
//! each file is sent, and keeps the files for the next prompt.
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
use crate::chat::input::{is_local, local_id};
use crate::chat::tool_types::tool_name;
use crate::render::foreign;
use crate::render::kind::kind;
use crate::render::renderer::DisplayMode;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::inputs::{Attachment, Delivery, Input, VisibleAs, plain_name};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::lines::notes;
use examine::{Examined, Kind};
use paths::{Found, Mentioned, Refused};
use say::{Note, ProgressLine, announcement};

pub use paths::completions;

/// If an upload takes longer than this, it shows how far it is.
const BEFORE_SHOWN: Duration = Duration::from_millis(500);
/// How often that is drawn anew.
const BETWEEN_DRAWN: Duration = Duration::from_millis(500);

/// A file that is ready to be uploaded.
#[derive(Debug)]
struct Ready {
    found: Found,
    examined: Examined,
    visible_as: Option<VisibleAs>,
    sandbox: bool,
    /// Why Claude does not see the file, if the person should be told.
    remark: Option<String>,
}

/// Attaches what `%attach` names.
///
/// # Errors
/// A file that cannot be attached, an upload that failed, or the person stopped it.
pub async fn attach(
    paths: &[String],
    to: Destination,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let directory = context.services.store.working_directory().to_owned();
    let (typed, readable) = (paths.to_vec(), context.readable());
    let found = blocking(context, move || {
        let found = paths::named(&directory, &typed)?;
        match found
            .iter()
            .find_map(|file| Some((file, readable.admit(&file.path).err()?)))
        {
            Some((file, why)) => Err(Refused::new(
                format!("`{}` is not attached: {why}", file.shown),
                why.hint(),
            )),
            None => Ok(found),
        }
    })
    .await?;
    let shown = files(found, to, context).await?;
    Ok(Outcome {
        shown,
        ..Outcome::default()
    })
}

/// Attaches the files that a prompt mentions. A mention that is no file stays as it was typed.
///
/// # Errors
/// As [`attach`].
pub async fn mentioned(prompt: &str, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    let mentions = mention::find(prompt);
    if mentions.is_empty() {
        return Ok(());
    }
    let directory = context.services.store.working_directory().to_owned();
    let judge = move || -> Result<Vec<(Mention, Mentioned)>, Refused> {
        let judged = mentions.into_iter().map(|mention| {
            let judged = paths::mentioned(&directory, &mention);
            (mention, judged)
        });
        Ok(judged.collect())
    };
    let (mut found, mut hints): (Vec<Found>, Vec<String>) = (Vec::new(), Vec::new());
    for (mention, judged) in blocking(context, judge).await? {
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
    context.output.show(notes(hints.iter())).await;
    if !found.is_empty() {
        files(found, Destination::default(), context).await?;
    }
    Ok(())
}

/// Examines all files, then uploads and announces them; returns what was said.
async fn files(
    found: Vec<Found>,
    to: Destination,
    context: &mut CellContext<'_>,
) -> Result<String, Stopped> {
    let has_sandbox = context
        .settings
        .tool_types()
        .iter()
        .any(|id| tool_name(id) == "code_execution");
    let mut ready = Vec::with_capacity(found.len());
    for found in found {
        let (path, shown) = (found.path.clone(), found.shown.clone());
        let examined = blocking(context, move || examine::examine(&path, &shown)).await?;
        ready.push(destination_of(found, examined, to, has_sandbox).map_err(refusal)?);
    }
    let mut notes = Vec::with_capacity(ready.len());
    let mut line = ProgressLine::default();
    for file in &ready {
        match upload(file, &mut line, context).await {
            Ok(note) => notes.push(note),
            Err(stopped) => {
                line.withdraw(context).await;
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
    line.replace(display, context).await;
    Ok(plain)
}

/// Decides where a file goes.
fn destination_of(
    found: Found,
    examined: Examined,
    to: Destination,
    has_sandbox: bool,
) -> Result<Ready, Refused> {
    let shown = &found.shown;
    let unseen = examined.unseen();
    let (visible_as, sandbox, remark) = if to.is_open() {
        match examined.kind {
            Kind::Image { .. } => match unseen {
                None => (Some(VisibleAs::Image), true, None),
                Some(why) => (None, true, Some(format!("Claude does not see it: {why}"))),
            },
            Kind::Pdf { fault: None } => (Some(VisibleAs::Document), true, None),
            Kind::Pdf { fault: Some(why) } => {
                (None, true, Some(format!("Claude does not see it: {why}")))
            }
            Kind::Text | Kind::Other => (None, true, None),
        }
    } else {
        if let (true, Some(why)) = (to.image, unseen) {
            return Err(Refused::new(
                format!("`{shown}` cannot be attached as an image: {why}"),
                "Leave `--image` out to give it to Claude's sandbox.",
            ));
        }
        if let (true, Kind::Pdf { fault: Some(why) }) = (to.document, examined.kind) {
            return Err(Refused::new(
                format!("`{shown}` cannot be attached as a document: {why}"),
                "Leave `--document` out to give it to Claude's sandbox, or attach an unlocked, whole copy.",
            ));
        }
        if to.document && !matches!(examined.kind, Kind::Pdf { .. } | Kind::Text) {
            return Err(Refused::new(
                format!("`{shown}` cannot be attached as a document: it is neither a PDF nor text"),
                "Leave `--document` out to give it to Claude's sandbox.",
            ));
        }
        let visible_as = match (to.image, to.document) {
            (true, _) => Some(VisibleAs::Image),
            (false, true) => Some(VisibleAs::Document),
            (false, false) => None,
        };
        (visible_as, to.sandbox, None)
    };
    let goes = sandbox && has_sandbox;
    if visible_as.is_none() && !goes {
        return Err(Refused::new(
            format!("`{shown}` has nowhere to go: code execution is off, so Claude has no sandbox"),
            "Turn it on with `%tools bash python`, or attach text with `--document`.",
        ));
    }
    Ok(Ready {
        found,
        examined,
        visible_as,
        sandbox: goes,
        remark,
    })
}

/// Uploads a file unless the API has it, and keeps it for the next prompt.
async fn upload(
    file: &Ready,
    line: &mut ProgressLine,
    context: &mut CellContext<'_>,
) -> Result<Note, Stopped> {
    let Ready {
        found, examined, ..
    } = file;
    let base = found.path.file_name();
    let base = plain_name(&base.unwrap_or_default().to_string_lossy());
    let name = context.state.inputs.free_name(&base, &found.path);
    let upload = Upload {
        path: found.path.clone(),
        name: name.clone(),
        mime_type: examined.mime_type.clone(),
        size_bytes: examined.size_bytes,
        sha256: examined.sha256.clone(),
    };
    let known = context
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
        visible_as: file.visible_as,
        sandbox: file.sandbox,
        remark: file.remark.clone(),
    };
    if context.is_dry {
        let delivery = Delivery {
            visible_as: file.visible_as,
            sandbox: file.sandbox,
        };
        let mut planned = Attachment::planned(&note.name, delivery);
        planned.file_id = known.unwrap_or(planned.file_id);
        context.attachments.push(planned);
        return Ok(note);
    }
    if context.defers_uploads() {
        let file_id = known.unwrap_or_else(|| local_id(&upload.name, &upload.sha256));
        let inputs = &mut context.state.inputs;
        if inputs.name_of(&file_id).is_none() {
            inputs.add(input_of(&upload, file_id.clone(), None));
        }
        inputs.wait(&file_id, file.visible_as, file.sandbox);
        return Ok(note);
    }
    if let Some(file_id) = known.as_ref().filter(|id| !is_local(id))
        && is_there(file_id, &upload, context).await?
    {
        context
            .state
            .inputs
            .wait(file_id, file.visible_as, file.sandbox);
        return Ok(note);
    }
    let input = send(&upload, &note.shown, line, context).await?;
    let inputs = &mut context.state.inputs;
    if inputs.uploaded().is_empty() && inputs.asked_at.is_none() {
        // The API has just said so.
        inputs.asked_at = Some(context.services.host.now());
    }
    let file_id = input.file_id.clone();
    match known {
        // The API no longer has the file: earlier turns refer to the new one from here on.
        Some(old) => inputs.replace(&old, input),
        None => inputs.add(input),
    }
    inputs.wait(&file_id, file.visible_as, file.sandbox);
    Ok(note)
}

/// Asks whether the API still has a file that can be used in place of an upload.
async fn is_there(
    file_id: &str,
    upload: &Upload,
    context: &mut CellContext<'_>,
) -> Result<bool, Stopped> {
    let services = &*context.services;
    let asked = retrying(services.host.as_ref(), || services.client.file(file_id));
    let answer = unless_stopped(asked, context.interrupts, context.output.replies).await?;
    match answer {
        Ok(metadata) => {
            let expires = metadata.expires_at.as_deref();
            let expires = expires.and_then(|at| chrono::DateTime::parse_from_rfc3339(at).ok());
            // A journal may say something else of the file than what is true.
            let is_same = metadata.size_bytes == upload.size_bytes;
            Ok(is_same && expires.is_none_or(|at| at > services.host.now()))
        }
        Err(ApiError::Status { status: 404, .. }) => Ok(false),
        Err(error) => Err(CellError::from(&error).into()),
    }
}

/// Uploads a file of the kernel's own.
pub async fn send_quietly(
    upload: &Upload,
    context: &mut CellContext<'_>,
) -> Result<Input, Stopped> {
    let mut line = ProgressLine::default();
    let sent = send(upload, &upload.name, &mut line, context).await;
    line.withdraw(context).await;
    sent
}

/// Uploads a file, showing how far it is.
async fn send(
    upload: &Upload,
    shown: &str,
    line: &mut ProgressLine,
    context: &mut CellContext<'_>,
) -> Result<Input, Stopped> {
    let CellContext {
        services,
        interrupts,
        output,
        ..
    } = context;
    let (progress, seen) = watch::channel(Progress::default());
    let host = services.host.as_ref();
    let sending = services.client.upload(host, upload, &progress);
    let drawn = async {
        tokio::pin!(sending);
        let mut wait = host.sleep(BEFORE_SHOWN);
        loop {
            tokio::select! {
                biased;
                sent = &mut sending => return sent,
                () = &mut wait => {
                    if output.display_mode == DisplayMode::Live {
                        let sent_bytes = seen.borrow().sent_bytes;
                        let text = format!(
                            "Uploading {shown}, {} of {}",
                            foreign::size(sent_bytes),
                            foreign::size(upload.size_bytes)
                        );
                        line.draw(&text, host, *output).await;
                    }
                    wait = host.sleep(BETWEEN_DRAWN);
                }
            }
        }
    };
    let metadata = unless_stopped(drawn, interrupts, output.replies)
        .await?
        .map_err(|error| {
            let mut failed = CellError::from(&error);
            failed.evalue = format!("`{shown}` was not uploaded: {}", failed.evalue);
            failed
        })?;
    Ok(input_of(upload, metadata.id, metadata.expires_at))
}

fn input_of(upload: &Upload, file_id: String, expires_at: Option<String>) -> Input {
    Input {
        file_id,
        name: upload.name.clone(),
        path: upload.path.clone(),
        size_bytes: upload.size_bytes,
        sha256: upload.sha256.clone(),
        mime_type: upload.mime_type.clone(),
        expires_at,
        visible_as: None,
        sandbox: false,
        cells: Vec::new(),
    }
}

/// Returns the hash of a file that can be sent, in hexadecimal, and its size in bytes.
pub fn content_of(path: &std::path::Path) -> Option<(String, u64)> {
    let examined = examine::examine(path, &path.to_string_lossy()).ok()?;
    Some((examined.sha256, examined.size_bytes))
}

/// Does something that reads files, on a thread of its own, and lets the person stop waiting for it.
async fn blocking<T: Send + 'static>(
    context: &mut CellContext<'_>,
    work: impl FnOnce() -> Result<T, Refused> + Send + 'static,
) -> Result<T, Stopped> {
    let done = tokio::task::spawn_blocking(work);
    let done = unless_stopped(done, context.interrupts, context.output.replies).await?;
    let done = done.map_err(|error| {
        CellError::new(
            ErrorKind::File,
            format!("looking at a file went wrong: {error}"),
            "Run the cell again; the log has the details.",
        )
    })?;
    Ok(done.map_err(refusal)?)
}

fn refusal(refused: Refused) -> CellError {
    CellError::new(ErrorKind::File, refused.why, refused.hint)
}
