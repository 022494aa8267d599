//! `sandbox-exec`: the hidden subcommand that confines itself and then runs one step of the offline
//! backend. Its process must have only one thread.

use std::path::PathBuf;
use std::process::ExitCode;

use crate::emulator::confine;

/// What to run, and which of the two stages this is.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Be process 1 of the namespaces already left
    #[arg(long)]
    inner: bool,
    /// The job, as the offline backend wrote it
    job: PathBuf,
}

/// Runs the stage; the exit code is that of the command.
#[must_use]
pub fn run(args: &Args) -> ExitCode {
    if args.inner {
        confine::inner(&args.job)
    } else {
        confine::outer(&args.job)
    }
}
