//! The parts of a script that a response is to play.

use super::script::{Part, Variables};

/// What a response is to play.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MatchedScript {
    /// File and line of the script, for counters and errors; empty without one.
    pub(super) place: String,
    pub(super) parts: Vec<Part>,
    pub(super) variables: Variables,
    /// The number of the first part within its script.
    pub(super) from: usize,
}

impl MatchedScript {
    /// Returns the faults written in the parts, each with a place of its own.
    pub(super) fn faults(&self) -> impl Iterator<Item = (String, &str)> {
        self.parts
            .iter()
            .enumerate()
            .filter_map(|(i, part)| match part {
                Part::Fault(text) => Some((self.place_of(i), text.as_str())),
                _ => None,
            })
    }

    /// Names the part at an index.
    pub(super) fn place_of(&self, index: usize) -> String {
        format!("{} part {}", self.place, self.from + index + 1)
    }
}
