//! The contents of requests, read leniently: if a field is missing, null or of the wrong type, it
//! gets its default.
//!
//! The types of the `jupyter-protocol` crate refuse what real clients send: they leave out `silent`
//! or `stop`, or send a negative `cursor_pos`. If a request is refused, its cell never turns idle.
//! So the tests use these types instead, to check what the kernel sends.

use serde_json::Value;

/// `execute_request`.
#[derive(Debug, Clone, PartialEq)]
pub struct Execute {
    /// The cell's text.
    pub code: String,
    /// If set, the cell has no outputs and no count, and is not in the history.
    pub silent: bool,
    /// Whether the count grows; false if the request is silent.
    pub store_history: bool,
    /// Pairs of name and expression, in the order in which they were sent.
    pub user_expressions: Vec<(String, String)>,
    /// Whether the client answers `input_request`.
    pub allow_stdin: bool,
    /// If set and this cell fails, the requests queued after it are answered with errors.
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
    /// The position in code points, as it was sent; it may be outside the text.
    pub cursor_pos: usize,
}

impl Cursor {
    /// Reads the content. If the position is negative or missing, it is 0; if it is too large, it
    /// means the end.
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
    /// Whether each entry includes its output.
    pub output: bool,
    /// The entries that are wanted.
    pub access: HistoryAccess,
}

/// `hist_access_type` with its arguments.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HistoryAccess {
    /// Lines `start..stop` of a session. Session 0 is the present one; a negative number counts
    /// back.
    Range {
        /// `session`.
        session: i64,
        /// The first line.
        start: i64,
        /// The line after the last one; `None` for all lines.
        stop: Option<i64>,
    },
    /// The last `n` entries.
    Tail {
        /// How many entries.
        n: usize,
    },
    /// The entries that match a glob pattern.
    Search {
        /// The pattern, with `*` and `?`.
        pattern: String,
        /// If several entries are equal, whether only the newest is kept.
        unique: bool,
        /// How many entries at most, the last ones; `None` for all.
        n: Option<usize>,
    },
}

impl History {
    /// Reads the content. If the access type is unknown, it is a tail of no entries.
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

/// Returns a field that is a string; an empty string if it is not.
#[must_use]
pub fn text(content: &Value, name: &str) -> String {
    content
        .get(name)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

/// Returns a field that is a boolean; `default` if it is not.
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
