//! Whether the outputs of a cell show what its recording holds, whatever version of the kernel showed
//! it: line by line, by letters and digits. Pure.
//!
//! A line that was changed is told with what was recorded: what has the same words around other
//! digits. What the kernel writes itself (titles, sizes, receipts) is not held against anything.

pub(super) mod words;

use std::collections::{HashMap, HashSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest as _, Sha256};

use crate::chat::recording::{RecordedFile, Recording};

use words::{clip, clip_both, first_difference, likeness, shape, words};

/// The most changes of a cell that are told.
const MAX_EDITS: usize = 8;
/// The most lines of a view that are held against its file, and how far is looked ahead in the file.
const MAX_VIEWED: usize = 2_000;
/// Lines that have the same words are compared with each other up to this many.
const MAX_LIKE: usize = 200;

/// What a stream shows.
const PRINTED: &str = "what a step printed";

/// Gives the content of a file that lies beside the notebook: one that a step made, or one that was
/// attached.
pub type Contents<'a> = &'a dyn Fn(Place, &str) -> Option<Vec<u8>>;

/// Where a file lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Where the kernel saves files.
    Made,
    /// Beside the notebook.
    Attached,
}

/// Something on the page that is not what was recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edit {
    /// What shows it, as words for a sentence.
    pub what: String,
    /// What the page says.
    pub shown: String,
    /// What was recorded, if it is known.
    pub recorded: Option<String>,
}

impl Edit {
    fn of(what: &str, shown: &str, recorded: &str) -> Self {
        let (shown, recorded) = clip_both(shown, recorded);
        Self {
            what: what.to_owned(),
            shown,
            recorded: Some(recorded),
        }
    }

    /// Returns it as a clause.
    #[must_use]
    pub fn clause(&self) -> String {
        let Self {
            what,
            shown,
            recorded,
        } = self;
        match recorded {
            Some(recorded) => format!(
                "{what} was edited after it was recorded: the page says `{shown}`, recorded is `{recorded}`"
            ),
            None => format!(
                "{what} was edited after it was recorded: `{shown}` is not in the recording"
            ),
        }
    }
}

/// Returns what was changed on the page.
#[must_use]
pub fn edits(outputs: &[Value], recording: &Recording, contents: Contents<'_>) -> Vec<Edit> {
    let known = Known::of(recording, contents);
    let mut edits: Vec<Edit> = Vec::new();
    let mut add = |edit: Edit| {
        if edits.len() < MAX_EDITS && !edits.contains(&edit) {
            edits.push(edit);
        }
    };
    for output in outputs {
        let Some(what) = what(output) else {
            continue;
        };
        if let Some(edit) = picture(output, recording) {
            add(edit);
        }
        if !known.may_show(output) {
            continue;
        }
        let file = file_of(output, recording).and_then(|file| text_of_file(file, contents));
        for text in texts(output) {
            match &file {
                Some(file) => view(what, &text, file).into_iter().for_each(&mut add),
                None => known.edits(what, &text).into_iter().for_each(&mut add),
            }
        }
    }
    if edits.is_empty() {
        edits.extend(printed(outputs, recording));
    }
    let is_found = edits.iter().any(|edit| edit.what == "its answer");
    if !is_found && !recording.cites() {
        edits.extend(answer(outputs, recording));
    }
    edits.extend(
        recording
            .files
            .iter()
            .filter_map(|file| file_edit(file, contents)),
    );
    edits
}

