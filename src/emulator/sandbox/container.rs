//! A container: its directory, its calls, and its only interpreter.

use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::super::confine::{Edited, Job, Mechanism, PROCESSES, Task};
use super::super::script::{Edit, Variables};
use super::call::{Call, Report};
use super::repl::{self, Repl};
use super::{CallError, EditOutcome, Outcome, Protections, Sandbox, files};

/// If a command is longer than this, it does not fit into an argument and is passed in a file.
const MAX_ARGUMENT_BYTES: usize = 100_000;

/// Wall-clock time of a text-editor call.
const EDIT_TIME: Duration = Duration::from_secs(30);

/// The processor time of a call as a multiple of its wall-clock time: enough for a few busy
/// processes.
const CPU_PER_WALL: u64 = 4;

/// The processor time of an interpreter over all its cells, in seconds.
const REPL_CPU_SECONDS: u64 = 24 * 60 * 60;

/// The exit code of a cell that was stopped: the same as that of `timeout`.
const TIMED_OUT: i32 = 124;

/// A container: a directory, and at most one persistent interpreter. Calls take `&mut self`, so
/// only one runs at a time. If the container is dropped, its processes end and the directory is
/// removed.
#[derive(Debug)]
pub struct Container {
    sandbox: Sandbox,
    id: String,
    root: PathBuf,
    calls: u32,
    cells: u32,
    repl: Option<Repl>,
    /// The cell that waits for client tools, if one does.
    waiting: Option<Waiting>,
    protections: Option<Protections>,
    forgone: Vec<Mechanism>,
}

/// A cell that waits, and what it has printed so far.
#[derive(Debug)]
struct Waiting {
    repl: Repl,
    stdout: String,
    stderr: String,
}

/// A call of a client tool.
#[derive(Debug, Clone, PartialEq, serde::Deserialize)]
pub struct ClientCall {
    /// The tool.
    pub name: String,
    /// Its arguments.
    pub input: serde_json::Value,
}

/// How far a cell has come.
#[derive(Debug, Clone, PartialEq)]
pub enum Cell {
    /// The cell has ended.
    Done(Outcome),
    /// The cell waits for the results of these calls, and goes on with [`Container::resume`].
    Calls(Vec<ClientCall>),
}

