//! Takes updates and gives outputs: decides which block becomes which output.
//!
//! Timing is in `answer` and `status`, clients are in `screen`. Invariant: after `Finished` or
//! `Aborted` everything that came is on the screen once, in its final form.

use std::collections::BTreeSet;
use std::time::Duration;

use bytes::Bytes;
use serde_json::Value;

use super::answer::Answer;
use super::group::Group;
use super::receipt::{Files, ShownReceipt};
use super::screen::{Screen, SlotId, note, quiet};
use super::sources::Sources;
use super::status::Status;
use super::thinking::Thinking;
use super::{artifact, foreign, receipt, structured};
use crate::anthropic::block::{Block, View};
use crate::anthropic::event::Delta;
use crate::chat::receipt::Receipt;
use crate::chat::settings::ThinkingShow;
use crate::chat::turn::{Activity, FetchedFile, Update};
use crate::chat::verbatim::Verbatim;
use crate::chat::wrapped_python::Scripts;
use crate::jupyter::mime::{Output, StreamName};

mod steps;

use steps::missing_file;

pub use super::display_mode::DisplayMode;
pub use super::terminal::Look;

/// Turns the updates of one turn into outputs.
#[derive(Debug)]
pub struct Renderer {
    screen: Screen,
    thinking_show: ThinkingShow,
    status: Status,
    answer: Option<Answer>,
    /// Whether the text block before cited something, so that the next one goes on in the same
    /// sentence.
    cited: bool,
    text: TextBlock,
    /// Text that is held back because it is, or may be, the JSON of a structured result; `None` if
    /// no such result is wanted.
    held: Option<String>,
    /// Code that has to run exactly as it is (`%%exec`), and whether it did.
    verbatim: Option<(Verbatim, bool)>,
    thinking: Option<Thinking>,
    groups: Vec<Group>,
    scripts: Scripts,
    pending_files: Vec<PendingFile>,
    saved: Vec<FetchedFile>,
    sources: Sources,
    /// The ordinals of blocks that are finished.
    done: BTreeSet<usize>,
    /// The ordinal of the block that is coming in.
    growing: Option<usize>,
    /// Whether anything of an answer came.
    has_begun: bool,
    /// The receipt, once it is on the screen.
    shown: Option<ShownReceipt>,
}

/// The text block that is growing.
#[derive(Debug, Default)]
struct TextBlock {
    received_bytes: usize,
    citations: Vec<Value>,
}

/// A file that a result announced and that has not come yet.
#[derive(Debug)]
struct PendingFile {
    file_id: String,
    place: SlotId,
}

impl Renderer {
    /// Starts a turn. `display_prefix` makes the display ids unique as long as the kernel lives.
    #[must_use]
    pub fn new(client: DisplayMode, thinking: ThinkingShow, display_prefix: String) -> Self {
        Self {
            screen: Screen::new(client, display_prefix),
            thinking_show: thinking,
            status: Status::new(client),
            answer: None,
            cited: false,
            text: TextBlock::default(),
            held: None,
            verbatim: None,
            thinking: None,
            groups: Vec::new(),
            scripts: Scripts::default(),
            pending_files: Vec::new(),
            saved: Vec::new(),
            sources: Sources::default(),
            done: BTreeSet::new(),
            growing: None,
            has_begun: false,
            shown: None,
        }
    }

    /// Says what the terminal can show. Without it, text is written as it comes.
    #[must_use]
    pub fn on_terminal(mut self, look: Look) -> Self {
        self.screen.look = Some(look);
        self
    }

    /// Says that the turn ends with a structured result, so its text is not shown while it grows.
    #[must_use]
    pub fn expecting_result(mut self) -> Self {
        self.held = Some(String::new());
        self
    }

    /// Says that the turn runs a cell's code exactly as it is. Of that step only the output is
    /// shown, and no text beside it.
    #[must_use]
    pub fn running(mut self, verbatim: Verbatim) -> Self {
        self.held = Some(String::new());
        self.verbatim = Some((verbatim, false));
        self
    }

