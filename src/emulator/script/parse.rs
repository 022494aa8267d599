//! Reads the Markdown of a script into turns: first its blocks, then what each of them means.
//!
//! Only the top level counts: a fence in a list or a quote is part of that list or quote. Every
//! byte of a turn ends up in a part, in a directive or in a comment.

use std::cell::Cell;
use std::ops::Range;

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag};

use super::{Edit, Page, Part, Prompt, ScriptError, Turn, prompt};

/// The most deltas of a directive; more are a mistake.
const MAX_DELTAS: u32 = 1_000_000;

/// A top-level block of a Markdown text.
pub(super) struct Block {
    pub(super) kind: Kind,
    range: Range<usize>,
}

pub(super) enum Kind {
    Heading(usize),
    Quote,
    Fence { info: String, text: String },
    Html,
    Other,
}

/// Finds the top-level blocks of `source`, in order. Link definitions are not among them.
pub(super) fn blocks(source: &str) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut depth = 0_usize;
    let options = Options::ENABLE_TABLES | Options::ENABLE_STRIKETHROUGH;
    for (event, range) in Parser::new_ext(source, options).into_offset_iter() {
        match event {
            Event::Start(tag) => {
                if depth == 0 {
                    blocks.push(Block {
                        kind: kind(&tag),
                        range,
                    });
                }
                depth += 1;
            }
            Event::End(_) => depth = depth.saturating_sub(1),
            Event::Text(piece) => {
                if let Some(Kind::Fence { text, .. }) =
                    blocks.last_mut().map(|block| &mut block.kind)
                {
                    text.push_str(&piece);
                }
            }
            _ if depth == 0 => blocks.push(Block {
                kind: Kind::Other,
                range,
            }),
            _ => {}
        }
    }
    blocks
}

fn kind(tag: &Tag<'_>) -> Kind {
    match tag {
        Tag::Heading { level, .. } => Kind::Heading(*level as usize),
        Tag::BlockQuote(_) => Kind::Quote,
        Tag::CodeBlock(CodeBlockKind::Fenced(info)) => Kind::Fence {
            info: info.trim().to_owned(),
            text: String::new(),
        },
        Tag::HtmlBlock => Kind::Html,
        _ => Kind::Other,
    }
}

/// Parses a whole script; line ends are `\n`.
pub(super) fn turns(file: &str, source: &str) -> Result<Vec<Turn>, ScriptError> {
    let mut reader = Reader {
        file,
        source,
        turns: Vec::new(),
        level: usize::MAX,
        prose: Vec::new(),
        titled: false,
        counted: Cell::new((0, 1)),
    };
    let mut end = 0;
    for block in blocks(source) {
        reader.gap(end..block.range.start);
        end = block.range.end;
        reader.block(block)?;
    }
    reader.gap(end..source.len());
    reader.flush();
    Ok(reader.turns)
}

struct Reader<'a> {
    file: &'a str,
    source: &'a str,
    turns: Vec<Turn>,
    /// The level of the current turn's heading.
    level: usize,
    /// Consecutive prose: its place and its text.
    prose: Vec<(Range<usize>, String)>,
    /// Whether the block before was the turn's heading, so that a fence may hold the prompt.
    titled: bool,
    /// A place up to which lines were counted, and its line: the next one lies mostly behind it.
    counted: Cell<(usize, usize)>,
}

impl<'a> Reader<'a> {
    fn block(&mut self, block: Block) -> Result<(), ScriptError> {
        let titled = std::mem::take(&mut self.titled);
        let Block { kind, range } = block;
        match kind {
            Kind::Heading(level) if self.turns.is_empty() || level <= self.level => {
                self.heading(level, &range)
            }
            Kind::Fence { info, text } => {
                self.check_closed(&range)?;
                match info.as_str() {
                    "prompt" | "prompt regex" if titled => self.prompt(&info, text.trim(), &range),
                    _ => self.fence(&info, text, range),
                }
            }
            Kind::Quote => {
                let text = unquoted(self.text(&range));
                self.push(Part::Thinking(text));
                Ok(())
            }
            Kind::Html => self.html(&range),
            Kind::Heading(_) | Kind::Other => {
                self.say(range);
                Ok(())
            }
        }
    }

