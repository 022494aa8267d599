//! A recording as a notebook holds it: bytes that nobody has read, beside the digests by which it is
//! found. What is in it stands in `recording`. Pure.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use super::conversation::digest::Digest;

/// The version that is written, and the newest that is read.
pub const VERSION: u64 = 1;
/// What `of` says in a recording of a summary.
pub const SUMMARY: &str = "summary";

/// A recording, and the digests by which it is found. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// Digest of the turns above.
    pub above: Digest,
    /// Digest of the prompt.
    pub prompt: Digest,
    /// Digest of the recording.
    pub id: Digest,
    /// Whether it is of a summary (`%compact`), not of an answer.
    pub is_summary: bool,
    pub(in crate::chat) data: Arc<str>,
}

impl Coded {
    /// Returns it as the metadata of a receipt holds it.
    #[must_use]
    pub fn value(&self) -> Value {
        let mut map = Map::new();
        map.insert("version".to_owned(), json!(VERSION));
        if self.is_summary {
            map.insert("of".to_owned(), json!(SUMMARY));
        }
        for (name, digest) in [
            ("id", self.id),
            ("above", self.above),
            ("prompt", self.prompt),
        ] {
            map.insert(name.to_owned(), json!(digest));
        }
        map.insert("data".to_owned(), json!(self.data));
        Value::Object(map)
    }

    /// Says whether it is of a summary.
    #[must_use]
    pub fn of_summary(mut self, is_summary: bool) -> Self {
        self.is_summary = is_summary;
        self
    }

    /// Returns how many bytes it takes in a notebook.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.data.len()
    }
}
