//! A table in a terminal: aligned columns that fit the width. Pure.

use pulldown_cmark::Alignment;

use super::line::{self, Item, Span, Style, width_of};

/// The blanks between two columns.
const GAP: usize = 2;
/// The narrowest column, in characters.
const MIN_COLUMN: usize = 6;

/// A table that is being read; the first row is its head.
#[derive(Debug, Default)]
pub(super) struct Table {
    pub(super) alignments: Vec<Alignment>,
    pub(super) rows: Vec<Vec<Vec<Span>>>,
}

impl Table {
    /// Returns its lines.
    pub(super) fn lines(&self, columns: usize, is_styled: bool) -> Vec<String> {
        let widths = self.widths(columns);
        let mut out = Vec::new();
        for (number, row) in self.rows.iter().enumerate() {
            out.extend(self.row(row, &widths, number == 0, is_styled));
            if number == 0 {
                let rules: Vec<String> = widths.iter().map(|width| "─".repeat(*width)).collect();
                out.push(line::dim(&rules.join(&" ".repeat(GAP)), is_styled));
            }
        }
        out
    }

    /// How wide each column is: as wide as its widest cell, if all fit; else the widest columns give.
    fn widths(&self, columns: usize) -> Vec<usize> {
        let count = self.rows.iter().map(Vec::len).max().unwrap_or(0);
        let natural = |at: usize| {
            let cells = self.rows.iter().filter_map(|row| row.get(at));
            let wide = cells.map(|cell| natural(&line::items(cell)));
            wide.max().unwrap_or(0).max(1)
        };
        let mut widths: Vec<usize> = (0..count).map(natural).collect();
        let room = columns.saturating_sub(GAP * count.saturating_sub(1));
        while widths.iter().sum::<usize>() > room {
            let over = widths.iter().sum::<usize>() - room;
            let widest = widths.iter().copied().max().unwrap_or(0);
            let Some(at) = widths.iter().position(|width| *width == widest) else {
                break;
            };
            let second = widths.iter().copied().filter(|width| *width < widest).max();
            let least = second.unwrap_or(MIN_COLUMN).max(MIN_COLUMN);
            let less = widest
                .saturating_sub(over)
                .max(least.min(widest.saturating_sub(1)));
            if less < MIN_COLUMN || less >= widest {
                break;
            }
            if let Some(width) = widths.get_mut(at) {
                *width = less;
            }
        }
        widths
    }

    fn row(
        &self,
        row: &[Vec<Span>],
        widths: &[usize],
        is_head: bool,
        is_styled: bool,
    ) -> Vec<String> {
        let cells: Vec<Vec<Vec<Vec<Span>>>> = widths
            .iter()
            .enumerate()
            .map(|(at, width)| {
                let mut spans = row.get(at).cloned().unwrap_or_default();
                if is_head {
                    spans
                        .iter_mut()
                        .for_each(|span| span.style = bold(span.style));
                }
                line::lines(line::items(&spans), *width)
            })
            .collect();
        let height = cells.iter().map(Vec::len).max().unwrap_or(0);
        let line_at = |number: usize| {
            let mut out = String::new();
            let mut owed = 0;
            for (at, (cell, width)) in cells.iter().zip(widths).enumerate() {
                let words = cell.get(number).map_or(&[][..], Vec::as_slice);
                let used: usize = words.iter().map(|word| width_of(word) + 1).sum();
                let left = (width + 1).saturating_sub(used.max(1));
                let before = match self.alignments.get(at) {
                    Some(Alignment::Right) => left,
                    Some(Alignment::Center) => left / 2,
                    Some(Alignment::Left | Alignment::None) | None => 0,
                };
                if !words.is_empty() {
                    out.push_str(&" ".repeat(owed + before));
                    out.push_str(&line::write(words, is_styled));
                    owed = left - before + GAP;
                } else {
                    owed += width + GAP;
                }
            }
            out
        };
        (0..height).map(line_at).collect()
    }
}

fn bold(style: Style) -> Style {
    Style {
        is_bold: true,
        ..style
    }
}

fn natural(items: &[Item]) -> usize {
    let words = items.iter().filter_map(|item| match item {
        Item::Word(word) => Some(width_of(word) + 1),
        Item::Break => None,
    });
    words.sum::<usize>().saturating_sub(1)
}
