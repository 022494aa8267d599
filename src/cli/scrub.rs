//! `claude-kernel scrub`: a notebook without what is nobody else's business. Works as a git filter.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::config::Environment;
use crate::kernel::journal::redact::Redactor;
use crate::notebook::export::text_of;
use crate::notebook::scrub::scrub;

use super::failure::Failure;
use super::notebook_file;

/// Arguments of `scrub`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Removes thinking, usage, costs and ids, and shows the home directory as `~`. If something looks like \
a key, nothing is written and the cell is named. As a git filter:

  git config filter.claude.clean 'claude-kernel scrub -'
  echo '*.ipynb filter=claude' >> .gitattributes")]
pub struct Args {
    /// The notebook; `-` reads standard input and writes standard output
    notebook: PathBuf,
    /// Where to write; else the notebook itself is replaced
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// Writes the scrubbed notebook.
///
/// # Errors
/// If the notebook cannot be read or written, or something in it looks like a key.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let mut notebook = notebook_file::read(&args.notebook)?;
    let environment = Environment::from_process();
    let home = environment.home();
    let home = home.as_deref().and_then(Path::to_str);
    let redactor = Redactor::default();
    let looks_like_key = |text: &str| {
        let redacted = redactor.redact(text);
        (redacted != text).then(|| "a key or a password".to_owned())
    };
    let scrubbed = scrub(&mut notebook, home, looks_like_key)
        .ok_or_else(|| Failure::new("it is no notebook"))?;
    let scrubbed = scrubbed.map_err(|secrets| {
        let cells: Vec<String> = secrets.iter().map(|one| one.cell.to_string()).collect();
        let what = secrets.first().map_or("", |one| one.looks_like.as_str());
        Failure::new(format!(
            "something that looks like {what} stands in cell {} (counted from 1)",
            cells.join(", ")
        ))
        .with_hint("remove it, and renew the key if the notebook was shared; nothing was written")
    })?;
    let text = text_of(&notebook);
    let is_filter = args.notebook.as_os_str() == "-" && args.output.is_none();
    if is_filter {
        out.write_all(text.as_bytes())?;
        return Ok(ExitCode::SUCCESS);
    }
    let place = args.output.as_ref().unwrap_or(&args.notebook);
    notebook_file::write(place, &text, true)?;
    writeln!(
        out,
        "{}: removed {} outputs of thinking, thinking and usage of {} recordings, {} pieces of metadata, {} paths",
        place.display(),
        scrubbed.thinking,
        scrubbed.recordings,
        scrubbed.metadata,
        scrubbed.paths
    )?;
    Ok(ExitCode::SUCCESS)
}
