//! Keeps keys out of journals: whatever text they came with. Pure.
//!
//! If a key was taken out of a conversation, its text is no longer the one that the API bound the
//! thinking to. Then the digests differ, and `chat::turn::compose` leaves that thinking out.

use std::borrow::Cow;

use crate::cell::secret;
use crate::config::Secret;

/// What stands in a key's place.
pub const REDACTED: &str = "[a key, not recorded]";
/// Shorter values are words that may stand anywhere.
const SHORTEST_SECRET: usize = 8;

/// Knows this process's own secrets, and what others look like.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    own: Vec<Secret>,
}

impl Redactor {
    /// Knows these values besides the shapes of keys.
    #[must_use]
    pub fn new(own: impl IntoIterator<Item = Secret>) -> Self {
        let own = own.into_iter();
        Self {
            own: own
                .filter(|secret| secret.expose().len() >= SHORTEST_SECRET)
                .collect(),
        }
    }

    /// Returns JSON lines without keys. What it puts in needs no escaping.
    #[must_use]
    pub fn redact<'a>(&self, lines: &'a str) -> Cow<'a, str> {
        let mut lines = secret::without_keys(lines, REDACTED);
        for secret in &self.own {
            if lines.contains(secret.expose()) {
                lines = Cow::Owned(lines.replace(secret.expose(), REDACTED));
            }
        }
        lines
    }
}
