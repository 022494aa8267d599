//! Faults that strike before any answer.

use axum::body::Body;
use axum::http::{HeaderValue, Response, header};

use super::conn::Reset;
use super::error::ApiError;
use super::faults::{FaultKind, Taken};

/// Lets what strikes before any answer strike.
pub(super) async fn struck(
    taken: &Taken,
    reset: &Reset,
) -> Result<Option<Response<Body>>, ApiError> {
    for kind in &taken.0 {
        match kind {
            FaultKind::SlowStart { ms } => {
                tokio::time::sleep(std::time::Duration::from_millis(*ms)).await;
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
            FaultKind::UnknownBeta { ignored: true, .. }
            | FaultKind::Stream(..)
            | FaultKind::Chunks(_)
            | FaultKind::ExpireContainer
            | FaultKind::Deltas(_) => {}
        }
    }
    Ok(None)
}
