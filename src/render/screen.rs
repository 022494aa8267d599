//! The places of a turn's outputs, and how each kind of client takes them
//! (`docs/protocol.md#kinds-of-clients`).
//!
//! What a step printed is text for people in a page, and a fact for a program that runs notebooks:
//! such a program looks for `stream` messages. So a batch client gets standard output and standard
//! error as streams, right after the display that holds the step's code (code, then output, as in
//! any notebook); the display holds nothing that is in the streams. A page gets one display with
//! both. If a batch client gets a step while it runs, it gets the code, and an update with the end.
//!
//! Knows nothing of blocks and steps. Invariant: in the end every place that was opened holds a
//! final form, and no client gets two copies of one.

use serde_json::{Map, Value, json};

use super::display_mode::DisplayMode;
use super::foreign;
use super::terminal::{self, Look};
use crate::jupyter::mime::{Display, MimeBundle, Output, StreamName};

/// The place of one output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotId(usize);

/// The final form of an output.
#[derive(Debug, Clone)]
pub(crate) struct Form {
    /// Always with `text/plain`.
    pub(crate) data: MimeBundle,
    /// Metadata that the front end reads, such as an image's size.
    pub(crate) metadata: Map<String, Value>,
    /// What a terminal gets.
    pub(crate) terminal: Terminal,
    /// What a batch client gets after `data`.
    pub(crate) streams: Vec<(StreamName, String)>,
}

/// What a terminal gets of an output.
#[derive(Debug, Clone)]
pub(crate) enum Terminal {
    /// Text on the terminal's two streams; may be empty.
    Text(Vec<(StreamName, String)>),
    /// A line that is pale where the terminal can, wrapped between words.
    Quiet(String),
    /// The whole bundle; terminals show its `text/plain`.
    Bundle,
}

impl Form {
    /// Makes a form of Markdown and the same in plain text; a terminal gets the plain text too.
    pub(crate) fn new(markdown: String, plain: String, kernel: Value) -> Self {
        let line = format!("{}\n", plain.trim_end_matches('\n'));
        Self {
            data: MimeBundle::markdown(markdown, plain),
            metadata: machine(kernel),
            terminal: Terminal::Text(vec![(StreamName::Stdout, line)]),
            streams: Vec::new(),
        }
    }

    /// Has a terminal get a pale line.
    pub(crate) fn quietly(self, plain: &str) -> Self {
        let line = format!("{}\n", plain.trim_end_matches('\n'));
        self.terminal(Terminal::Quiet(line))
    }

    /// Sets what a terminal gets.
    pub(crate) fn terminal(mut self, terminal: Terminal) -> Self {
        self.terminal = terminal;
        self
    }
}

/// Puts data for programs under the one metadata key that is ours.
pub(crate) fn machine(kernel: Value) -> Map<String, Value> {
    let mut metadata = Map::new();
    metadata.insert("claude_kernel".to_owned(), kernel);
    metadata
}

#[derive(Debug, Default)]
struct Slot {
    /// Whether the client has seen it.
    shown: bool,
    /// Batch only: the first form, until it is sent.
    draft: Option<MimeBundle>,
    /// Batch only: the final form, until it is sent.
    form: Option<Form>,
    sent: bool,
    /// Batch only: whether the output has an id although it has its final form.
    is_changeable: bool,
}

/// All places of a turn.
#[derive(Debug)]
pub(crate) struct Screen {
    client: DisplayMode,
    prefix: String,
    slots: Vec<Slot>,
    /// Batch only: the places in the order of the document; `sent` says how many of them were sent.
    order: Vec<SlotId>,
    sent: usize,
    /// Live only: the place of the status line; the next output takes it over.
    status: Option<SlotId>,
    /// Live only: whether the status line is empty.
    is_blank: bool,
    /// Terminal only: how many characters the status line has.
    erased_by: usize,
    /// Terminal only: whether the answer is being written. Whatever comes in the meantime, such as
    /// a file, waits, because it would stand in the middle of a sentence.
    is_talking: bool,
    /// Terminal only: how many characters stand on the line that is being written.
    column: usize,
    /// Terminal only: with how many line ends what was written ends; `None` if nothing was.
    line_ends: Option<usize>,
    waiting: Vec<Form>,
    out: Vec<Output>,
    /// Terminal only: what it can show, if that is known.
    pub(crate) look: Option<Look>,
}

impl Screen {
    pub(crate) fn new(client: DisplayMode, prefix: String) -> Self {
        Self {
            client,
            prefix,
            slots: Vec::new(),
            order: Vec::new(),
            sent: 0,
            status: None,
            is_blank: false,
            erased_by: 0,
            is_talking: false,
            column: 0,
            line_ends: None,
            waiting: Vec::new(),
            out: Vec::new(),
            look: None,
        }
    }

    pub(crate) fn client(&self) -> DisplayMode {
        self.client
    }

    /// Takes the outputs that are to be published.
    pub(crate) fn take(&mut self) -> Vec<Output> {
        std::mem::take(&mut self.out)
    }

