//! Numbers as a dozen languages write them.

use serde_json::{Number, Value};

/// A number of any of the languages as JSON writes it.
pub(super) fn number(written: &str, negative: bool) -> Option<Value> {
    let sign = if negative { "-" } else { "" };
    let plain = written.replace('_', "");
    let lower = plain.to_ascii_lowercase();
    for (prefix, radix) in [("0x", 16), ("0o", 8), ("0b", 2)] {
        if let Some(digits) = lower.strip_prefix(prefix) {
            let whole = u128::from_str_radix(digits, radix).ok()?;
            return number(&whole.to_string(), negative);
        }
    }
    // The type: `3L`, `3n`, `1.5f`, `1.5m`.
    let digits = plain
        .strip_suffix(|c: char| c.is_ascii_alphabetic())
        .unwrap_or(&plain);
    let (whole, exponent) = match digits.find(['e', 'E']) {
        Some(at) => digits.split_at_checked(at)?,
        None => (digits, ""),
    };
    let mut text = format!("{sign}{}", if whole.starts_with('.') { "0" } else { "" });
    text.push_str(whole);
    if whole.ends_with('.') {
        text.push('0');
    }
    text.push_str(exponent);
    let number: Number = serde_json::from_str(&text).ok()?;
    Some(Value::Number(number))
}

/// The words for what is no finite number.
pub(super) fn number_word(word: &str) -> Option<Value> {
    let last = word.rsplit('.').next().unwrap_or(word);
    Some(Value::from(match last.to_ascii_lowercase().as_str() {
        "nan" | "na_real_" => "nan",
        "inf" | "infinity" | "positiveinfinity" => "inf",
        "negativeinfinity" => "-inf",
        _ => return None,
    }))
}
