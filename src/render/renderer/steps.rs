//! The steps of a turn, and the files they announce.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{PendingFile, Renderer};
use crate::anthropic::block::{Block, View};
use crate::chat::turn::{Activity, FetchedFile};
use crate::jupyter::mime::StreamName;
use crate::render::display_mode::DisplayMode;
use crate::render::screen::{Form, SlotId, Terminal, machine, note};
use crate::render::step::Step;
use crate::render::tool::Tool;
use crate::render::tool_image::tool_images;
use crate::render::{artifact, foreign};

impl Renderer {
    pub(super) fn begin_step(&mut self, id: &str, name: &str, input: &Value, now: Duration) {
        let bare = match &mut self.verbatim {
            Some((verbatim, ran)) => {
                let bare = !*ran && verbatim.is(name, input);
                *ran |= bare;
                bare
            }
            None => {
                self.show_held(now);
                false
            }
        };
        self.end_answer();
        // The step before is no longer the last one, so it need not stay open.
        self.fold_last_step();
        let step = Step {
            name: name.to_owned(),
            id: id.to_owned(),
            tool: Tool::describe(name, input, &mut self.scripts),
            result: None,
            printed: None,
            bare,
        };
        let place = self.screen.open();
        self.screen.draft(place, step.running());
        self.screen.stream(StreamName::Stdout, step.announcement());
        self.steps.push((place, step));
    }

    fn fold_last_step(&mut self) {
        if let Some((place, step)) = self.steps.last()
            && step.failed()
            && self.screen.client() != DisplayMode::Terminal
        {
            self.screen.finish(*place, step.form(false));
            self.screen.hold(None);
        }
    }

    pub(super) fn end_step(&mut self, id: &str, result: &Block, now: Duration) {
        self.end_answer();
        let known = self
            .steps
            .iter()
            .rposition(|(_, step)| step.id == id && step.result.is_none());
        let index = known.unwrap_or_else(|| {
            // A result came without its call, so the call's name is not known.
            let name = result.kind().trim_end_matches("_tool_result").to_owned();
            let step = Step {
                tool: Tool::describe(&name, &Value::Null, &mut self.scripts),
                name,
                id: id.to_owned(),
                result: None,
                printed: None,
                bare: false,
            };
            let place = self.screen.open();
            self.steps.push((place, step));
            self.steps.len() - 1
        });
        let last = index + 1 == self.steps.len();
        let Some((place, step)) = self.steps.get_mut(index) else {
            return;
        };
        step.result = Some(result.clone());
        let (place, open) = (*place, last && step.failed());
        if open {
            self.screen.hold(Some(place));
        }
        let mut form = step.form(open);
        if let (false, Terminal::Text(texts)) = (last, &mut form.terminal) {
            // Other calls were announced in the meantime, so the terminal is told whose result this
            // is.
            texts.insert(0, (StreamName::Stdout, step.headline()));
        }
        self.screen.finish(place, form);
        if let View::Executed {
            outcome: Ok(executed),
            ..
        } = result.view()
        {
            self.expect_files(place, &executed.file_ids);
        }
        self.wait(now);
    }

    /// Shows the answer of a tool of this machine, with what it printed and the images it made.
    pub(super) fn end_tool(&mut self, id: &str, result: &Block, printed: String, now: Duration) {
        let index = self
            .steps
            .iter()
            .rposition(|(_, step)| step.id == id && step.result.is_none());
        let step = index.and_then(|index| self.steps.get_mut(index));
        let place = step.map(|(place, step)| {
            step.printed = Some(printed);
            (*place, step.name.clone())
        });
        self.end_step(id, result, now);
        if let Some((mut before, name)) = place {
            for form in tool_images(result, &name) {
                before = self.screen.open_behind(before);
                self.screen.finish(before, form);
            }
        }
    }

    /// Notes that a tool has ended. If nothing else runs, Claude is asked again and the status line
    /// says so. If an answer is coming in, nobody waits, and a status line would cut the answer in
    /// two.
    fn wait(&mut self, now: Duration) {
        if self.growing.is_some() || self.answer.is_some() {
            return;
        }
        if self.steps.iter().all(|(_, step)| step.result.is_some()) {
            let shown = self.screen.has_status();
            self.status.set(&Activity::Waiting, now, shown);
        }
    }

    /// Opens a place for each file that a result announced, so that the file appears at its step.
    fn expect_files(&mut self, step: SlotId, file_ids: &[&str]) {
        let mut before = step;
        for file_id in file_ids {
            let place = self.screen.open_behind(before);
            self.screen
                .draft(place, "<sub>Fetching a file …</sub>".to_owned());
            self.pending_files.push(PendingFile {
                file_id: (*file_id).to_owned(),
                place,
            });
            before = place;
        }
    }

    // The files of the step.

    pub(super) fn file(&mut self, file: FetchedFile, now: Duration) {
        let place = self.file_place(&file.file_id);
        self.screen.finish(place, artifact::form(&file));
        // From here on only the step's name is needed, and a turn may have many steps.
        self.saved.push(FetchedFile {
            bytes: None,
            start: Bytes::new(),
            ..file
        });
        self.wait(now);
    }

    pub(super) fn file_failed(&mut self, file_id: &str, why: &str, now: Duration) {
        let place = self.file_place(file_id);
        self.screen.finish(place, missing_file(why));
        self.wait(now);
    }

    fn file_place(&mut self, file_id: &str) -> SlotId {
        let known = self
            .pending_files
            .iter()
            .position(|file| file.file_id == file_id);
        match known {
            Some(index) => self.pending_files.remove(index).place,
            None => {
                self.end_answer();
                self.screen.open()
            }
        }
    }
}

/// Takes the place of a file that did not come.
pub(super) fn missing_file(why: &str) -> Form {
    let text = format!("A file of this step could not be saved: {why}.");
    let mut form = note(&foreign::inline(&text), &format!("{text}\n"), "file");
    form.metadata = machine(json!({ "block": "file", "error": why }));
    form
}
