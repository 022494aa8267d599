//! The contents of requests, read leniently: a missing, null or odd field takes its default.
//!
//! The types of the `jupyter-protocol` crate refuse what real clients leave out (`silent`, `stop`,
//! a negative `cursor_pos`), and a refused request is a cell that never turns idle. They serve the
//! tests instead, as a judge of what we send.

use serde_json::Value;

/// `execute_request`.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    /// The cell's text.
    pub code: String,
    /// No outputs, no count, no history.
    pub silent: bool,
    /// Whether the count grows; false when silent.
    pub store_history: bool,
    /// Name to expression, in the order sent.
    pub user_expressions: Vec<(String, String)>,
    /// Whether the client answers `input_request`.
    pub allow_stdin: bool,
    /// Whether an error here answers the queue with errors.
    pub stop_on_error: bool,
}

impl Execute {
    /// Reads the content of an `execute_request`.
    #[must_use]
    pub fn read(content: &Value) -> Self {
        let silent = flag(content, "silent", false);
        let user_expressions = content
            .get("user_expressions")
            .and_then(Value::as_object)
            .map(|map| {
                map.iter()
                    .map(|(name, expression)| {
                        (
                            name.clone(),
                            expression.as_str().unwrap_or_default().to_owned(),
                        )
                    })
                    .collect()
            })
            .unwrap_or_default();
        Self {
            code: text(content, "code"),
            silent,
            store_history: !silent && flag(content, "store_history", true),
            user_expressions,
            allow_stdin: flag(content, "allow_stdin", false),
            stop_on_error: flag(content, "stop_on_error", true),
        }
    }
}

/// `complete_request` and `inspect_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cursor {
    /// The cell's text.
    pub code: String,
    /// In code points, as sent; may lie outside the text.
    pub cursor_pos: usize,
}

impl Cursor {
    /// Reads the content; a negative or missing position reads as 0, a huge one as the end.
    #[must_use]
    pub fn read(content: &Value) -> Self {
        let cursor_pos = content
            .get("cursor_pos")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        Self {
            code: text(content, "code"),
            cursor_pos: usize::try_from(cursor_pos).unwrap_or(usize::MAX),
        }
    }
}

/// `history_request`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct History {
    /// Whether each entry carries its output.
    pub output: bool,
    /// Which entries.
    pub access: HistoryAccess,
}

/// `hist_access_type` with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryAccess {
    /// Lines `start..stop` of a session; 0 is this one, negative counts back.
    Range {
        /// `session`.
        session: i64,
        /// First line.
        start: i64,
        /// One past the last line; `None` for all.
        stop: Option<i64>,
    },
    /// The last `n`.
    Tail {
        /// How many.
        n: usize,
    },
    /// Those matching a glob.
    Search {
        /// With `*` and `?`.
        pattern: String,
        /// Keep only the newest of equal ones.
        unique: bool,
        /// The last so many; `None` for all.
        n: Option<usize>,
    },
}

impl History {
    /// Reads the content; an unknown access type reads as an empty tail.
    #[must_use]
    pub fn read(content: &Value) -> Self {
        let count = content
            .get("n")
            .and_then(Value::as_u64)
            .map(|n| usize::try_from(n).unwrap_or(usize::MAX));
        let number = |name: &str| content.get(name).and_then(Value::as_i64);
        let access = match content.get("hist_access_type").and_then(Value::as_str) {
            Some("range") => HistoryAccess::Range {
                session: number("session").unwrap_or(0),
                start: number("start").unwrap_or(0),
                stop: number("stop"),
            },
            Some("search") => HistoryAccess::Search {
                pattern: content
                    .get("pattern")
                    .and_then(Value::as_str)
                    .unwrap_or("*")
                    .to_owned(),
                unique: flag(content, "unique", false),
                n: count,
            },
            Some("tail") => HistoryAccess::Tail {
                n: count.unwrap_or(10),
            },
            _ => HistoryAccess::Tail { n: 0 },
        };
        Self {
            output: flag(content, "output", false),
            access,
        }
    }
}

/// Returns a string field, or an empty string.
#[must_use]
pub fn text(content: &Value, name: &str) -> String {
    content
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Returns a boolean field, or `default`.
#[must_use]
pub fn flag(content: &Value, name: &str, default: bool) -> bool {
    content
        .get(name)
        .and_then(Value::as_bool)
        .unwrap_or(default)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_clients_leave_out_takes_its_default() {
        let bare = Execute::read(&json!({"code": "hi"}));
        assert_eq!(
            (
                bare.silent,
                bare.store_history,
                bare.stop_on_error,
                bare.allow_stdin
            ),
            (false, true, true, false)
        );
        let silent = Execute::read(
            &json!({"code": "hi", "silent": true, "store_history": true, "user_expressions": null}),
        );
        assert_eq!(
            (
                silent.silent,
                silent.store_history,
                silent.user_expressions.len()
            ),
            (true, false, 0)
        );
    }

    #[test]
    fn odd_values_are_read_not_refused() {
        assert_eq!(
            Cursor::read(&json!({"code": 7, "cursor_pos": -3})),
            Cursor {
                code: String::new(),
                cursor_pos: 0
            }
        );
        let range = History::read(&json!({"hist_access_type": "range", "session": 0}));
        assert_eq!(
            range.access,
            HistoryAccess::Range {
                session: 0,
                start: 0,
                stop: None
            }
        );
        assert_eq!(
            History::read(&json!({"hist_access_type": "tail", "n": 3, "search_raw": true})).access,
            HistoryAccess::Tail { n: 3 }
        );
        assert_eq!(
            History::read(&Value::Null).access,
            HistoryAccess::Tail { n: 0 }
        );
    }
}
