//! Resource limits of one process; the sums over a call are the supervisor's.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Job;

/// Address space beyond the memory limit: libraries reserve far more than they touch.
const RESERVED_BYTES: u64 = 3 << 30;

/// Open files and sockets of one process.
const OPEN_FILES: u64 = 1024;

/// Lowers the limits, never raises one.
pub(super) fn set(job: &Job) -> Result<(), String> {
    let limits = [
        ("core", Resource::RLIMIT_CORE, 0),
        ("cpu", Resource::RLIMIT_CPU, job.cpu_seconds),
        ("file size", Resource::RLIMIT_FSIZE, job.file_bytes),
        ("open files", Resource::RLIMIT_NOFILE, OPEN_FILES),
        (
            "address space",
            Resource::RLIMIT_AS,
            job.memory_bytes.saturating_add(RESERVED_BYTES),
        ),
    ];
    for (name, resource, wanted) in limits {
        let lowered = getrlimit(resource).and_then(|(_, hard)| {
            let limit = wanted.min(hard);
            setrlimit(resource, limit, limit)
        });
        lowered.map_err(|error| format!("{name}: {error}"))?;
    }
    Ok(())
}
