//! `%%exec`: long code is uploaded before its turn. After the turn, what ran is compared with the
//! cell. An edge.

use std::io::Write as _;

use sha2::{Digest as _, Sha256};
use similar::TextDiff;
use tokio::sync::watch;

use crate::anthropic::upload::{Progress, Upload};
use crate::chat::turn::FinishedTurn;
use crate::chat::verbatim::{Failure, Language, Mismatch, Verbatim, failure};
use crate::host::unnumbered;
use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::render::foreign;

use crate::kernel::context::CellContext;
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::inputs::{Attachment, Delivery, Input};
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::store::hex;

/// Where the code of a cell goes.
const TO_SANDBOX: Delivery = Delivery {
    visible_as: None,
    sandbox: true,
};
/// Lines shown of a difference, at its beginning and end.
const LINES: (usize, usize) = (200, 20);

/// Makes a cell's code into what is to run.
pub fn verbatim(language: Language, code: String) -> Verbatim {
    let mut verbatim = Verbatim {
        language,
        code,
        sha256: String::new(),
    };
    verbatim.sha256 = hex(&Sha256::digest(verbatim.file_text()));
    verbatim
}

/// Uploads code that is too long for the model to write; the file is sent with the next prompt.
///
/// # Errors
/// When the API does not take the file, or the person stopped the upload.
pub async fn send(
    verbatim: Option<&Verbatim>,
    context: &mut CellContext<'_>,
) -> Result<(), Stopped> {
    let Some(verbatim) = verbatim.filter(|verbatim| verbatim.is_uploaded()) else {
        return Ok(());
    };
    let (name, text) = (verbatim.file_name(), verbatim.file_text());
    if context.is_dry {
        let planned = Attachment::planned(&name, TO_SANDBOX);
        context.attachments.push(planned);
        return Ok(());
    }
    let unwritable = |error: std::io::Error| {
        CellError::new(
            ErrorKind::Upload,
            format!(
                "the code of this cell cannot be written to a temporary file: {}",
                unnumbered(&error)
            ),
            "Check the disk and `TMPDIR`, then run the cell again.",
        )
    };
    let mut file = tempfile::NamedTempFile::new().map_err(unwritable)?;
    file.write_all(text.as_bytes()).map_err(unwritable)?;
    let upload = Upload {
        path: file.path().to_owned(),
        name: name.clone(),
        mime_type: "text/plain".to_owned(),
        size_bytes: text.len() as u64,
        sha256: verbatim.sha256.clone(),
    };
    let (progress, _seen) = watch::channel(Progress::default());
    let services = &*context.services;
    let sending = services
        .client
        .upload(services.host.as_ref(), &upload, &progress);
    let metadata = unless_stopped(sending, context.interrupts, context.output.replies)
        .await?
        .map_err(|error| CellError::from(&error))?;
    context.state.inputs.add(Input {
        file_id: metadata.id.clone(),
        path: name.clone().into(),
        name: name.clone(),
        size_bytes: upload.size_bytes,
        sha256: upload.sha256.clone(),
        mime_type: upload.mime_type.clone(),
        expires_at: metadata.expires_at.clone(),
        visible_as: None,
        sandbox: true,
        cells: Vec::new(),
    });
    context.attachments.push(Attachment {
        file_id: metadata.id,
        name,
        delivery: TO_SANDBOX,
    });
    Ok(())
}

/// Compares what ran with the cell. If they differ, returns the error and the output that shows the
/// difference.
pub fn judge(verbatim: &Verbatim, turn: &FinishedTurn) -> Option<(CellError, Option<Output>)> {
    match verbatim.check(&turn.messages) {
        Ok(()) => {
            let (what, hint) = match failure(&turn.messages)? {
                Failure::Exit { code, misses_name } => (
                    format!("the code of this cell ended with exit code {code}"),
                    match misses_name && verbatim.language == Language::Python {
                        true => {
                            "Each `%%exec python` is a process of its own: variables of other cells are not there, files are."
                        }
                        false => {
                            "What it printed is shown above. Claude was asked not to mend it; ask for that in the next cell."
                        }
                    },
                ),
                Failure::NotRun { why } => (
                    format!(
                        "the sandbox did not run the code of this cell to its end: {}",
                        foreign::line(&why)
                    ),
                    "Run the cell again, or split it into smaller ones that save what they have.",
                ),
            };
            Some((CellError::new(ErrorKind::ExecFailed, what, hint), None))
        }
        Err(mismatch) => {
            let (what, ran) = match &mismatch {
                Mismatch::Nothing => ("nothing ran", &[][..]),
                Mismatch::Other { ran } => ("what ran is not what the cell says", ran.as_slice()),
                Mismatch::More { ran } => ("more ran than the cell says", ran.as_slice()),
            };
            let error = CellError::new(
                ErrorKind::ExecMismatch,
                what,
                "What ran stands above, as it ran. Run the cell again; if it happens again, try `%%effort low` or another model.",
            );
            Some((error, difference(verbatim, &mismatch, ran)))
        }
    }
}

/// The cell and what ran, as a difference.
fn difference(verbatim: &Verbatim, mismatch: &Mismatch, ran: &[String]) -> Option<Output> {
    if ran.is_empty() {
        return None;
    }
    let asked = format!("{}\n", verbatim.command());
    let before = match mismatch {
        Mismatch::More { .. } => String::new(),
        Mismatch::Nothing | Mismatch::Other { .. } => asked,
    };
    let after: String = ran
        .iter()
        .map(|code| format!("{}\n", code.trim_end()))
        .collect();
    let diff = TextDiff::from_lines(&before, &after)
        .unified_diff()
        .context_radius(3)
        .header("this cell", "what ran")
        .to_string();
    let shown = foreign::excerpt(&diff, LINES.0, LINES.1);
    let markdown = format!(
        "What ran differs from the cell:\n\n{}",
        foreign::fence("diff", &shown)
    );
    let plain = format!(
        "What ran differs from the cell:\n\n{}",
        foreign::plain(&diff)
    );
    Some(Output::Display(Display {
        data: MimeBundle::markdown(markdown, plain),
        metadata: metadata(),
        display_id: None,
    }))
}

fn metadata() -> serde_json::Map<String, serde_json::Value> {
    let mut metadata = serde_json::Map::new();
    metadata.insert(
        "claude_kernel".to_owned(),
        serde_json::json!({"block": "difference"}),
    );
    metadata
}
