//! The processes of a call: everything that descends from this one, as `/proc` tells.

use std::collections::BTreeMap;
use std::fs;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// Rounds of ending what is left; a fork bomb needs several.
const ROUNDS: u32 = 400;

/// What the processes use together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Usage {
    /// Threads of all processes, without ours.
    pub(super) threads: u32,
    pub(super) memory_bytes: u64,
    pids: Vec<i32>,
}

/// Looks at all descendants of this process.
pub(super) fn usage() -> Usage {
    // Not our own idea of our id: `/proc` may belong to another process namespace.
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

/// Ends all descendants, as often as new ones appear. They must be in our process namespace.
pub(super) fn end() {
    for _ in 0..ROUNDS {
        let usage = usage();
        if usage.threads == 0 {
            return;
        }
        for pid in usage.pids {
            let _gone_already = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

struct Process {
    pid: i32,
    parent: i32,
    threads: u32,
    memory_bytes: u64,
}

/// Reads one process; `None` when it is gone or only waits to be reaped.
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
