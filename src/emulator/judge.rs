//! What the API would say to a request, judged by its shape and its history alone.
//!
//! Nothing is looked up, so files and containers are not judged. Tests use this to judge what
//! clients make of streams that this backend did not play, and of thousands of histories.

use serde_json::{Value, json};

use super::headers::Version;
use super::message::{Role, text};
use super::request::Request;
use super::schema::Endpoint;
use super::sign::{self, Binding, Enforced};
use super::{check, schema};

/// Returns why a body of `POST /v1/messages` would be refused; `None` if it would be taken.
#[must_use]
pub fn refusal(body: &Value, betas: &[String]) -> Option<String> {
    schema::check(body, Endpoint::Create, Version::New, betas)
        .and_then(|()| Request::read(body, betas))
        .and_then(|request| check::check(&request, Version::New, false))
        .err()
        .map(|error| error.message)
}

/// A request that the strictest account would take, and what the thinking of its answer is bound
/// to.
#[derive(Debug)]
pub struct Taken {
    binding: Binding,
    offered: Vec<String>,
    for_code: Vec<String>,
    thinking_read: usize,
}

/// Why a request is refused, in the API's words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Refused(String);

/// Judges a request by its shape, its history and what its thinking is bound to, as if every model
/// checked that. `paused` says that its last message is a response that ended with `pause_turn`.
///
/// # Errors
/// Why it is refused.
pub fn strictest(body: &Value, betas: &[String], paused: bool) -> Result<Taken, Refused> {
    strictest_of(0, body, betas, paused)
}

/// Does the same as [`strictest`] for the account of another organization than 0. Such an account
/// cannot read thinking that was made for others.
///
/// # Errors
/// Why it is refused.
pub fn strictest_of(
    organization: u64,
    body: &Value,
    betas: &[String],
    paused: bool,
) -> Result<Taken, Refused> {
    let judged = schema::check(body, Endpoint::Create, Version::New, betas)
        .and_then(|()| Request::read(body, betas))
        .and_then(|request| {
            check::check(&request, Version::New, paused)?;
            let checked = sign::check(&request, Enforced::Everywhere, organization)?;
            let names = request.offered.iter().filter_map(|tool| text(tool, "name"));
            Ok(Taken {
                binding: checked.binding,
                offered: names.map(str::to_owned).collect(),
                for_code: match request.has_repl() {
                    true => request.tools_for_code(),
                    false => Vec::new(),
                },
                thinking_read: checked.thinking_read,
            })
        });
    judged.map_err(|error| Refused(error.message))
}

impl Taken {
    /// Returns whether a tool of this name may be called.
    #[must_use]
    pub fn offers(&self, name: &str) -> bool {
        self.offered.iter().any(|offered| offered == name)
    }

    /// Returns whether code in the sandbox may call a tool of this name and keeps its variables
    /// meanwhile.
    #[must_use]
    pub fn offers_to_code(&self, name: &str) -> bool {
        self.for_code.iter().any(|offered| offered == name)
    }

    /// Returns how many thinking blocks the model gets to read. Those of another model are dropped,
    /// and no message says so.
    #[must_use]
    pub fn thinking_read(&self) -> usize {
        self.thinking_read
    }

    /// Returns a thinking block for the answer, signed for its place.
    #[must_use]
    pub fn think(&mut self, text: &str) -> Value {
        let signature = self.binding.sign(text);
        let block = json!({"type": "thinking", "thinking": text, "signature": signature});
        self.say(&block);
        block
    }

    /// Notes that the answer goes on with this block.
    pub fn say(&mut self, block: &Value) {
        self.binding.push(Role::Assistant, block);
    }
}
