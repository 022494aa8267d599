//! A recording as a notebook holds it: bytes that nobody has read, beside the digests by which it is
//! found. What is in it stands in `recording`. Pure.

use std::sync::Arc;

use serde_json::{Value, json};

use super::conversation::digest::Digest;

/// The version that is written, and the newest that is read.
pub const VERSION: u64 = 1;

/// A recording, and the digests by which it is found. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Coded {
    /// Digest of the turns above.
    pub above: Digest,
    /// Digest of the prompt.
    pub prompt: Digest,
    /// Digest of the recording.
    pub id: Digest,
    pub(in crate::chat) data: Arc<str>,
}

impl Coded {
    /// Returns it as the metadata of a receipt holds it.
    #[must_use]
    pub fn value(&self) -> Value {
        json!({
            "version": VERSION,
            "id": self.id,
            "above": self.above,
            "prompt": self.prompt,
            "data": self.data,
        })
    }

    /// Returns how many bytes it takes in a notebook.
    #[must_use]
    pub fn len_bytes(&self) -> usize {
        self.data.len()
    }
}
