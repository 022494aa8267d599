//! A part of Claude's text: from deltas to displays, cut by `segment`, timed by `pace`.
//!
//! Consecutive text blocks are one part, because citations split a sentence into several blocks.
//! What is shown in the end depends on the text alone, not on how it arrived.

use std::time::Duration;

use serde_json::json;

use super::display_mode::DisplayMode;
use super::foreign;
use super::markdown::{Stamp, Whole, neutralise, neutralise_part};
use super::pace::Pace;
use super::screen::{Form, Screen, SlotId, Terminal};
use super::segment::Segmenter;
use super::terminal::Typesetter;

/// If so many complete pieces wait, they are shown at once: this limits what one update publishes.
const MAX_SEALED: usize = 16;

/// A part of the answer that grows.
#[derive(Debug, Default)]
pub(crate) struct Answer {
    segments: Segmenter,
    /// The place of the growing piece, once it has one.
    place: Option<SlotId>,
    /// Complete pieces that wait to be shown. If a piece were sealed at once, the text after the
    /// cut, which may be on the screen already, would disappear until the next update.
    sealed: Vec<String>,
    pace: Pace,
    /// Whether anything of the part has been shown.
    begun: bool,
    /// Batch and terminal: the text that is not yet written.
    unwritten: String,
    /// Terminal only: what lays the text out, where the terminal's width is known.
    typesetter: Option<Typesetter>,
    whole: Whole,
    /// Live only: the pieces that have their final form, unless a later piece changes it.
    parts: Vec<Part>,
    /// The last character that has come.
    last: Option<char>,
}

/// A complete piece on the screen.
#[derive(Debug)]
struct Part {
    place: Option<SlotId>,
    text: String,
    shown: String,
    /// What was known of the whole text when it was made.
    stamp: Stamp,
}

impl Answer {
    /// Takes more text and shows what is due.
    pub(crate) fn push(&mut self, text: &str, now: Duration, screen: &mut Screen) {
        let Some(last) = text.chars().next_back() else {
            return;
        };
        self.last = Some(last);
        self.pace.grew(text.len(), now);
        match screen.client() {
            DisplayMode::Live => self.sealed.extend(self.segments.push(text)),
            DisplayMode::Terminal | DisplayMode::Batch => self.unwritten.push_str(text),
        }
        // Blank text alone opens no display. To ask the whole text each time would be quadratic.
        // What is laid out begins when a line of it is there, so that a short answer comes in one
        // piece.
        let is_laid_out = screen.client() == DisplayMode::Terminal && screen.look.is_some();
        let is_seen = screen.client() != DisplayMode::Live || !text.trim().is_empty();
        let begins = !self.begun && is_seen && !is_laid_out;
        if begins || self.sealed.len() >= MAX_SEALED {
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

    /// Returns how many bytes have no final form yet.
    pub(crate) fn len_bytes(&self) -> usize {
        self.segments.draft().len() + self.unwritten.len()
    }

    /// Returns how many bytes the next piece may be drawn with.
    pub(crate) fn redrawn_bytes(&self, client: DisplayMode) -> usize {
        match client {
            DisplayMode::Live => self.segments.draft().len(),
            DisplayMode::Terminal => self.unwritten.len(),
            DisplayMode::Batch => 0,
        }
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
    pub(crate) fn deadline(&self, client: DisplayMode) -> Option<Duration> {
        self.pace
            .deadline()
            .filter(|_| client != DisplayMode::Batch)
    }

    /// Ends the part: its last piece gets its final form.
    pub(crate) fn finish(mut self, screen: &mut Screen) {
        match screen.client() {
            DisplayMode::Live => {
                let last = std::mem::take(&mut self.segments).finish();
                for piece in std::mem::take(&mut self.sealed).into_iter().chain(last) {
                    self.seal(piece, screen);
                }
                self.correct(screen);
            }
            DisplayMode::Terminal => {
                if let Some(look) = screen.look {
                    let typesetter = self.typesetter.take();
                    let mut typesetter = typesetter.unwrap_or_else(|| Typesetter::new(look));
                    let mut text = typesetter.push(&foreign::prose(&self.unwritten));
                    text.push_str(&typesetter.finish());
                    screen.talk(text);
                } else {
                    self.show(screen);
                    if self.begun && self.last != Some('\n') {
                        screen.talk("\n".to_owned());
                    }
                }
                screen.pause();
            }
            DisplayMode::Batch => {
                if !self.unwritten.trim().is_empty() {
                    let place = screen.open();
                    screen.finish(place, form(neutralise(&self.unwritten), &self.unwritten));
                }
            }
        }
    }

    fn show(&mut self, screen: &mut Screen) {
        match screen.client() {
            DisplayMode::Live => {
                for piece in std::mem::take(&mut self.sealed) {
                    self.seal(piece, screen);
                }
                let draft = self.segments.draft();
                if !draft.trim().is_empty() {
                    let place = *self.place.get_or_insert_with(|| screen.open());
                    let mut whole = self.whole.clone();
                    let shown = neutralise_part(draft, self.parts.len(), &mut whole);
                    screen.draft(place, shown);
                    self.begun = true;
                }
            }
            DisplayMode::Terminal => {
                let text = std::mem::take(&mut self.unwritten);
                self.begun |= !text.is_empty();
                let text = foreign::prose(&text).into_owned();
                let text = match screen.look {
                    Some(look) => {
                        let typesetter =
                            self.typesetter.get_or_insert_with(|| Typesetter::new(look));
                        typesetter.push(&text)
                    }
                    None => text,
                };
                screen.talk(text);
            }
            DisplayMode::Batch => {}
        }
        self.pace.shown(self.segments.draft().len());
    }

    fn seal(&mut self, text: String, screen: &mut Screen) {
        let mut place = self.place.take();
        let shown = neutralise_part(&text, self.parts.len(), &mut self.whole);
        // A blank piece needs no output, unless a place was opened for it.
        if place.is_some() || !text.trim().is_empty() {
            let at = *place.get_or_insert_with(|| screen.open());
            screen.finish(at, form(shown.clone(), &text));
            self.begun = true;
        }
        let stamp = self.whole.stamp();
        self.parts.push(Part {
            place,
            text,
            shown,
            stamp,
        });
    }

    /// Shows pieces again that a later piece changes, such as by the address of a link in them.
    fn correct(&mut self, screen: &mut Screen) {
        for (number, part) in self.parts.iter().enumerate() {
            if part.stamp == self.whole.stamp() {
                continue;
            }
            let shown = neutralise_part(&part.text, number, &mut self.whole);
            if let Some(place) = part.place
                && shown != part.shown
            {
                screen.finish(place, form(shown, &part.text));
            }
        }
    }
}

fn form(markdown: String, plain: &str) -> Form {
    Form::new(
        markdown,
        foreign::prose(plain).into_owned(),
        json!({ "block": "text" }),
    )
    .terminal(Terminal::Text(Vec::new()))
}
