//! The recordings in a saved notebook, or in a file that holds recordings alone.

use serde_json::{Value, json};

use crate::chat::coded::SUMMARY;
use crate::chat::recording::coding::{Coded, Unreadable};

use super::page::block_of;

/// What a file that holds recordings alone calls its format.
pub const FORMAT: &str = "claude-kernel recordings";
/// The most recordings that are read: more cells than any notebook has.
const MAX_RECORDINGS: usize = 100_000;
/// The longest id of a cell, in bytes.
const LONGEST_ID: usize = 256;

/// A recording, and the cell that it stands under.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The cell's id.
    pub cell: Option<String>,
    /// The cell's execution count.
    pub count: Option<u64>,
    /// The recording.
    pub coded: Coded,
}

/// The recordings of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Recordings {
    /// In the order of the cells.
    pub found: Vec<Found>,
    /// Why others cannot be read.
    pub unreadable: Vec<(Option<u64>, Unreadable)>,
}

/// Reads the recordings of a notebook, or of a file that holds recordings alone; `None` if the
/// value is neither.
#[must_use]
pub fn recordings(file: &Value) -> Option<Recordings> {
    if file.get("format").and_then(Value::as_str) == Some(FORMAT) {
        let entries = file.get("recordings")?.as_array()?.iter();
        let mut read = Recordings::default();
        for entry in entries.take(MAX_RECORDINGS) {
            let cell = entry.get("cell").and_then(Value::as_str);
            let count = entry.get("count").and_then(Value::as_u64);
            read.take(cell, count, entry.get("record").unwrap_or(&Value::Null));
        }
        return Some(read);
    }
    let cells = file.get("cells")?.as_array()?;
    let mut read = Recordings::default();
    for cell in cells {
        let outputs = cell.get("outputs").and_then(Value::as_array);
        for record in outputs.into_iter().flatten().filter_map(any_record_of) {
            if read.found.len() < MAX_RECORDINGS {
                let id = cell.get("id").and_then(Value::as_str);
                let count = cell.get("execution_count").and_then(Value::as_u64);
                read.take(id, count, record);
            }
        }
    }
    Some(read)
}

/// Returns the recording of the answer under an output, as it is written.
#[must_use]
pub fn record_of(output: &Value) -> Option<&Value> {
    any_record_of(output).filter(|record| record.get("of").is_none_or(|of| of != SUMMARY))
}

/// Whether an output is a receipt without a recording.
#[must_use]
pub fn is_unrecorded(output: &Value) -> bool {
    block_of(output) == Some("receipt") && any_record_of(output).is_none()
}

fn any_record_of(output: &Value) -> Option<&Value> {
    output.get("metadata")?.get("claude_kernel")?.get("record")
}

/// Makes a file that holds recordings alone.
#[must_use]
pub fn file(recordings: &Recordings) -> Value {
    let entries: Vec<Value> = recordings
        .found
        .iter()
        .map(|found| json!({"cell": found.cell, "count": found.count, "record": found.coded.value()}))
        .collect();
    json!({"format": FORMAT, "version": 1, "recordings": entries})
}

impl Recordings {
    fn take(&mut self, cell: Option<&str>, count: Option<u64>, record: &Value) {
        let cell = cell.filter(|id| id.len() <= LONGEST_ID).map(str::to_owned);
        match Coded::read(record) {
            Ok(coded) => self.found.push(Found { cell, count, coded }),
            Err(why) => self.unreadable.push((count, why)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_recording_is_skipped_or_said() {
        let odd = json!({"cells": [
            {"cell_type": "code", "execution_count": 2, "outputs": [
                {"metadata": {"claude_kernel": {"block": "receipt", "record": {"version": 9}}}},
                {"metadata": {"claude_kernel": 3}}, {"metadata": []}, 7]},
            {"cell_type": "code", "outputs": "none"}, 7, null]});
        let read = recordings(&odd).unwrap();
        assert_eq!(read.found, []);
        assert_eq!(
            read.unreadable,
            [(Some(2), Unreadable::Newer { version: 9 })]
        );
        for none in [
            json!(null),
            json!([]),
            json!({"cells": 1}),
            json!({"format": FORMAT}),
        ] {
            assert_eq!(recordings(&none), None, "{none}");
        }
        let empty = file(&Recordings::default());
        assert_eq!(recordings(&empty), Some(Recordings::default()));
    }
}
