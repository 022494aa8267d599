//! What one line of a cell may begin: a magic, a command, or a question for help. A backslash
//! before the line makes it plain text.

use super::invisible::is_blank;

/// A line that may open a magic: percent signs (1 or 2), the name, the rest untrimmed.
pub(super) fn magic_line(line: &str) -> Option<(usize, &str, &str)> {
    let line = line.trim_start_matches(is_blank);
    let after = line.strip_prefix('%')?;
    let (signs, after) = match after.strip_prefix('%') {
        Some(after) => (2, after),
        None => (1, after),
    };
    if !after.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_') {
        return None;
    }
    let end = after
        .find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-'))
        .unwrap_or(after.len());
    let (name, rest) = after.split_at_checked(end)?;
    Some((signs, name, rest))
}

/// Takes away the one backslash that keeps a prompt or a body from being read as something else:
/// `\%effort` becomes `%effort`, `\!` and `\?name` likewise; any other text stays as it is.
#[must_use]
pub fn unescape(text: &str) -> &str {
    match text.trim_start_matches(is_blank).strip_prefix('\\') {
        Some(plain) if needs_escape(plain) => plain,
        _ => text,
    }
}

/// Whether a prompt that begins with this line would be read as something else, or as an escaped
/// line.
fn needs_escape(prompt: &str) -> bool {
    let line = prompt.split('\n').next().unwrap_or_default();
    match line.chars().next() {
        Some('%') => magic_line(line).is_some(),
        Some('!') => shell_command(line).is_some(),
        Some('?') => help_topic(prompt.trim()).is_some(),
        Some('\\') => needs_escape(prompt.trim_start_matches('\\')),
        _ => false,
    }
}

/// `!cmd`, but not `![image](…)` and not `!=`.
pub(super) fn shell_command(line: &str) -> Option<&str> {
    let command = line.trim_start_matches(is_blank).strip_prefix('!')?;
    let start = command.trim_start_matches('!').trim_start();
    start
        .starts_with(|c: char| c.is_alphabetic() || matches!(c, '_' | '.' | '/' | '~' | '$'))
        .then_some(command)
}

/// `%name?`, `%%name?`, `?name`, `??name`, `?`.
pub(super) fn help_topic(whole: &str) -> Option<&str> {
    if whole.trim_matches('?').is_empty() && whole.len() <= 2 {
        return Some("help");
    }
    let name = match whole.strip_prefix('?') {
        Some(rest) => rest
            .strip_prefix('?')
            .unwrap_or(rest)
            .trim_start()
            .trim_start_matches('%'),
        None => whole
            .starts_with('%')
            .then(|| whole.trim_start_matches('%').strip_suffix('?'))??,
    };
    let name = name.trim_end_matches('?').trim_end();
    let word = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && name
            .chars()
            .all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    word.then_some(name)
}