    /// Takes one update at the monotonic time `now`; returns what to publish, in order.
    pub fn apply(&mut self, update: Update, now: Duration) -> Vec<Output> {
        match update {
            Update::Activity(activity) => self.activity(&activity, now),
            Update::BlockStarted { ordinal, block } => {
                self.growing = Some(ordinal);
                self.has_begun = true;
                self.started(ordinal, &block, now);
            }
            Update::BlockDelta { ordinal, delta } => self.delta(ordinal, delta, now),
            Update::BlockFinished { ordinal, block } => {
                self.growing = None;
                self.finished(ordinal, &block, now);
            }
            Update::ToolFinished {
                id,
                result,
                printed,
                ..
            } => self.end_tool(&id, &result, printed, now),
            Update::FileFetched { file, .. } => self.file(file, now),
            Update::FileFailed { file_id, why, .. } => self.file_failed(&file_id, &why, now),
            Update::Result(result) => {
                self.held = None;
                self.end_answer();
                self.end_row();
                let place = self.screen.open();
                self.screen.finish(place, structured::form(&result));
            }
            Update::ResultSaved(file) => self.saved.push(FetchedFile {
                bytes: None,
                start: Bytes::new(),
                ..file
            }),
            Update::Notice(text) => self.quiet(&text, "notice"),
            Update::Finished(receipt) => self.end(Some(&receipt), now),
            Update::Aborted(receipt) => self.end(receipt.as_deref(), now),
        }
        self.screen.take()
    }

    /// Publishes what has waited long enough.
    pub fn tick(&mut self, now: Duration) -> Vec<Output> {
        if let Some(answer) = &mut self.answer {
            answer.tick(now, &mut self.screen);
        }
        if self.screen.client() != DisplayMode::Batch
            && let Some(line) = self.status.tick(now)
        {
            // Text that may go on is not ended by a line below it.
            if !line.is_below_text {
                self.end_answer();
            }
            self.screen.status(&line.text);
        }
        self.screen.take()
    }

    /// Returns when [`tick`](Self::tick) next has something to publish.
    #[must_use]
    pub fn deadline(&self) -> Option<Duration> {
        let client = self.screen.client();
        let answer = self
            .answer
            .as_ref()
            .and_then(|answer| answer.deadline(client));
        let status = self
            .status
            .deadline()
            .filter(|_| client != DisplayMode::Batch);
        [answer, status].into_iter().flatten().min()
    }

    /// Returns how many bytes of text the next piece of it may have to be drawn with.
    #[must_use]
    pub fn redrawn_bytes(&self) -> usize {
        let client = self.screen.client();
        let answer = self.answer.as_ref();
        answer.map_or(0, |answer| answer.redrawn_bytes(client))
    }

    /// Returns how many bytes of text wait for their final form: the next update that is no delta may
    /// have to render all of them.
    #[must_use]
    pub fn backlog_bytes(&self) -> usize {
        let thinking = self.thinking.as_ref().map_or(0, Thinking::len_bytes);
        let answer = self.answer.as_ref().map_or(0, Answer::len_bytes);
        let held = self.held.as_ref().map_or(0, String::len);
        thinking + answer + held
    }

    fn activity(&mut self, activity: &Activity, now: Duration) {
        if let Activity::Retrying { delay, why } = activity {
            let seconds = delay.as_secs_f64().ceil();
            let line = format!("[retrying in {seconds} s ({why})]\n");
            self.screen.stream(StreamName::Stderr, line);
        }
        self.status.set(activity, now, self.screen.has_status());
    }

