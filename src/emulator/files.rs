//! The Files API (`docs/protocol.md#files-api`). The bytes of files are on disk; what is known
//! about them is in the state.
//!
//! Only a file that a tool made can be downloaded. Names are never used on the disk: each file is
//! stored under its id.
#![expect(
    clippy::disallowed_methods,
    reason = "edge: keeps the bytes of files on disk"
)]

use std::path::Path;

use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::{HeaderMap, HeaderValue, Response, header};
use chrono::TimeDelta;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio_util::io::ReaderStream;

use super::app::{App, Call};
use super::error::{ApiError, json_response};
use super::file_store::{File, READABLE};
use super::id;
use super::state::Shared;

const LARGEST: u64 = 500 * 1024 * 1024;
const OLD_SHAPES: &str = "files-api-2025-04-14";
const EXPIRES: std::ops::RangeInclusive<i64> = 3600..=7_776_000;
/// Takes a file that a tool made, so that it can be downloaded.
pub(super) async fn adopt(shared: &Shared, path: &Path) -> Result<String, ApiError> {
    let id = id::fresh(shared.host.as_ref(), "file");
    let name = path
        .file_name()
        .map(|name| name.to_string_lossy().into_owned());
    let name = name.unwrap_or_else(|| "unnamed".into());
    let named = id.clone();
    let blob = shared
        .with(move |state| state.files.directory.join(named))
        .await?;
    let failed = |error: std::io::Error| ApiError::internal(format!("a file is lost: {error}"));
    let size = tokio::fs::copy(path, &blob).await.map_err(failed)?;
    let sniffed = infer::get_from_path(&blob).ok().flatten();
    let mime = match sniffed {
        Some(kind) if kind.matcher_type() == infer::MatcherType::Image => {
            kind.mime_type().to_owned()
        }
        _ => mime_of(&name),
    };
    let file = File {
        id: id.clone(),
        name,
        mime,
        size,
        created: shared.host.now(),
        expires: None,
        downloadable: true,
        blob,
    };
    shared
        .with(move |state| state.files.files.push(file))
        .await?;
    Ok(id)
}

/// `POST /v1/files`.
pub(super) async fn upload(
    app: &App,
    call: &Call,
    headers: &HeaderMap,
    body: Body,
) -> Result<Response<Body>, ApiError> {
    let mut request = Request::new(body);
    *request.headers_mut() = headers.clone();
    axum::extract::DefaultBodyLimit::disable().apply(&mut request);
    let malformed = |error: &dyn std::fmt::Display| {
        ApiError::invalid(format!("the multipart body cannot be read: {error}"))
    };
    let mut parts = Multipart::from_request(request, &())
        .await
        .map_err(|error| malformed(&error.body_text()))?;
    let id = id::fresh(app.shared.host.as_ref(), "file");
    let named = id.clone();
    let blob = app
        .shared
        .with(move |state| state.files.directory.join(named))
        .await?;
    let mut file = None;
    let mut expires = None;
    while let Some(mut part) = parts
        .next_field()
        .await
        .map_err(|error| malformed(&error.body_text()))?
    {
        match part.name() {
            Some("file") if file.is_none() => {
                let mime = part.content_type().map(plain_mime);
                let name = part.file_name().unwrap_or_default().to_owned();
                let mime = mime.unwrap_or_else(|| mime_of(&name));
                let name = stored_name(&name, &mime)?;
                let size = store(&mut part, &blob).await?;
                file = Some((name, mime, size));
            }
            Some("expires_in_seconds") => {
                let text = part
                    .text()
                    .await
                    .map_err(|error| malformed(&error.body_text()))?;
                expires = Some(lifetime(&text)?);
            }
            Some("file") => return Err(ApiError::invalid("file: only one file per request")),
            other => {
                return Err(ApiError::invalid(format!(
                    "{}: Extra inputs are not permitted",
                    other.unwrap_or("part without a name")
                )));
            }
        }
    }
    let (name, mime, size) = file.ok_or_else(|| ApiError::invalid("file: Field required"))?;
    let now = app.shared.host.now();
    let file = File {
        id,
        name,
        mime,
        size,
        created: now,
        expires: expires.map(|life| now + life),
        downloadable: false,
        blob,
    };
    let answer = json_response(&file.json(old(call)));
    app.shared
        .with(move |state| state.files.files.push(file))
        .await?;
    Ok(answer)
}

