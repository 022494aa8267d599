//! `claude-kernel verify`: runs the code of a notebook again and compares what comes with what the
//! notebook shows.

mod runs;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::notebook::verify::{self, Expected, Verdict, report};

use super::failure::Failure;
use super::notebook_file;
use super::places::Places;

/// Arguments of `verify`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
This runs the notebook's code on this machine, confined as the offline kernel confines it: without \
network, without your files but those that were attached, in a folder that is removed afterwards. With \
`--unconfined` it runs with your rights. Attached files are taken from the notebook's folder or from \
a folder in it.

Compared are: what each step prints, the files that it makes (of PNG pictures their size and what they \
show, of other pictures only that they are made), and whether the page still shows what was recorded. \
The exit code is 0 if everything came again, 1 if something differs or cannot be run.")]
pub struct Args {
    /// The notebook, as saved
    notebook: PathBuf,
    /// The interpreter, with the packages that the code needs; else the first `python3` on PATH
    #[arg(long, value_name = "PATH")]
    python: Option<PathBuf>,
    /// Run the code with your rights, with network and files: only what you have read
    #[arg(long)]
    unconfined: bool,
    /// How many seconds a step may take
    #[arg(long, value_name = "SECONDS", default_value_t = 300, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    timeout: u32,
    /// Write a page with the verdicts
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Replace a report that is there
    #[arg(long)]
    force: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints a verdict for each cell.
///
/// # Errors
/// If the notebook cannot be read or holds no code, the interpreter does not start, or the system
/// confines nothing.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let notebook = notebook_file::read(&args.notebook)?;
    let beside = |place, name: &str| notebook_file::beside(&args.notebook, place, name);
    let expected = verify::expected(&notebook, &beside).unwrap_or_default();
    if expected.is_empty() {
        return Err(Failure::new(format!(
            "`{}` holds no recordings with code",
            args.notebook.display()
        ))
        .with_hint("run it once more with this version of claude-kernel, then save it")
        .into());
    }
    let python = python(args.python.as_deref())?;
    let steps: usize = expected.iter().map(|cell| cell.steps.len()).sum();
    let how = match args.unconfined {
        true => format!("{steps} steps ran with the rights of who checked."),
        false => format!("{steps} steps ran without network and without other files."),
    };
    if !args.json {
        let rights = match args.unconfined {
            true => "with your rights",
            false => "confined: without network, without your files",
        };
        let told = format!(
            "running {steps} steps with `{}`, {rights}\n",
            python.display()
        );
        let _closed_pipe = std::io::stderr().write_all(told.as_bytes());
    }
    let said = match args.unconfined {
        true => runs::unconfined(&python, args, &expected)?,
        false => runs::confined(&python, args, &expected)?,
    };
    let verdicts: Vec<(&Expected, Verdict)> = expected
        .iter()
        .enumerate()
        .map(|(at, cell)| (cell, verify::verdict(cell, said.get(at))))
        .collect();
    if let Some(path) = &args.report {
        let name = args.notebook.file_name().unwrap_or_default();
        let page = report::page(&name.to_string_lossy(), &how, &verdicts);
        notebook_file::write(path, &page, args.force)?;
    }
    let is_good = tell(args, &verdicts, out)?;
    Ok(match is_good {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

/// Prints the verdicts; returns whether all is well.
fn tell(
    args: &Args,
    verdicts: &[(&Expected, Verdict)],
    out: &mut dyn Write,
) -> anyhow::Result<bool> {
    let good = verdicts
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Reproduced)
        .count();
    if args.json {
        let cells: Vec<Value> = verdicts
            .iter()
            .map(|(expected, verdict)| verdict.value(&expected.cell))
            .collect();
        let report = json!({"notebook": args.notebook.display().to_string(), "cells": cells,
            "reproduced": good, "of": verdicts.len()});
        writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
    } else {
        for (expected, verdict) in verdicts {
            writeln!(out, "{}: {}", expected.cell, verdict.line())?;
        }
        writeln!(out, "{good} of {} cells reproduced", verdicts.len())?;
    }
    Ok(good == verdicts.len())
}

/// The interpreter, as a path: what is confined sees it under this path.
fn python(named: Option<&Path>) -> Result<PathBuf, Failure> {
    let places = Places::of_process();
    let found = match named {
        None => places.on_path("python3"),
        Some(named) if named.components().count() == 1 => {
            let on_path = named.to_str().and_then(|name| places.on_path(name));
            on_path.or_else(|| std::path::absolute(named).ok())
        }
        Some(named) => std::path::absolute(named).ok(),
    };
    found.filter(|path| path.is_file()).ok_or_else(|| {
        let what = match named {
            Some(named) => format!("there is no interpreter `{}`", named.display()),
            None => "there is no `python3` on PATH".to_owned(),
        };
        Failure::new(what).with_hint("name an interpreter with `--python PATH`")
    })
}
