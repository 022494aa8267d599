//! Makes Markdown that others wrote harmless, changing nothing else.
//!
//! Front ends keep raw HTML of trusted outputs alive and take mathematics out of the text before
//! they parse it, so what one parser calls code another may call a tag. The rules here therefore
//! do not depend on agreeing with the front end's parser: outside code that every parser sees as
//! code, no `<` survives, `](` only in links whose target was checked, `]:` only in definitions
//! that were checked, `$` only around real mathematics, and nothing else begins mathematics.
//!
//! Works as edits of source ranges: all other text stays byte for byte.
//! Not a renderer. Invariant: the output, parsed, holds no HTML but our own `<span>` and `<code>`.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, LinkType, Options, Parser, Tag, TagEnd};

use super::{foreign, target};

/// A dollar sign that begins no mathematics in any front end.
const DOLLAR: &str = "<span>&#36;</span>";
/// TeX that links, loads or styles.
const UNSAFE_TEX: [&str; 8] = [
    "\\href",
    "\\url",
    "\\html",
    "\\class",
    "\\cssId",
    "\\style",
    "\\require",
    "\\data",
];

/// Returns `source` with everything that could act, load or break out made text.
/// A top-level fence that is still open is closed.
#[must_use]
pub fn neutralise(source: &str) -> String {
    neutralise_part(source, &mut Headings::default())
}

/// How far the headings of a text are pushed down: as far as its first one needs to reach level 3,
/// so that the person's own headings stay on top and the text keeps its order.
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

