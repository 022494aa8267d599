//! What the API would say to a request by its shape and its history alone.
//!
//! Nothing is looked up: files and containers are not judged. For tests of what clients make of
//! streams that this backend did not play, and of histories by the thousand.

use serde_json::{Value, json};

use super::headers::Version;
use super::message::Role;
use super::request::Request;
use super::schema::Endpoint;
use super::sign::{self, Binding, Enforced};
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

/// A request that the strictest account would have taken, and where the thinking of its answer is
/// bound.
#[derive(Debug)]
pub struct Taken {
    binding: Binding,
}

/// Why a request is refused, in the API's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Judges a request by its shape, its history and what its thinking is bound to, whatever the
/// model. `paused` says that its last message is a response that ended with `pause_turn`.
///
/// # Errors
/// Why it is refused.
pub fn strictest(body: &Value, betas: &[String], paused: bool) -> Result<Taken, Refused> {
    let judged = schema::check(body, Endpoint::Create, Version::New, betas)
        .and_then(|()| Request::read(body, betas))
        .and_then(|request| {
            check::check(&request, Version::New, paused)?;
            sign::check(&request, Enforced::Everywhere)
        });
    match judged {
        Ok(checked) => Ok(Taken {
            binding: checked.binding,
        }),
        Err(error) => Err(Refused(error.message)),
    }
}

impl Taken {
    /// Returns the thinking block that the answer goes on with, signed.
    #[must_use]
    pub fn think(&mut self, text: &str) -> Value {
        let signature = self.binding.sign(text);
        let block = json!({"type": "thinking", "thinking": text, "signature": signature});
        self.say(&block);
        block
    }

    /// The answer goes on with this block.
    pub fn say(&mut self, block: &Value) {
        self.binding.push(Role::Assistant, block);
    }
}