/// An answer that has other words: the first line that differs.
fn answer(outputs: &[Value], recording: &Recording) -> Option<Edit> {
    let answers = || {
        outputs
            .iter()
            .filter(|output| block_of(output) == Some("text"))
    };
    let shown: Vec<String> = answers()
        .filter_map(|output| text_of(output.pointer("/data/text~1plain")?))
        .collect();
    let (shown, recorded) = (shown.join("\n\n"), recording.text());
    if answers().next().is_none() || words(&shown) == words(&recorded) {
        return None;
    }
    let full = |text: &str| -> Vec<String> {
        let lines = text.lines().filter(|line| !words(line).is_empty());
        lines.map(str::to_owned).collect()
    };
    let (shown, recorded) = (full(&shown), full(&recorded));
    let longest = shown.len().max(recorded.len());
    let get = |lines: &[String], at: usize| lines.get(at).map(|line| words(line));
    let at = (0..longest).find(|at| get(&shown, *at) != get(&recorded, *at))?;
    let shown = shown.get(at).map_or("", String::as_str);
    Some(match recorded.get(at) {
        Some(recorded) => Edit::of("its answer", shown, recorded),
        None => Edit {
            what: "its answer".to_owned(),
            shown: clip(shown),
            recorded: None,
        },
    })
}

/// A line that steps are said to have printed more often than they did, and one of the same words
/// that is missing instead.
fn printed(outputs: &[Value], recording: &Recording) -> Option<Edit> {
    let streams = outputs
        .iter()
        .filter(|output| what(output) == Some(PRINTED));
    let shown: Vec<String> = streams.flat_map(texts).collect();
    let steps = recording.steps().into_iter();
    let steps: Vec<String> = steps.flat_map(|step| [step.stdout, step.stderr]).collect();
    let mut counts: HashMap<String, i64> = HashMap::new();
    for (texts, by) in [(&steps, 1), (&shown, -1)] {
        for line in texts.iter().flat_map(|text| text.split(['\n', '\r'])) {
            *counts.entry(words(line)).or_default() += by;
        }
    }
    let has_digit = |words: &str| words.contains(|c: char| c.is_ascii_digit());
    let mut lines = shown.iter().flat_map(|text| text.lines());
    let line = lines.find(|line| {
        let words = words(line);
        has_digit(&words) && counts.get(&words).is_some_and(|count| *count < 0)
    })?;
    let is_like = |other: &&str| {
        let other = words(other);
        shape(&other) == shape(&words(line)) && counts.get(&other).is_some_and(|count| *count > 0)
    };
    let recorded = steps.iter().flat_map(|text| text.lines()).find(is_like)?;
    Some(Edit::of(PRINTED, line, recorded))
}

/// A file beside the notebook that is not the recorded one; one that is missing is no edit.
fn file_edit(file: &RecordedFile, contents: Contents<'_>) -> Option<Edit> {
    if file.failed.is_some() {
        return None;
    }
    let now = contents(Place::Made, &file.name)?;
    if sha256(&now) == file.sha256 {
        return None;
    }
    let then = file
        .bytes()
        .map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
    let now = String::from_utf8_lossy(&now).into_owned();
    let line = then
        .as_deref()
        .and_then(|then| first_difference(then, &now));
    let (shown, recorded) = match line {
        Some((_, recorded, shown)) => (shown.unwrap_or_default(), recorded),
        None => (
            format!("{} bytes", now.len()),
            Some(format!(
                "{} bytes, SHA-256 {:.12}…",
                file.size_bytes, file.sha256
            )),
        ),
    };
    Some(Edit {
        what: format!("the file `{}`", file.name),
        shown,
        recorded,
    })
}

/// What was changed in the view of a file that is text: its lines stand there in their order.
fn view(what: &str, text: &str, file: &str) -> Vec<Edit> {
    let lines = file.lines().map(|line| (words(line), line));
    let lines: Vec<(String, &str)> = lines.filter(|(words, _)| !words.is_empty()).collect();
    let mut next = 0;
    let mut edits = Vec::new();
    for line in text.lines().take(MAX_VIEWED) {
        let rest = lines.get(next..).unwrap_or_default();
        let own = words(line);
        let (Some((recorded, whole)), false) = (rest.first(), own.is_empty()) else {
            continue;
        };
        if own == *recorded {
            next += 1;
        } else if shape(&own) == shape(recorded) {
            edits.push(Edit::of(what, line, whole));
            next += 1;
        } else if let Some(at) = rest
            .iter()
            .take(MAX_VIEWED)
            .position(|(words, _)| *words == own)
        {
            next += at + 1;
        }
    }
    edits
}

