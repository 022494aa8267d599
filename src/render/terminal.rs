//! Claude's text for a terminal: Markdown laid out at the terminal's width, as it grows.
//!
//! A terminal takes nothing back, so only what further text cannot change is written: complete words
//! outside open marks, complete lines of code, and tables when they are over. What is laid out has
//! passed through `foreign` before, so that no escape sequence is in it but ours. Invariant: all
//! that came is written in the end, whatever it was, in time proportional to it.

mod layout;
mod line;
mod settled;
mod table;

use std::ops::Range;

use pulldown_cmark::{Event, Parser, Tag};

use super::markdown::options;

pub(crate) use line::{bold, dim, width};

pub use line::wrap;

/// Words and lines beyond this are written without waiting for the end of their block, in bytes: a
/// block is read anew with each piece of text.
const MAX_GROWING_BYTES: usize = 2 * 1024;
/// The same for blocks that are written when they are over, such as tables.
const MAX_WHOLE_BYTES: usize = 64 * 1024;
/// The longest line that opens a fence, in bytes.
const MAX_OPENING_BYTES: usize = 200;
/// A line that begins with this many characters is not taken for another kind of block any more.
const MIN_CHARS: usize = 8;

/// What a terminal can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Look {
    /// How many characters fit on a line.
    pub columns: usize,
    /// Whether it takes styles: bold, dim and the like.
    pub is_styled: bool,
}

/// Lays out one text after the other, as they come.
#[derive(Debug)]
pub(crate) struct Typesetter {
    look: Look,
    /// The block that grows, and what may be the beginning of another.
    source: String,
    /// What was written of the block that grows.
    written: String,
    /// How much of its source that is, in bytes.
    settled: usize,
    /// What comes between the block that grows and what stands above it.
    gap: &'static str,
}

/// The kinds of blocks, as far as they grow differently.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Words that flow, also in lists and quotes.
    Flow,
    /// Lines that are written when they are complete.
    Lines,
    /// What is written when it is over.
    Whole,
}

impl Typesetter {
    pub(crate) fn new(look: Look) -> Self {
        Self {
            look,
            source: String::new(),
            written: String::new(),
            settled: 0,
            gap: "",
        }
    }

    /// Takes more text; returns what to write.
    pub(crate) fn push(&mut self, text: &str) -> String {
        self.source.push_str(text);
        let mut out = String::new();
        let begun = self.begun();
        let blocks = top_level(self.source.get(..begun).unwrap_or_default());
        let Some(((kind, last), before)) = blocks.split_last() else {
            // Blanks alone are no block, however many come.
            if self.source.len() > MAX_GROWING_BYTES && self.source.trim().is_empty() {
                self.source.clear();
            }
            return out;
        };
        for (_, range) in before {
            self.end_block(range, &mut out);
        }
        let (kind, from) = (*kind, last.start);
        let growing = self.source.get(from..begun).unwrap_or_default();
        let settled = match kind {
            Kind::Flow => settled::flow(growing),
            Kind::Lines => growing.rfind('\n').map_or(0, |at| at + 1),
            Kind::Whole => 0,
        };
        let laid_out = layout::lay_out(growing.get(..settled).unwrap_or_default(), self.look);
        self.write(&laid_out, &mut out);
        self.settled = self.settled.max(settled);
        self.source.drain(..from);
        let most = match kind {
            Kind::Flow | Kind::Lines => MAX_GROWING_BYTES,
            Kind::Whole => MAX_WHOLE_BYTES,
        };
        if self.source.len() > most {
            self.break_off(kind, &mut out);
        }
        out
    }

    /// Ends the text; returns the rest of it, with a line end if anything was written.
    pub(crate) fn finish(mut self) -> String {
        let mut out = String::new();
        for (_, range) in top_level(&self.source) {
            self.end_block(&range, &mut out);
        }
        out
    }

    /// How much of the source may be read: not the beginning of a line of which it is not known what
    /// it begins.
    fn begun(&self) -> usize {
        let line = self.source.rfind('\n').map_or(0, |at| at + 1);
        let tail = self.source.get(line..).unwrap_or_default().trim_start();
        let is_word = tail.starts_with(char::is_alphabetic);
        match is_word || tail.chars().nth(MIN_CHARS).is_some() {
            true => self.source.len(),
            false => line,
        }
    }

