//! Reads recordings from files. Blocks; everybody can write these files.

use std::fs;
use std::io::Read as _;
use std::path::Path;

use serde_json::Value;

use crate::host::unnumbered;
use crate::notebook::recordings::{Recordings, recordings};

/// The largest file that is read for its recordings, in bytes: figures make notebooks heavy.
const LARGEST: u64 = 256 << 20;

/// Reads the recordings of a notebook, or of a file that holds nothing else.
///
/// # Errors
/// Why the file cannot be read, as a clause.
pub fn read(path: &Path) -> Result<Recordings, Unreadable> {
    recordings(&value(path)?).ok_or_else(|| Unreadable("it is no notebook".to_owned()))
}

/// Reads a notebook as it is.
///
/// # Errors
/// Why the file cannot be read, as a clause.
pub fn value(path: &Path) -> Result<Value, Unreadable> {
    let failed = |error: std::io::Error| Unreadable(unnumbered(&error));
    let file = fs::File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if !metadata.is_file() {
        return Err(Unreadable("it is no file".to_owned()));
    }
    let mut text = Vec::new();
    file.take(LARGEST + 1)
        .read_to_end(&mut text)
        .map_err(failed)?;
    if text.len() as u64 > LARGEST {
        return Err(Unreadable("it is larger than 256 MB".to_owned()));
    }
    serde_json::from_slice(&text).map_err(|_| Unreadable("it is no notebook".to_owned()))
}

/// Why a file cannot be read, as a clause.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub String);
