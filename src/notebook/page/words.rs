//! Lines of a page and of a recording, made comparable: by letters and digits, and cut for messages with
//! the place where they differ in sight. Pure.

/// How much of a line is told, in characters.
const CLIP: usize = 80;

/// How many characters two texts have in common at their beginnings and ends.
pub(super) fn likeness(one: &str, other: &str) -> usize {
    let same = |(a, b): &(char, char)| a == b;
    let front = one.chars().zip(other.chars()).take_while(same).count();
    let back = one
        .chars()
        .rev()
        .zip(other.chars().rev())
        .take_while(same)
        .count();
    front + back
}

/// The letters and digits of a text with the points and signs of its numbers: white space, other
/// signs and tags differ with the form in which it is shown, and paths with the machine. Zeros at the
/// end of a fraction say nothing.
pub(in crate::notebook) fn words(text: &str) -> String {
    let mut out = String::new();
    let mut fraction = None;
    for token in without_tags(text)
        .split_whitespace()
        .filter(|token| !is_path(token))
    {
        let mut before = ' ';
        let mut is_first = true;
        let mut chars = token.chars().peekable();
        while let Some(c) = chars.next() {
            let is_digit_next = chars.peek().is_some_and(char::is_ascii_digit);
            let belongs = match c {
                '.' => before.is_ascii_digit() && is_digit_next,
                '-' => !before.is_alphanumeric() && is_digit_next,
                c => c.is_alphanumeric(),
            };
            if let Some(point) = fraction.filter(|_| !c.is_ascii_digit()) {
                out.truncate(without_zeros(&out, point));
                fraction = None;
            }
            if c == '.' && belongs {
                fraction = Some(out.len());
            }
            if belongs {
                // What parts two numbers, whatever it is.
                let is_apart = !before.is_alphanumeric() && before != '.' || is_first;
                if c.is_ascii_digit() && is_apart && out.ends_with(|c: char| c.is_ascii_digit()) {
                    out.push(' ');
                }
                out.push(c);
                is_first = false;
            }
            before = c;
        }
        if let Some(point) = fraction.take() {
            out.truncate(without_zeros(&out, point));
        }
    }
    out
}

/// How long a text is without the zeros at the end of the fraction that begins at `point`.
fn without_zeros(text: &str, point: usize) -> usize {
    let is_whole = text.len() - text.trim_end_matches('0').len();
    let end = text.len() - is_whole;
    match end == point + 1 {
        true => point,
        false => end,
    }
}

fn is_path(token: &str) -> bool {
    let mut parts = token.split('/').skip(1);
    parts.any(|part| part.starts_with(|c: char| c.is_alphabetic() || c == '.'))
}

/// A text without what Markdown writes as HTML.
fn without_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['<', '&']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let close = match from.starts_with('<') {
            true => '>',
            false => ';',
        };
        let is_tag = from
            .chars()
            .nth(1)
            .is_some_and(|c| c.is_alphabetic() || matches!(c, '/' | '#'));
        // An entity is short; the tags that the kernel writes are too.
        let end = from
            .char_indices()
            .take(200)
            .find(|(_, c)| *c == close)
            .map(|(end, _)| end);
        rest = match end {
            Some(end) if is_tag && (close == '>' || end <= 8) => {
                from.get(end + 1..).unwrap_or_default()
            }
            _ => from.get(1..).unwrap_or_default(),
        };
        out.push(' ');
    }
    out.push_str(rest);
    out
}

/// Words with one zero for each number.
pub(super) fn shape(words: &str) -> String {
    let mut out = String::with_capacity(words.len());
    for c in words.chars() {
        let is_number = c.is_ascii_digit() || matches!(c, '.' | '-');
        match (is_number, out.ends_with('0')) {
            (true, true) => {}
            (true, false) => out.push('0'),
            (false, _) => out.push(c),
        }
    }
    out
}

/// The first line in which two texts differ: its number, and both forms. White space at the ends of
/// lines does not count.
pub(in crate::notebook) fn first_difference(
    then: &str,
    now: &str,
) -> Option<(usize, Option<String>, Option<String>)> {
    let lines = |text: &str| -> Vec<String> {
        let lines = text.trim_end().lines();
        lines.map(|line| line.trim_end().to_owned()).collect()
    };
    let (then, now) = (lines(then), lines(now));
    let longest = then.len().max(now.len());
    let at = (0..longest).find(|at| then.get(*at) != now.get(*at))?;
    let (then, now) = (then.get(at), now.get(at));
    let line = |line: Option<&String>| line.map_or("", String::as_str).to_owned();
    let (short_then, short_now) = clip_both(&line(then), &line(now));
    Some((at + 1, then.map(|_| short_then), now.map(|_| short_now)))
}

/// Two lines, not too long, with the first place where they differ in sight.
pub(in crate::notebook) fn clip_both(one: &str, other: &str) -> (String, String) {
    let same = |(a, b): &(char, char)| a == b;
    let (one, other) = (one.trim(), other.trim());
    let common = one.chars().zip(other.chars()).take_while(same).count();
    let from = match one.chars().count().max(other.chars().count()) > CLIP {
        true => common.saturating_sub(CLIP / 2),
        false => 0,
    };
    (window(one, from), window(other, from))
}

/// The first line of a text, not too long.
pub(in crate::notebook) fn clip(text: &str) -> String {
    window(text.trim().lines().next().unwrap_or_default(), 0)
}

fn window(line: &str, from: usize) -> String {
    let mut rest = line.chars().skip(from);
    let mut out: String = if from > 0 {
        "…".to_owned()
    } else {
        String::new()
    };
    out.extend(rest.by_ref().take(CLIP));
    if rest.next().is_some() {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_is_words_and_numbers() {
        assert_eq!(
            words("| 2025-01-03 | desk lamp | 2 | -63.44 |"),
            words("2025-01-03,desk lamp,2,-63.44")
        );
        assert_eq!(
            words("54.10 3.0 0.050 100 1.2.30"),
            words("54.1 3 0.05 100 1.2.3")
        );
        assert_ne!(words("63.44"), words("6.344"));
        assert_ne!(words("r = -0.7"), words("r = 0.7"));
        assert_eq!(
            words("File \"/venv/a.py\", line 7"),
            words("File \"/home/x/a.py\", line 7")
        );
        assert_eq!(
            words("<sub style=\"opacity: 0.6\">**2**&nbsp;rows &lt; 3 < 4</sub>"),
            "2rows3 4"
        );
        assert_eq!(shape(&words("12 of 3.5 a")), "0of0a");
    }
}
