//! The command line: parses arguments, calls the layers below, prints. No other module imports it.
//!
//! Every command is a file with an `Args` and a `run`. An error is a [`Failure`]: one sentence, a
//! hint that says what to do next, an exit code. Results go to stdout, failures to stderr. If a
//! reader closes the pipe early, that is not an error.

pub mod check;
pub mod completions;
pub mod conversations;
pub mod cost;
pub mod doctor;
pub mod emulate;
pub mod export;
mod extras;
mod failure;
pub mod install;
mod installs;
mod kernelspec;
pub mod list;
mod logging;
mod notebook_file;
mod places;
pub mod record;
pub mod run;
pub mod sandbox_exec;
pub mod scrub;
pub mod uninstall;
pub mod verify;

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::{CommandFactory as _, Parser, Subcommand};

use failure::USAGE;

pub use failure::Failure;

const ABOUT: &str = "A Jupyter kernel that turns each notebook cell into a turn with Claude";

const LONG_ABOUT: &str = "\
A Jupyter kernel that turns each notebook cell into a turn with Claude.

A cell holds a prompt, optionally after a few settings (`%model`, `%effort`, `%system`, …). \
Claude answers in the notebook, and runs Bash and Python in its own sandbox on the way; code, \
output, charts and files appear below the cell.";

const AFTER_HELP: &str = "\
Getting going:
  claude-kernel install             make `Claude` selectable (needs a key)
  claude-kernel install --offline   the same without key or network
  claude-kernel doctor              check everything and say what to do

The key: set ANTHROPIC_API_KEY where Jupyter is started. It never goes into a notebook, a \
kernelspec or a magic. Settings: config.toml in the user's config directory, or CLAUDE_KERNEL_* \
variables; the README lists them. In a notebook, `%help` explains the magics.";

/// The whole command line.
#[derive(Debug, Parser)]
#[command(
    name = "claude-kernel",
    version,
    about = ABOUT,
    long_about = LONG_ABOUT,
    after_help = AFTER_HELP,
    max_term_width = 100,
    disable_help_subcommand = true,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Make the kernel known to Jupyter
    Install(install::Args),
    /// Remove a kernelspec that `install` wrote
    Uninstall(uninstall::Args),
    /// Show where our kernelspecs are, and whether they work
    List(list::Args),
    /// Serve a local stand-in for the API: scripted answers, real command execution
    Emulate(emulate::EmulateArgs),
    /// Serve one kernel; Jupyter calls this
    Run(run::Args),
    /// Sum up what saved notebooks cost
    Cost(cost::Args),
    /// Make an ordinary notebook or script of a saved one: its code, without a model
    Export(export::Args),
    /// Hold what saved notebooks claim against their recordings; runs nothing
    Check(check::Args),
    /// Run a notebook's code again and compare what comes with what it shows
    Verify(verify::Args),
    /// Remove from a notebook what is nobody else's business
    Scrub(scrub::Args),
    /// Write the recordings of a notebook into a file of their own
    Record(record::Args),
    /// List, show and remove the conversations that are kept on this machine
    Conversations(conversations::Args),
    /// Check Jupyter, credentials, network and sandbox, and say what to do
    Doctor(doctor::Args),
    /// Print a completion script for a shell
    Completions(completions::Args),
    /// Run one step of the offline backend, confined
    #[command(hide = true)]
    SandboxExec(sandbox_exec::Args),
}

/// Parses `args`, of which the first is the program's name, runs the command, and prints a failure
/// on stderr.
#[must_use]
pub fn main(args: impl IntoIterator<Item = OsString>) -> ExitCode {
    let cli = match Cli::try_parse_from(run::tolerant(args)) {
        Ok(cli) => cli,
        Err(error) => {
            // `--help` and `--version` are also returned as errors by clap; they are printed on
            // stdout and are a success.
            let _closed_pipe = error.print();
            let code = u8::try_from(error.exit_code()).unwrap_or(USAGE);
            return ExitCode::from(code);
        }
    };
    let result = match cli.command {
        Command::Install(args) => install::run(&args, &mut io::stdout()),
        Command::Uninstall(args) => uninstall::run(&args, &mut io::stdout()),
        Command::List(args) => list::run(&args, &mut io::stdout()),
        Command::Emulate(args) => emulate::run(args).map(|()| ExitCode::SUCCESS),
        Command::Run(args) => run::run(&args),
        Command::Cost(args) => cost::run(&args, &mut io::stdout()),
        Command::Export(args) => export::run(&args, &mut io::stdout()),
        Command::Check(args) => check::run(&args, &mut io::stdout()),
        Command::Verify(args) => verify::run(&args, &mut io::stdout()),
        Command::Scrub(args) => scrub::run(&args, &mut io::stdout()),
        Command::Record(args) => record::run(&args, &mut io::stdout()),
        Command::Doctor(args) => doctor::run(&args, &mut io::stdout()),
        Command::Conversations(args) => conversations::run(&args, &mut io::stdout()),
        Command::Completions(args) => completions::run(&args, Cli::command(), &mut io::stdout()),
        // This comes before any thread exists, because a process with several threads cannot leave
        // its namespaces.
        Command::SandboxExec(args) => return sandbox_exec::run(&args),
    };
    match result {
        Ok(code) => code,
        Err(error) => report(&error),
    }
}

/// Writes the sentence and the hint to stderr.
fn report(error: &anyhow::Error) -> ExitCode {
    if is_broken_pipe(error) {
        return ExitCode::SUCCESS;
    }
    let failure = error.downcast_ref::<Failure>();
    let mut text = format!("error: {error:#}\n");
    if let Some(hint) = failure.and_then(Failure::hint) {
        text.push_str(&format!("hint: {hint}\n"));
    }
    let _closed_pipe = io::stderr().write_all(text.as_bytes());
    ExitCode::from(failure.map_or(1, Failure::code))
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error
        .downcast_ref::<io::Error>()
        .is_some_and(|e| e.kind() == io::ErrorKind::BrokenPipe)
}