impl Drop for Container {
    fn drop(&mut self) {
        self.repl = None;
        self.waiting = None;
        let root = std::mem::take(&mut self.root);
        // Its processes may still write for a moment. The parent directory is removed later in any
        // case.
        let remove = move || {
            let _left_for_the_parent = files::remove(&root).or_else(|_| files::remove(&root));
        };
        // It may hold any number of files.
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl Container {
    pub(super) fn new(sandbox: Sandbox, id: &str, parent: &Path) -> io::Result<Self> {
        let root = files::make(id, parent)?;
        files::shims(&root, sandbox.python.as_deref())?;
        Ok(Self {
            sandbox,
            id: id.to_owned(),
            root,
            calls: 0,
            cells: 0,
            repl: None,
            waiting: None,
            protections: None,
            forgone: Vec::new(),
        })
    }

    /// Returns the id that the container was made with.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Returns which protection held for the latest call; `None` before the first call.
    #[must_use]
    pub fn protections(&self) -> Option<&Protections> {
        self.protections.as_ref()
    }

    /// Does not use a mechanism from the next call on, like a machine that lacks it.
    pub fn forgo(&mut self, mechanism: Mechanism) {
        self.repl = None;
        self.forgone.push(mechanism);
    }

    /// Runs a bash command in the home directory, with a new, empty `$OUTPUT_DIR`. Files stay for
    /// later calls. Processes do not: those in the background end with the command. If the future
    /// is dropped, the command ends.
    ///
    /// # Errors
    /// `execution_time_exceeded`, `output_file_too_large`, `unavailable`, `invalid_tool_input` (if
    /// the command contains a NUL). A non-zero exit is not an error.
    pub async fn bash(&mut self, command: &str) -> Result<Outcome, CallError> {
        if command.contains('\0') {
            return Err(CallError {
                code: "invalid_tool_input",
                message: "a command cannot hold a NUL character".into(),
            });
        }
        clear_output(self.root.clone()).await?;
        let task = if command.len() > MAX_ARGUMENT_BYTES {
            let name = format!("{}.sh", self.calls);
            files::give(&self.root, "cells", &name, command.as_bytes())?;
            Task::BashFile(name)
        } else {
            Task::Bash(command.to_owned())
        };
        let limit = self.sandbox.limits.command;
        let outcome = self.run(task, limit).await?;
        self.collected(outcome).await
    }

    /// Runs a cell in the container's only Python interpreter. Variables stay for later cells, and
    /// the value of a last expression is printed. `tools` are async functions, for whose results
    /// the cell waits. If a cell runs over the time limit, this is a normal outcome: its return
    /// code is not zero, and it mentions `detection_timeout`. Then the interpreter starts anew, as
    /// it does after a crash or a dropped future.
    ///
    /// # Errors
    /// The same as those of [`Container::bash`].
    pub async fn repl(&mut self, code: &str, tools: &[String]) -> Result<Cell, CallError> {
        clear_output(self.root.clone()).await?;
        // If a new cell begins, a cell that still waits is over.
        self.waiting = None;
        // The interpreter is taken out, and put back only if the cell ends well.
        let mut repl = match self.repl.take() {
            Some(repl) => repl,
            None => self.start_repl().await?,
        };
        let name = self.give_cell(code)?;
        let limits = &self.sandbox.limits;
        let cell = timeout(limits.cell, repl.run(&name, tools, limits.output_bytes)).await;
        self.ended(repl, cell.ok(), (String::new(), String::new()))
            .await
    }

    /// Goes on with a cell that waits. `results` are those of its calls, in the same order. If they
    /// are `None`, they came too late, and each call raises `TimeoutError`.
    ///
    /// # Errors
    /// The same as those of [`Container::bash`]; `invalid_tool_input` if no cell waits.
    pub async fn resume(&mut self, results: Option<&[String]>) -> Result<Cell, CallError> {
        let Some(Waiting {
            mut repl,
            stdout,
            stderr,
        }) = self.waiting.take()
        else {
            return Err(CallError {
                code: "invalid_tool_input",
                message: "no code waits for results in this container".into(),
            });
        };
        let results = serde_json::to_string(&results).map_err(io::Error::from)?;
        let name = self.give_cell(&results)?;
        let limits = &self.sandbox.limits;
        let cell = timeout(limits.cell, repl.resume(&name, limits.output_bytes)).await;
        self.ended(repl, cell.ok(), (stdout, stderr)).await
    }

    fn give_cell(&mut self, text: &str) -> io::Result<String> {
        self.cells += 1;
        let name = self.cells.to_string();
        files::give(&self.root, "cells", &name, text.as_bytes())?;
        Ok(name)
    }

    /// Takes the outcome of a cell; `None` means that it ran over its time.
    async fn ended(
        &mut self,
        mut repl: Repl,
        cell: Option<repl::Cell>,
        (mut stdout, mut stderr): (String, String),
    ) -> Result<Cell, CallError> {
        let limits = &self.sandbox.limits;
        let Some(cell) = cell else {
            repl.call.stop(self.alone()).await;
            let limit = limits.cell.as_secs_f32();
            stderr.push_str(&format!(
                "detection_timeout: the cell ran for more than {limit} s and was stopped; the \
                 interpreter starts afresh, its variables are gone\n"
            ));
            let outcome = Outcome {
                stdout,
                stderr,
                return_code: TIMED_OUT,
                ..Outcome::default()
            };
            return self.collected(outcome).await.map(Cell::Done);
        };
        stdout.push_str(&cell.stdout);
        stderr.push_str(&cell.stderr);
        if cell.code == Some(repl::CALLS) {
            let calls = serde_json::from_str(&files::calls(&self.root));
            let calls: Vec<ClientCall> = calls.map_err(io::Error::from)?;
            self.waiting = Some(Waiting {
                repl,
                stdout,
                stderr,
            });
            return Ok(Cell::Calls(calls));
        }
        let mut outcome = Outcome {
            stdout,
            stderr,
            return_code: cell.code.unwrap_or_default(),
            files: Vec::new(),
        };
        if cell.code.is_some() {
            self.repl = Some(repl);
            return self.collected(outcome).await.map(Cell::Done);
        }
        outcome.return_code = repl.call.code().await;
        let report = repl.call.report();
        check_started(&report, &outcome)?;
        let why = report.why.unwrap_or_else(|| "it exited".into());
        note(
            &mut outcome.stderr,
            &format!("the interpreter ended ({why}); the next cell starts a new one"),
        );
        self.collected(outcome).await.map(Cell::Done)
    }

    /// Does the work of the text editor, confined like a command. Relative paths start at the home
    /// directory.
    ///
    /// # Errors
    /// `file_not_found`, `invalid_tool_input`, `unavailable`, `execution_time_exceeded`.
    pub async fn edit(&mut self, edit: &Edit) -> Result<EditOutcome, CallError> {
        let outcome = self.run(Task::Edit(edit.clone()), EDIT_TIME).await?;
        match serde_json::from_str(&outcome.stdout) {
            Ok(Edited::Done(outcome)) => Ok(outcome),
            Ok(Edited::Failed { code, message }) => Err(CallError {
                code: match code.as_str() {
                    "file_not_found" => "file_not_found",
                    _ => "invalid_tool_input",
                },
                message,
            }),
            Err(_) => Err(CallError::unavailable(outcome.stderr)),
        }
    }

    /// Puts a file into `$INPUT_DIR`, which commands can only read; returns its path for a shell.
    /// If `name` has directories, they are dropped.
    ///
    /// # Errors
    /// If the file cannot be written, or `name` has no file name.
    pub fn add_input(&mut self, name: &str, from: &Path) -> io::Result<String> {
        let plain = files::file_name(name).ok_or_else(|| {
            let problem = format!("`{name}` is not the name of a file");
            io::Error::new(io::ErrorKind::InvalidInput, problem)
        })?;
        files::copy_in(&self.root, &plain, from)?;
        Ok(format!("$INPUT_DIR/{plain}"))
    }

    /// Returns the variables that steps wrote to `$SCRIPT_VARS` so far. If a name is there twice,
    /// the last value counts.
    #[must_use]
    pub fn variables(&self) -> Variables {
        files::variables(&self.root)
    }

    /// Runs nothing, only to find out which protection holds.
    pub(super) async fn look(&mut self) -> Result<Protections, CallError> {
        self.run(Task::Nothing, EDIT_TIME).await?;
        Ok(self.protections.clone().unwrap_or_default())
    }

    /// Runs a task to its end. If namespaces turn out to work only in part, runs it again without
    /// them.
    async fn run(&mut self, task: Task, limit: Duration) -> Result<Outcome, CallError> {
        loop {
            let cpu_seconds = limit.as_secs().max(1).saturating_mul(CPU_PER_WALL);
            let job = self.job(task.clone(), cpu_seconds);
            let mut call = Call::start(&self.sandbox.command, &job)?;
            let Ok((stdout, stderr, return_code)) =
                timeout(limit, call.finish(self.output_bytes(&task))).await
            else {
                call.stop(self.alone()).await;
                return Err(CallError {
                    code: "execution_time_exceeded",
                    message: format!("the command ran for more than {} s", limit.as_secs_f32()),
                });
            };
            let mut outcome = Outcome {
                stdout,
                stderr,
                return_code,
                files: Vec::new(),
            };
            let report = call.report();
            if self.again(&report) {
                continue;
            }
            check_started(&report, &outcome)?;
            if let Some(why) = report.why {
                note(
                    &mut outcome.stderr,
                    &format!("the command was ended: {why}"),
                );
            }
            return Ok(outcome);
        }
    }

    /// The text editor is ours, so its result must be complete.
    fn output_bytes(&self, task: &Task) -> usize {
        match task {
            Task::Edit(_) => usize::MAX,
            _ => self.sandbox.limits.output_bytes,
        }
    }

    async fn start_repl(&mut self) -> Result<Repl, CallError> {
        if self.protections.is_none() {
            // Finds out whether namespaces work at all.
            self.look().await?;
        }
        let job = self.job(Task::Repl, REPL_CPU_SECONDS);
        let call = Call::start(&self.sandbox.command, &job)?;
        Ok(Repl { call })
    }

    fn job(&mut self, task: Task, cpu_seconds: u64) -> Job {
        self.calls += 1;
        let limits = &self.sandbox.limits;
        Job {
            root: self.root.clone(),
            task,
            python: self.sandbox.python.clone(),
            memory_bytes: limits.memory_bytes,
            processes: limits.processes,
            file_bytes: limits.file_bytes.saturating_mul(2),
            disk_bytes: limits.disk_bytes,
            cpu_seconds,
            report: self
                .root
                .join("jobs")
                .join(format!("{}.report", self.calls)),
            forgone: self.forgone.clone(),
        }
    }

    fn alone(&self) -> bool {
        let protections = self.protections.iter().flat_map(|found| &found.entries);
        protections
            .filter(|entry| entry.name == PROCESSES)
            .any(|entry| entry.active)
    }

    /// Notes which protection holds; returns whether the call must be tried again with less.
    fn again(&mut self, report: &Report) -> bool {
        if report.protections.is_some() {
            self.protections.clone_from(&report.protections);
        }
        if report.stuck && !self.forgone.contains(&Mechanism::Namespaces) {
            tracing::warn!(why = ?report.why, "namespaces only half work: doing without");
            self.forgone.push(Mechanism::Namespaces);
            return true;
        }
        false
    }

    async fn collected(&mut self, mut outcome: Outcome) -> Result<Outcome, CallError> {
        self.calls += 1;
        let (root, call, limits) = (self.root.clone(), self.calls, self.sandbox.limits.clone());
        let most = limits.files;
        let (files, left) = on_a_thread(move || files::collect(&root, call, &limits)).await?;
        outcome.files = files;
        if left > 0 {
            let problem = format!("$OUTPUT_DIR: {most} files were kept, {left} were not");
            note(&mut outcome.stderr, &problem);
        }
        Ok(outcome)
    }
}

/// Empties `$OUTPUT_DIR`. It may hold any number of files: the thread that everything else runs on
/// does not wait for the disk.
async fn clear_output(root: PathBuf) -> Result<(), CallError> {
    on_a_thread(move || files::clear_output(&root).map_err(CallError::from)).await
}

/// Does what may take long on a thread of its own.
async fn on_a_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, CallError> + Send + 'static,
) -> Result<T, CallError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(CallError::unavailable(error.to_string())))
}

fn check_started(report: &Report, outcome: &Outcome) -> Result<(), CallError> {
    if report.started {
        return Ok(());
    }
    let why = report.why.clone();
    let why = why.unwrap_or_else(|| outcome.stderr.trim().to_owned());
    Err(CallError::unavailable(format!("the sandbox: {why}")))
}

/// Adds a line, written by us, to an output.
fn note(text: &mut String, line: &str) {
    if !text.is_empty() && !text.ends_with('\n') {
        text.push('\n');
    }
    text.push_str(&format!("[{line}]\n"));
}
