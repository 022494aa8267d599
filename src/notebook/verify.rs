//! Holds what a notebook shows against what its code puts out when it is run again. Pure: makes the
//! program that runs the steps, and compares what the program says with the recordings, and these
//! with the page.

pub mod report;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::chat::recording::RecordedFile;
use crate::chat::recording::coding::Coded;
use crate::chat::recording::steps::{Code, Step};

use super::export::name_of;
use super::page::words::{clip, first_difference};
use super::page::{self, Contents, made_content};
use super::picture;
use super::recordings::record_of;

/// Runs the steps that it reads from standard input, one after the other in one process, and writes
/// a line of JSON for each cell.
pub const PROGRAM: &str = include_str!("verify/run.py");
/// The largest file whose content the program tells, in bytes.
const MOST_BYTES: usize = 8 * 1024 * 1024;

/// What a cell ran, and what came of it then.
#[derive(Debug, Clone, PartialEq)]
pub struct Expected {
    /// `In [3]`.
    pub cell: String,
    /// What was asked.
    pub prompt: String,
    /// The steps, also those that failed.
    pub steps: Vec<Step>,
    /// The files, with their contents where they are known.
    pub files: Vec<(RecordedFile, Option<Vec<u8>>)>,
    /// The files that went with the prompt.
    pub inputs: Vec<String>,
    /// What the page shows otherwise than it was recorded.
    pub edits: Vec<Difference>,
    /// Whether its code calls tools of the person's machine.
    pub calls_tools: bool,
}

/// Something that is not as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Where: `step 2, line 3`.
    pub place: String,
    /// What was recorded, if there was anything.
    pub then: Option<String>,
    /// What there is now, if there is anything.
    pub now: Option<String>,
}

/// What is found of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// All of it came again.
    Reproduced,
    /// Something else came.
    Differs(Vec<Difference>),
    /// It could not be run.
    CannotRun(String),
}

/// Returns what the cells of a notebook ran; `None` if the value is no notebook. Cells without code
/// are left out, unless their answer was edited.
#[must_use]
pub fn expected(notebook: &Value, contents: Contents<'_>) -> Option<Vec<Expected>> {
    let cells = notebook.get("cells")?.as_array()?.iter();
    let found = cells.filter_map(|cell| {
        let outputs = cell.get("outputs").and_then(Value::as_array)?;
        let record = outputs.iter().find_map(record_of)?;
        let recording = Coded::read(record).ok()?.recording().ok()?;
        let edits: Vec<Difference> = page::edits(outputs, &recording, contents)
            .into_iter()
            .map(|edit| Difference {
                place: format!("as shared, {}", edit.what),
                then: edit.recorded,
                now: Some(edit.shown),
            })
            .collect();
        // Also those that failed: they may have left files that later steps read.
        let steps = recording.steps();
        let has_any = !steps.is_empty() || !recording.files.is_empty() || !edits.is_empty();
        let inputs = recording.asked.files.iter();
        let inputs = inputs.map(|file| file.name.clone()).collect();
        has_any.then(|| Expected {
            cell: name_of(cell),
            prompt: recording.prompt.clone(),
            steps,
            inputs,
            edits,
            calls_tools: !recording.tools_in_code().is_empty(),
            files: recording
                .files
                .iter()
                .map(|file| (file.clone(), made_content(file, outputs, contents)))
                .collect(),
        })
    });
    Some(found.collect())
}

