//! What can go wrong between us and the API, as values the turn loop can decide on.

use std::time::Duration;

/// A failed call. Branch on the variant, `kind` and `code`; never on `message`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// No credentials were found.
    #[error("no credentials for the Claude API: {reason}")]
    NoCredentials { reason: String },
    /// The connection failed before any response.
    #[error("cannot reach `{host}`: {reason}")]
    Connect { host: String, reason: String },
    /// No byte arrived within the read timeout.
    #[error("no answer from the API within {seconds} s")]
    Timeout { seconds: u64 },
    /// The API answered with an error status (`claude-api.md` 9).
    #[error("the API refused the request ({status} {kind}): {message}")]
    Status {
        /// HTTP status.
        status: u16,
        /// `error.type`; for a non-JSON body `http_STATUS`.
        kind: String,
        /// `error.message`, or the start of a non-JSON body.
        message: String,
        /// `error.details.error_code`.
        code: Option<String>,
        /// `request-id`.
        request_id: Option<String>,
        /// From `retry-after-ms` or `retry-after`.
        retry_after: Option<Duration>,
        /// `x-should-retry`.
        should_retry: Option<bool>,
    },
    /// An `error` event in mid-stream.
    #[error("the API stopped in mid-answer ({kind}): {message}")]
    Stream {
        kind: String,
        message: String,
        request_id: Option<String>,
    },
    /// The stream ended before `message_stop`.
    #[error("the connection broke before the answer was complete: {reason}")]
    Truncated { reason: String },
    /// Bytes that are not the protocol.
    #[error("the API sent something this version cannot read: {reason}")]
    Protocol { reason: String },
}
