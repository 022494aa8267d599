//! What is kept of an output: its start and its end, however long it becomes.

use std::collections::VecDeque;

/// An output of limited size.
#[derive(Debug)]
pub(super) struct Capture {
    head: Vec<u8>,
    tail: VecDeque<u8>,
    /// The most bytes that each of the two may have.
    half: usize,
    left_out: u64,
}

impl Capture {
    pub(super) fn new(bytes: usize) -> Self {
        Self {
            head: Vec::new(),
            tail: VecDeque::new(),
            half: bytes / 2,
            left_out: 0,
        }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        let room = self.half - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        let skipped = rest.len().saturating_sub(self.half);
        let (_, last) = rest.split_at(skipped);
        let excess = (self.tail.len() + last.len()).saturating_sub(self.half);
        self.tail.drain(..excess);
        self.tail.extend(last);
        self.left_out += (skipped + excess) as u64;
    }

    /// Returns the text; if something was left out, a note says so there.
    pub(super) fn text(mut self) -> String {
        if self.left_out > 0 {
            let note = format!("\n[… {} bytes left out …]\n", self.left_out);
            self.head.extend_from_slice(note.as_bytes());
        }
        self.head.extend(self.tail);
        String::from_utf8_lossy(&self.head).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Capture;

    fn captured(limit: usize, chunks: &[Vec<u8>]) -> String {
        let mut capture = Capture::new(limit);
        for chunk in chunks {
            capture.push(chunk);
        }
        capture.text()
    }

    #[test]
    fn start_and_end_stay() {
        let chunks = [b"0123".to_vec(), b"45".to_vec(), b"6789".to_vec()];
        assert_eq!(captured(6, &chunks), "012\n[… 4 bytes left out …]\n789");
        assert_eq!(captured(10, &chunks), "0123456789");
        assert_eq!(captured(6, &[]), "");
    }

    proptest! {
        #[test]
        fn chunking_makes_no_difference(
            chunks in prop::collection::vec(prop::collection::vec(b'a'..=b'z', 0..20), 0..10),
            limit in 0_usize..60,
        ) {
            let whole = chunks.concat();
            prop_assert_eq!(captured(limit, &chunks), captured(limit, &[whole]));
        }
    }
}
