//! Looks whether the API still has the files that a conversation refers to, before a request that
//! it would have to refuse: files expire, and everyone in a workspace can remove them.
//!
//! Asked when a conversation was taken up again, and now and then; what is gone is uploaded again
//! where the same content still lies at its place.

use chrono::TimeDelta;
use tokio::sync::watch;

use crate::anthropic::request::MessagesRequest;
use crate::anthropic::upload::{Progress, Upload};
use crate::chat::uploads;

use super::attach;
use super::execute::{Edges, Interruptions, Scene};
use super::inputs::Input;
use super::jobs::{Stopped, unless_stopped};
use super::state::State;

/// How long an answer of the API is relied on.
const RELIED_ON: TimeDelta = TimeDelta::minutes(10);

/// Finds the files of a request that are gone and mends the inputs; returns what to say of it.
///
/// # Errors
/// The person stopped it.
pub(super) async fn files(
    request: &MessagesRequest,
    state: &mut State,
    edges: &Edges,
    interruptions: &mut Interruptions,
    scene: Scene<'_>,
) -> Result<Vec<String>, Stopped> {
    let now = edges.host.now();
    let is_fresh = |at| now - at < RELIED_ON;
    let mut ids = uploads::files_in(request);
    ids.retain(|id| !state.inputs.is_removed(id));
    if ids.is_empty() || state.inputs.asked_at.is_some_and(is_fresh) {
        return Ok(Vec::new());
    }
    let asking = edges.client.usable_files(&ids, now);
    let usable = match unless_stopped(asking, interruptions, scene.desk).await? {
        Ok(usable) => usable,
        Err(error) => {
            // The request itself will tell.
            tracing::info!(%error, "the API does not say which files it has");
            return Ok(Vec::new());
        }
    };
    state.inputs.asked_at = Some(now);
    let mut told = Vec::new();
    for id in ids.iter().filter(|id| !usable.contains(id)) {
        let known = state
            .inputs
            .uploaded()
            .iter()
            .find(|one| one.file_id == *id);
        let known = known.cloned();
        let again = match &known {
            Some(input) => {
                let uploading = upload_again(input, edges);
                unless_stopped(uploading, interruptions, scene.desk).await?
            }
            None => None,
        };
        match (again, known) {
            (Some(again), _) => {
                told.push(format!(
                    "`{}` was gone from Anthropic and is uploaded again.",
                    again.name
                ));
                state.inputs.replace(id, again);
            }
            (None, known) => {
                let name = known.map_or_else(
                    || "A file of an earlier cell".to_owned(),
                    |input| format!("`{}`", input.name),
                );
                told.push(format!(
                    "{name} is gone from Anthropic: what was said with it is sent without it. `%attach` gives it again."
                ));
                state.inputs.remove(id);
            }
        }
    }
    Ok(told)
}

/// Uploads a file again, if it is still what it was.
async fn upload_again(input: &Input, edges: &Edges) -> Option<Input> {
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
    let sent = edges.client.upload(edges.host.as_ref(), &upload, &progress);
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
