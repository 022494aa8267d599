//! Help texts, made from the registry: for `%help`, `%name?`, inspection and the README.

use super::call::MagicError;
use super::guide::{self, PAGES};
use super::magic::{self, Context, Group, Magic};
use super::nearest::{nearest, quoted};
use super::secret;
use super::shown::{Part, Shown, WIDTH, with_origin, wrap};
use super::topics::TOPICS;

/// The blanks between examples on one line.
const GAP: &str = "        ";

/// The magics that a newcomer needs, in the order of the need, each with a call of it.
const FIRST: [(&str, &str); 8] = [
    ("attach", "%attach sales.csv"),
    ("model", "%model sonnet"),
    ("effort", "%effort high"),
    ("json", "%%json town name str"),
    ("undo", "%undo"),
    ("reset", "%reset"),
    ("cost", "%cost"),
    ("status", "%status"),
];

/// Returns help about a magic or a topic, with or without percent signs; `help` is the overview.
///
/// # Errors
/// When there is neither of that name; the hint names the nearest.
pub fn about(topic: &str, context: &Context<'_>) -> Result<Shown, MagicError> {
    let name = topic.trim().trim_matches(['%', '?']).to_ascii_lowercase();
    // Words that people look for, and the magic that is meant.
    let name = match name.as_str() {
        "preset" | "presets" => "system".to_owned(),
        "search" => "web".to_owned(),
        "schema" | "json schema" => "schemas".to_owned(),
        "key" | "api key" => "keys".to_owned(),
        "sandbox" => "limits".to_owned(),
        _ => name,
    };
    if name == "help" || name.is_empty() {
        return Ok(overview(context.magics));
    }
    if let Some(page) = name.strip_prefix("guide")
        && let Some(shown) = guide::shown(page.trim_start())
    {
        return Ok(shown);
    }
    if let Some(magic) = context.find(&name) {
        return Ok(of_magic(magic, context));
    }
    if let Some(topic) = TOPICS.iter().find(|topic| topic.name == name) {
        return Ok(of_text(topic.text));
    }
    if secret::looks_like_key(topic) {
        return Err(MagicError::new(
            "there is no help on that",
            "`%help` is the overview.",
        ));
    }
    if let Some(page) = name.strip_prefix("guide ") {
        let near = nearest(page.trim_start(), PAGES.iter().map(|page| page.name));
        let near = quoted(&near, "%help guide ")
            .map_or(String::new(), |names| format!("Did you mean {names}? "));
        return Err(MagicError::new(
            format!("the guide has no page `{}`", page.trim_start()),
            format!("{near}`%help guide` lists its pages."),
        ));
    }
    let names = context.magics.iter().map(|magic| magic.name);
    let near = nearest(&name, names.chain(TOPICS.iter().map(|topic| topic.name)));
    let near =
        quoted(&near, "%help ").map_or(String::new(), |names| format!("Did you mean {names}? "));
    Err(MagicError::new(
        format!("there is no help on `{name}`"),
        format!("{near}`%help` lists what there is."),
    ))
}

/// Returns help about one magic: what it is, examples, the value in force, what else to know.
#[must_use]
pub fn of_magic(magic: &Magic, context: &Context<'_>) -> Shown {
    let usage = usage_line(magic);
    let examples = examples(magic);
    let now = (magic.now)(context).map(|value| {
        let value = with_origin(&[magic.name], &value, context);
        format!("Now: {value}.")
    });
    let head = format!("{usage} - {}", magic.summary.replace('`', ""));
    let mut plain = format!("{}\n{examples}", wrap(&head, "    "));
    for line in now.iter().map(String::as_str).chain([magic.details]) {
        plain.push_str(&format!("\n  {}", wrap(&line.replace('`', ""), "  ")));
    }
    if !magic.aliases.is_empty() {
        plain.push_str(&format!("\n  Also: %{}", magic.aliases.join(", %")));
    }
    let head = Shown::default().paragraph(&format!("`{usage}` - {}", magic.summary));
    let mut markdown = head.block(&unindent(&examples)).markdown;
    if let Some(now) = (magic.now)(context) {
        let now = Shown::default().line(
            "Now",
            &Part::text(&with_origin(&[magic.name], &now, context)),
        );
        markdown.push_str(&format!("\n\n{}", now.markdown));
    }
    markdown.push_str(&format!("\n\n{}", magic.details));
    Shown { markdown, plain }
}

/// Returns how a magic is written: `%effort LEVEL`.
#[must_use]
pub fn usage_line(magic: &Magic) -> String {
    format!("{}{} {}", magic.form.sign(), magic.name, magic.usage)
        .trim_end()
        .to_owned()
}

