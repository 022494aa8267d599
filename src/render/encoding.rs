//! Text of a file in the encoding that it was written in.
//!
//! UTF-8, UTF-16 if the file begins with a mark that says so, and else Windows-1252: what programs
//! on older systems write, and a superset of Latin-1. Never fails.

use std::borrow::Cow;

/// What the bytes 80 to 9F mean in Windows-1252; the others mean the character of their number.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Returns the text of a file, or of its beginning, without a byte order mark. `None` if it is not
/// text.
pub(crate) fn decoded(bytes: &[u8]) -> Option<Cow<'_, str>> {
    match bytes {
        [0xff, 0xfe, rest @ ..] => return utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => return utf16(rest, u16::from_be_bytes),
        _ => {}
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    if bytes.contains(&0) {
        return None;
    }
    let error = match std::str::from_utf8(bytes) {
        Ok(text) => return Some(Cow::Borrowed(text)),
        Err(error) => error,
    };
    // At the end of a beginning, half a character may stand.
    if error.error_len().is_none() || has_utf8(bytes) {
        return Some(String::from_utf8_lossy(bytes));
    }
    let character = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252.get(usize::from(byte - 0x80)).copied(),
        _ => Some(char::from(*byte)),
    };
    Some(bytes.iter().filter_map(character).collect())
}

/// Whether any character beyond ASCII is written in UTF-8: then bytes that are not are damaged.
fn has_utf8(bytes: &[u8]) -> bool {
    bytes.utf8_chunks().any(|chunk| !chunk.valid().is_ascii())
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'_, str>> {
    let (pairs, _half) = bytes.as_chunks::<2>();
    let text = char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect::<String>();
    (!text.contains('\0')).then_some(Cow::Owned(text))
}
