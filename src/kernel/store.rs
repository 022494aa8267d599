//! Files on this machine: what the sandbox made is saved below `claude_files/` and nowhere else.
//!
//! Edge. There are two steps. [`Store::download`] fetches a file into a hidden file; several may
//! run at once. [`Store::save`] gives it a name and a line in the index, one file after the other,
//! so that a second run gives the same names. Invariants: a name from outside never leads out of
//! the folder, nothing is overwritten, nothing is executable, and an incomplete file is never seen
//! under its name.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: saves and removes the files of `claude_files/`"
)]

mod error;
mod index;
mod name;
mod recorded;

use std::io::Write as _;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sha2::{Digest as _, Sha256};

use crate::anthropic::client::Client;
use crate::anthropic::error::ApiError;
use crate::anthropic::files::retrying;
use crate::chat::structured::NewFile;
use crate::chat::turn::{FetchedFile, Origin};
use crate::host::Host;

pub use error::StoreError;
pub use index::Artifact;
use name::{safe_name, versioned};

/// The name of the folder, which is in the notebook's directory.
pub const FOLDER: &str = "claude_files";
/// The largest file that is fetched, in bytes: the Files API takes no larger files.
pub const MAX_FILE_BYTES: u64 = 500 * 1024 * 1024;
/// If a file is too large to be shown, how many bytes of its beginning are handed on: enough for
/// the first rows of a table.
const MAX_START_BYTES: usize = 256 * 1024;
/// Names are tried up to `name-999.ext`.
const MAX_VERSIONS: u32 = 999;
/// The beginning of a file's name while it is fetched.
const PART: &str = ".part-";
/// If an incomplete file is older than this, the kernel that fetched it has died: the longest
/// download takes less time.
const STALE: std::time::Duration = std::time::Duration::from_secs(24 * 3600);

/// The folder that files are saved in. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Store {
    directory: PathBuf,
    /// The largest file whose content is handed on to be shown, in bytes.
    max_shown_bytes: u64,
    /// The largest file that is fetched, in bytes.
    max_bytes: u64,
    /// The file name of the notebook; empty where nobody knows it.
    notebook: String,
}

/// A file that was fetched and has no name yet. If it is dropped, it is removed.
#[derive(Debug)]
pub struct Download {
    file_id: String,
    /// The file's name, made safe.
    name: String,
    mime_type: String,
    part: Part,
}

/// The bytes of a download, in a hidden file.
#[derive(Debug)]
struct Part {
    file: tempfile::NamedTempFile,
    /// The SHA-256 of the content, in hexadecimal.
    sha256: String,
    size_bytes: u64,
    /// The content, or its beginning.
    kept: Bytes,
}

impl Store {
    /// Keeps files of at most `max_bytes` below `working_directory`. If a file has at most
    /// `max_shown_bytes`, its content is handed on.
    #[must_use]
    pub fn new(working_directory: &Path, max_shown_bytes: u64, max_bytes: u64) -> Self {
        Self {
            directory: working_directory.join(FOLDER),
            max_shown_bytes,
            max_bytes: max_bytes.min(MAX_FILE_BYTES),
            notebook: String::new(),
        }
    }

    /// Notes the notebook whose files are saved: others may lie in the same folder.
    #[must_use]
    pub fn of_notebook(self, path: Option<&Path>) -> Self {
        let name = path.and_then(Path::file_name).unwrap_or_default();
        Self {
            notebook: name.to_string_lossy().into_owned(),
            ..self
        }
    }

    /// Returns the directory that the folder is in; relative paths that a person writes begin
    /// there.
    #[must_use]
    pub fn working_directory(&self) -> &Path {
        self.directory.parent().unwrap_or(&self.directory)
    }

    /// Returns the path of a file in the folder; `None` if there is no plain file of that name.
    #[must_use]
    pub fn path_of(&self, name: &str) -> Option<PathBuf> {
        let path = self.directory.join(name);
        let is_name = safe_name(name) == name;
        (is_name && self.is_folder() && is_plain(&path)).then_some(path)
    }