async fn store(
    part: &mut axum::extract::multipart::Field<'_>,
    blob: &Path,
) -> Result<u64, ApiError> {
    let failed = |error: std::io::Error| ApiError::internal(format!("cannot store: {error}"));
    let mut to = tokio::fs::File::create(blob).await.map_err(failed)?;
    let mut size = 0;
    loop {
        let chunk = part.chunk().await.map_err(|error| {
            ApiError::invalid(format!("the upload ended early: {}", error.body_text()))
        });
        let chunk = match chunk {
            Ok(Some(chunk)) => chunk,
            Ok(None) => break,
            Err(error) => return Err(discard(blob, error).await),
        };
        size += chunk.len() as u64;
        if size > LARGEST {
            let error = ApiError::too_large("File exceeds the maximum size of 500 MB");
            return Err(discard(blob, error).await);
        }
        to.write_all(&chunk).await.map_err(failed)?;
    }
    to.flush().await.map_err(failed)?;
    Ok(size)
}

async fn discard(blob: &Path, error: ApiError) -> ApiError {
    if let Err(kept) = tokio::fs::remove_file(blob).await {
        tracing::debug!(error = %kept, "half an upload stays behind");
    }
    error
}

/// `GET /v1/files`.
pub(super) async fn list(app: &App, call: &Call) -> Result<Response<Body>, ApiError> {
    let now = app.shared.host.now();
    let mut files = app
        .shared
        .with(move |state| {
            let mut files = state.files.files.clone();
            files.retain(|file| file.expires.is_none_or(|at| at + READABLE > now));
            files.reverse();
            files
        })
        .await?;
    if old(call) {
        return list_old(call, &files);
    }
    let query = &call.query;
    query.only(&["limit", "page", "ids"])?;
    let ids = query.all("ids");
    if !ids.is_empty() {
        if query.get("limit").is_some() || query.get("page").is_some() {
            return Err(ApiError::invalid(
                "ids: cannot be combined with page or limit",
            ));
        }
        if ids.len() > 100 {
            return Err(ApiError::invalid(
                "ids: List should have at most 100 items after validation",
            ));
        }
        files.retain(|file| ids.contains(&file.id.as_str()));
        return Ok(json_response(
            &json!({"data": shapes(&files, false), "next_page": null}),
        ));
    }
    let limit = query.limit()?;
    let from = match query.get("page") {
        None => 0,
        Some(page) => page
            .strip_prefix("page_")
            .and_then(|id| files.iter().position(|file| file.id == id))
            .ok_or_else(|| ApiError::invalid("page: Invalid page cursor"))?,
    };
    let rest = files.get(from..).unwrap_or_default();
    let page = rest.get(..limit).unwrap_or(rest);
    let next = rest.get(limit).map(|file| format!("page_{}", file.id));
    Ok(json_response(
        &json!({"data": shapes(page, false), "next_page": next}),
    ))
}

/// Returns the list in the shape of the old header.
fn list_old(call: &Call, files: &[File]) -> Result<Response<Body>, ApiError> {
    let query = &call.query;
    query.only(&["limit", "before_id", "after_id"])?;
    let limit = query.limit()?;
    let place = |id: &str| {
        let found = files.iter().position(|file| file.id == id);
        found.ok_or_else(|| ApiError::invalid(format!("no file `{id}` to page from")))
    };
    let (page, has_more) = match (query.get("after_id"), query.get("before_id")) {
        (Some(_), Some(_)) => {
            return Err(ApiError::invalid(
                "after_id and before_id cannot be used together",
            ));
        }
        (None, Some(before)) => {
            let end = place(before)?;
            let start = end.saturating_sub(limit);
            (files.get(start..end).unwrap_or_default(), start > 0)
        }
        (after, None) => {
            let start = after.map_or(Ok(0), |id| place(id).map(|at| at + 1))?;
            let rest = files.get(start..).unwrap_or_default();
            (rest.get(..limit).unwrap_or(rest), rest.len() > limit)
        }
    };
    Ok(json_response(&json!({
        "data": shapes(page, true),
        "has_more": has_more,
        "first_id": page.first().map(|file| &file.id),
        "last_id": page.last().map(|file| &file.id),
    })))
}

/// `GET /v1/files/{id}`.
pub(super) async fn metadata(app: &App, call: &Call, id: &str) -> Result<Response<Body>, ApiError> {
    let (id, now) = (id.to_owned(), app.shared.host.now());
    let file = app
        .shared
        .with(move |state| state.files.known(&id, now))
        .await??;
    Ok(json_response(&file.json(old(call))))
}

