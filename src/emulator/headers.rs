//! What the headers of a request must say (`docs/protocol.md#request-headers`).

use axum::http::{HeaderMap, header};
use subtle::ConstantTimeEq;

use super::error::ApiError;

/// `anthropic-version`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Version {
    /// `2023-06-01`.
    Old,
    /// `2026-10-21`.
    New,
}

impl Version {
    pub(super) fn of(headers: &HeaderMap) -> Result<Self, ApiError> {
        match text(headers, "anthropic-version") {
            Some("2023-06-01") => Ok(Self::Old),
            Some("2026-10-21") => Ok(Self::New),
            Some(other) => Err(ApiError::invalid(format!(
                "anthropic-version: \"{other}\" is not a valid version. Valid versions: \"2026-10-21\", \"2023-06-01\""
            ))),
            None => Err(ApiError::invalid("anthropic-version: header is required")),
        }
    }
}

/// Returns the names in `anthropic-beta`.
pub(super) fn betas(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all("anthropic-beta").iter();
    values
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Refuses a request with another `Host`, with an `Origin`, or without the right key.
pub(super) fn guard(headers: &HeaderMap, port: u16, key: &str) -> Result<(), ApiError> {
    let local = ["127.0.0.1", "localhost", "[::1]"];
    let host = text(headers, "host").unwrap_or_default();
    if !local.iter().any(|name| host == format!("{name}:{port}")) {
        return Err(ApiError::permission(
            "this backend answers only under its loopback address",
        ));
    }
    if headers.contains_key(header::ORIGIN) {
        return Err(ApiError::permission("requests from web pages are refused"));
    }
    let api_key = text(headers, "x-api-key");
    let bearer = text(headers, "authorization").and_then(|value| {
        let (scheme, token) = value.split_once(' ')?;
        scheme
            .eq_ignore_ascii_case("bearer")
            .then_some(token.trim())
    });
    let given = match (api_key, bearer) {
        (None, None) => {
            return Err(ApiError::authentication(
                "an API key is required in the Authorization or x-api-key header",
            ));
        }
        (given, None) | (None, given) => given.unwrap_or_default(),
        (Some(one), Some(other)) if one == other => one,
        (Some(_), Some(_)) => {
            return Err(ApiError::authentication(
                "send either x-api-key or Authorization, not both",
            ));
        }
    };
    if given.as_bytes().ct_eq(key.as_bytes()).into() {
        Ok(())
    } else if bearer.is_some() {
        Err(ApiError::authentication("invalid bearer token"))
    } else {
        Err(ApiError::authentication("invalid x-api-key"))
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}
