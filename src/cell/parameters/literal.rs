//! Literals as papermill's translators and people write them, in a dozen languages: texts, numbers,
//! lists, dictionaries, and the calls that build these (`list(…)`, `Map(…)`, `Dict(…)`).
//!
//! Pure; the depth of nesting has a limit, everything else is bounded by the text.

use serde_json::{Map, Value};

use super::numeral::{number, number_word};
use super::{Style, quoted};
use crate::cell::invisible::is_blank;

/// How deep lists may lie in lists.
const DEEPEST: usize = 64;
/// What prefixes a text in Python and Scala; only `r` changes how it is read.
const PREFIXES: &[&str] = &[
    "r", "R", "b", "B", "f", "F", "u", "U", "s", "rb", "br", "Rb", "bR",
];

/// Reads values from the beginning of a text.
#[derive(Debug)]
pub(super) struct Reader<'a> {
    rest: &'a str,
    style: Style,
    depth: usize,
    /// In how many tables of PowerShell, whose entries end with their lines.
    tables: usize,
}

/// What a bracket holds: items, some of them under a key.
type Items = Vec<(Option<String>, Value)>;

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str, style: Style) -> Self {
        Self {
            rest: text,
            style,
            depth: 0,
            tables: 0,
        }
    }

    /// What has not been read.
    pub(super) fn rest(&self) -> &'a str {
        self.rest
    }

    /// The whole value of an assignment. A number that JSON would write otherwise, and a single bare
    /// word, are texts as they were written.
    pub(super) fn top(&mut self) -> Option<Value> {
        let before = self.rest;
        let value = self.value();
        if let Some(Value::Number(number)) = &value {
            let taken = before.get(..before.len() - self.rest.len())?.trim();
            let written = number.to_string();
            let is_plain = taken.starts_with(|c: char| c.is_ascii_digit() || c == '-');
            if is_plain && written != taken && taken.parse::<f64>().is_ok() {
                return Some(Value::from(taken));
            }
        }
        if value.is_some() {
            return value;
        }
        self.rest = before;
        let word = self.word()?;
        let ends = self.rest.trim_start_matches([' ', '\t']);
        let is_alone = ends.is_empty() || ends.starts_with(['\n', ';', '#']);
        is_alone.then(|| Value::from(word))
    }

    fn value(&mut self) -> Option<Value> {
        if self.depth >= DEEPEST {
            return None;
        }
        self.depth += 1;
        let value = self.plain_value();
        self.depth -= 1;
        let value = value?;
        self.cast(value)
    }

    /// What F# puts behind a value: its type, and the function that makes a map of pairs.
    fn cast(&mut self, mut value: Value) -> Option<Value> {
        loop {
            let behind = self.rest.trim_start_matches([' ', '\t']);
            if let Some(after) = behind.strip_prefix(":>") {
                self.rest = after.trim_start();
                self.word()?;
            } else if let Some(after) = behind.strip_prefix("|>") {
                self.rest = after.trim_start().strip_prefix("Map.ofList")?;
                value = pairs(value)?;
            } else {
                return Some(value);
            }
        }
    }

    fn plain_value(&mut self) -> Option<Value> {
        self.skip_blank();
        let first = self.rest.chars().next()?;
        match first {
            '"' | '\'' | '`' => self.texts(false).map(Value::String),
            '[' if self.rest.starts_with("[double]::") => {
                self.rest = self.rest.get("[double]::".len()..)?;
                let word = self.word()?;
                number_word(word)
            }
            '[' => self.items('[', ']').and_then(list_or_map),
            '(' => self.group(),
            '{' => self.items('{', '}').and_then(|items| self.braces(items)),
            '@' => {
                self.rest = self.rest.get(1..)?;
                match self.rest.chars().next()? {
                    '(' => self.items('(', ')').and_then(list),
                    '{' => {
                        self.tables += 1;
                        let items = self.items('{', '}');
                        self.tables -= 1;
                        items.and_then(map)
                    }
                    _ => None,
                }
            }
            '$' => {
                self.rest = self.rest.get(1..)?;
                let word = self.word()?;
                keyword(word)
            }
            '0'..='9' | '.' => self.number(false),
            '+' | '-' => {
                self.rest = self.rest.get(1..)?;
                if self
                    .rest
                    .starts_with(|c: char| c.is_ascii_digit() || c == '.')
                {
                    return self.number(first == '-');
                }
                let word = self.word()?;
                match number_word(word)? {
                    Value::String(text) if first == '-' && text == "inf" => {
                        Some(Value::from("-inf"))
                    }
                    other => Some(other),
                }
            }
            _ => self.named(),
        }
    }

    /// A tuple, or one value in brackets.
    fn group(&mut self) -> Option<Value> {
        let inner = self.rest;
        let mut items = self.items('(', ')')?;
        let taken = inner.get(..inner.len() - self.rest.len())?;
        let is_tuple = taken.trim_end_matches(')').trim_end().ends_with(',');
        match items.as_slice() {
            [(None, _)] if !is_tuple => items.pop().map(|(_, value)| value),
            _ => list(items),
        }
    }

    fn braces(&self, items: Items) -> Option<Value> {
        match items.is_empty() && self.style != Style::Percent {
            true => Some(Value::Object(Map::new())),
            false => list_or_map(items),
        }
    }

    /// A word: a constant, the prefix of a text, or the name of what builds a value.
    fn named(&mut self) -> Option<Value> {
        let word = self.word()?;
        if PREFIXES.contains(&word) && self.rest.starts_with(['"', '\'']) {
            return self.texts(word.contains(['r', 'R'])).map(Value::String);
        }
        if word == "new" {
            return self.built();
        }
        if self.rest.starts_with('(') {
            let items = self.items('(', ')')?;
            return called(word, items);
        }
        keyword(word)
    }

    /// C#: `new [] { … }`, `new Dictionary<string,Object>{ { "k" , v } }`.
    fn built(&mut self) -> Option<Value> {
        let at = self.rest.find(['{', '\n'])?;
        let (type_name, rest) = self.rest.split_at_checked(at)?;
        self.rest = rest;
        let items = self.items('{', '}')?;
        match type_name.contains("Dictionary") {
            true => pairs(list(items)?),
            false => list(items),
        }
    }

    fn items(&mut self, open: char, close: char) -> Option<Items> {
        self.rest = self.rest.strip_prefix(open)?;
        let mut items = Vec::new();
        loop {
            self.skip_blank();
            if let Some(after) = self.rest.strip_prefix(close) {
                self.rest = after;
                return Some(items);
            }
            items.push(self.item()?);
            let before = self.rest;
            self.skip_blank();
            if let Some(after) = self.rest.strip_prefix([',', ';']) {
                self.rest = after;
            } else if !self.rest.starts_with(close) {
                // PowerShell separates the entries of a table by line ends.
                let blank = before.get(..before.len() - self.rest.len())?;
                if close != '}' || self.tables == 0 || !blank.contains('\n') {
                    return None;
                }
            }
        }
    }

    /// One item of a bracket, with its key if it has one.
    fn item(&mut self) -> Option<(Option<String>, Value)> {
        let begin = self.rest;
        if let Some(key) = self.word()
            && self.key_sign()
        {
            return Some((Some(key.to_owned()), self.value()?));
        }
        self.rest = begin;
        let value = self.value()?;
        if !self.key_sign() {
            return Some((None, value));
        }
        let key = match value {
            Value::String(text) => text,
            Value::Array(_) | Value::Object(_) => return None,
            other => other.to_string(),
        };
        Some((Some(key), self.value()?))
    }

    /// Skips the sign between a key and its value.
    fn key_sign(&mut self) -> bool {
        let behind = self.rest.trim_start_matches(is_blank);
        let after = ["=>", "->", ":", "="]
            .iter()
            .find_map(|sign| behind.strip_prefix(sign))
            .filter(|after| !behind.starts_with(":>") && !after.starts_with('='));
        self.rest = after.unwrap_or(self.rest);
        after.is_some()
    }

    /// A name, which may have dots in it.
    fn word(&mut self) -> Option<&'a str> {
        let is_part = |c: char| c.is_alphanumeric() || matches!(c, '_' | '.');
        let begins = |c: char| c.is_alphabetic() || c == '_';
        self.rest.starts_with(begins).then_some(())?;
        let end = self
            .rest
            .find(|c: char| !is_part(c))
            .unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest;
        Some(word)
    }

    fn number(&mut self, negative: bool) -> Option<Value> {
        let mut before = ' ';
        let end = self.rest.find(|c: char| {
            let is_exponent = matches!(before, 'e' | 'E') && matches!(c, '+' | '-');
            before = c;
            !(c.is_ascii_alphanumeric() || matches!(c, '.' | '_') || is_exponent)
        });
        let (written, rest) = self.rest.split_at_checked(end.unwrap_or(self.rest.len()))?;
        self.rest = rest;
        number(written, negative)
    }

    fn skip_blank(&mut self) {
        loop {
            self.rest = self.rest.trim_start_matches(is_blank);
            let is_comment = match self.style {
                Style::Hash => self.rest.starts_with('#'),
                Style::Slashes => self.rest.starts_with("//"),
                Style::Percent => self.rest.starts_with('%'),
            };
            if !is_comment {
                return;
            }
            self.rest = super::after_line(self.rest);
        }
    }

    /// A text, and further texts right behind it, which belong to it in Python.
    fn texts(&mut self, raw: bool) -> Option<String> {
        let mut text = self.one_text(raw)?;
        loop {
            let inside = self.depth > 1 && self.tables == 0;
            let behind = match inside {
                true => self.rest.trim_start_matches(is_blank),
                false => self.rest.trim_start_matches([' ', '\t']),
            };
            if !behind.starts_with(['"', '\'']) {
                return Some(text);
            }
            self.rest = behind;
            text.push_str(&self.one_text(raw)?);
        }
    }

    fn one_text(&mut self, raw: bool) -> Option<String> {
        let is_doubled = self.style == Style::Percent;
        let (text, rest) = quoted::read(self.rest, raw, is_doubled)?;
        self.rest = rest;
        Some(text)
    }
}

