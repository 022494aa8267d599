//! Starts the command. Ends it if it is done, if it uses too much, or if whoever asked for it is
//! gone.

use std::io::{Read as _, Write as _};
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::Path;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::report::{Line, Report};
use super::{Job, REFUSED, Task};

/// How often a busy command is checked. In that time a fork bomb makes a few hundred processes.
const WATCH: Duration = Duration::from_millis(50);

/// How often a quiet command is checked.
const QUIET_WATCH: Duration = Duration::from_millis(200);

/// How often an interpreter that waits for its next cell is checked: it uses almost nothing.
const IDLE_WATCH: Duration = Duration::from_secs(1);

/// The exit code of a command that was ended: 128 + SIGKILL.
const KILLED: u8 = 137;

enum Event {
    /// The command is done.
    Exited(u8),
    /// A request came in: the command is checked often again.
    Asked,
    /// Standard input closed: whoever asked is gone or does not want the call any more.
    Alone,
}

/// Starts the inner stage of the job and waits for it; returns its exit code.
pub(super) fn inner_process(job: &Path) -> std::io::Result<u8> {
    let status = Command::new("/proc/self/exe")
        .args(["sandbox-exec", "--inner"])
        .arg(job)
        .env_clear()
        .status()?;
    let signal = status.signal().map(|signal| 128 + signal);
    let code = status.code().or(signal).unwrap_or_default();
    Ok(u8::try_from(code).unwrap_or(KILLED))
}

/// Runs the command to its end. If `alone`, this is process 1 of its namespace, so everything else
/// ends when it returns. If not, the processes that are left are searched for and ended here. `base`
/// is the container's directory as it is seen here.
pub(super) fn run(
    mut command: Command,
    job: &Job,
    base: &Path,
    alone: bool,
    report: &mut Report,
) -> u8 {
    let relay = matches!(job.task, Task::Repl);
    let stdin = if relay { Stdio::piped() } else { Stdio::null() };
    let mut child = match command.stdin(stdin).process_group(0).spawn() {
        Ok(child) => child,
        Err(error) => {
            let what = command.get_program().to_string_lossy().into_owned();
            report.add(&Line::Refused(format!(
                "`{what}` cannot be started: {error}"
            )));
            return REFUSED;
        }
    };
    report.add(&Line::Started);
    let pid = i32::try_from(child.id()).unwrap_or_default();
    let stdin = child.stdin.take();
    let (events, received) = sync_channel(4);
    let owner = events.clone();
    // Neither thread is joined, because both end with the process.
    thread::spawn(move || listen(stdin, &owner));
    thread::spawn(move || reap(pid, &events));
    let mut watch = Watch::new(job, base);
    let code = loop {
        match received.recv_timeout(watch.interval) {
            Ok(Event::Exited(code)) => break code,
            Ok(Event::Asked) => watch.interval = WATCH,
            Ok(Event::Alone) | Err(RecvTimeoutError::Disconnected) => break KILLED,
            Err(RecvTimeoutError::Timeout) => {
                if let Some(why) = watch.look() {
                    report.add(&Line::Ended(why));
                    break KILLED;
                }
            }
        }
    };
    // Whoever still has an event to send must not wait for us: one of them reaps.
    drop(received);
    if !alone {
        end(pid);
    }
    code
}

/// Waits until standard input closes; passes on what comes before that.
fn listen(mut child: Option<ChildStdin>, events: &SyncSender<Event>) {
    let mut stdin = std::io::stdin().lock();
    let mut buffer = [0; 1024];
    loop {
        match stdin.read(&mut buffer) {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) | Ok(0) => break,
            Ok(length) => {
                let bytes = buffer.get(..length).unwrap_or_default();
                if let Some(child) = &mut child {
                    let _it_ended = child.write_all(bytes).and_then(|()| child.flush());
                    let _it_ended = events.try_send(Event::Asked);
                }
            }
        }
    }
    let _already_done = events.send(Event::Alone);
}

/// Reaps orphans until the command itself is done.
fn reap(command: i32, events: &SyncSender<Event>) {
    let is_it = |pid: Pid| pid.as_raw() == command;
    let code = loop {
        match waitpid(None, None) {
            Ok(WaitStatus::Exited(pid, code)) if is_it(pid) => {
                break u8::try_from(code & 255).unwrap_or(KILLED);
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if is_it(pid) => {
                break u8::try_from(128 + signal as i32).unwrap_or(KILLED);
            }
            Ok(_) | Err(Errno::EINTR) => {}
            Err(_) => break KILLED,
        }
    };
    let _already_alone = events.send(Event::Exited(code));
    // When a parent ends, its children become ours. They have to be reaped, or they stay as
    // zombies.
    while !matches!(waitpid(None, None), Err(Errno::ECHILD)) {}
}

struct Watch {
    #[cfg(target_os = "linux")]
    memory_bytes: u64,
    #[cfg(target_os = "linux")]
    processes: u32,
    #[cfg(target_os = "linux")]
    before: super::tree::Usage,
    #[cfg(target_os = "linux")]
    disk: super::disk::Disk,
    interval: Duration,
    longest: Duration,
}

impl Watch {
    #[cfg(target_os = "linux")]
    fn new(job: &Job, base: &Path) -> Self {
        Self {
            memory_bytes: job.memory_bytes,
            processes: job.processes,
            before: super::tree::Usage::default(),
            disk: super::disk::Disk::new(base, job.disk_bytes),
            interval: WATCH,
            longest: longest(job),
        }
    }

    /// Checks what the command uses; returns why it must end, if it must.
    #[cfg(target_os = "linux")]
    fn look(&mut self) -> Option<String> {
        let usage = super::tree::usage();
        if usage.threads > self.processes {
            let limit = self.processes;
            return Some(format!("it had more than {limit} processes and threads"));
        }
        if usage
            .memory_bytes
            .saturating_add(super::disk::shared_memory())
            > self.memory_bytes
        {
            let limit = self.memory_bytes >> 20;
            return Some(format!("it used more than {limit} MiB of memory"));
        }
        if let Some(limit) = self.disk.is_over(&usage.pids) {
            return Some(format!("its files took more than {} MiB", limit >> 20));
        }
        self.interval = if usage == self.before {
            (self.interval * 2).min(self.longest)
        } else {
            WATCH
        };
        self.before = usage;
        None
    }

    #[cfg(not(target_os = "linux"))]
    fn new(job: &Job, _base: &Path) -> Self {
        Self {
            interval: WATCH,
            longest: longest(job),
        }
    }

    /// Without `/proc` there is no way to know what the processes use.
    #[cfg(not(target_os = "linux"))]
    fn look(&mut self) -> Option<String> {
        self.interval = self.longest;
        None
    }
}

fn longest(job: &Job) -> Duration {
    match job.task {
        Task::Repl => IDLE_WATCH,
        Task::Nothing | Task::Bash(_) | Task::BashFile(_) | Task::Edit(_) => QUIET_WATCH,
    }
}

#[cfg(target_os = "linux")]
fn end(command: i32) {
    super::tree::end(command);
}

#[cfg(not(target_os = "linux"))]
fn end(command: i32) {
    use nix::sys::signal::{Signal, killpg};
    let _gone_already = killpg(Pid::from_raw(command), Signal::SIGKILL);
}
