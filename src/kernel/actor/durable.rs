//! What a cell leaves to the journal, and what the journal gives back to the first one.

use serde_json::Value;

use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::kernel::execute::{Leave, Scene};
use crate::kernel::introspect::{self, HistoryEntry};
use crate::kernel::jobs::unless_stopped;
use crate::kernel::resume;
use crate::kernel::show::{front_end, notes, warnings};
use crate::render::renderer::Client as FrontEnd;

use super::Kernel;

impl Kernel {
    /// Chooses the journal when the first cell runs, says what was found, and writes the cell down.
    pub(super) async fn begin_cell(&mut self, execute: &Execute, request: &Message) {
        if !execute.silent && self.journal.is_asleep() {
            self.wake(execute, request).await;
        }
        if execute.store_history {
            self.journal.cell(self.state.count, &execute.code);
        }
    }

    /// Writes down what a cell changed and what it left to the history. The value says that the
    /// kernel was told to leave meanwhile.
    pub(super) async fn end_cell(
        &mut self,
        execute: &Execute,
        request: &Message,
        output: String,
    ) -> Option<Leave> {
        if !execute.silent {
            self.state.record_settings();
        }
        let is_changed = resume::write(&mut self.state, &mut self.journal);
        if execute.store_history {
            self.journal.output(self.state.count, &output);
            self.state.history.push(HistoryEntry {
                line: self.state.count,
                input: execute.code.clone(),
                output,
            });
        }
        if !is_changed {
            return None;
        }
        let safe = unless_stopped(self.journal.safe(), &mut self.interruptions, &self.desk);
        match safe.await {
            Ok(unsaved) => {
                self.scene(request).show(warnings(unsaved.iter())).await;
                None
            }
            // The disk goes on without being waited for.
            Err(stopped) => stopped.leave,
        }
    }

    fn scene<'a>(&'a self, request: &'a Message) -> Scene<'a> {
        Scene {
            desk: &self.desk,
            parent: &request.parent,
            count: self.state.count,
            asks: None,
        }
    }

    /// Answers a `history_request`.
    pub(super) async fn history(&self, content: &Value) -> Value {
        introspect::history(content, &self.journal.past().await, &self.state.history)
    }

    async fn wake(&mut self, execute: &Execute, request: &Message) {
        let headless = front_end(execute, request) == FrontEnd::Batch;
        let chosen = self.journal.wake(headless).await;
        if let Some(contents) = chosen.continued {
            resume::adopt(&mut self.state, &mut self.journal, *contents);
        }
        // Whoever resumes knows.
        let notice = chosen.notice.filter(|_| !execute.code.contains("%resume"));
        self.scene(request).show(notes(notice.iter())).await;
    }
}
