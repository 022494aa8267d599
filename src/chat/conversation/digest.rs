//! Digests of what was sent, chained: if the chains of two histories are the same, so are the
//! histories.
//!
//! Invariant: a digest covers every byte that was sent except cache markers, which the API does not
//! count either (`docs/protocol.md#thinking-binding`). Stricter than the API, which compares
//! values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest as _, Sha256};

use crate::anthropic::request::{MessageParam, Role};

use super::prefix::Prefix;

/// SHA-256 of a beginning of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of `system` and `tools`.
    #[must_use]
    pub fn of_prefix(prefix: &Prefix) -> Self {
        let mut digest = Sha256::new();
        for part in [&prefix.system, &prefix.tools] {
            for value in part {
                let text = value.to_string();
                begin(&mut digest, 0, text.len());
                digest.update(text);
            }
            begin(&mut digest, 1, 0);
        }
        Self(digest.finalize().into())
    }

    /// Returns the digest of messages in order.
    #[must_use]
    pub fn of_messages<'a>(messages: impl Iterator<Item = &'a MessageParam>) -> Self {
        let mut digest = Sha256::new();
        for message in messages {
            let role = match message.role {
                Role::User => 2,
                Role::Assistant => 3,
                Role::System => 4,
            };
            begin(&mut digest, role, message.content.len_bytes());
            digest.update("[");
            for (at, block) in message.content.texts().enumerate() {
                if at > 0 {
                    digest.update(",");
                }
                digest.update(block);
            }
            digest.update("]");
        }
        Self(digest.finalize().into())
    }

    /// Returns the digest of pieces of text in order.
    #[must_use]
    pub fn of_parts(parts: impl IntoIterator<Item = impl AsRef<str>>) -> Self {
        let mut digest = Sha256::new();
        for part in parts {
            let part = part.as_ref();
            begin(&mut digest, 5, part.len());
            digest.update(part);
        }
        Self(digest.finalize().into())
    }

    /// Returns its first twelve digits in hexadecimal.
    #[must_use]
    pub fn short(self) -> String {
        let bytes = self.0.iter().take(6);
        bytes.map(|byte| format!("{byte:02x}")).collect()
    }

    /// Returns the digest of this followed by another.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update(next.0);
        Self(digest.finalize().into())
    }
}

/// Begins a piece with its kind and its length in bytes, so that no two lists of pieces read alike.
fn begin(digest: &mut Sha256, kind: u8, bytes: usize) {
    digest.update([kind]);
    digest.update((bytes as u64).to_le_bytes());
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
        let bytes = bytes.try_into();
        bytes
            .map(Self)
            .map_err(|_| D::Error::custom("a digest has 32 bytes"))
    }
}

/// Chains the numbers of turns: returns the chain of `chain` followed by `id`; an empty chain is 0.
/// The kernel compares chains to find stale turns. No safety depends on them, so a fast hash is
/// enough.
#[must_use]
pub fn chain_hash(chain: u64, id: u64) -> u64 {
    let mut mixed = (chain ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(1);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
