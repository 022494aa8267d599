//! The text editor. It works under the same confinement as a command, and from the home directory.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::super::script::Edit;

/// The largest file that the text editor reads, in bytes.
const MAX_BYTES: u64 = 16 << 20;

/// The most lines of one file or directory that are shown.
const MAX_LINES: usize = 10_000;

/// What a text-editor call did: the `content` of `text_editor_code_execution_tool_result`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(tag = "type")]
pub enum EditOutcome {
    /// Serialises as the whole result object.
    #[serde(rename = "text_editor_code_execution_view_result")]
    View {
        /// `text`, `image` or `pdf`.
        file_type: String,
        /// The text; empty for an image or PDF.
        content: String,
        num_lines: Option<u64>,
        start_line: Option<u64>,
        total_lines: Option<u64>,
    },
    /// Whether the file was there before.
    #[serde(rename = "text_editor_code_execution_create_result")]
    Create { is_file_update: bool },
    /// Where the change is, and its lines, each after `-`, `+` or a space.
    #[serde(rename = "text_editor_code_execution_str_replace_result")]
    Replace {
        old_start: Option<u64>,
        old_lines: Option<u64>,
        new_start: Option<u64>,
        new_lines: Option<u64>,
        lines: Option<Vec<String>>,
    },
}

/// What an edit changed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Edited {
    Done(EditOutcome),
    Failed { code: String, message: String },
}

/// Writes the result to standard output; returns the exit code.
pub(super) fn print(edited: &Edited) -> u8 {
    let text = serde_json::to_string(edited).unwrap_or_default();
    match std::io::stdout().write_all(text.as_bytes()) {
        Ok(()) => 0,
        Err(_) => 1,
    }
}

pub(super) fn apply(edit: &Edit) -> Edited {
    let done = match edit {
        Edit::Create { path, text } => create(Path::new(path), text),
        Edit::View { path } => view(Path::new(path)),
        Edit::Replace { path, old, new } => replace(Path::new(path), old, new),
    };
    match done {
        Ok(outcome) => Edited::Done(outcome),
        Err(Problem { code, message }) => Edited::Failed {
            code: code.to_owned(),
            message,
        },
    }
}

struct Problem {
    code: &'static str,
    message: String,
}

fn create(path: &Path, text: &str) -> Result<EditOutcome, Problem> {
    let is_file_update = fs::symlink_metadata(path).is_ok();
    if is_file_update {
        plain_file(path)?;
    }
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent).map_err(|error| problem(path, &error))?;
    }
    fs::write(path, text).map_err(|error| problem(path, &error))?;
    Ok(EditOutcome::Create { is_file_update })
}

fn view(path: &Path) -> Result<EditOutcome, Problem> {
    let meta = fs::metadata(path).map_err(|error| problem(path, &error))?;
    if meta.is_dir() {
        return Ok(shown(&listing(path)?));
    }
    let bytes = read(path)?;
    let kind = infer::get(&bytes).map_or("", |kind| kind.mime_type());
    let file_type = match kind {
        "application/pdf" => "pdf",
        kind if kind.starts_with("image/") => "image",
        _ => return Ok(shown(&String::from_utf8_lossy(&bytes))),
    };
    Ok(EditOutcome::View {
        file_type: file_type.to_owned(),
        content: String::new(),
        num_lines: None,
        start_line: None,
        total_lines: None,
    })
}

fn shown(text: &str) -> EditOutcome {
    let lines: Vec<&str> = text.lines().take(MAX_LINES).collect();
    EditOutcome::View {
        file_type: "text".to_owned(),
        content: lines.join("\n"),
        num_lines: Some(lines.len() as u64),
        start_line: Some(1),
        total_lines: Some(text.lines().count() as u64),
    }
}

