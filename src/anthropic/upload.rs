//! The files that were given to the API (`docs/protocol.md#files-api`): sent, looked up, removed.
//! An edge.

use chrono::{DateTime, Utc};
use reqwest::Method;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::watch;

use super::address::segment;
use super::call::{API_VERSION, Call, Payload};
use super::client::{Client, read_json};
use super::error::ApiError;
use super::files::{FileMetadata, retrying};
use super::form::Form;
use crate::host::Host;

pub use super::form::{Progress, Upload};

/// Ids that one request may ask for.
const MAX_IDS: usize = 100;

/// A list of files.
#[derive(Debug, Deserialize)]
struct Page {
    data: Vec<FileMetadata>,
}

impl Client {
    /// Sends a file; tried again as a download is, for a file that is there twice does no harm.
    ///
    /// # Errors
    /// `Source` when the file cannot be read or is no longer what was announced; else any
    /// [`ApiError`] but `Stream`.
    pub async fn upload(
        &self,
        host: &dyn Host,
        upload: &Upload,
        progress: &watch::Sender<Progress>,
    ) -> Result<FileMetadata, ApiError> {
        let form = Form::new(upload, progress);
        retrying(host, || async {
            let call = Call {
                method: Method::POST,
                path: "/v1/files",
                accept: "application/json",
                betas: &[],
                version: API_VERSION,
                body: Some(Payload::Form(&form)),
            };
            read_json(self.call(&call).await?).await
        })
        .await
    }

    /// Returns which of the files the API has and lets be used at `now`: those that expired or are
    /// unknown are left out.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream`.
    pub async fn usable_files(
        &self,
        ids: &[String],
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, ApiError> {
        let mut usable = Vec::with_capacity(ids.len());
        for ids in ids.chunks(MAX_IDS) {
            let mut query = Vec::with_capacity(ids.len());
            for id in ids {
                query.push(format!("ids%5B%5D={}", segment(id)?));
            }
            let path = format!("/v1/files?{}", query.join("&"));
            let page: Page = read_json(self.get(&path, "application/json").await?).await?;
            usable.extend(page.data.into_iter().filter_map(|file| {
                let expires = file.expires_at.as_deref();
                let expires = expires.and_then(|at| DateTime::parse_from_rfc3339(at).ok());
                expires.is_none_or(|at| at > now).then_some(file.id)
            }));
        }
        Ok(usable)
    }

    /// Removes a file from the API for good.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream`; an unknown file is a `Status` of 404.
    pub async fn delete_file(&self, id: &str) -> Result<(), ApiError> {
        let path = format!("/v1/files/{}", segment(id)?);
        let call = Call {
            method: Method::DELETE,
            path: &path,
            accept: "application/json",
            betas: &[],
            version: API_VERSION,
            body: None,
        };
        let _deleted: Value = read_json(self.call(&call).await?).await?;
        Ok(())
    }
}
