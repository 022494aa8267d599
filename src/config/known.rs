//! The process's own secrets, in every spelling in which one may come back: in an error that quotes
//! a header, in JSON within JSON, in an address. Pure.
//!
//! Invariant: what [`KnownSecrets::cover`] returns holds none of them in any of these spellings, nor
//! the first part of one that was cut off.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use memchr::memmem::Finder;
use serde_json::Value;

use super::Secret;

/// Shorter values are words that may stand anywhere.
const SHORTEST: usize = 6;
/// How often JSON may be quoted within JSON: an answer's text that quotes a tool's input.
const QUOTED: usize = 5;
/// So much of a longer secret is no longer shown, although the rest is missing.
const LONGEST_HEAD: usize = 20;

/// Secrets that must not be seen anywhere. Cheap to clone.
#[derive(Clone, Default)]
pub struct KnownSecrets(Arc<Known>);

#[derive(Default)]
struct Known {
    /// Every spelling.
    spellings: Vec<String>,
    /// How they begin, each once.
    heads: Vec<Finder<'static>>,
    /// Their first two bytes, each pair once.
    pairs: Vec<(u8, u8)>,
    /// The first bytes of these, each once.
    firsts: Vec<u8>,
}

impl fmt::Debug for KnownSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KnownSecrets({} spellings)", self.0.spellings.len())
    }
}

impl KnownSecrets {
    /// Knows these values; those that are too short to be told from words are left out.
    #[must_use]
    pub fn new(secrets: impl IntoIterator<Item = Secret>) -> Self {
        let secrets = secrets.into_iter();
        let secrets = secrets.filter(|secret| secret.expose().len() >= SHORTEST);
        Self::of_spellings(secrets.flat_map(|secret| spellings(secret.expose())))
    }

    /// Returns these and the others.
    #[must_use]
    pub fn and(&self, others: &Self) -> Self {
        Self::of_spellings(
            self.spellings()
                .chain(others.spellings())
                .map(str::to_owned),
        )
    }

    fn of_spellings(spellings: impl Iterator<Item = String>) -> Self {
        let mut spellings: Vec<String> = spellings.collect();
        spellings.sort();
        spellings.dedup();
        let mut heads: Vec<&str> = spellings.iter().map(|spelling| head(spelling)).collect();
        heads.sort_unstable();
        heads.dedup();
        let mut pairs: Vec<(u8, u8)> = heads
            .iter()
            .filter_map(|head| Some((*head.as_bytes().first()?, *head.as_bytes().get(1)?)))
            .collect();
        pairs.dedup();
        let mut firsts: Vec<u8> = pairs.iter().map(|pair| pair.0).collect();
        firsts.dedup();
        let heads = heads.iter().map(|head| Finder::new(head).into_owned());
        Self(Arc::new(Known {
            heads: heads.collect(),
            spellings,
            pairs,
            firsts,
        }))
    }

