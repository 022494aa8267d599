//! The numbers of a text, and whether they follow from other numbers: rounded, as a percentage, in
//! thousands or millions, with separators, with a currency. Pure.

use std::collections::BTreeSet;

use crate::chat::recording::steps::Code;

/// Whole numbers up to this need no source: "three steps", "the first 5".
const SMALL: f64 = 12.0;
/// How many characters around a number are told.
const AROUND: usize = 24;
/// The most numbers of one text that are looked at.
const MAX_NUMBERS: usize = 20_000;

/// A number of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    /// As it is written.
    pub(super) text: String,
    /// The words around it.
    pub(super) around: String,
    value: f64,
    /// Digits after the point.
    decimals: usize,
    is_percent: bool,
    /// What a word or letter behind it multiplies it with.
    scale: f64,
}

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
            self.know(number.value);
            if number.scale != 1.0 {
                self.know(number.value * number.scale);
            }
        }
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

    fn know(&mut self, value: f64) {
        if value.is_finite() && self.known.len() < 1_000_000 {
            self.known.insert(value.abs().to_bits());
        }
    }

    /// Returns whether a number of prose follows from one of these.
    pub(super) fn has(&self, number: &Number) -> bool {
        if number.value.fract() == 0.0 && number.value <= SMALL && !number.is_percent {
            return true;
        }
        let half = 0.5 * 10f64.powi(-i32::try_from(number.decimals).unwrap_or(300));
        // A round number such as 1,200 may stand for 1,234.
        let zeros = trailing_zeros(number);
        let coarse = match zeros >= 2 && number.decimals == 0 {
            true => 0.5 * 10f64.powi(i32::try_from(zeros).unwrap_or(0)),
            false => half,
        };
        let mut scales = vec![number.scale];
        if number.is_percent {
            scales.extend([0.01, 1.0]);
        }
        if number.scale == 1.0 {
            scales.extend([1e3, 1e6, 1e-2]);
        }
        scales.iter().any(|scale| {
            let (value, slack) = (number.value * scale, coarse * scale);
            self.is_near(value, slack * 1.000_001)
        }) || number.is_percent && self.is_complement(number, half)
    }

    fn is_near(&self, value: f64, slack: f64) -> bool {
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
    fn is_complement(&self, number: &Number, half: f64) -> bool {
        let rest = 100.0 - number.value;
        rest >= 0.0 && (self.is_near(rest, half) || self.is_near(rest / 100.0, half / 100.0))
    }
}

fn trailing_zeros(number: &Number) -> usize {
    let digits: String = number.text.chars().filter(char::is_ascii_digit).collect();
    digits.len() - digits.trim_end_matches('0').len()
}

/// Returns the numbers of prose that may need a source: not those of code, links and lists.
pub(super) fn numbers(prose: &str) -> Vec<Number> {
    let mut found = Vec::new();
    let mut is_code = false;
    for line in prose.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if is_code {
            continue;
        }
        found.extend(read(&plain(line)));
    }
    found.truncate(MAX_NUMBERS);
    found
}

