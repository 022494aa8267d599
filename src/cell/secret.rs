//! Keys are never magic arguments: what looks like one is refused, and never echoed.

use super::magic::MagicError;
use super::parse::MagicCall;

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
        text.match_indices(prefix).any(|(at, _)| {
            let word_before = text
                .get(..at)
                .and_then(|before| before.chars().next_back())
                .is_some_and(char::is_alphanumeric);
            let follows = text.get(at + prefix.len()..).is_some_and(|after| {
                after
                    .chars()
                    .take_while(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))
                    .take(*length)
                    .count()
                    == *length
            });
            follows && !word_before
        })
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
        // The name may be the key itself, so it is not echoed either.
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
