//! The parts of a script that a response is to play.

use super::script::{Part, Variables};

/// What a response is to play.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MatchedScript {
    /// The file and the line of the script, for counters and errors; empty if there is no script.
    pub(super) place: String,
    pub(super) parts: Vec<Part>,
    pub(super) variables: Variables,
    /// The number of the first part within its script.
    pub(super) from: usize,
}

impl MatchedScript {
    /// Returns the faults that are written in the parts, each with its own place.
    pub(super) fn faults(&self) -> impl Iterator<Item = (String, &str)> {
        self.parts
            .iter()
            .enumerate()
            .filter_map(|(i, part)| match part {
                Part::Fault(text) => Some((self.place_of(i), text.as_str())),
                _ => None,
            })
    }

    /// Returns where the script is, for a person: the name of the file and the line.
    pub(super) fn named(&self) -> &str {
        let at = self.place.rfind(['/', '\\']).map_or(0, |at| at + 1);
        self.place.get(at..).unwrap_or_default()
    }

    /// Names the part at an index.
    pub(super) fn place_of(&self, index: usize) -> String {
        format!("{} part {}", self.place, self.from + index + 1)
    }
}
