//! Asks the API which of a conversation's files it still has. Files expire, and everyone in a
//! workspace can remove them; the API refuses a request that refers to a file which is gone.
//!
//! The API is asked before the first request of a conversation that was taken up again, and then
//! now and then. If a file is gone and its path still holds the same content, it is uploaded again.

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::anthropic::upload::{Progress, Upload};
use crate::chat::input::{Input, is_local};
use crate::kernel::context::{CellContext, Services};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::magics::attach;

/// How long an answer of the API is relied on.
const RELIED_ON: TimeDelta = TimeDelta::minutes(10);

/// Uploads those of these files that were not uploaded yet; returns whether there were any, and what
/// to tell the person of files that cannot be.
///
/// # Errors
/// When the person stopped the cell.
pub(super) async fn first_uploads(
    files: &[String],
    context: &mut CellContext<'_>,
) -> Result<(bool, Vec<String>), Stopped> {
    let inputs = &context.state.inputs;
    let mut ids = files.to_vec();
    ids.retain(|id| is_local(id) && !inputs.is_removed(id));
    let mut told = Vec::new();
    for id in &ids {
        told.extend(upload_or_forget(id, context).await?);
    }
    Ok((!ids.is_empty(), told))
}

/// Finds out which of these files are gone and has each uploaded again or removed from the inputs;
/// returns what to tell the person.
///
/// # Errors
/// When the person stopped the cell.
pub(super) async fn missing(
    files: &[String],
    context: &mut CellContext<'_>,
) -> Result<Vec<String>, Stopped> {
    let now = context.services.host.now();
    let is_fresh = |at| now - at < RELIED_ON;
    let inputs = &context.state.inputs;
    let mut ids = files.to_vec();
    ids.retain(|id| !inputs.is_removed(id) && !is_local(id));
    if ids.is_empty() || inputs.asked_at.is_some_and(is_fresh) {
        return Ok(Vec::new());
    }
    let asking = context.services.client.usable_files(&ids, now);
    let usable = match unless_stopped(asking, context.interrupts, context.output.replies).await? {
        Ok(usable) => usable,
        Err(error) => {
            // If a file is gone, the API refuses the request itself, and the person is told then.
            tracing::info!(%error, "the API does not say which files it has");
            return Ok(Vec::new());
        }
    };
    context.state.inputs.asked_at = Some(now);
    let mut told = Vec::new();
    for id in ids.iter().filter(|id| !usable.contains(id)) {
        told.extend(upload_or_forget(id, context).await?);
    }
    Ok(told)
}

/// Uploads again a file that is gone, or removes it from the inputs; returns what to tell the
/// person.
async fn upload_or_forget(
    id: &str,
    context: &mut CellContext<'_>,
) -> Result<Option<String>, Stopped> {
    let mut known = context.state.inputs.uploaded().iter();
    let known = known.find(|one| one.file_id == *id).cloned();
    let again = match &known {
        Some(input) => {
            let uploading = upload_again(input, context.services);
            unless_stopped(uploading, context.interrupts, context.output.replies).await?
        }
        None => None,
    };
    let Some(again) = again else {
        context.state.inputs.remove(id);
        let name = known.map_or_else(
            || "A file of an earlier cell".to_owned(),
            |input| format!("`{}`", input.name),
        );
        let why = match is_local(id) {
            true => "is not here with the content that it had",
            false => "is gone from Anthropic",
        };
        return Ok(Some(format!(
            "{name} {why}: what was said with it is sent without it. `%attach` gives it again."
        )));
    };
    let told = format!(
        "`{}` was gone from Anthropic and is uploaded again.",
        again.name
    );
    context.state.inputs.replace(id, again);
    Ok((!is_local(id)).then_some(told))
}

/// Uploads a file again if its content is still the same.
async fn upload_again(input: &Input, services: &Services) -> Option<Input> {
    let path = input.path.clone();
    let examined = tokio::task::spawn_blocking(move || attach::content_of(&path)).await;
    if examined.ok()?? != (input.sha256.clone(), input.size_bytes) {
        return None;
    }
    let upload = Upload {
        path: input.path.clone(),
        name: input.name.clone(),
        mime_type: input.mime_type.clone(),
        size_bytes: input.size_bytes,
        sha256: input.sha256.clone(),
    };
    let (progress, _) = watch::channel(Progress::default());
    let sent = services
        .client
        .upload(services.host.as_ref(), &upload, &progress);
    match sent.await {
        Ok(metadata) => Some(Input {
            file_id: metadata.id,
            expires_at: metadata.expires_at,
            ..input.clone()
        }),
        Err(error) => {
            tracing::info!(%error, "a file that was gone could not be uploaded again");
            None
        }
    }
}