    fn started(&mut self, ordinal: usize, block: &Block, now: Duration) {
        match block.view() {
            View::Text { text, .. } => {
                self.text_began(now);
                self.begin_text(block, now);
                self.push_text(text, now);
            }
            View::Thinking { thinking } => {
                self.end_answer();
                self.thinking = Some(Thinking::default());
                self.push_thinking(thinking, now);
            }
            View::RedactedThinking => self.end_answer(),
            // The input of this block comes in deltas.
            View::ServerToolUse { .. } | View::ToolUse { .. } => self.end_answer(),
            // These blocks come whole.
            _ => self.finished(ordinal, block, now),
        }
    }

    fn delta(&mut self, ordinal: usize, delta: Delta, now: Duration) {
        if self.done.contains(&ordinal) {
            return;
        }
        match delta {
            Delta::Text(text) => {
                self.text_began(now);
                self.push_text(&text, now);
            }
            Delta::Thinking(text) => self.push_thinking(&text, now),
            Delta::Citation(citation) => self.text.citations.push(citation),
            Delta::InputJson(_) | Delta::Signature(_) | Delta::Other { .. } => {}
        }
    }

    fn finished(&mut self, ordinal: usize, block: &Block, now: Duration) {
        if !self.done.insert(ordinal) {
            return;
        }
        match block.view() {
            View::Text { text, citations } => self.end_text(text, citations, now),
            View::Thinking { thinking } => self.end_thinking(Some(thinking)),
            View::RedactedThinking => {}
            View::ToolUse { id, name, input } | View::ServerToolUse { id, name, input } => {
                self.begin_step(id, name, input, now);
            }
            View::Fetched {
                tool_use_id,
                outcome,
            } => {
                if let Ok(page) = outcome {
                    self.sources.read(page);
                }
                self.end_step(tool_use_id, block, now);
            }
            View::Executed { tool_use_id, .. }
            | View::Edited { tool_use_id, .. }
            | View::Searched { tool_use_id, .. }
            | View::OtherResult { tool_use_id, .. } => self.end_step(tool_use_id, block, now),
            View::Fallback { from, to } => {
                self.quiet(&format!("{to} went on where {from} stopped."), "fallback");
            }
            View::Compaction { .. } => self.quiet(
                "Earlier messages of this conversation were replaced by a summary.",
                "compaction",
            ),
            View::Unknown { kind } => {
                let kind = foreign::shorten(kind, 60);
                self.quiet(
                    &format!("A block of kind {kind}, which this version cannot show."),
                    "unknown",
                );
            }
        }
    }

    // Text.

    /// Notes that text is coming, unless it is held back. Text that grows needs no status line.
    fn text_began(&mut self, now: Duration) {
        if self.held.is_none() {
            self.status.text_came(now);
            self.screen.blank_status();
        }
    }

    /// Shows the text that was held back: something else followed it, or nothing, so it was no
    /// result.
    fn show_held(&mut self, now: Duration) {
        if let Some(text) = self.held.as_mut().map(std::mem::take)
            && !text.trim().is_empty()
        {
            self.say(&text, now);
        }
    }

    /// Takes text of the answer. A row of steps ends where the answer begins.
    fn say(&mut self, text: &str, now: Duration) {
        if !text.trim().is_empty() {
            self.end_row();
        }
        self.answer
            .get_or_insert_default()
            .push(text, now, &mut self.screen);
    }

    fn begin_text(&mut self, block: &Block, now: Duration) {
        let cites = self.cited || block.raw().get("citations").is_some_and(Value::is_array);
        self.text = TextBlock::default();
        self.cited = false;
        if let Some(answer) = &mut self.answer
            && !answer.is_empty()
            && !cites
            && !answer.is_mid_sentence()
        {
            answer.push("\n\n", now, &mut self.screen);
        }
    }

    fn push_text(&mut self, text: &str, now: Duration) {
        if text.is_empty() {
            return;
        }
        self.text.received_bytes += text.len();
        if let Some(held) = &mut self.held {
            held.push_str(text);
            return;
        }
        self.say(text, now);
    }

