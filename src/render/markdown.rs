//! Makes Markdown that others wrote harmless and changes nothing else.
//!
//! Front ends keep raw HTML of trusted outputs alive and take mathematics out of the text before
//! they parse it, so what one parser takes for code another may take for a tag. Therefore no rule
//! here depends on the parser of the front end. Outside code that every parser takes for code:
//! there is no `<`; `](` is only in links whose target was checked; `]:` only in definitions that
//! were checked; `$` only around real mathematics; and nothing else begins mathematics.
//!
//! The work is done as edits of ranges of the source: all other text stays byte for byte. Not a
//! renderer. Invariant: the output, when parsed, holds no HTML but our own `<span>` and `<code>`.

use std::borrow::Cow;
use std::ops::Range;

use pulldown_cmark::{Event, LinkType, Options, Parser, Tag, TagEnd};

use super::{foreign, target};

mod blocks;
mod free;
mod spans;

use free::{push_inert, push_special};

/// Returns `source` with everything that could act, load or break out changed into text. If a
/// top-level fence is still open, it is closed.
#[must_use]
pub fn neutralise(source: &str) -> String {
    neutralise_part(source, &mut Headings::default())
}

/// How many levels the headings of a text are moved down: as many as its first heading needs to
/// reach level 3. So the person's own headings stay above them and the text keeps its order.
#[derive(Debug, Clone, Default)]
pub struct Headings {
    down: Option<usize>,
}

impl Headings {
    /// Returns the new level of a heading.
    fn level(&mut self, level: usize) -> usize {
        let down = *self.down.get_or_insert(3_usize.saturating_sub(level));
        (level + down).clamp(3, 6)
    }
}

/// Does the same as [`neutralise`] for one of several parts of a text; `headings` is handed from
/// part to part.
pub fn neutralise_part(source: &str, headings: &mut Headings) -> String {
    let text = foreign::prose(source);
    let text = unbracket(&text);
    // The parser has to see the structure that the result will have. There `<` is an entity, so it
    // is masked with another punctuation mark that has no meaning in Markdown.
    let masked = text.replace('<', ";");
    let mut plan = Plan::new(&text);
    plan.read(&masked, headings);
    plan.apply()
}

fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
}

/// Writes `](<a b>)` as `](a%20b)`, so that no link needs angle brackets.
fn unbracket(text: &str) -> Cow<'_, str> {
    if !text.contains("](<") {
        return Cow::Borrowed(text);
    }
    let Some(pattern) = target::BRACKETED.as_ref() else {
        return Cow::Borrowed(text);
    };
    let masked = text.replace('<', ";");
    let code: Vec<Range<usize>> = Parser::new_ext(&masked, options())
        .into_offset_iter()
        .filter(|(event, _)| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))))
        .map(|(_, range)| range)
        .collect();
    pattern.replace_all(text, |found: &regex::Captures<'_>| {
        let whole = found.get(0).map_or(0..0, |found| found.range());
        let target = found.get(1).map_or("", |target| target.as_str());
        let is_code = code.iter().any(|code| code.contains(&whole.start));
        if is_code || target.chars().count() > target::MAX_BRACKETED {
            text.get(whole).unwrap_or_default().to_owned()
        } else {
            let target = target
                .replace(' ', "%20")
                .replace('(', "%28")
                .replace(')', "%29");
            format!("]({target}")
        }
    })
}

/// What is done with a range of the source. Text outside all ranges is read character by character.
enum Edit {
    Keep,
    Replace(String),
    /// Text that looks like mathematics. If it is, it stays, but no tag can begin in it.
    Math,
}

struct Plan<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, Edit)>,
    /// Whether code that front ends do not protect contains a sign that begins or ends mathematics.
    /// If so, no mathematics outside it is safe.
    loose_math: bool,
}

/// A link or image that has begun and not ended.
struct OpenLink {
    range: Range<usize>,
    inner_end: usize,
    image: bool,
    kind: LinkType,
    target: String,
}

