//! The headers of a request (`docs/protocol.md#request-headers`). Pure; what is secret is marked as
//! such.

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use super::call::{Call, Payload};
use super::credentials::{Credentials, OAUTH_BETA};
use super::error::ApiError;

/// Makes the headers of a call: version, credentials, betas each once, what the body is.
pub(super) fn headers(call: &Call<'_>, credentials: &Credentials) -> Result<HeaderMap, ApiError> {
    let mut headers = HeaderMap::new();
    headers.insert("accept", HeaderValue::from_static(call.accept));
    headers.insert("anthropic-version", HeaderValue::from_static(call.version));
    match &call.body {
        None => {}
        Some(Payload::Json(_)) => {
            headers.insert("content-type", HeaderValue::from_static("application/json"));
        }
        Some(Payload::Form(form)) => form.describe(&mut headers)?,
    }
    if let Some(token) = &credentials.token {
        let bearer = format!("Bearer {}", token.expose());
        headers.insert("authorization", secret_value("authorization", &bearer)?);
    }
    let mut betas: Vec<&str> = call.betas.iter().map(String::as_str).collect();
    for (name, value) in &credentials.headers {
        if name == "anthropic-beta" {
            betas.extend(value.expose().split(',').map(str::trim));
            continue;
        }
        let value = secret_value(name, value.expose())?;
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| bad_header(name))?;
        headers.insert(name, value);
    }
    if credentials.oauth {
        betas.push(OAUTH_BETA);
    }
    let mut joined = String::new();
    for (position, beta) in betas.iter().enumerate() {
        let is_new = !beta.is_empty() && !betas.iter().take(position).any(|other| other == beta);
        if is_new {
            if !joined.is_empty() {
                joined.push(',');
            }
            joined.push_str(beta);
        }
    }
    if !joined.is_empty() {
        let value = HeaderValue::from_str(&joined).map_err(|_| bad_header("anthropic-beta"))?;
        headers.insert("anthropic-beta", value);
    }
    Ok(headers)
}

fn secret_value(name: &str, value: &str) -> Result<HeaderValue, ApiError> {
    let mut value = HeaderValue::from_str(value).map_err(|_| bad_header(name))?;
    value.set_sensitive(true);
    Ok(value)
}

fn bad_header(name: &str) -> ApiError {
    ApiError::NoCredentials {
        reason: format!("the header `{name}` holds characters that cannot be sent"),
    }
}
