//! Namespaces: leaving the parent's, settling in the new ones, giving up what they gave.

use std::fs;

use caps::CapSet;
use nix::sched::{CloneFlags, unshare};
use nix::sys::prctl;
use nix::sys::signal::Signal;
use nix::unistd::{getgid, getuid, sethostname};

use super::report::WhyNot;

/// The user a command believes to be.
const INSIDE_ID: u32 = 1000;

/// A new process namespace takes no smaller limit than this.
const LEAST_PID_MAX: u32 = 301;

/// So that the supervisor, which counts, is first to act.
const PIDS_PER_PROCESS: u32 = 4;

/// Why there are no namespaces.
pub(super) enum Stuck {
    /// Nothing has changed: go on without.
    Refused(WhyNot),
    /// Already in a user namespace in which nothing works: this process is of no use.
    HalfWay(WhyNot),
}

/// Leaves the parent's user, process, network, IPC and host name namespaces. The next child is
/// process 1.
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

/// Bounds the namespaces and becomes an ordinary user without capabilities over them.
pub(super) fn settle(processes: u32) -> Result<(), WhyNot> {
    // Belts that need a recent system or a `/proc` of our own; the supervisor counts anyway.
    let pids = processes
        .saturating_mul(PIDS_PER_PROCESS)
        .max(LEAST_PID_MAX);
    let _older_system = fs::write("/proc/sys/kernel/pid_max", pids.to_string());
    // One more, for ourselves, just below.
    let _masked_proc = fs::write("/proc/sys/user/max_user_namespaces", "1");
    let _cosmetic = sethostname("sandbox");
    unshare(CloneFlags::CLONE_NEWUSER).map_err(|error| WhyNot::step("unshare", error))?;
    map_ids(INSIDE_ID, 0, 0)
}

/// Gives up all capabilities, forbids new privileges and being looked into by the command. In a
/// process namespace of its own the process also dies with its parent.
pub(super) fn renounce(alone: bool) -> Result<(), WhyNot> {
    let _kept_dumpable = prctl::set_dumpable(false);
    if alone {
        let _parent_may_outlive = prctl::set_pdeathsig(Signal::SIGKILL);
    } else {
        // Orphans then come to us, to be found and ended.
        let _orphans_escape = prctl::set_child_subreaper(true);
    }
    prctl::set_no_new_privs().map_err(|error| WhyNot::Refused(error.to_string()))?;
    for set in [CapSet::Bounding, CapSet::Ambient] {
        // Only a privileged process may, and only for it does it matter.
        let _unprivileged = caps::clear(None, set);
    }
    for set in [CapSet::Inheritable, CapSet::Effective, CapSet::Permitted] {
        caps::clear(None, set).map_err(|error| WhyNot::Refused(error.to_string()))?;
    }
    Ok(())
}

fn map_ids(inside: u32, uid: u32, gid: u32) -> Result<(), WhyNot> {
    // Without this an unprivileged process may not map its group.
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
