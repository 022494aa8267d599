//! The inside of a call: what `claude-kernel sandbox-exec` does before and while a command runs.
//!
//! Two stages. The *outer* one leaves the namespaces of its parent and starts the *inner* one,
//! which is process 1 of a new process namespace. The inner stage builds a root directory that
//! holds only what may be seen, gives up its rights, starts the command and watches it. Whatever
//! ends process 1 also ends everything that the command ever started. If the system refuses
//! namespaces, the outer stage does the work of the inner one, with less protection. A report,
//! which the asking side reads, says which protection holds and which does not.
//!
//! Invariants: nothing of the parent's environment reaches a command; if standard input closes,
//! everything ends; if a protection is not available, the report says so. There is no `unsafe`
//! here: all system calls go through wrappers. This is why the stages are separate processes and
//! not forks.
//!
//! This module does not decide what is run and does not read what the command prints (see
//! `sandbox`).
#![expect(
    clippy::disallowed_methods,
    reason = "edge: writes namespace maps and the files of a container"
)]

#[cfg(target_os = "linux")]
mod calls;
#[cfg(target_os = "linux")]
mod disk;
mod edit;
mod environment;
mod interpreter;
mod limits;
mod report;
#[cfg(target_os = "linux")]
mod root;
#[cfg(target_os = "linux")]
mod rules;
mod supervise;
#[cfg(target_os = "linux")]
mod tree;
#[cfg(target_os = "linux")]
mod world;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

pub use edit::EditOutcome;
pub(super) use edit::Edited;
pub(super) use interpreter::Interpreter;
pub(super) use report::{Line, PROCESSES};

use report::{Report, WhyNot};
use serde::{Deserialize, Serialize};

use super::protection::Protection;
use super::script::Edit;

/// The exit code of a call that never started. The report says why.
const REFUSED: u8 = 125;

/// What to run and how much of the machine it may use.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Job {
    /// The container's directory.
    pub(super) root: PathBuf,
    pub(super) task: Task,
    /// The interpreter behind `python3`.
    pub(super) python: Option<PathBuf>,
    /// Memory of all processes together, in bytes.
    pub(super) memory_bytes: u64,
    /// Processes and threads together.
    pub(super) processes: u32,
    /// The largest file that may be written.
    pub(super) file_bytes: u64,
    /// Space that all files together may take.
    pub(super) disk_bytes: u64,
    /// Processor time of one process. It ends what the wall-clock limit should have ended.
    pub(super) cpu_seconds: u64,
    /// The file that the report is written to.
    pub(super) report: PathBuf,
    /// Mechanisms that must not be used.
    pub(super) forgone: Vec<Mechanism>,
}

/// What to run.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) enum Task {
    /// Nothing: only the report is needed.
    Nothing,
    /// A bash command.
    Bash(String),
    /// A bash command that is read from a file below `cells`, because it is too long for an
    /// argument.
    BashFile(String),
    /// The persistent interpreter, which reads requests from standard input.
    Repl,
    /// The text editor, which writes its result to standard output as JSON.
    Edit(Edit),
}

/// A mechanism of confinement that a machine may lack.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mechanism {
    /// User, process, network and mount namespaces.
    Namespaces,
    /// A root directory of its own.
    PrivateRoot,
    /// Landlock rules.
    Landlock,
    /// A filter of system calls.
    Calls,
}

/// Runs the outer stage, which is the hidden subcommand. The process must have only one thread.
#[must_use]
pub fn outer(job: &Path) -> ExitCode {
    match read(job) {
        Ok(spec) => ExitCode::from(outer_stage(job, &spec)),
        Err(why) => complain(&why),
    }
}

/// Runs the inner stage, as process 1 of the outer one's namespaces.
#[must_use]
pub fn inner(job: &Path) -> ExitCode {
    match read(job) {
        Ok(spec) => ExitCode::from(inner_stage(&spec, Ok(()))),
        Err(why) => complain(&why),
    }
}

fn read(job: &Path) -> Result<Job, String> {
    let text = std::fs::read(job).map_err(|error| format!("`{}`: {error}", job.display()))?;
    serde_json::from_slice(&text).map_err(|error| format!("`{}`: {error}", job.display()))
}

fn complain(why: &str) -> ExitCode {
    let _nobody_listens = writeln!(std::io::stderr(), "sandbox-exec: {why}");
    ExitCode::from(REFUSED)
}

#[cfg(target_os = "linux")]
fn outer_stage(path: &Path, job: &Job) -> u8 {
    let _already_leader = nix::unistd::setsid();
    if job.forgone.contains(&Mechanism::Namespaces) {
        return inner_stage(job, Err(WhyNot::NotUsed));
    }
    match world::leave() {
        Ok(()) => match supervise::inner_process(path) {
            Ok(code) => code,
            Err(error) => refuse(job, &format!("the inner stage cannot be started: {error}")),
        },
        Err(world::Stuck::Refused(why)) => inner_stage(job, Err(why)),
        Err(world::Stuck::HalfWay(why)) => {
            let mut report = Report::open(&job.report);
            report.add(&Line::Stuck(why.to_string()));
            REFUSED
        }
    }
}

