//! What unfinished turns said, so that a real continuation can be told from an invented one.
//!
//! Everything is forgotten after a while. From then on the rules that need it are not enforced.

use std::collections::VecDeque;

use chrono::{DateTime, TimeDelta, Utc};

use super::canon::Fingerprint;

/// How many turns are kept: a continuation usually follows at once.
const KEPT: usize = 1000;

/// How long code waits for a client tool (`docs/protocol.md#programmatic-calls`).
const PATIENCE: TimeDelta = TimeDelta::seconds(270);

/// Responses that were paused, and responses that wait for tool results.
#[derive(Debug, Default)]
pub(super) struct Turns {
    paused: VecDeque<Fingerprint>,
    calls: VecDeque<Calls>,
}

/// The tool calls of one response.
#[derive(Debug)]
struct Calls {
    ids: Vec<String>,
    /// The signatures of the thinking that led to them.
    thoughts: Vec<String>,
    at: DateTime<Utc>,
}

impl Turns {
    /// Remembers a response that ended with `pause_turn`.
    pub(super) fn pause(&mut self, tail: Fingerprint) {
        keep(&mut self.paused, tail);
    }

    /// Whether a response with these contents was remembered.
    pub(super) fn paused(&self, tail: &Fingerprint) -> bool {
        self.paused.contains(tail)
    }

    /// Remembers tool calls and the signatures of the thinking that led to them.
    pub(super) fn call(&mut self, ids: Vec<String>, thoughts: Vec<String>, at: DateTime<Utc>) {
        keep(&mut self.calls, Calls { ids, thoughts, at });
    }

    /// Returns the signatures of the thinking that led to any of these calls.
    pub(super) fn thoughts(&self, ids: &[String]) -> Vec<String> {
        let calls = self.find(ids);
        calls
            .map(|calls| calls.thoughts.clone())
            .unwrap_or_default()
    }

    /// Whether code in the sandbox that made any of these calls has given up waiting.
    pub(super) fn too_late(&self, ids: &[String], now: DateTime<Utc>) -> bool {
        let calls = self.find(ids);
        calls.is_some_and(|calls| now - calls.at > PATIENCE)
    }

    fn find(&self, ids: &[String]) -> Option<&Calls> {
        // Two turns may use the same id.
        let mut calls = self.calls.iter().rev();
        calls.find(|calls| calls.ids.iter().any(|call| ids.contains(call)))
    }
}

fn keep<T>(kept: &mut VecDeque<T>, value: T) {
    if kept.len() >= KEPT {
        kept.pop_front();
    }
    kept.push_back(value);
}