impl OpenLink {
    fn new(range: Range<usize>, image: bool, kind: LinkType, target: &str) -> Self {
        Self {
            // Behind `[` or `![`.
            inner_end: range.start + 1 + usize::from(image),
            range,
            image,
            kind,
            target: target.to_owned(),
        }
    }
}

impl<'a> Plan<'a> {
    fn new(text: &'a str) -> Self {
        Self {
            text,
            edits: Vec::new(),
            loose_math: false,
        }
    }

    fn slice(&self, range: Range<usize>) -> &'a str {
        self.text.get(range).unwrap_or_default()
    }

    fn read(&mut self, masked: &str, headings: &mut Headings) {
        let mut events = Parser::new_ext(masked, options()).into_offset_iter();
        let kept: Vec<_> = events
            .reference_definitions()
            .iter()
            .map(|(_, definition)| definition.span.clone())
            .filter(|span| target::is_definition(self.slice(span.clone())))
            .collect();
        self.edits
            .extend(kept.into_iter().map(|span| (span, Edit::Keep)));
        let mut links: Vec<OpenLink> = Vec::new();
        let mut depth = 0_usize;
        for (event, range) in events.by_ref() {
            if let Some(link) = links.last_mut()
                && !matches!(event, Event::End(TagEnd::Link | TagEnd::Image))
            {
                link.inner_end = link.inner_end.max(range.end);
            }
            match event {
                Event::Start(tag) => {
                    match tag {
                        Tag::CodeBlock(kind) => self.code_block(range, &kind, depth == 0),
                        Tag::Heading { level, .. } => {
                            let level = level as usize;
                            self.heading(range, level, headings.level(level));
                        }
                        Tag::Link {
                            link_type,
                            dest_url,
                            ..
                        } => links.push(OpenLink::new(range, false, link_type, &dest_url)),
                        Tag::Image {
                            link_type,
                            dest_url,
                            ..
                        } => links.push(OpenLink::new(range, true, link_type, &dest_url)),
                        _ => {}
                    }
                    depth += 1;
                }
                Event::End(end) => {
                    depth = depth.saturating_sub(1);
                    if matches!(end, TagEnd::Link | TagEnd::Image)
                        && let Some(link) = links.pop()
                    {
                        let inside = links.last_mut().map(|outer| {
                            outer.inner_end = outer.inner_end.max(link.range.end);
                        });
                        self.link(&link, inside.is_some());
                    }
                }
                Event::Code(content) => self.code_span(range, &content),
                Event::InlineMath(_) | Event::DisplayMath(_) => {
                    self.edits.push((range, Edit::Math));
                }
                _ => {}
            }
        }
    }

    fn apply(mut self) -> String {
        // The sort is stable, so an insertion at a place comes before a range that begins there.
        self.edits
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(self.text.len() + self.text.len() / 16 + 16);
        let mut at = 0;
        for (range, edit) in &self.edits {
            // Ranges may overlap, for example a definition inside something else: the first one
            // wins.
            if range.start < at {
                continue;
            }
            self.free(&mut out, at..range.start, false);
            match edit {
                Edit::Keep => out.push_str(self.slice(range.clone())),
                Edit::Replace(new) => out.push_str(new),
                Edit::Math if self.is_math(range.clone()) => {
                    push_inert(&mut out, self.slice(range.clone()));
                }
                Edit::Math => self.free(&mut out, range.clone(), true),
            }
            at = range.end;
        }
        self.free(&mut out, at..self.text.len(), false);
        out
    }

    /// Copies text outside code and checked links, character by character.
    fn free(&self, out: &mut String, range: Range<usize>, not_math: bool) {
        let mut rest = self.slice(range);
        while let Some(at) = rest.find(['<', '$', '\\', ']', '!', '`', '@']) {
            let (plain, special) = rest.split_at(at);
            out.push_str(plain);
            let used = push_special(out, special, not_math);
            rest = special.get(used..).unwrap_or_default();
        }
        out.push_str(rest);
    }
}