    fn end_block(&mut self, range: &Range<usize>, out: &mut String) {
        let block = self.source.get(range.clone()).unwrap_or_default();
        let laid_out = layout::lay_out(block, self.look);
        self.write(&laid_out, out);
        if !self.written.is_empty() {
            out.push('\n');
            self.gap = "\n";
        }
        self.written.clear();
        self.settled = 0;
    }

    /// Writes what is new of the block that grows. What was written stays, also if the block has
    /// become something else meanwhile.
    fn write(&mut self, laid_out: &str, out: &mut String) {
        let rest = match laid_out.strip_prefix(self.written.as_str()) {
            Some(rest) => rest,
            None => line::behind(laid_out, &self.written),
        };
        if rest.is_empty() {
            return;
        }
        if self.written.is_empty() {
            out.push_str(self.gap);
        }
        out.push_str(rest);
        self.written = laid_out.to_owned();
    }

    /// Writes what there is of a block that is very long, and goes on behind it.
    fn break_off(&mut self, kind: Kind, out: &mut String) {
        // At best between two items of a list, else between two lines, else between two words; but
        // behind what was written.
        let places = match kind {
            Kind::Flow => &["\n- ", "\n* ", "\n", " "][..],
            Kind::Lines | Kind::Whole => &["\n", " "],
        };
        let places = places
            .iter()
            .filter_map(|mark| Some(self.source.rfind(mark)? + 1));
        let end = places.into_iter().find(|end| *end >= self.settled);
        let end = end.unwrap_or(self.source.len());
        self.end_block(&(0..end), out);
        let opening = self.source.split_inclusive('\n').next().unwrap_or_default();
        let opening = match kind {
            Kind::Lines if opening.len() <= MAX_OPENING_BYTES => opening.to_owned(),
            Kind::Lines | Kind::Flow | Kind::Whole => String::new(),
        };
        self.source.replace_range(..end, &opening);
        self.gap = "";
    }
}

/// Finds the top-level blocks of a text.
fn top_level(source: &str) -> Vec<(Kind, Range<usize>)> {
    let mut blocks = Vec::new();
    let mut depth = 0_usize;
    for (event, range) in Parser::new_ext(source, options()).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if depth == 0 {
                    blocks.push((kind(&tag), range));
                }
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            _ if depth == 0 => blocks.push((Kind::Whole, range)),
            _ => {}
        }
    }
    blocks
}