    /// Returns whether there is nothing to look for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.spellings.is_empty()
    }

    /// Returns every spelling.
    pub fn spellings(&self) -> impl Iterator<Item = &str> {
        self.0.spellings.iter().map(String::as_str)
    }

    /// Returns whether one of them stands in `text`.
    #[must_use]
    pub fn are_in(&self, text: impl AsRef<[u8]>) -> bool {
        let mut heads = self.0.heads.iter();
        heads.any(|head| head.find(text.as_ref()).is_some())
    }

    /// Returns whether one of them may stand in `text`, or begin at its end. It is quick, and true for
    /// some texts without any.
    #[must_use]
    pub fn may_begin_in(&self, text: &str) -> bool {
        let bytes = text.as_bytes();
        let begins = |at: usize| {
            let first = bytes.get(at);
            let second = bytes.get(at + 1);
            second.is_none_or(|second| {
                first.is_some_and(|first| self.0.pairs.contains(&(*first, *second)))
            })
        };
        match *self.0.firsts.as_slice() {
            [] => false,
            [a] => memchr::memchr_iter(a, bytes).any(begins),
            [a, b] => memchr::memchr2_iter(a, b, bytes).any(begins),
            [a, b, c] => memchr::memchr3_iter(a, b, c, bytes).any(begins),
            _ => true,
        }
    }

    /// Returns `text` with `instead` in the place of each, as far as it goes.
    #[must_use]
    pub fn cover<'a>(&self, text: &'a str, instead: &str) -> Cow<'a, str> {
        let places = self.places(text);
        if places.is_empty() {
            return Cow::Borrowed(text);
        }
        let (mut out, mut done) = (String::with_capacity(text.len()), 0);
        for (start, end) in places {
            if let Some(before) = text.get(done..start) {
                out.push_str(before);
                out.push_str(instead);
                done = end;
            }
        }
        out.push_str(text.get(done..).unwrap_or_default());
        Cow::Owned(out)
    }

    /// Returns where they stand in `text`, in order.
    #[must_use]
    pub fn places(&self, text: &str) -> Vec<(usize, usize)> {
        let heads = self.0.heads.iter();
        let mut starts: Vec<usize> = heads
            .flat_map(|head| head.find_iter(text.as_bytes()))
            .collect();
        starts.sort_unstable();
        let places = starts.into_iter();
        let places = places.map(|start| (start, start + self.length_at(text, start)));
        places.collect()
    }

    /// How far the text at `start` is a secret, in whatever spelling it goes farthest.
    fn length_at(&self, text: &str, start: usize) -> usize {
        let rest = text.as_bytes().get(start..).unwrap_or_default();
        let common = |spelling: &str| {
            let pairs = rest.iter().zip(spelling.as_bytes());
            pairs.take_while(|(one, other)| one == other).count()
        };
        let longest = self.spellings().map(common).max().unwrap_or_default();
        text.ceil_char_boundary(start + longest) - start
    }

    /// Covers each in every text of a value, names of members included. Returns whether there was
    /// any.
    pub fn cover_value(&self, value: &mut Value, instead: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        match value {
            Value::String(text) => match self.cover(text, instead) {
                Cow::Borrowed(_) => false,
                Cow::Owned(covered) => {
                    *text = covered;
                    true
                }
            },
            Value::Array(items) => {
                let mut found = false;
                for item in items {
                    found |= self.cover_value(item, instead);
                }
                found
            }
            Value::Object(members) => {
                let mut found = false;
                for item in members.values_mut() {
                    found |= self.cover_value(item, instead);
                }
                if members.keys().any(|name| self.are_in(name)) {
                    found = true;
                    let all = std::mem::take(members).into_iter();
                    members.extend(
                        all.map(|(name, item)| (self.cover(&name, instead).into_owned(), item)),
                    );
                }
                found
            }
            Value::Null | Value::Bool(_) | Value::Number(_) => false,
        }
    }
}

/// What tells a secret: the whole of a short one, so much of a longer one that nobody guesses the rest.
fn head(spelling: &str) -> &str {
    let length = match spelling.len() {
        length @ ..10 => length,
        length => (length * 2 / 3).min(LONGEST_HEAD),
    };
    spelling
        .get(..spelling.ceil_char_boundary(length))
        .unwrap_or(spelling)
}

/// A secret as it is, quoted in JSON, in an address, in HTML.
fn spellings(secret: &str) -> Vec<String> {
    let mut all = vec![secret.to_owned()];
    let mut quoted = secret.to_owned();
    for _ in 0..QUOTED {
        quoted = in_json(&quoted);
        all.push(quoted.clone());
        // Some writers of JSON quote the slash too.
        all.push(quoted.replace('/', "\\/"));
    }
    for is_kept in [
        is_unreserved as fn(u8) -> bool,
        is_alphanumeric,
        is_of_query,
    ] {
        let upper = in_address(secret, is_kept, true);
        all.push(upper.replace("%20", "+"));
        all.push(upper);
        all.push(in_address(secret, is_kept, false));
    }
    let html = secret
        .replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;");
    for (quote, apostrophe) in [
        ("&quot;", "&#39;"),
        ("&#34;", "&#39;"),
        ("&quot;", "&#x27;"),
    ] {
        all.push(html.replace('"', quote).replace('\'', apostrophe));
    }
    all.push(html);
    // As our own displays write what has no structure.
    all.push(in_entities(secret, |_| false));
    all.push(in_entities(secret, |c| ".,:/-=%?;()'\"+@".contains(c)));
    all
}

