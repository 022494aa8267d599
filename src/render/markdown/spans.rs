//! Code spans, links and mathematics: the edits they need.

use std::ops::Range;

use pulldown_cmark::LinkType;

use super::{Edit, OpenLink, Plan};
use crate::render::{foreign, target};

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

impl Plan<'_> {
    /// Keeps a code span if all parsers agree that it is one. Otherwise writes it as a `<code>`
    /// element.
    pub(super) fn code_span(&mut self, range: Range<usize>, masked: &str) {
        let source = self.slice(range.clone());
        // A parser that makes links of bare addresses may take a backtick as part of the address.
        let link = source.contains("](") || source.contains("]:");
        if !link && !source.contains(['<', '$', '\n', '\\']) {
            self.edits.push((range, Edit::Keep));
            return;
        }
        let ticks = source.bytes().take_while(|&b| b == b'`').count();
        let raw = source
            .get(ticks..source.len().saturating_sub(ticks))
            .unwrap_or_default();
        // The parser has removed the marks of a block quote from the content; apart from that it
        // differs from ours only by the mask.
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

    /// Keeps a link if its target is harmless, and an image if it is one of our own files. Any
    /// other becomes text or a link.
    pub(super) fn link(&mut self, link: &OpenLink, inside_link: bool) {
        let start = link.range.start;
        let marks = start..start + if link.image { 2 } else { 1 };
        // An exclamation mark right before it would make the link an image again.
        let apart = match self.slice(0..start).ends_with('!') {
            true => "<span></span>",
            false => "",
        };
        let as_link = || Edit::Replace(format!("{apart}[image: "));
        if link.kind != LinkType::Inline {
            // The definition was checked as the target of a link, but an image could load from
            // anywhere.
            if link.image && link.has_target {
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

    /// Whether this is mathematics that every front end reads alike, and not an amount of money.
    pub(super) fn is_math(&self, range: Range<usize>) -> bool {
        let source = self.slice(range.clone());
        let content = source.trim_matches('$');
        let followed_by_digit = self
            .slice(range.end..self.text.len())
            .starts_with(|c: char| c.is_ascii_digit());
        !followed_by_digit && !self.loose_math && is_safe_tex(content)
    }
}

/// Whether TeX does no harm and is not an amount of money with the words after it.
pub(super) fn is_safe_tex(content: &str) -> bool {
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
        // JupyterLab puts mathematics back without escaping it, also inside an attribute.
        && !content.contains(['`', '$', '"'])
        && !content.contains("\n\n")
        && !UNSAFE_TEX.iter().any(|command| content.contains(command))
}

/// Returns the content of a code span as parsed, with `<` again where the raw text has it.
fn unmask(masked: &str, raw: &str) -> String {
    // The semicolons of the masked text stand, in order, for those of the raw text and for its `<`.
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