/// A line without its list mark, its code and its addresses.
fn plain(line: &str) -> String {
    let line = line.trim_start();
    let marked = line.trim_start_matches(|c: char| c.is_ascii_digit());
    let line = match marked
        .strip_prefix(". ")
        .or_else(|| marked.strip_prefix(") "))
    {
        Some(rest) if marked.len() < line.len() => rest,
        _ => line,
    };
    let mut out = String::new();
    for (at, piece) in line.split('`').enumerate() {
        match at % 2 {
            0 => out.push_str(piece),
            _ => out.push(' '),
        }
    }
    let words = out.split(' ').map(|word| match word.contains("://") {
        true => "",
        false => word,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Reads the numbers of a text. Digits that belong to a word (`v2`, `Q3`, `sha256`) are none.
fn read(text: &str) -> Vec<Number> {
    let chars: Vec<(usize, char)> = text.char_indices().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(&(start, c)) = chars.get(at) {
        if !c.is_ascii_digit() {
            at += 1;
            continue;
        }
        let before = at
            .checked_sub(1)
            .and_then(|at| chars.get(at))
            .map(|(_, c)| *c);
        let mut end = at;
        while chars.get(end).is_some_and(|_| is_inside(&chars, end)) {
            end += 1;
        }
        let stop = chars.get(end).map_or(text.len(), |(at, _)| *at);
        let after = text.get(stop..).unwrap_or_default();
        let is_word = before.is_some_and(|c| c.is_alphabetic() || c == '_');
        if let (false, Some(digits)) = (is_word, text.get(start..stop)) {
            found.extend(number(digits, after, text, (start, stop)));
        }
        at = end.max(at + 1);
        if found.len() >= MAX_NUMBERS {
            break;
        }
    }
    found
}

/// Whether the character at `at` belongs to a number: a digit, or a separator between digits.
fn is_inside(chars: &[(usize, char)], at: usize) -> bool {
    let digit = |at: usize| chars.get(at).is_some_and(|(_, c)| c.is_ascii_digit());
    match chars.get(at) {
        Some((_, c)) if c.is_ascii_digit() => true,
        Some((_, '.')) => digit(at + 1),
        // Between thousands: `1,234`, and not `65,84`.
        Some((_, ',' | '\u{202f}' | '\u{a0}' | '\'' | '_')) => {
            (1..=3).all(|next| digit(at + next)) && !digit(at + 4)
        }
        _ => false,
    }
}

fn number(digits: &str, after: &str, text: &str, (start, stop): (usize, usize)) -> Option<Number> {
    let (whole, fraction) = match digits.rsplit_once('.') {
        Some((whole, fraction)) if !whole.contains('.') => (whole, fraction),
        Some(_) => return None,
        None => (digits, ""),
    };
    if fraction.contains(|c: char| !c.is_ascii_digit()) {
        return None;
    }
    let whole: String = whole.chars().filter(char::is_ascii_digit).collect();
    let mut value: f64 = format!("{whole}.{fraction}0").parse().ok()?;
    let mut rest = after;
    if let Some(power) = exponent(after) {
        value *= 10f64.powi(power.0);
        rest = after.get(power.1..).unwrap_or_default();
    }
    let trimmed = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}', '*']);
    let word: String = trimmed.chars().take_while(|c| c.is_alphabetic()).collect();
    let scale = match word.as_str() {
        "k" | "K" | "thousand" => 1e3,
        "M" | "m" | "million" | "millions" if word.len() != 1 || rest.starts_with(['M', 'm']) => {
            1e6
        }
        "B" | "bn" | "billion" => 1e9,
        _ => 1.0,
    };
    let is_glued = rest.starts_with(|c: char| c.is_alphabetic()) && scale == 1.0;
    let is_unit = matches!(
        word.as_str(),
        "x" | "s"
            | "ms"
            | "kB"
            | "MB"
            | "GB"
            | "h"
            | "min"
            | "th"
            | "st"
            | "nd"
            | "rd"
            | "kg"
            | "km"
            | "cm"
            | "mm"
            | "pp"
    );
    if is_glued && !is_unit {
        return None;
    }
    let is_percent = trimmed.starts_with('%') || word.starts_with("percent") || word == "pp";
    Some(Number {
        text: digits.to_owned() + if is_percent { "%" } else { "" },
        around: around(text, start, stop),
        value: value.is_finite().then_some(value)?,
        decimals: fraction.len(),
        is_percent,
        scale,
    })
}

/// Reads `e-05` behind a number: the power, and how many bytes it takes.
fn exponent(after: &str) -> Option<(i32, usize)> {
    let rest = after.strip_prefix(['e', 'E'])?;
    let signed = rest.strip_prefix(['+', '-']).unwrap_or(rest);
    let digits: String = signed.chars().take_while(char::is_ascii_digit).collect();
    if digits.is_empty() || digits.len() > 3 {
        return None;
    }
    let power: i32 = digits.parse().ok()?;
    let power = match rest.starts_with('-') {
        true => -power,
        false => power,
    };
    Some((power, after.len() - signed.len() + digits.len()))
}

fn around(text: &str, start: usize, stop: usize) -> String {
    let from = text.floor_char_boundary(start.saturating_sub(AROUND));
    let to = text.ceil_char_boundary((stop + AROUND).min(text.len()));
    let piece = text.get(from..to).unwrap_or_default();
    piece.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn without(prose: &str, source: &str) -> Vec<String> {
        let mut sources = Sources::default();
        sources.add(source);
        let found = numbers(prose).into_iter();
        found
            .filter(|number| !sources.has(number))
            .map(|number| number.text)
            .collect()
    }

    #[test]
    fn rounding_shares_separators_and_currencies_are_allowed_for() {
        let source =
            "rows 500\nrevenue 24680.347\ncorr -0.7312\nshare 0.2345\np 3.1e-05 mean 1234567.8";
        for prose in [
            "The revenue is **$24,680.35** from 500 rows.",
            "Correlation is -0.73; 23.5% or 23 % of it; 76.5% is the rest.",
            "About 1.2 million, or 1,234,568, or 1.23M; 24.7k; about 24,700.",
            "p = 0.000031, in 3 steps of `v2.1` from Q3, see https://x.org/99/1",
            "1. First\n12. Last\n```\n777\n```",
        ] {
            assert_eq!(without(prose, source), [""; 0], "{prose}");
        }
    }

    #[test]
    fn a_list_is_no_number() {
        assert_eq!(without("rows [65,84,1234]", "65 84 1234"), [""; 0]);
        assert_eq!(without("1,234,567 people", "1234567"), [""; 0]);
    }

    #[test]
    fn a_number_that_is_nowhere_is_found() {
        let source = "rows 500\nrevenue 24680.347";
        assert_eq!(
            without("It is $24,681.35 of 501 rows, up 17%.", source),
            ["24,681.35", "501", "17%"]
        );
        let around = &numbers("In all there are 501 rows of data here")[0].around;
        assert_eq!(around, "In all there are 501 rows of data here");
    }
}
