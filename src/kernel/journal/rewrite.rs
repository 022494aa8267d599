//! A journal without what running turns wrote once they have ended (records say the same), and
//! without records that a later one replaced. Pure.

use serde::Deserialize;

use super::read::Contents;

/// The part of a line that decides.
#[derive(Deserialize)]
struct Which {
    turn: Option<u64>,
}

/// Returns the lines worth keeping, unchanged and in order. `bytes` are the good lines that
/// `contents` was read from.
#[must_use]
pub(super) fn compacted(bytes: &[u8], contents: &Contents) -> Vec<u8> {
    let is_open = |turn| {
        contents
            .partial_turns
            .iter()
            .any(|partial| partial.turn == turn)
    };
    let mut kept = Vec::with_capacity(bytes.len() / 2);
    let mut start = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let is_replaced = contents.replaced.contains(&start);
        start += line.len();
        let which: Option<Which> = serde_json::from_slice(line).ok();
        let turn = which.and_then(|which| which.turn);
        let is_spent = turn.is_some_and(|turn| !is_open(turn));
        if !is_spent && !is_replaced {
            kept.extend_from_slice(line);
        }
    }
    kept
}