    /// Returns a saved file in the same form as one that was fetched under `file_id`. Blocks.
    #[must_use]
    pub fn again(&self, artifact: Artifact, file_id: &str) -> FetchedFile {
        let is_shown = artifact.size_bytes <= self.max_shown_bytes;
        let longest = match is_shown {
            true => artifact.size_bytes,
            false => MAX_START_BYTES as u64,
        };
        let mut read = Vec::new();
        let path = self.path_of(&artifact.name);
        if let Some(file) = path.and_then(|path| std::fs::File::open(path).ok()) {
            let begun =
                std::io::Read::read_to_end(&mut std::io::Read::take(file, longest), &mut read);
            if let Err(error) = begun {
                tracing::warn!(%error, name = artifact.name, "a saved file cannot be read");
            }
        }
        let is_whole = is_shown && read.len() as u64 == artifact.size_bytes;
        let read = Bytes::from(read);
        let (bytes, start) = match is_whole {
            true => (Some(read), Bytes::new()),
            false => (None, read),
        };
        FetchedFile {
            file_id: file_id.to_owned(),
            relative_path: format!("{FOLDER}/{}", artifact.name),
            name: artifact.name,
            mime_type: artifact.mime_type,
            size_bytes: artifact.size_bytes,
            sha256: artifact.sha256,
            bytes,
            start,
            origin: artifact.origin,
        }
    }

    /// Removes a file from the folder and notes this in the index.
    ///
    /// # Errors
    /// If there is no such file, or it cannot be removed.
    pub fn remove(&self, name: &str, now: DateTime<Utc>) -> Result<(), StoreError> {
        let path = self.path_of(name).ok_or_else(|| StoreError::NoFile {
            name: name.to_owned(),
        })?;
        std::fs::remove_file(path)
            .and_then(|()| index::removed(&self.directory, name, now))
            .map_err(|source| StoreError::Unremovable {
                name: name.to_owned(),
                source,
            })
    }

    /// Fetches a file of the Files API into a hidden file. If a download breaks off, tries again.
    ///
    /// # Errors
    /// If the API does not give the file, the file is too large, or the disk does not take it.
    pub async fn download(
        &self,
        client: &Client,
        host: &dyn Host,
        file_id: &str,
    ) -> Result<Download, StoreError> {
        let metadata = retrying(host, || client.file(file_id))
            .await
            .map_err(|error| StoreError::Unknown(Box::new(error)))?;
        let name = safe_name(&metadata.filename);
        if metadata.size_bytes > self.max_bytes {
            return Err(StoreError::TooLarge {
                name,
                size_bytes: metadata.size_bytes,
                max_bytes: self.max_bytes,
            });
        }
        let fetched = retrying(host, || {
            self.download_once(client, file_id, metadata.size_bytes)
        });
        let part = match fetched.await {
            Ok(part) => part.map_err(StoreError::Unwritable)?,
            Err(error) => {
                let source = Box::new(error);
                return Err(StoreError::Broken { name, source });
            }
        };
        let mime_type = infer::get(&part.kept).map_or_else(
            || declared_type(&metadata.mime_type, &name),
            |kind| kind.mime_type().to_owned(),
        );
        Ok(Download {
            file_id: file_id.to_owned(),
            name,
            mime_type,
            part,
        })
    }

