//! papermill's injected cell: `# Parameters`, then nothing but assignments.
//!
//! papermill writes it in the style of the language it was told (`docs/protocol.md#papermill`):
//! Python (`k = "v"`), shell (`k='v'`) or R (`k <- "v"`). Values become text: strings are unquoted,
//! everything else stays as written. A cell with any other line is a prompt.

/// Returns the assignments of a parameters cell, `None` if `source` is not one.
pub(super) fn parse(source: &str) -> Option<Vec<(String, String)>> {
    let (title, mut rest) = source.split_once('\n')?;
    if title.trim() != "# Parameters" {
        return None;
    }
    let mut values = Vec::new();
    while !rest.is_empty() {
        let line = rest.split('\n').next().unwrap_or_default();
        if line.trim().is_empty() || line.trim_start().starts_with('#') {
            rest = rest.split_once('\n').map_or("", |(_, after)| after);
            continue;
        }
        let (name, value, after) = assignment(rest)?;
        values.push((name, value));
        rest = after;
    }
    (!values.is_empty()).then_some(values)
}

/// How strings are quoted, told by the sign between name and value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Quoting {
    /// `k = v` and `k <- v`: backslash escapes.
    Escapes,
    /// `k=v`: as a shell reads it.
    Shell,
}

/// Reads one assignment; the value may run over several lines inside quotes or brackets.
fn assignment(source: &str) -> Option<(String, String, &str)> {
    let source = source.trim_start();
    let end = source.find(|c: char| !(c.is_alphanumeric() || matches!(c, '_' | '.')))?;
    let (name, after) = source.split_at_checked(end)?;
    if !name.starts_with(|c: char| c.is_alphabetic() || c == '_') {
        return None;
    }
    let sign = after.trim_start_matches([' ', '\t']);
    let (value, quoting) = if let Some(value) = sign.strip_prefix("<-") {
        (value, Quoting::Escapes)
    } else {
        let value = sign.strip_prefix('=')?;
        let spaced = sign.len() < after.len() || value.starts_with([' ', '\t']);
        (
            value,
            if spaced {
                Quoting::Escapes
            } else {
                Quoting::Shell
            },
        )
    };
    if value.starts_with('=') {
        return None;
    }
    let end = value_end(value, quoting)?;
    let (written, after) = value.split_at_checked(end)?;
    Some((
        name.to_owned(),
        text(written.trim(), quoting)?,
        after.split_once('\n').map_or("", |(_comment, after)| after),
    ))
}

/// The byte at which a value ends: the first line end or comment outside quotes and brackets.
fn value_end(value: &str, quoting: Quoting) -> Option<usize> {
    let mut quote = None;
    let mut depth = 0_usize;
    let mut blank = true;
    let mut chars = value.char_indices();
    while let Some((at, c)) = chars.next() {
        match (quote, c) {
            (Some('\''), '\\') if quoting == Quoting::Shell => {}
            (Some(_), '\\') => {
                chars.next();
            }
            (Some(open), c) if c == open => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'') => quote = Some(c),
            (None, '[' | '{' | '(') => depth += 1,
            (None, ']' | '}' | ')') => depth = depth.checked_sub(1)?,
            (None, '\n') if depth == 0 => return Some(at),
            (None, '#') if depth == 0 && blank => return Some(at),
            (None, _) => {}
        }
        blank = c.is_whitespace();
    }
    (quote.is_none() && depth == 0).then_some(value.len())
}

/// The text a value stands for: strings unquoted, all else as written. `None` when it is not one
/// value but several words, as prose after `=` would be.
fn text(written: &str, quoting: Quoting) -> Option<String> {
    match quoting {
        Quoting::Shell => shell_word(written),
        Quoting::Escapes => {
            let mut chars = written.chars();
            let open = chars.next().filter(|c| matches!(c, '"' | '\''));
            match open {
                None => one_value(written).then(|| written.to_owned()),
                Some(open) => unescape(chars.as_str(), open),
            }
        }
    }
}

/// Whether an unquoted value is one: a number, a name, a list, a call such as `float('inf')`. Words
/// with blanks between them, outside brackets, are prose.
fn one_value(written: &str) -> bool {
    let mut depth = 0_usize;
    for c in written.chars() {
        match c {
            '[' | '{' | '(' => depth += 1,
            ']' | '}' | ')' => depth = depth.saturating_sub(1),
            c if c.is_whitespace() && depth == 0 => return false,
            _ => {}
        }
    }
    !written.is_empty()
}

/// A string's content after its opening quote; nothing may follow the closing one.
fn unescape(rest: &str, open: char) -> Option<String> {
    let mut out = String::new();
    let mut chars = rest.chars();
    while let Some(c) = chars.next() {
        if c == open {
            return chars.as_str().trim().is_empty().then_some(out);
        }
        if c != '\\' {
            out.push(c);
            continue;
        }
        let escape = chars.next()?;
        let digits = match escape {
            'n' => {
                out.push('\n');
                continue;
            }
            't' => {
                out.push('\t');
                continue;
            }
            'r' => {
                out.push('\r');
                continue;
            }
            'x' => 2,
            'u' => 4,
            'U' => 8,
            '\\' | '"' | '\'' => {
                out.push(escape);
                continue;
            }
            other => {
                out.extend(['\\', other]);
                continue;
            }
        };
        let hex: String = chars.by_ref().take(digits).collect();
        out.push(char::from_u32(u32::from_str_radix(&hex, 16).ok()?)?);
    }
    None
}

/// One shell word: pieces in single or double quotes and bare ones, joined. `(a b)` stays as it is.
fn shell_word(written: &str) -> Option<String> {
    if written.starts_with('(') && written.ends_with(')') {
        return Some(written.to_owned());
    }
    let mut out = String::new();
    let mut quote = None;
    let mut chars = written.chars();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some('"') | None, '\\') => out.push(chars.next()?),
            (None, '"' | '\'') => quote = Some(c),
            (None, c) if c.is_whitespace() => return None,
            (_, c) => out.push(c),
        }
    }
    quote.is_none().then_some(out)
}
