//! Whether whoever started the kernel is still there: an orphan must not go on spending.

use std::fs;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::kill;
use nix::unistd::{Pid, getppid};
use tokio::sync::mpsc;

use crate::kernel::interrupts::Signal;

/// How often the parent is looked for: below one wake-up a second.
const INTERVAL: Duration = Duration::from_millis(1_250);

/// Processes between the kernel and the first one of all; there are never so many.
const MAX_ANCESTORS: usize = 64;

/// The first process of all, also of a container. It never goes away.
const FIRST: Pid = Pid::from_raw(1);

/// Whose end ends the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Watched {
    /// The parent's: its place is taken by another.
    Parent(Pid),
    /// That of a process further up.
    Ancestor(Pid),
    /// Nobody's.
    Nobody,
}

impl Watched {
    /// Finds out whom to watch. `announced` is `JPY_PARENT_PID`, which counts if it is an ancestor: it
    /// may be the number of a process in another container, or of one that is long gone.
    pub(super) fn find(announced: Option<&str>) -> Self {
        let parent = getppid();
        let announced = announced
            .and_then(|pid| pid.trim().parse().ok())
            .map(Pid::from_raw);
        Self::choose(announced, parent, ancestors(parent).as_deref())
    }

    /// `ancestors` is `None` where the system does not tell.
    fn choose(announced: Option<Pid>, parent: Pid, ancestors: Option<&[Pid]>) -> Self {
        let is_ancestor = |pid: &Pid| match ancestors {
            Some(ancestors) => ancestors.contains(pid),
            None => pid.as_raw() > 1 && kill(*pid, None) != Err(Errno::ESRCH),
        };
        match announced.filter(|pid| *pid == FIRST || is_ancestor(pid)) {
            Some(FIRST) => Self::Nobody,
            Some(launcher) if launcher != parent => Self::Ancestor(launcher),
            // The parent of the first process in a container is 0: it is outside.
            _ if parent.as_raw() <= 1 => Self::Nobody,
            _ => Self::Parent(parent),
        }
    }

    /// Tells the kernel to leave when that process is gone.
    pub(super) fn watch(self, signals: mpsc::Sender<Signal>) {
        if self == Self::Nobody {
            return;
        }
        // A thread of its own: the runtime's timer wakes twice for a sleep this long.
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
    // The parent of our own parent is known, where anything is.
    (found.len() > 1 || parent.as_raw() <= 1).then_some(found)
}

/// Reads the parent of another process where there is `/proc`.
fn parent_of(pid: Pid) -> Option<Pid> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // `pid (name) state parent …`: a name may hold anything, also a parenthesis.
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
            // A number of another container, of nobody, of a group, of everybody.
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
