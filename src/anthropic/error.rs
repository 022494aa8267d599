//! What can go wrong between this program and the API, as values that the turn loop can decide on.

use std::borrow::Cow;
use std::time::{Duration, SystemTime};

use serde_json::Value;

use crate::config::KnownSecrets;

/// A failed call. Branch on the variant, `kind` and `code`; never on `message`.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum ApiError {
    /// No credentials were found.
    #[error("no credentials for the Claude API: {reason}")]
    NoCredentials { reason: String },
    /// A setting cannot be used: a base URL, a file of certificates, a proxy.
    #[error("the Claude API cannot be called: {reason}")]
    Misconfigured { reason: String },
    /// The connection failed before any response.
    #[error("cannot reach `{host}`: {reason}")]
    Connect { host: String, reason: String },
    /// No byte arrived within the read timeout.
    #[error("no answer from the API within {seconds} s")]
    Timeout { seconds: u64 },
    /// The API answered with an error status (`docs/protocol.md#errors`).
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
    /// An `error` event in the middle of a stream.
    #[error("the API stopped in mid-answer ({kind}): {message}")]
    Stream {
        kind: String,
        message: String,
        /// `error.details.error_code`.
        code: Option<String>,
        request_id: Option<String>,
    },
    /// The connection ended before anything of an answer came.
    #[error("the connection ended before an answer came: {reason}")]
    Empty { reason: String },
    /// The stream ended before `message_stop`.
    #[error("the connection broke before the answer was complete: {reason}")]
    Truncated { reason: String },
    /// A file on this machine could not be read, or it changed while it was read.
    #[error("the file cannot be sent: {reason}")]
    Source { reason: String },
    /// The request has more bytes than the API takes (`docs/protocol.md#endpoints`); it was not
    /// sent.
    #[error("the request has {}, and the API takes {}", megabytes(*bytes), megabytes(*limit))]
    TooLarge {
        /// Bytes of the body.
        bytes: usize,
        /// The most it may have.
        limit: usize,
    },
    /// The bytes that came do not follow the protocol.
    #[error("the API sent something this version cannot read: {reason}")]
    Protocol { reason: String },
}

/// The most of a non-JSON body that is kept, in characters.
const EXCERPT_CHARS: usize = 200;

/// The parts of an error response, headers by lower-case name.
#[derive(Debug, Clone, Copy)]
pub struct ErrorResponse<'a, H> {
    /// HTTP status.
    pub status: u16,
    /// Looks a header up.
    pub header: H,
    /// The body, or the start of a large one.
    pub body: &'a [u8],
    /// The present time; it is needed if `retry-after` is a date.
    pub now: SystemTime,
}

