//! The short form of a schema: `name str, age int?, tags [str], level (low|high): how urgent`.
//!
//! Parsing never panics and every error names its column. What comes out is JSON Schema that
//! [`super::fit`] leaves as it is, but for its limits on the number of optional fields.

use serde_json::{Map, Value, json};

/// Words for the plain types, and what they are in JSON Schema.
const TYPES: &[(&str, &str, Option<&str>)] = &[
    ("str", "string", None),
    ("int", "integer", None),
    ("float", "number", None),
    ("bool", "boolean", None),
    ("date", "string", Some("date")),
    ("string", "string", None),
    ("text", "string", None),
    ("integer", "integer", None),
    ("number", "number", None),
    ("boolean", "boolean", None),
];
/// What a type may be, for errors.
const ALLOWED: &str = "A type is `str`, `int`, `float`, `bool`, `date`, a list `[type]`, an object `{name type, …}` or one of `(a|b|c)`.";
/// Lists and objects in one another: deeper is a slip, and the parser calls itself.
const DEEPEST: usize = 16;

/// What is wrong with a short form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SpecError {
    /// 1-based, in characters.
    pub column: usize,
    /// One clause.
    pub message: String,
    /// What may stand there instead: whole sentences.
    pub hint: String,
}

/// Reads a short form: fields of an object, or a lone type in brackets.
///
/// # Errors
/// With the column of the first thing that does not fit.
pub fn parse_short(spec: &str) -> Result<Value, SpecError> {
    let mut reader = Reader {
        chars: spec.chars().collect(),
        at: 0,
        depth: 0,
    };
    reader.blanks();
    let schema = if matches!(reader.peek(), Some('[' | '{')) {
        let schema = reader.kind()?;
        reader.described(schema)?
    } else {
        reader.fields(None)?
    };
    reader.blanks();
    match reader.peek() {
        None => Ok(schema),
        Some(found) => Err(reader.error(
            format!("`{found}` follows the end"),
            "A lone type stands alone; several fields are `name type, name type`.",
        )),
    }
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

impl Reader {
    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn take(&mut self, wanted: char) -> bool {
        let there = self.peek() == Some(wanted);
        self.at += usize::from(there);
        there
    }

    fn blanks(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn error(&self, message: impl Into<String>, hint: impl Into<String>) -> SpecError {
        SpecError {
            column: self.at + 1,
            message: message.into(),
            hint: hint.into(),
        }
    }

    /// `name type, name type`, up to `close` or the end.
    fn fields(&mut self, close: Option<char>) -> Result<Value, SpecError> {
        let mut properties = Map::new();
        let mut required = Vec::new();
        loop {
            self.blanks();
            if properties.is_empty() && (self.peek().is_none() || self.peek() == close) {
                return Err(self.error(
                    "there is no field",
                    "Write `name type`, such as `city str, people int`.",
                ));
            }
            let start = self.at;
            let name = self.name()?;
            if properties.contains_key(&name) {
                self.at = start;
                return Err(self.error(
                    format!("the field `{name}` is there already"),
                    "Give each field of an object a name of its own.",
                ));
            }
            self.blanks();
            let mut optional = self.take('?');
            self.blanks();
            if self.peek() == Some(':') {
                return Err(self.error(
                    format!("the field `{name}` has no type before the colon"),
                    format!("A blank stands between name and type, `{name} str`; a colon begins a description."),
                ));
            }
            if matches!(self.peek(), None | Some(',' | ':' | '}' | ']' | ')')) {
                return Err(self.error(format!("the field `{name}` has no type"), ALLOWED));
            }
            let schema = self.kind()?;
            self.blanks();
            optional |= self.take('?');
            let schema = self.described(schema)?;
            if !optional {
                required.push(Value::from(name.as_str()));
            }
            properties.insert(name, schema);
            self.blanks();
            let more = self.take(',');
            self.blanks();
            if self.peek().is_none() || self.peek() == close {
                break;
            }
            if !more {
                let found = self.peek().unwrap_or_default();
                return Err(self.error(
                    format!("`{found}` stands where a comma should"),
                    "Fields are separated by commas; a description follows a colon.",
                ));
            }
        }
        Ok(json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "additionalProperties": false,
        }))
    }

    /// A field's name: a word, or anything in double quotes.
    fn name(&mut self) -> Result<String, SpecError> {
        const HINT: &str = "A field is `name type`; a name has letters, digits, `_` and `-`, or stands in double quotes.";
        let name = if self.peek() == Some('"') {
            self.quoted()?
        } else {
            self.word()
        };
        if name.trim().is_empty() {
            let found = self
                .peek()
                .map_or("the end".to_owned(), |found| format!("`{found}`"));
            return Err(self.error(format!("{found} stands where a name should"), HINT));
        }
        Ok(name)
    }

    fn word(&mut self) -> String {
        let start = self.at;
        while self
            .peek()
            .is_some_and(|c| c.is_alphanumeric() || matches!(c, '_' | '-'))
        {
            self.at += 1;
        }
        self.since(start)
    }

    /// Returns the text from `start` to here.
    fn since(&self, start: usize) -> String {
        let chars = self.chars.get(start..self.at).unwrap_or_default();
        chars.iter().collect()
    }

    /// `"…"`, with `\"` and `\\` inside.
    fn quoted(&mut self) -> Result<String, SpecError> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            match self.peek() {
                Some('"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some('\\') => {
                    self.at += 1;
                    text.extend(self.peek());
                }
                Some(c) => text.push(c),
                None => {
                    self.at = start;
                    return Err(self.error(
                        "a quote is not closed",
                        "End it with `\"`; inside it, a quote is written `\\\"`.",
                    ));
                }
            }
            self.at += 1;
        }
    }

    /// A type.
    fn kind(&mut self) -> Result<Value, SpecError> {
        if self.depth >= DEEPEST {
            return Err(self.error(
                format!("more than {DEEPEST} lists and objects stand in one another"),
                "Flatten the schema: results nested so deep are hard to read, too.",
            ));
        }
        self.depth += 1;
        let schema = match self.peek() {
            Some('[') => self.list(),
            Some('{') => {
                let start = self.at;
                self.at += 1;
                let schema = self.fields(Some('}'))?;
                self.close(start, '}')?;
                Ok(schema)
            }
            Some('(') => self.choice(),
            _ => self.plain(),
        };
        self.depth -= 1;
        schema
    }

    fn list(&mut self) -> Result<Value, SpecError> {
        let start = self.at;
        self.at += 1;
        self.blanks();
        let inner = self.at;
        let items = self.kind().map_err(|error| SpecError {
            hint: if error.column == inner + 1 && self.depth < DEEPEST {
                format!("{ALLOWED} A list of objects is `[{{name type, …}}]`.")
            } else {
                error.hint
            },
            ..error
        })?;
        self.blanks();
        if self.take('?') {
            self.at -= 1;
            return Err(self.error(
                "the items of a list cannot be optional",
                "A list may be empty anyway; `name [type]?` makes the list itself optional.",
            ));
        }
        let items = self.described(items)?;
        self.close(start, ']')?;
        Ok(json!({"type": "array", "items": items}))
    }

    fn close(&mut self, opened: usize, sign: char) -> Result<(), SpecError> {
        self.blanks();
        if self.take(sign) {
            return Ok(());
        }
        let Some(found) = self.peek() else {
            self.at = opened;
            let open = self.peek().unwrap_or_default();
            return Err(self.error(
                format!("`{open}` is not closed"),
                format!("End it with `{sign}`."),
            ));
        };
        Err(self.error(
            format!("`{found}` stands where `{sign}` should"),
            "A list holds one type: `[str]`, or `[{name str, age int}]` for a list of objects.",
        ))
    }

    /// `(a|b|c)`: numbers when all of them are, yes or no for `true` and `false`, else texts.
    fn choice(&mut self) -> Result<Value, SpecError> {
        let start = self.at;
        self.at += 1;
        let mut texts: Vec<String> = Vec::new();
        let mut bare = true;
        loop {
            self.blanks();
            let at = self.at;
            let text = if self.peek() == Some('"') {
                bare = false;
                self.quoted()?
            } else {
                while self.peek().is_some_and(|c| !matches!(c, '|' | ')')) {
                    self.at += 1;
                }
                let run: String = self
                    .chars
                    .get(at..self.at)
                    .unwrap_or_default()
                    .iter()
                    .collect();
                if let Some(comma) = run.find(',') {
                    self.at = at + run.get(..comma).map_or(0, |run| run.chars().count());
                    return Err(self.error(
                        "a comma stands where a bar should",
                        "One of several is `(a|b|c)`; a value with a comma in it goes into double quotes.",
                    ));
                }
                run.trim().to_owned()
            };
            self.blanks();
            if self.peek().is_none() {
                self.at = start;
                return Err(self.error("`(` is not closed", "One of several is `(a|b|c)`."));
            }
            if text.is_empty() || texts.contains(&text) {
                self.at = at;
                let what = if text.is_empty() {
                    "nothing"
                } else {
                    "the same twice"
                };
                return Err(self.error(
                    format!("{what} stands between the bars"),
                    "Write each value once: `(a|b|c)`; one with a bar in it goes into double quotes.",
                ));
            }
            texts.push(text);
            if self.take('|') {
                continue;
            }
            if self.take(')') {
                break;
            }
            return Err(self.error("a bar or `)` is missing", "One of several is `(a|b|c)`."));
        }
        let fractions: Option<Vec<serde_json::Number>> = texts
            .iter()
            .map(|text| serde_json::from_str(text).ok().filter(|_| bare))
            .collect();
        let is_switch = bare
            && texts.len() == 2
            && ["true", "false"]
                .iter()
                .all(|word| texts.iter().any(|text| text == word));
        let numbers: Option<Vec<i64>> = texts
            .iter()
            .map(|text| text.parse().ok().filter(|_| bare))
            .collect();
        Ok(match numbers {
            Some(numbers) => json!({"type": "integer", "enum": distinct(numbers)}),
            None if fractions.is_some() => json!({"type": "number", "enum": fractions}),
            None if is_switch => json!({"type": "boolean"}),
            None => json!({"type": "string", "enum": texts}),
        })
    }

    fn plain(&mut self) -> Result<Value, SpecError> {
        let start = self.at;
        let word = self.word();
        let known = word.to_lowercase();
        if let Some((_, kind, format)) = TYPES.iter().find(|(name, ..)| *name == known) {
            return Ok(match format {
                Some(format) => json!({"type": kind, "format": format}),
                None => json!({"type": kind}),
            });
        }
        self.at = start;
        let found: String = if word.is_empty() {
            self.peek().map(String::from).unwrap_or_default()
        } else {
            word
        };
        Err(if found.is_empty() {
            self.error("a type is missing", ALLOWED)
        } else {
            self.error(format!("`{found}` is not a type"), ALLOWED)
        })
    }

    /// A description after a colon: in double quotes, or up to the next comma or closing bracket.
    fn described(&mut self, mut schema: Value) -> Result<Value, SpecError> {
        self.blanks();
        if !self.take(':') {
            return Ok(schema);
        }
        self.blanks();
        let text = if self.peek() == Some('"') {
            self.quoted()?
        } else {
            let start = self.at;
            // Brackets that open in the description close in it.
            let mut open = 0_usize;
            while let Some(c) = self.peek() {
                match c {
                    ',' if open == 0 => break,
                    '}' | ']' if open == 0 => break,
                    '{' | '[' | '(' => open += 1,
                    '}' | ']' | ')' => open = open.saturating_sub(1),
                    _ => {}
                }
                self.at += 1;
            }
            self.since(start)
        };
        let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
        if text.is_empty() {
            return Err(self.error(
                "no description follows the colon",
                "Write a few words after it, or leave the colon out.",
            ));
        }
        if let Value::Object(map) = &mut schema {
            map.insert("description".to_owned(), Value::from(text));
        }
        Ok(schema)
    }
}

/// `1` and `01` are one number.
fn distinct(mut numbers: Vec<i64>) -> Vec<i64> {
    let mut seen = Vec::with_capacity(numbers.len());
    numbers.retain(|number| {
        let new = !seen.contains(number);
        seen.push(*number);
        new
    });
    numbers
}
