//! Scripts: what the stand-in for the model says and does, as Markdown.
//!
//! Pure: parsing text, matching a prompt, inserting variables. Playing a script is the server's
//! business. A script never panics and never loses prose: what is not a step is said verbatim.
//!
//! # The format
//!
//! A heading of any level holds a prompt; what follows, up to the next heading of the same or a
//! higher level, is the turn that answers it. Text before the first heading is for readers.
//!
//! | in the file | in the turn |
//! |---|---|
//! | paragraph, list, table, deeper heading, any other fence | prose, its Markdown verbatim |
//! | quote | thinking |
//! | fence `bash`, `python`, `python repl` | runs |
//! | fence `create PATH`, `view PATH`, `str_replace PATH` | edits (`=======` between the two parts) |
//! | fence `json block` | any content block, sent as it is |
//! | fence `LANGUAGE show` | prose: shown, not run |
//! | `<!-- stop: … -->`, `<!-- fault: … -->`, `<!-- deltas: … -->` | directives |
//! | any other comment | nothing: a note for readers |
//!
//! A prompt is compared after runs of white space are made one space. `/…/` is a regular
//! expression searched in it. `{{name}}` in a prompt stands for any text and, like a named group
//! of an expression, gives the turn a variable. A prompt of several lines goes into a fence
//! `prompt` (or `prompt regex`) right after the heading, which is then only a title.

use std::collections::BTreeMap;

/// One thing a scripted turn does, in order.
#[derive(Debug, Clone, PartialEq)]
pub enum Part {
    /// A quote: thinking.
    Thinking(String),
    /// Prose, streamed as a text block; `{{name}}` stands for a variable a step wrote.
    Prose(String),
    /// A `bash` fence: `bash_code_execution`.
    Bash(String),
    /// A `python` fence: `bash_code_execution` with a heredoc (`sandbox::heredoc`).
    Python(String),
    /// A `python repl` fence: `code_execution` in the container's one interpreter.
    Repl(String),
    /// A `create PATH`, `view PATH` or `str_replace PATH` fence: the text editor.
    Edit(Edit),
    /// A `json block` fence: any block, sent as it is.
    Block(serde_json::Value),
    /// `<!-- stop: pause_turn -->`, `<!-- stop: refusal cyber -->`, `<!-- stop: max_tokens -->`:
    /// the words, at least one.
    Stop(Vec<String>),
    /// `<!-- fault: … -->`: something that goes wrong here (see `faults`).
    Fault(String),
    /// `<!-- deltas: 10000 every 10 ms -->`: a text block of that many small deltas.
    Deltas {
        /// How many `content_block_delta` events.
        count: u32,
        /// Milliseconds between two of them; 0 sends them as fast as the client reads.
        pace_ms: u32,
    },
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
    /// The file it came from, as given to [`parse`].
    pub file: String,
    /// The line of the heading, from 1.
    pub line: usize,
    /// What it answers.
    prompt: Prompt,
    /// What it does.
    pub parts: Vec<Part>,
}

#[derive(Debug, Clone)]
enum Prompt {
    Exact(String),
    Pattern(regex::Regex),
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
    /// What `{{name}}` and named groups stood for. Insert these also into the text of steps.
    pub variables: Variables,
}

impl Scripts {
    /// Adds the turns of one file after those already there.
    pub fn add(&mut self, turns: Vec<Turn>) {
        self.turns.extend(turns);
    }

    /// Returns the first turn whose prompt is exactly this one, else the first whose pattern
    /// fits.
    #[must_use]
    pub fn find(&self, _prompt: &str) -> Option<Match<'_>> {
        None
    }
}

/// Parses one script; `file` is its name in errors.
///
/// # Errors
/// On an unclosed fence or comment, a bad expression, a bad or unknown directive, a step without
/// its parts.
pub fn parse(_file: &str, _source: &str) -> Result<Vec<Turn>, ScriptError> {
    Ok(Vec::new())
}

/// Inserts variables for `{{name}}`; unknown names stay as they are.
#[must_use]
pub fn substitute(text: &str, _variables: &Variables) -> String {
    text.to_owned()
}

/// Finds the first fenced `bash`, `python` or `python repl` block of a prompt: what runs when no
/// script answers it. The result is [`Part::Bash`], [`Part::Python`] or [`Part::Repl`].
#[must_use]
pub fn step_in_prompt(_prompt: &str) -> Option<Part> {
    None
}