    /// Downloads once. The outer error is one of the API, after which a second try may help; the
    /// inner error is one of the disk.
    async fn download_once(
        &self,
        client: &Client,
        file_id: &str,
        announced_bytes: u64,
    ) -> Result<std::io::Result<Part>, ApiError> {
        let mut content = client.file_content(file_id, self.max_bytes).await?;
        let mut file = match self.open_part() {
            Ok(file) => file,
            Err(error) => return Ok(Err(error)),
        };
        let shown = usize::try_from(self.max_shown_bytes).unwrap_or(usize::MAX);
        let keeps = match announced_bytes <= self.max_shown_bytes {
            true => shown.max(MAX_START_BYTES),
            false => MAX_START_BYTES,
        };
        let expected = usize::try_from(announced_bytes).unwrap_or(usize::MAX);
        let mut kept = Vec::with_capacity(expected.min(keeps));
        let (mut hasher, mut size_bytes) = (Sha256::new(), 0u64);
        while let Some(chunk) = content.next().await? {
            size_bytes += chunk.len() as u64;
            hasher.update(&chunk);
            if let Err(error) = file.write_all(&chunk) {
                return Ok(Err(error));
            }
            let room = keeps - keeps.min(kept.len());
            kept.extend_from_slice(chunk.get(..room).unwrap_or(&chunk));
        }
        if size_bytes > self.max_shown_bytes {
            kept.truncate(MAX_START_BYTES);
            kept.shrink_to_fit();
        }
        Ok(Ok(Part {
            file,
            sha256: hex(&hasher.finalize()),
            size_bytes,
            kept: Bytes::from(kept),
        }))
    }

    /// Saves a file made on this machine, as [`save`](Self::save) does. Blocks.
    ///
    /// # Errors
    /// If the disk does not take the file.
    pub fn write(
        &self,
        file: NewFile,
        origin: Origin,
        now: DateTime<Utc>,
    ) -> Result<FetchedFile, StoreError> {
        let written = self.open_part().and_then(|mut part| {
            part.write_all(&file.bytes)?;
            Ok(part)
        });
        let part = Part {
            file: written.map_err(StoreError::Unwritable)?,
            sha256: hex(&Sha256::digest(&file.bytes)),
            size_bytes: file.bytes.len() as u64,
            kept: file.bytes,
        };
        let download = Download {
            file_id: String::new(),
            name: safe_name(&file.name),
            mime_type: file.mime_type.to_owned(),
            part,
        };
        self.save(download, origin, now)
    }

    /// Gives a downloaded file its name and notes it in the index. Blocks, because it may compare
    /// the file with another of the same name.
    ///
    /// # Errors
    /// If the disk does not take the file.
    pub fn save(
        &self,
        download: Download,
        origin: Origin,
        now: DateTime<Utc>,
    ) -> Result<FetchedFile, StoreError> {
        let Download {
            file_id,
            name,
            mime_type,
            part,
        } = download;
        self.sweep(now);
        let (sha256, size_bytes, kept) = (part.sha256.clone(), part.size_bytes, part.kept.clone());
        let name = self.keep(part, &name).map_err(StoreError::Unwritable)?;
        let artifact = Artifact {
            name,
            size_bytes,
            mime_type,
            sha256,
            origin,
            notebook: self.notebook.clone(),
            saved_at: now,
        };
        if let Err(error) = index::saved(&self.directory, &artifact) {
            tracing::warn!(%error, name = artifact.name, "a file is not in the index of `{FOLDER}`");
        }
        let is_whole = kept.len() as u64 == size_bytes && size_bytes <= self.max_shown_bytes;
        let (bytes, start) = match is_whole {
            true => (Some(kept), Bytes::new()),
            false => (None, kept),
        };
        Ok(FetchedFile {
            file_id,
            relative_path: format!("{FOLDER}/{}", artifact.name),
            name: artifact.name,
            mime_type: artifact.mime_type,
            size_bytes,
            sha256: artifact.sha256,
            bytes,
            start,
            origin: artifact.origin,
        })
    }

    /// Opens a hidden file in the folder. If the folder does not exist, makes it. If the file is
    /// dropped, it is removed.
    fn open_part(&self) -> std::io::Result<tempfile::NamedTempFile> {
        if std::fs::symlink_metadata(&self.directory).is_err() {
            std::fs::create_dir_all(&self.directory)?;
        }
        if !self.is_folder() {
            let what = format!("it is a link or a file, not a folder; move `{FOLDER}` away");
            return Err(std::io::Error::other(what));
        }
        tempfile::Builder::new()
            .prefix(&format!("{PART}{}-", std::process::id()))
            .tempfile_in(&self.directory)
    }

    /// Makes sure that the folder is a real directory: through a link, others could choose where
    /// files go.
    fn is_folder(&self) -> bool {
        std::fs::symlink_metadata(&self.directory).is_ok_and(|found| found.is_dir())
    }

