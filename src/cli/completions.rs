//! `claude-kernel completions SHELL`: a completion script on stdout, generated from the same
//! definition as `--help`.

use std::io::Write;
use std::process::ExitCode;

use clap_complete::Shell;

/// Arguments of `completions`.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  claude-kernel completions bash \\
      > ~/.local/share/bash-completion/completions/claude-kernel
  claude-kernel completions zsh > ~/.zfunc/_claude-kernel
  claude-kernel completions fish \\
      > ~/.config/fish/completions/claude-kernel.fish")]
pub struct Args {
    /// The shell to write for
    shell: Shell,
}

/// Prints the script for the whole command line.
///
/// # Errors
/// If stdout cannot be written to.
pub fn run(
    args: &Args,
    mut command: clap::Command,
    out: &mut dyn Write,
) -> anyhow::Result<ExitCode> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command, "claude-kernel", &mut script);
    out.write_all(&script)?;
    Ok(ExitCode::SUCCESS)
}
