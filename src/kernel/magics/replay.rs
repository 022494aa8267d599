//! `%reset sandbox --replay`: runs again, in the new sandbox, the steps of the turns above.
//!
//! The API runs no code without the model. So the recorded steps are uploaded as one script, and
//! Claude is asked to run it as it stands. The script prints at its end whether it ran through.

use serde_json::Value;

use crate::anthropic::block::Block;
use crate::anthropic::upload::Upload;
use crate::cell::shown::Shown;
use crate::chat::input::{Attachment, Delivery};
use crate::chat::replay::{NAME, Replay, Went};
use crate::chat::turn::ask::Ask;
use crate::chat::turn::compose::compose;
use crate::host::unnumbered;

use super::attach;
use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::Stopped;
use crate::kernel::lines::warnings;
use crate::kernel::turn::hidden::hidden_turn;

/// Where the script goes.
const TO_SANDBOX: Delivery = Delivery {
    visible_as: None,
    sandbox: true,
};

/// Uploads the script and returns the prompt that asks Claude to run it.
///
/// # Errors
/// When the upload failed, or the person stopped it.
pub(super) async fn prepare(context: &mut CellContext<'_>) -> Result<Outcome, Stopped> {
    let above = context.state.conversations.above(&context.state.cell);
    let turns: Vec<(u32, Vec<Value>)> = above
        .into_iter()
        .map(|turn| {
            let said = turn.answers().into_iter().flat_map(|(_, blocks)| blocks);
            (turn.receipt.count, said.collect())
        })
        .collect();
    let Some(replay) = Replay::of(&turns) else {
        return show(
            "The sandbox is new. No step ran in the turns above, so there is nothing to run again.",
            None,
            context,
        )
        .await;
    };
    if context.is_dry {
        let planned = Attachment::planned(NAME, TO_SANDBOX);
        context.attachments.push(planned);
    } else {
        upload(&replay, context).await?;
    }
    let steps = match replay.steps {
        1 => "the one step that ran".to_owned(),
        steps => format!("the {steps} steps that ran"),
    };
    let text = format!(
        "The sandbox is new: Claude runs {steps} in it again, in one turn, which costs what a turn costs. \
Variables of its Python session are not kept."
    );
    let prompt = replay.prompt();
    context.replay = Some(replay);
    show(&text, Some(prompt), context).await
}

async fn upload(replay: &Replay, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    let unwritable = |error: std::io::Error| {
        CellError::new(
            ErrorKind::File,
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
    let input = attach::send_quietly(&upload, context).await?;
    context.attachments.push(Attachment {
        file_id: input.file_id.clone(),
        name: input.name.clone(),
        delivery: TO_SANDBOX,
    });
    context.state.inputs.add(input);
    Ok(())
}

async fn show(
    text: &str,
    prompt: Option<String>,
    context: &CellContext<'_>,
) -> Result<Outcome, Stopped> {
    Ok(Outcome {
        prompt,
        ..context.tell(Shown::default().paragraph(text)).await
    })
}

/// Runs the steps again in a hidden turn of their own, before the prompt of the cell is sent.
///
/// # Errors
/// When the turn failed, the budget does not pay for it, or the person stopped it.
pub async fn run_first(replay: &Replay, context: &mut CellContext<'_>) -> Result<(), Stopped> {
    let mut attachments = std::mem::take(&mut context.attachments);
    // The steps may read the files that their turns had.
    let state = &context.state;
    let ask = Ask::of(state.cell.clone(), context.settings.clone(), "");
    let sent = compose(&state.conversations, &ask, &state.facts(), &[]).sent;
    let earlier = sent.sandbox_files.into_iter();
    attachments.extend(earlier.map(|file_id| Attachment {
        name: String::new(),
        file_id,
        delivery: TO_SANDBOX,
    }));
    let line = "%reset sandbox --replay";
    let turn = hidden_turn(line, &replay.prompt(), attachments, context).await?;
    let blocks: Vec<&Block> = turn.messages.iter().flat_map(|said| &said.blocks).collect();
    let verdict = verdict(replay, &blocks);
    context.output.show(warnings(verdict.iter())).await;
    Ok(())
}

/// Returns the warning to show once the turn is over, if steps failed or did not run.
pub fn verdict(replay: &Replay, blocks: &[&Block]) -> Option<String> {
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
