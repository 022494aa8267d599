//! Keys are never arguments of magics: an argument that looks like a key is refused and never
//! shown.

use std::borrow::Cow;

use super::call::{MagicCall, MagicError};

/// How credentials begin, and how many letters, digits, `-` and `_` make it a real one.
const SHAPES: &[(&str, usize)] = &[
    ("sk-ant-", 4),
    ("sk-proj-", 16),
    ("ghp_", 20),
    ("gho_", 20),
    ("ghs_", 20),
    ("github_pat_", 20),
    ("glpat-", 16),
    ("hf_", 24),
    ("xoxb-", 10),
    ("xoxp-", 10),
    ("AKIA", 16),
    ("AIza", 30),
];

/// The last words of names that hold secrets.
const NAMES: &[&str] = &[
    "apikey",
    "api_key",
    "access_key",
    "secret_key",
    "private_key",
    "secret",
    "password",
    "passwd",
    "token",
    "credentials",
];

/// A value under such a name is a secret from this many characters on, if it is one word.
const SHORTEST_SECRET: usize = 6;

/// Returns whether `text` holds what looks like an API key or a private key.
#[must_use]
pub fn looks_like_key(text: &str) -> bool {
    if text.contains("-----BEGIN ") && text.contains("PRIVATE KEY-----") {
        return true;
    }
    SHAPES.iter().any(|(prefix, length)| {
        // `contains` is many times quicker, and nearly all text holds none.
        text.contains(prefix)
            && text
                .match_indices(prefix)
                .any(|(at, _)| is_key_at(text, at, prefix, *length))
    })
}

/// Whether the prefix at `at` begins a word, and enough of a key follows it.
fn is_key_at(text: &str, at: usize, prefix: &str, length: usize) -> bool {
    let mut before = text.get(..at).unwrap_or_default().chars().rev();
    let word_before = match before.next() {
        // The `n` of an escaped line end is no letter of a word.
        Some('n' | 'r' | 't') => before.next() != Some('\\'),
        Some(character) => character.is_alphanumeric(),
        None => false,
    };
    let follows = text.get(at + prefix.len()..).is_some_and(|after| {
        let key = after.chars().take_while(|c| is_key_character(*c));
        key.take(length).count() == length
    });
    follows && !word_before
}

fn is_key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Returns `text` with every key of a known shape replaced.
#[must_use]
pub fn without_keys<'a>(text: &'a str, replacement: &str) -> Cow<'a, str> {
    if !looks_like_key(text) {
        return Cow::Borrowed(text);
    }
    let mut keys: Vec<(usize, usize)> = private_keys(text).collect();
    for (prefix, length) in SHAPES {
        for (at, _) in text.match_indices(prefix) {
            if is_key_at(text, at, prefix, *length) {
                let after = text.get(at + prefix.len()..).unwrap_or_default();
                let end = after.find(|c: char| !is_key_character(c));
                keys.push((at, at + prefix.len() + end.unwrap_or(after.len())));
            }
        }
    }
    keys.sort_unstable();
    let (mut out, mut done) = (String::with_capacity(text.len()), 0);
    for (start, end) in keys {
        if let Some(before) = text.get(done..start) {
            out.push_str(before);
            out.push_str(replacement);
            done = end;
        }
    }
    out.push_str(text.get(done..).unwrap_or_default());
    Cow::Owned(out)
}

/// Where private keys stand, in plain text or in JSON.
fn private_keys(text: &str) -> impl Iterator<Item = (usize, usize)> {
    const END: &str = "PRIVATE KEY-----";
    text.match_indices("-----BEGIN ")
        .filter_map(move |(start, _)| {
            let label = text.get(start..)?.lines().next()?;
            let body_at = start + label.find(END)? + END.len();
            let body = text.get(body_at..)?;
            // As far as the letters, digits and line ends (in JSON a backslash and `n`) of a key go.
            let length = body
                .find(|c: char| !(c.is_ascii_alphanumeric() || "+/=\\\n\r".contains(c)))
                .unwrap_or(body.len());
            Some((start, body_at + length))
        })
}

/// Returns whether a variable of this name and value would hold a secret.
#[must_use]
pub fn is_secret_variable(name: &str, value: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let named = NAMES.iter().any(|secret| {
        name.strip_suffix(secret)
            .is_some_and(|before| before.is_empty() || before.ends_with('_'))
    });
    looks_like_key(value)
        || named && value.len() >= SHORTEST_SECRET && !value.contains(char::is_whitespace)
}

/// Refuses a call that carries a key, whatever the magic.
pub(super) fn refuse(call: &MagicCall) -> Result<(), MagicError> {
    let body = call.body.as_deref().unwrap_or_default();
    if [call.name.as_str(), &call.args, body]
        .into_iter()
        .any(looks_like_key)
    {
        return Err(error(&format!(
            "line {} holds what looks like a key",
            call.line
        )));
    }
    Ok(())
}

/// Refuses a variable that would carry a secret into prompts and the notebook file.
pub(super) fn refuse_variable(name: &str, value: &str) -> Result<(), MagicError> {
    if is_secret_variable(name, value) {
        // The name may be the key itself, so it is not shown either.
        return Err(error("this variable would hold a key or a password"));
    }
    Ok(())
}

fn error(what: &str) -> MagicError {
    MagicError::new(
        format!("{what}, and a cell is saved with the notebook: nothing was set or sent"),
        "Delete it from the cell (and replace the key if the notebook was shared). `%help keys` says where keys belong.",
    )
}
