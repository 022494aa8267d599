//! Whether the process that started the kernel still runs: if it does not, the kernel must not go
//! on spending money.

use std::fs;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getppid};
use tokio::sync::mpsc;

use crate::kernel::interrupts::Signal;

/// How often the parent is checked: less than once a second, so that an idle kernel wakes rarely.
const INTERVAL: Duration = Duration::from_millis(1_250);

/// The most processes that are followed between the kernel and the first process; real chains are
/// never so long.
const MAX_ANCESTORS: usize = 64;

/// The first process of the system or of a container. It never ends before the kernel.
const FIRST: Pid = Pid::from_raw(1);

/// The process whose end also ends the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// The parent. When it ends, the kernel gets another parent.
    Parent(Pid),
    /// A process further up. When it ends, its number is gone.
    Ancestor(Pid),
    /// No process.
    Nobody,
}

impl Watched {
    /// Finds out which process to watch. `announced` is `JPY_PARENT_PID`. It counts only if it is
    /// an ancestor, because it may be a number from another container, or of a process that ended
    /// long ago.
    pub(super) fn find(announced: Option<&str>) -> Self {
        let parent = getppid();
        let announced = announced
            .and_then(|pid| pid.trim().parse().ok())
            .map(Pid::from_raw);
        Self::choose(announced, parent, ancestors(parent).as_deref())
    }

    /// `ancestors` is `None` if the system does not tell them.
    fn choose(announced: Option<Pid>, parent: Pid, ancestors: Option<&[Pid]>) -> Self {
        let is_ancestor = |pid: &Pid| match ancestors {
            Some(ancestors) => ancestors.contains(pid),
            None => pid.as_raw() > 1 && kill(*pid, None) != Err(Errno::ESRCH),
        };
        match announced.filter(|pid| *pid == FIRST || is_ancestor(pid)) {
            Some(FIRST) => Self::Nobody,
            Some(launcher) if launcher != parent => Self::Ancestor(launcher),
            // The first process in a container has the parent 0, because its real parent is
            // outside.
            _ if parent.as_raw() <= 1 => Self::Nobody,
            _ => Self::Parent(parent),
        }
    }

    /// When the watched process is gone, tells the kernel to end.
    pub(super) fn watch(self, signals: mpsc::Sender<Signal>) {
        if self == Self::Nobody {
            return;
        }
        // This has its own thread, because the runtime's timer would wake twice for such a long
        // sleep.
        std::thread::spawn(move || {
            while !self.is_gone() {
                std::thread::sleep(INTERVAL);
            }
            tracing::warn!("the process that started the kernel is gone");
            let _kernel_gone = signals.blocking_send(Signal::Terminate);
        });
    }

    fn is_gone(self) -> bool {
        match self {
            Self::Parent(parent) => getppid() != parent,
            Self::Ancestor(launcher) => kill(launcher, None) == Err(Errno::ESRCH),
            Self::Nobody => false,
        }
    }
}

/// Returns `parent` and its ancestors, the nearest first.
fn ancestors(parent: Pid) -> Option<Vec<Pid>> {
    let mut found = Vec::new();
    let mut next = Some(parent);
    while let Some(pid) = next.filter(|pid| pid.as_raw() > 0)
        && found.len() < MAX_ANCESTORS
    {
        found.push(pid);
        next = parent_of(pid);
    }
    // The number of our own parent is always known.
    (found.len() > 1 || parent.as_raw() <= 1).then_some(found)
}

/// Reads the parent of another process, if there is a `/proc`.
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The line is `pid (name) state parent …`. The name may hold any character, also a parenthesis.
    let (_, after_name) = stat.rsplit_once(')')?;
    let parent = after_name.split_ascii_whitespace().nth(1)?;
    parent.parse().ok().map(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_announced_process_counts_if_it_is_an_ancestor() {
        let pid = Pid::from_raw;
        let family = [pid(50), pid(40), pid(1)];
        for (announced, parent, expected) in [
            (None, 50, Watched::Parent(pid(50))),
            (Some(50), 50, Watched::Parent(pid(50))),
            (Some(40), 50, Watched::Ancestor(pid(40))),
            // A number from another container, of no process, of a group, of all processes.
            (Some(60), 50, Watched::Parent(pid(50))),
            (Some(0), 50, Watched::Parent(pid(50))),
            (Some(-1), 50, Watched::Parent(pid(50))),
            (Some(i32::MIN), 50, Watched::Parent(pid(50))),
            // The first process of a container.
            (Some(1), 50, Watched::Nobody),
            (Some(1), 1, Watched::Nobody),
            (None, 1, Watched::Nobody),
            (Some(60), 0, Watched::Nobody),
        ] {
            let found = Watched::choose(announced.map(pid), pid(parent), Some(&family));
            assert_eq!(found, expected, "{announced:?} below {parent}");
        }
    }

    #[test]
    fn our_own_ancestors_are_found() {
        let parent = getppid();
        let found = ancestors(parent);
        if fs::exists("/proc/self/stat").unwrap() {
            let found = found.unwrap();
            assert_eq!(found[0], parent);
            assert!(!found.contains(&nix::unistd::getpid()));
        } else {
            assert_eq!(found, None);
        }
    }
}
