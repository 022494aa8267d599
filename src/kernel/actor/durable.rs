//! What a cell leaves to the journal, and what the journal gives back to the first one.

use serde_json::Value;

use crate::jupyter::request::Execute;
use crate::jupyter::wire::Message;
use crate::kernel::execute::Scene;
use crate::kernel::introspect::{self, HistoryEntry};
use crate::kernel::resume;
use crate::kernel::show::{front_end, warnings};
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

    /// Writes down what a cell changed and what it left to the history.
    pub(super) fn end_cell(&mut self, execute: &Execute, output: String) {
        resume::write(&mut self.state, &mut self.journal);
        if execute.store_history {
            self.journal.output(self.state.count, &output);
            self.state.history.push(HistoryEntry {
                line: self.state.count,
                input: execute.code.clone(),
                output,
            });
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
        let scene = Scene {
            desk: &self.desk,
            parent: &request.parent,
            count: self.state.count,
            asks: None,
        };
        // Whoever resumes knows.
        let notice = chosen.notice.filter(|_| !execute.code.contains("%resume"));
        scene.show(warnings(notice.iter())).await;
    }
}
