//! The numbers that numbers of prose may come from, and whether they do: rounded, as a percentage,
//! in thousands or millions, as a sum or mean of a column, as a ratio of their neighbours. Pure.

use std::collections::BTreeSet;

use crate::chat::recording::steps::Code;

use super::numbers::{Exact, Number, Written, read};

/// Whole numbers up to this need no source: "three steps", "the first 5".
const SMALL: f64 = 12.0;
/// The most numbers that are known.
const MAX_KNOWN: usize = 2_000_000;
/// The most columns of a table that are added up.
const MAX_COLUMNS: usize = 64;
/// So many numbers of the same line may be what a number was computed of.
const MAX_NEIGHBOURS: usize = 10;

/// The numbers that other numbers may come from.
#[derive(Debug, Clone, Default)]
pub(super) struct Sources {
    /// By their bits, which sort as the numbers do, because none is negative.
    known: BTreeSet<u64>,
}

impl Sources {
    /// Takes the numbers of a text.
    pub(super) fn add(&mut self, text: &str) {
        for number in read(text) {
            self.add_number(&number);
        }
    }

    /// Takes the numbers of what was put out, and what its columns add up to.
    pub(super) fn add_output(&mut self, text: &str) {
        self.add_lines(text);
        // In a table with commas, these part numbers.
        if text.contains(',') {
            self.add_lines(&text.replace(',', " "));
        }
    }

    fn add_lines(&mut self, text: &str) {
        let mut table = Table::default();
        for line in text.lines() {
            let numbers = read(line);
            numbers.iter().for_each(|number| self.add_number(number));
            if let Some(ended) = table.line(&numbers) {
                self.add_table(&ended);
            }
        }
        self.add_table(&table);
    }

    /// Takes what the columns of the tables of prose add up to, line by line, and nothing else.
    pub(super) fn sums_of(prose: &str) -> Self {
        let mut sources = Self::default();
        let mut table = Table::default();
        for line in prose.lines() {
            table.line(&read(line));
            sources.add_table(&table);
        }
        sources
    }

    /// Takes the numbers of code.
    pub(super) fn add_code(&mut self, code: &Code) {
        match code {
            Code::Bash(text) | Code::Python(text) | Code::Write { text, .. } => self.add(text),
            Code::Replace { old, new, .. } => {
                self.add(old);
                self.add(new);
            }
        }
    }

    fn add_number(&mut self, number: &Number) {
        for one in number.readings.iter().flatten() {
            self.know(one.value);
            if number.scale != 1.0 {
                self.know(one.value * number.scale);
            }
            if number.is_percent {
                self.know(one.value / 100.0);
            }
            // A date without separators.
            let is_date = one.decimals == 0 && (19_000_101.0..21_000_000.0).contains(&one.value);
            if is_date {
                let rest = one.value % 10_000.0;
                self.know((one.value / 10_000.0).floor());
                self.know((rest / 100.0).floor());
                self.know(rest % 100.0);
            }
        }
    }

    fn add_table(&mut self, table: &Table) {
        if table.rows < 2 {
            return;
        }
        // No table has so many rows that they are no exact `f64`.
        let rows = table.rows as f64;
        self.know(rows);
        for sum in &table.sums {
            self.know(*sum);
            self.know(sum / rows);
        }
    }

    fn know(&mut self, value: f64) {
        if value.is_finite() && self.known.len() < MAX_KNOWN {
            self.known.insert(value.abs().to_bits());
        }
    }

    /// Returns whether a number of prose follows from one of these.
    pub(super) fn has(&self, number: &Number) -> bool {
        let mut readings = number.readings.iter();
        readings.any(|reading| reading.iter().all(|one| self.has_exact(*one, number)))
    }

    fn has_exact(&self, one: Exact, number: &Number) -> bool {
        let is_whole = one.decimals <= 0;
        let is_small = is_whole && one.value <= SMALL && !number.is_percent && number.scale == 1.0;
        let is_all = number.is_percent && matches!(one.value, 0.0 | 100.0);
        if is_small || is_all || number.is_level {
            return true;
        }
        // A round number such as 1,200 may stand for 1,234.
        let coarse = match one.zeros >= 2 {
            true => 0.5 * 10f64.powi(i32::try_from(one.zeros).unwrap_or(0)),
            false => half(one),
        };
        let scales: &[f64] = match (number.is_percent, number.scale == 1.0) {
            (true, _) => &[1.0, 0.01],
            // As the caption of a table may say: in percent, thousands, millions.
            (false, true) => &[1.0, 0.01, 1e3, 1e6],
            (false, false) => &[1.0],
        };
        let mut scales = scales.iter().map(|scale| scale * number.scale);
        scales.any(|scale| self.is_near(one.value * scale, coarse * scale))
            || number.is_percent && self.is_complement(one)
    }

    fn is_near(&self, value: f64, slack: f64) -> bool {
        // Half a unit of the last digit, and what floating point adds.
        let slack = slack * 1.000_001 + value * 1e-12;
        let low = (value - slack).max(0.0);
        let high = value + slack;
        if !(low.is_finite() && high.is_finite()) {
            return false;
        }
        self.known
            .range(low.to_bits()..=high.to_bits())
            .next()
            .is_some()
    }

    /// Whether a percentage is the complement of a known share.
    fn is_complement(&self, one: Exact) -> bool {
        let rest = 100.0 - one.value;
        rest >= 0.0
            && (self.is_near(rest, half(one)) || self.is_near(rest / 100.0, half(one) / 100.0))
    }
}

/// Half a unit of the last digit.
fn half(one: Exact) -> f64 {
    0.5 * 10f64.powi(-one.decimals)
}

/// Lines one below the other with equally many numbers, added up by columns.
#[derive(Debug, Clone, Default)]
struct Table {
    rows: u32,
    sums: Vec<f64>,
}

