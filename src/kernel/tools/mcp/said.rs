//! What the SDK's errors mean, in words for people: without the names of its types, and with what
//! to do where that is known.
//!
//! Pure. Read from the error's kind, never from its text.

use std::error::Error;
use std::io;

use rmcp::service::{ClientInitializeError, ServiceError};
use rmcp::transport::streamable_http_client::{HttpStatusError, StreamableHttpError};

use crate::host::unnumbered;
use crate::kernel::tools::limits::cut;

/// The most characters of what a server said in its own words.
const LONGEST: usize = 600;

/// What is said of a program that leaves at once.
const AT_ONCE: &str = "it ended before it introduced itself";

/// Says why a server did not introduce itself.
pub(super) fn opening(error: &ClientInitializeError) -> String {
    match error {
        ClientInitializeError::ConnectionClosed(_) => AT_ONCE.to_owned(),
        // It was gone before our first request was written.
        ClientInitializeError::TransportError { error, .. } if error.error.is::<io::Error>() => {
            AT_ONCE.to_owned()
        }
        ClientInitializeError::TransportError { error, .. } => transport(error.error.as_ref()),
        ClientInitializeError::JsonRpcError(error) => refused(&error.message),
        ClientInitializeError::ExpectedInitResponse(_)
        | ClientInitializeError::ExpectedInitResult(_)
        | ClientInitializeError::ConflictInitResponseId(..)
        | ClientInitializeError::UncorrelatedErrorResponse { .. } => {
            "its first answer is no introduction; is it an MCP server?".to_owned()
        }
        ClientInitializeError::NoCompatibleProtocolVersion {
            server_supported, ..
        } => {
            let versions: Vec<String> = server_supported.iter().map(ToString::to_string).collect();
            format!(
                "it speaks other versions of MCP only: {}",
                versions.join(", ")
            )
        }
        ClientInitializeError::LegacyFallbackFailed { fallback, .. } => opening(fallback),
        other => unnumbered(other),
    }
}

/// Says why a request came to nothing.
pub(super) fn asking(error: &ServiceError) -> String {
    match error {
        ServiceError::McpError(error) => refused(&error.message),
        ServiceError::TransportSend(error) => transport(error.error.as_ref()),
        ServiceError::TransportClosed => "it ended in the middle of the request".to_owned(),
        ServiceError::UnexpectedResponse => "its answer is to another question".to_owned(),
        other => unnumbered(other),
    }
}

/// Says what a server answered to a call instead of a result.
pub(super) fn of_tool(error: &ServiceError) -> String {
    asking(error).replacen("it ", "the MCP server ", 1)
}

fn refused(message: &str) -> String {
    match message.trim() {
        "" => "it answered with an error and no word about it".to_owned(),
        said => format!("it answered with an error: {}", cut(said, LONGEST)),
    }
}

fn transport(error: &(dyn Error + 'static)) -> String {
    if let Some(error) = error.downcast_ref::<StreamableHttpError<reqwest::Error>>() {
        return http(error);
    }
    if error.downcast_ref::<io::Error>().is_some() {
        return "it has ended".to_owned();
    }
    unnumbered(&error)
}

fn http(error: &StreamableHttpError<reqwest::Error>) -> String {
    match error {
        StreamableHttpError::Client(error) => connection(error),
        StreamableHttpError::HttpStatus(HttpStatusError { status, .. }) => {
            format!("it answers with HTTP {status}")
        }
        StreamableHttpError::AuthRequired(_) => {
            "it wants a login (HTTP 401): `--token-env VARIABLE` sends the token that a variable holds".to_owned()
        }
        StreamableHttpError::InsufficientScope(_) => {
            "the token is not enough for it (HTTP 403)".to_owned()
        }
        StreamableHttpError::UnexpectedContentType(kind) => format!(
            "it answers with `{}`, as no MCP server does; is the path right?",
            kind.as_deref().unwrap_or("something unnamed")
        ),
        // What the address itself said of the request begins so; the rest is the SDK's.
        StreamableHttpError::UnexpectedServerResponse(said) if said.starts_with("HTTP ") => {
            let said = cut(said, LONGEST);
            format!("it answers with {}", said.trim_end_matches([':', ' ']))
        }
        StreamableHttpError::UnexpectedServerResponse(_) => {
            "it does not answer as an MCP server does; is the path right?".to_owned()
        }
        StreamableHttpError::ResponseBodyTooLarge { .. } => {
            "it floods its answer, and was cut off".to_owned()
        }
        StreamableHttpError::UnexpectedEndOfStream => "its answer broke off".to_owned(),
        StreamableHttpError::TransportChannelClosed => "the connection is closed".to_owned(),
        other => unnumbered(other),
    }
}

fn connection(error: &reqwest::Error) -> String {
    if error.is_builder() {
        return "the address cannot be used; write `http://HOST:PORT/PATH`".to_owned();
    }
    if let Some(status) = error.status() {
        return format!("it answers with HTTP {}", status.as_u16());
    }
    let mut inner = error.source();
    let mut last = None;
    while let Some(error) = inner {
        last = Some(unnumbered(&error));
        inner = error.source();
    }
    let why = last.unwrap_or_else(|| "the connection failed".to_owned());
    if error.is_connect() {
        format!("nobody answers there ({why})")
    } else {
        format!("the connection broke ({why})")
    }
}
