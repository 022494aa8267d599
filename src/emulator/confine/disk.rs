//! The space that a container takes: files below its directories, files that have no name any more
//! and are still open, and memory that is shared like files.

use std::collections::BTreeSet;
use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use nix::sys::statvfs::statvfs;

use super::environment::DIRECTORIES;

/// How much more time passes between two looks than a look takes.
const REST: u32 = 20;
/// At least this much passes.
const LEAST_REST: Duration = Duration::from_millis(250);
/// At most this much passes: on a busy machine a look may take long for other reasons than its files.
const MOST_REST: Duration = Duration::from_secs(8);
/// So many files are not looked at one by one: there are too many.
const MOST_FILES: usize = 1_000_000;
/// What a file takes at least, in bytes.
const LEAST_BYTES: u64 = 512;

/// Counts what may be written to.
#[derive(Debug)]
pub(super) struct Disk {
    places: Vec<PathBuf>,
    limit: u64,
    /// What was there when the call began: whoever is over the limit may still remove.
    at_first: Option<u64>,
    next: Instant,
}

impl Disk {
    pub(super) fn new(base: &Path, limit: u64) -> Self {
        let writable = DIRECTORIES.iter().filter(|(_, is_read_only)| !is_read_only);
        let mut places: Vec<PathBuf> = writable.map(|(name, _)| base.join(name)).collect();
        places.extend([base.join("tmp"), PathBuf::from("/tmp")]);
        // The person's own, where there is no root of its own.
        places.retain(|place| place != Path::new("/tmp") || base == Path::new("/sandbox"));
        Self {
            places,
            limit,
            at_first: None,
            next: Instant::now(),
        }
    }

    /// Returns the limit if it is passed. `pids` are the processes of the call.
    pub(super) fn is_over(&mut self, pids: &[i32]) -> Option<u64> {
        let start = Instant::now();
        if start < self.next {
            return None;
        }
        let bytes = self.used(pids);
        let took = start.elapsed();
        self.next = Instant::now() + (took * REST).clamp(LEAST_REST, MOST_REST);
        let at_first = *self.at_first.get_or_insert(bytes);
        (bytes > self.limit && (bytes > at_first || at_first <= self.limit)).then_some(self.limit)
    }

    fn used(&self, pids: &[i32]) -> u64 {
        let mut seen = Seen::default();
        let mut places = self.places.clone();
        while let Some(place) = places.pop() {
            for entry in fs::read_dir(place).into_iter().flatten().flatten() {
                let Ok(found) = entry.metadata() else {
                    continue;
                };
                if found.is_dir() {
                    places.push(entry.path());
                }
                if seen.add(&found).is_none() {
                    return u64::MAX;
                }
            }
        }
        for pid in pids {
            let open = fs::read_dir(format!("/proc/{pid}/fd"));
            for entry in open.into_iter().flatten().flatten() {
                if let Ok(found) = fs::metadata(entry.path())
                    && found.is_file()
                    && found.nlink() == 0
                    && seen.add(&found).is_none()
                {
                    return u64::MAX;
                }
            }
        }
        seen.bytes
    }
}

/// Each file once, however many names it has.
#[derive(Debug, Default)]
struct Seen {
    linked: BTreeSet<(u64, u64)>,
    files: usize,
    bytes: u64,
}

impl Seen {
    /// Counts a file; `None` if there are too many.
    fn add(&mut self, found: &Metadata) -> Option<()> {
        self.files += 1;
        if found.nlink() != 1 && !self.linked.insert((found.dev(), found.ino())) {
            return Some(());
        }
        let bytes = found.blocks().saturating_mul(512).max(LEAST_BYTES);
        self.bytes = self.bytes.saturating_add(bytes);
        (self.files <= MOST_FILES).then_some(())
    }
}

/// Returns the memory in files of `/dev/shm` and in segments of System V, which is in no process's
/// size unless it looks at it.
pub(super) fn shared_memory() -> u64 {
    let files = statvfs("/dev/shm").map_or(0, |found| {
        let blocks = found.blocks().saturating_sub(found.blocks_free());
        blocks.saturating_mul(found.fragment_size())
    });
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    let mut lines = segments.lines();
    let column = lines.next().and_then(|head| {
        let mut names = head.split_whitespace();
        names.position(|name| name == "rss")
    });
    let in_memory = lines.filter_map(|line| {
        let bytes = line.split_whitespace().nth(column?)?;
        bytes.parse::<u64>().ok()
    });
    files.saturating_add(in_memory.sum())
}
