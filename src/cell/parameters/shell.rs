//! Values as a shell reads them: one word, or a list of words in brackets.

use serde_json::{Number, Value};

/// Reads the value that `text` begins with; returns what follows its line. Whatever the shell would
/// expand stays as it is written.
pub(super) fn value(text: &str) -> Option<(Value, &str)> {
    if let Some(list) = text.strip_prefix('(') {
        let (mut items, mut rest) = (Vec::new(), list.trim_start());
        loop {
            if let Some(after) = rest.strip_prefix(')') {
                return Some((Value::Array(items), end_of_line(after)?));
            }
            let (item, after) = word(rest, true)?;
            items.push(item);
            rest = after.trim_start();
        }
    }
    let (value, after) = word(text, false)?;
    Some((value, end_of_line(after)?))
}

/// What follows the line, on which nothing but a comment may still stand.
fn end_of_line(text: &str) -> Option<&str> {
    let (line, after) = text.split_once('\n').unwrap_or((text, ""));
    let rest = line.trim().trim_start_matches(';').trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(after)
}

/// One word: pieces in single or double quotes and bare ones, joined.
fn word(text: &str, in_list: bool) -> Option<(Value, &str)> {
    let mut out = String::new();
    let (mut quote, mut was_quoted) = (None, false);
    let mut chars = text.char_indices();
    let mut end = text.len();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => out.push(chars.next()?.1),
            (Some(_), c) => out.push(c),
            (None, '"' | '\'') => (quote, was_quoted) = (Some(c), true),
            (None, c) if c.is_whitespace() || c == ';' || in_list && c == ')' => {
                end = at;
                break;
            }
            (None, c) => out.push(c),
        }
    }
    if quote.is_some() || in_list && end == 0 {
        return None;
    }
    let after = text.get(end..)?;
    Some((
        if was_quoted {
            Value::String(out)
        } else {
            bare(out)
        },
        after,
    ))
}

/// papermill writes numbers and texts that look like one alike: both are inserted the same way.
fn bare(word: String) -> Value {
    match word.as_str() {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        _ => match serde_json::from_str::<Number>(&word) {
            Ok(number) if number.to_string() == word => Value::Number(number),
            _ => Value::String(word),
        },
    }
}
