//! The prompt of a turn, and whether a question fits it.

use regex::{Regex, RegexBuilder};

use super::{Variables, names};

/// The prompt that a turn answers. Every run of white space is one space here.
#[derive(Debug, Clone)]
pub(super) enum Prompt {
    Exact(String),
    Pattern(Regex),
}

impl Prompt {
    pub(super) fn is(&self, normal: &str) -> bool {
        matches!(self, Self::Exact(text) if text == normal)
    }

    pub(super) fn fits(&self, normal: &str) -> Option<Variables> {
        let Self::Pattern(pattern) = self else {
            return None;
        };
        let captures = pattern.captures(normal)?;
        let named = pattern.capture_names().flatten().filter_map(|name| {
            let text = captures.name(name)?.as_str();
            Some((name.to_owned(), text.to_owned()))
        });
        Some(named.collect())
    }
}

/// The text between the slashes of a heading is not a regular expression.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`/{expression}/` is not a regular expression: {reason}")]
pub(super) struct BadPattern {
    expression: String,
    reason: String,
}

/// Makes every run of white space one space.
pub(super) fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Reads the text of a heading. If it is `/…/`, it is an expression.
pub(super) fn heading(text: &str) -> Result<Prompt, BadPattern> {
    let text = text.trim();
    match text
        .strip_prefix('/')
        .and_then(|text| text.strip_suffix('/'))
    {
        Some(expression) if !expression.is_empty() => pattern(expression),
        _ => exact(text),
    }
}

/// Reads a prompt in which only `{{name}}` is special.
pub(super) fn exact(text: &str) -> Result<Prompt, BadPattern> {
    let text = normal(text);
    let places = names(&text);
    if places.is_empty() {
        return Ok(Prompt::Exact(text));
    }
    let mut expression = String::from("^");
    let mut end = 0;
    for (range, name) in places {
        expression.push_str(&regex::escape(
            text.get(end..range.start).unwrap_or_default(),
        ));
        expression.push_str(&format!("(?P<{name}>.*?)"));
        end = range.end;
    }
    expression.push_str(&regex::escape(text.get(end..).unwrap_or_default()));
    expression.push('$');
    pattern(&expression)
}

/// Reads a regular expression.
pub(super) fn pattern(expression: &str) -> Result<Prompt, BadPattern> {
    RegexBuilder::new(expression)
        .size_limit(1 << 20)
        .build()
        .map(Prompt::Pattern)
        .map_err(|error| {
            let text = error.to_string();
            let last = text.lines().last().unwrap_or_default();
            BadPattern {
                expression: expression.to_owned(),
                reason: last.trim().trim_start_matches("error: ").to_owned(),
            }
        })
}
