//! The recorded streams, and the decoder run over them.

use std::path::PathBuf;

use claude_kernel::anthropic::sse::Decoder;

/// Every recording.
pub(super) const ALL: &[&str] = &[
    "turn",
    "unknown",
    "cut",
    "error_midway",
    "pause_turn",
    "pause_turn_continued",
    "compaction",
    "hidden_thinking",
    "web_search",
    "fallback",
    "refusal",
    "truncated_input",
];

pub(super) fn recorded(name: &str) -> Vec<u8> {
    std::fs::read(data(&format!("{name}.sse"))).unwrap()
}

pub(super) fn data(file: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/streams")
        .join(file)
}

/// Decodes chunks; owned, to compare.
pub(super) fn decode<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<(String, String)> {
    let mut decoder = Decoder::new();
    let mut events = Vec::new();
    for chunk in chunks {
        decoder.push(chunk);
        while let Some(event) = decoder.next_event().unwrap() {
            events.push((event.name.into_owned(), event.data.into_owned()));
        }
    }
    events
}