/// The file that an output shows.
fn file_of<'a>(output: &Value, recording: &'a Recording) -> Option<&'a RecordedFile> {
    let path = output.pointer("/metadata/claude_kernel/path")?.as_str()?;
    let name = path.rsplit('/').next()?;
    recording.files.iter().find(|file| file.name == name)
}

/// A picture on the page, or the link to a file, that is not the recorded one.
fn picture(output: &Value, recording: &Recording) -> Option<Edit> {
    let file = file_of(output, recording)?;
    let ours = output.pointer("/metadata/claude_kernel")?;
    let said = ours.get("sha256").and_then(Value::as_str);
    let drawn = drawn(output).map(|bytes| sha256(&bytes));
    let shown = drawn
        .as_deref()
        .into_iter()
        .chain(said)
        .find(|shown| *shown != file.sha256)?;
    Some(Edit {
        what: format!("`{}` on the page", file.name),
        shown: format!("SHA-256 {shown:.12}…"),
        recorded: Some(format!("SHA-256 {:.12}…", file.sha256)),
    })
}

/// The lines of a recording, by their words, and by their words without digits.
struct Known<'a> {
    lines: HashMap<String, Line>,
    shapes: HashMap<String, Vec<String>>,
    /// The names of files whose content is not at hand.
    closed: Vec<&'a str>,
}

/// A recorded line, and the how manieth it is.
struct Line {
    number: usize,
    text: String,
}

impl<'a> Known<'a> {
    fn of(recording: &'a Recording, contents: Contents<'_>) -> Self {
        let is_closed = |file: &&RecordedFile| text_of_file(file, contents).is_none();
        let closed = recording.files.iter().filter(is_closed);
        let mut known = Self {
            lines: HashMap::new(),
            shapes: HashMap::new(),
            closed: closed.map(|file| file.name.as_str()).collect(),
        };
        let texts = recording.sources().into_iter();
        let texts = texts.chain([recording.text(), recording.prompt.clone()]);
        for text in texts
            .chain(recording.thinking())
            .chain(made(recording, contents))
        {
            text.split(['\n', '\r']).for_each(|line| known.add(line));
            // Results are shown one value a line.
            if text.starts_with(['{', '['])
                && let Ok(value) = serde_json::from_str::<Value>(&text)
            {
                format!("{value:#}")
                    .lines()
                    .for_each(|line| known.add(line));
            }
        }
        known
    }

    /// Whether what an output shows can be held against anything: of the view of a file, its content
    /// must be at hand.
    fn may_show(&self, output: &Value) -> bool {
        let path = output.pointer("/metadata/claude_kernel/path");
        let name = path
            .and_then(Value::as_str)
            .and_then(|path| path.rsplit('/').next());
        name.is_none_or(|name| !self.closed.contains(&name))
    }

    fn add(&mut self, line: &str) {
        for piece in pieces(line) {
            let words = words(piece);
            if words.is_empty() || self.lines.contains_key(&words) {
                continue;
            }
            let alike = self.shapes.entry(shape(&words)).or_default();
            if alike.len() < MAX_LIKE {
                alike.push(words.clone());
            }
            let line = Line {
                number: self.lines.len(),
                text: piece.to_owned(),
            };
            self.lines.insert(words, line);
        }
    }

    /// What was changed in a text of the page.
    fn edits(&self, what: &str, text: &str) -> Vec<Edit> {
        let shown: HashSet<String> = text.lines().map(words).collect();
        let mut follows = None;
        let mut edits = Vec::new();
        for line in text.lines() {
            if edits.len() >= MAX_EDITS {
                break;
            }
            let whole = self.lines.get(&words(line));
            if whole.is_none() {
                edits.extend(pieces(line).find_map(|piece| {
                    let recorded = self.recorded(&words(piece), &shown, follows)?;
                    Some(Edit::of(what, piece, recorded))
                }));
            }
            follows = whole
                .map(|line| line.number + 1)
                .or(follows.map(|next| next + 1));
        }
        edits
    }