impl Table {
    /// Takes a line; returns the table that it ends.
    fn line(&mut self, numbers: &[Number]) -> Option<Self> {
        let first = |number: &Number| {
            let one = number.readings.first().and_then(|reading| reading.first());
            one.map_or(0.0, |one| one.value)
        };
        let values = numbers.iter().take(MAX_COLUMNS).map(first);
        if self.rows > 0 && self.sums.len() == numbers.len().min(MAX_COLUMNS) {
            self.rows += 1;
            self.sums
                .iter_mut()
                .zip(values)
                .for_each(|(sum, value)| *sum += value);
            return None;
        }
        let begun = Self {
            rows: u32::from(!numbers.is_empty()),
            sums: values.collect(),
        };
        Some(std::mem::replace(self, begun))
    }
}

/// Returns whether a number is what two other numbers of its line come to: their sum, difference or
/// ratio. `others` are those of the whole text, of which those of the same line count.
pub(super) fn is_computed(written: &Written, others: &[&Written]) -> bool {
    // They stand in the order of their lines.
    let from = others.partition_point(|other| other.line < written.line);
    let near = others.get(from..).unwrap_or_default().iter();
    let near = near.take_while(|other| other.line == written.line);
    let near = near.filter(|other| **other != written);
    let near: Vec<f64> = near
        .take(MAX_NEIGHBOURS)
        .filter_map(|other| {
            let number = &other.number;
            let one = number.readings.first()?.first()?;
            Some(one.value * number.scale)
        })
        .collect();
    let number = &written.number;
    let Some([one]) = number.readings.first().map(Vec::as_slice) else {
        return false;
    };
    let is_it = |value: f64| {
        (value.abs() - one.value * number.scale).abs() <= half(*one) * number.scale * 1.000_001
    };
    let mut pairs = near.iter().flat_map(|a| near.iter().map(move |b| (*a, *b)));
    pairs.any(|(a, b)| {
        let share = a / b;
        match number.is_percent {
            true => is_it(100.0 * share) || is_it(100.0 * (share - 1.0)),
            false => is_it(a - b) || is_it(a + b) || is_it(share),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::numbers::numbers;
    use super::*;

    fn without(prose: &str, source: &str) -> Vec<String> {
        let mut sources = Sources::default();
        sources.add_output(source);
        let found = numbers(prose).into_iter();
        found
            .filter(|written| !sources.has(&written.number))
            .map(|written| written.text)
            .collect()
    }

    #[test]
    fn rounding_shares_separators_and_currencies_are_allowed_for() {
        let source = "rows 500\nrevenue 24680.347 on 2026-03-22 and 20251231\ncorr -0.7312\nshare 0.2345\np 3.1e-05 mean 1234567.8";
        for prose in [
            "The revenue is **$24,680.35** from 500 rows.",
            "Der Umsatz ist 24.680,35 €, 24\u{202f}680.35, EUR 24'680.35.",
            "Correlation is -0.73; 23.5% or 23 % of it; 76.5% is the rest; 100 % of it.",
            "About 1.2 million, or 1,234,568, or 1.23M; 24.7k; about 24,700; 1.2 Mio.",
            "p = 0.000031, in 3 steps of `v2.1` from Q3, see https://x.org/99/1",
            "1. First\n12. Last\n17) Next\n```\n777\n```",
            "Until March 22nd, 2026, or the 22. of it; the 31st of December 2025; a 95 % confidence interval.",
        ] {
            assert_eq!(without(prose, source), [""; 0], "{prose}");
        }
    }

    #[test]
    fn a_list_is_no_number() {
        assert_eq!(without("rows [65,84,1234]", "65 84 1234"), [""; 0]);
        assert_eq!(without("rows [65,84,1235]", "65 84 1234"), ["65,84,1235"]);
        assert_eq!(without("1,234,567 people", "1234567"), [""; 0]);
    }

    #[test]
    fn a_column_may_be_added_up() {
        let table = "town   loans  new\nBergen  1200   31\nOslo    2345   40\nVoss     100    2\n\nrange 5 99";
        let prose = "3645 loans and 73 new readers, 1,215 a town; the largest brings 99.";
        assert_eq!(without(prose, table), [""; 0]);
        assert_eq!(without("3646 loans", table), ["3646"]);
        let total = "| a | 71 |\n| b | 82 |\n| all | 153 |";
        let sums = Sources::sums_of(total);
        let numbers = numbers(total);
        let has: Vec<bool> = numbers.iter().map(|one| sums.has(&one.number)).collect();
        assert_eq!(has, [false, false, true]);
    }

    #[test]
    fn a_number_that_is_nowhere_is_found() {
        let source = "rows 500\nrevenue 24680.347\np 0.0312";
        assert_eq!(
            without(
                "It is $24,681.35 of 501 rows, up 17%, 5 million in all, p = 3.4e-05.",
                source
            ),
            ["24,681.35", "501", "17%", "5", "3.4"]
        );
        let around = &numbers("In all there are 501 rows of data here")[0].around;
        assert_eq!(around, "In all there are 501 rows of data here");
    }

    #[test]
    fn neighbours_may_have_been_computed_with() {
        let found = |prose: &str| {
            let numbers = numbers(prose);
            let others: Vec<&Written> = numbers.iter().collect();
            is_computed(&numbers[0], &others)
        };
        assert!(found("-1.6 %: from 34,907 to 34,338"));
        assert!(found("13.2 % are errors, 132 of 1000"));
        assert!(found("569 less: from 34,907 to 34,338"));
        assert!(!found("1.9 %: from 34,907 to 34,338"));
        assert!(!found("569 less\nfrom 34,907 to 34,338"));
    }
}
