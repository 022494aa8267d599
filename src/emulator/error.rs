//! The API's errors in their wire form (`docs/protocol.md#errors`).

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, Response, StatusCode, header};
use serde_json::{Map, Value, json};

/// A refused request: gives the status line and the JSON body.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ApiError {
    pub(super) status: u16,
    /// `error.type`.
    pub(super) kind: &'static str,
    pub(super) message: String,
    /// `error.details`: `error_code`, and the fields that belong to it.
    pub(super) details: Vec<(&'static str, Value)>,
    pub(super) headers: Vec<(String, String)>,
}

impl ApiError {
    fn new(status: u16, kind: &'static str, message: impl Into<String>) -> Self {
        Self {
            status,
            kind,
            message: message.into(),
            details: Vec::new(),
            headers: Vec::new(),
        }
    }

    /// 400 `invalid_request_error`.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        Self::new(400, "invalid_request_error", message)
    }

    /// 401 `authentication_error`.
    pub(super) fn authentication(message: impl Into<String>) -> Self {
        Self::new(401, "authentication_error", message)
    }

    /// 403 `permission_error`.
    pub(super) fn permission(message: impl Into<String>) -> Self {
        Self::new(403, "permission_error", message)
    }

    /// 404 `not_found_error`.
    pub(super) fn not_found(message: impl Into<String>) -> Self {
        Self::new(404, "not_found_error", message)
    }

    /// 405, which has no error type of its own.
    pub(super) fn method_not_allowed() -> Self {
        Self::new(405, "invalid_request_error", "Method Not Allowed")
    }

    /// 413 `request_too_large`.
    pub(super) fn too_large(message: impl Into<String>) -> Self {
        Self::new(413, "request_too_large", message)
    }

    /// 500 `api_error`.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(500, "api_error", message)
    }

    /// Any status with the error type that belongs to it.
    pub(super) fn status(status: u16, message: Option<String>) -> Self {
        let (kind, text) = match status {
            401 => ("authentication_error", "invalid x-api-key"),
            402 => ("billing_error", "Your credit balance is too low"),
            403 => ("permission_error", "Your API key may not do this"),
            404 => ("not_found_error", "Not found"),
            408 | 504 => ("timeout_error", "Request timed out"),
            409 => ("conflict_error", "Conflict"),
            413 => ("request_too_large", "Request exceeds the maximum size"),
            429 => (
                "rate_limit_error",
                "This request would exceed your rate limit",
            ),
            529 => ("overloaded_error", "Overloaded"),
            400..=499 => ("invalid_request_error", "Bad request"),
            _ => ("api_error", "Internal server error"),
        };
        Self::new(status, kind, message.unwrap_or_else(|| text.to_owned()))
    }

    /// An error type with the status that belongs to it.
    pub(super) fn of_kind(kind: &str, message: Option<String>) -> Self {
        let status = match kind {
            "invalid_request_error" => 400,
            "authentication_error" => 401,
            "billing_error" => 402,
            "permission_error" => 403,
            "not_found_error" => 404,
            "conflict_error" => 409,
            "request_too_large" => 413,
            "rate_limit_error" => 429,
            "timeout_error" => 504,
            "overloaded_error" => 529,
            _ => 500,
        };
        Self::status(status, message)
    }

    /// Adds `details.error_code`.
    #[must_use]
    pub(super) fn code(self, code: &str) -> Self {
        self.detail("error_code", code.into())
    }

    /// Adds a field to `error.details`.
    #[must_use]
    pub(super) fn detail(mut self, name: &'static str, value: Value) -> Self {
        self.details.push((name, value));
        self
    }

    /// Returns the JSON body.
    pub(super) fn body(&self, request_id: &str) -> Value {
        let mut error = json!({"type": self.kind, "message": self.message});
        if !self.details.is_empty()
            && let Some(map) = error.as_object_mut()
        {
            let details = self.details.iter();
            let details: Map<String, Value> = details
                .map(|(name, value)| ((*name).to_owned(), value.clone()))
                .collect();
            map.insert("details".into(), details.into());
        }
        json!({"type": "error", "error": error, "request_id": request_id})
    }

    /// Returns the answer to a request for a stream: HTTP 200, and the error is the first event
    /// (`docs/protocol.md#expired-sandbox`).
    pub(super) fn first_event(&self, request_id: &str) -> Response<Body> {
        let frame = format!("event: error\ndata: {}\n\n", self.body(request_id));
        let mut response = Response::new(Body::from(frame));
        response.headers_mut().insert(
            header::CONTENT_TYPE,
            HeaderValue::from_static("text/event-stream; charset=utf-8"),
        );
        response
    }

    /// Returns the whole response.
    pub(super) fn response(&self, request_id: &str) -> Response<Body> {
        let mut response = json_response(&self.body(request_id));
        *response.status_mut() =
            StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        for (name, value) in &self.headers {
            if let (Ok(name), Ok(value)) = (
                HeaderName::from_bytes(name.as_bytes()),
                HeaderValue::from_str(value),
            ) {
                response.headers_mut().insert(name, value);
            }
        }
        response
    }
}

/// Wraps a JSON value into a 200 response.
pub(super) fn json_response(value: &Value) -> Response<Body> {
    let mut response = Response::new(Body::from(value.to_string()));
    response.headers_mut().insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/json"),
    );
    response
}
