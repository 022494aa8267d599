//! `check` over the notebooks of the repository: nothing is found in them, and whatever number is
//! changed or made up is.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use claude_kernel::chat::recording::Recording;
use claude_kernel::chat::recording::coding::Coded;
use claude_kernel::notebook::check::{Checked, Problem, check};
use claude_kernel::notebook::page::Place;
use nix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

/// A number that nothing in any notebook comes near to.
const PLANTED: &str = "73,519.42";

/// The notebooks, by their names.
static NOTEBOOKS: LazyLock<Vec<(String, Value)>> = LazyLock::new(|| {
    let files = std::fs::read_dir(folder()).unwrap();
    let paths = files.map(|entry| entry.unwrap().path());
    let paths = paths.filter(|path| path.extension().is_some_and(|kind| kind == "ipynb"));
    let mut found: Vec<(String, Value)> = paths
        .map(|path| {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            (
                name,
                serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap(),
            )
        })
        .collect();
    found.sort_by(|one, other| one.0.cmp(&other.0));
    found
});

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("notebooks")
}

/// What lies beside the notebooks: data that is attached, and nothing that steps made.
fn beside(place: Place, name: &str) -> Option<Vec<u8>> {
    let path = folder().join("data").join(name);
    (place == Place::Attached).then(|| std::fs::read(path).ok())?
}

fn problems(notebook: &Value) -> Vec<(String, Problem)> {
    let checked = check(notebook, &beside).unwrap().into_iter();
    let found = checked.flat_map(|Checked { cell, problems, .. }| {
        problems
            .into_iter()
            .map(move |problem| (cell.clone(), problem))
    });
    found.collect()
}

fn outputs(notebook: &Value) -> impl Iterator<Item = (String, &Value)> {
    let cells = notebook["cells"].as_array().unwrap().iter().enumerate();
    cells.flat_map(|(at, cell)| {
        let outputs = cell["outputs"].as_array().into_iter().flatten().enumerate();
        outputs.map(move |(number, output)| (format!("/cells/{at}/outputs/{number}"), output))
    })
}

fn recorded(output: &Value) -> Option<Recording> {
    let record = output.pointer("/metadata/claude_kernel/record")?;
    Some(Coded::read(record).unwrap().recording().unwrap())
}

#[test]
fn nothing_is_found_in_the_notebooks_of_the_repository() {
    let mut numbers = 0;
    for (name, notebook) in NOTEBOOKS.iter() {
        assert_eq!(problems(notebook), [], "{name}");
        numbers += check(notebook, &beside)
            .unwrap()
            .iter()
            .map(|one| one.numbers)
            .sum::<usize>();
    }
    assert!(numbers > 350, "{numbers} numbers have a source");
}

#[test]
fn a_number_that_is_made_up_is_found_in_each_notebook() {
    for (name, notebook) in NOTEBOOKS.iter() {
        let mut planted = notebook.clone();
        let answers =
            outputs(notebook).filter_map(|(place, output)| Some((place, recorded(output)?)));
        // The last answer: all sources of the notebook stand above it.
        let (place, mut recording) = answers
            .filter(|(_, recording)| !recording.text().is_empty())
            .last()
            .unwrap();
        let blocks = recording.calls.iter_mut().flat_map(|call| &mut call.blocks);
        let text = blocks
            .filter(|block| block["type"] == "text")
            .last()
            .unwrap();
        text["text"] = json!(format!(
            "In all: {PLANTED}.\n\n{}",
            text["text"].as_str().unwrap()
        ));
        *planted
            .pointer_mut(&format!("{place}/metadata/claude_kernel/record"))
            .unwrap() = Coded::of(&recording).unwrap().value();
        let found = problems(&planted)
            .into_iter()
            .filter_map(|(_, problem)| match problem {
                Problem::NoSource { number, .. } => Some(number),
                _ => None,
            });
        let found: Vec<String> = found.collect();
        assert_eq!(found, [PLANTED], "{name}: {:?}", problems(&planted));
    }
}

/// Texts of a page in which one digit was changed: where they stand, the line before, the text and
/// the line after.
fn changed(notebook: &Value) -> Vec<(&'static str, String, String, Value, String)> {
    let mut found = Vec::new();
    for (place, output) in outputs(notebook) {
        let block = output
            .pointer("/metadata/claude_kernel/block")
            .and_then(Value::as_str);
        let (kind, paths) = match (output["output_type"].as_str(), block) {
            (Some("stream"), _) => ("stdout", ["/text", ""]),
            (_, Some("text")) => ("answer", ["/data/text~1plain", "/data/text~1markdown"]),
            (_, Some("file")) if is_open(output) => {
                ("table", ["/data/text~1plain", "/data/text~1markdown"])
            }
            _ => continue,
        };
        for path in paths.iter().filter(|path| !path.is_empty()) {
            let path = format!("{place}{path}");
            let Some(text) = notebook.pointer(&path).map(text_of) else {
                continue;
            };
            let lines: Vec<&str> = text.lines().collect();
            let may_be = |line: &&&str| {
                // A view fills up fractions with zeros.
                let is_filled = kind == "table"
                    && line
                        .split([' ', '|'])
                        .any(|word| word.contains('.') && word.ends_with('0'));
                !is_filled
                    && !line.contains(['/', '…', '<', '`'])
                    && line.contains(|c: char| c.is_ascii_digit())
            };
            // The head of a table is the kernel's.
            let lines: Vec<&&str> = lines
                .iter()
                .skip(usize::from(kind == "table"))
                .filter(may_be)
                .collect();
            let Some(line) = lines.get(lines.len() / 2) else {
                continue;
            };
            let at = line.rfind(|c: char| c.is_ascii_digit()).unwrap();
            let digit = line[at..=at].parse::<u32>().unwrap();
            let new = format!("{}{}{}", &line[..at], (digit + 1) % 10, &line[at + 1..]);
            found.push((
                kind,
                path,
                (**line).to_owned(),
                json!(text.replacen(**line, &new, 1)),
                new,
            ));
        }
    }
    found
}