    fn heading(&mut self, level: usize, range: &Range<usize>) -> Result<(), ScriptError> {
        self.flush();
        let text = heading_text(self.text(range));
        let prompt = prompt::heading(&text).map_err(|why| self.error(range, why.to_string()))?;
        self.turns.push(Turn {
            file: self.file.to_owned(),
            line: self.line(range.start),
            prompt,
            parts: Vec::new(),
        });
        self.level = level;
        self.titled = true;
        Ok(())
    }

    /// If a fence `prompt` follows the heading, it replaces the prompt of the heading.
    fn prompt(&mut self, info: &str, text: &str, range: &Range<usize>) -> Result<(), ScriptError> {
        let prompt = if info == "prompt" {
            prompt::exact(text)
        } else {
            prompt::pattern(text)
        };
        let prompt: Prompt = prompt.map_err(|why| self.error(range, why.to_string()))?;
        if let Some(turn) = self.turns.last_mut() {
            turn.prompt = prompt;
        }
        Ok(())
    }

    /// The lines of a `search` fence.
    fn pages(&self, text: &str, range: &Range<usize>) -> Result<Vec<Page>, ScriptError> {
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        lines
            .map(|line| {
                let mut fields = line.splitn(3, " | ").map(|field| field.trim().to_owned());
                match (fields.next(), fields.next(), fields.next()) {
                    (Some(url), Some(title), Some(text)) => Ok(Page { url, title, text }),
                    _ => {
                        let problem = format!("`{line}`: a page is `URL | title | what it says`");
                        Err(self.error(range, problem))
                    }
                }
            })
            .collect()
    }

    fn fence(&mut self, info: &str, text: String, range: Range<usize>) -> Result<(), ScriptError> {
        let (word, rest) = info.split_once(char::is_whitespace).unwrap_or((info, ""));
        let rest = rest.trim();
        let part = match (word, rest) {
            ("bash", "") => Part::Bash(text),
            ("python", "") => Part::Python(text),
            ("python", "repl") => Part::Repl(text),
            ("create" | "view" | "str_replace", "") => {
                return Err(self.error(&range, format!("`{word}` needs a path after it")));
            }
            ("create", path) => Part::Edit(Edit::Create {
                path: path.to_owned(),
                text,
            }),
            ("view", path) => Part::Edit(Edit::View {
                path: path.to_owned(),
            }),
            ("str_replace", path) => {
                let Some((old, new)) = halves(&text) else {
                    let problem = "`str_replace` needs a line `=======` between the old and the \
                                   new text";
                    return Err(self.error(&range, problem));
                };
                Part::Edit(Edit::Replace {
                    path: path.to_owned(),
                    old,
                    new,
                })
            }
            ("search" | "fetch", "") => {
                let what = if word == "search" {
                    "a query"
                } else {
                    "an address"
                };
                return Err(self.error(&range, format!("`{word}` needs {what} after it")));
            }
            ("search", query) => Part::Search {
                query: query.to_owned(),
                pages: self.pages(&text, &range)?,
            },
            ("fetch", url) => {
                let (title, text) = text.split_once('\n').unwrap_or((&text, ""));
                Part::Fetch(Page {
                    url: url.to_owned(),
                    title: title.trim().to_owned(),
                    text: text.trim().to_owned(),
                })
            }
            ("json", "result") => Part::Result(text),
            ("json", "block") => Part::Block(self.json_block(&text, &range)?),
            ("call", name) if !name.is_empty() => Part::Block(self.call(name, &text, &range)?),
            (_, words) if words.split_whitespace().any(|word| word == "show") => {
                let shown = without_show(self.text(&range));
                self.prose.push((range, shown));
                return Ok(());
            }
            ("bash" | "python", words) => {
                let problem = format!(
                    "`{word} {words}`: write `{word}` to run it or `{word} show` to show it"
                );
                return Err(self.error(&range, problem));
            }
            _ => {
                self.say(range);
                return Ok(());
            }
        };
        self.push(part);
        Ok(())
    }

