//! A file on its way to the API as one multipart body. An edge.
//!
//! The file is streamed: never more of it than a piece is in memory. Invariant: what arrives whole
//! has the hash that was announced; a file that changes on the way does not arrive at all.

use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use futures::stream::{self, StreamExt as _};
use reqwest::Body;
use reqwest::header::{HeaderMap, HeaderValue};
use sha2::{Digest as _, Sha256};
use tokio::io::AsyncReadExt as _;
use tokio::sync::watch;

use super::error::ApiError;

/// How much of a file is read at once, in bytes.
const PIECE: usize = 64 * 1024;

/// A file to send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Upload {
    /// Where it is.
    pub path: PathBuf,
    /// What it is called at the API: one path component of 1 to 255 characters.
    pub name: String,
    /// Its media type, as a content block needs it.
    pub mime_type: String,
    /// Its size.
    pub size_bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}

/// How far a file is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// Bytes of the file handed to the connection.
    pub sent_bytes: u64,
    /// What was wrong with the file, if anything.
    problem: Option<String>,
}

/// The body of an upload, made anew for each attempt.
#[derive(Debug)]
pub(super) struct Form {
    upload: Upload,
    boundary: String,
    head: Bytes,
    tail: Bytes,
    progress: watch::Sender<Progress>,
}

impl Form {
    pub(super) fn new(upload: &Upload, progress: &watch::Sender<Progress>) -> Self {
        // No file holds its own hash by chance, so the hash can stand in the boundary.
        let boundary = format!("claude-kernel-{}", upload.sha256);
        let head = format!(
            "--{boundary}\r\ncontent-disposition: form-data; name=\"file\"; filename=\"{}\"\r\n\
             content-type: {}\r\n\r\n",
            quoted(&upload.name),
            upload.mime_type
        );
        let tail = format!("\r\n--{boundary}--\r\n");
        Self {
            upload: upload.clone(),
            boundary,
            head: head.into(),
            tail: tail.into(),
            progress: progress.clone(),
        }
    }

    /// Sets the headers that describe the body.
    pub(super) fn describe(&self, headers: &mut HeaderMap) -> Result<(), ApiError> {
        let kind = format!("multipart/form-data; boundary={}", self.boundary);
        let kind = HeaderValue::from_str(&kind).map_err(|_| ApiError::Source {
            reason: "its hash is not hexadecimal".to_owned(),
        })?;
        let around = (self.head.len() + self.tail.len()) as u64;
        headers.insert("content-type", kind);
        headers.insert(
            "content-length",
            HeaderValue::from(self.upload.size_bytes.saturating_add(around)),
        );
        Ok(())
    }

    /// Opens the file and returns the body that reads it.
    pub(super) async fn body(&self) -> Result<Body, ApiError> {
        self.progress.send_replace(Progress::default());
        let file = tokio::fs::File::open(&self.upload.path)
            .await
            .map_err(|error| ApiError::Source {
                reason: error.to_string(),
            })?;
        let reader = Reader {
            file,
            hasher: Sha256::new(),
            left: self.upload.size_bytes,
            sha256: self.upload.sha256.clone(),
            progress: self.progress.clone(),
        };
        let pieces = stream::try_unfold(reader, |mut reader| async move {
            match reader.piece().await {
                Ok(piece) => Ok(piece.map(|piece| (piece, reader))),
                Err(error) => {
                    let problem = error.to_string();
                    reader
                        .progress
                        .send_modify(|progress| progress.problem = Some(problem));
                    Err(error)
                }
            }
        });
        let whole = |bytes: &Bytes| stream::iter([Ok::<Bytes, std::io::Error>(bytes.clone())]);
        Ok(Body::wrap_stream(
            whole(&self.head).chain(pieces).chain(whole(&self.tail)),
        ))
    }

    /// Waits until nothing has moved for `limit`.
    pub(super) async fn stalled(&self, limit: Duration) {
        let mut progress = self.progress.subscribe();
        while let Ok(Ok(())) = tokio::time::timeout(limit, progress.changed()).await {}
    }

    /// Returns what was wrong with the file in the last attempt.
    pub(super) fn problem(&self) -> Option<ApiError> {
        let reason = self.progress.borrow().problem.clone()?;
        Some(ApiError::Source { reason })
    }
}

/// The file, read piece by piece.
struct Reader {
    file: tokio::fs::File,
    hasher: Sha256,
    /// Bytes still to come.
    left: u64,
    sha256: String,
    progress: watch::Sender<Progress>,
}

impl Reader {
    /// Returns the next piece, `None` after the last.
    async fn piece(&mut self) -> std::io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(self.left).unwrap_or(PIECE))];
        let length = self.file.read(&mut piece).await?;
        piece.truncate(length);
        self.hasher.update(&piece);
        self.left = self.left.saturating_sub(length as u64);
        let is_other = self.left == 0 && hex(&self.hasher.finalize_reset()) != self.sha256;
        if length == 0 || is_other {
            return Err(std::io::Error::other("it changed while it was being sent"));
        }
        self.progress
            .send_modify(|progress| progress.sent_bytes += length as u64);
        Ok(Some(Bytes::from(piece)))
    }
}

/// Writes bytes in hexadecimal.
fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Escapes a file name for the header of its part, as browsers do.
fn quoted(name: &str) -> String {
    name.replace('"', "%22")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}
