//! Files of recordings: from the folder, else from the recording itself.

use std::io::Write as _;

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use crate::chat::recording::RecordedFile;

use super::name::safe_name;
use super::{Download, MAX_START_BYTES, Part, Store, StoreError, declared_type, hex, holds};

impl Store {
    /// Takes a file that a recording names and blocks call `id`: the one in the folder if its content is the same, else
    /// what the recording holds. Blocks.
    ///
    /// # Errors
    /// If neither has the content, or the disk does not take it.
    pub fn recorded(&self, file: &RecordedFile, id: &str) -> Result<Download, StoreError> {
        let name = safe_name(&file.name);
        let is_it = |bytes: &[u8]| {
            bytes.len() as u64 == file.size_bytes && hex(&Sha256::digest(bytes)) == file.sha256
        };
        let there = self.path_of(&name);
        let there = there.filter(|path| holds(path, file.size_bytes, &file.sha256));
        let held = || file.bytes().filter(|bytes| is_it(bytes));
        let bytes = match there {
            Some(path) if file.size_bytes <= self.max_bytes => {
                std::fs::read(path).map_err(StoreError::Unwritable)?
            }
            _ => held().ok_or_else(|| StoreError::NotRecorded { name: name.clone() })?,
        };
        let written = self.open_part().and_then(|mut part| {
            part.write_all(&bytes)?;
            Ok(part)
        });
        let mut kept = Bytes::from(bytes);
        let mime_type = infer::get(&kept).map_or_else(
            || declared_type(&file.mime_type, &name),
            |kind| kind.mime_type().to_owned(),
        );
        if file.size_bytes > self.max_shown_bytes {
            kept.truncate(MAX_START_BYTES);
        }
        Ok(Download {
            file_id: id.to_owned(),
            name,
            mime_type,
            part: Part {
                file: written.map_err(StoreError::Unwritable)?,
                sha256: file.sha256.clone(),
                size_bytes: file.size_bytes,
                kept,
            },
        })
    }
}