/// `GET /v1/files/{id}/content`.
pub(super) async fn content(app: &App, id: &str) -> Result<Response<Body>, ApiError> {
    let (owned, now) = (id.to_owned(), app.shared.host.now());
    let file = app
        .shared
        .with(move |state| state.files.usable(&owned, now))
        .await??;
    if !file.downloadable {
        let mut error = ApiError::invalid(format!("File '{id}' is not downloadable"));
        error
            .headers
            .push(("x-should-retry".into(), "false".into()));
        return Err(error);
    }
    let blob = tokio::fs::File::open(&file.blob)
        .await
        .map_err(|error| ApiError::internal(format!("a file is lost: {error}")))?;
    let mut response = Response::new(Body::from_stream(ReaderStream::new(blob)));
    let headers = response.headers_mut();
    if let Ok(mime) = HeaderValue::from_str(&file.mime) {
        headers.insert(header::CONTENT_TYPE, mime);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(file.size));
    Ok(response)
}

/// `DELETE /v1/files/{id}`.
pub(super) async fn delete(app: &App, id: &str) -> Result<Response<Body>, ApiError> {
    let (owned, now) = (id.to_owned(), app.shared.host.now());
    let file = app
        .shared
        .with(move |state| {
            let file = state.files.known(&owned, now)?;
            state.files.files.retain(|other| other.id != owned);
            Ok::<File, ApiError>(file)
        })
        .await??;
    if let Err(error) = tokio::fs::remove_file(&file.blob).await {
        tracing::debug!(%error, "a deleted file's bytes stay behind");
    }
    Ok(json_response(&json!({"id": id, "type": "file_deleted"})))
}

fn shapes(files: &[File], old: bool) -> Vec<Value> {
    files.iter().map(|file| file.json(old)).collect()
}

fn old(call: &Call) -> bool {
    call.betas.iter().any(|beta| beta == OLD_SHAPES)
}

fn lifetime(text: &str) -> Result<TimeDelta, ApiError> {
    let seconds: i64 = text
        .trim()
        .parse()
        .map_err(|_| ApiError::invalid("expires_in_seconds: Input should be a valid integer"))?;
    if !EXPIRES.contains(&seconds) {
        return Err(ApiError::invalid(
            "expires_in_seconds: Input should be from 3600 to 7776000",
        ));
    }
    Ok(TimeDelta::seconds(seconds))
}

/// The usual ending of a type. Of many endings that a type may have, the first in the alphabet is none
/// that anybody expects.
fn extension_of(mime: &str) -> Option<&'static str> {
    let usual = [
        ("text/plain", "txt"),
        ("text/html", "html"),
        ("text/markdown", "md"),
        ("image/jpeg", "jpg"),
        ("image/tiff", "tiff"),
        ("image/svg+xml", "svg"),
        ("video/mp4", "mp4"),
        ("audio/mpeg", "mp3"),
        ("application/xml", "xml"),
        ("application/zip", "zip"),
        ("application/octet-stream", "bin"),
    ];
    let known = usual.iter().find(|(kind, _)| *kind == mime);
    known.map(|(_, extension)| *extension).or_else(|| {
        let extensions = mime_guess::get_mime_extensions_str(mime)?;
        extensions.first().copied()
    })
}

/// Keeps the last path component and checks it.
fn stored_name(given: &str, mime: &str) -> Result<String, ApiError> {
    let name = given.rsplit(['/', '\\']).next().unwrap_or_default();
    if name.is_empty() {
        let extension = extension_of(mime);
        return Ok(extension.map_or_else(
            || "unnamed".into(),
            |extension| format!("unnamed.{extension}"),
        ));
    }
    let forbidden = |c: char| "<>:\"|?*\\/".contains(c) || c.is_control();
    if name.chars().count() > 255 || name.contains(forbidden) {
        return Err(ApiError::invalid(
            "file: The filename must be 1 to 255 characters without < > : \" | ? * \\ / or control characters",
        ));
    }
    Ok(name.to_owned())
}

fn plain_mime(given: &str) -> String {
    given
        .split(';')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned()
}

fn mime_of(name: &str) -> String {
    mime_guess::from_path(name)
        .first_or_octet_stream()
        .essence_str()
        .to_owned()
}
