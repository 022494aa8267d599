//! A notebook as one page, made by nbconvert with the template `claude` of this binary.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::cli::extras;
use crate::cli::failure::Failure;
use crate::cli::notebook_file;
use crate::cli::places::Places;
use crate::host::unnumbered;
use crate::notebook::export::text_of;
use crate::notebook::page::block_of;

/// Whom a page is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(in crate::cli) enum Audience {
    /// Prompts, answers, tables and figures
    Readers,
    /// Everything, with folds open
    Reviewers,
}

/// What readers are not shown.
const ASIDE: [&str; 5] = ["step", "thinking", "receipt", "note", "notice"];

/// Makes the page.
pub(super) fn page(
    path: &Path,
    mut notebook: Value,
    audience: Audience,
) -> Result<String, Failure> {
    let cells = notebook.get_mut("cells").and_then(Value::as_array_mut);
    for cell in cells.into_iter().flatten() {
        let outputs = cell.get_mut("outputs").and_then(Value::as_array_mut);
        let Some(outputs) = outputs else {
            continue;
        };
        match audience {
            Audience::Readers => outputs.retain(|output| {
                let is_stream = output.get("output_type").and_then(Value::as_str) == Some("stream");
                !is_stream && !block_of(output).is_some_and(|block| ASIDE.contains(&block))
            }),
            Audience::Reviewers => outputs.iter_mut().for_each(open_folds),
        }
    }
    convert(path, &notebook)
}

/// Opens the folds of an output of ours.
fn open_folds(output: &mut Value) {
    let is_ours = block_of(output).is_some();
    let markdown = output.pointer_mut("/data/text~1markdown");
    let Some(markdown) = markdown.filter(|_| is_ours) else {
        return;
    };
    let lines: Vec<&mut Value> = match markdown {
        Value::Array(lines) => lines.iter_mut().collect(),
        other => vec![other],
    };
    for line in lines {
        if let Value::String(text) = line {
            *text = text.replace("<details>", "<details open>");
        }
    }
}

fn convert(path: &Path, notebook: &Value) -> Result<String, Failure> {
    let failed = |error: std::io::Error| {
        Failure::new(format!("the page cannot be made: {}", unnumbered(&error)))
    };
    let folder = tempfile::tempdir().map_err(failed)?;
    extras::write_page_template(folder.path()).map_err(failed)?;
    let name = path
        .file_name()
        .map_or_else(|| OsString::from("notebook.ipynb"), OsString::from);
    let copy = folder.path().join("in").join(&name);
    std::fs::create_dir(folder.path().join("in")).map_err(failed)?;
    notebook_file::write(&copy, &text_of(notebook), false)?;
    let templates = folder.path().join("nbconvert").join("templates");
    let mut setting = OsString::from("--TemplateExporter.extra_template_basedirs=");
    setting.push(templates);
    let (program, first) = nbconvert()?;
    let output = Command::new(&program)
        .args(first)
        .args([
            "--to",
            "html",
            "--template",
            "claude",
            "--stdout",
            "--embed-images",
        ])
        .arg(setting)
        .arg(&copy)
        // Linked pictures lie beside the notebook.
        .current_dir(
            path.parent()
                .filter(|folder| *folder != Path::new(""))
                .unwrap_or(Path::new(".")),
        )
        .stdin(Stdio::null())
        .output()
        .map_err(failed)?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let why = said.trim().lines().last().unwrap_or_default();
        return Err(
            Failure::new(format!("`{}` made no page: {why}", program.display()))
                .with_hint("`pip install nbconvert` where Jupyter is installed"),
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The program that makes pages, and its first arguments.
fn nbconvert() -> Result<(PathBuf, Vec<&'static str>), Failure> {
    let places = Places::of_process();
    if let Some(program) = places.on_path("jupyter-nbconvert") {
        return Ok((program, Vec::new()));
    }
    let python = places.on_path("python3");
    python
        .map(|python| (python, vec!["-m", "nbconvert"]))
        .ok_or_else(|| {
            Failure::new("there is no `jupyter-nbconvert` on PATH")
                .with_hint("`pip install nbconvert`, or activate the environment that has it")
        })
}
