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
    if !may_hold_key(text) {
        return false;
    }
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

/// Returns whether `text` has a character of those of which one is in every shape. Most pieces of an
/// answer have none, so this is asked first. It looks at each byte once.
#[must_use]
pub fn may_hold_key(text: &str) -> bool {
    memchr::memchr3(b'-', b'_', b'A', text.as_bytes()).is_some()
}

/// Returns whether a key may stand in `piece`, or begin at its end. What stands before it is `context`,
/// in which no key begins. It is quick, and true for some pieces without any.
#[must_use]
pub fn may_begin_in(context: &str, piece: &str) -> bool {
    if may_hold_key(piece) {
        return true;
    }
    let word_at = piece
        .bytes()
        .rposition(|byte| !byte.is_ascii_alphanumeric())
        .map_or(0, |at| at + 1);
    let word = piece.get(word_at..).unwrap_or_default();
    if word.is_empty() {
        return false;
    }
    let before = match word_at {
        0 => context.bytes().next_back(),
        at => piece.as_bytes().get(at - 1).copied(),
    };
    // What stands behind a backslash may be a line end.
    if before == Some(b'\\') {
        return true;
    }
    let is_inside = word_at == 0 && is_inside_word(context, context.len());
    // The word has none of the characters of which one is in every shape: it is at most a beginning.
    !is_inside && SHAPES.iter().any(|(prefix, _)| prefix.starts_with(word))
}

/// Whether the prefix at `at` begins a word, and enough of a key follows it.
fn is_key_at(text: &str, at: usize, prefix: &str, length: usize) -> bool {
    let follows = text.get(at + prefix.len()..).is_some_and(|after| {
        let key = after.chars().take_while(|c| is_key_character(*c));
        key.take(length).count() == length
    });
    follows && !is_inside_word(text, at)
}

/// Whether a letter or digit stands before `at`.
fn is_inside_word(text: &str, at: usize) -> bool {
    let mut before = text.get(..at).unwrap_or_default().chars().rev();
    match before.next() {
        // The `n` of an escaped line end is no letter of a word.
        Some('n' | 'r' | 't') => before.next() != Some('\\'),
        Some(character) => character.is_alphanumeric(),
        None => false,
    }
}

fn is_key_character(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_')
}

/// Returns `text` with every key of a known shape replaced. Each character is looked at a fixed
/// number of times, whatever the text is.
#[must_use]
pub fn without_keys<'a>(text: &'a str, replacement: &str) -> Cow<'a, str> {
    without_keys_from(text, 0, replacement)
}

/// Returns `text` without the keys that begin at or behind `from`. What stands before tells whether a
/// word begins there.
#[must_use]
pub fn without_keys_from<'a>(text: &'a str, from: usize, replacement: &str) -> Cow<'a, str> {
    let keys = keys_from(text, from);
    if keys.is_empty() {
        return Cow::Borrowed(text);
    }
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

/// Returns where keys stand that begin at or behind `from`, in order. No two places overlap.
#[must_use]
pub fn keys_from(text: &str, from: usize) -> Vec<(usize, usize)> {
    if !looks_like_key(text) {
        return Vec::new();
    }
    let mut keys = private_keys(text, from);
    for (prefix, length) in SHAPES {
        push_keys(text, from, (*prefix, *length), &mut keys);
    }
    keys.sort_unstable();
    // The end of a private key may be the beginning of another key: they are one place.
    keys.dedup_by(|(start, end), (_, last)| {
        let overlaps = *start < *last;
        if overlaps {
            *last = (*last).max(*end);
        }
        overlaps
    });
    keys
}

/// Adds where keys of one shape stand.
fn push_keys(
    text: &str,
    mut from: usize,
    (prefix, length): (&str, usize),
    keys: &mut Vec<(usize, usize)>,
) {
    while let Some(at) = find(text, prefix, from) {
        from = at + prefix.len();
        if is_key_at(text, at, prefix, length) {
            // A key holds no other one: the search goes on behind it.
            from += key_length(text.get(from..).unwrap_or_default(), is_key_character);
            keys.push((at, from));
        }
    }
}

fn find(text: &str, pattern: &str, from: usize) -> Option<usize> {
    let found = text.get(from..)?.find(pattern)?;
    Some(from + found)
}

/// How many bytes `text` begins with that may be in a key.
fn key_length(text: &str, is_of_key: fn(char) -> bool) -> usize {
    text.find(|c: char| !is_of_key(c)).unwrap_or(text.len())
}

const PRIVATE_BEGIN: &str = "-----BEGIN ";
const PRIVATE_END: &str = "PRIVATE KEY-----";
/// The longest label between the two: `OPENSSH ` and `ENCRYPTED ` are ten bytes.
const LONGEST_LABEL: usize = 32;

/// Where private keys stand, in plain text or in JSON.
fn private_keys(text: &str, mut from: usize) -> Vec<(usize, usize)> {
    let mut keys = Vec::new();
    while let Some(start) = find(text, PRIVATE_BEGIN, from) {
        from = start + PRIVATE_BEGIN.len();
        if let Some(body_at) = private_body(text, from) {
            from = body_at + key_length(text.get(body_at..).unwrap_or_default(), is_of_private_key);
            keys.push((start, from));
        }
    }
    keys
}

