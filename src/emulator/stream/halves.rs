//! Half characters. If a model's tokens are written as JSON with UTF-16 escapes, a character beyond
//! U+FFFF can be split into two halves (the fault `surrogates`).
//!
//! JSON values hold only whole characters. So a half is kept as a character of the private use area
//! and becomes an escape when a frame is written.

use serde_json::Value;

/// The first half that stands, alone, for U+FFFD.
const LONE: &str = "\\ud83d";
/// The first character that stands for a half: a half is this plus its number among the 2,048
/// surrogates.
const KEPT: u32 = 0x10_0000;

/// Splits a delta within every character of its text that is beyond U+FFFF.
pub(super) fn split(delta: &Value) -> Vec<Value> {
    // Inputs of tools are JSON within JSON, and no halves have been seen there.
    let fields = ["text", "thinking"];
    let found = fields.iter().find_map(|name| {
        let text = delta.get(name)?.as_str()?;
        Some((*name, text))
    });
    let Some((name, text)) = found else {
        return vec![delta.clone()];
    };
    let mut pieces = vec![String::new()];
    for c in text.chars() {
        let mut units = [0; 2];
        match c.encode_utf16(&mut units) {
            [high, low] => {
                if let Some(piece) = pieces.last_mut() {
                    piece.extend(kept(*high));
                }
                pieces.push(kept(*low).into_iter().collect());
            }
            _ => {
                if let Some(piece) = pieces.last_mut() {
                    piece.push(c);
                }
            }
        }
    }
    let with = |piece: String| {
        let mut delta = delta.clone();
        if let Some(map) = delta.as_object_mut() {
            map.insert(name.to_owned(), piece.into());
        }
        delta
    };
    pieces.into_iter().map(with).collect()
}

/// Writes halves, and characters beyond U+FFFF, as escapes. U+FFFD is written as half a character.
pub(super) fn escaped(json: &str) -> String {
    let mut written = String::with_capacity(json.len());
    for c in json.chars() {
        let code = u32::from(c);
        if c == char::REPLACEMENT_CHARACTER {
            written.push_str(LONE);
        } else if (KEPT..KEPT + 0x800).contains(&code) {
            written.push_str(&format!("\\u{:04x}", code - KEPT + 0xd800));
        } else if code > 0xffff {
            let mut units = [0; 2];
            for unit in c.encode_utf16(&mut units) {
                written.push_str(&format!("\\u{unit:04x}"));
            }
        } else {
            written.push(c);
        }
    }
    written
}

fn kept(unit: u16) -> Option<char> {
    char::from_u32(KEPT + u32::from(unit) - 0xd800)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_character_is_halved_between_two_deltas() {
        let deltas = split(&json!({"type": "text_delta", "text": "a😀b😀"}));
        let written: Vec<String> = deltas
            .iter()
            .map(|delta| escaped(&delta["text"].to_string()))
            .collect();
        assert_eq!(
            written,
            [r#""a\ud83d""#, r#""\ude00b\ud83d""#, r#""\ude00""#]
        );
        let plain = json!({"type": "signature_delta", "signature": "x"});
        assert_eq!(split(&plain), std::slice::from_ref(&plain));
        assert_eq!(escaped("\u{fffd} é"), "\\ud83d é");
    }
}