    /// The recorded line that stands on the page with other digits: preferably one that the page does
    /// not show otherwise, and that follows the one above.
    fn recorded(
        &self,
        words: &str,
        shown: &HashSet<String>,
        follows: Option<usize>,
    ) -> Option<&str> {
        if self.lines.contains_key(words) || !words.contains(|c: char| c.is_ascii_digit()) {
            return None;
        }
        let alike = self.shapes.get(&shape(words))?.iter();
        let alike = alike.filter_map(|other| Some((other, self.lines.get(other)?)));
        let best = alike.max_by_key(|(other, line)| {
            let is_next = Some(line.number) == follows;
            let first = std::cmp::Reverse(line.number);
            (
                !shown.contains(*other),
                is_next,
                likeness(other, words),
                first,
            )
        });
        best.map(|(_, line)| line.text.as_str())
    }
}

/// The contents of files that are text and not in the recording: those that steps made, and those
/// that were attached.
pub(super) fn made(recording: &Recording, contents: Contents<'_>) -> Vec<String> {
    let made = recording.files.iter().filter(|file| file.content.is_none());
    let made = made.filter_map(|file| text_of_file(file, contents));
    let attached = recording.asked.files.iter().filter_map(|file| {
        let bytes = contents(Place::Attached, &file.name)?;
        (sha256(&bytes) == file.sha256).then(|| String::from_utf8(bytes).ok())?
    });
    made.chain(attached).collect()
}

/// The content of a file, if it is text and at hand.
fn text_of_file(file: &RecordedFile, contents: Contents<'_>) -> Option<String> {
    String::from_utf8(made_content(file, &[], contents)?).ok()
}

/// The content of a file: in its recording, beside the notebook, or shown by one of the outputs.
pub(super) fn made_content(
    file: &RecordedFile,
    outputs: &[Value],
    contents: Contents<'_>,
) -> Option<Vec<u8>> {
    let is_it = |bytes: &Vec<u8>| sha256(bytes) == file.sha256;
    let beside = || contents(Place::Made, &file.name).filter(is_it);
    let shown = || outputs.iter().filter_map(drawn).find(is_it);
    file.bytes().or_else(beside).or_else(shown)
}

/// The picture that an output shows; empty if it is damaged.
fn drawn(output: &Value) -> Option<Vec<u8>> {
    let mut data = output.get("data")?.as_object()?.iter();
    let image = data.find(|(kind, _)| kind.starts_with("image/") && *kind != "image/svg+xml");
    let text: String = text_of(image?.1)?.split_whitespace().collect();
    Some(STANDARD.decode(text).unwrap_or_default())
}

/// A line of the kernel may hold several of Claude's, parted by dashes.
fn pieces(line: &str) -> impl Iterator<Item = &str> {
    let whole = line.contains(" - ").then_some(line);
    whole.into_iter().chain(line.split(" - "))
}

/// What an output shows, as words for a sentence; `None` for what the kernel writes itself.
fn what(output: &Value) -> Option<&'static str> {
    if output.get("output_type").and_then(Value::as_str) == Some("stream") {
        return Some(PRINTED);
    }
    match block_of(output)? {
        "text" => Some("its answer"),
        "file" => Some("the view of a file"),
        "step" => Some("a step"),
        "thinking" => Some("its thinking"),
        "result" => Some("its result"),
        _ => None,
    }
}

/// The texts of an output, in each of its forms.
fn texts(output: &Value) -> Vec<String> {
    let forms = ["text/plain", "text/markdown", "text/html"];
    let data = output.get("data");
    let data = forms.iter().filter_map(|form| data?.get(*form));
    data.chain(output.get("text")).filter_map(text_of).collect()
}

/// Returns which kind of block an output of ours is.
#[must_use]
pub fn block_of(output: &Value) -> Option<&str> {
    output.pointer("/metadata/claude_kernel/block")?.as_str()
}

/// A text of a notebook: a string, or lines.
fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Array(lines) => Some(lines.iter().filter_map(Value::as_str).collect()),
        _ => None,
    }
}

pub(super) fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}