fn keyword(word: &str) -> Option<Value> {
    Some(match word {
        "True" | "TRUE" | "true" => Value::Bool(true),
        "False" | "FALSE" | "false" => Value::Bool(false),
        "None" | "NULL" | "Null" | "null" | "nothing" | "nil" | "undefined" | "missing" | "NA" => {
            Value::Null
        }
        _ => return number_word(word),
    })
}

/// A call that builds a value.
fn called(name: &str, mut items: Items) -> Option<Value> {
    match name {
        "list" | "c" | "Seq" | "List" | "Array" | "Vector" | "Set" | "set" | "tuple"
        | "frozenset" => {
            match items.as_slice() {
                // Python gives these a list.
                [(None, Value::Array(_))] if matches!(name, "set" | "tuple" | "frozenset") => {
                    items.pop().map(|(_, value)| value)
                }
                _ => list_or_map(items),
            }
        }
        "Dict" | "Map" | "dict" | "struct" => map(items),
        "containers.Map" => {
            let values: Vec<Value> = items.into_iter().map(|(_, value)| value).collect();
            match <[Value; 2]>::try_from(values).ok()? {
                [Value::Array(keys), Value::Array(values)] if keys.len() == values.len() => pairs(
                    keys.into_iter()
                        .zip(values)
                        .map(|(key, value)| Value::from(vec![key, value]))
                        .collect(),
                ),
                _ => None,
            }
        }
        "float" | "int" | "str" | "bool" | "Decimal" | "Some" => match items.pop()? {
            (None, value) if items.is_empty() => Some(match &value {
                Value::String(text) if name != "str" && name != "Some" => {
                    let (text, negative) = match text.strip_prefix('-') {
                        Some(text) => (text, true),
                        None => (text.as_str(), false),
                    };
                    match number_word(text) {
                        Some(_) if negative => Value::from("-inf"),
                        Some(word) => word,
                        None => number(text, negative)?,
                    }
                }
                _ => value,
            }),
            _ => None,
        },
        _ => None,
    }
}

fn list(items: Items) -> Option<Value> {
    items
        .into_iter()
        .map(|(key, value)| key.is_none().then_some(value))
        .collect::<Option<Vec<Value>>>()
        .map(Value::Array)
}

fn map(items: Items) -> Option<Value> {
    items
        .into_iter()
        .map(|(key, value)| Some((key?, value)))
        .collect::<Option<Map<String, Value>>>()
        .map(Value::Object)
}

fn list_or_map(items: Items) -> Option<Value> {
    match items.first() {
        Some((Some(_), _)) => map(items),
        _ => list(items),
    }
}

/// A map of a list of pairs.
fn pairs(value: Value) -> Option<Value> {
    let Value::Array(pairs) = value else {
        return None;
    };
    let pair = |pair: Value| match pair {
        Value::Array(pair) => match <[Value; 2]>::try_from(pair).ok()? {
            [Value::String(key), value] => Some((key, value)),
            [key @ (Value::Number(_) | Value::Bool(_)), value] => Some((key.to_string(), value)),
            _ => None,
        },
        _ => None,
    };
    pairs
        .into_iter()
        .map(pair)
        .collect::<Option<Map<String, Value>>>()
        .map(Value::Object)
}
