//! Texts in quotes, with the escapes of a dozen languages.

/// Reads the text that `source` begins with, whose first character is its quote; returns what
/// follows. In a raw text a backslash means itself; where a quote is doubled, two of them are one.
pub(super) fn read(source: &str, raw: bool, is_doubled: bool) -> Option<(String, &str)> {
    let open = source.chars().next()?;
    let triple: String = std::iter::repeat_n(open, 3).collect();
    let is_long = !is_doubled && source.starts_with(&triple);
    let close = if is_long { triple } else { open.to_string() };
    let mut rest = source.get(close.len()..)?;
    let mut out = Units::default();
    loop {
        if let Some(after) = rest.strip_prefix(close.as_str()) {
            match after.strip_prefix(open).filter(|_| is_doubled) {
                Some(after) => {
                    out.push(open);
                    rest = after;
                    continue;
                }
                None => return Some((out.text(), after)),
            }
        }
        let mut chars = rest.chars();
        match chars.next()? {
            '\n' if !is_long && open != '`' => return None,
            '\\' if raw => {
                out.push('\\');
                if let Some(quoted) = chars.as_str().strip_prefix(open) {
                    out.push(open);
                    chars = quoted.chars();
                }
            }
            '\\' => escape(&mut chars, &mut out)?,
            // PowerShell.
            '`' if chars.as_str().starts_with('"') => out.push(chars.next()?),
            c => out.push(c),
        }
        rest = chars.as_str();
    }
}

/// Text that is put together of characters and of halves of UTF-16 pairs.
#[derive(Debug, Default)]
struct Units {
    text: String,
    high: Option<u16>,
}

impl Units {
    fn push(&mut self, c: char) {
        self.lone();
        self.text.push(c);
    }

    /// A half without its other half becomes the replacement character.
    fn lone(&mut self) {
        if self.high.take().is_some() {
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }

    fn code(&mut self, code: u32) -> Option<()> {
        if let Some(c) = char::from_u32(code) {
            self.push(c);
            return Some(());
        }
        let half = u16::try_from(code).ok()?;
        match (self.high.take(), half) {
            (Some(high), 0xdc00..) => {
                let pair = char::decode_utf16([high, half]).next()?.ok();
                self.text.push(pair.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            (before, half) => {
                self.high = before;
                self.lone();
                match half {
                    ..0xdc00 => self.high = Some(half),
                    0xdc00.. => self.text.push(char::REPLACEMENT_CHARACTER),
                }
            }
        }
        Some(())
    }

    fn text(mut self) -> String {
        self.lone();
        self.text
    }
}

/// Reads what follows a backslash.
fn escape(chars: &mut std::str::Chars<'_>, out: &mut Units) -> Option<()> {
    let escape = chars.next()?;
    let plain = match escape {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        'a' => Some('\u{7}'),
        'b' => Some('\u{8}'),
        'f' => Some('\u{c}'),
        'v' => Some('\u{b}'),
        '\\' | '"' | '\'' | '$' | '/' => Some(escape),
        _ => None,
    };
    if let Some(plain) = plain {
        out.push(plain);
        return Some(());
    }
    let digits = match escape {
        '\n' => return Some(()),
        '0'..='7' => {
            let more: String = chars
                .as_str()
                .chars()
                .take(2)
                .take_while(|c| c.is_digit(8))
                .collect();
            more.chars().for_each(|_| {
                chars.next();
            });
            return out.code(u32::from_str_radix(&format!("{escape}{more}"), 8).ok()?);
        }
        'x' => 2,
        'u' => 4,
        'U' => 8,
        other => {
            out.push('\\');
            out.push(other);
            return Some(());
        }
    };
    let hex: String = chars.by_ref().take(digits).collect();
    out.code(u32::from_str_radix(&hex, 16).ok()?)
}
