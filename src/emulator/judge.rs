//! What the API would say to a request by its shape and its history alone.
//!
//! Nothing is looked up: files, containers and the signatures of thinking are not judged. For tests
//! of what clients make of streams that this backend did not play.

use serde_json::Value;

use super::headers::Version;
use super::request::Request;
use super::schema::Endpoint;
use super::{check, schema};

/// Returns why a body of `POST /v1/messages` would be refused, `None` when it would not.
#[must_use]
pub fn refusal(body: &Value, betas: &[String]) -> Option<String> {
    schema::check(body, Endpoint::Create, Version::New, betas)
        .and_then(|()| Request::read(body, betas))
        .and_then(|request| check::check(&request, Version::New, false))
        .err()
        .map(|error| error.message)
}
