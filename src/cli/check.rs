//! `claude-kernel check`: what a notebook claims, held against its recordings. Nothing is run.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use serde_json::{Value, json};

use crate::notebook::check::{self, Checked};

use super::failure::Failure;
use super::notebook_file;

/// Arguments of `check`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Each answer is held against its recording: is it whole, does what stands above still hold, and was \
anything edited afterwards: the answer, what steps printed, tables, pictures, files in claude_files/. \
Each number in its prose must stand in an output above or in the prompt: rounded, as a percentage, with \
separators or a currency; or come from such numbers: the sum or mean of a column, the ratio, sum or \
difference of two numbers of the same line. Small whole numbers, numbers of lists, names (RFC 6531) \
and levels (a 95 % interval) need no source. The exit code is 1 if anything was found.")]
pub struct Args {
    /// Notebooks (.ipynb), as saved
    #[arg(required = true, value_name = "NOTEBOOK")]
    notebooks: Vec<PathBuf>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Prints what was found, a line for each.
///
/// # Errors
/// If a notebook cannot be read, or stdout cannot be written to.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let (mut reports, mut problems) = (Vec::new(), 0);
    for path in &args.notebooks {
        let notebook = notebook_file::read(path)?;
        let beside = |place, name: &str| notebook_file::beside(path, place, name);
        let checked =
            check::check(&notebook, &beside).ok_or_else(|| Failure::new("it is no notebook"))?;
        problems += count(&checked);
        if args.json {
            let mut report = check::report(&checked);
            if let Value::Object(map) = &mut report {
                map.insert("notebook".to_owned(), json!(path.display().to_string()));
            }
            reports.push(report);
            continue;
        }
        for one in &checked {
            for problem in &one.problems {
                writeln!(
                    out,
                    "{}: {}: {}",
                    path.display(),
                    one.cell,
                    problem.clause()
                )?;
            }
        }
        let numbers: usize = checked.iter().map(|one| one.numbers).sum();
        writeln!(
            out,
            "{}: {} answers, {numbers} numbers with a source, {} found",
            path.display(),
            checked.len(),
            match count(&checked) {
                0 => "nothing".to_owned(),
                1 => "1 problem".to_owned(),
                many => format!("{many} problems"),
            }
        )?;
    }
    if args.json {
        let text =
            serde_json::to_string_pretty(&json!({"notebooks": reports, "problems": problems}))?;
        writeln!(out, "{text}")?;
    }
    Ok(match problems {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn count(checked: &[Checked]) -> usize {
    checked.iter().map(|one| one.problems.len()).sum()
}
