//! One run of `sandbox-exec`: its pipes, its report, its end.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: makes and removes the files of one call"
)]

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command};
use tokio::time::timeout;

use super::super::confine::{Job, Line};
use super::capture::Capture;
use super::{CallError, Protections};

/// How long a supervisor may take to end a call. After that, the supervisor itself is killed.
const PATIENCE: Duration = Duration::from_secs(3);

/// How long output may still come after the end of the supervisor: what is left in the pipes.
const DRAIN: Duration = Duration::from_secs(1);

/// A running call. If it is dropped, its lifeline closes, and this ends everything that the call
/// started.
#[derive(Debug)]
pub(super) struct Call {
    child: Child,
    /// The standard input of the supervisor. While it is open, the call is still wanted.
    lifeline: ChildStdin,
    pub(super) stdout: ChildStdout,
    pub(super) stderr: ChildStderr,
    files: Files,
}

/// What the confined side reported.
#[derive(Debug, Default)]
pub(super) struct Report {
    pub(super) protections: Option<Protections>,
    pub(super) started: bool,
    /// Namespaces work only in part.
    pub(super) stuck: bool,
    /// Why the call was not started, or why it was ended.
    pub(super) why: Option<String>,
}

/// The files of the job and of the report, which are removed at the end.
#[derive(Debug)]
struct Files {
    job: PathBuf,
    report: PathBuf,
}

impl Drop for Files {
    fn drop(&mut self) {
        let _left_for_the_container = fs::remove_file(&self.job);
        let _left_for_the_container = fs::remove_file(&self.report);
    }
}

impl Call {
    /// Starts `command sandbox-exec` for a job. `report` names the files that have to be made.
    pub(super) fn start(command: &Path, job: &Job) -> Result<Self, CallError> {
        let failed = |what: &Path, error: &io::Error| {
            CallError::unavailable(format!("`{}`: {error}", what.display()))
        };
        let files = Files {
            job: job.report.with_extension("json"),
            report: job.report.clone(),
        };
        let made = File::create_new(&files.report)
            .and_then(|_| File::create_new(&files.job))
            .and_then(|file| serde_json::to_writer(file, job).map_err(io::Error::from));
        made.map_err(|error| failed(&files.job, &error))?;
        let mut child = Command::new(command)
            .arg("sandbox-exec")
            .arg(&files.job)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|error| failed(command, &error))?;
        let pipes = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (Some(lifeline), Some(stdout), Some(stderr)) = pipes else {
            return Err(CallError::unavailable("the sandbox has no pipes"));
        };
        Ok(Self {
            child,
            lifeline,
            stdout,
            stderr,
            files,
        })
    }

    /// Sends a line to the command's standard input.
    pub(super) async fn send(&mut self, line: &str) -> io::Result<()> {
        self.lifeline.write_all(line.as_bytes()).await?;
        self.lifeline.flush().await
    }

    /// Reads to the end of the output; returns stdout, stderr and the exit code.
    pub(super) async fn finish(&mut self, bytes: usize) -> (String, String, i32) {
        let (mut out, mut err) = (Capture::new(bytes), Capture::new(bytes));
        {
            let reading = futures::future::join(
                pump(&mut self.stdout, &mut out),
                pump(&mut self.stderr, &mut err),
            );
            tokio::pin!(reading);
            tokio::select! {
                _ = &mut reading => {}
                // If nothing confines processes, one that escaped may keep the pipes open.
                _ = self.child.wait() => drop(timeout(DRAIN, &mut reading).await),
            }
        }
        let code = self.code().await;
        (out.text(), err.text(), code)
    }

    /// Waits for the supervisor; returns 137 if it was killed.
    pub(super) async fn code(&mut self) -> i32 {
        let status = timeout(PATIENCE, self.child.wait()).await;
        let code = status.ok().and_then(Result::ok).and_then(|s| s.code());
        code.unwrap_or(137)
    }

    /// Ends the call and waits until it is over. `alone` says that the call has its own process
    /// namespace, in which nothing lives longer than the supervisor. If it has none, only the
    /// supervisor can end the other processes, so it must not be ended first.
    pub(super) async fn stop(self, alone: bool) {
        let Self {
            mut child,
            lifeline,
            ..
        } = self;
        drop(lifeline);
        if timeout(PATIENCE, child.wait()).await.is_err() && alone {
            let _ended_just_now = child.kill().await;
        }
    }

    /// Reads what has been reported so far.
    pub(super) fn report(&self) -> Report {
        let text = fs::read_to_string(&self.files.report).unwrap_or_default();
        let mut report = Report::default();
        for line in text.lines() {
            match serde_json::from_str(line) {
                Ok(Line::Protections(entries)) => {
                    report.protections = Some(Protections { entries });
                }
                Ok(Line::Started) => report.started = true,
                Ok(Line::Stuck(why)) => {
                    report.stuck = true;
                    report.why = Some(why);
                }
                Ok(Line::Refused(why) | Line::Ended(why)) => report.why = Some(why),
                Err(error) => tracing::warn!(%error, "a line of a sandbox report"),
            }
        }
        report
    }
}

async fn pump(from: &mut (impl AsyncRead + Unpin), to: &mut Capture) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => to.push(buffer.get(..length).unwrap_or_default()),
        }
    }
}