impl ApiError {
    /// Reads an error response. The body may be anything, such as a page from a proxy, or nothing.
    #[must_use]
    pub fn from_response<'h, H>(response: &ErrorResponse<'_, H>) -> Self
    where
        H: Fn(&str) -> Option<&'h str>,
    {
        let status = response.status;
        let header = &response.header;
        let body = ErrorBody::parse(response.body);
        let request_id = header("request-id").map(str::to_owned);
        let retry_after = retry_after(
            header("retry-after-ms"),
            header("retry-after"),
            response.now,
        );
        let should_retry = match header("x-should-retry") {
            Some("true") => Some(true),
            Some("false") => Some(false),
            _ => None,
        };
        let (kind, message, code, body_id) = match body {
            Some(body) => (body.kind, body.message, body.code, body.request_id),
            None => (None, None, None, None),
        };
        let message = message.unwrap_or_else(|| {
            let is_page = is_page(header("content-type"), response.body);
            match (status, header("location")) {
                (300..=399, Some(to)) => {
                    in_between(&format!("the call was redirected to {}", redirected_to(to)))
                }
                (_, _) if is_page => in_between("a page came where JSON was asked for"),
                (_, _) => excerpt(response.body),
            }
        });
        Self::Status {
            status,
            kind: kind.unwrap_or_else(|| format!("http_{status}")),
            message,
            code,
            request_id: request_id.or(body_id),
            retry_after,
            should_retry,
        }
    }

    /// Reads a body that came with a good status where a stream was asked for: an error that only
    /// its body tells, or something that is not the API's.
    #[must_use]
    pub fn from_body(content_type: &str, body: &[u8], request_id: Option<&str>) -> Self {
        if let Some(body) = ErrorBody::parse(body) {
            let kind = body.kind.unwrap_or_else(|| "api_error".to_owned());
            return Self::Status {
                status: status_of(&kind),
                kind,
                message: body.message.unwrap_or_else(|| excerpt(b"")),
                code: body.code,
                request_id: request_id.map(str::to_owned).or(body.request_id),
                retry_after: None,
                should_retry: None,
            };
        }
        Self::Protocol {
            reason: match is_page(Some(content_type), body) {
                true => in_between("a page came where a stream of events was asked for"),
                false => format!("`{content_type}` where a stream of events was asked for"),
            },
        }
    }

    /// Returns the error with the address that was asked, if nothing of the API answered there: the
    /// path of the base URL may be wrong. `is_ours` says that the base URL has no path of its own.
    #[must_use]
    pub fn at_address(mut self, asked: &str, is_ours: bool) -> Self {
        if let Self::Status {
            status: 404 | 405,
            kind,
            message,
            ..
        } = &mut self
            && (kind.starts_with("http_") || !is_ours)
        {
            *message = format!(
                "nothing of the API is at `{asked}` ({message}); the base URL is what stands before `/v1`"
            );
        }
        self
    }

    /// Reads the data of an `error` event.
    #[must_use]
    pub fn from_stream_event(data: &str) -> Self {
        let body = ErrorBody::parse(data.as_bytes()).unwrap_or_default();
        Self::Stream {
            kind: body.kind.unwrap_or_else(|| "error".to_owned()),
            message: body.message.unwrap_or_else(|| excerpt(data.as_bytes())),
            code: body.code,
            request_id: body.request_id,
        }
    }

    /// Returns `error.type`, if the API sent one.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        match self {
            Self::Status { kind, .. } | Self::Stream { kind, .. } => Some(kind),
            Self::NoCredentials { .. }
            | Self::Misconfigured { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Empty { .. }
            | Self::Truncated { .. }
            | Self::Source { .. }
            | Self::TooLarge { .. }
            | Self::Protocol { .. } => None,
        }
    }

    /// Returns `error.details.error_code`, if the API sent one.
    #[must_use]
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Status { code, .. } | Self::Stream { code, .. } => code.as_deref(),
            Self::NoCredentials { .. }
            | Self::Misconfigured { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Empty { .. }
            | Self::Truncated { .. }
            | Self::Source { .. }
            | Self::TooLarge { .. }
            | Self::Protocol { .. } => None,
        }
    }

    /// Returns the API's id of the request, if it sent one.
    #[must_use]
    pub fn request_id(&self) -> Option<&str> {
        match self {
            Self::Status { request_id, .. } | Self::Stream { request_id, .. } => {
                request_id.as_deref()
            }
            Self::NoCredentials { .. }
            | Self::Misconfigured { .. }
            | Self::Connect { .. }
            | Self::Timeout { .. }
            | Self::Empty { .. }
            | Self::Truncated { .. }
            | Self::Source { .. }
            | Self::TooLarge { .. }
            | Self::Protocol { .. } => None,
        }
    }

    /// Returns the error as it counts if no part of an answer has come. Then an `error` event is a
    /// refusal like any other and gets the status of its type
    /// (`docs/protocol.md#errors-in-streams`).
    #[must_use]
    pub fn before_answer(self) -> Self {
        match self {
            Self::Stream {
                kind,
                message,
                code,
                request_id,
            } => Self::Status {
                status: status_of(&kind),
                kind,
                message,
                code,
                request_id,
                retry_after: None,
                should_retry: None,
            },
            Self::Truncated { reason } => Self::Empty { reason },
            other => other,
        }
    }

    /// Returns whether two refusals are the same: equal status, type and text. The meaning of the
    /// text is not looked at.
    #[must_use]
    pub fn is_same_refusal(&self, other: &Self) -> bool {
        match (self, other) {
            (
                Self::Status {
                    status,
                    kind,
                    message,
                    ..
                },
                Self::Status {
                    status: other_status,
                    kind: other_kind,
                    message: other_message,
                    ..
                },
            ) => (status, kind, message) == (other_status, other_kind, other_message),
            _ => false,
        }
    }

    /// Returns whether no change of the request can help: the prompt is too long, or the account
    /// has no money left. These errors have no code of their own, so their text is read
    /// (`docs/protocol.md#error-texts`).
    #[must_use]
    pub fn is_beyond_repair(&self) -> bool {
        self.is_prompt_too_long() || self.is_out_of_credit()
    }

    /// Returns whether the prompt has more tokens than the model takes.
    #[must_use]
    pub fn is_prompt_too_long(&self) -> bool {
        self.is_400_that_says("prompt is too long")
    }

    /// Returns whether the account has no money left.
    #[must_use]
    pub fn is_out_of_credit(&self) -> bool {
        self.is_400_that_says("credit balance is too low")
    }

    fn is_400_that_says(&self, words: &str) -> bool {
        matches!(self, Self::Status { status: 400, message, .. } if message.contains(words))
    }

    /// Returns the error with every secret in its texts replaced by dots, however it is written
    /// there.
    #[must_use]
    pub fn without(mut self, secrets: &KnownSecrets) -> Self {
        let cover = |text: &mut String| {
            if let Cow::Owned(covered) = secrets.cover(text, "…") {
                *text = covered;
            }
        };
        match &mut self {
            Self::Status {
                kind,
                message,
                code,
                request_id,
                ..
            }
            | Self::Stream {
                kind,
                message,
                code,
                request_id,
            } => {
                cover(kind);
                cover(message);
                code.iter_mut().chain(request_id).for_each(cover);
            }
            Self::Connect { host, reason } => {
                cover(host);
                cover(reason);
            }
            Self::NoCredentials { reason }
            | Self::Misconfigured { reason }
            | Self::Empty { reason }
            | Self::Truncated { reason }
            | Self::Source { reason }
            | Self::Protocol { reason } => cover(reason),
            Self::Timeout { .. } | Self::TooLarge { .. } => {}
        }
        self
    }
}

