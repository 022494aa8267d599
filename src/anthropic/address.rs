//! Where a call goes: base URLs and the paths below them. Pure.
//!
//! Ids come from answers of the API and so from anybody: none can leave its segment of a path.

use reqwest::Url;

use super::error::ApiError;

/// Reads a base URL.
pub(super) fn parse_base(text: &str) -> Result<Url, ApiError> {
    let wrong = |what: &str| ApiError::Misconfigured {
        reason: format!("the base URL {what}"),
    };
    let url = Url::parse(text.trim()).map_err(|_| wrong("must look like `https://host/path`"))?;
    if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
        return Err(wrong("must begin with `https://` or `http://` and a host"));
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err(wrong("must not hold a name or a password"));
    }
    Ok(url)
}

/// Appends a path, query included, to the base URL's own path.
pub(super) fn address(base: &Url, path: &str) -> Result<Url, ApiError> {
    let mut whole = base.clone();
    whole.set_query(None);
    whole.set_fragment(None);
    let whole = format!("{}{path}", whole.as_str().trim_end_matches('/'));
    Url::parse(&whole).map_err(|_| ApiError::Protocol {
        reason: format!("`{path}` is no path to ask for"),
    })
}

/// Returns whether a URL stays on this machine.
pub(super) fn is_local(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

/// Returns host and port, as errors name them.
pub(super) fn host(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

/// Encodes an id as one segment of a path, or as a value of a query.
///
/// # Errors
/// [`ApiError::Protocol`] for a text that is no id: an empty one, dots, a whole paragraph.
pub(super) fn segment(id: &str) -> Result<String, ApiError> {
    const MAX_ID_BYTES: usize = 256;
    if id.is_empty() || id.len() > MAX_ID_BYTES || id.bytes().all(|byte| byte == b'.') {
        return Err(ApiError::Protocol {
            reason: "an id that cannot be asked for".to_owned(),
        });
    }
    let mut encoded = String::with_capacity(id.len());
    for byte in id.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            encoded.push(char::from(byte));
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
    }
    Ok(encoded)
}
