//! Compares values by their meaning alone.
//!
//! The API compares histories by value. The order of keys, white space, `cache_control` markers and
//! nulls that the API itself added make no difference.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The digest of what a value means.
pub(super) type Fingerprint = [u8; 32];

/// Takes values, in their canonical form, into one digest.
#[derive(Debug, Clone, Default)]
pub(super) struct Canon(Sha256);

impl Canon {
    /// Adds a word that separates what follows from what came before.
    pub(super) fn word(&mut self, word: &str) {
        self.0.update([0xff]);
        self.0.update(word.as_bytes());
    }

    /// Adds a value.
    pub(super) fn value(&mut self, value: &Value) {
        match value {
            Value::Null => self.0.update(b"n"),
            Value::Bool(is) => self.0.update(if *is { b"t" } else { b"f" }),
            Value::Number(number) => {
                self.0.update(b"#");
                self.0.update(number.to_string().as_bytes());
                self.0.update(b";");
            }
            Value::String(text) => {
                self.0.update(b"s");
                self.0.update(text.len().to_le_bytes());
                self.0.update(text.as_bytes());
            }
            Value::Array(items) => {
                self.0.update(b"[");
                for item in items {
                    self.value(item);
                }
                self.0.update(b"]");
            }
            Value::Object(map) => {
                let mut keys: Vec<_> = map
                    .iter()
                    .filter(|(key, value)| !value.is_null() && *key != "cache_control")
                    .collect();
                keys.sort_unstable_by_key(|(key, _)| *key);
                self.0.update(b"{");
                for (key, value) in keys {
                    self.0.update(key.len().to_le_bytes());
                    self.0.update(key.as_bytes());
                    self.value(value);
                }
                self.0.update(b"}");
            }
        }
    }

    /// Returns, as text, the digest of everything so far.
    pub(super) fn digest(&self) -> String {
        STANDARD.encode(self.fingerprint())
    }

    /// Returns the digest of everything so far; more can be added.
    pub(super) fn fingerprint(&self) -> Fingerprint {
        self.0.clone().finalize().into()
    }
}

/// Returns the digest of one value.
pub(super) fn fingerprint_of(value: &Value) -> Fingerprint {
    let mut canon = Canon::default();
    canon.value(value);
    canon.fingerprint()
}
