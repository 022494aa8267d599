//! Cells that set variables by assignments: papermill's injected cell, and cells of defaults.
//!
//! papermill writes its cell in the style of the language that it was told
//! (`docs/protocol.md#papermill`). The same reader takes them all: the comment at the top says little,
//! the signs of an assignment say the rest. Nothing here evaluates anything. A cell that is headed as
//! parameters is never a prompt: what can be read is set, what cannot is told by its line.

mod literal;
mod numeral;
mod quoted;
mod shell;

use serde_json::Value;

use self::literal::Reader;
use super::call::MagicError;
use super::invisible::is_blank;
use super::secret::looks_like_key;
use super::shown::clip;
use super::variables::is_name;

/// A cell of parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Parameters {
    /// What can be read, in order.
    pub values: Vec<(String, Value)>,
    /// The lines that cannot be read.
    pub faults: Vec<Fault>,
}

/// A line that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Counted from 1, in the cell.
    pub line: usize,
    /// How the line begins, without its value.
    pub begins: String,
}

/// How many lines an error names, and how much of each, in characters.
const NAMED: usize = 5;
const CLIP: usize = 40;

impl Parameters {
    /// Returns what the cell fails with if a line of it cannot be read.
    #[must_use]
    pub fn error(&self) -> Option<MagicError> {
        let mut named: Vec<String> = self
            .faults
            .iter()
            .take(NAMED)
            .map(|fault| format!("line {} (`{}`)", fault.line, fault.begins))
            .collect();
        if self.faults.len() > NAMED {
            named.push(format!("{} more", self.faults.len() - NAMED));
        }
        let set = match self.values.len() {
            0 => "Nothing was set or sent.".to_owned(),
            1 => "The other parameter was set.".to_owned(),
            many => format!("The other {many} parameters were set."),
        };
        (!named.is_empty()).then(|| {
            MagicError::new(
                format!("this cell sets parameters, and it cannot read {}", named.join(", ")),
                format!(
                    "{set} Write `name = value`: a text in quotes, a number, True, None, a list or a dict. \
                     If this is a prompt, write a line above the heading."
                ),
            )
        })
    }
}

/// What is known of a cell besides its text.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Role {
    /// The notebook tags it as `parameters` or `injected-parameters`.
    pub is_tagged: bool,
    /// Nobody watches, and nothing was asked before.
    pub is_first_unwatched: bool,
}

/// The words that begin a declaration in some language.
const DECLARES: &[&str] = &["val", "var", "let", "const", "final", "mutable", "export"];

/// Returns the assignments of a cell that is headed as parameters, `None` if `source` is not one.
pub(super) fn headed(source: &str) -> Option<Parameters> {
    let begin = source.trim_start_matches(is_blank);
    let above = source.get(..source.len() - begin.len())?;
    let (head, rest) = begin.split_once('\n').unwrap_or((begin, ""));
    let style = Style::of_head(head)?;
    Some(read(rest, above.matches('\n').count() + 2, style))
}

/// Returns the assignments of a cell without a heading, if its role says that it sets variables.
/// A tagged cell may have lines that cannot be read; any other is a prompt then.
#[must_use]
pub fn of_role(source: &str, role: Role) -> Option<Parameters> {
    if !(role.is_tagged || role.is_first_unwatched) {
        return None;
    }
    let read = read(source, 1, Style::Hash);
    let is_assigning = !read.values.is_empty() && (role.is_tagged || read.faults.is_empty());
    is_assigning.then_some(read)
}

/// Which comments a cell has: told by its heading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Style {
    /// `# Parameters`: Python, R, Julia, shells.
    Hash,
    /// `// Parameters`, `(* Parameters *)` and the like.
    Slashes,
    /// `% Parameters`: Matlab, where braces are a list and a quote is doubled.
    Percent,
}

impl Style {
    fn of_head(head: &str) -> Option<Self> {
        const HEADS: [(&str, &str, Style); 6] = [
            ("#", "", Style::Hash),
            ("//", "", Style::Slashes),
            ("%", "", Style::Percent),
            ("(*", "*)", Style::Slashes),
            ("/*", "*/", Style::Slashes),
            ("--", "", Style::Slashes),
        ];
        let head = head.trim_matches(is_blank);
        HEADS.into_iter().find_map(|(open, close, style)| {
            let title = head.strip_prefix(open)?.strip_suffix(close)?;
            let title = title.trim_matches(is_blank);
            title.eq_ignore_ascii_case("parameters").then_some(style)
        })
    }

    /// Whether a comment begins here, up to the end of the line.
    fn is_comment(self, text: &str) -> bool {
        match self {
            Self::Percent => text.starts_with('%'),
            Self::Hash | Self::Slashes => ["#", "//", "(*", "/*", "--"]
                .iter()
                .any(|open| text.starts_with(open)),
        }
    }
}