    /// Gives a complete file its name. If the same bytes are there under this name, they are kept
    /// once. If other bytes are there, the file gets `name-2.ext`, `name-3.ext`, ….
    fn keep(&self, part: Part, name: &str) -> std::io::Result<String> {
        let Part {
            mut file,
            sha256,
            size_bytes,
            ..
        } = part;
        make_readable(file.as_file())?;
        for version in 1..=MAX_VERSIONS {
            let candidate = versioned(name, version);
            let path = self.directory.join(&candidate);
            match file.persist_noclobber(&path) {
                Ok(_) => return Ok(candidate),
                Err(error) if error.error.kind() == std::io::ErrorKind::AlreadyExists => {
                    if holds(&path, size_bytes, &sha256) {
                        return Ok(candidate);
                    }
                    file = error.file;
                }
                Err(error) => return Err(error.error),
            }
        }
        Err(std::io::Error::other(format!(
            "{MAX_VERSIONS} versions of `{name}` exist already"
        )))
    }

    /// Removes the incomplete files of kernels that died during a download.
    fn sweep(&self, now: DateTime<Utc>) {
        for entry in std::fs::read_dir(&self.directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let name = entry.file_name();
            let is_part = name
                .to_str()
                .and_then(|name| name.strip_prefix(PART))
                .is_some_and(|owner| !is_running(owner));
            let is_stale = || {
                let modified = entry.metadata().ok()?.modified().ok()?;
                let age = (now - DateTime::<Utc>::from(modified)).to_std().ok()?;
                Some(age > STALE)
            };
            if is_part
                && is_stale() == Some(true)
                && let Err(error) = std::fs::remove_file(entry.path())
            {
                tracing::debug!(%error, "a part of an old download stays behind");
            }
        }
    }
}

/// Whether the kernel runs whose part is called so: its number stands first. A clock that jumps makes
/// every file old.
fn is_running(part: &str) -> bool {
    let owner = part
        .split('-')
        .next()
        .and_then(|number| number.parse().ok());
    owner.is_some_and(|pid| {
        let pid = nix::unistd::Pid::from_raw(pid);
        pid.as_raw() > 0 && nix::sys::signal::kill(pid, None) != Err(nix::errno::Errno::ESRCH)
    })
}

/// Whether the path itself is a file and not a link to one.
fn is_plain(path: &Path) -> bool {
    std::fs::symlink_metadata(path).is_ok_and(|found| found.is_file())
}

fn holds(path: &Path, size_bytes: u64, sha256: &str) -> bool {
    let is_as_long = std::fs::symlink_metadata(path)
        .is_ok_and(|found| found.is_file() && found.len() == size_bytes);
    let mut hasher = Sha256::new();
    is_as_long
        && std::fs::File::open(path)
            .and_then(|mut file| std::io::copy(&mut file, &mut HashWriter(&mut hasher)))
            .is_ok()
        && hex(&hasher.finalize()) == sha256
}

/// Returns a digest in hexadecimal.
pub(super) fn hex(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct HashWriter<'a>(&'a mut Sha256);

impl std::io::Write for HashWriter<'_> {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.update(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(unix)]
fn make_readable(file: &std::fs::File) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    file.set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
fn make_readable(_file: &std::fs::File) -> std::io::Result<()> {
    Ok(())
}

/// Returns the media type that the API gave. If that says nothing, returns the type that the name
/// suggests.
fn declared_type(declared: &str, name: &str) -> String {
    let declared = declared.split(';').next().unwrap_or_default().trim();
    match declared {
        "" | "application/octet-stream" | "text/plain" => {
            mime_guess::from_path(name).first().map_or_else(
                || {
                    if declared.is_empty() {
                        "application/octet-stream".to_owned()
                    } else {
                        declared.to_owned()
                    }
                },
                |mime| mime.essence_str().to_owned(),
            )
        }
        _ => declared.to_owned(),
    }
}

#[cfg(test)]
mod tests;
