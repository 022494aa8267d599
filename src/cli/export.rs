//! `claude-kernel export`: the code of a notebook as a notebook, script or text that needs no model,
//! or the notebook as a page.

mod page;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::notebook::export;

use super::failure::Failure;
use super::notebook_file;

pub(super) use page::Audience;

/// Arguments of `export`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Prompts become text; every code step that counted stands below its prompt, in order. The first cell \
holds the parameters: where files are read and written, what `%set` set, and the packages that the \
code imports, with their versions where a step printed them. The export runs with ipykernel or \
python, on the same data or on new data, without a model.

`--to html` makes one page of the notebook as it is, with jupyter nbconvert and the template `claude`: \
for reviewers with all folds open, for readers without steps, thinking and costs.")]
pub struct Args {
    /// The notebook, as saved
    notebook: PathBuf,
    /// What to make
    #[arg(long, value_enum, default_value_t = To::Notebook)]
    to: To,
    /// Whom a page is for
    #[arg(long = "for", value_enum, value_name = "WHOM", default_value_t = Audience::Reviewers)]
    audience: Audience,
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
enum To {
    /// A notebook for ipykernel
    Notebook,
    /// A Python script
    Py,
    /// Markdown
    Markdown,
    /// One page, with jupyter nbconvert
    Html,
}

/// Writes the export, and says on stderr what is not in it.
///
/// # Errors
/// If the notebook cannot be read, holds no code, or the file cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let notebook = notebook_file::read(&args.notebook)?;
    let form = match args.to {
        To::Notebook => export::Form::Notebook,
        To::Py => export::Form::Python,
        To::Markdown => export::Form::Markdown,
        To::Html => {
            let text = page::page(&args.notebook, notebook, args.audience)?;
            write(args, "html", &text, "a page", out)?;
            return Ok(ExitCode::SUCCESS);
        }
    };
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
    let steps = match exported.steps {
        1 => "1 step".to_owned(),
        count => format!("{count} steps"),
    };
    write(args, form.ending(), &form.text(&exported), &steps, out)?;
    let mut said = String::new();
    for (cell, count) in &exported.left_out {
        said.push_str(&format!(
            "{cell}: {count} failed and done again, left out (`--all` keeps them)\n"
        ));
    }
    for (cell, tools) in &exported.own_tools {
        said.push_str(&format!(
            "{cell}: its code calls {tools}, of the notebook's own machine: define it before you run the export\n"
        ));
    }
    for cell in &exported.unrecorded {
        said.push_str(&format!(
            "{cell}: no recording that can be read, so no code\n"
        ));
    }
    if !exported.packages.is_empty() {
        said.push_str(&format!("needs: {}\n", exported.needs().join(" ")));
    }
    let _closed_pipe = std::io::stderr().write_all(said.as_bytes());
    Ok(ExitCode::SUCCESS)
}

fn write(
    args: &Args,
    ending: &str,
    text: &str,
    what: &str,
    out: &mut dyn Write,
) -> anyhow::Result<()> {
    let place = args.output.clone();
    let place = place.unwrap_or_else(|| args.notebook.with_extension(ending));
    if place.as_os_str() == "-" {
        out.write_all(text.as_bytes())?;
    } else {
        notebook_file::write(&place, text, args.force)?;
        writeln!(out, "{}: {what}", place.display())?;
    }
    Ok(())
}