/// Returns the README's table of magics, in Markdown, without a final line end.
#[must_use]
pub fn readme_table(magics: &[&Magic]) -> String {
    let rows: Vec<Vec<Part>> = magics
        .iter()
        .map(|magic| {
            let example = magic.examples.first().map_or("", |(code, _)| *code);
            vec![
                Part::code(&usage_line(magic)),
                Part::ours(magic.summary),
                Part::code(&on_one_line(example)),
            ]
        })
        .collect();
    Shown::default()
        .table(&["Magic", "Meaning", "Example"], &rows)
        .markdown
}

fn overview(magics: &[&'static Magic]) -> Shown {
    let first = FIRST.iter().filter_map(|(name, code)| {
        let magic = magic::find(magics, name)?;
        Some((Part::code(code), Part::ours(magic.summary)))
    });
    let first: Vec<(Part, Part)> = first.collect();
    let guide = (
        Part::code("%help guide"),
        Part::ours("the user guide: a page for each task"),
    );
    let topics = TOPICS.iter().map(|topic| {
        let call = Part::code(&format!("%help {}", topic.name));
        (call, Part::ours(topic.summary))
    });
    let topics: Vec<(Part, Part)> = std::iter::once(guide).chain(topics).collect();
    let of_group = |group: Group| {
        let magics = magics.iter().filter(|magic| magic.group == group);
        let rows = magics.map(|magic| {
            let name = format!("{}{}", magic.form.sign(), magic.name);
            (Part::code(&name), Part::ours(magic.summary))
        });
        (group.title(), rows.collect())
    };
    let mut sections: Vec<(&str, Vec<(Part, Part)>)> = Group::ALL.map(of_group).into();
    sections.push(("More to read", topics));
    Shown::default()
        .paragraph(
            "Type what you want in plain words and run the cell: it is sent to Claude, which can run code in its own \
sandbox. Magics in a cell's first lines set things up.",
        )
        .heading("The eight to begin with")
        .entries(["for example", "meaning"], &first)
        .paragraph(
            "`%x value` holds from here on, `%%x value` for this cell only, `%x` alone shows. `%x?` is help on `%x`, \
and Tab completes.",
        )
        .sections(["magic", "meaning"], &sections)
}

/// A text of the kernel's own in both forms: Markdown unchanged; plain text wrapped, without
/// backticks and heading signs.
fn of_text(text: &str) -> Shown {
    let plain: Vec<String> = text
        .split('\n')
        .map(|line| {
            let line = line.trim_start_matches('#').trim_start().replace('`', "");
            let indent = if line.starts_with("- ") { "  " } else { "" };
            wrap(&line, indent)
        })
        .collect();
    Shown {
        markdown: text.to_owned(),
        plain: plain.join("\n"),
    }
}

/// The examples, indented by two: on one line if they fit, else in columns.
fn examples(magic: &Magic) -> String {
    let single = magic.examples.iter().all(|(code, _)| !code.contains('\n'));
    let line: Vec<String> = magic
        .examples
        .iter()
        .map(|(code, what)| format!("{code}   {what}"))
        .collect();
    let line = format!("  {}", line.join(GAP));
    if single && line.chars().count() <= WIDTH {
        return line;
    }
    let length = |text: &str| text.chars().count();
    let first = |code: &'static str| code.split('\n').next().unwrap_or_default();
    // Where what the calls do begins: behind every call that leaves room for it.
    let fits =
        |(code, what): &&(&'static str, &str)| length(first(code)) + 5 + length(what) <= WIDTH;
    let calls = magic.examples.iter().filter(fits);
    let widest = calls
        .map(|(code, _)| length(first(code)))
        .max()
        .unwrap_or(0);
    let rows = magic.examples.iter().map(|(code, what)| {
        let (first, more) = code.split_once('\n').unwrap_or((code, ""));
        let more: String = more
            .split('\n')
            .filter(|line| !line.is_empty())
            .map(|line| format!("\n  {line}"))
            .collect();
        let gap = widest.saturating_sub(length(first)) + 3;
        match length(first).max(widest) + 5 + length(what) <= WIDTH {
            true => format!("  {first}{}{what}{more}", " ".repeat(gap)),
            false => format!("  {first}\n      {what}{more}"),
        }
    });
    rows.collect::<Vec<_>>().join("\n")
}

fn unindent(text: &str) -> String {
    let lines = text
        .split('\n')
        .map(|line| line.strip_prefix("  ").unwrap_or(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn on_one_line(code: &str) -> String {
    match code.split_once('\n') {
        Some((first, _)) => format!("{first} …"),
        None => code.to_owned(),
    }
}
