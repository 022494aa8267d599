//! Recordings in notebooks, as anybody may have written them: read, played, and made into a turn.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use claude_kernel::anthropic::accumulate::Accumulator;
use claude_kernel::chat::history::{self, Stage};
use claude_kernel::chat::recording::Recording;
use claude_kernel::chat::recording::coding::Coded;
use claude_kernel::chat::recording::play::Player;
use claude_kernel::notebook::recordings::recordings;
use futures::FutureExt as _;
use serde_json::Value;

/// Reads a recording, or a notebook that holds some.
pub(super) fn read(bytes: &[u8]) -> u64 {
    let value = serde_json::from_slice::<Value>(bytes).ok();
    let found = value.as_ref().and_then(recordings);
    for found in found.iter().flat_map(|read| &read.found) {
        let _refused = found.coded.recording();
    }
    let recording = value.and_then(|value| serde_json::from_value::<Recording>(value).ok());
    let mut hasher = DefaultHasher::new();
    found.is_some().hash(&mut hasher);
    let Some(recording) = recording else {
        return hasher.finish();
    };
    let coded = Coded::of(&recording).unwrap();
    match coded.recording() {
        Ok(read) => {
            assert!(read.is_sound());
            assert_eq!(read.digest(), recording.digest());
            assert_eq!(Coded::read(&coded.value()).unwrap(), coded);
        }
        Err(error) => error.to_string().hash(&mut hasher),
    }
    assert_eq!(recording.clone().slim().digest(), recording.digest());
    let (calls, files) = (recording.calls.len(), recording.files.len());
    let stage = Stage::Over {
        cut: false,
        sandbox_known: true,
    };
    let kept = history::keep(&recording.said(), stage);
    let mut player = Player::new(Arc::new(recording));
    for _ in 0..=calls {
        player.call();
        let mut answer = Accumulator::new();
        while let Some(event) = player.next_event() {
            answer.apply(&event.now_or_never().unwrap());
        }
        answer.into_message().content.len().min(4).hash(&mut hasher);
    }
    (calls.min(4), files.min(4), kept.messages.len().min(4)).hash(&mut hasher);
    hasher.finish()
}
