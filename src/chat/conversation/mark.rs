//! Digests of what was sent, chained: two histories are the same if their chains are.
//!
//! Invariant: a mark covers every byte that was sent except cache markers, which the API does not
//! count either (`claude-api.md` 14.1). Stricter than the API, which compares values.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::anthropic::request::{MessageParam, Role};
use crate::chat::record::{Prefix, TurnId};

/// A digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Mark([u8; 32]);

impl Mark {
    /// Returns the mark of `system` and `tools`.
    #[must_use]
    pub fn of_prefix(prefix: &Prefix) -> Self {
        let mut digest = Sha256::new();
        for part in [&prefix.system, &prefix.tools] {
            for value in part {
                feed(&mut digest, 0, value_text(value).as_bytes());
            }
            feed(&mut digest, 1, &[]);
        }
        Self(digest.finalize().into())
    }

    /// Returns the mark of messages in order.
    #[must_use]
    pub fn of_messages<'a>(messages: impl Iterator<Item = &'a MessageParam>) -> Self {
        let mut digest = Sha256::new();
        for message in messages {
            let role = match message.role {
                Role::User => 2,
                Role::Assistant => 3,
                Role::System => 4,
            };
            feed(&mut digest, role, message.content.get().as_bytes());
        }
        Self(digest.finalize().into())
    }

    /// Returns the mark of this followed by another.
    #[must_use]
    pub fn then(self, next: Self) -> Self {
        let mut digest = Sha256::new();
        digest.update(self.0);
        digest.update(next.0);
        Self(digest.finalize().into())
    }
}

/// Every piece with its kind and length, so that no two lists of pieces read alike.
fn feed(digest: &mut Sha256, kind: u8, bytes: &[u8]) {
    digest.update([kind]);
    digest.update((bytes.len() as u64).to_le_bytes());
    digest.update(bytes);
}

fn value_text(value: &Value) -> String {
    value.to_string()
}

impl Serialize for Mark {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&STANDARD_NO_PAD.encode(self.0))
    }
}

impl<'de> Deserialize<'de> for Mark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bytes = STANDARD_NO_PAD.decode(text).map_err(D::Error::custom)?;
        let bytes = bytes.try_into();
        bytes
            .map(Self)
            .map_err(|_| D::Error::custom("a mark has 32 bytes"))
    }
}

/// Chains the numbers of turns: `chain` followed by `id`. Starts with 0. Tells whether what stands
/// above a cell is what its turn saw; it guards nothing, so a quick mixer will do.
#[must_use]
pub fn follow(chain: u64, id: TurnId) -> u64 {
    let mut mixed = (chain ^ id.wrapping_mul(0x9e37_79b9_7f4a_7c15)).wrapping_add(1);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
