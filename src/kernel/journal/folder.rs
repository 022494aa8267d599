//! The folder of journals: which there are, making one, opening one, taking one away.
//!
//! Edge. Invariants: a file is written only under a lock, made only where none was, readable by its
//! owner alone, and never changed when it cannot be read to its end; a smaller copy takes a file's
//! place in one step or not at all.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: makes, opens and removes the files of journals"
)]

use std::fs::{DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};

use super::entry::{Header, line};
use super::read::{self, Contents, Unreadable};
use super::rewrite;

/// The largest file that is read: what a person can have said in years, and what fits in memory.
pub const MAX_READ_BYTES: u64 = 1024 * 1024 * 1024;
/// From this size on, lines that are no longer needed are taken out.
const WORTH_COMPACTING_BYTES: usize = 256 * 1024;
/// How file names end.
const EXTENSION: &str = "jsonl";

/// Where conversations are, for one backend.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    path: PathBuf,
}

/// A file of the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// The file.
    pub path: PathBuf,
    /// When it was last written.
    pub modified: SystemTime,
    /// Its length.
    pub bytes: u64,
}

/// A journal that may be written: locked, and repaired where its last line was torn.
#[derive(Debug)]
pub struct Opened {
    /// The file.
    pub file: File,
    /// Where it is.
    pub path: PathBuf,
    /// Its length.
    pub bytes: u64,
}

/// Why a journal was not opened.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// Another kernel writes it.
    #[error("another kernel is using it")]
    InUse,
    /// It is not ours to read.
    #[error("{0}")]
    Unreadable(#[from] Unreadable),
    /// It has more bytes than are read.
    #[error("it has {0} bytes, more than are read")]
    TooLarge(u64),
    /// The operating system refused.
    #[error("{0}")]
    Disk(#[from] std::io::Error),
}

impl Folder {
    /// Names the folder below `state_dir`. The two backends share nothing.
    #[must_use]
    pub fn new(state_dir: &Path, offline: bool) -> Self {
        let backend = if offline { "offline" } else { "claude" };
        Self {
            path: state_dir.join("conversations").join(backend),
        }
    }

    /// Returns the folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the journals, the last written first. A folder that is not there has none.
    ///
    /// # Errors
    /// When the folder is there and cannot be read.
    pub fn list(&self) -> std::io::Result<Vec<Listed>> {
        let entries = match std::fs::read_dir(&self.path) {
            Ok(entries) => entries,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut listed: Vec<Listed> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let path = entry.path();
                // Looks at a link itself, not at its target: the kernel makes no links.
                let metadata = entry.metadata().ok()?;
                let is_ours = metadata.is_file() && path.extension()? == EXTENSION;
                is_ours.then_some(Listed {
                    modified: metadata.modified().ok()?,
                    bytes: metadata.len(),
                    path,
                })
            })
            .collect();
        listed.sort_by(|a, b| b.modified.cmp(&a.modified).then(a.path.cmp(&b.path)));
        Ok(listed)
    }

    /// Returns the journals of a notebook, or those without one, the last written first.
    ///
    /// # Errors
    /// As [`list`](Self::list).
    pub fn of_notebook(&self, notebook: Option<&str>) -> std::io::Result<Vec<Listed>> {
        let start = format!("{}-", notebook_key(notebook));
        let mut listed = self.list()?;
        listed.retain(|file| {
            let name = file.path.file_name().and_then(|name| name.to_str());
            name.is_some_and(|name| name.starts_with(&start))
        });
        Ok(listed)
    }

    /// Makes a journal that begins with `header`, and locks it.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn create(&self, header: &Header) -> std::io::Result<Opened> {
        self.prepare()?;
        let name = format!(
            "{}-{}-{}.{EXTENSION}",
            notebook_key(header.notebook.as_deref()),
            header.created.format("%Y%m%dT%H%M%S"),
            header.id,
        );
        let path = self.path.join(name);
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        // The file is new, so no other kernel uses it. If the file system has no locks, the kernel
        // goes on without one.
        if let Err(TryLockError::Error(error)) = file.try_lock() {
            tracing::warn!(%error, path = %path.display(), "a conversation could not be locked");
        }
        let first = line(header);
        file.write_all(first.as_bytes()).inspect_err(|_| {
            let _left_behind = std::fs::remove_file(&path);
        })?;
        Ok(Opened {
            file,
            path,
            bytes: first.len() as u64,
        })
    }

    /// Takes away journals that nobody wrote since `keep` before `now`; returns how many.
    pub fn expire(&self, keep: Duration, now: SystemTime) -> usize {
        let Some(oldest) = now.checked_sub(keep) else {
            return 0;
        };
        let old = self.list().unwrap_or_default().into_iter();
        old.filter(|file| file.modified < oldest)
            .filter(|file| remove(&file.path).is_ok())
            .count()
    }

    /// Makes a journal of what can be read of another, under a header of its own.
    ///
    /// # Errors
    /// When the disk says no.
    pub fn copy(&self, path: &Path, header: &Header) -> Result<Opened, Refused> {
        let bytes = bytes(&mut File::open(path)?)?;
        let contents = read::contents(&bytes)?;
        let good = bytes.get(..contents.good_bytes).unwrap_or_default();
        let first = good.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        let mut rest = Vec::with_capacity(good.len());
        let mut from = first + 1;
        for bad in &contents.bad {
            rest.extend_from_slice(good.get(from..bad.start).unwrap_or_default());
            from = bad.end;
        }
        rest.extend_from_slice(good.get(from..).unwrap_or_default());
        let mut copy = self.create(header)?;
        copy.file.write_all(&rest).inspect_err(|_| {
            let _left_behind = std::fs::remove_file(&copy.path);
        })?;
        copy.bytes += rest.len() as u64;
        Ok(copy)
    }

    fn prepare(&self) -> std::io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700).create(&self.path)?;
        let mode = std::fs::metadata(&self.path)?.permissions().mode();
        if mode & 0o077 != 0 {
            std::fs::set_permissions(&self.path, Permissions::from_mode(0o700))?;
        }
        Ok(())
    }
}

