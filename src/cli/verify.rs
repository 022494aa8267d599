//! `claude-kernel verify`: runs the code of a notebook again and compares what comes with what the
//! notebook shows.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Stdio};

use serde_json::{Value, json};

use crate::host::unnumbered;
use crate::notebook::verify::{self, Expected, PROGRAM, Verdict};

use super::failure::Failure;
use super::notebook_file;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
This runs the notebook's code on this machine, with your rights, in a new folder that is removed \
afterwards. Files that were attached are taken from the notebook's folder. What is compared: what each \
step prints, and the files that it makes (of pictures only that they are made). The exit code is 0 if \
everything came again, 1 if something differs or cannot be run.")]
pub struct Args {
    /// The notebook, as saved
    notebook: PathBuf,
    /// The interpreter, with the packages that the code needs
    #[arg(long, value_name = "PATH", default_value = "python3")]
    python: PathBuf,
    /// How many seconds a step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300)]
    timeout: u32,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints a verdict for each cell.
///
/// # Errors
/// If the notebook cannot be read or holds no code, or the interpreter does not start.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let notebook = notebook_file::read(&args.notebook)?;
    let expected = verify::expected(&notebook).unwrap_or_default();
    if expected.is_empty() {
        return Err(Failure::new(format!(
            "`{}` holds no recordings with code",
            args.notebook.display()
        ))
        .with_hint("run it once more with this version of claude-kernel, then save it")
        .into());
    }
    let said = run_again(args, &expected)?;
    let verdicts: Vec<(&str, Verdict)> = expected
        .iter()
        .enumerate()
        .map(|(at, cell)| (cell.cell.as_str(), verify::verdict(cell, said.get(at))))
        .collect();
    let good = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Reproduced)
        .count();
    if args.json {
        let cells: Vec<Value> = verdicts
            .iter()
            .map(|(cell, verdict)| json!({"cell": cell, "verdict": verdict.name(), "message": verdict.line()}))
            .collect();
        let report = json!({"notebook": args.notebook.display().to_string(), "cells": cells,
            "reproduced": good, "of": verdicts.len()});
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        for (cell, verdict) in &verdicts {
            writeln!(out, "{cell}: {}", verdict.line())?;
        }
        writeln!(out, "{good} of {} cells reproduced", verdicts.len())?;
    }
    Ok(match good == verdicts.len() {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Runs the steps in a folder of their own; returns what was said of each cell.
fn run_again(args: &Args, expected: &[Expected]) -> Result<Vec<Value>, Failure> {
    let failed =
        |what: &str, error: &std::io::Error| Failure::new(format!("{what}: {}", unnumbered(error)));
    let folder = tempfile::tempdir().map_err(|error| failed("no folder to run in", &error))?;
    for name in ["inputs", "outputs"] {
        let made = std::fs::create_dir(folder.path().join(name));
        made.map_err(|error| failed("no folder to run in", &error))?;
    }
    let beside = args.notebook.parent().unwrap_or(Path::new("."));
    for name in expected.iter().flat_map(|cell| &cell.inputs) {
        let is_name = Path::new(name)
            .file_name()
            .is_some_and(|own| own == name.as_str());
        if is_name {
            // A missing file is told by the step that reads it.
            for place in ["inputs", "."] {
                let _missing =
                    std::fs::copy(beside.join(name), folder.path().join(place).join(name));
            }
        }
    }
    let job = verify::job(expected, args.timeout).to_string();
    let child = Command::new(&args.python)
        .args(["-c", PROGRAM])
        .current_dir(folder.path())
        .env("INPUT_DIR", folder.path().join("inputs"))
        .env("OUTPUT_DIR", folder.path().join("outputs"))
        // The offline backend's own.
        .env("SCRIPT_VARS", "/dev/null")
        .env("MPLBACKEND", "Agg")
        .env_remove("ANTHROPIC_API_KEY")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let mut child = child.map_err(|error| {
        failed(&format!("cannot start `{}`", args.python.display()), &error)
            .with_hint("name an interpreter with `--python`")
    })?;
    if let Some(mut stdin) = child.stdin.take() {
        // An interpreter that ended early is told by its missing lines.
        let _closed = stdin.write_all(job.as_bytes());
    }
    let output = child
        .wait_with_output()
        .map_err(|error| failed("the code could not be run", &error))?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok())
        .collect())
}
