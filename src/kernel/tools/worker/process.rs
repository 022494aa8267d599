//! The process of the worker: how it is started, how frames go in and out, how it ends.

use std::io;
use std::path::PathBuf;
use std::process::Stdio;

use bytes::Bytes;
use futures::{SinkExt as _, StreamExt as _};
use serde_json::Value;
use tokio::io::AsyncReadExt as _;
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::codec::{FramedRead, FramedWrite, LengthDelimitedCodec};

use crate::host::unnumbered;
use crate::kernel::tools::group::{Group, Mark};

/// The worker's program, in the order in which its parts need each other.
const PROGRAM: &str = concat!(
    include_str!("hints.py"),
    include_str!("results.py"),
    include_str!("program.py"),
);
/// The longest frame either side accepts; the program holds the same number. A result is at most a
/// document of 30 MB in base64.
const MAX_FRAME_BYTES: usize = 48_000_000;
/// Frames that wait for a process that does not read.
const WRITE_QUEUE: usize = 128;
/// What is kept of what a process says on its error output: enough for a crash report.
const MAX_STDERR_BYTES: usize = 8_000;

/// What is run, and where.
#[derive(Debug, Clone)]
pub struct Program {
    /// The interpreter.
    pub interpreter: PathBuf,
    /// The whole environment of the process.
    pub environment: Vec<(String, String)>,
    /// Where it runs.
    pub directory: PathBuf,
}

/// Why there is no process.
#[derive(Debug, thiserror::Error)]
pub enum NotStarted {
    /// The interpreter cannot be run.
    #[error("cannot start the interpreter `{}`: {}", interpreter.display(), unnumbered(source))]
    Interpreter {
        /// Where it should be.
        interpreter: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It was gone before it could be spoken to.
    #[error("the interpreter ended at once")]
    Ended,
}

/// A running process. Dropping it ends it and everything it started.
#[derive(Debug)]
pub(super) struct Process {
    group: Group,
    child: Child,
    frames: FramedRead<ChildStdout, LengthDelimitedCodec>,
    writing: mpsc::Sender<Bytes>,
    _writer: JoinSet<()>,
    stderr: ChildStderr,
    said: Vec<u8>,
}

/// What a process did.
#[derive(Debug)]
pub(super) enum Event {
    /// It answered.
    Frame(Value),
    /// It is gone or speaks nonsense; one clause.
    Gone(String),
}

impl Process {
    /// Starts the interpreter.
    ///
    /// # Errors
    /// When the interpreter cannot be run.
    pub(super) fn start(program: &Program) -> Result<Self, NotStarted> {
        let mut command = Command::new(&program.interpreter);
        command
            .args(["-u", "-c", PROGRAM])
            .env_clear()
            .envs(program.environment.iter().cloned())
            .current_dir(&program.directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            // An interrupt of the terminal is for the kernel, which passes on what it means.
            .process_group(0)
            .kill_on_drop(true);
        let mark = Mark::set(&mut command);
        let mut child = command.spawn().map_err(|source| NotStarted::Interpreter {
            interpreter: program.interpreter.clone(),
            source,
        })?;
        let group = Group::of(&child, mark);
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(stdin), Some(stdout), Some(stderr)) = pipes else {
            return Err(NotStarted::Ended);
        };
        let (writing, queue) = mpsc::channel(WRITE_QUEUE);
        let mut writer = JoinSet::new();
        writer.spawn(write(stdin, queue));
        Ok(Self {
            group,
            child,
            frames: FramedRead::new(stdout, codec()),
            writing,
            _writer: writer,
            stderr,
            said: Vec::new(),
        })
    }

    /// Sends a request. False when the process does not take any more.
    pub(super) fn send(&self, request: &Value) -> bool {
        self.writing
            .try_send(Bytes::from(request.to_string()))
            .is_ok()
    }

    /// Waits for what the process does next. Cancel-safe.
    pub(super) async fn next(&mut self) -> Event {
        let mut buffer = [0; 4096];
        let mut listening = true;
        loop {
            tokio::select! {
                biased;
                read = self.stderr.read(&mut buffer), if listening => match read {
                    Ok(0) | Err(_) => listening = false,
                    Ok(length) => self.hear(buffer.get(..length).unwrap_or_default()),
                },
                frame = self.frames.next() => return match frame {
                    Some(Ok(frame)) => match serde_json::from_slice(&frame) {
                        Ok(value) => Event::Frame(value),
                        Err(_) => Event::Gone("it said something that is no answer".to_owned()),
                    },
                    Some(Err(error)) => Event::Gone(format!("its answer cannot be read ({error})")),
                    None => Event::Gone(self.death().await),
                },
            }
        }
    }

    fn hear(&mut self, piece: &[u8]) {
        self.said.extend_from_slice(piece);
        let over = self.said.len().saturating_sub(MAX_STDERR_BYTES);
        self.said.drain(..over);
    }

    /// Returns how it died: its exit status, and the last it said.
    async fn death(&mut self) -> String {
        let status = match self.child.wait().await {
            Ok(status) => status.to_string(),
            Err(error) => unnumbered(&error),
        };
        let mut rest = Vec::new();
        let reading = self.stderr.read_to_end(&mut rest);
        // A child of the process may hold the pipe; what matters is there at once.
        let _partial = tokio::time::timeout(std::time::Duration::from_millis(200), reading).await;
        self.hear(&rest);
        let said = String::from_utf8_lossy(&self.said);
        match said.trim() {
            "" => status,
            said => format!("{status}; it said:\n{said}"),
        }
    }

    /// Ends it at once, with everything it started.
    pub(super) fn kill(self) {
        drop(self.group);
    }
}

fn codec() -> LengthDelimitedCodec {
    LengthDelimitedCodec::builder()
        .max_frame_length(MAX_FRAME_BYTES)
        .new_codec()
}

async fn write(stdin: ChildStdin, mut queue: mpsc::Receiver<Bytes>) {
    let mut frames = FramedWrite::new(stdin, codec());
    while let Some(frame) = queue.recv().await {
        if frames.send(frame).await.is_err() {
            return; // The process is gone, which its output shows.
        }
    }
}
