//! What unfinished turns said, so that their continuation can be told from a forgery.
//!
//! Forgotten after a while: then the rules that need it are not enforced.

use std::collections::VecDeque;

use super::canon::Mark;

/// Turns kept; a continuation follows at once.
const KEPT: usize = 1000;

/// Paused responses and those that wait for tool results.
#[derive(Debug, Default)]
pub(super) struct Turns {
    paused: VecDeque<Mark>,
    calls: VecDeque<(Vec<String>, Vec<String>)>,
}

impl Turns {
    /// Remembers a response that ended with `pause_turn`.
    pub(super) fn pause(&mut self, tail: Mark) {
        keep(&mut self.paused, tail);
    }

    /// Whether this was such a response.
    pub(super) fn paused(&self, tail: &Mark) -> bool {
        self.paused.contains(tail)
    }

    /// Remembers tool calls and the signatures of the thinking that led to them.
    pub(super) fn call(&mut self, ids: Vec<String>, thoughts: &[String]) {
        keep(&mut self.calls, (ids, thoughts.to_vec()));
    }

    /// Returns the signatures of the thinking that led to any of these calls.
    pub(super) fn thoughts(&self, ids: &[String]) -> Vec<String> {
        let turn = self
            .calls
            .iter()
            .find(|(calls, _)| calls.iter().any(|call| ids.contains(call)));
        turn.map(|(_, thoughts)| thoughts.clone())
            .unwrap_or_default()
    }
}

fn keep<T>(kept: &mut VecDeque<T>, value: T) {
    if kept.len() >= KEPT {
        kept.pop_front();
    }
    kept.push_back(value);
}