    /// Opens the next place. If a status line is shown, its place is taken.
    pub(crate) fn open(&mut self) -> SlotId {
        if let Some(place) = self.status.take() {
            return place;
        }
        let place = self.new_place();
        self.order.push(place);
        place
    }

    /// Opens a place right after another, if the client gets outputs in the order of the document.
    pub(crate) fn open_behind(&mut self, before: SlotId) -> SlotId {
        if self.client != DisplayMode::Batch {
            return self.open();
        }
        let place = self.new_place();
        let at = self
            .order
            .iter()
            .position(|&known| known == before)
            .map_or(self.order.len(), |at| at + 1);
        self.order.insert(at.max(self.sent), place);
        place
    }

    fn new_place(&mut self) -> SlotId {
        self.slots.push(Slot::default());
        SlotId(self.slots.len() - 1)
    }

    /// Shows the status line: in its own place at the end, or in a terminal behind what is there.
    pub(crate) fn status(&mut self, text: &str) {
        match self.client {
            DisplayMode::Live => {
                let place = self.open();
                self.draft(place, quiet(&foreign::inline(text)));
                self.status = Some(place);
                self.is_blank = false;
            }
            DisplayMode::Terminal => {
                let blank = if self.is_talking { " " } else { "" };
                let line = format!("{blank}[{text}]");
                self.erase();
                // A line that is wrapped cannot be taken back.
                let columns = self.look.map_or(usize::MAX, |look| look.columns);
                let fits = |line: &str| self.column + line.chars().count() < columns;
                let clock = text.rsplit("… ").next().unwrap_or_default();
                let short = format!("{blank}[{clock}]");
                let line = [line, short].into_iter().find(|line| fits(line));
                let line = line.unwrap_or_default();
                self.erased_by = line.chars().count();
                self.out.push(Output::Stream {
                    name: StreamName::Stdout,
                    text: self.dim(&line),
                });
            }
            DisplayMode::Batch => {}
        }
    }

    /// Empties the status line, because text above it goes on. Its place stays, for what comes next.
    pub(crate) fn blank_status(&mut self) {
        if let Some(place) = self.status
            && !std::mem::replace(&mut self.is_blank, true)
        {
            self.draft(place, String::new());
        }
    }

    /// Takes the status line from a terminal, character by character: it may stand in the middle of
    /// a line.
    fn erase(&mut self) {
        let count = std::mem::take(&mut self.erased_by);
        if count > 0 {
            let back = "\u{8}".repeat(count);
            let text = format!("{back}{}{back}", " ".repeat(count));
            self.out.push(Output::Stream {
                name: StreamName::Stdout,
                text,
            });
        }
    }

    /// Returns whether a status line is on the screen.
    pub(crate) fn has_status(&self) -> bool {
        self.status.is_some()
    }

    /// Shows a form that is not the final one; in Markdown only.
    pub(crate) fn draft(&mut self, place: SlotId, markdown: String) {
        if self.client == DisplayMode::Live {
            let data = MimeBundle::default().with("text/markdown", markdown);
            self.show(place, data, Map::new());
        }
    }

    /// Shows what has begun; in a terminal the caller writes its own line. A batch client gets it
    /// once everything above has its final form, so that its streams stay at their places.
    pub(crate) fn announce(&mut self, place: SlotId, markdown: String, plain: String) {
        match self.client {
            DisplayMode::Live => self.draft(place, markdown),
            DisplayMode::Terminal => {}
            DisplayMode::Batch => {
                if let Some(slot) = self.slots.get_mut(place.0) {
                    slot.draft = Some(MimeBundle::markdown(markdown, plain));
                }
                self.send_finished();
            }
        }
    }

    /// Sets the final form of a place.
    pub(crate) fn finish(&mut self, place: SlotId, form: Form) {
        match self.client {
            DisplayMode::Live => self.show(place, form.data, form.metadata),
            DisplayMode::Terminal if self.is_talking => self.waiting.push(form),
            DisplayMode::Terminal => self.write(form),
            DisplayMode::Batch => {
                if let Some(slot) = self.slots.get_mut(place.0)
                    && !slot.sent
                {
                    slot.form = Some(form);
                }
                self.send_finished();
            }
        }
    }

    /// Sets the final form of a place, and returns the id by which it can be changed later; `None`
    /// in a terminal.
    pub(crate) fn finish_changeable(&mut self, place: SlotId, form: Form) -> Option<String> {
        if let Some(slot) = self.slots.get_mut(place.0) {
            slot.is_changeable = true;
        }
        self.finish(place, form);
        (self.client != DisplayMode::Terminal).then(|| self.id(place))
    }

    fn id(&self, place: SlotId) -> String {
        format!("{}-{}", self.prefix, place.0)
    }

    /// Writes a piece of the answer to a terminal. Everything else waits until
    /// [`pause`](Self::pause).
    pub(crate) fn talk(&mut self, text: String) {
        if !text.is_empty() && !std::mem::replace(&mut self.is_talking, true) {
            self.begin_paragraph();
        }
        self.stream(StreamName::Stdout, text);
    }

