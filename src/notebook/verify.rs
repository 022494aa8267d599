//! Holds what a notebook shows against what its code puts out when it is run again. Pure: makes the
//! program that runs the steps, and compares what the program says with the recordings.

use serde_json::{Value, json};

use crate::chat::recording::RecordedFile;
use crate::chat::recording::coding::Coded;
use crate::chat::recording::steps::{Code, Step};

use super::export::name_of;
use super::recordings::record_of;

/// Runs the steps that it reads from standard input, one after the other in one process, and writes
/// a line of JSON for each.
pub const PROGRAM: &str = include_str!("verify/run.py");
/// How much of a differing line is told, in characters.
const CLIP: usize = 80;

/// What a cell ran, and what came of it then.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// `In [3]`.
    pub cell: String,
    /// The steps, also those that failed.
    pub steps: Vec<Step>,
    /// The files.
    pub files: Vec<RecordedFile>,
    /// The files that went with the prompt.
    pub inputs: Vec<String>,
}

/// What is found of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it came again.
    Reproduced,
    /// Something else came: what, with both values.
    Differs(Vec<String>),
    /// It could not be run.
    CannotRun(String),
}

/// Returns what the cells of a notebook ran; `None` if the value is no notebook. Cells without code
/// are left out.
#[must_use]
pub fn expected(notebook: &Value) -> Option<Vec<Expected>> {
    let cells = notebook.get("cells")?.as_array()?.iter();
    let found = cells.filter_map(|cell| {
        let outputs = cell.get("outputs").and_then(Value::as_array)?;
        let record = outputs.iter().find_map(record_of)?;
        let recording = Coded::read(record).ok()?.recording().ok()?;
        // Also those that failed: they may have left files that later steps read.
        let steps = recording.steps();
        let has_any = !steps.is_empty() || !recording.files.is_empty();
        has_any.then(|| Expected {
            cell: name_of(cell),
            steps,
            inputs: recording
                .asked
                .files
                .iter()
                .map(|file| file.name.clone())
                .collect(),
            files: recording.files,
        })
    });
    Some(found.collect())
}

/// Returns what [`PROGRAM`] reads.
#[must_use]
pub fn job(expected: &[Expected], seconds: u32) -> Value {
    let cells: Vec<Value> = expected
        .iter()
        .map(|cell| {
            let steps: Vec<Value> = cell.steps.iter().map(|step| step_of(&step.code)).collect();
            Value::from(steps)
        })
        .collect();
    json!({"cells": cells, "seconds": seconds})
}

fn step_of(code: &Code) -> Value {
    match code {
        Code::Python(code) => json!({"kind": "python", "code": code}),
        Code::Bash(code) => json!({"kind": "bash", "code": code}),
        Code::Write { path, text } => json!({"kind": "write", "path": path, "text": text}),
        Code::Replace { path, old, new } => {
            json!({"kind": "replace", "path": path, "old": old, "new": new})
        }
    }
}

/// Compares a cell with what the program said of it: an object with `steps` (each with `stdout` and
/// `error`) and `files` (hashes by name).
#[must_use]
pub fn verdict(expected: &Expected, said: Option<&Value>) -> Verdict {
    let Some(said) = said else {
        return Verdict::CannotRun("the run ended before it".to_owned());
    };
    let mut differences = Vec::new();
    let steps = said.get("steps").and_then(Value::as_array);
    let steps = steps.map(Vec::as_slice).unwrap_or_default();
    for (at, step) in expected.steps.iter().enumerate() {
        let Some(now) = steps.get(at) else {
            return Verdict::CannotRun("the run ended in it".to_owned());
        };
        let text = |name: &str| now.get(name).and_then(Value::as_str);
        match (text("error"), step.succeeded) {
            (Some(error), true) => return Verdict::CannotRun(clip(error)),
            (None, false) => differences.push(format!("step {} failed then and not now", at + 1)),
            (Some(_), false) | (None, true) => {}
        }
        let stdout = text("stdout").unwrap_or_default();
        differences.extend(
            difference(&step.stdout, stdout).map(|what| format!("step {}: {what}", at + 1)),
        );
    }
    for file in expected.files.iter().filter(|file| file.failed.is_none()) {
        let now = said.get("files").and_then(|files| files.get(&file.name));
        let is_image = file.mime_type.starts_with("image/");
        match now.and_then(Value::as_str) {
            None => differences.push(format!("`{}` was not made", file.name)),
            // A picture differs with the version of the library that draws it.
            Some(sha256) if sha256 != file.sha256 && !is_image => {
                differences.push(format!("`{}` has other content", file.name));
            }
            Some(_) => {}
        }
    }
    match differences.is_empty() {
        true => Verdict::Reproduced,
        false => Verdict::Differs(differences),
    }
}

/// The first line in which two texts differ, with both forms. White space at the ends of lines does
/// not count.
fn difference(then: &str, now: &str) -> Option<String> {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.trim_end().lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    let (then, now) = (lines(then), lines(now));
    let longest = then.len().max(now.len());
    let at = (0..longest).find(|at| then.get(*at) != now.get(*at))?;
    let shown = |lines: &[String]| match lines.get(at) {
        Some(line) => format!("`{}`", clip(line)),
        None => "nothing".to_owned(),
    };
    Some(format!(
        "line {} was {} and is {}",
        at + 1,
        shown(&then),
        shown(&now)
    ))
}

fn clip(text: &str) -> String {
    let line = text.lines().next().unwrap_or_default();
    match line.chars().count() > CLIP {
        true => line.chars().take(CLIP).chain(['…']).collect(),
        false => line.to_owned(),
    }
}

impl Verdict {
    /// Returns it as a line.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Reproduced => "reproduced".to_owned(),
            Self::Differs(what) => format!("differs: {}", what.join("; ")),
            Self::CannotRun(why) => format!("cannot run: {why}"),
        }
    }

    /// Returns its name, for programs.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Differs(_) => "differs",
            Self::CannotRun(_) => "cannot_run",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_name_both_values() {
        let expected = Expected {
            cell: "In [1]".to_owned(),
            steps: vec![Step {
                code: Code::Bash("x".to_owned()),
                succeeded: true,
                stdout: "a 1 \nb 2\n".to_owned(),
                stderr: String::new(),
            }],
            files: vec![RecordedFile {
                name: "t.csv".to_owned(),
                sha256: "aa".to_owned(),
                ..RecordedFile::default()
            }],
            inputs: Vec::new(),
        };
        let said = |stdout: &str, sha256: &str| json!({"steps": [{"stdout": stdout, "error": null}], "files": {"t.csv": sha256}});
        let line = |said: &Value| verdict(&expected, Some(said)).line();
        assert_eq!(line(&said("a 1\nb 2", "aa")), "reproduced");
        assert_eq!(
            line(&said("a 1\nb 3\n", "bb")),
            "differs: step 1: line 2 was `b 2` and is `b 3`; `t.csv` has other content"
        );
        let failed =
            json!({"steps": [{"stdout": "", "error": "ModuleNotFoundError: No module named 'x'"}]});
        assert_eq!(
            line(&failed),
            "cannot run: ModuleNotFoundError: No module named 'x'"
        );
        assert_eq!(verdict(&expected, None).name(), "cannot_run");
    }
}
