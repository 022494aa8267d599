//! Faults that strike before any answer.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

use super::conn::Reset;
use super::error::ApiError;
use super::faults::{FaultKind, Taken, pause};

/// What is needed to answer in place of the API.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) id: &'a str,
    pub(super) streams: bool,
}

/// Applies the faults that strike before any answer.
pub(super) async fn struck(
    taken: &Taken,
    reset: &Reset,
    asked: Asked<'_>,
) -> Result<Option<Response<Body>>, ApiError> {
    for kind in &taken.0 {
        match kind {
            FaultKind::SlowStart { ms } => {
                pause(*ms).await;
            }
            FaultKind::Reset => {
                reset.pull();
                return std::future::pending().await;
            }
            FaultKind::Status(refusal) => {
                let Some(body) = &refusal.body else {
                    return Err(refusal.error());
                };
                let mut response = refusal.error().response("");
                *response.body_mut() = Body::from(body.clone());
                response.headers_mut().insert(
                    header::CONTENT_TYPE,
                    HeaderValue::from_static("text/html; charset=utf-8"),
                );
                return Ok(Some(response));
            }
            FaultKind::UnknownBeta {
                beta,
                ignored: false,
            } => {
                return Err(ApiError::invalid(format!(
                    "Unexpected value(s) `{beta}` for the `anthropic-beta` header"
                )));
            }
            FaultKind::FirstEvent { kind, message } => {
                let error = ApiError::of_kind(kind, message.clone());
                return match asked.streams {
                    true => Ok(Some(error.first_event(asked.id))),
                    false => Err(error),
                };
            }
            FaultKind::UnknownBeta { ignored: true, .. }
            | FaultKind::Stream(..)
            | FaultKind::Chunks(_)
            | FaultKind::Surrogates
            | FaultKind::ExpireContainer(_)
            | FaultKind::OtherOrganization
            // This fault was turned into a status when it was taken.
            | FaultKind::Refuse(_)
            | FaultKind::Deltas(_) => {}
        }
    }
    Ok(None)
}
