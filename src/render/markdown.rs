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
mod tex;
mod whole;

use free::{push_inert, push_special};
use whole::Carried;
pub use whole::{Stamp, Whole};

/// Returns `source` with everything that could act, load or break out changed into text. If a
/// top-level fence is still open, it is closed.
#[must_use]
pub fn neutralise(source: &str) -> String {
    neutralise_part(source, 0, &mut Whole::default())
}

/// Does the same as [`neutralise`] for one of several parts of a text, given its number; `whole` is
/// handed from part to part.
pub fn neutralise_part(source: &str, part: usize, whole: &mut Whole) -> String {
    let text = foreign::prose(source);
    let text = unbracket(&text);
    let text = match tex::has_brackets(&text) {
        true => Cow::Owned(tex::with_dollars(&text, &code_ranges(&text))),
        false => text,
    };
    let carried = whole.carry(part, text);
    let mut plan = Plan::new(&carried.text);
    plan.read(&mask(&carried.text), &carried, whole);
    plan.apply(whole)
}

/// Returns the text that the parser reads: it has to see the structure that the result will have.
/// There `<` is an entity, so it is masked with another punctuation mark that has no meaning in
/// Markdown.
pub(crate) fn mask(text: &str) -> String {
    text.replace('<', ";")
}

/// What our parser knows beyond CommonMark: what front ends know too.
pub(crate) fn options() -> Options {
    Options::ENABLE_TABLES
        | Options::ENABLE_STRIKETHROUGH
        | Options::ENABLE_TASKLISTS
        | Options::ENABLE_MATH
}

/// Returns the ranges of code in a text, from its beginning to its end.
fn code_ranges(text: &str) -> Vec<Range<usize>> {
    Parser::new_ext(&mask(text), options())
        .into_offset_iter()
        .filter(|(event, _)| matches!(event, Event::Code(_) | Event::Start(Tag::CodeBlock(_))))
        .map(|(_, range)| range)
        .collect()
}

/// Whether a place is in one of the ranges, which are in order.
fn is_code(code: &[Range<usize>], at: usize) -> bool {
    let next = code.partition_point(|range| range.end <= at);
    code.get(next).is_some_and(|range| range.start <= at)
}

/// Writes `](<a b>)` as `](a%20b)` and `]: <a>` as `]: a`, so that no link needs angle brackets.
fn unbracket(text: &str) -> Cow<'_, str> {
    let patterns = [&*target::BRACKETED, &*target::BRACKETED_DEFINITION];
    if !text.contains("](<") && !text.contains("]:") {
        return Cow::Borrowed(text);
    }
    let mut text = Cow::Borrowed(text);
    for pattern in patterns.into_iter().flatten() {
        if !pattern.is_match(&text) {
            continue;
        }
        let code = code_ranges(&text);
        let new = pattern.replace_all(&text, |found: &regex::Captures<'_>| {
            let whole = found.get(0).map_or(0..0, |found| found.range());
            let group = |name: &str| found.name(name).map_or("", |group| group.as_str());
            let target = group("target");
            if is_code(&code, whole.start) || target.chars().count() > target::MAX_BRACKETED {
                text.get(whole).unwrap_or_default().to_owned()
            } else {
                let target = target
                    .replace(' ', "%20")
                    .replace('(', "%28")
                    .replace(')', "%29");
                format!("{}{target}", group("before"))
            }
        });
        text = Cow::Owned(new.into_owned());
    }
    text
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
    /// If so, no mathematics outside it, in the whole text, is safe.
    loose_math: bool,
}

/// A link or image that has begun and not ended.
struct OpenLink {
    range: Range<usize>,
    inner_end: usize,
    image: bool,
    kind: LinkType,
    target: String,
    /// Whether it still leads somewhere: a definition that is not harmless becomes text.
    has_target: bool,
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
            has_target: true,
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

    fn read(&mut self, masked: &str, carried: &Carried<'_>, whole: &mut Whole) {
        let mut events = Parser::new_ext(masked, options()).into_offset_iter();
        let before: Vec<_> = events
            .reference_definitions()
            .iter()
            .map(|(_, definition)| definition.span.clone())
            .filter(|span| carried.is_before(span))
            .collect();
        let kept = before.into_iter().chain(carried.kept.iter().cloned());
        self.edits.extend(kept.map(|span| (span, Edit::Keep)));
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
                            self.heading(range, level, whole.level(level));
                        }
                        Tag::Link {
                            link_type,
                            dest_url,
                            ..
                        } => links.push(OpenLink::new(range, false, link_type, &dest_url)),
                        Tag::Image {
                            link_type,
                            dest_url,
                            id,
                            ..
                        } => {
                            let mut link = OpenLink::new(range, true, link_type, &dest_url);
                            link.has_target = link_type == LinkType::Inline || whole.defines(&id);
                            links.push(link);
                        }
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

    fn apply(mut self, whole: &mut Whole) -> String {
        whole.loose_math |= self.loose_math;
        self.loose_math = whole.loose_math;
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
        let is_special =
            |byte: u8| matches!(byte, b'<' | b'$' | b'\\' | b']' | b'!' | b'`' | b'@' | b'~');
        let mut rest = self.slice(range);
        while let Some(at) = rest.bytes().position(is_special) {
            let (plain, special) = rest.split_at(at);
            out.push_str(plain);
            let used = match special.starts_with('~') && ends_in_address(out) {
                true => {
                    out.push('~');
                    1
                }
                false => push_special(out, special, not_math),
            };
            rest = special.get(used..).unwrap_or_default();
        }
        out.push_str(rest);
    }
}

/// Whether the last word so far is a web address, which front ends make a link of.
fn ends_in_address(out: &str) -> bool {
    const LONGEST: usize = 500;
    let begin = out.ceil_char_boundary(out.len().saturating_sub(LONGEST));
    let end = out.get(begin..).unwrap_or_default();
    let word = end.rsplit(char::is_whitespace).next().unwrap_or_default();
    word.contains("://") || word.contains("www.")
}
