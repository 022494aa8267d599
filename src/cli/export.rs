//! `claude-kernel export`: the code of a notebook as a notebook, script or text that needs no model.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::notebook::export;

use super::failure::Failure;
use super::notebook_file;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prompts become text; every code step that counted stands below its prompt, in order. The first cell \
holds the parameters: where files are read and written, and what `%set` set. The export runs with \
ipykernel or python, on the same data or on new data, without a model.")]
pub struct Args {
    /// The notebook, as saved
    notebook: PathBuf,
    /// What to make
    #[arg(long, value_enum, default_value_t = Form::Notebook)]
    to: Form,
    /// Where to write; `-` is standard output. Else the notebook's name with another ending
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Keep attempts that failed and were done again
    #[arg(long)]
    all: bool,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Form {
    /// A notebook for ipykernel
    Notebook,
    /// A Python script
    Py,
    /// Markdown
    Markdown,
}

/// Writes the export, and says on stderr what is not in it.
///
/// # Errors
/// If the notebook cannot be read, holds no code, or the file cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let notebook = notebook_file::read(&args.notebook)?;
    let Some(exported) = export::export(&notebook, args.all) else {
        return Err(Failure::new("it is no notebook").into());
    };
    if exported.steps == 0 && !exported.unrecorded.is_empty() {
        return Err(Failure::new(format!(
            "`{}` holds answers, but no recordings of them",
            args.notebook.display()
        ))
        .with_hint("run it once more with this version of claude-kernel, then save and export it")
        .into());
    }
    let (text, ending) = match args.to {
        Form::Notebook => (
            notebook_file::text_of(&export::notebook(&exported)),
            "code.ipynb",
        ),
        Form::Py => (export::script(&exported), "py"),
        Form::Markdown => (export::markdown(&exported), "md"),
    };
    let place = args
        .output
        .clone()
        .unwrap_or_else(|| args.notebook.with_extension(ending));
    if place.as_os_str() == "-" {
        out.write_all(text.as_bytes())?;
    } else {
        notebook_file::write(&place, &text, args.force)?;
        writeln!(out, "{}: {}", place.display(), steps(exported.steps))?;
    }
    let mut said = String::new();
    for (cell, count) in &exported.left_out {
        said.push_str(&format!(
            "{cell}: {count} failed and done again, left out (`--all` keeps them)\n"
        ));
    }
    for cell in &exported.unrecorded {
        said.push_str(&format!(
            "{cell}: no recording that can be read, so no code\n"
        ));
    }
    if !exported.packages.is_empty() {
        let packages: Vec<&str> = exported.packages.iter().map(String::as_str).collect();
        said.push_str(&format!("needs: {}\n", packages.join(" ")));
    }
    let _closed_pipe = std::io::stderr().write_all(said.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn steps(count: usize) -> String {
    match count {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    }
}
