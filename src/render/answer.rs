//! A run of Claude's text: from deltas to displays, cut by `segment`, timed by `pace`.
//!
//! Consecutive text blocks are one run: citations split a sentence into several blocks. What is
//! shown in the end depends on the text alone, not on how it arrived.

use std::time::Duration;

use serde_json::json;

use super::foreign;
use super::markdown::neutralise;
use super::pace::Pace;
use super::renderer::Client;
use super::screen::{Form, Place, Screen, Terminal};
use super::segment::{Segment, Segmenter};
use crate::jupyter::mime::StreamName;

/// A growing run of text.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    segments: Segmenter,
    /// Where the growing piece is, once it has a place.
    place: Option<Place>,
    /// Whether the growing piece has been shown.
    drafted: bool,
    pace: Pace,
    /// Whether anything of the run has been shown.
    begun: bool,
    /// Batch and terminal: the text not yet written.
    unwritten: String,
    /// The last character that came.
    last: Option<char>,
}

impl Answer {
    /// Takes more text; shows what is due.
    pub(crate) fn push(&mut self, text: &str, now: Duration, screen: &mut Screen) {
        let Some(last) = text.chars().next_back() else {
            return;
        };
        self.last = Some(last);
        self.pace.grew(text.len(), now);
        match screen.client() {
            Client::Live => {
                for segment in self.segments.push(text) {
                    self.seal(segment, screen);
                }
            }
            Client::Terminal | Client::Batch => self.unwritten.push_str(text),
        }
        if !self.begun {
            self.show(screen);
        } else {
            self.tick(now, screen);
        }
    }

    /// Returns whether a block that begins now goes on in the same sentence.
    pub(crate) fn is_mid_sentence(&self) -> bool {
        !matches!(
            self.last,
            None | Some('.' | '!' | '?' | ':' | ';' | ')' | '`' | '|' | '\n')
        )
    }

    /// Returns whether nothing has come.
    pub(crate) fn is_empty(&self) -> bool {
        self.last.is_none()
    }

    /// Shows what has waited long enough.
    pub(crate) fn tick(&mut self, now: Duration, screen: &mut Screen) {
        if self.pace.is_due(now) {
            self.show(screen);
        }
    }

    /// Returns when [`tick`](Self::tick) next has something to show.
    pub(crate) fn deadline(&self, client: Client) -> Option<Duration> {
        self.pace.deadline().filter(|_| client != Client::Batch)
    }

    /// Ends the run: its last piece gets its final form.
    pub(crate) fn finish(mut self, screen: &mut Screen) {
        match screen.client() {
            Client::Live => {
                if let Some(segment) = std::mem::take(&mut self.segments).finish() {
                    self.seal(segment, screen);
                }
            }
            Client::Terminal => {
                self.show(screen);
                if self.begun && self.last != Some('\n') {
                    screen.stream(StreamName::Stdout, "\n".to_owned());
                }
            }
            Client::Batch => {
                if !self.unwritten.trim().is_empty() {
                    let place = screen.open();
                    screen.finish(place, form(&self.unwritten, &self.unwritten));
                }
            }
        }
    }

    fn show(&mut self, screen: &mut Screen) {
        match screen.client() {
            Client::Live => {
                let draft = self.segments.draft();
                if !draft.trim().is_empty() {
                    let place = *self.place.get_or_insert_with(|| screen.open());
                    screen.draft(place, neutralise(&draft));
                    self.drafted = true;
                    self.begun = true;
                }
            }
            Client::Terminal => {
                let text = std::mem::take(&mut self.unwritten);
                self.begun |= !text.is_empty();
                screen.stream(StreamName::Stdout, foreign::prose(&text).into_owned());
            }
            Client::Batch => {}
        }
        self.pace.shown();
    }

    fn seal(&mut self, segment: Segment, screen: &mut Screen) {
        let place = self.place.take();
        let drafted = std::mem::take(&mut self.drafted);
        // A blank piece between two others needs no output, unless a place waits for it.
        if place.is_none() && segment.markdown.trim().is_empty() {
            return;
        }
        let place = place.unwrap_or_else(|| screen.open());
        screen.finish(place, form(&segment.markdown, &segment.plain));
        self.begun = true;
        // Its end was on the screen already and must not vanish.
        if drafted && !self.segments.is_empty() {
            self.show(screen);
        }
    }
}

fn form(markdown: &str, plain: &str) -> Form {
    Form::new(
        neutralise(markdown),
        foreign::prose(plain).into_owned(),
        json!({ "block": "text" }),
    )
    .terminal(Terminal::Text(Vec::new()))
}
