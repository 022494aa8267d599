//! Decimals of a column of numbers, made the same in a preview.
//!
//! Only what is written as a plain decimal number changes, and only if no cell of the column looks as
//! if its digits were meant: a version `1.10`, an id `007`, a number too small for these decimals.

/// The most decimals that are shown.
const MAX_DECIMALS: usize = 6;
/// A number of more digits than this is the trace of a calculation: `22.830000000000002`.
const EXACT_DIGITS: usize = 15;

/// Gives all cells of a column the decimals that the column needs; empty cells stay.
pub(super) fn align(cells: &mut [&mut String]) {
    let mut numbers = Vec::with_capacity(cells.len());
    for cell in cells.iter_mut().filter(|cell| !cell.is_empty()) {
        let Some(number) = plain_number(cell) else {
            return;
        };
        numbers.push((cell, number));
    }
    let decimals = numbers.iter().map(|(_, number)| number.decimals).max();
    let decimals = decimals.unwrap_or(0).min(MAX_DECIMALS);
    let is_ragged = numbers
        .iter()
        .any(|(cell, number)| number.decimals != decimals || cell.len() > EXACT_DIGITS);
    let is_kept = numbers.iter().any(|(_, number)| {
        number.is_meant(decimals) || (number.decimals == 0 && number.value.abs() >= 1e15)
    });
    if decimals == 0 || !is_ragged || is_kept {
        return;
    }
    for (cell, number) in numbers {
        **cell = format!("{:.decimals$}", number.value);
    }
}

struct Number {
    value: f64,
    /// Decimals that are needed: without the trace of a calculation, and without zeros at the end.
    decimals: usize,
    ends_in_zero: bool,
}

impl Number {
    /// Whether the digits as written say more than these decimals would.
    fn is_meant(&self, decimals: usize) -> bool {
        let least = 10_f64.powi(-i32::try_from(decimals).unwrap_or(0));
        let is_small = self.value != 0.0 && self.value.abs() < least * 100.0;
        (self.ends_in_zero && self.decimals != decimals) || (is_small && self.decimals > decimals)
    }
}

fn plain_number(cell: &str) -> Option<Number> {
    let digits = cell.strip_prefix('-').unwrap_or(cell);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let has_leading_zero = whole.len() > 1 && whole.starts_with('0');
    if whole.is_empty() || has_leading_zero || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    let value: f64 = cell.parse().ok()?;
    let needed = match whole.len() + fraction.len() > EXACT_DIGITS && !fraction.is_empty() {
        true => format!("{value:.*}", EXACT_DIGITS.saturating_sub(whole.len() + 1)),
        false => cell.to_owned(),
    };
    let needed = needed.split_once('.').map_or("", |(_, fraction)| fraction);
    Some(Number {
        value,
        decimals: needed.trim_end_matches('0').len(),
        // `3.0` is how programs write 3; `1.10` is how people write a version.
        ends_in_zero: fraction.len() > 1 && fraction.ends_with('0') && cell.len() <= EXACT_DIGITS,
    })
}
