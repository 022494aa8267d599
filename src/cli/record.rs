//! `claude-kernel record`: the recordings of a notebook as a file of their own, for a notebook whose
//! outputs are cleared.

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;

use crate::notebook::recordings;

use super::failure::Failure;
use super::notebook_file;

/// Arguments of `record`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
With CLAUDE_KERNEL_RECORD=FILE a kernel answers from the file, for example in CI:

  claude-kernel record analysis.ipynb -o analysis.record.json
  CLAUDE_KERNEL_RECORD=$PWD/analysis.record.json CLAUDE_KERNEL_REPLAY=only \\
      jupyter nbconvert --to notebook --execute analysis.ipynb")]
pub struct Args {
    /// The notebook, as saved
    notebook: PathBuf,
    /// Where to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    /// Replace a file that is there
    #[arg(long)]
    force: bool,
}

/// Writes the file.
///
/// # Errors
/// If the notebook cannot be read or holds no recordings, or the file cannot be written.
pub fn run(args: &Args, out: &mut dyn Write) -> anyhow::Result<ExitCode> {
    let notebook = notebook_file::read(&args.notebook)?;
    let read = recordings::recordings(&notebook).unwrap_or_default();
    if read.found.is_empty() {
        return Err(
            Failure::new(format!("`{}` holds no recordings", args.notebook.display()))
                .with_hint("run it once more with this version of claude-kernel, then save it")
                .into(),
        );
    }
    let text = format!("{:#}\n", recordings::file(&read));
    notebook_file::write(&args.output, &text, args.force)?;
    writeln!(
        out,
        "{}: {} recorded answers",
        args.output.display(),
        read.found.len()
    )?;
    Ok(ExitCode::SUCCESS)
}
