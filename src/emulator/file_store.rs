//! What is known about files. It is kept in the state; the bytes are on disk.

use std::path::PathBuf;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use serde_json::{Value, json};

use super::error::ApiError;

/// How long an expired file's metadata can still be read.
pub(super) const READABLE: TimeDelta = TimeDelta::days(30);

/// One file.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) mime: String,
    pub(super) size: u64,
    pub(super) created: DateTime<Utc>,
    pub(super) expires: Option<DateTime<Utc>>,
    pub(super) downloadable: bool,
    pub(super) blob: PathBuf,
}

/// Every file, oldest first.
#[derive(Debug)]
pub(super) struct FileStore {
    pub(super) directory: PathBuf,
    pub(super) files: Vec<File>,
}

impl FileStore {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory,
            files: Vec::new(),
        }
    }

    fn find(&self, id: &str) -> Option<&File> {
        self.files.iter().find(|file| file.id == id)
    }

    /// Finds a file that a request may use.
    pub(super) fn usable(&self, id: &str, now: DateTime<Utc>) -> Result<File, ApiError> {
        let file = self.known(id, now)?;
        if file.expired(now) {
            return Err(
                ApiError::not_found(format!("File `{id}` has expired.")).code("file_expired")
            );
        }
        Ok(file)
    }

    /// Finds a file that a block of this kind refers to. Not every type of file can be shown to the
    /// model (`docs/protocol.md#input-blocks, #files-api`).
    pub(super) fn usable_in(
        &self,
        id: &str,
        block: &str,
        now: DateTime<Utc>,
    ) -> Result<File, ApiError> {
        let file = self.usable(id, now)?;
        let fits = match block {
            "image" => matches!(
                file.mime.as_str(),
                "image/jpeg" | "image/png" | "image/gif" | "image/webp"
            ),
            "document" => matches!(file.mime.as_str(), "application/pdf" | "text/plain"),
            _ => true,
        };
        if fits {
            return Ok(file);
        }
        Err(ApiError::invalid(format!(
            "a file of type `{}` cannot be used in a `{block}` block",
            file.mime
        )))
    }

    /// Finds a file whose metadata is still known, also if the file has expired.
    pub(super) fn known(&self, id: &str, now: DateTime<Utc>) -> Result<File, ApiError> {
        self.find(id)
            .filter(|file| file.expires.is_none_or(|at| at + READABLE > now))
            .cloned()
            .ok_or_else(|| ApiError::not_found(format!("File not found: {id}")))
    }
}

impl File {
    pub(super) fn expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|at| at <= now)
    }

    /// Returns the file as the API shows it. The old shape does not say when it expires.
    pub(super) fn json(&self, old: bool) -> Value {
        let time = |at: DateTime<Utc>| at.to_rfc3339_opts(SecondsFormat::Micros, true);
        let mut value = json!({
            "type": "file",
            "id": self.id,
            "filename": self.name,
            "mime_type": self.mime,
            "size_bytes": self.size,
            "created_at": time(self.created),
            "downloadable": self.downloadable,
        });
        if let (false, Some(map)) = (old, value.as_object_mut()) {
            map.insert("expires_at".into(), self.expires.map(time).into());
        }
        value
    }
}
