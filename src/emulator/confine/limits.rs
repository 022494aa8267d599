//! The resource limits of one process. The supervisor limits the sum over a call.

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use super::Job;
use super::report::WhyNot;

/// How much more address space than memory a process may have: libraries reserve far more than they
/// use.
const RESERVED_BYTES: u64 = 3 << 30;

/// How many processes the user may have for each process that the call may have. The supervisor
/// counts exactly; this limit only slows a fork bomb until the supervisor acts.
#[cfg(target_os = "linux")]
const SLACK: u64 = 4;

/// Open files and sockets of one process.
const OPEN_FILES: u64 = 1024;

/// Lowers the limits and never raises one. `alone` says that there is a process namespace, in which
/// the end of process 1 ends everything. Elsewhere a limit on the user's processes has to hold
/// until the supervisor acts.
pub(super) fn set(job: &Job, alone: bool) -> Result<(), WhyNot> {
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
        lower(name, resource, wanted)?;
    }
    if alone { Ok(()) } else { processes(job) }
}

fn lower(name: &str, resource: Resource, wanted: u64) -> Result<(), WhyNot> {
    let lowered = getrlimit(resource).and_then(|(_, hard)| {
        let limit = wanted.min(hard);
        setrlimit(resource, limit, limit)
    });
    lowered.map_err(|error| WhyNot::step(name, error))
}

/// The system counts all processes of the user, so those that already run are added to the limit.
#[cfg(target_os = "linux")]
fn processes(job: &Job) -> Result<(), WhyNot> {
    let others = super::tree::threads_of_our_user();
    let allowed = others + SLACK * u64::from(job.processes);
    lower("processes", Resource::RLIMIT_NPROC, allowed)?;
    if nix::unistd::getuid().is_root() {
        return Err(WhyNot::System(
            "the system does not limit the processes of root",
        ));
    }
    Ok(())
}

#[cfg(not(target_os = "linux"))]
fn processes(_job: &Job) -> Result<(), WhyNot> {
    Ok(())
}