    fn end_text(&mut self, text: &str, citations: &[Value], now: Duration) {
        // A block that was never streamed, or the rest of one.
        if let Some(rest) = text.get(self.text.received_bytes..) {
            self.push_text(rest, now);
        }
        let streamed = std::mem::take(&mut self.text).citations;
        let citations = if citations.is_empty() {
            &streamed
        } else {
            citations
        };
        let marks = self.sources.cite(citations);
        self.cited = !citations.is_empty();
        if !marks.is_empty() {
            self.say(&marks, now);
        }
    }

    fn end_answer(&mut self) {
        if let Some(answer) = self.answer.take() {
            answer.finish(&mut self.screen);
        }
        self.cited = false;
    }

    // Thinking.

    fn push_thinking(&mut self, text: &str, now: Duration) {
        if self.thinking_show == ThinkingShow::Show && !text.is_empty() {
            self.end_row();
        }
        let thinking = self.thinking.get_or_insert_default();
        if thinking.push(text, now, self.thinking_show, &mut self.screen) {
            self.status.clear();
        }
    }

    fn end_thinking(&mut self, whole: Option<&str>) {
        let thinking = self.thinking.take().unwrap_or_default();
        let text = whole.unwrap_or(thinking.text());
        if !text.trim().is_empty() && self.thinking_show != ThinkingShow::Off {
            if let (ThinkingShow::Fold, Some(row)) = (self.thinking_show, self.row()) {
                return row.think(text);
            }
            self.end_row();
        }
        thinking.finish(whole, self.thinking_show, &mut self.screen);
    }

    // The end.

    fn quiet(&mut self, text: &str, kind: &str) {
        self.end_answer();
        self.end_row();
        let place = self.screen.open();
        let plain = foreign::printable(text);
        self.screen.finish(
            place,
            note(&foreign::spoken(text), &format!("{plain}\n"), kind),
        );
    }

    fn end(&mut self, receipt: Option<&Receipt>, now: Duration) {
        self.status.clear();
        self.end_thinking(None);
        // There is no commentary on code that ran exactly as it is.
        if !matches!(self.verbatim, Some((_, true))) {
            self.show_held(now);
        }
        self.end_answer();
        self.show_steps();
        for file in std::mem::take(&mut self.pending_files) {
            let form = missing_file("the turn ended before it was fetched");
            self.screen.finish(file.place, form);
        }
        if let Some(form) = self.sources.form() {
            let place = self.screen.open();
            self.screen.finish(place, form);
        }
        self.close(receipt);
    }

    /// Shows the last output: the files, then the receipt.
    fn close(&mut self, receipt: Option<&Receipt>) {
        let mut files = Files::default();
        if !self.saved.is_empty() {
            let lines: Vec<String> = self.saved.iter().map(artifact::line).collect();
            files.markdown = quiet(&format!("Files: {}", lines.join(" · ")));
            let lines: Vec<String> = self.saved.iter().map(artifact::plain_line).collect();
            files.plain = format!("Files: {}\n", lines.join(" · "));
        }
        if files.markdown.is_empty() && receipt.is_none() {
            // A status line must not stay. An error follows and says why.
            if !self.screen.has_status() {
                return;
            }
            let why = match self.has_begun {
                true => "Stopped before the answer was complete.",
                false => "Stopped before an answer came.",
            };
            files.markdown = quiet(why);
            files.plain = format!("{why}\n");
        }
        let place = self.screen.open();
        let form = receipt::form(&files, receipt, None);
        let display_id = self.screen.finish_changeable(place, form);
        if let (Some(display_id), Some(receipt)) = (display_id, receipt) {
            self.shown = Some(ShownReceipt::new(display_id, files, receipt.clone()));
        }
    }

    /// Returns the receipt that is on the screen, if the front end can be told to change it.
    #[must_use]
    pub fn into_receipt(self) -> Option<ShownReceipt> {
        self.shown
    }
}
