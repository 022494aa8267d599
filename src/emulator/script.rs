//! Scripts: what the stand-in for the model says and does, written in Markdown.
//!
//! Pure: parses text, matches a prompt, inserts variables. The server plays the script. Reading a
//! script never panics and never loses prose: what is not a step is said verbatim.
//!
//! # The format
//!
//! A heading of any level holds a prompt. What follows it, up to the next heading of the same or a
//! higher level, is the turn that answers the prompt. Text before the first heading is for readers.
//!
//! | in the file | in the turn |
//! |---|---|
//! | paragraph, list, table, deeper heading, any other fence | prose, its Markdown verbatim |
//! | quote | thinking |
//! | fence `bash`, `python`, `python repl` | runs |
//! | fence `create PATH`, `view PATH`, `str_replace PATH` | edits (`=======` between the two parts) |
//! | fence `search QUERY` | a web search; each line is a page: `URL | title | what it says` |
//! | fence `fetch URL` | that page read whole; its first line is the title |
//! | `[^1]` in prose after a search | the sentence before it cites the first page found in the turn |
//! | fence `call NAME` | a call of a tool of the client, its arguments as JSON; fences in a row are calls of one answer |
//! | fence `json block` | any content block, sent as it is; variables are filled into the input of a call |
//! | fence `json result` | the structured result, checked against the request's schema |
//! | fence `LANGUAGE show` | prose: shown, not run |
//! | `<!-- stop: … -->`, `<!-- fault: … -->`, `<!-- deltas: … -->`, `<!-- together: … -->` | directives |
//! | any other comment | nothing: a note for readers |
//!
//! A `{{name}}` in prose or in a result that no step wrote ends the turn with an error; `\{{name}}` keeps
//! the braces. In code, a name that nobody wrote stays as it is.
//!
//! After calls, `{{tool_result}}` is the last result, `{{tool_result_1}}` the first of the turn. In
//! `python repl`, tools that the request lets code call are functions: `await NAME({…})` really
//! waits for the client.
//!
//! If the request wants a structured result, prose is not said. The answer is then the result of
//! the script, or an example made from the schema.
//!
//! Before prompts are compared, every run of white space becomes one space. `/…/` is a regular
//! expression that is searched for in the prompt. `{{name}}` in a prompt stands for any text and
//! gives the turn a variable, like a named group of an expression. A prompt of several lines is
//! written in a fence `prompt` (or `prompt regex`) right after the heading, which is then only a
//! title.

mod parse;
mod prompt;

use std::collections::BTreeMap;
use std::ops::Range;

use prompt::Prompt;

/// One thing a scripted turn does, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A quote: thinking.
    Thinking(String),
    /// Prose, streamed as a text block. `{{name}}` stands for a variable that a step wrote.
    Prose(String),
    /// A `bash` fence: `bash_code_execution`.
    Bash(String),
    /// A `python` fence: `bash_code_execution` with a heredoc (`sandbox::heredoc`).
    Python(String),
    /// A `python repl` fence: `code_execution` in the container's one interpreter.
    Repl(String),
    /// A `create PATH`, `view PATH` or `str_replace PATH` fence: a call of the text editor.
    Edit(Edit),
    /// A `search QUERY` fence: `web_search`, and the pages it finds.
    Search {
        /// The query.
        query: String,
        /// The pages that match, before the domains of the request are applied.
        pages: Vec<Page>,
    },
    /// A `fetch URL` fence: `web_fetch`, with the page's text.
    Fetch(Page),
    /// A `json block` fence: any block, sent as it is.
    Block(serde_json::Value),
    /// A `json result` fence: the structured result. `{{name}}` stands for a variable that a step
    /// wrote. If the request wants no structured result, this is prose.
    Result(String),
    /// `<!-- stop: pause_turn -->`, `<!-- stop: refusal cyber -->`, `<!-- stop: max_tokens -->`:
    /// the words, at least one.
    Stop(Vec<String>),
    /// `<!-- together: 2 -->`: the next two steps are called at once.
    Together(usize),
    /// `<!-- fault: … -->`: something that goes wrong here (see `faults`).
    Fault(String),
    /// `<!-- deltas: 10000 every 10 ms -->`: a text block of so many small deltas.
    Deltas {
        /// How many `content_block_delta` events.
        count: u32,
        /// Milliseconds between two of them; 0 sends them as fast as the client reads.
        pace_ms: u32,
    },
}

/// A page of the scripted web.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// Its address.
    pub url: String,
    /// Its title.
    pub title: String,
    /// What it says.
    pub text: String,
}

/// A text-editor call.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub enum Edit {
    /// Write a file.
    Create { path: String, text: String },
    /// Show a file.
    View { path: String },
    /// Replace one occurrence.
    Replace {
        path: String,
        old: String,
        new: String,
    },
}

/// Values for `{{name}}`.
pub type Variables = BTreeMap<String, String>;

/// One heading of a script and what follows it.
#[derive(Debug, Clone)]
pub struct Turn {
    /// The file that it came from, as given to [`parse`].
    pub file: String,
    /// The line of the heading, from 1.
    pub line: usize,
    /// The prompt that it answers.
    prompt: Prompt,
    /// What it says and does.
    pub parts: Vec<Part>,
}