/// Returns what [`PROGRAM`] reads.
#[must_use]
pub fn job(expected: &[Expected], seconds: u32) -> Value {
    let cells: Vec<Value> = expected
        .iter()
        .map(|cell| cell.steps.iter().map(|step| step_of(&step.code)).collect())
        .collect();
    let files = expected.iter().flat_map(|cell| &cell.files);
    let known: Vec<&str> = files.map(|(file, _)| file.sha256.as_str()).collect();
    json!({"cells": cells, "seconds": seconds, "known": known, "most_bytes": MOST_BYTES})
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
/// `error`) and `files` (by name, each with `sha256` and, if that is new, `content`).
#[must_use]
pub fn verdict(expected: &Expected, said: Option<&Value>) -> Verdict {
    if expected.calls_tools {
        let why = "its code calls tools of whoever wrote it, which are not run";
        return Verdict::CannotRun(why.to_owned());
    }
    let mut differences = expected.edits.clone();
    let steps = said.and_then(|said| said.get("steps")?.as_array());
    let steps = steps.map(Vec::as_slice).unwrap_or_default();
    for (at, step) in expected.steps.iter().enumerate() {
        let Some(now) = steps.get(at) else {
            return Verdict::CannotRun("the run ended before it was over".to_owned());
        };
        let text = |name: &str| now.get(name).and_then(Value::as_str);
        let place = format!("step {}", at + 1);
        match (text("error"), step.succeeded) {
            (Some(error), true) => return Verdict::CannotRun(format!("{place}: {}", clip(error))),
            (None, false) => differences.push(Difference {
                place: place.clone(),
                then: Some("failed".to_owned()),
                now: Some("ran through".to_owned()),
            }),
            (Some(_), false) | (None, true) => {}
        }
        let stdout = text("stdout").unwrap_or_default();
        if let Some((line, then, now)) = first_difference(&step.stdout, stdout) {
            differences.push(Difference {
                place: format!("{place}, line {line}"),
                then,
                now,
            });
        }
    }
    let files = said.and_then(|said| said.get("files"));
    for (file, then) in &expected.files {
        if file.failed.is_none() {
            let now = files.and_then(|files| files.get(&file.name));
            differences.extend(file_difference(file, then.as_deref(), now));
        }
    }
    match differences.is_empty() {
        true => Verdict::Reproduced,
        false => Verdict::Differs(differences),
    }
}

/// What is other in a file that the run made.
fn file_difference(
    file: &RecordedFile,
    then: Option<&[u8]>,
    now: Option<&Value>,
) -> Option<Difference> {
    let differs = |what: &str, then: Option<String>, now: Option<String>| {
        Some(Difference {
            place: format!("`{}`{what}", file.name),
            then,
            now,
        })
    };
    let Some(now) = now else {
        return differs("", Some("made".to_owned()), None);
    };
    let text = |name: &str| now.get(name).and_then(Value::as_str);
    let sha256 = text("sha256").unwrap_or_default();
    if sha256 == file.sha256 {
        return None;
    }
    let content = text("content").and_then(|content| STANDARD.decode(content).ok());
    let short = |sha256: &str| Some(format!("SHA-256 {sha256:.12}…"));
    let (Some(then), Some(content)) = (then, content) else {
        return differs("", short(&file.sha256), short(sha256));
    };
    match picture::compare(then, &content) {
        Some(None) => return None,
        Some(Some(picture::Difference::Size { then, now })) => {
            let size = |(width, height)| Some(format!("{width} × {height} pixels"));
            return differs("", size(then), size(now));
        }
        Some(Some(picture::Difference::Shown(percent))) => {
            let now = Some(format!("other in {percent:.1} % of the picture"));
            return differs("", Some("the picture on the page".to_owned()), now);
        }
        None => {}
    }
    // A picture of another kind differs with the library that draws it.
    if file.mime_type.starts_with("image/") {
        return None;
    }
    let (then, now) = (std::str::from_utf8(then), std::str::from_utf8(&content));
    let line = then
        .ok()
        .zip(now.ok())
        .and_then(|(then, now)| first_difference(then, now));
    match line {
        Some((line, then, now)) => differs(&format!(", line {line}"), then, now),
        None => differs("", short(&file.sha256), short(sha256)),
    }
}

impl Difference {
    /// Returns it as a clause, with both values.
    #[must_use]
    pub fn clause(&self) -> String {
        let shown = |value: &Option<String>| match value {
            Some(value) => format!("`{value}`"),
            None => "nothing".to_owned(),
        };
        format!(
            "{} was {} and is {}",
            self.place,
            shown(&self.then),
            shown(&self.now)
        )
    }
}

impl Verdict {
    /// Returns it as a line.
    #[must_use]
    pub fn line(&self) -> String {
        match self {
            Self::Reproduced => "reproduced".to_owned(),
            Self::Differs(what) => {
                let what: Vec<String> = what.iter().map(Difference::clause).collect();
                format!("differs: {}", what.join("; "))
            }
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

    /// Returns it as JSON.
    #[must_use]
    pub fn value(&self, cell: &str) -> Value {
        let differences: Vec<Value> = match self {
            Self::Differs(what) => what
                .iter()
                .map(|one| json!({"place": one.place, "recorded": one.then, "now": one.now}))
                .collect(),
            Self::Reproduced | Self::CannotRun(_) => Vec::new(),
        };
        json!({"cell": cell, "verdict": self.name(), "message": self.line(), "differences": differences})
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_name_both_values() {
        let table = RecordedFile {
            name: "t.csv".to_owned(),
            sha256: "aa".to_owned(),
            ..RecordedFile::default()
        };
        let expected = Expected {
            cell: "In [1]".to_owned(),
            prompt: String::new(),
            steps: vec![Step {
                code: Code::Bash("x".to_owned()),
                succeeded: true,
                stdout: "a 1 \nb 2\n".to_owned(),
                stderr: String::new(),
            }],
            files: vec![(table, Some(b"n,1\n".to_vec()))],
            inputs: Vec::new(),
            edits: Vec::new(),
            calls_tools: false,
        };
        let said = |stdout: &str, sha256: &str| {
            let content = STANDARD.encode("n,7\n");
            json!({"steps": [{"stdout": stdout, "error": null}],
                "files": {"t.csv": {"sha256": sha256, "content": content}}})
        };
        let line = |said: &Value| verdict(&expected, Some(said)).line();
        assert_eq!(line(&said("a 1\nb 2", "aa")), "reproduced");
        assert_eq!(
            line(&said("a 1\nb 3\n", "bb")),
            "differs: step 1, line 2 was `b 2` and is `b 3`; `t.csv`, line 1 was `n,1` and is `n,7`"
        );
        let failed =
            json!({"steps": [{"stdout": "", "error": "ModuleNotFoundError: No module named 'x'"}]});
        assert_eq!(
            line(&failed),
            "cannot run: step 1: ModuleNotFoundError: No module named 'x'"
        );
        assert_eq!(verdict(&expected, None).name(), "cannot_run");
    }
}
