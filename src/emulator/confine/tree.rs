//! The processes of a call: all descendants of this process, found in `/proc`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::thread;
use std::time::Duration;

use nix::errno::Errno;
use nix::sys::signal::{Signal, kill, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::{Pid, getpgid, getpgrp};

/// How long to wait between two rounds of ending processes.
const ROUND: Duration = Duration::from_millis(1);

/// How often in a row `/proc` may show nobody although there is a child. A system that hides
/// processes from us must not keep us for ever.
const UNSEEN: u32 = 1000;

/// What the processes use together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// The threads of all processes except ours.
    pub(super) threads: u32,
    pub(super) memory_bytes: u64,
    pub(super) pids: Vec<i32>,
}

/// Looks at all descendants of this process.
pub(super) fn usage() -> Usage {
    // The id comes from `/proc`, which may belong to another process namespace than ours.
    let me = fs::read_link("/proc/self").ok();
    let me = me.and_then(|path| path.to_str()?.parse::<i32>().ok());
    let Some(me) = me else {
        return Usage::default();
    };
    let mut children: BTreeMap<i32, Vec<Process>> = BTreeMap::new();
    for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
        let pid = entry
            .file_name()
            .to_str()
            .and_then(|name| name.parse().ok());
        if let Some(process) = pid.and_then(process) {
            children.entry(process.parent).or_default().push(process);
        }
    }
    let mut usage = Usage::default();
    let mut parents = vec![me];
    while let Some(parent) = parents.pop() {
        for process in children.remove(&parent).into_iter().flatten() {
            usage.threads += process.threads;
            usage.memory_bytes += process.memory_bytes;
            usage.pids.push(process.pid);
            parents.push(process.pid);
        }
    }
    usage
}

/// Ends all descendants. New ones may appear, so this is repeated until none is left. They must be
/// in our process namespace, and all children of this process must be reaped meanwhile.
///
/// One look at `/proc` is no proof that nobody is left: it takes time, and if a parent dies after its
/// child was read, the child hangs in the air. But orphans become children of this process, so the
/// system itself can tell.
///
/// Process groups are ended first. The system ends a group in one step, so that no member can fork
/// while it happens; a fork bomb makes processes faster than they can be ended one by one. The
/// command's own group is tried before all others, because most processes are in it and it need not
/// be searched for.
pub(super) fn end(command: i32) {
    let _gone_already = killpg(Pid::from_raw(command), Signal::SIGKILL);
    let ours = getpgrp();
    let mut unseen = 0;
    while has_children() && unseen < UNSEEN {
        let usage = usage();
        unseen = if usage.pids.is_empty() { unseen + 1 } else { 0 };
        let pids = usage.pids.iter().map(|pid| Pid::from_raw(*pid));
        let groups: BTreeSet<Pid> = pids
            .clone()
            .filter_map(|pid| getpgid(Some(pid)).ok())
            .filter(|group| *group != ours)
            .collect();
        for group in groups {
            let _gone_already = killpg(group, Signal::SIGKILL);
        }
        for pid in pids {
            let _gone_already = kill(pid, Signal::SIGKILL);
        }
        thread::sleep(ROUND);
    }
}

/// Whether this process has children that run or wait to be reaped.
fn has_children() -> bool {
    let look = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::All, look), Err(Errno::ECHILD))
}

/// Counts the threads of all processes of our user, everywhere.
pub(super) fn threads_of_our_user() -> u64 {
    let Ok(me) = fs::metadata("/proc/self").map(|meta| meta.uid()) else {
        return 0;
    };
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let ours = entries.filter(|entry| entry.metadata().is_ok_and(|meta| meta.uid() == me));
    let pids = ours.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    pids.filter_map(process)
        .map(|process| u64::from(process.threads))
        .sum()
}

struct Process {
    pid: i32,
    parent: i32,
    threads: u32,
    memory_bytes: u64,
}

/// Reads one process; `None` if it is gone or only waits to be reaped.
fn process(pid: i32) -> Option<Process> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut process = Process {
        pid,
        parent: 0,
        threads: 0,
        memory_bytes: 0,
    };
    for line in status.lines() {
        let Some((key, value)) = line.split_once(':') else {
            continue;
        };
        let first = value.split_whitespace().next().unwrap_or_default();
        match key {
            "State" if first == "Z" => return None,
            "PPid" => process.parent = first.parse().ok()?,
            "Threads" => process.threads = first.parse().ok()?,
            "VmRSS" => process.memory_bytes = first.parse::<u64>().ok()?.saturating_mul(1024),
            _ => {}
        }
    }
    Some(process)
}
