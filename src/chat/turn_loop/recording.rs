//! What a turn leaves to be shown again.

use crate::chat::action::NotSaved;
use crate::chat::record::Artifact;
use crate::chat::recording::{RecordedFile, Recording, ToolAnswer};
use crate::chat::turn::{FetchedFile, ToolResult};

use super::TurnLoop;

impl TurnLoop {
    /// Returns the recording of the turn, if it is one that is recorded: what has come so far.
    #[must_use]
    pub fn recording(&self) -> Option<Recording> {
        let asked = self.ask.asked.as_ref()?;
        Some(
            self.recorder
                .recording(asked, &self.ask.prompt, &self.receipt()),
        )
    }

    /// Returns the files that the turn made, if a recording answers.
    pub(super) fn played(&self) -> Option<Vec<Artifact>> {
        self.terms.recorded.as_ref()?;
        let files = self.recorder.files().iter();
        let files = files.filter(|file| file.failed.is_none());
        Some(
            files
                .map(|file| Artifact {
                    name: file.name.clone(),
                    sha256: file.sha256.clone(),
                })
                .collect(),
        )
    }

    pub(super) fn record_file(&mut self, file_id: &str, result: &Result<FetchedFile, NotSaved>) {
        let (file, bytes) = match result {
            Ok(file) => {
                let recorded = RecordedFile {
                    name: file.name.clone(),
                    mime_type: file.mime_type.clone(),
                    size_bytes: file.size_bytes,
                    sha256: file.sha256.clone(),
                    ..RecordedFile::default()
                };
                (recorded, file.bytes.as_ref())
            }
            Err(NotSaved { why }) => {
                let failed = RecordedFile {
                    failed: Some(why.clone()),
                    ..RecordedFile::default()
                };
                (failed, None)
            }
        };
        self.recorder.saved(file_id, file, bytes);
    }
}

/// What a tool answered, as it is recorded.
pub(super) fn answer_of(result: &ToolResult) -> ToolAnswer {
    ToolAnswer {
        id: String::new(),
        content: result.content.clone(),
        is_error: result.is_error,
        printed: result.printed.clone(),
    }
}
