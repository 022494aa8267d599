//! The person's Python tools: one long-lived interpreter in which their cells run and are called.
//!
//! [`Worker`] is the handle; a task of its own (`worker_task`) owns the process and serves one request
//! after the other. Invariant: every request gets exactly one answer, whatever the process does, and
//! a process that died is replaced before the next call, with all definitions run again.

mod process;
mod worker_task;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;

use crate::host::Host;

pub use process::{NotStarted, Program};

/// Requests that wait for the worker; Claude asks for a handful at once.
const QUEUE: usize = 64;

/// One cell of definitions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Definition {
    /// What tracebacks call it, such as `<tool cell 3>`.
    pub file: String,
    /// The Python source.
    pub source: String,
    /// The functions that become tools; empty for every public one.
    pub names: Vec<String>,
}

/// One function as Claude will see it.
#[derive(Debug, Clone, PartialEq)]
pub struct Described {
    /// The function's name.
    pub name: String,
    /// From the docstring.
    pub description: String,
    /// From the type hints.
    pub input_schema: Map<String, Value>,
    /// What the person should know, as sentences without a full stop.
    pub warnings: Vec<String>,
}

/// What came of a definition.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Defined {
    /// The tools of the cell.
    pub tools: Vec<Described>,
    /// What the cell printed.
    pub printed: String,
}

/// Why a definition came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum Undefined {
    /// Nothing serves the handle any more.
    #[error("the process that runs Python tools is gone; restart the kernel")]
    Gone,
    /// The process was not there and cannot be started.
    #[error(transparent)]
    NotStarted(#[from] NotStarted),
    /// The process takes no requests.
    #[error(
        "the process that runs Python tools does not react; interrupt it, or restart the kernel"
    )]
    Stuck,
    /// It was not allowed to take longer.
    #[error("it did not end within {} s", limit.as_secs())]
    TooSlow {
        /// How long it had.
        limit: Duration,
    },
    /// The cell failed, or its process ended.
    #[error("{why}")]
    Failed {
        /// In Python's words, or as a sentence about the process.
        why: String,
    },
}

/// What a call came to.
#[derive(Debug, Clone, PartialEq)]
pub struct Answer {
    /// Content blocks for Claude.
    pub content: Vec<Value>,
    /// Whether it failed.
    pub is_error: bool,
    /// What it printed, for the person.
    pub printed: String,
}

impl Answer {
    /// Makes an answer that says why there is none.
    #[must_use]
    pub fn failed(why: impl Into<String>) -> Self {
        let text = why.into();
        Self {
            content: vec![serde_json::json!({"type": "text", "text": text})],
            is_error: true,
            printed: String::new(),
        }
    }
}

/// A call to make.
#[derive(Debug, Clone, PartialEq)]
pub struct Call {
    /// The function.
    pub name: String,
    /// Its arguments, an object.
    pub arguments: Value,
    /// Whether Claude called it itself; code in the sandbox gets text only.
    pub direct: bool,
    /// How long it may run.
    pub limit: Duration,
}

/// What the handle asks of the task.
#[derive(Debug)]
enum Request {
    Define {
        number: u64,
        definition: Definition,
        limit: Duration,
        reply: oneshot::Sender<Result<Defined, Undefined>>,
    },
    Call {
        number: u64,
        call: Call,
        reply: oneshot::Sender<Answer>,
    },
    /// Nobody waits for it any more.
    Stop { number: u64 },
    /// Definitions whose functions have all been removed are not run again.
    Forget { names: Vec<String> },
}

/// The handle of the worker. Dropping the last clone ends the process.
#[derive(Debug, Clone)]
pub struct Worker {
    requests: mpsc::Sender<Request>,
    numbers: Arc<std::sync::atomic::AtomicU64>,
    interpreter: PathBuf,
    _task: Arc<JoinSet<()>>,
}

impl Worker {
    /// Makes a worker; its process starts with the first request.
    #[must_use]
    pub fn new(program: Program, host: Arc<dyn Host>) -> Self {
        let (requests, receiver) = mpsc::channel(QUEUE);
        let interpreter = program.interpreter.clone();
        let mut tasks = JoinSet::new();
        tasks.spawn(worker_task::serve(program, host, receiver));
        Self {
            requests,
            numbers: Arc::default(),
            interpreter,
            _task: Arc::new(tasks),
        }
    }

    /// Returns the interpreter that runs the tools.
    #[must_use]
    pub fn interpreter(&self) -> &std::path::Path {
        &self.interpreter
    }

    /// Runs a cell of definitions. Dropping the future stops it.
    ///
    /// # Errors
    /// What went wrong, as Python would say it, or a sentence about the process.
    pub async fn define(
        &self,
        definition: Definition,
        limit: Duration,
    ) -> Result<Defined, Undefined> {
        let number = self.number();
        let (reply, answer) = oneshot::channel();
        let request = Request::Define {
            number,
            definition,
            limit,
            reply,
        };
        let stop = StopOnDrop(&self.requests, Some(number));
        if self.requests.send(request).await.is_err() {
            return Err(Undefined::Gone);
        }
        let answer = answer.await.unwrap_or(Err(Undefined::Gone));
        stop.disarm();
        answer
    }

    /// Calls a function. Dropping the future stops it.
    pub async fn call(&self, call: Call) -> Answer {
        let number = self.number();
        let (reply, answer) = oneshot::channel();
        let request = Request::Call {
            number,
            call,
            reply,
        };
        let stop = StopOnDrop(&self.requests, Some(number));
        if self.requests.send(request).await.is_err() {
            return Answer::failed(Undefined::Gone.to_string());
        }
        let gone = |_| Answer::failed(Undefined::Gone.to_string());
        let answer = answer.await.unwrap_or_else(gone);
        stop.disarm();
        answer
    }

    /// Takes functions out of what is run again in a new process.
    pub async fn forget(&self, names: Vec<String>) {
        // If the task has ended, there is nothing to run again.
        let _gone = self.requests.send(Request::Forget { names }).await;
    }

    fn number(&self) -> u64 {
        self.numbers
            .fetch_add(1, std::sync::atomic::Ordering::Relaxed)
    }
}

/// Tells the task that nobody waits, unless the answer came first.
struct StopOnDrop<'a>(&'a mpsc::Sender<Request>, Option<u64>);

impl StopOnDrop<'_> {
    fn disarm(mut self) {
        self.1 = None;
    }
}

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        if let Some(number) = self.1 {
            // With a full queue the time limit ends the call instead.
            let _full = self.0.try_send(Request::Stop { number });
        }
    }
}
