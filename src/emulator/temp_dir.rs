//! The directory of a backend that was not given one. It is a temporary directory, which is removed
//! when the backend ends. If the process was killed, the next backend removes it.
//!
//! Edge. A directory is claimed by a lock on a file in it. The lock ends with the process that
//! holds it, in whatever way that ends. Invariants: nothing is removed that somebody claims, that
//! another user owns, or that has no claim file; no link is followed; two backends that start at
//! once do not disturb each other.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: claims and removes temporary directories"
)]

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::unistd::geteuid;

use super::sandbox;

/// How the names of the directories begin.
const PREFIX: &str = "claude-kernel-offline-";
/// The file that is locked. It is removed last, so that a removal that was interrupted can be
/// finished later.
const CLAIM: &str = "claim";
/// The most old directories that one start removes. The next start removes more.
const MOST_REMOVED: usize = 100;
/// The most entries of the temporary directory, which all programs share, that are looked at.
const MOST_LOOKED_AT: usize = 100_000;

/// A claimed directory. Dropping it removes it.
#[derive(Debug)]
pub(super) struct TempDir {
    path: PathBuf,
    /// Held open, because the lock ends when it is closed.
    _claim: Option<File>,
}

impl TempDir {
    /// Makes a directory that only its user can look into.
    ///
    /// # Errors
    /// If the directory cannot be made.
    pub(super) fn make() -> io::Result<Self> {
        let directory = tempfile::Builder::new()
            .prefix(PREFIX)
            .permissions(Permissions::from_mode(0o700))
            .tempdir()?;
        // If the file system has no locks, nobody claims the directory and nobody removes it.
        let claim = claim(directory.path()).inspect_err(
            |error| tracing::warn!(%error, "the offline backend's directory could not be locked"),
        );
        Ok(Self {
            path: directory.keep(),
            _claim: claim.ok(),
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Removes what killed backends left beside it, on a thread that nobody waits for. What this
    /// thread does not finish, the next backend does.
    pub(super) fn sweep(&self) {
        let Some(parent) = self.path.parent().map(Path::to_owned) else {
            return;
        };
        let sweeping = std::thread::Builder::new()
            .name("sweep".to_owned())
            .spawn(move || match sweep(&parent) {
                0 => {}
                removed => tracing::info!(removed, "directories of killed backends were removed"),
            });
        if let Err(error) = sweeping {
            tracing::debug!(%error, "leftovers were not looked for");
        }
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        if let Err(error) = remove(&self.path) {
            tracing::debug!(%error, "the next backend removes the directory of this one");
        }
    }
}

/// Claims a directory. The file is locked before it gets its name, so nobody ever sees it unlocked.
fn claim(directory: &Path) -> io::Result<File> {
    let file = tempfile::Builder::new().tempfile_in(directory)?;
    file.as_file().try_lock()?;
    let named = file.persist_noclobber(directory.join(CLAIM));
    named.map_err(|error| error.error)
}

/// Removes the directories that nobody claims any more; returns how many there were.
fn sweep(parent: &Path) -> usize {
    let entries = fs::read_dir(parent).into_iter().flatten().flatten();
    let ours = entries.take(MOST_LOOKED_AT).filter(|entry| {
        // The metadata of a link, not of what the link leads to.
        let is_own = |meta: fs::Metadata| meta.is_dir() && meta.uid() == geteuid().as_raw();
        entry.file_name().to_string_lossy().starts_with(PREFIX)
            && entry.metadata().is_ok_and(is_own)
    });
    let left = ours
        .filter_map(|entry| Some((take_over(&entry.path()).ok()??, entry.path())))
        .take(MOST_REMOVED);
    left.filter(|(_claim, path)| {
        remove(path)
            .inspect_err(|error| tracing::debug!(%error, "a leftover could not be removed"))
            .is_ok()
    })
    .count()
}

/// Takes the claim on a directory whose process is gone; `None` if somebody holds it.
fn take_over(directory: &Path) -> io::Result<Option<File>> {
    let path = directory.join(CLAIM);
    let claim = OpenOptions::new()
        .read(true)
        // Does not follow a link and does not wait for a pipe.
        .custom_flags(nix::libc::O_NOFOLLOW | nix::libc::O_NONBLOCK)
        .open(&path)?;
    match claim.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Ok(None),
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // Between opening and locking, another process may have removed the file, and a new file may
    // have its name.
    let (opened, there) = (claim.metadata()?, fs::symlink_metadata(&path)?);
    let is_same = (opened.dev(), opened.ino()) == (there.dev(), there.ino());
    Ok((is_same && opened.is_file()).then_some(claim))
}

/// Removes a directory; its claim file goes last.
fn remove(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_name() != CLAIM {
            sandbox::remove(&entry.path())?;
        }
    }
    match fs::remove_file(directory.join(CLAIM)) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    fs::remove_dir(directory)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{chown, symlink};

    use super::*;

    #[test]
    fn what_somebody_uses_or_nobody_claimed_stays() {
        let parent = tempfile::tempdir().unwrap();
        let named = |name: &str| parent.path().join(format!("{PREFIX}{name}"));
        let make = |path: &Path| {
            fs::create_dir(path).unwrap();
            File::create(path.join("file")).unwrap();
        };
        let made = [
            "used",
            "unclaimed",
            "by-link",
            "by-folder",
            "foreign",
            "left",
        ];
        made.iter().for_each(|name| make(&named(name)));
        let held = claim(&named("used")).unwrap();
        // A link that leads out of the directory; nobody holds it either.
        let elsewhere = parent.path().join("elsewhere");
        make(&elsewhere);
        drop(claim(&elsewhere).unwrap());
        symlink(elsewhere.join(CLAIM), named("by-link").join(CLAIM)).unwrap();
        symlink(&elsewhere, named("link")).unwrap();
        fs::create_dir(named("by-folder").join(CLAIM)).unwrap();
        File::create(named("plain-file")).unwrap();
        drop(claim(&named("foreign")).unwrap());
        // Only root can make something that belongs to somebody else.
        let is_foreign = chown(named("foreign"), Some(65_534), Some(65_534)).is_ok();
        drop(claim(&named("left")).unwrap());

        assert_eq!(sweep(parent.path()), if is_foreign { 1 } else { 2 });
        assert!(!named("left").exists());
        for name in [
            "used",
            "unclaimed",
            "by-link",
            "by-folder",
            "plain-file",
            "link",
        ] {
            assert!(named(name).symlink_metadata().is_ok(), "{name}");
        }
        assert!(elsewhere.join(CLAIM).exists() && elsewhere.join("file").exists());
        assert_eq!(named("foreign").exists(), is_foreign);
        // When it is released, it is an old directory like any other.
        drop(held);
        assert_eq!(sweep(parent.path()), 1);
        assert!(!named("used").exists());
    }

    #[test]
    fn a_removal_that_was_cut_short_is_finished() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join(format!("{PREFIX}left"));
        fs::create_dir(&path).unwrap();
        drop(claim(&path).unwrap());
        // Another process was faster, between our opening of the claim file and our lock.
        let opened = File::open(path.join(CLAIM)).unwrap();
        assert_eq!(sweep(parent.path()), 1);
        opened.try_lock().unwrap();
        assert!(take_over(&path).is_err());
        assert_eq!(sweep(parent.path()), 0);
    }
}
