//! The numbers of a text: where they stand, and what they may mean. `1,234` is a thousand and some
//! in English, and one and some elsewhere; `65,84,97` is a list. Pure.

/// How many characters around a number are told.
const AROUND: usize = 24;
/// The most numbers of one text that are looked at.
pub(super) const MAX_NUMBERS: usize = 200_000;
/// The longest unit that is written without a space: `12ms`, `3kWh`.
const LONGEST_UNIT: usize = 3;
/// Words before numbers that are names.
const NAMED: &[&str] = &[
    "RFC", "ISO", "PEP", "DIN", "IEEE", "EN", "CVE", "ECMA", "HTTP", "Python",
];
/// Levels that are chosen and not measured, if one of [`LEVEL_WORDS`] follows.
const LEVELS: &[f64] = &[50.0, 68.0, 80.0, 90.0, 95.0, 97.5, 99.0, 99.9];
/// In so many bytes behind a number the word must begin and end.
const LEVEL_BYTES: usize = 40;
const LEVEL_WORDS: &[&str] = &[
    "interval",
    "confidence",
    "ci",
    "credible",
    "prediction",
    "level",
    "percentile",
    "quantile",
];

/// A number of prose.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Written {
    /// As it is written.
    pub(super) text: String,
    /// The words around it.
    pub(super) around: String,
    /// In which line of the text it stands.
    pub(super) line: usize,
    /// What it says.
    pub(super) number: Number,
}

/// A number of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Number {
    /// Where its digits begin and end, in bytes.
    start: usize,
    stop: usize,
    /// What it may mean: of one of these, all must be known.
    pub(super) readings: Vec<Vec<Exact>>,
    pub(super) is_percent: bool,
    /// What a word or letter behind it multiplies it with.
    pub(super) scale: f64,
    /// Whether it is a level such as that of a 95 % interval.
    pub(super) is_level: bool,
}

/// A value, as exact as it is written.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Exact {
    pub(super) value: f64,
    /// Digits after the point; fewer than none if a power of ten follows.
    pub(super) decimals: i32,
    /// Zeros at the end of a whole number.
    pub(super) zeros: usize,
}

/// Returns the numbers of prose that may need a source: not those of code, links and lists.
pub(super) fn numbers(prose: &str) -> Vec<Written> {
    let mut found = Vec::new();
    let mut is_code = false;
    for (at, line) in prose.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
            continue;
        }
        if !is_code {
            let line = plain(line);
            let numbers = read(&line).into_iter();
            found.extend(numbers.map(|number| written(number, &line, at)));
        }
    }
    found.truncate(MAX_NUMBERS);
    found
}

fn written(number: Number, line: &str, at: usize) -> Written {
    let digits = line.get(number.start..number.stop).unwrap_or_default();
    Written {
        text: digits.to_owned() + if number.is_percent { "%" } else { "" },
        around: around(line, number.start, number.stop),
        line: at,
        number,
    }
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
pub(super) fn read(text: &str) -> Vec<Number> {
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
        while is_inside(&chars, end) {
            end += 1;
        }
        let stop = chars.get(end).map_or(text.len(), |(at, _)| *at);
        let is_word = before.is_some_and(|c| c.is_alphabetic() || c == '_');
        if !is_word {
            found.extend(number(text, start, stop));
        }
        // A power of ten is no number of its own; its characters are bytes.
        let after = text.get(stop..).unwrap_or_default();
        let power = exponent(after).map_or(0, |(_, length)| length);
        at = (end + power).max(at + 1);
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
        Some((_, '.' | ',')) => digit(at + 1),
        // Between thousands only.
        Some((_, c)) if is_gap(*c) => (1..=3).all(|next| digit(at + next)) && !digit(at + 4),
        _ => false,
    }
}

/// Whether a character parts thousands and nothing else.
fn is_gap(c: char) -> bool {
    matches!(c, '\u{202f}' | '\u{a0}' | '\u{2009}' | '\'' | '’' | '_')
}

fn number(text: &str, start: usize, stop: usize) -> Option<Number> {
    let digits = text.get(start..stop)?;
    let before = text.get(..start).unwrap_or_default();
    let after = text.get(stop..).unwrap_or_default();
    let (power, rest) = match exponent(after) {
        Some((power, length)) => (power, after.get(length..).unwrap_or_default()),
        None => (0, after),
    };
    let readings: Vec<Vec<Exact>> = readings(digits)
        .into_iter()
        .map(|reading| reading.into_iter().map(|one| one.times(power)).collect())
        .collect();
    let is_finite = |reading: &Vec<Exact>| reading.iter().all(|one| one.value.is_finite());
    if readings.is_empty() || !readings.iter().all(is_finite) {
        return None;
    }
    let trimmed = rest.trim_start_matches([' ', '\u{a0}', '\u{202f}', '*']);
    let word: String = trimmed.chars().take_while(|c| c.is_alphabetic()).collect();
    let glued = rest.chars().take_while(|c| c.is_alphabetic()).count();
    let scale = scale(&word, glued > 0);
    let behind = rest.chars().nth(glued);
    let is_decade = word == "s" && glued == 1 && digits.len() == 4;
    let is_no_unit = glued > LONGEST_UNIT || behind.is_some_and(|c| c.is_ascii_digit() || c == '_');
    if glued > 0 && (is_no_unit || is_decade) || is_name(before, digits) || is_century(rest) {
        return None;
    }
    let is_percent = trimmed.starts_with(['%', '‰'])
        || word.starts_with("percent")
        || matches!(word.as_str(), "pp" | "Prozent");
    Some(Number {
        start,
        stop,
        is_level: is_level(&readings, trimmed),
        readings,
        is_percent,
        scale,
    })
}

