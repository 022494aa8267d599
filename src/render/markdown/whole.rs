//! What the parts of one text need to know of each other.
//!
//! A part is read alone and shown alone, but three things reach from one part to another: how far
//! headings are moved down, reference definitions, and whether mathematics is safe.

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use pulldown_cmark::{BrokenLink, CowStr, Parser};

use super::{mask, options};
use crate::render::target;

/// How many levels the headings of a text are moved down: as many as its first heading needs to
/// reach level 3. So the person's own headings stay above them and the text keeps its order.
#[derive(Debug, Clone, Default)]
struct Headings {
    down: Option<usize>,
}

/// What is known of a whole text from the parts that were read.
#[derive(Debug, Clone, Default)]
pub struct Whole {
    headings: Headings,
    /// The first definition of each label: later ones do not count.
    definitions: HashMap<String, Definition>,
    /// Whether code that front ends do not protect contains a sign that begins or ends mathematics.
    pub(super) loose_math: bool,
}

#[derive(Debug, Clone)]
struct Definition {
    part: usize,
    /// Whether it stands in a list, a quote or behind spaces.
    is_nested: bool,
    /// The line that defines the label. `None` if its target is not harmless: it is shown as text.
    line: Option<String>,
}

impl Definition {
    /// Whether every parser finds it when it reads this part.
    fn is_at_top(&self, part: usize) -> bool {
        self.part == part && !self.is_nested
    }
}

/// How much was known at some time: if it has changed, parts may have to be shown in another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp(usize, bool);

impl Whole {
    /// Returns how much is known now.
    #[must_use]
    pub fn stamp(&self) -> Stamp {
        Stamp(self.definitions.len(), self.loose_math)
    }

    /// Returns the new level of a heading.
    pub(super) fn level(&mut self, level: usize) -> usize {
        let down = self.headings.down;
        let down = *self
            .headings
            .down
            .insert(down.unwrap_or(3_usize.saturating_sub(level)));
        (level + down).clamp(3, 6)
    }

    /// Notes the definitions of a part, and puts before the part those that it needs and does not
    /// have at its top level. Parsers differ on what is a definition within a list or a quote.
    pub(super) fn carry<'t>(&mut self, part: usize, text: Cow<'t, str>) -> Carried<'t> {
        if !text.contains('[') {
            return Carried::alone(text);
        }
        let masked = mask(&text);
        let mut wanted = BTreeSet::new();
        let note = |link: BrokenLink<'_>| -> Option<(CowStr<'_>, CowStr<'_>)> {
            wanted.insert(key(&link.reference));
            None
        };
        let parser = Parser::new_with_broken_link_callback(&masked, options(), Some(note));
        let mut events = parser.into_offset_iter();
        let mut kept = Vec::new();
        let mut defined = BTreeSet::new();
        for (label, definition) in events.reference_definitions().iter() {
            let span = definition.span.clone();
            let line = text.get(span.clone()).unwrap_or_default().trim_end();
            let known = self.definitions.entry(key(label)).or_insert_with(|| {
                let before = text.get(..span.start).unwrap_or_default();
                Definition {
                    part,
                    is_nested: !before.is_empty() && !before.ends_with('\n'),
                    line: target::is_definition(line).then(|| line.to_owned()),
                }
            });
            if known.part == part && known.line.is_some() {
                kept.push(span);
            }
            defined.insert(key(label));
        }
        if self.definitions.values().all(|known| known.is_at_top(part)) {
            return Carried {
                kept,
                ..Carried::alone(text)
            };
        }
        events.by_ref().for_each(drop);
        drop(events);
        let mut before = String::new();
        for label in wanted.union(&defined) {
            if let Some(known) = self.definitions.get(label)
                && let Some(line) = &known.line
                && !known.is_at_top(part)
            {
                before.push_str(line);
                before.push('\n');
            }
        }
        if !before.is_empty() {
            before.push('\n');
        }
        let moved = |span: Range<usize>| span.start + before.len()..span.end + before.len();
        Carried {
            kept: kept.into_iter().map(moved).collect(),
            before: before.len(),
            text: match before.is_empty() {
                true => text,
                false => Cow::Owned(before + &text),
            },
        }
    }

    /// Whether a label leads to a harmless target.
    pub(super) fn defines(&self, label: &str) -> bool {
        let first = self.definitions.get(&key(label));
        first.is_some_and(|first| first.line.is_some())
    }
}

/// A part with the definitions before it that it needs.
pub(super) struct Carried<'t> {
    pub(super) text: Cow<'t, str>,
    /// How many bytes stand before the part.
    before: usize,
    /// The definitions of the part that stay definitions: harmless, and the first of their label.
    pub(super) kept: Vec<Range<usize>>,
}

impl<'t> Carried<'t> {
    fn alone(text: Cow<'t, str>) -> Self {
        Self {
            text,
            before: 0,
            kept: Vec::new(),
        }
    }

    /// Whether a range is in what was put before the part.
    pub(super) fn is_before(&self, range: &Range<usize>) -> bool {
        range.start < self.before
    }
}

/// Returns a label as labels are compared: without difference of case and white space.
fn key(label: &str) -> String {
    let words = label.split_whitespace().collect::<Vec<_>>().join(" ");
    words.to_uppercase().to_lowercase()
}
