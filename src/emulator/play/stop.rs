//! Why a turn stops, and what is done after one of its parts.

use serde_json::{Value, json};

/// Why a turn stops.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Stop {
    pub(super) reason: String,
    pub(super) sequence: Value,
    pub(super) details: Value,
}

/// What is done after a part.
pub(super) enum Next {
    Part,
    Stop(Stop),
}

impl Stop {
    pub(super) fn plain(reason: &str) -> Self {
        Self {
            reason: reason.into(),
            sequence: Value::Null,
            details: Value::Null,
        }
    }

    pub(super) fn sequence(found: &str) -> Self {
        Self {
            sequence: found.into(),
            ..Self::plain("stop_sequence")
        }
    }

    /// Reads the words of a script's `stop` directive.
    pub(super) fn from_words(words: &[String]) -> Self {
        let mut words = words.iter().map(String::as_str);
        match words.next() {
            Some("refusal") => {
                let category = words.next();
                let explanation = "The offline backend's script refuses here.";
                Self {
                    details: json!({
                        "type": "refusal", "category": category, "explanation": explanation,
                    }),
                    ..Self::plain("refusal")
                }
            }
            Some("stop_sequence") => Self::sequence(words.next().unwrap_or_default()),
            reason => Self::plain(reason.unwrap_or("end_turn")),
        }
    }
}