/// Why a script file cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` line {line}: {problem}")]
pub struct ScriptError {
    /// The file, as given to [`parse`].
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong and what to write instead.
    pub problem: String,
}

/// All loaded turns, in the order of their files.
#[derive(Debug, Clone, Default)]
pub struct Scripts {
    turns: Vec<Turn>,
}

/// A turn that answers a prompt.
#[derive(Debug, Clone)]
pub struct Match<'a> {
    /// The turn.
    pub turn: &'a Turn,
    /// The values of `{{name}}` and of named groups. They are inserted into the text of steps too.
    pub variables: Variables,
}

impl Scripts {
    /// Adds the turns of one file after those that are already there.
    pub fn add(&mut self, turns: Vec<Turn>) {
        self.turns.extend(turns);
    }

    /// Returns the first turn whose prompt is exactly this one. If there is none, returns the first
    /// whose pattern fits.
    #[must_use]
    pub fn find(&self, prompt: &str) -> Option<Match<'_>> {
        let normal = prompt::normal(prompt);
        let exact = self.turns.iter().find(|turn| turn.prompt.is(&normal));
        if let Some(turn) = exact {
            let variables = Variables::new();
            return Some(Match { turn, variables });
        }
        self.turns.iter().find_map(|turn| {
            let variables = turn.prompt.fits(&normal)?;
            Some(Match { turn, variables })
        })
    }
}

/// Parses one script; `file` is its name in errors.
///
/// # Errors
/// An unclosed fence or comment, an expression that cannot be read, an unknown directive or one
/// that cannot be read, or a step without its parts.
pub fn parse(file: &str, source: &str) -> Result<Vec<Turn>, ScriptError> {
    let source = source.replace("\r\n", "\n");
    parse::turns(file, source.trim_start_matches('\u{feff}'))
}

/// Inserts variables for `{{name}}`. Unknown names stay as they are, and nothing is inserted into
/// what was inserted.
#[must_use]
pub fn substitute(text: &str, variables: &Variables) -> String {
    let mut filled = String::with_capacity(text.len());
    let mut end = 0;
    for (range, name) in names(text) {
        let before = text.get(end..range.start).unwrap_or_default();
        let place = text.get(range.clone()).unwrap_or_default();
        filled.push_str(before);
        filled.push_str(variables.get(name).map_or(place, String::as_str));
        end = range.end;
    }
    filled.push_str(text.get(end..).unwrap_or_default());
    filled
}

/// Inserts variables for `{{name}}` into what is said. `\{{name}}` keeps the braces.
///
/// # Errors
/// The first name that has no value: nobody wants to read an answer with holes.
pub fn fill<'a>(text: &'a str, variables: &Variables) -> Result<String, &'a str> {
    let mut filled = String::with_capacity(text.len());
    let mut end = 0;
    for (range, name) in names(text) {
        let before = text.get(end..range.start).unwrap_or_default();
        let place = text.get(range.clone()).unwrap_or_default();
        match before.strip_suffix('\\') {
            Some(before) => filled.extend([before, place]),
            None => {
                filled.push_str(before);
                filled.push_str(variables.get(name).ok_or(name)?);
            }
        }
        end = range.end;
    }
    filled.push_str(text.get(end..).unwrap_or_default());
    Ok(filled)
}

/// Returns what is said as `text` stands: [`fill`] keeps every `{{name}}` in it.
#[must_use]
pub(super) fn verbatim(text: &str) -> String {
    let mut written = String::with_capacity(text.len());
    let mut end = 0;
    for (range, _) in names(text) {
        written.push_str(text.get(end..range.start).unwrap_or_default());
        written.push('\\');
        written.push_str(text.get(range.clone()).unwrap_or_default());
        end = range.end;
    }
    written.push_str(text.get(end..).unwrap_or_default());
    written
}

/// Finds the first fenced `bash`, `python` or `python repl` block of a prompt. It is run if no
/// script answers the prompt. The result is [`Part::Bash`], [`Part::Python`] or [`Part::Repl`].
#[must_use]
pub fn step_in_prompt(prompt: &str) -> Option<Part> {
    let prompt = prompt.replace("\r\n", "\n");
    parse::blocks(&prompt).into_iter().find_map(|block| {
        let parse::Kind::Fence { info, text } = block.kind else {
            return None;
        };
        match info.as_str() {
            "bash" => Some(Part::Bash(text)),
            "python" => Some(Part::Python(text)),
            "python repl" => Some(Part::Repl(text)),
            _ => None,
        }
    })
}

/// Returns whether `name` may stand in `{{name}}`: a letter or `_`, then letters, digits, `_`.
pub(super) fn is_name(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes
        .next()
        .is_some_and(|b| b.is_ascii_alphabetic() || b == b'_')
        && bytes.all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Finds every `{{name}}`; returns its place and the name.
fn names(text: &str) -> Vec<(Range<usize>, &str)> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(open) = text.get(from..).and_then(|rest| rest.find("{{")) {
        let start = from + open;
        from = start + 1;
        let inner = text.get(start + 2..).unwrap_or_default();
        let length = inner
            .bytes()
            .take_while(|b| b.is_ascii_alphanumeric() || *b == b'_')
            .count();
        let (name, rest) = inner.split_at(length);
        if !is_name(name) || !rest.starts_with("}}") {
            continue;
        }
        from = start + name.len() + 4;
        found.push((start..from, name));
    }
    found
}
