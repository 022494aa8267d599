//! One call of the API, before it is sent.

use bytes::Bytes;
use reqwest::Method;

use super::form::Form;

/// The version of the API this client speaks.
pub const API_VERSION: &str = "2026-10-21";

/// The version that older models and gateways take.
pub const OLD_API_VERSION: &str = "2023-06-01";

/// A request before it is addressed and signed.
#[derive(Debug, Clone)]
pub(super) struct Call<'a> {
    pub(super) method: Method,
    /// Below the base URL, with its query.
    pub(super) path: &'a str,
    pub(super) accept: &'static str,
    pub(super) betas: &'a [String],
    /// `anthropic-version`.
    pub(super) version: &'static str,
    /// `None` for a request without a body.
    pub(super) body: Option<Payload<'a>>,
}

/// What a request carries.
#[derive(Debug, Clone)]
pub(super) enum Payload<'a> {
    /// JSON, serialised.
    Json(Bytes),
    /// A file, read anew for each attempt.
    Form(&'a Form),
}
