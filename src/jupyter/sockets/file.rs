//! The connection file on disk: it is read, and it is written again if the kernel found the ports.
//!
//! Edge.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use crate::host::Host;
use crate::jupyter::connection_file::{ConnectionFile, ConnectionFileError, Key};

/// The most bytes that are read. A connection file has a few hundred bytes.
const MAX_BYTES: u64 = 1024 * 1024;

/// Why the kernel has no connection file to use, or clients have none to read.
#[derive(Debug, thiserror::Error)]
pub enum FileError {
    /// The file cannot be read.
    #[error("cannot read the connection file `{}`: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The content of the file cannot be used.
    #[error("cannot use the connection file `{}`: {source}", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: ConnectionFileError,
    },
    /// The ports cannot be written into the file.
    #[error("cannot write the ports into the connection file `{}`: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
}

/// A connection file and its content.
#[derive(Debug)]
pub struct FoundFile {
    path: PathBuf,
    text: String,
    /// The content of the file.
    pub content: ConnectionFile,
}

impl FoundFile {
    /// Reads a connection file. If it lacks both ports and a key, a key is made.
    ///
    /// # Errors
    /// If the file cannot be read or used; the error names the file, and the field that is wrong.
    pub fn read(path: &Path, host: &dyn Host) -> Result<Self, FileError> {
        let mut bytes = Vec::new();
        File::open(path)
            .and_then(|file| file.take(MAX_BYTES).read_to_end(&mut bytes))
            .map_err(|source| FileError::Read {
                path: path.to_owned(),
                source,
            })?;
        let text = String::from_utf8_lossy(&bytes).into_owned();
        let mut content = ConnectionFile::parse(&text).map_err(|source| FileError::Content {
            path: path.to_owned(),
            source,
        })?;
        if content.lacks_ports() && content.key.is_missing() {
            content.key = Key::new(host.uuid().to_string());
        }
        Ok(Self {
            path: path.to_owned(),
            text,
            content,
        })
    }

    /// Writes the file with the ports that `content` has.
    ///
    /// # Errors
    /// If it cannot be written: no client could find the kernel.
    pub fn write(&self) -> Result<(), FileError> {
        let text = self
            .content
            .complete(&self.text)
            .map_err(|source| FileError::Content {
                path: self.path.clone(),
                source,
            })?;
        replace(&self.path, &text).map_err(|source| FileError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// Writes a file as a whole, so that no reader ever sees half of it.
fn replace(path: &Path, text: &str) -> io::Result<()> {
    // If the path is a link, the file that it leads to is replaced.
    let path = fs::canonicalize(path)?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    // Only the owner may read the file, because it contains the key.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(&path)?;
    Ok(())
}