fn kind(tag: &Tag<'_>) -> Kind {
    match tag {
        Tag::Paragraph | Tag::List(_) | Tag::BlockQuote(_) => Kind::Flow,
        Tag::CodeBlock(_) => Kind::Lines,
        _ => Kind::Whole,
    }
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    const PLAIN: Look = Look {
        columns: 40,
        is_styled: false,
    };
    const STYLED: Look = Look {
        columns: 40,
        is_styled: true,
    };

    const ANSWER: &str = "# Sales, **2024**\n\nRevenue *rose* by **12 %** and costs fell: see `report.csv` and \
[the docs](https://example.org/a).\nIt is the third year\nin a row.\n\n- The first point is long enough to be wrapped at \
the edge\n- The second\n  1. with a step\n  2. and **another\n     one**\n\n> A quote that goes on for more than one line \
of the terminal\n\n| town | people |\n|:--|--:|\n| Oslo | 709,000 |\n| Bergen | 291,000 |\n\n```python\nfor n in range(3):\n    \
print(n)  # a comment that is longer than the line\n```\n\nThe end, with a ~ and 2 * 3 * 4 and snake_case_names.\n";

    fn whole(text: &str, look: Look) -> String {
        in_pieces(text, text.len().max(1), look)
    }

    fn in_pieces(text: &str, size: usize, look: Look) -> String {
        let mut typesetter = Typesetter::new(look);
        let mut out = String::new();
        let chars: Vec<char> = text.chars().collect();
        for piece in chars.chunks(size) {
            out.push_str(&typesetter.push(&piece.iter().collect::<String>()));
        }
        out.push_str(&typesetter.finish());
        out
    }

    fn check(text: &str, look: Look, expected: &Expect) {
        expected.assert_eq(&whole(text, look).replace('\u{1b}', "^"));
    }

    #[test]
    fn an_answer_is_laid_out() {
        check(
            ANSWER,
            PLAIN,
            &expect![[r#"
            Sales, 2024

            Revenue rose by 12 % and costs fell: see
            `report.csv` and the docs
            (https://example.org/a). It is the third
            year in a row.

            • The first point is long enough to be
              wrapped at the edge
            • The second
              1. with a step
              2. and another one

            │ A quote that goes on for more than one
            │ line of the terminal

            town     people
            ──────  ───────
            Oslo    709,000
            Bergen  291,000

                for n in range(3):
                    print(n)  # a comment that is longer than the line

            The end, with a ~ and 2 * 3 * 4 and
            snake_case_names.
        "#]],
        );
    }

    #[test]
    fn styles_are_the_terminals_own() {
        check(
            ANSWER,
            STYLED,
            &expect![[r#"
            ^[1mSales, 2024^[0m

            Revenue ^[3mrose^[0m by ^[1m12 %^[0m and costs fell: see
            ^[36mreport.csv^[0m and ^[4mthe docs^[0m
            ^[2m(https://example.org/a)^[0m. It is the third
            year in a row.

            • The first point is long enough to be
              wrapped at the edge
            • The second
              1. with a step
              2. and ^[1manother one^[0m

            ^[2m│ ^[0mA quote that goes on for more than one
            ^[2m│ ^[0mline of the terminal

            ^[1mtown^[0m     ^[1mpeople^[0m
            ^[2m──────  ───────^[0m
            Oslo    709,000
            Bergen  291,000

                for n in range(3):
                    print(n)  # a comment that is longer than the line

            The end, with a ~ and 2 * 3 * 4 and
            snake_case_names.
        "#]],
        );
    }

    /// However the text is cut, the same is written.
    #[test]
    fn pieces_are_written_as_the_whole_is() {
        for look in [PLAIN, STYLED] {
            let expected = whole(ANSWER, look);
            for size in 1..60 {
                assert_eq!(
                    in_pieces(ANSWER, size, look),
                    expected,
                    "in pieces of {size}"
                );
            }
        }
    }

    /// Words come when they are complete, not when the paragraph is.
    #[test]
    fn words_do_not_wait_for_the_end_of_their_paragraph() {
        let mut typesetter = Typesetter::new(PLAIN);
        assert_eq!(typesetter.push("One two thr"), "One two");
        assert_eq!(typesetter.push("ee **four fi"), " three");
        assert_eq!(typesetter.push("ve** six"), " four five");
        assert_eq!(typesetter.finish(), " six\n");
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_but_code() {
        for line in whole(ANSWER, PLAIN).lines() {
            let is_code = line.starts_with("        print");
            assert!(line.chars().count() <= 40 || is_code, "{line}");
        }
    }

    /// All words of any text are written, in order, however long its blocks are.
    #[test]
    fn nothing_is_lost() {
        let long = "word ".repeat(4_000);
        let code = format!("```text\n{}```\n\nafter", "a line of code\n".repeat(1_000));
        let list: String = (0..1_500).map(|n| format!("- item {n}\n")).collect();
        let odd = "**open `and [never closed\n\n***\n<div>\nraw & html\n</div>\n\n# \n\n- \n\n| a\n|-\n\n~~~\nno end";
        for text in [&long, &code, &list, odd] {
            let words = |text: &str| {
                let marks = ['`', '*', '-', '|', '#', '~', '•', '─', '[', '│'];
                let text: String = text.chars().filter(|c| !marks.contains(c)).collect();
                let text = text.replace("text", "");
                text.split_whitespace()
                    .map(str::to_owned)
                    .collect::<Vec<_>>()
            };
            for size in [97, 1_000] {
                let (written, all) = (words(&in_pieces(text, size, PLAIN)), words(text));
                let first = written
                    .iter()
                    .zip(&all)
                    .position(|(one, other)| one != other);
                assert_eq!(
                    (written.len(), first),
                    (all.len(), None),
                    "in pieces of {size}"
                );
            }
        }
    }
}