/// Reads a journal without the right to write it.
///
/// # Errors
/// When it cannot be read at all.
pub fn read(path: &Path) -> Result<Contents, Refused> {
    Ok(read::contents(&bytes(&mut File::open(path)?)?)?)
}

/// Opens a journal to go on with it: locks it, takes a torn last line away, takes out what is spent.
/// One that is damaged further up is returned without the right to write it.
///
/// # Errors
/// When it is in use, or cannot be read at all. It is as it was then.
pub fn open(path: &Path) -> Result<(Contents, Option<Opened>), Refused> {
    let mut file = OpenOptions::new().read(true).write(true).open(path)?;
    lock(&file)?;
    if !is_at(&file, path)? {
        // Another kernel has just put a smaller copy in its place.
        return Err(Refused::InUse);
    }
    let bytes = bytes(&mut file)?;
    let contents = read::contents(&bytes)?;
    if contents.damage.is_some() {
        return Ok((contents, None));
    }
    let good = bytes.get(..contents.good_bytes).unwrap_or_default();
    // A finished turn is in the file twice: as the lines it was shown by, and as its record.
    if contents.spent_bytes > WORTH_COMPACTING_BYTES && contents.spent_bytes * 3 > good.len() {
        match replace(path, &rewrite::compacted(good, &contents)) {
            Ok(opened) => return Ok((contents, Some(opened))),
            Err(error) => tracing::warn!(%error, "a conversation could not be made smaller"),
        }
    }
    let length = good.len() as u64;
    if bytes.len() > good.len() {
        file.set_len(length)?;
    }
    let opened = Opened {
        file,
        path: path.to_owned(),
        bytes: length,
    };
    Ok((contents, Some(opened)))
}

/// Takes a journal away.
///
/// # Errors
/// When a kernel is using it, or the disk says no.
pub fn remove(path: &Path) -> Result<(), Refused> {
    let file = File::open(path)?;
    lock(&file)?;
    Ok(std::fs::remove_file(path)?)
}

/// Returns whether a kernel is using a journal.
#[must_use]
pub fn is_in_use(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| matches!(lock(&file), Err(Refused::InUse)))
}

fn lock(file: &File) -> Result<(), Refused> {
    file.try_lock().map_err(|error| match error {
        TryLockError::WouldBlock => Refused::InUse,
        TryLockError::Error(error) => Refused::Disk(error),
    })
}

/// Returns whether the file is still the one that the path leads to.
fn is_at(file: &File, path: &Path) -> std::io::Result<bool> {
    let (file, there) = (file.metadata()?, std::fs::metadata(path)?);
    Ok((file.dev(), file.ino()) == (there.dev(), there.ino()))
}

fn bytes(file: &mut File) -> Result<Vec<u8>, Refused> {
    let length = file.metadata()?.len();
    if length > MAX_READ_BYTES {
        return Err(Refused::TooLarge(length));
    }
    let mut bytes = Vec::new();
    file.take(MAX_READ_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Puts `content` in a file's place, locked before anyone can see it.
fn replace(path: &Path, content: &[u8]) -> std::io::Result<Opened> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // Its permissions are 0600 from the start.
    let mut smaller = tempfile::Builder::new()
        .prefix(".smaller-")
        .tempfile_in(folder)?;
    smaller.as_file().try_lock()?;
    smaller.write_all(content)?;
    smaller.as_file().sync_data()?;
    let file = smaller.persist(path).map_err(|error| error.error)?;
    File::open(folder)?.sync_all()?;
    Ok(Opened {
        file,
        path: path.to_owned(),
        bytes: content.len() as u64,
    })
}

/// How names of a notebook's journals begin. A digest: paths hold what names may not.
fn notebook_key(notebook: Option<&str>) -> String {
    let Some(notebook) = notebook else {
        return "none".to_owned();
    };
    let digest = Sha256::digest(notebook.as_bytes());
    digest
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}
