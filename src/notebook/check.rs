//! Checks what a saved notebook claims, without running anything: whether answers are complete, not
//! stale and not edited after they were recorded, and whether each number in the prose has a source
//! in what the steps above put out. Pure.

mod numbers;
mod sources;

use serde_json::{Value, json};

use crate::chat::recording::Recording;
use crate::chat::recording::coding::Coded;

use super::export::{name_of, source_of};
use super::page::words::words;
use super::page::{self, Contents, Edit};
use super::recordings::{is_unrecorded, record_of};

use numbers::{Written, numbers};
use sources::{Sources, is_computed};

/// What is wrong with a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Problem {
    /// The cell failed.
    Failed(String),
    /// The answer has no recording.
    Unrecorded,
    /// The recording cannot be read.
    Unreadable(String),
    /// The answer was cut off.
    CutOff,
    /// The cell's text was changed after it was run.
    SourceChanged,
    /// An answer above is not the one that this one was given with.
    Stale,
    /// Something on the page is not what was recorded.
    Edited(Edit),
    /// A number of the prose is in no output.
    NoSource {
        /// As it is written.
        number: String,
        /// The words around it.
        around: String,
    },
}

/// A cell, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// `In [3]`, or where it stands.
    pub cell: String,
    /// How many numbers of its prose have a source.
    pub numbers: usize,
    /// What is wrong.
    pub problems: Vec<Problem>,
}

/// Checks a notebook; `None` if the value is none. Only cells with an answer are listed. `contents`
/// gives the files that lie beside it.
#[must_use]
pub fn check(notebook: &Value, contents: Contents<'_>) -> Option<Vec<Checked>> {
    let cells = notebook.get("cells")?.as_array()?;
    let mut checked = Vec::new();
    let mut sources = Sources::default();
    let mut above = crate::chat::conversation::digest::Digest::default();
    for cell in cells {
        let source = source_of(cell);
        sources.add(&source);
        if cell.get("cell_type").and_then(Value::as_str) != Some("code") {
            continue;
        }
        let outputs = cell.get("outputs").and_then(Value::as_array);
        let outputs = outputs.map(Vec::as_slice).unwrap_or_default();
        let mut problems: Vec<Problem> = outputs.iter().filter_map(failure).collect();
        let Some(record) = outputs.iter().find_map(record_of) else {
            if outputs.iter().any(is_unrecorded) {
                problems.push(Problem::Unrecorded);
            }
            if !problems.is_empty() {
                checked.push(Checked {
                    cell: name_of(cell),
                    numbers: 0,
                    problems,
                });
            }
            continue;
        };
        let read = Coded::read(record).and_then(|coded| Ok((coded.id, coded.recording()?)));
        let (id, recording) = match read {
            Ok(read) => read,
            Err(why) => {
                problems.push(Problem::Unreadable(why.to_string()));
                checked.push(Checked {
                    cell: name_of(cell),
                    numbers: 0,
                    problems,
                });
                continue;
            }
        };
        if recording.asked.above != above {
            problems.push(Problem::Stale);
        }
        above = above.then(id);
        problems.extend(own_problems(&recording, &source));
        let edits = page::edits(outputs, &recording, contents);
        problems.extend(edits.into_iter().map(Problem::Edited));
        let (with, without) = prose(&recording, &mut sources, contents);
        problems.extend(without);
        checked.push(Checked {
            cell: name_of(cell),
            numbers: with,
            problems,
        });
    }
    Some(checked)
}

/// Takes what an answer was made of as sources. Returns how many numbers of its prose have one, and
/// those that have none.
fn prose(
    recording: &Recording,
    sources: &mut Sources,
    contents: Contents<'_>,
) -> (usize, Vec<Problem>) {
    sources.add(&recording.prompt);
    for text in recording
        .sources()
        .into_iter()
        .chain(page::made(recording, contents))
    {
        sources.add_output(&text);
    }
    for step in recording.steps() {
        sources.add_code(&step.code);
    }
    let text = recording.text();
    let prose = numbers(&text);
    let sums = Sources::sums_of(&text);
    let (with, without): (Vec<&Written>, Vec<&Written>) = prose
        .iter()
        .partition(|written| sources.has(&written.number));
    let is_new = |written: &&&Written| !sums.has(&written.number) && !is_computed(written, &with);
    let problems: Vec<Problem> = without
        .iter()
        .filter(is_new)
        .map(|written| Problem::NoSource {
            number: written.text.clone(),
            around: written.around.clone(),
        })
        .collect();
    // What Claude said above may be said again.
    sources.add(&text);
    (prose.len() - problems.len(), problems)
}

/// What is wrong with an answer by itself.
fn own_problems(recording: &Recording, source: &str) -> Vec<Problem> {
    let mut problems = Vec::new();
    let stop = recording
        .calls
        .last()
        .and_then(|call| call.stop.get("stop_reason"));
    let is_whole = matches!(
        stop.and_then(Value::as_str),
        Some("end_turn" | "stop_sequence" | "tool_use" | "pause_turn")
    );
    if !is_whole {
        problems.push(Problem::CutOff);
    }
    // Variables are filled in in what was sent.
    let is_plain =
        !source.contains("{{") && !source.contains("%%json") && !source.contains("%%exec");
    let is_same = words(source).ends_with(&words(&recording.prompt));
    if is_plain && !is_same && !source.trim().starts_with('%') {
        problems.push(Problem::SourceChanged);
    }
    problems
}

fn failure(output: &Value) -> Option<Problem> {
    let is_error = output.get("output_type").and_then(Value::as_str) == Some("error");
    let text = |name: &str| output.get(name).and_then(Value::as_str).unwrap_or_default();
    is_error.then(|| Problem::Failed(format!("{}: {}", text("ename"), text("evalue"))))
}

impl Problem {
    /// Returns what is wrong, as a clause.
    #[must_use]
    pub fn clause(&self) -> String {
        match self {
            Self::Failed(what) => format!("failed ({what})"),
            Self::Unrecorded => "its answer has no recording".to_owned(),
            Self::Unreadable(why) => format!("its recording cannot be used: {why}"),
            Self::CutOff => "its answer was cut off".to_owned(),
            Self::SourceChanged => "its text was changed after it was run".to_owned(),
            Self::Stale => {
                "stale: an answer above is not the one that it was given with".to_owned()
            }
            Self::Edited(edit) => edit.clause(),
            Self::NoSource { number, around } => {
                format!("{number} is in no output above: \"{around}\"")
            }
        }
    }

    /// Returns the name of the kind, for programs.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Failed(_) => "failed",
            Self::Unrecorded => "unrecorded",
            Self::Unreadable(_) => "unreadable",
            Self::CutOff => "cut_off",
            Self::SourceChanged => "source_changed",
            Self::Stale => "stale",
            Self::Edited(_) => "edited",
            Self::NoSource { .. } => "no_source",
        }
    }
}

/// Returns the result as JSON.
#[must_use]
pub fn report(checked: &[Checked]) -> Value {
    let cells: Vec<Value> = checked
        .iter()
        .map(|one| {
            let problems: Vec<Value> = one
                .problems
                .iter()
                .map(|problem| json!({"kind": problem.kind(), "message": problem.clause()}))
                .collect();
            json!({"cell": one.cell, "numbers_with_source": one.numbers, "problems": problems})
        })
        .collect();
    json!({"cells": cells})
}
