//! `%reset sandbox --replay`: runs what ran in the turns above again, in the fresh sandbox.
//!
//! The API runs no code without the model: the recorded steps go up as one script, Claude is asked
//! to run it as it stands, and its own words at the end say whether that is what ran.

use serde_json::Value;

use crate::anthropic::upload::Upload;
use crate::cell::shown::Shown;
use crate::chat::replay::{NAME, Replay, Went};
use crate::host::unnumbered;

use super::attach;
use super::error::CellError;
use super::inputs;
use super::jobs::{Desktop, Outcome, Stopped};

/// Uploads the script and asks for it to be run.
///
/// # Errors
/// The upload failed, or the person stopped it.
pub(super) async fn prepare(desktop: &mut Desktop<'_>) -> Result<Outcome, Stopped> {
    let turns: Vec<(u32, Vec<Value>)> = (1..)
        .zip(desktop.state.conversations.above(&desktop.state.cell))
        .map(|(number, turn)| {
            let said = turn.answers().into_iter().flat_map(|(_, blocks)| blocks);
            (number, said.collect())
        })
        .collect();
    let Some(replay) = Replay::of(&turns) else {
        return show(
            "The sandbox is new. No step ran in the turns above, so there is nothing to run again.",
            None,
            desktop,
        )
        .await;
    };
    if desktop.is_dry {
        desktop
            .planned
            .push(inputs::upload_block(&format!("file_of_{NAME}")));
    } else {
        upload(&replay, desktop).await?;
    }
    let prompt = replay.prompt();
    let steps = match replay.steps {
        1 => "the one step that ran".to_owned(),
        steps => format!("the {steps} steps that ran"),
    };
    desktop.state.replay = (!desktop.is_dry).then_some(replay);
    let text = format!(
        "The sandbox is new: Claude runs {steps} in it again, in one turn, which costs what a turn costs. \
Variables of its Python session are not kept."
    );
    show(&text, Some(prompt), desktop).await
}

async fn upload(replay: &Replay, desktop: &mut Desktop<'_>) -> Result<(), Stopped> {
    let unwritable = |error: std::io::Error| {
        CellError::new(
            "FileError",
            format!(
                "the recorded steps cannot be written to a file: {}",
                unnumbered(&error)
            ),
            "Check the disk and the folder for temporary files.",
        )
    };
    let mut file = tempfile::NamedTempFile::new().map_err(unwritable)?;
    std::io::Write::write_all(&mut file, replay.script.as_bytes()).map_err(unwritable)?;
    let upload = Upload {
        path: file.path().to_owned(),
        name: NAME.to_owned(),
        mime_type: "text/plain".to_owned(),
        size_bytes: replay.script.len() as u64,
        sha256: replay.sha256.clone(),
    };
    attach::send_quietly(&upload, desktop).await
}

async fn show(
    text: &str,
    prompt: Option<String>,
    desktop: &Desktop<'_>,
) -> Result<Outcome, Stopped> {
    Ok(Outcome {
        prompt,
        ..desktop.tell(Shown::default().paragraph(text)).await
    })
}

/// Returns what to say once the turn is over, if there is anything.
pub(super) fn verdict(replay: &Replay, blocks: &[Value]) -> Option<String> {
    match replay.went(blocks) {
        Went::Through { failed: 0 } => None,
        Went::Through { failed } => Some(format!(
            "{failed} of the {} steps failed in the new sandbox; the step above says which.",
            replay.steps
        )),
        Went::Not => Some(
            "Claude did not run the recorded steps as they stand: the new sandbox is not as the old one was. \
`%reset sandbox --replay` tries again."
                .to_owned(),
        ),
    }
}