/// Whether a view of a file can be held against its content: it is text, and in the recording.
fn is_open(output: &Value) -> bool {
    let ours = &output["metadata"]["claude_kernel"];
    let is_text = ours["mime_type"].as_str().unwrap().starts_with("text/");
    is_text && ours["size_bytes"].as_u64().unwrap() <= 64 * 1024
}

fn text_of(value: &Value) -> String {
    match value {
        Value::Array(lines) => lines.iter().map(|line| line.as_str().unwrap()).collect(),
        other => other.as_str().unwrap_or_default().to_owned(),
    }
}

#[test]
fn a_changed_number_on_a_page_is_found_with_both_values() {
    let mut kinds = std::collections::BTreeMap::<&str, (usize, usize)>::new();
    for (name, notebook) in NOTEBOOKS.iter() {
        let mut is_found = false;
        let mut seen = std::collections::BTreeMap::<(&str, bool), usize>::new();
        for (kind, path, before, text, after) in changed(notebook) {
            // Two of each kind and form of a notebook are enough.
            let count = seen.entry((kind, path.ends_with("markdown"))).or_default();
            *count += 1;
            if *count > 2 {
                continue;
            }
            let mut mutated = notebook.clone();
            *mutated.pointer_mut(&path).unwrap() = text;
            let both = problems(&mutated)
                .into_iter()
                .any(|(_, problem)| match problem {
                    Problem::Edited(edit) => {
                        let recorded = edit.recorded.unwrap_or_default();
                        digits(&after).contains(&digits(&edit.shown))
                            && digits(&before).contains(&digits(&recorded))
                            && edit.shown != recorded
                    }
                    _ => false,
                });
            let (of, missed) = kinds.entry(kind).or_default();
            *of += 1;
            if !both {
                *missed += 1;
                println!("{name} {path}: {before:?} became {after:?}");
            }
            is_found |= both;
        }
        // What has nothing but pictures and own tools has no such number.
        assert!(is_found || seen.is_empty(), "{name}");
    }
    println!("{kinds:?}");
    let kinds: Vec<_> = kinds.into_iter().collect();
    assert!(
        matches!(kinds[..], [("answer", (a, 0)), ("stdout", (s, 0)), ("table", (t, 0))] if a > 40 && s > 20 && t > 20),
        "{kinds:?}"
    );
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// A file that was changed beside its notebook is told by the line.
#[test]
fn a_changed_file_is_found_with_both_values() {
    let mut files = 0;
    for (name, notebook) in NOTEBOOKS.iter() {
        let recordings = outputs(notebook).filter_map(|(_, output)| recorded(output));
        let made: Vec<_> = recordings.flat_map(|recording| recording.files).collect();
        let table = made.iter().rev().find_map(|file| {
            let text = String::from_utf8(file.bytes()?).ok()?;
            text.lines()
                .any(|line| line.ends_with('7'))
                .then_some((file, text))
        });
        let Some((file, text)) = table else {
            continue;
        };
        files += 1;
        let line = text.lines().find(|line| line.ends_with('7')).unwrap();
        let new = format!("{}8", &line[..line.len() - 1]);
        let now = text.replacen(line, &new, 1);
        let contents = |place, name: &str| match place == Place::Made && name == file.name {
            true => Some(now.clone().into_bytes()),
            false => beside(place, name),
        };
        let found = check(notebook, &contents).unwrap();
        let edits =
            found
                .iter()
                .flat_map(|one| &one.problems)
                .filter_map(|problem| match problem {
                    Problem::Edited(edit) => {
                        Some((edit.shown.as_str(), edit.recorded.as_deref().unwrap_or("")))
                    }
                    _ => None,
                });
        let short = |line: &str| line.trim().chars().take(80).collect::<String>();
        let edits: Vec<_> = edits
            .map(|(shown, recorded)| (short(shown), short(recorded)))
            .collect();
        assert_eq!(edits, [(short(&new), short(line))], "{name}: {}", file.name);
    }
    assert!(files > 8, "{files} notebooks have tables");
}

#[test]
fn two_hundred_numbers_are_checked_in_less_than_a_second() {
    let (_, notebook) = NOTEBOOKS
        .iter()
        .find(|(name, _)| name == "v21-ab-test")
        .unwrap();
    let mut many = notebook.clone();
    let (place, mut recording) = outputs(notebook)
        .filter_map(|(place, output)| Some((place, recorded(output)?)))
        .last()
        .unwrap();
    let numbers: Vec<String> = (0..200)
        .map(|number| format!("| {} |", 5_000_000 + 37 * number))
        .collect();
    let printed = numbers.join("\n").replace('|', "");
    recording.calls[0]
        .blocks
        .push(json!({"type": "text", "text": numbers.join("\n")}));
    recording
        .tools
        .push(claude_kernel::chat::recording::ToolAnswer {
            id: "x".to_owned(),
            content: json!(printed),
            is_error: false,
            printed: String::new(),
        });
    *many
        .pointer_mut(&format!("{place}/metadata/claude_kernel/record"))
        .unwrap() = Coded::of(&recording).unwrap().value();
    let now = || Duration::from(clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap());
    let start = now();
    let checked = check(&many, &beside).unwrap();
    let took = now() - start;
    assert!(checked.last().unwrap().numbers >= 200, "{checked:?}");
    println!("{took:?}");
    assert!(took < Duration::from_secs(1), "{took:?}");
}