/// The status that goes with an `error.type` (`docs/protocol.md#errors`).
fn status_of(kind: &str) -> u16 {
    match kind {
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
    }
}

/// Formats a size: `33.5 MB`.
fn megabytes(bytes: usize) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// `{"type":"error","error":{"type","message","details"?},"request_id"?}`; every part may be missing.
#[derive(Debug, Default)]
struct ErrorBody {
    kind: Option<String>,
    message: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
}

impl ErrorBody {
    fn parse(body: &[u8]) -> Option<Self> {
        let raw: Value = serde_json::from_slice(body).ok()?;
        let error = raw.get("error")?;
        let text = |value: Option<&Value>| value.and_then(Value::as_str).map(str::to_owned);
        Some(Self {
            kind: text(error.get("type")),
            // Gateways answer `{"error": "text"}`.
            message: text(error.get("message")).or_else(|| text(Some(error))),
            code: text(
                error
                    .get("details")
                    .and_then(|details| details.get("error_code")),
            ),
            request_id: text(raw.get("request_id")),
        })
    }
}

/// Reads `retry-after-ms` or, if there is none, `retry-after` in seconds or as a date. Only a delay
/// above zero counts.
fn retry_after(
    milliseconds: Option<&str>,
    seconds: Option<&str>,
    now: SystemTime,
) -> Option<Duration> {
    let number = |text: &str| text.trim().parse::<f64>().ok();
    let positive = |delay: Duration| (!delay.is_zero()).then_some(delay);
    milliseconds
        .and_then(number)
        .and_then(|ms| Duration::try_from_secs_f64(ms / 1000.0).ok())
        .and_then(positive)
        .or_else(|| {
            let text = seconds?;
            match number(text) {
                Some(seconds) => Duration::try_from_secs_f64(seconds).ok(),
                None => httpdate::parse_http_date(text.trim())
                    .ok()?
                    .duration_since(now)
                    .ok(),
            }
            .and_then(positive)
        })
}

/// Whether a body is a page for people.
fn is_page(content_type: Option<&str>, body: &[u8]) -> bool {
    let is_html = |text: &str| text.to_ascii_lowercase().contains("html");
    content_type.is_some_and(is_html) || body.trim_ascii_start().starts_with(b"<")
}

/// Says that somebody else than the API has answered. What a page says is not repeated.
fn in_between(what: &str) -> String {
    format!(
        "{what}, so something between here and the API has answered, such as a proxy or a login page"
    )
}

/// The host that a redirect leads to; the rest of the address may hold what is nobody's business.
fn redirected_to(location: &str) -> String {
    let (_, after) = location.split_once("://").unwrap_or(("", location));
    let host = after.split(['/', '?', '#']).next().unwrap_or_default();
    let host = host.rsplit('@').next().unwrap_or_default();
    match location.contains("://") && !host.is_empty() {
        true => format!("`{}`", excerpt(host.as_bytes())),
        false => "another place".to_owned(),
    }
}

/// Returns the start of a body that is not from the API, as one line without markup.
fn excerpt(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body.get(..8192).unwrap_or(body));
    let mut plain = String::new();
    let mut in_tag = false;
    for character in text.chars() {
        match character {
            '<' => in_tag = true,
            '>' if in_tag => {
                in_tag = false;
                plain.push(' ');
            }
            _ if in_tag => {}
            _ => plain.push(character),
        }
    }
    let words: Vec<&str> = plain
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    if line.is_empty() {
        return "no explanation was sent".to_owned();
    }
    match line.char_indices().nth(EXCERPT_CHARS) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}