fn read(source: &str, first_line: usize, style: Style) -> Parameters {
    let mut read = Parameters::default();
    let (mut rest, mut line) = (source, first_line);
    while !rest.is_empty() {
        let begin = rest.trim_start_matches(|c: char| c != '\n' && is_blank(c));
        let after = if begin.is_empty() || begin.starts_with('\n') || style.is_comment(begin) {
            after_line(begin)
        } else {
            match assignment(begin, style) {
                Some((name, value, after)) => {
                    read.values.push((name, value));
                    after
                }
                None => {
                    let begins = beginning(begin);
                    read.faults.push(Fault { line, begins });
                    after_line(begin)
                }
            }
        };
        let taken = rest.len().saturating_sub(after.len());
        line += rest
            .get(..taken)
            .map_or(0, |text| text.matches('\n').count());
        rest = after;
    }
    read
}

/// How a line begins, without its value, which may be long or a secret.
fn beginning(text: &str) -> String {
    let line = text.split('\n').next().unwrap_or_default();
    let name = line.split('=').next().unwrap_or_default().trim();
    match looks_like_key(name) {
        true => String::new(),
        false => clip(name, CLIP),
    }
}

fn after_line(text: &str) -> &str {
    text.split_once('\n').map_or("", |(_, after)| after)
}

/// Reads one assignment, whose value may run over several lines; returns what follows it.
fn assignment(source: &str, style: Style) -> Option<(String, Value, &str)> {
    let (name, after) = declared(source)?;
    let (sign, value) = assigned(after)?;
    let is_shell = sign == Sign::Tight && !value.starts_with(['[', '{']);
    if is_shell
        && let Some((value, after)) = shell::value(value)
        && !is_tuple(&value)
    {
        return Some((name, value, after));
    }
    let mut reader = Reader::new(value, style);
    let value = reader.top()?;
    Some((name, value, after_value(reader.rest(), style)?))
}

/// Whether what was read as a list of words is one with commas, as no shell writes it.
fn is_tuple(value: &Value) -> bool {
    let is_comma = |item: &Value| item.as_str().is_some_and(|word| word.ends_with(','));
    value
        .as_array()
        .is_some_and(|items| items.iter().any(is_comma))
}

/// The name that is set, without what declares it, and the text behind it.
fn declared(source: &str) -> Option<(String, &str)> {
    let mut text = source;
    for _ in 0..2 {
        let word = DECLARES.iter().find_map(|word| {
            let after = text.strip_prefix(word)?;
            after
                .starts_with([' ', '\t'])
                .then(|| after.trim_start_matches([' ', '\t']))
        });
        text = word
            .filter(|after| after.starts_with(is_name_character))
            .unwrap_or(text);
    }
    let text = text.strip_prefix('$').unwrap_or(text);
    let end = text
        .find(|c: char| !is_name_character(c))
        .unwrap_or(text.len());
    let (name, after) = text.split_at_checked(end)?;
    (is_name(name) && !name.ends_with(['-', '.'])).then(|| (name.to_owned(), after))
}

fn is_name_character(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-' | '.')
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sign {
    /// `k=v`, as in a shell.
    Tight,
    /// `k = v`, `k <- v`, `k: type = v`.
    Spaced,
}

/// The sign of an assignment, and the value behind it.
fn assigned(after: &str) -> Option<(Sign, &str)> {
    let text = after.trim_start_matches([' ', '\t']);
    let is_apart = text.len() < after.len();
    if let Some(value) = text.strip_prefix("<-") {
        return Some((Sign::Spaced, value.trim_start_matches([' ', '\t'])));
    }
    // `name: type = value`: no type has the sign in it.
    let (is_typed, text) = match text.strip_prefix(':') {
        Some(typed) if is_type(typed) => (true, typed.get(typed.find(['=', '\n'])?..)?),
        Some(_) => return None,
        None => (false, text),
    };
    let value = text.strip_prefix('=')?;
    if value.starts_with(['=', '>', '~']) {
        return None;
    }
    let trimmed = value.trim_start_matches([' ', '\t']);
    let is_tight = !is_apart && !is_typed && trimmed.len() == value.len();
    Some((if is_tight { Sign::Tight } else { Sign::Spaced }, trimmed))
}

/// Whether a type follows, and not prose: `Solve: x = 5` is a prompt.
fn is_type(text: &str) -> bool {
    const TYPES: &[&str] = &[
        "str", "int", "float", "bool", "list", "dict", "tuple", "set", "optional", "union", "any",
        "none", "double", "long", "map", "seq", "array", "number", "object", "date", "path",
        "literal", "typing.", "final", "vector",
    ];
    let text = text
        .trim_start()
        .trim_start_matches(['"', '\''])
        .to_ascii_lowercase();
    TYPES.iter().any(|name| text.starts_with(name))
}

/// What stands behind a value: nothing, a comment, or after a semicolon the next assignment.
fn after_value(rest: &str, style: Style) -> Option<&str> {
    let mut text = rest.trim_start_matches(|c: char| c != '\n' && is_blank(c));
    let ended = text.strip_prefix(';');
    text = ended.unwrap_or(text);
    let begin = text.trim_start_matches(|c: char| c != '\n' && is_blank(c));
    if begin.is_empty() || begin.starts_with('\n') || style.is_comment(begin) {
        return Some(after_line(begin));
    }
    ended.map(|_| begin)
}