    /// Reads a call of a client tool. If the fence is empty, the call has no arguments.
    fn call(
        &self,
        name: &str,
        text: &str,
        range: &Range<usize>,
    ) -> Result<serde_json::Value, ScriptError> {
        let text = if text.trim().is_empty() { "{}" } else { text };
        let input: serde_json::Value = serde_json::from_str(text)
            .map_err(|error| self.error(range, format!("the arguments are not JSON: {error}")))?;
        if !input.is_object() {
            return Err(self.error(range, "the arguments of a call are an object"));
        }
        Ok(serde_json::json!({"type": "tool_use", "name": name, "input": input}))
    }

    fn json_block(
        &self,
        text: &str,
        range: &Range<usize>,
    ) -> Result<serde_json::Value, ScriptError> {
        let value: serde_json::Value = serde_json::from_str(text).map_err(|error| {
            let mut problem = self.error(range, format!("not JSON: {error}"));
            problem.line += error.line();
            problem
        })?;
        if value.get("type").is_none_or(|kind| !kind.is_string()) {
            return Err(self.error(range, "a block is an object with a `type`"));
        }
        Ok(value)
    }

    fn html(&mut self, range: &Range<usize>) -> Result<(), ScriptError> {
        let mut start = range.start;
        loop {
            let rest = self.text(&(start..range.end));
            start += rest.len() - rest.trim_start().len();
            let rest = rest.trim_start();
            let Some(comment) = rest.strip_prefix("<!--") else {
                if !rest.is_empty() {
                    self.say(start..range.end);
                }
                return Ok(());
            };
            let Some((comment, _)) = comment.split_once("-->") else {
                let problem = "a comment is not closed: write `-->` after it";
                return Err(self.error(&(start..range.end), problem));
            };
            self.directive(comment.trim(), start)?;
            start += "<!--".len() + comment.len() + "-->".len();
        }
    }

    fn directive(&mut self, comment: &str, start: usize) -> Result<(), ScriptError> {
        let Some((word, value)) = comment.split_once(':') else {
            return Ok(());
        };
        if word.is_empty() || !word.bytes().all(|b| b.is_ascii_lowercase() || b == b'_') {
            return Ok(());
        }
        let value = value.trim();
        let at = start..start;
        if value.is_empty() && matches!(word, "stop" | "fault") {
            return Err(self.error(&at, format!("`{word}:` needs a value")));
        }
        let part = match word {
            "stop" => Part::Stop(value.split_whitespace().map(str::to_owned).collect()),
            "fault" => Part::Fault(value.to_owned()),
            "deltas" => deltas(value).ok_or_else(|| {
                let problem =
                    format!("`deltas: {value}`: write a number, or a number `every` N `ms`");
                self.error(&at, problem)
            })?,
            "together" => match value.parse() {
                Ok(count) => Part::Together(count),
                Err(_) => {
                    let problem = format!("`together: {value}`: write how many steps");
                    return Err(self.error(&at, problem));
                }
            },
            _ => {
                let problem =
                    format!("unknown directive `{word}`: stop, fault, deltas and together exist");
                return Err(self.error(&at, problem));
            }
        };
        self.push(part);
        Ok(())
    }

    /// Handles what stands between two blocks: a link definition, or nothing.
    fn gap(&mut self, range: Range<usize>) {
        let text = self.text(&range);
        let trimmed = text.trim();
        if !trimmed.is_empty() {
            let start = range.start + (text.len() - text.trim_start().len());
            self.say(start..start + trimmed.len());
        }
    }

    fn say(&mut self, range: Range<usize>) {
        let text = self.text(&range).trim_end();
        let range = range.start..range.start + text.len();
        let text = text.to_owned();
        self.prose.push((range, text));
    }

    fn push(&mut self, part: Part) {
        self.flush();
        if let Some(turn) = self.turns.last_mut() {
            turn.parts.push(part);
        }
    }