/// Where the body of a private key begins whose label begins at `label_at`.
fn private_body(text: &str, label_at: usize) -> Option<usize> {
    let rest = text.get(label_at..)?;
    let near = rest.floor_char_boundary(LONGEST_LABEL + PRIVATE_END.len());
    let label = rest.get(..near)?.lines().next()?;
    Some(label_at + label.find(PRIVATE_END)? + PRIVATE_END.len())
}

/// Letters, digits and line ends (in JSON a backslash and `n`).
fn is_of_private_key(c: char) -> bool {
    c.is_ascii_alphanumeric() || "+/=\\\n\r".contains(c)
}

/// What a text ends with that may be a key whose end is still to come.
#[derive(Debug, Clone, Copy)]
pub struct OpenKey {
    /// Where it begins.
    pub start: usize,
    /// Whether it is one already, whatever comes: only its end is open.
    pub is_key: bool,
}

/// Returns what `text` ends with that may be a key of a known shape, of which the rest is to come, if
/// it begins at or behind `from`.
#[must_use]
pub fn open_key(text: &str, from: usize) -> Option<OpenKey> {
    let open = [open_private_key(text, from), open_word(text, from)];
    open.into_iter().flatten().min_by_key(|open| open.start)
}

fn open_private_key(text: &str, from: usize) -> Option<OpenKey> {
    memchr::memchr(b'-', text.as_bytes())?;
    let open = |start, is_key| OpenKey { start, is_key };
    if let Some(start) = text.rfind(PRIVATE_BEGIN).filter(|start| *start >= from) {
        let label_at = start + PRIVATE_BEGIN.len();
        let rest = text.get(label_at..)?;
        match private_body(text, label_at) {
            Some(body_at) if text.get(body_at..)?.chars().all(is_of_private_key) => {
                return Some(open(start, true));
            }
            None if rest.len() <= LONGEST_LABEL + PRIVATE_END.len() && !rest.contains('\n') => {
                return Some(open(start, false));
            }
            Some(_) | None => {}
        }
    }
    let start = begun(text.get(from..)?, PRIVATE_BEGIN)?;
    Some(open(from + start, false))
}

/// A key of [`SHAPES`]: what stands behind the last character that no key has.
fn open_word(text: &str, from: usize) -> Option<OpenKey> {
    let word_at = text
        .rfind(|c: char| !is_key_character(c))
        .map_or(0, |at| text.ceil_char_boundary(at + 1))
        .max(from);
    let word = text.get(word_at..)?;
    let mut starts = word
        .char_indices()
        .map(|(at, _)| word_at + at)
        .filter(|&at| !is_inside_word(text, at));
    let (start, is_key) = starts.find_map(|start| {
        let rest = text.get(start..)?;
        let whole = SHAPES
            .iter()
            .find(|(prefix, _)| rest.starts_with(prefix))
            .map(|(prefix, length)| is_key_at(text, start, prefix, *length));
        let is_begun = || SHAPES.iter().any(|(prefix, _)| prefix.starts_with(rest));
        let is_key = whole.or_else(|| is_begun().then_some(false))?;
        Some((start, is_key))
    })?;
    Some(OpenKey { start, is_key })
}

/// More than any key begins with before it is one.
const OPENING: usize = 64;
/// So much decides whether a word begins behind it.
const BEFORE: usize = 2;

/// Returns the open key that `text` ends with, which begins at `start`, without what decides nothing:
/// however it goes on, as much is a key as before. Kept are its opening, that of another key in it,
/// and its last bytes, which may be the beginning of something of `longest` bytes.
#[must_use]
pub fn shortened(text: &str, start: usize, longest: usize) -> Option<String> {
    let body = start + OPENING;
    let inner = open_word(text, start + 1).filter(|inner| inner.is_key);
    // What stands before an opening tells whether a word begins there.
    let inner = inner.map_or(body..body, |inner| {
        body.max(inner.start - BEFORE)..body.max(inner.start + OPENING)
    });
    let end = text.len().checked_sub(longest.max(OPENING) + BEFORE)?;
    let end = text.floor_char_boundary(end);
    if end <= inner.end {
        return None;
    }
    // No word begins at the joint.
    let (opening, end) = (text.get(start..body)?, text.get(end..)?);
    Some(format!("{opening}{}a{end}", text.get(inner)?))
}

/// Where `text` ends with a beginning of `pattern` that is not the whole of it. This is asked for
/// each piece of an answer, so only places with the first byte of `pattern` are compared.
pub(crate) fn begun(text: &str, pattern: &str) -> Option<usize> {
    let (text_bytes, pattern) = (text.as_bytes(), pattern.as_bytes());
    let longest = pattern.len().saturating_sub(1).min(text.len());
    let from = text.len() - longest;
    let tail = text_bytes.get(from..)?;
    memchr::memchr_iter(*pattern.first()?, tail)
        .filter(|&at| tail.get(at..).is_some_and(|end| pattern.starts_with(end)))
        .map(|at| from + at)
        .find(|&at| text.is_char_boundary(at))
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
