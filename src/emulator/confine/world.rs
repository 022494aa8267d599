//! Namespaces: leaves those of the parent, sets up the new ones, and gives up the rights that the
//! new ones gave.

use std::fs;

use caps::CapSet;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getgid, getuid, sethostname};

use super::report::WhyNot;

/// The user that a command runs as, as the command sees it.
const INSIDE_ID: u32 = 1000;

/// A new process namespace takes no smaller limit than this.
const LEAST_PID_MAX: u32 = 301;

/// A margin, so that the supervisor, which counts exactly, acts first.
const PIDS_PER_PROCESS: u32 = 4;

/// Why there are no namespaces.
pub(super) enum Stuck {
    /// Nothing has changed, so it can go on without namespaces.
    Refused(WhyNot),
    /// This process is already in a user namespace, but nothing works there, so it cannot be used.
    HalfWay(WhyNot),
}

/// Leaves the user, process, network, IPC and host name namespaces of the parent. The next child is
/// process 1 of the new ones.
pub(super) fn leave() -> Result<(), Stuck> {
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    let flags = CloneFlags::CLONE_NEWUSER
        | CloneFlags::CLONE_NEWPID
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWIPC
        | CloneFlags::CLONE_NEWUTS;
    unshare(flags).map_err(|error| Stuck::Refused(WhyNot::step("unshare", error)))?;
    map_ids(0, uid, gid).map_err(Stuck::HalfWay)
}

/// Limits the number of namespaces and becomes an ordinary user without capabilities over them.
pub(super) fn settle(processes: u32) -> Result<(), WhyNot> {
    // These need a recent system or our own `/proc`. If they fail, the supervisor still counts.
    let pids = processes
        .saturating_mul(PIDS_PER_PROCESS)
        .max(LEAST_PID_MAX);
    let _older_system = fs::write("/proc/sys/kernel/pid_max", pids.to_string());
    // One more, because we make one ourselves just below.
    let _masked_proc = fs::write("/proc/sys/user/max_user_namespaces", "1");
    let _cosmetic = sethostname("sandbox");
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| WhyNot::step("unshare", error))?;
    map_ids(INSIDE_ID, 0, 0)
}

/// Gives up all capabilities, forbids new privileges, and forbids the command to look into this
/// process. If it has its own process namespace, the process also dies with its parent.
pub(super) fn renounce(alone: bool) -> Result<(), WhyNot> {
    let _kept_dumpable = prctl::set_dumpable(false);
    if alone {
        let _parent_may_outlive = prctl::set_pdeathsig(Signal::SIGKILL);
    } else {
        // Orphans then become our children, so that they can be found and ended.
        let _orphans_escape = prctl::set_child_subreaper(true);
    }
    prctl::set_no_new_privs().map_err(|error| WhyNot::Refused(error.to_string()))?;
    for set in [CapSet::Bounding, CapSet::Ambient] {
        // Only a privileged process may do this, and it matters only for such a process.
        let _unprivileged = caps::clear(None, set);
    }
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).map_err(|error| WhyNot::Refused(error.to_string()))?;
    }
    Ok(())
}

fn map_ids(inside: u32, uid: u32, gid: u32) -> Result<(), WhyNot> {
    // Without this, an unprivileged process cannot map its group.
    let _older_system = fs::write("/proc/self/setgroups", "deny");
    for (file, outside) in [("uid_map", uid), ("gid_map", gid)] {
        fs::write(
            format!("/proc/self/{file}"),
            format!("{inside} {outside} 1"),
        )
        .map_err(|error| WhyNot::step(file, error))?;
    }
    Ok(())
}