    /// Ends a run of prose. Text between its pieces stays, unless it was a comment.
    fn flush(&mut self) {
        let mut prose = String::new();
        let mut end = 0;
        for (range, text) in std::mem::take(&mut self.prose) {
            if !prose.is_empty() {
                let between = self.text(&(end..range.start));
                let blank = between.trim().is_empty() && between.contains('\n');
                prose.push_str(if blank { between } else { "\n\n" });
            }
            end = range.end;
            prose.push_str(text.trim_end());
        }
        if let (Some(turn), false) = (self.turns.last_mut(), prose.is_empty()) {
            turn.parts.push(Part::Prose(prose));
        }
    }

    /// Refuses a fence that is not closed, because it would take in the rest of the file, with all
    /// its prompts.
    fn check_closed(&self, range: &Range<usize>) -> Result<(), ScriptError> {
        let text = self.text(range).trim_end();
        let mark = if text.starts_with('~') { '~' } else { '`' };
        let opening = text.chars().take_while(|c| *c == mark).count();
        let closed = text.lines().skip(1).last().is_some_and(|line| {
            let line = line.trim();
            line.chars().count() >= opening && line.chars().all(|c| c == mark)
        });
        if closed {
            return Ok(());
        }
        let mark = mark.to_string().repeat(opening);
        let problem = format!("a fence is not closed: write {mark} on a line of its own after it");
        Err(self.error(range, problem))
    }

    fn text(&self, range: &Range<usize>) -> &'a str {
        self.source.get(range.clone()).unwrap_or_default()
    }

    fn line(&self, offset: usize) -> usize {
        let (at, line) = match self.counted.get() {
            counted if counted.0 <= offset => counted,
            _ => (0, 1),
        };
        let between = self.source.get(at..offset).unwrap_or_default();
        let line = line + between.matches('\n').count();
        self.counted.set((offset, line));
        line
    }

    fn error(&self, range: &Range<usize>, problem: impl Into<String>) -> ScriptError {
        ScriptError {
            file: self.file.to_owned(),
            line: self.line(range.start),
            problem: problem.into(),
        }
    }
}

/// Removes the marks of a `# …` heading, or the underline of the other kind.
fn heading_text(source: &str) -> String {
    let source = source.trim();
    if source.starts_with('#') {
        let text = source.trim_start_matches('#').trim_start();
        let open = text.trim_end_matches('#');
        let closed = open.is_empty() || open.ends_with(char::is_whitespace);
        return if closed { open.trim() } else { text }.to_owned();
    }
    let text = source.rsplit_once('\n').map_or("", |(text, _)| text);
    text.to_owned()
}

fn unquoted(source: &str) -> String {
    let lines: Vec<&str> = source
        .trim_end()
        .lines()
        .map(|line| {
            let Some(text) = line.trim_start().strip_prefix('>') else {
                return line;
            };
            text.strip_prefix(' ').unwrap_or(text)
        })
        .collect();
    lines.join("\n")
}

/// Removes the word `show` from the first line of a fence.
fn without_show(source: &str) -> String {
    let (first, rest) = source.split_once('\n').unwrap_or((source, ""));
    let words = first.split_whitespace().filter(|word| *word != "show");
    let first = words.collect::<Vec<_>>().join(" ");
    format!("{first}\n{rest}")
}

fn halves(text: &str) -> Option<(String, String)> {
    let lines: Vec<&str> = text.lines().collect();
    let middle = lines.iter().position(|line| *line == "=======")?;
    let (old, new) = lines.split_at(middle);
    let new = new.get(1..).unwrap_or_default();
    Some((old.join("\n"), new.join("\n")))
}

fn deltas(value: &str) -> Option<Part> {
    let (count, pace_ms) = match value.split_whitespace().collect::<Vec<_>>().as_slice() {
        [count] => (*count, "0"),
        [count, "every", pace, "ms"] => (*count, *pace),
        _ => return None,
    };
    let count = count.parse().ok().filter(|count| *count <= MAX_DELTAS)?;
    let pace_ms = pace_ms.parse().ok()?;
    Some(Part::Deltas { count, pace_ms })
}
