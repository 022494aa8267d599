//! The request's shape.

use serde_json::Value;

use super::error::ApiError;
use super::headers::Version;

/// Which request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Endpoint {
    Create,
    CountTokens,
}

/// Checks the shape of a body.
pub(super) fn check(
    body: &Value,
    _endpoint: Endpoint,
    _version: Version,
    _betas: &[String],
) -> Result<(), ApiError> {
    for needed in ["model", "messages"] {
        if body.get(needed).is_none() {
            return Err(ApiError::invalid(format!("{needed}: Field required")));
        }
    }
    Ok(())
}
