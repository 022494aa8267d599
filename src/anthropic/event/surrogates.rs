//! Halves of characters (surrogates): JSON can name one half of a UTF-16 pair alone (`\ud83d`), and
//! one half alone is no valid text. If a pair was cut in two between deltas, its halves are joined.
//! A half whose other half does not come is replaced by U+FFFD. Pure.

use std::borrow::Cow;

use super::{Delta, StreamEvent};

/// Replaces a half whose other half does not come.
const REPLACEMENT: char = '\u{fffd}';
/// The first of the private characters that stand for halves until it is known what follows.
const FIRST_MARK: u32 = 0x0010_0000;
/// The range of halves: the first, the first of those that end a pair, and one past the last.
const HALVES: (u32, u32, u32) = (0xd800, 0xdc00, 0xe000);
/// Bytes of an escape: `\u` and four digits.
const ESCAPE: usize = 6;

/// Replaces the halves in a JSON text that stand alone.
#[must_use]
pub fn replaced(json: &str) -> Cow<'_, str> {
    replace_halves(json, |_| Some(REPLACEMENT)).map_or(Cow::Borrowed(json), Cow::Owned)
}

/// Puts a private character in the place of each half that stands alone in a JSON text, for
/// [`Joiner`]; `None` if there is no such half.
#[must_use]
pub(in crate::anthropic) fn marked(json: &str) -> Option<String> {
    replace_halves(json, |half| char::from_u32(FIRST_MARK + half - HALVES.0))
}

fn replace_halves(json: &str, stand_in: impl Fn(u32) -> Option<char>) -> Option<String> {
    // Most texts hold no escape at all, and all pieces of an answer pass here.
    let first = memchr::memchr(b'\\', json.as_bytes())?;
    let escapes = json.get(first..).unwrap_or_default();
    if !(escapes.contains("\\ud") || escapes.contains("\\uD")) {
        return None;
    }
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    let mut is_changed = false;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        mended.push_str(before);
        let (first, ends) = (HALVES.0..HALVES.1, HALVES.1..HALVES.2);
        let taken = match half(escape) {
            Some(unit) if first.contains(&unit) => {
                let next = escape.get(ESCAPE..).and_then(half);
                if next.is_some_and(|next| ends.contains(&next)) {
                    2 * ESCAPE
                } else {
                    0
                }
            }
            Some(_) => 0,
            // An escaped backslash does not begin the next escape.
            None => escape.chars().take(2).map(char::len_utf8).sum(),
        };
        if taken == 0 {
            let stand_in = half(escape).and_then(&stand_in);
            mended.push(stand_in.unwrap_or(REPLACEMENT));
            is_changed = true;
            rest = escape.get(ESCAPE..).unwrap_or_default();
        } else {
            let (whole, after) = escape.split_at_checked(taken).unwrap_or((escape, ""));
            mended.push_str(whole);
            rest = after;
        }
    }
    mended.push_str(rest);
    is_changed.then_some(mended)
}

/// The half whose escape a text begins with.
fn half(text: &str) -> Option<u32> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    let unit = u32::from_str_radix(digits, 16).ok()?;
    (HALVES.0..HALVES.2).contains(&unit).then_some(unit)
}

/// Joins the halves of characters that were cut in two between deltas.
#[derive(Debug, Default)]
pub(in crate::anthropic) struct Joiner {
    /// The first half of a pair, if the last delta ended in one: the index of its block, an example
    /// of its kind of delta, and the private character.
    waiting: Option<(usize, Delta, char)>,
}

impl Joiner {
    /// Returns the event with its halves joined or replaced. If a half of an earlier delta turns
    /// out to stand alone, also returns an event that goes before. `is_marked` says that the event
    /// was read from a text that [`marked`] returned.
    pub(in crate::anthropic) fn join(
        &mut self,
        mut event: StreamEvent,
        is_marked: bool,
    ) -> (Option<StreamEvent>, StreamEvent) {
        if !is_marked && self.waiting.is_none() || event == StreamEvent::Ping {
            return (None, event);
        }
        let mut before = None;
        let mut is_marked = is_marked;
        if let Some((index, kind, first)) = self.waiting.take() {
            match text_of(&mut event, Some((index, &kind))) {
                Some(text) => {
                    text.insert(0, first);
                    is_marked = true;
                }
                None => {
                    let delta = with_text(&kind, REPLACEMENT.to_string());
                    before = Some(StreamEvent::BlockDelta { index, delta });
                }
            }
        }
        if is_marked && let Some(text) = text_of(&mut event, None) {
            let (joined, first) = joined(text);
            *text = joined;
            if let (Some(first), StreamEvent::BlockDelta { index, delta }) = (first, &event) {
                self.waiting = Some((*index, with_text(delta, String::new()), first));
            }
        }
        (before, event)
    }
}

