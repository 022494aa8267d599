//! JSON as clients write it: with lone surrogates, with numbers that JSON does not have (`NaN`),
//! with names that are not text. Pure.

use serde_json::value::RawValue;
use serde_json::{Map, Value};
use std::collections::BTreeMap;

/// Parses JSON; an escape of a lone surrogate (half of an emoji) becomes `\uFFFD`.
///
/// Browsers do write lone surrogates. If such a cell were refused, it would never turn idle.
pub(super) fn parse(text: &str) -> Result<Value, serde_json::Error> {
    serde_json::from_str(text).or_else(|error| {
        match replace_lone_surrogates(text, |_| "\\uFFFD".to_owned()) {
            Some(repaired) => serde_json::from_str(&repaired),
            None => Err(error),
        }
    })
}

/// Parses an object member by member, and leaves out the members that cannot be read. `None` if the
/// text is not an object.
pub(super) fn parse_members(text: &str) -> Option<Map<String, Value>> {
    let members = |text: &str| {
        let raw: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).ok()?;
        // The members come in the order of their names; nothing depends on the order.
        let read = |(name, raw): (String, Box<RawValue>)| Some((name, parse(raw.get()).ok()?));
        Some(raw.into_iter().filter_map(read).collect())
    };
    match parse(text) {
        Ok(Value::Object(map)) => Some(map),
        Ok(_) => None,
        Err(_) => members(text).or_else(|| members(&repaired(text)?)),
    }
}

/// Returns `text` as JSON that every parser can read; lone surrogates and numbers that JSON does
/// not have are replaced. `None` if this is not enough.
pub(super) fn repaired(text: &str) -> Option<String> {
    let numbers = replace_non_numbers(text);
    let text = numbers.as_deref().unwrap_or(text);
    let whole = replace_lone_surrogates(text, |_| "\\uFFFD".to_owned());
    let text = whole.as_deref().unwrap_or(text);
    // JSON that is nested too deeply for a parser, or has a number that is too large, is still
    // JSON.
    let is_json = serde_json::from_str::<&RawValue>(text).is_ok();
    is_json.then(|| text.to_owned())
}

/// Replaces the escapes `\uD800`-`\uDFFF` that have no partner; `None` if there are none.
pub(super) fn replace_lone_surrogates(
    text: &str,
    replacement: impl Fn(u16) -> String,
) -> Option<String> {
    let mut repaired = String::with_capacity(text.len());
    let mut changed = false;
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at(at);
        repaired.push_str(before);
        let len = match (code_unit(escape), escape.get(6..).and_then(code_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => 12,
            (Some(unit @ 0xD800..=0xDFFF), _) => {
                repaired.push_str(&replacement(unit));
                changed = true;
                rest = escape.get(6..).unwrap_or_default();
                continue;
            }
            // Any other escape is the backslash and the character after it.
            _ => 1 + escape.chars().nth(1).map_or(0, char::len_utf8),
        };
        let (kept, after) = escape.split_at(len.min(escape.len()));
        repaired.push_str(kept);
        rest = after;
    }
    repaired.push_str(rest);
    changed.then_some(repaired)
}

/// Reads the UTF-16 code unit of a leading `\uXXXX`.
fn code_unit(text: &str) -> Option<u16> {
    let digits = text.strip_prefix("\\u")?.get(..4)?;
    if !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    u16::from_str_radix(digits, 16).ok()
}

/// Replaces the numbers that Python writes and JSON does not have by `null`, except in strings;
/// `None` if there are none.
fn replace_non_numbers(text: &str) -> Option<String> {
    let mut repaired = String::with_capacity(text.len());
    let mut changed = false;
    // The pieces between quotes are in turn outside and inside of a string.
    let mut is_string = false;
    let mut rest = text;
    while !rest.is_empty() {
        let end = match is_string {
            false => rest.find('"').unwrap_or(rest.len()),
            true => string_end(rest),
        };
        let (piece, after) = rest.split_at(end);
        match is_string {
            true => repaired.push_str(piece),
            false => {
                let plain = ["-Infinity", "Infinity", "NaN"]
                    .iter()
                    .fold(piece.to_owned(), |piece, word| piece.replace(word, "null"));
                changed |= plain != piece;
                repaired.push_str(&plain);
            }
        }
        let quote = after.len().min(1);
        repaired.push_str(after.get(..quote).unwrap_or_default());
        rest = after.get(quote..).unwrap_or_default();
        is_string = !is_string;
    }
    changed.then_some(repaired)
}

/// Returns the position at which the string ends that is open at the beginning of `text`.
fn string_end(text: &str) -> usize {
    let mut escaped = false;
    let end = text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    });
    end.unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_that_cannot_be_read_are_left_out_alone() {
        let deep = format!(
            r#"{{"cellId":"a","n":{}{}}}"#,
            "[".repeat(200),
            "]".repeat(200)
        );
        for (text, expected) in [
            (r#"{"cellId":"a"}"#, Some(json!({"cellId": "a"}))),
            (
                r#"{"cellId":"a","n":1e+999}"#,
                serde_json::from_str(r#"{"cellId":"a","n":1e+999}"#).ok(),
            ),
            (&deep, Some(json!({"cellId": "a"}))),
            (
                r#"{"cellId":"NaN \" Infinity","n":NaN,"m":[-Infinity,Infinity,1]}"#,
                Some(json!({"cellId": "NaN \" Infinity", "m": [null, null, 1], "n": null})),
            ),
            (r#"{"a":"\ud83d","n":01}"#, None),
            ("[]", None),
            ("", None),
            ("{", None),
            (r#"{"a":"#, None),
            (r#"{"a":""#, None),
            ("NaN", None),
        ] {
            assert_eq!(parse_members(text).map(Value::Object), expected, "{text}");
        }
    }

    #[test]
    fn only_what_must_be_is_repaired() {
        for (text, expected) in [
            (r#"{"n":1e999}"#, Some(r#"{"n":1e999}"#)),
            (r#"{"n":1.50}"#, Some(r#"{"n":1.50}"#)),
            (
                r#"{"n": NaN, "\ud83d":"\\"}"#,
                Some(r#"{"n": null, "\uFFFD":"\\"}"#),
            ),
            (
                r#"["a\\", NaN, "b\" NaN"]"#,
                Some(r#"["a\\", null, "b\" NaN"]"#),
            ),
            ("{]", None),
            ("", None),
        ] {
            assert_eq!(repaired(text).as_deref(), expected, "{text}");
        }
    }
}