#[cfg(not(target_os = "linux"))]
fn outer_stage(_path: &Path, job: &Job) -> u8 {
    let _already_leader = nix::unistd::setsid();
    inner_stage(job, Err(WhyNot::System("this system has none")))
}

fn refuse(job: &Job, why: &str) -> u8 {
    Report::open(&job.report).add(&Line::Refused(why.to_owned()));
    REFUSED
}

/// `namespaces` says why there are none, if there are none.
fn inner_stage(job: &Job, namespaces: Result<(), WhyNot>) -> u8 {
    let mut report = Report::open(&job.report);
    let python = Interpreter::find(job.python.as_deref());
    let alone = namespaces.is_ok();
    let confined = match confine(job, python.as_ref(), namespaces) {
        Ok(confined) => confined,
        Err(why) => {
            report.add(&Line::Refused(why));
            return REFUSED;
        }
    };
    report.add(&Line::Protections(confined.protections));
    let base = confined.base;
    let home = base.join("home");
    if let Err(error) = std::env::set_current_dir(&home) {
        report.add(&Line::Refused(format!("`{}`: {error}", home.display())));
        return REFUSED;
    }
    let command = match &job.task {
        Task::Nothing => {
            report.add(&Line::Started);
            return 0;
        }
        Task::Edit(edit) => {
            report.add(&Line::Started);
            return edit::print(&edit::apply(edit));
        }
        Task::Bash(text) => environment::bash(&["-c", text]),
        Task::BashFile(name) => {
            let path = base.join("cells").join(name);
            // The words after the script are `$0`, which error messages begin with, and `$1`.
            let read = "eval \"$(<\"$1\")\"";
            environment::bash(&["-c", read, "bash", &path.to_string_lossy()])
        }
        Task::Repl => match &python {
            Some(python) => environment::repl(python),
            None => {
                report.add(&Line::Refused("no Python was found".into()));
                return REFUSED;
            }
        },
    };
    let command = environment::clothe(command, &base, confined.private_root, python.as_ref());
    supervise::run(command, job, &base, alone, &mut report)
}

/// What was achieved by confining.
struct Confined {
    /// The container's directory as the command sees it.
    base: PathBuf,
    /// Whether the command has its own root directory and its own `/tmp`.
    private_root: bool,
    protections: Vec<Protection>,
}

#[cfg(target_os = "linux")]
fn confine(
    job: &Job,
    python: Option<&Interpreter>,
    namespaces: Result<(), WhyNot>,
) -> Result<Confined, String> {
    let root = match &namespaces {
        Err(_) => Err(WhyNot::NeedsNamespaces),
        Ok(()) if job.forgone.contains(&Mechanism::PrivateRoot) => Err(WhyNot::NotUsed),
        Ok(()) => root::enter(job, python),
    };
    let base = match &root {
        Ok(base) => base.clone(),
        Err(_) => job.root.clone(),
    };
    if namespaces.is_ok() {
        world::settle(job.processes).map_err(|why| why.to_string())?;
    }
    let limited = limits::set(job, namespaces.is_ok());
    let rules = if job.forgone.contains(&Mechanism::Landlock) {
        Err(WhyNot::NotUsed)
    } else {
        rules::restrict(&base, root.is_ok(), python)
    };
    let privileges = world::renounce(namespaces.is_ok());
    let calls = if job.forgone.contains(&Mechanism::Calls) {
        Err(WhyNot::NotUsed)
    } else {
        calls::restrict()
    };
    let protections = report::protections(&report::Found {
        namespaces,
        root: root.as_ref().map(|_| ()).map_err(WhyNot::clone),
        rules,
        limited,
        privileges,
        calls,
    });
    Ok(Confined {
        base,
        private_root: root.is_ok(),
        protections,
    })
}

#[cfg(not(target_os = "linux"))]
fn confine(
    job: &Job,
    _python: Option<&Interpreter>,
    namespaces: Result<(), WhyNot>,
) -> Result<Confined, String> {
    let missing = || WhyNot::System("this system has no Landlock");
    let protections = report::protections(&report::Found {
        namespaces,
        root: Err(missing()),
        rules: Err(missing()),
        limited: limits::set(job, false),
        privileges: Err(WhyNot::System("this system cannot forbid new privileges")),
        calls: Err(WhyNot::System("this system has no seccomp")),
    });
    Ok(Confined {
        base: job.root.clone(),
        private_root: false,
        protections,
    })
}