/// The text of a delta. With `like`, only if the delta is of that block and kind.
fn text_of<'a>(
    event: &'a mut StreamEvent,
    like: Option<(usize, &Delta)>,
) -> Option<&'a mut String> {
    let StreamEvent::BlockDelta { index, delta } = event else {
        return None;
    };
    if let Some((block, kind)) = like
        && (*index != block || std::mem::discriminant(delta) != std::mem::discriminant(kind))
    {
        return None;
    }
    match delta {
        Delta::Text(text) | Delta::InputJson(text) | Delta::Thinking(text) => Some(text),
        Delta::Signature(_) | Delta::Citation(_) | Delta::Other { .. } => None,
    }
}

fn with_text(kind: &Delta, text: String) -> Delta {
    match kind {
        Delta::InputJson(_) => Delta::InputJson(text),
        Delta::Thinking(_) => Delta::Thinking(text),
        _ => Delta::Text(text),
    }
}

/// Joins the halves that [`marked`] replaced. The second value is the first half of a pair, if the
/// text ends in one.
fn joined(text: &str) -> (String, Option<char>) {
    let mark = |character: char| {
        let unit = u32::from(character).checked_sub(FIRST_MARK)? + HALVES.0;
        (HALVES.0..HALVES.2).contains(&unit).then_some(unit)
    };
    let mut whole = String::with_capacity(text.len());
    let mut characters = text.chars().peekable();
    while let Some(character) = characters.next() {
        let Some(unit) = mark(character) else {
            whole.push(character);
            continue;
        };
        if unit >= HALVES.1 {
            whole.push(REPLACEMENT);
            continue;
        }
        match characters.peek().copied() {
            None => return (whole, Some(character)),
            Some(next) => match mark(next).filter(|next| *next >= HALVES.1) {
                Some(second) => {
                    characters.next();
                    let point = 0x1_0000 + ((unit - HALVES.0) << 10) + (second - HALVES.1);
                    whole.push(char::from_u32(point).unwrap_or(REPLACEMENT));
                }
                None => whole.push(REPLACEMENT),
            },
        }
    }
    (whole, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w7_halves_that_stand_alone_are_replaced_and_nothing_else_is() {
        for (json, expected) in [
            (r#""a\ud83db""#, "\"a\u{fffd}b\""),
            (r#""\uDE00""#, "\"\u{fffd}\""),
            (r#""\ud83d\ud83d\ude00""#, "\"\u{fffd}\\ud83d\\ude00\""),
            (r#""\ud83d\u0041""#, "\"\u{fffd}\\u0041\""),
            (r#""\ud83d""#, "\"\u{fffd}\""),
            (r#""\\ud83d""#, r#""\\ud83d""#),
            (r#""\ud83d\ude00\\""#, r#""\ud83d\ude00\\""#),
            (r#""\ud83""#, r#""\ud83""#),
        ] {
            assert_eq!(replaced(json), expected, "{json}");
        }
    }

    /// Runs pieces of JSON strings as text deltas; returns the text that arrives.
    fn streamed(pieces: &[&str]) -> String {
        let mut joiner = Joiner::default();
        let mut text = String::new();
        let mut take = |event: StreamEvent| {
            if let StreamEvent::BlockDelta {
                delta: Delta::Text(piece),
                ..
            } = event
            {
                text.push_str(&piece);
            }
        };
        for piece in pieces {
            let data = format!(r#"{{"index":0,"delta":{{"type":"text_delta","text":"{piece}"}}}}"#);
            let mended = marked(&data);
            let is_marked = mended.is_some();
            let data = mended.unwrap_or(data);
            let event = StreamEvent::parse("content_block_delta", &data).unwrap();
            let (before, event) = joiner.join(event, is_marked);
            before.into_iter().for_each(&mut take);
            take(event);
        }
        let (before, _) = joiner.join(StreamEvent::BlockStop { index: 0 }, false);
        before.into_iter().for_each(&mut take);
        text
    }

    #[test]
    fn w7_a_pair_that_is_cut_in_two_is_the_character_it_is() {
        assert_eq!(streamed(&[r"a\ud83d", r"\ude00b"]), "a\u{1f600}b");
        assert_eq!(streamed(&[r"a\ud83d", "", r"\ude00b"]), "a\u{1f600}b");
        assert_eq!(streamed(&[r"a\ud83d", "b"]), "a\u{fffd}b");
        assert_eq!(streamed(&[r"a\ud83d"]), "a\u{fffd}");
        assert_eq!(
            streamed(&[r"\ud83d", r"\ud83d", r"\ude00"]),
            "\u{fffd}\u{1f600}"
        );
        assert_eq!(
            streamed(&["\u{100000}"]),
            "\u{100000}",
            "a private character"
        );
    }
}
