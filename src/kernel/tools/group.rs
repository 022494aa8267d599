//! A process of a tool, with everything it starts.

use std::sync::atomic::{AtomicU64, Ordering};

use nix::sys::signal::{Signal, kill, killpg};
use nix::unistd::Pid;
use tokio::process::{Child, Command};

/// The variable that marks a tool's processes: a child that leaves the group still has it.
const MARK: &str = "CLAUDE_KERNEL_TOOL_PROCESS";
/// How often what is left is looked for: it may start more meanwhile.
const ROUNDS: usize = 20;

/// What the processes of one tool have in their environment, and no others.
#[derive(Debug)]
pub(super) struct Mark(String);

impl Mark {
    /// Marks a program that is not started yet, and everything that it starts.
    pub(super) fn set(command: &mut Command) -> Self {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let value = format!("{}-{number}", std::process::id());
        command.env(MARK, &value);
        Self(format!("{MARK}={value}"))
    }

    /// Returns the processes that have it.
    fn processes(&self) -> Vec<Pid> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let pids = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
        pids.filter(|pid: &i32| {
            let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
            let mut variables = environment.split(|byte| *byte == 0);
            variables.any(|variable| variable == self.0.as_bytes())
        })
        .map(Pid::from_raw)
        .collect()
    }
}

/// The processes of one tool, which end with this value. The first one must have been started as the
/// leader of a group of its own, which also keeps an interrupt of the terminal from it.
#[derive(Debug)]
pub(super) struct Group {
    leader: Option<Pid>,
    mark: Mark,
}

impl Group {
    /// The group of a process just started.
    pub(super) fn of(child: &Child, mark: Mark) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            leader: id.map(Pid::from_raw),
            mark,
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.leader {
            // It may have ended by itself.
            let _over = killpg(group, Signal::SIGKILL);
        }
        for _ in 0..ROUNDS {
            let left = self.mark.processes();
            if left.is_empty() {
                return;
            }
            for pid in left {
                let _over = kill(pid, Signal::SIGKILL);
            }
        }
    }
}
