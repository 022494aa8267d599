//! The map in `ARCHITECTURE.md`: a newcomer's ten guesses lead to files that hold what they say.

use super::imports::code_only;
use super::{read, root};

const HEADING: &str = "## Where is X?";
/// What is asked most must be answered; more is noise.
const ROWS: usize = 10;

/// One row: what is looked for, the file, and the names that stand in it.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    what: String,
    file: String,
    names: Vec<String>,
}

/// The rows of the section's table: `| what | `file`: `name`, `name` |`.
fn rows(document: &str) -> Vec<Row> {
    let section = document.split_once(HEADING).map_or("", |(_, after)| after);
    let section = section.split("\n## ").next().unwrap_or_default();
    let rows = section.lines().filter(|line| line.starts_with('|')).skip(2);
    rows.map(|line| {
        let mut cells = line.trim_matches('|').split('|').map(str::trim);
        let what = cells.next().unwrap_or_default().to_owned();
        let place = cells.next().unwrap_or_default();
        let mut quoted = place.split('`').skip(1).step_by(2).map(str::to_owned);
        Row {
            what,
            file: quoted.next().unwrap_or_default(),
            names: quoted.collect(),
        }
    })
    .collect()
}

/// Does the source define something of this name?
fn defines(source: &str, name: &str) -> bool {
    const KINDS: [&str; 8] = [
        "fn", "struct", "enum", "trait", "const", "static", "type", "mod",
    ];
    let code = code_only(source);
    let words: Vec<&str> = code
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .filter(|word| !word.is_empty())
        .collect();
    (words.windows(2)).any(|pair| KINDS.contains(&pair[0]) && pair[1] == name)
}

/// What is wrong with the map, where `source` gives a file's text.
fn complaints(document: &str, source: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let rows = rows(document);
    let mut complaints = Vec::new();
    if rows.len() < ROWS {
        complaints.push(format!("`{HEADING}` has {} rows, not {ROWS}", rows.len()));
    }
    for Row { what, file, names } in rows {
        let Some(text) = source(&file) else {
            complaints.push(format!("{what}: there is no file `{file}`"));
            continue;
        };
        if names.is_empty() {
            complaints.push(format!("{what}: say what to look for in `{file}`"));
        }
        for name in names {
            if !defines(&text, &name) {
                complaints.push(format!("{what}: `{file}` does not define `{name}`"));
            }
        }
    }
    complaints
}

#[test]
fn a_guess_that_leads_nowhere_is_named() {
    let document = "## Where is X?\n\n| X | where |\n|---|---|\n\
                    | the thing | `src/a.rs`: `Thing`, `Gone` |\n| nothing | `src/b.rs`: `x` |\n\
                    | vague | `src/a.rs` |\n\n## Next\n| other | `src/c.rs` |\n";
    let source = |file: &str| {
        (file == "src/a.rs").then(|| "pub struct Thing; // struct Gone\nfn f() { Gone }".to_owned())
    };
    assert_eq!(
        complaints(document, source),
        [
            "`## Where is X?` has 3 rows, not 10",
            "the thing: `src/a.rs` does not define `Gone`",
            "nothing: there is no file `src/b.rs`",
            "vague: say what to look for in `src/a.rs`",
        ]
    );
}

#[test]
fn a_newcomers_guesses_lead_to_the_place() {
    let complaints = complaints(&read("ARCHITECTURE.md"), |file| {
        std::fs::read_to_string(root().join(file)).ok()
    });
    assert!(complaints.is_empty(), "\n{}\n", complaints.join("\n"));
}
