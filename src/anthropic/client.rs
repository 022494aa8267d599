//! The HTTP edge: one attempt of each call. Retrying is decided elsewhere (`retry`).

use super::error::ApiError;
use super::event::StreamEvent;
use super::request::MessagesRequest;

/// A client for one base URL and one set of credentials; cheap to clone, connections pooled.
#[derive(Debug, Clone)]
pub struct Client {}

impl Client {
    /// Opens a stream of one message: one attempt, complete when the response headers are here.
    ///
    /// # Errors
    /// Any [`ApiError`] but `Stream` and `Truncated`.
    pub async fn stream(&self, _request: &MessagesRequest) -> Result<EventStream, ApiError> {
        Err(ApiError::NoCredentials {
            reason: String::new(),
        })
    }
}

/// The events of one response. Dropping it closes the connection.
#[derive(Debug)]
pub struct EventStream {}

impl EventStream {
    /// Returns the next event; `None` after `message_stop`. Cancel-safe.
    pub async fn next(&mut self) -> Option<Result<StreamEvent, ApiError>> {
        None
    }
}
