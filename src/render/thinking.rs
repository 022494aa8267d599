//! A block of thinking: folded, or open if asked for; nothing if it is empty.

use std::time::Duration;

use serde_json::json;

use super::display_mode::DisplayMode;
use super::screen::{Form, Screen, SlotId, Terminal, fold};
use super::{foreign, markdown};
use crate::chat::settings::ThinkingShow;
use crate::jupyter::mime::StreamName;

/// Open thinking is drawn again at most this often, and only its end, because it can be long.
const INTERVAL: Duration = Duration::from_millis(500);
/// How many bytes of its end are drawn.
const TAIL_BYTES: usize = 1_000;

/// A block of thinking that grows.
#[derive(Debug, Default)]
pub(crate) struct Thinking {
    place: Option<SlotId>,
    text: String,
    drafted: Option<Duration>,
}

impl Thinking {
    /// Takes more text; returns whether it is now on the screen.
    pub(crate) fn push(
        &mut self,
        text: &str,
        now: Duration,
        show: ThinkingShow,
        screen: &mut Screen,
    ) -> bool {
        self.text.push_str(text);
        let due = self.drafted.is_none_or(|drafted| now >= drafted + INTERVAL);
        if text.is_empty()
            || show != ThinkingShow::Show
            || screen.client() != DisplayMode::Live
            || !due
        {
            return false;
        }
        let start = self.text.len().saturating_sub(TAIL_BYTES);
        let start = self.text.ceil_char_boundary(start);
        let tail = self.text.get(start..).unwrap_or_default();
        let tail = tail
            .split_once('\n')
            .filter(|_| start > 0)
            .map_or(tail, |(_, rest)| rest);
        let draft = fold("Thinking …", &markdown::neutralise(tail), true);
        self.drafted = Some(now);
        let place = *self.place.get_or_insert_with(|| screen.open());
        screen.draft(place, draft);
        true
    }

    /// Returns what has come.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Returns how much has come.
    pub(crate) fn len_bytes(&self) -> usize {
        self.text.len()
    }

    /// Shows the final form. `whole` is the text of the block, if it is known.
    pub(crate) fn finish(self, whole: Option<&str>, show: ThinkingShow, screen: &mut Screen) {
        let text = whole.unwrap_or(&self.text);
        if text.trim().is_empty() || show == ThinkingShow::Off {
            return;
        }
        let place = self.place.unwrap_or_else(|| screen.open());
        if show == ThinkingShow::Notes {
            return screen.finish(place, note(text));
        }
        let open = show == ThinkingShow::Show;
        let plain = format!("Thinking\n\n{}\n", foreign::prose(text).trim_end());
        let terminal = if open {
            vec![(StreamName::Stdout, format!("{plain}\n"))]
        } else {
            Vec::new()
        };
        let form = Form::new(
            fold("Thinking", &markdown::neutralise(text), open),
            plain,
            json!({ "block": "thinking" }),
        );
        screen.finish(place, form.terminal(Terminal::Text(terminal)));
    }
}

/// What Claude notes between its steps is meant for the reader: a line of its own, not folded.
fn note(text: &str) -> Form {
    let plain = format!("{}\n", foreign::prose(text).trim_end());
    let markdown = markdown::neutralise(text);
    Form::new(markdown, plain.clone(), json!({ "block": "note" })).terminal(Terminal::Text(vec![(
        StreamName::Stdout,
        format!("{plain}\n"),
    )]))
}