    /// Returns a text as a terminal shows what nobody has to read.
    fn dim(&self, text: &str) -> String {
        let is_styled = self.look.is_some_and(|look| look.is_styled);
        let (line, end) = match text.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (text, ""),
        };
        let columns = self.look.map_or(usize::MAX, |look| look.columns);
        let lines = terminal::wrap(line, columns);
        let lines = lines.split('\n').map(|line| terminal::dim(line, is_styled));
        format!("{}{end}", lines.collect::<Vec<_>>().join("\n"))
    }

    /// Announces a step in a terminal: its headline, then its code.
    pub(crate) fn headline(&mut self, text: &str) {
        if text.is_empty() || self.client != DisplayMode::Terminal {
            return;
        }
        let (first, code) = text.split_once('\n').unwrap_or((text, ""));
        let is_styled = self.look.is_some_and(|look| look.is_styled);
        let first = terminal::bold(first, is_styled);
        let code = code
            .lines()
            .map(|line| format!("{}\n", terminal::dim(line, is_styled)));
        let text = format!("{first}\n{}", code.collect::<String>());
        self.begin_paragraph();
        self.stream(StreamName::Stdout, text);
    }

    /// Leaves a blank line below what was written.
    fn begin_paragraph(&mut self) {
        if let (Some(_), Some(ends @ 0..2)) = (self.look, self.line_ends) {
            self.stream(StreamName::Stdout, "\n".repeat(2 - ends));
        }
    }

    /// Ends a part of the answer in a terminal.
    pub(crate) fn pause(&mut self) {
        self.is_talking = false;
        for form in std::mem::take(&mut self.waiting) {
            self.write(form);
        }
    }

    fn write(&mut self, form: Form) {
        match form.terminal {
            Terminal::Text(texts) => {
                for (name, text) in texts {
                    self.stream(name, text);
                }
            }
            Terminal::Quiet(text) => {
                let text = self.dim(&text);
                self.begin_paragraph();
                self.stream(StreamName::Stdout, text);
            }
            Terminal::Bundle => {
                self.erase();
                self.out.push(Output::Display(Display {
                    data: form.data,
                    metadata: form.metadata,
                    display_id: None,
                }));
            }
        }
    }

    /// Writes to a terminal's stream.
    pub(crate) fn stream(&mut self, name: StreamName, text: String) {
        if self.client == DisplayMode::Terminal && !text.is_empty() {
            self.erase();
            let ends = text.chars().rev().take_while(|c| *c == '\n').count();
            let before = self.line_ends.filter(|_| ends == text.len()).unwrap_or(0);
            self.line_ends = Some(before + ends);
            let line = text.rsplit('\n').next().unwrap_or_default();
            let begins = if line.len() < text.len() {
                0
            } else {
                self.column
            };
            self.column = begins + terminal::width(line);
            self.out.push(Output::Stream { name, text });
        }
    }

    fn show(&mut self, place: SlotId, data: MimeBundle, metadata: Map<String, Value>) {
        let id = self.id(place);
        let Some(slot) = self.slots.get_mut(place.0) else {
            return;
        };
        let display = Display {
            data,
            metadata,
            display_id: Some(id),
        };
        self.out.push(if slot.shown {
            Output::Update(display)
        } else {
            Output::Display(display)
        });
        slot.shown = true;
    }

    fn send_finished(&mut self) {
        while let Some(&place) = self.order.get(self.sent) {
            let Some(slot) = self.slots.get_mut(place.0) else {
                return;
            };
            let Some(form) = slot.form.take() else {
                if let Some(draft) = slot.draft.take() {
                    self.show(place, draft, Map::new());
                }
                return;
            };
            slot.sent = true;
            self.sent += 1;
            if slot.shown || slot.is_changeable {
                self.show(place, form.data, form.metadata);
            } else if !form.data.0.is_empty() {
                self.out.push(Output::Display(Display {
                    data: form.data,
                    metadata: form.metadata,
                    display_id: None,
                }));
            }
            for (name, text) in form.streams {
                self.out.push(Output::Stream { name, text });
            }
        }
    }
}

/// Puts Markdown, which is ours or neutralised, into a fold.
pub(crate) fn fold(summary: &str, body: &str, open: bool) -> String {
    let open = if open { " open" } else { "" };
    let body = body.trim_end();
    format!("<details{open}><summary>{summary}</summary>\n\n{body}\n\n</details>")
}

/// Puts Markdown, which is ours or neutralised, behind a line at its left: what stands in a fold
/// ends where the line ends.
pub(crate) fn boundary(body: &str) -> String {
    let body = body.trim_end();
    format!(
        "<div style=\"border-left: 3px solid #cfd8dc; padding-left: 12px\">\n\n{body}\n\n</div>"
    )
}

/// Makes a line of Markdown, which is ours or neutralised, small and pale.
pub(crate) fn quiet(markdown: &str) -> String {
    format!("<sub style=\"opacity: 0.6\">{markdown}</sub>")
}

/// A small quiet line.
pub(crate) fn note(markdown: &str, plain: &str, kind: &str) -> Form {
    Form::new(quiet(markdown), plain.to_owned(), json!({ "block": kind })).quietly(plain)
}
