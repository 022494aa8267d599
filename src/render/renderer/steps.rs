//! The steps of a turn, and the files they announce.

use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{PendingFile, Renderer};
use crate::anthropic::block::{Block, View};
use crate::chat::turn::{Activity, FetchedFile};
use crate::jupyter::mime::StreamName;
use crate::render::display_mode::DisplayMode;
use crate::render::group::Group;
use crate::render::screen::{Form, SlotId, Terminal, machine, note, quiet};
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
        let step = Step {
            name: name.to_owned(),
            id: id.to_owned(),
            tool: Tool::describe(name, input, &mut self.scripts),
            result: None,
            printed: None,
            bare,
        };
        let (running, plain) = (step.running(), step.running_plain());
        let announcement = step.announcement();
        let place = self.join(step);
        match (self.screen.client(), self.row()) {
            (DisplayMode::Live, Some(row)) => {
                let draft = row.draft();
                self.screen.draft(place, draft);
            }
            (DisplayMode::Batch, _) if bare => {}
            _ => self.screen.announce(place, running, plain),
        }
        self.screen.headline(&announcement);
    }

    /// Returns the row of steps that the next step joins.
    pub(super) fn row(&mut self) -> Option<&mut Group> {
        self.groups
            .last_mut()
            .filter(|row| row.is_open && !row.is_full())
    }

    /// Puts a step into the row, or begins another one; returns its place.
    fn join(&mut self, step: Step) -> SlotId {
        let may_join = !step.bare && self.screen.client() == DisplayMode::Live;
        if may_join && let Some(row) = self.row() {
            row.add(step);
            return row.place;
        }
        self.end_row();
        // The last step of the row before is no longer the last one, so it need not stay open.
        if let Some(row) = self.groups.last()
            && row.has_failed()
            && self.screen.client() == DisplayMode::Live
        {
            let form = row.form(false, DisplayMode::Live);
            self.screen.finish(row.place, form);
        }
        let place = self.screen.open();
        self.groups.push(Group::new(place, step, may_join));
        place
    }

    /// Ends the row of steps: something else follows.
    pub(super) fn end_row(&mut self) {
        let client = self.screen.client();
        if let Some(row) = self.groups.last_mut()
            && std::mem::take(&mut row.is_open)
            && !std::mem::replace(&mut row.is_shown, true)
        {
            let form = row.form(row.has_failed(), client);
            self.screen.finish(row.place, form);
        }
    }

    /// Shows the final form of all steps that have none, at the end of the turn.
    pub(super) fn show_steps(&mut self) {
        let client = self.screen.client();
        let last = self.groups.len().saturating_sub(1);
        for (at, row) in self.groups.iter_mut().enumerate() {
            row.is_open = false;
            if !std::mem::replace(&mut row.is_shown, true) {
                let form = row.form(at == last && row.has_failed(), client);
                self.screen.finish(row.place, form);
            }
        }
    }

    pub(super) fn end_step(&mut self, id: &str, result: &Block, now: Duration) {
        self.end_answer();
        let known = self.groups.iter_mut().rev();
        if !known.map(|row| row.waiting(id)).any(|step| step.is_some()) {
            // A result came without its call, so the call's name is not known.
            let name = result.kind().trim_end_matches("_tool_result").to_owned();
            let tool = Tool::describe(&name, &Value::Null, &mut self.scripts);
            self.join(Step {
                tool,
                name,
                id: id.to_owned(),
                result: None,
                printed: None,
                bare: false,
            });
        }
        if let Some(place) = self.give(id, result)
            && let View::Executed {
                outcome: Ok(executed),
                ..
            } = result.view()
        {
            self.expect_files(place, &executed.file_ids);
        }
        self.wait(now);
    }

    /// Gives its result to the step with this id and shows the step; returns its place.
    fn give(&mut self, id: &str, result: &Block) -> Option<SlotId> {
        let client = self.screen.client();
        let count = self.groups.len();
        for (at, row) in self.groups.iter_mut().enumerate().rev() {
            let is_last_step = row.steps().next_back().is_some_and(|step| step.id == id);
            let Some(step) = row.waiting(id) else {
                continue;
            };
            step.result = Some(result.clone());
            let is_last = at + 1 == count && is_last_step;
            row.is_shown = false;
            if row.is_one() {
                row.is_shown = true;
                let mut form = row.form(is_last && row.has_failed(), client);
                if let (false, Terminal::Text(texts), Some(step)) =
                    (is_last, &mut form.terminal, row.steps().next())
                {
                    // Other calls were announced in the meantime, so the terminal is told whose
                    // result this is.
                    texts.insert(0, (StreamName::Stdout, step.headline()));
                }
                self.screen.finish(row.place, form);
            } else if row.is_open {
                let draft = row.draft();
                self.screen.draft(row.place, draft);
            } else if row.is_over() {
                // The row ended before the last of its results came.
                row.is_shown = true;
                self.screen.finish(row.place, row.form(false, client));
            }
            return Some(row.place);
        }
        None
    }

    /// Shows the answer of a tool of this machine, with what it printed and the images it made.
    pub(super) fn end_tool(&mut self, id: &str, result: &Block, printed: String, now: Duration) {
        let mut printed = Some(printed);
        let place = self.groups.iter_mut().rev().find_map(|row| {
            let place = row.place;
            let step = row.waiting(id)?;
            step.printed = printed.take();
            Some((place, step.name.clone()))
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
        if self.groups.iter().all(Group::is_over) {
            let shown = self.screen.has_status();
            self.status.set(&Activity::Waiting, now, shown);
        }
    }

    /// Opens a place for each file that a result announced, so that the file appears at its step.
    fn expect_files(&mut self, step: SlotId, file_ids: &[&str]) {
        let mut before = step;
        for file_id in file_ids {
            let place = self.screen.open_behind(before);
            self.screen.draft(place, quiet("Fetching a file …"));
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
        let form = artifact::form(&file);
        // A file is named once: by its own output, or else in the last line. In a terminal a
        // picture is its name.
        if !artifact::is_named(&form) && self.screen.client() != DisplayMode::Terminal {
            self.saved.push(FetchedFile {
                bytes: None,
                start: Bytes::new(),
                ..file
            });
        }
        self.screen.finish(place, form);
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
