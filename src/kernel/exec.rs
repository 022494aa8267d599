//! `%%exec`: long code is uploaded before its turn, and the turn is judged after it. An edge.

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

use super::error::CellError;
use super::inputs::{self, Input};
use super::jobs::{Desktop, Stopped, unless_stopped};
use super::store::hex;

/// Lines shown of a difference, at its beginning and end.
const LINES: (usize, usize) = (200, 20);

/// Makes what is to run of a cell's code.
pub(super) fn verbatim(language: Language, code: String) -> Verbatim {
    let mut verbatim = Verbatim {
        language,
        code,
        sha256: String::new(),
    };
    verbatim.sha256 = hex(&Sha256::digest(verbatim.file_text()));
    verbatim
}

/// Uploads code that is too long to be written by the model; it goes with the next prompt.
///
/// # Errors
/// When the API does not take it, or the person stopped it.
pub(super) async fn send(
    verbatim: Option<&Verbatim>,
    desktop: &mut Desktop<'_>,
) -> Result<(), Stopped> {
    let Some(verbatim) = verbatim.filter(|verbatim| verbatim.is_uploaded()) else {
        return Ok(());
    };
    let (name, text) = (verbatim.file_name(), verbatim.file_text());
    if desktop.is_dry {
        let file_id = format!("file_of_{name}");
        desktop.planned.push(inputs::upload_block(&file_id));
        return Ok(());
    }
    let unwritable = |error: std::io::Error| {
        CellError::new(
            "UploadError",
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
    let edges = &*desktop.edges;
    let sending = edges.client.upload(edges.host.as_ref(), &upload, &progress);
    let metadata = unless_stopped(sending, desktop.interruptions, desktop.scene.desk)
        .await?
        .map_err(|error| CellError::from(&error))?;
    let state = &mut desktop.state.inputs;
    state.add(Input {
        file_id: metadata.id.clone(),
        path: name.clone().into(),
        name,
        size_bytes: upload.size_bytes,
        sha256: upload.sha256.clone(),
        mime_type: upload.mime_type.clone(),
        expires_at: metadata.expires_at.clone(),
        eyes: None,
        sandbox: true,
        turns: Vec::new(),
    });
    state.wait(&metadata.id, None, true);
    Ok(())
}

/// Compares what ran with the cell. Returns what the cell fails with, and what is shown of it.
pub(super) fn judge(
    verbatim: &Verbatim,
    turn: &FinishedTurn,
) -> Option<(CellError, Option<Output>)> {
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
            Some((CellError::new("ExecFailed", what, hint), None))
        }
        Err(mismatch) => {
            let (what, ran) = match &mismatch {
                Mismatch::Nothing => ("nothing ran", &[][..]),
                Mismatch::Other { ran } => ("what ran is not what the cell says", ran.as_slice()),
                Mismatch::More { ran } => ("more ran than the cell says", ran.as_slice()),
            };
            let error = CellError::new(
                "ExecMismatch",
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