/// Does the same for one of several parts of a text; `headings` goes from part to part.
pub fn neutralise_part(source: &str, headings: &mut Headings) -> String {
    let text = foreign::prose(source);
    let text = unbracket(&text);
    // The parser is to see the structure the result will have, where `<` is an entity: another
    // punctuation mark without meaning stands for it.
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
    let Some(pattern) = target::BRACKETED.as_ref().filter(|_| text.contains("](<")) else {
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
        if code.iter().any(|code| code.contains(&whole.start)) {
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

/// What is done with a range of the source; everything between is read character by character.
enum Edit {
    Keep,
    Replace(String),
    /// What looks like mathematics: if it is, nothing changes but that no tag can begin.
    Math,
}

struct Plan<'a> {
    text: &'a str,
    edits: Vec<(Range<usize>, Edit)>,
    /// Whether code that front ends do not protect holds what begins or ends mathematics: then
    /// none outside is safe.
    loose_math: bool,
}

/// A link or image whose end has not come.
struct OpenLink {
    range: Range<usize>,
    inner_end: usize,
    image: bool,
    kind: LinkType,
    target: String,
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
                        } => links.push(OpenLink {
                            inner_end: range.start + 1,
                            range,
                            image: false,
                            kind: link_type,
                            target: dest_url.into_string(),
                        }),
                        Tag::Image {
                            link_type,
                            dest_url,
                            ..
                        } => links.push(OpenLink {
                            inner_end: range.start + 2,
                            range,
                            image: true,
                            kind: link_type,
                            target: dest_url.into_string(),
                        }),
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

    /// Keeps a code block. A fence at the top level gets the font of code and blank lines around
    /// it: mathematics, as the front ends read it, ends at a blank line, so none can swallow it.
    fn code_block(&mut self, range: Range<usize>, kind: &CodeBlockKind<'_>, top_level: bool) {
        if !top_level || matches!(kind, CodeBlockKind::Indented) {
            let code = self.slice(range.clone());
            let signs = ["$", "\\begin", "\\end", "\\\\"];
            self.loose_math |= signs.iter().any(|sign| code.contains(sign));
            // Parsers differ on what is indented far enough, tabs above all.
            let line = self
                .slice(0..range.start)
                .rfind('\n')
                .map_or(0, |at| at + 1);
            let doubtful = matches!(kind, CodeBlockKind::Indented)
                || self.slice(line..range.start).contains('\t');
            if doubtful {
                let mut shown = String::new();
                push_inert(&mut shown, code);
                self.edits.push((range, Edit::Replace(shown)));
                return;
            }
            self.keep_code(range, kind);
            return;
        }
        let line = self
            .slice(0..range.start)
            .rfind('\n')
            .map_or(0, |at| at + 1);
        let gap = |has: usize| "\n".repeat(2_usize.saturating_sub(has));
        let before = match self.slice(0..line) {
            "" => String::new(),
            text => gap(text.bytes().rev().take_while(|&b| b == b'\n').count()),
        };
        let before = format!("{before}{}", foreign::CODE_FONT);
        self.edits.push((line..line, Edit::Replace(before)));
        let block = self.slice(range.clone());
        let after = self.slice(range.end..self.text.len());
        let end = range.end;
        self.keep_code(range, kind);
        let breaks = usize::from(block.ends_with('\n'));
        let mut close = foreign::CODE_FONT_END
            .get(breaks..)
            .unwrap_or_default()
            .to_owned();
        if after.trim().is_empty() {
            if let Some(mark) = closer(block) {
                let gap = if breaks == 1 { "" } else { "\n" };
                close = format!("{gap}{mark}{}", foreign::CODE_FONT_END);
            }
        } else {
            close.push_str(&gap(after.bytes().take_while(|&b| b == b'\n').count()));
        }
        self.edits.push((end..end, Edit::Replace(close)));
    }

    /// Keeps a code block but for odd characters behind its fence, which name no language and end
    /// up in an attribute.
    fn keep_code(&mut self, range: Range<usize>, kind: &CodeBlockKind<'_>) {
        let is_plain = |c: char| {
            c.is_alphanumeric() || matches!(c, ' ' | '+' | '-' | '#' | '_' | '.' | '/' | ':')
        };
        let line = self
            .slice(range.clone())
            .split('\n')
            .next()
            .unwrap_or_default();
        let marks = line.len() - line.trim_start_matches(['`', '~']).len();
        let info = range.start + marks..range.start + line.len();
        if matches!(kind, CodeBlockKind::Fenced(_))
            && !self.slice(info.clone()).chars().all(is_plain)
        {
            let plain = self.slice(info.clone()).chars().filter(|&c| is_plain(c));
            let plain = plain.collect::<String>();
            self.edits.push((range.start..info.start, Edit::Keep));
            self.edits.push((info.clone(), Edit::Replace(plain)));
            self.edits.push((info.end..range.end, Edit::Keep));
        } else {
            self.edits.push((range, Edit::Keep));
        }
    }

    /// Keeps a code span where every parser agrees on it, else writes it as an element.
    fn code_span(&mut self, range: Range<usize>, masked: &str) {
        let source = self.slice(range.clone());
        // A bare address before it may swallow a backtick.
        let link = source.contains("](") || source.contains("]:");
        if !link && !source.contains(['<', '$', '\n', '\\']) {
            self.edits.push((range, Edit::Keep));
            return;
        }
        let ticks = source.bytes().take_while(|&b| b == b'`').count();
        let raw = source
            .get(ticks..source.len().saturating_sub(ticks))
            .unwrap_or_default();
        // The parser's content has prefixes of quotes removed; it differs from ours by the mask.
        let content = if raw.contains('\n') || !source.contains('<') {
            unmask(masked, raw)
        } else {
            match raw.strip_prefix(' ').and_then(|raw| raw.strip_suffix(' ')) {
                Some(inner) if !inner.trim().is_empty() => inner.to_owned(),
                _ => raw.to_owned(),
            }
        };
        self.edits
            .push((range, Edit::Replace(foreign::code(&content))));
    }

    /// Gives a heading its new level.
    fn heading(&mut self, range: Range<usize>, old: usize, new: usize) {
        let source = self.slice(range.clone());
        let start = range.start + (source.len() - source.trim_start_matches(' ').len());
        if source.trim_start_matches(' ').starts_with('#') {
            let more = "#".repeat(new.saturating_sub(old));
            self.edits.push((start..start, Edit::Replace(more)));
            return;
        }
        // Underlined. One line becomes `### …`; of several the underline becomes text.
        let body = source.trim_end_matches('\n');
        let Some(at) = body.rfind('\n') else { return };
        let underline = range.start + at + 1..range.start + body.len();
        let mark = self.slice(underline.clone()).find(['=', '-']);
        if body.get(..at).is_some_and(|title| !title.contains('\n')) {
            let marks = format!("{} ", "#".repeat(new));
            self.edits.push((start..start, Edit::Replace(marks)));
            self.edits.push((underline, Edit::Replace(String::new())));
        } else if let Some(mark) = mark {
            let at = underline.start + mark;
            self.edits.push((at..at, Edit::Replace("\\".to_owned())));
        }
    }

    fn link(&mut self, link: &OpenLink, inside_link: bool) {
        let start = link.range.start;
        let marks = start..start + if link.image { 2 } else { 1 };
        // A mark right before it would make the link an image again.
        let apart = match self.slice(0..start).ends_with('!') {
            true => "<span></span>",
            false => "",
        };
        let as_link = || Edit::Replace(format!("{apart}[image: "));
        if link.kind != LinkType::Inline {
            // The definition was checked; an image of this kind could load from anywhere.
            if link.image && !matches!(link.kind, LinkType::Autolink | LinkType::Email) {
                self.edits.push((marks, as_link()));
            }
            return;
        }
        let rest = self.slice(link.inner_end..link.range.end);
        let Some(at) = rest.find("](") else { return };
        let tail = link.inner_end + at..link.range.end;
        let target =
            target::of_tail(self.slice(tail.clone())).filter(|_| target::is_harmless(&link.target));
        match target {
            Some(_) if !link.image => self.edits.push((tail, Edit::Keep)),
            Some(target) if target::is_own_file(target) => {
                self.edits.push((marks, Edit::Keep));
                self.edits.push((tail, Edit::Keep));
            }
            Some(_) if !inside_link => {
                self.edits.push((marks, as_link()));
                self.edits.push((tail, Edit::Keep));
            }
            _ => {
                let shown = self.slice(tail.clone());
                let shown = shown.get(2..shown.len() - 1).unwrap_or_default();
                let shown = foreign::inline(&foreign::shorten(shown, 60));
                let opening = if link.image { "&#33;&#91;" } else { "&#91;" };
                self.edits.push((marks, Edit::Replace(opening.to_owned())));
                self.edits
                    .push((tail, Edit::Replace(format!("]&#40;{shown}&#41;"))));
            }
        }
    }

    /// Real mathematics that every front end reads alike, and no amount of money.
    fn is_math(&self, range: Range<usize>) -> bool {
        let source = self.slice(range.clone());
        let content = source.trim_matches('$');
        let followed_by_digit = self
            .slice(range.end..self.text.len())
            .starts_with(|c: char| c.is_ascii_digit());
        let money = content.starts_with(|c: char| c.is_ascii_digit())
            && !content.contains(['\\', '^', '_', '=', '{', '+', '*', '<', '>'])
            && !content
                .chars()
                .all(|c| c.is_ascii_digit() || matches!(c, '.' | ','));
        let mut depth = 0_i32;
        let balanced = content.chars().all(|c| {
            depth += i32::from(c == '{') - i32::from(c == '}');
            depth >= 0
        }) && depth == 0;
        balanced
            && !money
            && !followed_by_digit
            // JupyterLab puts mathematics back unescaped, be it into an attribute.
            && !content.contains(['`', '$', '"'])
            && !self.loose_math
            && !content.contains("\n\n")
            && !UNSAFE_TEX.iter().any(|command| content.contains(command))
    }

    fn apply(mut self) -> String {
        // Stable: an insertion before a range comes before it.
        self.edits
            .sort_by_key(|(range, _)| (range.start, range.end));
        let mut out = String::with_capacity(self.text.len() + self.text.len() / 16 + 16);
        let mut at = 0;
        for (range, edit) in &self.edits {
            // A definition inside something else, or the like: the first one wins.
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

/// Writes the first character (or two) of `text` safely; returns how many bytes it took.
fn push_special(out: &mut String, text: &str, not_math: bool) -> usize {
    let mut chars = text.chars();
    let (first, second) = (chars.next().unwrap_or_default(), chars.next());
    match (first, second) {
        ('<', _) => {
            let link = target::autolink(text);
            out.push_str(link.unwrap_or("&lt;"));
            link.map_or(1, str::len)
        }
        ('$', _) => {
            out.push_str(DOLLAR);
            1
        }
        ('\\', Some('$')) => {
            out.push_str(DOLLAR);
            2
        }
        ('\\', Some('<')) => {
            out.push_str("&lt;");
            2
        }
        // `\\(` and `\begin{…}` begin mathematics in JupyterLab, across code and tags.
        ('\\', Some('\\')) => {
            let opens = text
                .get(2..)
                .is_some_and(|rest| rest.starts_with(['(', '[', ')', ']']));
            out.push_str(if opens { "&#92;" } else { "\\\\" });
            2
        }
        // `@@0@@` is where JupyterLab puts mathematics back.
        ('@', Some('@' | '\\')) => {
            out.push_str("&#64;");
            1
        }
        ('\\', Some('@')) => {
            out.push_str("&#64;");
            2
        }
        ('\\', _) if begins_environment(text) => {
            out.push_str("&#92;");
            1
        }
        // A bare address before it may swallow the backslash.
        ('\\', Some(c @ ('[' | ']' | '!' | '`'))) => {
            let _ = write!(out, "&#{};", u32::from(c));
            2
        }
        ('\\', Some(c)) if c.is_ascii_punctuation() => {
            out.push('\\');
            out.push(c);
            2
        }
        (']', Some('(')) => {
            out.push_str("]&#40;");
            2
        }
        (']', Some(':')) => {
            out.push_str("]&#58;");
            2
        }
        ('!', Some('[')) => {
            out.push_str("&#33;");
            1
        }
        ('`', _) if not_math => {
            out.push_str("&#96;");
            1
        }
        _ => {
            out.push(first);
            first.len_utf8()
        }
    }
}

fn begins_environment(text: &str) -> bool {
    ["\\begin{", "\\end{"].iter().any(|command| {
        text.get(..command.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(command))
    })
}

/// Mathematics, or code that not every parser takes for code: with a space after `<` and `]`, so
/// that none sees a tag or a link.
fn push_inert(out: &mut String, source: &str) {
    let mut chars = source.chars().peekable();
    while let Some(c) = chars.next() {
        out.push(c);
        let tag = c == '<'
            && chars
                .peek()
                .is_some_and(|next| !next.is_whitespace() && !next.is_ascii_digit());
        let link = c == ']' && matches!(chars.peek(), Some('(' | ':'));
        if tag || link {
            out.push(' ');
        }
    }
}

/// Returns what closes a fenced block, if its last line does not.
fn closer(block: &str) -> Option<String> {
    let block = block.trim_end_matches('\n');
    let mark = block.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = block.chars().take_while(|&c| c == mark).count();
    let closed = block.lines().skip(1).last().is_some_and(|line| {
        let line = line.trim();
        line.chars().count() >= length && line.chars().all(|c| c == mark)
    });
    let mut close = String::new();
    let _ = write!(close, "{}", mark.to_string().repeat(length));
    (!closed).then_some(close)
}

/// The content of a code span as parsed, its `<` back in place where the raw text has them.
fn unmask(masked: &str, raw: &str) -> String {
    // Each `;` of the masked text is, in order, a `;` or a `<` of the raw one.
    let mut marks = raw.chars().filter(|c| matches!(c, ';' | '<'));
    masked
        .chars()
        .map(|c| {
            if c == ';' {
                marks.next().unwrap_or(c)
            } else {
                c
            }
        })
        .collect()
}