fn listing(path: &Path) -> Result<String, Problem> {
    let entries = fs::read_dir(path).map_err(|error| problem(path, &error))?;
    let mut names: Vec<String> = entries
        .flatten()
        .map(|entry| {
            let directory = entry.file_type().is_ok_and(|kind| kind.is_dir());
            let end = if directory { "/" } else { "" };
            format!("{}{end}", entry.file_name().to_string_lossy())
        })
        .collect();
    names.sort();
    Ok(names.join("\n"))
}

fn replace(path: &Path, old: &str, new: &str) -> Result<EditOutcome, Problem> {
    let bytes = read(path)?;
    let invalid = |message: String| Problem {
        code: "invalid_tool_input",
        message,
    };
    let shown = path.display();
    let before = String::from_utf8(bytes)
        .map_err(|_| invalid(format!("`{shown}` is not a text file in UTF-8")))?;
    if old.is_empty() {
        return Err(invalid("the text to replace is empty".to_owned()));
    }
    match before.matches(old).count() {
        0 => return Err(invalid(format!("the text to replace is not in `{shown}`"))),
        1 => {}
        n => {
            let problem = format!("the text to replace is in `{shown}` {n} times, not once");
            return Err(invalid(problem));
        }
    }
    let after = before.replacen(old, new, 1);
    fs::write(path, &after).map_err(|error| problem(path, &error))?;
    Ok(difference(&before, &after))
}

/// Lines of context around a change (`docs/protocol.md#code-results`).
const CONTEXT: usize = 3;

/// Describes the lines from the first difference to the last, with some lines around them.
fn difference(before: &str, after: &str) -> EditOutcome {
    let old: Vec<&str> = before.lines().collect();
    let new: Vec<&str> = after.lines().collect();
    let same = |(a, b): &(&&str, &&str)| a == b;
    let head = old.iter().zip(&new).take_while(same).count();
    let rest = old.len().min(new.len()) - head;
    let tails = old.iter().rev().zip(new.iter().rev());
    let tail = tails.take_while(same).count().min(rest);
    let removed = old.get(head..old.len() - tail).unwrap_or_default();
    let added = new.get(head..new.len() - tail).unwrap_or_default();
    let first = head.saturating_sub(CONTEXT);
    let above = old.get(first..head).unwrap_or_default();
    let below = old.iter().skip(old.len() - tail).take(CONTEXT);
    let below: Vec<&str> = below.copied().collect();
    let marked = |mark: char, lines: &[&str]| -> Vec<String> {
        let lines = lines.iter().map(|line| format!("{mark}{line}"));
        lines.collect()
    };
    let lines = [
        marked(' ', above),
        marked('-', removed),
        marked('+', added),
        marked(' ', &below),
    ];
    let around = above.len() + below.len();
    let start = Some(first as u64 + 1);
    EditOutcome::Replace {
        old_start: start,
        old_lines: Some((removed.len() + around) as u64),
        new_start: start,
        new_lines: Some((added.len() + around) as u64),
        lines: Some(lines.concat()),
    }
}

fn read(path: &Path) -> Result<Vec<u8>, Problem> {
    plain_file(path)?;
    fs::read(path).map_err(|error| problem(path, &error))
}

/// Refuses what would block or never end, for example a pipe.
fn plain_file(path: &Path) -> Result<(), Problem> {
    let meta = fs::metadata(path).map_err(|error| problem(path, &error))?;
    let refuse = |why: &str| Problem {
        code: "invalid_tool_input",
        message: format!("`{}` {why}", path.display()),
    };
    if meta.is_dir() {
        return Err(refuse("is a directory"));
    }
    if !meta.is_file() {
        return Err(refuse("is not a plain file"));
    }
    if meta.len() > MAX_BYTES {
        return Err(refuse("is larger than 16 MiB"));
    }
    Ok(())
}

fn problem(path: &Path, error: &std::io::Error) -> Problem {
    let code = match error.kind() {
        ErrorKind::NotFound => "file_not_found",
        _ => "invalid_tool_input",
    };
    Problem {
        code,
        message: format!("`{}`: {error}", path.display()),
    }
}