/// What stands between the quotes.
fn in_json(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    let inner = quoted
        .strip_prefix('"')
        .and_then(|text| text.strip_suffix('"'));
    inner.unwrap_or_default().to_owned()
}

fn in_entities(text: &str, is_kept: fn(char) -> bool) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_ascii_punctuation() && !is_kept(c) {
            true => out.push_str(&format!("&#{};", u32::from(c))),
            false => out.push(c),
        }
    }
    out
}

fn in_address(text: &str, is_kept: fn(u8) -> bool, is_upper: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if is_kept(byte) {
            out.push(char::from(byte));
        } else if is_upper {
            out.push_str(&format!("%{byte:02X}"));
        } else {
            out.push_str(&format!("%{byte:02x}"));
        }
    }
    out
}

fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte)
}

/// What many writers leave as it is.
fn is_of_query(byte: u8) -> bool {
    is_unreserved(byte) || b"!*'()/:@$,;".contains(&byte)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ODD: &str = r#"a"b\c/d e+f%g&h<i>j"#;

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let known = KnownSecrets::new([Secret::new(ODD)]);
        let json = json!(ODD).to_string();
        for text in [
            ODD.to_owned(),
            json.clone(),
            json!({"inner": json}).to_string(),
            json!(json!({"inner": json}).to_string()).to_string(),
            json.replace('/', "\\/"),
            "a%22b%5Cc%2Fd%20e%2Bf%25g%26h%3Ci%3Ej".to_owned(),
            "a%22b%5cc%2fd%20e%2bf%25g%26h%3ci%3ej".to_owned(),
            "a%22b%5Cc%2Fd+e%2Bf%25g%26h%3Ci%3Ej".to_owned(),
            r"a&quot;b\c/d e+f%g&amp;h&lt;i&gt;j".to_owned(),
        ] {
            let covered = known.cover(&text, "…").into_owned();
            assert!(
                covered.contains('…') && !covered.contains("e+f"),
                "{text} {covered}"
            );
            assert!(!known.are_in(&covered) && known.are_in(&text));
        }
    }

    #[test]
    fn values_are_covered_in_texts_and_names() {
        let known = KnownSecrets::new([Secret::new("hunter2hunter2"), Secret::new("word")]);
        let mut value = json!({"a": ["x hunter2hunter2 y", 1], "hunter2hunter2": null, "word": 1});
        assert!(known.cover_value(&mut value, "…"));
        assert_eq!(value, json!({"a": ["x … y", 1], "…": null, "word": 1}));
        assert!(!known.cover_value(&mut value, "…"));
    }

    #[test]
    fn what_is_cut_off_is_covered_as_far_as_it_goes() {
        let key = "sk-ant-api03-0123456789-abcdefghij\"klm";
        let known = KnownSecrets::new([Secret::new(key)]);
        for length in 20..=key.len() {
            assert_eq!(known.cover(&key[..length], "…"), "…");
        }
        assert_eq!(
            known.cover("sk-ant-api03-0 and more", "…"),
            "sk-ant-api03-0 and more"
        );
        let quoted = format!("{} {}", json!(key), json!(json!(key).to_string()));
        assert_eq!(known.cover(&quoted, "…"), r#""…" "\"…\"""#);
    }

    #[test]
    fn where_one_may_begin_is_told_quickly() {
        let known = KnownSecrets::new([Secret::new("sk-ant-0123456789")]);
        for text in ["a risk", "this", "sk-ant-0123456789", "s"] {
            assert!(known.may_begin_in(text), "{text}");
        }
        for text in ["", "a sentence", "system"] {
            assert!(!known.may_begin_in(text), "{text}");
        }
        assert!(!KnownSecrets::default().may_begin_in("sk-ant-0123456789"));
        let many = ["alpha-1", "beta-22", "gamma-3", "delta-4"].map(Secret::new);
        assert!(KnownSecrets::new(many).may_begin_in("no first byte here is asked for"));
    }

    #[test]
    fn of_two_secrets_the_longer_is_covered_whole() {
        let known = KnownSecrets::new([Secret::new("secret-12"), Secret::new("secret-123456")]);
        assert_eq!(known.cover("secret-123456 secret-12", "…"), "… …");
    }
}
