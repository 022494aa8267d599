//! Keeps keys out of journals, outputs and logs: whatever text they came with, and however it is cut
//! into pieces. Pure.
//!
//! If a key was taken out of a conversation, its text is no longer the one that the API bound the
//! thinking to. Then the digests differ, and `chat::turn::compose` leaves that thinking out.

use std::borrow::Cow;

use crate::cell::secret::{self, OpenKey};
use crate::config::{KnownSecrets, Secret};

/// What stands in a key's place.
pub const REDACTED: &str = "[a key, not recorded]";
/// What is held back of a key whose end is to come. A longer one is shortened.
const MOST_HELD: usize = 512;
/// What stands before a piece decides whether a key begins there: two characters.
const CONTEXT: usize = 2;

/// Knows this process's own secrets, and what others look like.
#[derive(Debug, Clone, Default)]
pub struct Redactor {
    own: KnownSecrets,
    /// Whether only the own secrets are looked for.
    only_own: bool,
}

impl Redactor {
    /// Knows these values besides the shapes of keys.
    #[must_use]
    pub fn new(own: impl IntoIterator<Item = Secret>) -> Self {
        Self {
            own: KnownSecrets::new(own),
            only_own: false,
        }
    }

    /// Knows these besides the shapes of keys.
    #[must_use]
    pub fn knowing(own: KnownSecrets) -> Self {
        Self {
            own,
            only_own: false,
        }
    }

    /// Knows these values and nothing else: what a person is shown may speak of keys.
    #[must_use]
    pub fn of_own(own: KnownSecrets) -> Self {
        Self {
            own,
            only_own: true,
        }
    }

    /// Returns the process's own secrets.
    #[must_use]
    pub fn own(&self) -> &KnownSecrets {
        &self.own
    }

    /// Returns text, or JSON lines, without keys. What it puts in needs no escaping.
    #[must_use]
    pub fn redact<'a>(&self, lines: &'a str) -> Cow<'a, str> {
        let covered = self.own.cover(lines, REDACTED);
        if self.only_own {
            return covered;
        }
        match covered {
            Cow::Borrowed(lines) => secret::without_keys(lines, REDACTED),
            Cow::Owned(lines) => Cow::Owned(secret::without_keys(&lines, REDACTED).into_owned()),
        }
    }

    /// Returns whether no secret stands in `piece` and none may begin at its end, as far as a quick look
    /// tells. What stands before it is `context`, in which no key begins.
    fn is_plain(&self, context: &str, piece: &str) -> bool {
        !self.own.may_begin_in(piece) && (self.only_own || !secret::may_begin_in(context, piece))
    }

    /// Returns `at`, or where the secret begins that a cut there would take apart.
    fn uncut(&self, text: &str, from: usize, at: usize) -> usize {
        if at >= text.len() {
            return at;
        }
        let mut places = match self.only_own {
            true => Vec::new(),
            false => secret::keys_from(text, from),
        };
        let fresh = text.get(from..).unwrap_or_default();
        let own = self.own.places(fresh).into_iter();
        places.extend(own.map(|(start, end)| (from + start, from + end)));
        outside(&places, at)
    }

    /// Redacts what stands behind `context`, in which no key begins.
    fn redact_behind(&self, context: &str, fresh: &str) -> String {
        let covered = self.own.cover(fresh, REDACTED);
        if self.only_own || !secret::may_hold_key(&covered) {
            return covered.into_owned();
        }
        let joined = format!("{context}{covered}");
        let redacted = secret::without_keys_from(&joined, context.len(), REDACTED);
        redacted.get(context.len()..).unwrap_or_default().to_owned()
    }

    /// Where `text` ends with what may be the beginning of an own secret.
    fn own_begun(&self, text: &str) -> Option<usize> {
        let spellings = self.own.spellings();
        let begun = spellings.filter_map(|spelling| secret::begun(text, spelling));
        begun.min()
    }

    /// Returns what `text` ends with that may be a secret of which the rest is to come.
    /// It begins at or behind `from`.
    fn open(&self, text: &str, from: usize) -> Option<OpenKey> {
        let fresh = text.get(from..)?;
        let own = self.own_begun(fresh).map(|start| OpenKey {
            start: from + start,
            is_key: false,
        });
        let shaped = match self.only_own {
            true => None,
            false => secret::open_key(text, from),
        };
        match (own, shaped) {
            (Some(own), Some(shaped)) if own.start < shaped.start => Some(own),
            (own, None) => own,
            (_, shaped) => shaped,
        }
    }
}