/// What the word behind a number multiplies it with.
fn scale(word: &str, is_glued: bool) -> f64 {
    match word {
        "k" | "K" | "thousand" | "thousands" => 1e3,
        "M" | "m" if is_glued => 1e6,
        "mn" | "million" | "millions" | "Mio" => 1e6,
        "B" if is_glued => 1e9,
        "bn" | "billion" | "billions" | "Mrd" => 1e9,
        "trillion" | "trillions" => 1e12,
        _ => 1.0,
    }
}

/// Whether the word before says that the number is a name: `RFC 6531`.
fn is_name(before: &str, digits: &str) -> bool {
    let word = before.strip_suffix([' ', '-']).unwrap_or_default();
    let is_named = NAMED.iter().any(|name| {
        let rest = word.strip_suffix(name);
        rest.is_some_and(|rest| !rest.ends_with(char::is_alphanumeric))
    });
    is_named && !digits.contains(',')
}

/// Whether `th century` follows.
fn is_century(rest: &str) -> bool {
    let word = ["th", "st", "nd", "rd"]
        .iter()
        .find_map(|end| rest.strip_prefix(end));
    word.is_some_and(|rest| rest.trim_start_matches([' ', '-']).starts_with("centur"))
}

fn is_level(readings: &[Vec<Exact>], trimmed: &str) -> bool {
    let is_chosen = |one: &Exact| LEVELS.contains(&one.value);
    let has_level = readings
        .iter()
        .any(|reading| matches!(reading.as_slice(), [one] if is_chosen(one)));
    // What follows at once; the rest of a long line is not looked at for each of its numbers.
    let near = trimmed.get(..trimmed.floor_char_boundary(LEVEL_BYTES));
    let words = near.unwrap_or(trimmed).trim_start_matches("th");
    let words = words.trim_start_matches(|c: char| !c.is_alphabetic());
    let mut words = words.split(|c: char| !c.is_alphabetic()).take(2);
    has_level
        && words
            .any(|word| LEVEL_WORDS.contains(&word.trim_end_matches('s').to_lowercase().as_str()))
}

/// What digits and separators may mean.
fn readings(digits: &str) -> Vec<Vec<Exact>> {
    let english = exact(digits, '.', &[',']);
    let european =
        exact(digits, ',', &['.']).filter(|other| english.is_none_or(|one| one != *other));
    let mut readings: Vec<Vec<Exact>> = english
        .into_iter()
        .chain(european)
        .map(|one| vec![one])
        .collect();
    let items: Vec<&str> = digits.split(',').collect();
    if items.len() >= 3 || items.len() == 2 && english.is_none() {
        let list: Option<Vec<Exact>> = items.iter().map(|item| exact(item, '.', &[])).collect();
        readings.extend(list);
    }
    readings
}

/// Reads a number whose fraction begins at `point` and whose thousands are parted by one of `gaps`.
fn exact(text: &str, point: char, gaps: &[char]) -> Option<Exact> {
    let (whole, fraction) = text.split_once(point).unwrap_or((text, ""));
    let is_gap = |c: char| gaps.contains(&c) || is_gap(c);
    let mut groups = whole.split(is_gap);
    let first = groups.next()?;
    let rest: Vec<&str> = groups.collect();
    let is_digits = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    let is_grouped =
        rest.is_empty() || first.len() <= 3 && rest.iter().all(|group| group.len() == 3);
    if !(is_grouped
        && is_digits(first)
        && rest.iter().all(|group| is_digits(group))
        && is_digits(fraction))
    {
        return None;
    }
    let whole = first.to_owned() + &rest.concat();
    let zeros = match fraction.is_empty() {
        true => whole.len() - whole.trim_end_matches('0').len(),
        false => 0,
    };
    Some(Exact {
        value: format!("{whole}.{fraction}0").parse().ok()?,
        decimals: i32::try_from(fraction.len()).ok()?,
        zeros,
    })
}

impl Exact {
    fn times(self, power: i32) -> Self {
        Self {
            value: self.value * 10f64.powi(power),
            decimals: self.decimals - power,
            ..self
        }
    }
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

    fn values(text: &str) -> Vec<Vec<Vec<f64>>> {
        let value = |one: &Exact| one.value;
        let numbers = read(text).into_iter();
        numbers
            .map(|number| {
                let readings = number.readings.iter();
                readings
                    .map(|reading| reading.iter().map(value).collect())
                    .collect()
            })
            .collect()
    }

    #[test]
    fn a_number_is_read_as_it_may_be_meant() {
        assert_eq!(values("1,234.5"), [[[1234.5]]]);
        assert_eq!(values("1.234,5")[0][0], [1234.5]);
        assert_eq!(
            values("28.769"),
            [[[28.769]], [[28769.0]]]
                .concat()
                .chunks(2)
                .collect::<Vec<_>>()
        );
        assert_eq!(values("3,5 %"), [[vec![3.5], vec![3.0, 5.0]]]);
        assert_eq!(values("1\u{202f}234\u{a0}567"), [[[1_234_567.0]]]);
        assert_eq!(
            values("[65,84,114]")[0].last().unwrap(),
            &[65.0, 84.0, 114.0]
        );
        assert_eq!(values("1e-3 2E6"), [[[0.001]], [[2_000_000.0]]]);
        assert_eq!(values("-7 and 12ms"), [[[7.0]], [[12.0]]]);
    }

    #[test]
    fn what_is_a_name_is_no_number() {
        for text in [
            "v2 Q3 sha256 1.2.3 127.0.0.1 2f7a 64bits",
            "RFC 6531, ISO 8601, Python 3.11, the 1970s, the 19th century",
            "x_12 a1b2",
        ] {
            assert_eq!(values(text), [[[0.0; 0]; 0]; 0], "{text}");
        }
    }
}
