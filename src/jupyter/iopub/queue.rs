//! The bytes that are still to be written to one subscriber. Pure.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes};

/// What one piece in the queue costs in addition to its bytes.
const PIECE_BYTES: usize = 64;

/// Pieces of messages, in order. Their bytes are shared with the queues of the other subscribers.
#[derive(Debug, Default)]
pub(super) struct Queue {
    pieces: VecDeque<Bytes>,
    bytes: usize,
}

impl Queue {
    /// Appends a piece.
    pub(super) fn push(&mut self, piece: Bytes) {
        if !piece.is_empty() {
            self.bytes += piece.len() + PIECE_BYTES;
            self.pieces.push_back(piece);
        }
    }

    /// Returns what the queue costs, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Returns whether everything has been written.
    pub(super) fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }

    /// Fills `slices` with the pieces that are to be written next; returns how many there are.
    pub(super) fn fill<'a>(&'a self, slices: &mut [IoSlice<'a>]) -> usize {
        let mut filled = 0;
        for (slice, piece) in slices.iter_mut().zip(&self.pieces) {
            *slice = IoSlice::new(piece);
            filled += 1;
        }
        filled
    }

    /// Removes the bytes that were written.
    pub(super) fn advance(&mut self, mut written: usize) {
        while let Some(piece) = self.pieces.front_mut() {
            let here = written.min(piece.len());
            piece.advance(here);
            self.bytes -= here;
            written -= here;
            if !piece.is_empty() {
                return;
            }
            self.pieces.pop_front();
            self.bytes -= PIECE_BYTES;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// For any size of the writes, every byte leaves once, in order, and is counted.
        #[test]
        fn all_bytes_leave_in_order(
            pieces in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20), 0..20),
            steps in prop::collection::vec(1_usize..30, 1..20),
        ) {
            let mut queue = Queue::default();
            for piece in &pieces {
                queue.push(Bytes::copy_from_slice(piece));
            }
            let mut left = Vec::new();
            let mut steps = steps.iter().cycle();
            while !queue.is_empty() {
                let mut slices = [IoSlice::new(&[]); 4];
                let filled = queue.fill(&mut slices);
                let offered: Vec<u8> = slices[..filled].iter().flat_map(|s| s.to_vec()).collect();
                let written = offered.len().min(*steps.next().unwrap());
                left.extend_from_slice(&offered[..written]);
                queue.advance(written);
            }
            prop_assert_eq!(left, pieces.concat());
            prop_assert_eq!(queue.bytes(), 0);
        }
    }
}