/// Returns `at`, or where the first of these places begins that it is in: one may end with what may
/// be the beginning of another.
fn outside(places: &[(usize, usize)], mut at: usize) -> usize {
    while let Some((start, _)) = places.iter().find(|(start, end)| *start < at && at < *end) {
        at = *start;
    }
    at
}

/// Text that comes in pieces. What it gives out holds no key, also where one came in two pieces.
#[derive(Debug, Clone)]
pub struct Stream {
    redactor: Redactor,
    /// The end of what was given out, then what is held back.
    text: String,
    given: usize,
}

impl Stream {
    /// Begins a text.
    #[must_use]
    pub fn new(redactor: Redactor) -> Self {
        Self {
            redactor,
            text: String::new(),
            given: 0,
        }
    }

    /// Takes a piece; returns what can be given out by now.
    pub fn push<'a>(&mut self, piece: &'a str) -> Cow<'a, str> {
        if self.given == self.text.len() && self.redactor.is_plain(&self.text, piece) {
            self.text.push_str(piece);
            self.gave(self.text.len());
            return Cow::Borrowed(piece);
        }
        Cow::Owned(self.look_through(piece))
    }

    fn look_through(&mut self, piece: &str) -> String {
        self.text.push_str(piece);
        self.cover_own();
        let open = self.redactor.open(&self.text, self.given);
        let held_from = open.map_or(self.text.len(), |open| open.start);
        let held_from = self.redactor.uncut(&self.text, self.given, held_from);
        let out = self.give(held_from);
        let is_key = open.is_some_and(|open| open.is_key && open.start == held_from);
        if is_key && self.text.len() - self.given > MOST_HELD {
            let longest = self.redactor.own.spellings().map(str::len).max();
            let short = secret::shortened(&self.text, self.given, longest.unwrap_or(0));
            if let Some(short) = short {
                self.text.replace_range(self.given.., &short);
            }
        }
        out
    }

    /// Covers the own secrets that are whole. It comes first: a key that stands right behind one is
    /// then no part of a word.
    fn cover_own(&mut self) {
        let fresh = self.text.get(self.given..).unwrap_or_default();
        let begun = self.redactor.own_begun(fresh).unwrap_or(fresh.len());
        let end = outside(&self.redactor.own.places(fresh), begun);
        let whole = fresh.get(..end).unwrap_or_default();
        if let Cow::Owned(covered) = self.redactor.own.cover(whole, REDACTED) {
            let place = self.given..self.given + end;
            self.text.replace_range(place, &covered);
        }
    }

    /// Returns what was held back: nothing follows.
    pub fn finish(&mut self) -> String {
        self.give(self.text.len())
    }

    /// Gives out the text up to `end`, without keys.
    fn give(&mut self, end: usize) -> String {
        let context = self.text.get(..self.given).unwrap_or_default();
        let fresh = self.text.get(self.given..end).unwrap_or_default();
        let out = self.redactor.redact_behind(context, fresh);
        self.gave(end);
        out
    }

    /// Keeps the end of what was given out, as context.
    fn gave(&mut self, end: usize) {
        let given = self.text.get(..end).unwrap_or_default();
        let before = given.char_indices().rev().take(CONTEXT).last();
        let from = before.map_or(0, |(at, _)| at);
        self.given = end - from;
        self.text.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "sk-ant-api03-AbCdEf-0123456789_xyz";
    const OWN: &str = "gate\"way\\0123456789abcdef";

    fn in_pieces(redactor: &Redactor, text: &str, size: usize) -> String {
        let mut stream = Stream::new(redactor.clone());
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let (piece, more) = rest.split_at(rest.ceil_char_boundary(size.min(rest.len())));
            out.push_str(&stream.push(piece));
            rest = more;
        }
        out + &stream.finish()
    }

    #[test]
    fn a_key_in_pieces_is_as_hidden_as_a_whole_one() {
        let redactor = Redactor::new([Secret::new(OWN)]);
        let escaped = serde_json::json!(OWN).to_string();
        let private =
            "-----BEGIN RSA PRIVATE KEY-----\nMIIEabc+/=\nMIIE\n-----END RSA PRIVATE KEY-----";
        for text in [
            format!("The key is {KEY}, é and\n{KEY}"),
            format!("{OWN}{OWN} or {escaped}."),
            format!("x {private} y"),
            format!("{}{}", KEY, "a".repeat(3000)),
            "risk-ant-eater1 and sk-ant and sk-a and -----BEGIN CERTIFICATE-----\nabc".to_owned(),
            format!("{} sk-ant-", "sk-ant-".repeat(100)),
            "x ghp_aaaaaaaaaaaaaaaaaa-----BEGIN of it".to_owned(),
            // A key is no part of a word, but of what a secret was.
            format!(
                "{OWN}ghp_ghp_ghp_ghp_ghp34567 {}ghp_ghp_ghp_ghp_ghp34567",
                &OWN[..17]
            ),
            format!("{}{KEY} {OWN}{KEY}", &OWN[..17]),
            // The end of one key looks like the beginning of the next.
            "-----BEGIN PRIVATE KEY-----\nMIIE=ghp_AbCdEfghijklmnopqrstuvwxyz.".to_owned(),
            "sk-ant-api03-AbCd-----BEGIN PRIVATE KEY-----\nAbCdEf\n-----END".to_owned(),
        ] {
            let whole = redactor.redact(&text).into_owned();
            assert!(
                !whole.contains("AbCdEf") && !whole.contains("0123456789a"),
                "{whole}"
            );
            for size in 1..=40 {
                assert_eq!(in_pieces(&redactor, &text, size), whole, "{size} {text}");
            }
        }
    }

    /// However long the first is, and wherever in it the second begins.
    #[test]
    fn a_key_that_begins_in_the_end_of_a_long_one_is_hidden_too() {
        let own = format!("7{}", "x/y+".repeat(40));
        let redactor = Redactor::new([Secret::new(own.as_str())]);
        let private = "-----BEGIN PRIVATE KEY-----\nMIIE".to_owned();
        let second = "AbCdEf0123456789";
        for (first, unit) in [(&private, "aa+/Bc\n"), (&KEY.to_owned(), "a-B_c")] {
            for (opening, rest) in [
                ("\nAKIA", "-"),
                ("\\nAKIA", "_"),
                ("+ghp", "_aaaaaaaa"),
                ("-----BEGIN", " PRIVATE KEY-----\\n"),
                ("-----BEGIN", " PRIVATE KEY-----\n"),
                (&own[..100], &own[100..]),
            ] {
                for (before, after) in [(50, 0), (600, 0), (600, 100), (2_000, 900), (500, 2_000)] {
                    let fill = |length: usize| unit.repeat(length / unit.len());
                    let more = "Aa".repeat(after / 2);
                    let text = format!("x {first}{}{opening}{more}{rest}{second} y", fill(before));
                    let whole = redactor.redact(&text).into_owned();
                    for size in [7, 40, 700] {
                        assert_eq!(in_pieces(&redactor, &text, size), whole, "{size} {text}");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_no_key_is_given_out_at_once() {
        let mut stream = Stream::new(Redactor::new([Secret::new(OWN)]));
        for piece in ["The ", "mask", "-and ", "é", "task. "] {
            assert_eq!(stream.push(piece), piece);
        }
        assert_eq!(stream.push("a sk-"), "a ");
        assert_eq!(stream.push("ate"), "sk-ate");
        assert_eq!(stream.push(" gate\""), " ");
        assert_eq!(stream.finish(), "gate\"");
    }

    #[test]
    fn only_own_secrets_are_taken_out_of_what_a_person_is_shown() {
        let redactor = Redactor::of_own(KnownSecrets::new([Secret::new(OWN)]));
        let text = format!("Keys look like {KEY}; yours is {OWN}.");
        for size in 1..=40 {
            let shown = in_pieces(&redactor, &text, size);
            assert_eq!(shown, format!("Keys look like {KEY}; yours is {REDACTED}."));
        }
    }
}
