//! Files the sandbox made: what they are and their bytes (`docs/protocol.md#files-api`). An edge.
//!
//! Reading a file changes nothing at the API, so unlike a turn a broken download is tried again.

use std::future::Future;

use bytes::{Bytes, BytesMut};
use reqwest::Response;
use serde::Deserialize;

use super::address::segment;
use super::client::{Client, read_json};
use super::error::ApiError;
use super::retry::Attempts;
use super::transport::cause;
use crate::host::Host;

/// What the API knows of a file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct FileMetadata {
    /// `file_…`.
    pub id: String,
    /// The name that the sandbox gave it. Hostile until it has been made safe.
    #[serde(default)]
    pub filename: String,
    /// The API's idea of its type.
    #[serde(default)]
    pub mime_type: String,
    /// Size in bytes.
    #[serde(default)]
    pub size_bytes: u64,
    /// RFC 3339.
    #[serde(default)]
    pub created_at: Option<String>,
    /// Whether its content can be fetched; files that were uploaded cannot.
    #[serde(default)]
    pub downloadable: Option<bool>,
    /// RFC 3339.
    #[serde(default)]
    pub expires_at: Option<String>,
}

/// A file's bytes as they come. Dropping it closes the connection.
#[derive(Debug)]
pub struct FileContent {
    response: Response,
    max_bytes: u64,
    received: u64,
}

impl FileContent {
    /// Returns the next piece, `None` at the end. Cancel-safe.
    ///
    /// # Errors
    /// `Truncated` when the connection breaks, `Protocol` when the file is larger than the cap.
    pub async fn next(&mut self) -> Result<Option<Bytes>, ApiError> {
        let chunk = self
            .response
            .chunk()
            .await
            .map_err(|error| ApiError::Truncated {
                reason: cause(&error),
            })?;
        if let Some(chunk) = &chunk {
            self.received = self.received.saturating_add(chunk.len() as u64);
            if self.received > self.max_bytes {
                return Err(too_large(self.max_bytes));
            }
        }
        Ok(chunk)
    }
}

impl Client {
    /// Describes a file.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream`; an unknown file is a `Status` of 404.
    pub async fn file(&self, id: &str) -> Result<FileMetadata, ApiError> {
        let path = format!("/v1/files/{}", segment(id)?);
        read_json(self.get(&path, "application/json").await?).await
    }

    /// Opens a file's content: one attempt, at most `max_bytes`.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream`; `Protocol` when the file is announced as larger than the cap.
    pub async fn file_content(&self, id: &str, max_bytes: u64) -> Result<FileContent, ApiError> {
        let path = format!("/v1/files/{}/content", segment(id)?);
        let response = self.get(&path, "application/binary").await?;
        if response
            .content_length()
            .is_some_and(|length| length > max_bytes)
        {
            return Err(too_large(max_bytes));
        }
        Ok(FileContent {
            response,
            max_bytes,
            received: 0,
        })
    }

    /// Reads a file whole, trying again where that can help.
    ///
    /// # Errors
    /// As [`Client::file_content`].
    pub async fn read_file(
        &self,
        host: &dyn Host,
        id: &str,
        max_bytes: u64,
    ) -> Result<Bytes, ApiError> {
        retrying(host, || async {
            let mut content = self.file_content(id, max_bytes).await?;
            let mut bytes = BytesMut::new();
            while let Some(chunk) = content.next().await? {
                bytes.extend_from_slice(&chunk);
            }
            Ok(bytes.freeze())
        })
        .await
    }
}

/// Makes a call that changes nothing, again and again as [`super::retry`] says; also when it broke off.
///
/// # Errors
/// The last attempt's.
pub async fn retrying<T, F>(host: &dyn Host, call: impl Fn() -> F) -> Result<T, ApiError>
where
    F: Future<Output = Result<T, ApiError>>,
{
    let mut attempts = Attempts::default();
    loop {
        let error = match call().await {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let judged = match &error {
            ApiError::Truncated { reason } => &ApiError::Connect {
                host: String::new(),
                reason: reason.clone(),
            },
            other => other,
        };
        let Some(delay) = attempts.next(judged, host.random()) else {
            return Err(error);
        };
        tracing::debug!(%error, ?delay, "trying again");
        host.sleep(delay).await;
    }
}

fn too_large(max_bytes: u64) -> ApiError {
    ApiError::Protocol {
        reason: format!("a file larger than the {max_bytes} bytes that are fetched"),
    }
}
