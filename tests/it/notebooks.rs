//! what the example notebooks hold: a script for every prompt, and no prompt answered by another's

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use claude_kernel::cell::magic::{Context, Effect};
use claude_kernel::cell::magics;
use claude_kernel::cell::parse::{Cell, parse};
use claude_kernel::chat::settings::Settings;
use claude_kernel::emulator::script::{self, Edit, Part, Scripts};
use serde_json::Value;

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("notebooks")
}

/// The files of `notebooks/` whose name ends so, by what stands before.
fn stems(ending: &str) -> Vec<String> {
    let files = std::fs::read_dir(directory()).unwrap();
    let names = files.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut stems: Vec<String> = names
        .filter_map(|name| name.strip_suffix(ending).map(str::to_owned))
        .collect();
    stems.sort();
    stems
}

/// The prompts that running a notebook sends, in order.
fn prompts(stem: &str) -> Vec<String> {
    let text = std::fs::read_to_string(directory().join(format!("{stem}.ipynb"))).unwrap();
    let notebook: Value = serde_json::from_str(&text).unwrap();
    let code = notebook["cells"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|cell| cell["cell_type"] == "code");
    let sources = code.map(|cell| {
        let lines = cell["source"].as_array().unwrap();
        lines
            .iter()
            .map(|line| line.as_str().unwrap())
            .collect::<String>()
    });
    sources.filter_map(|source| prompt(&source)).collect()
}

/// The prompt that running a cell sends, with its variables as typed.
fn prompt(source: &str) -> Option<String> {
    let Cell::Turn { magics, prompt } = parse(source) else {
        return None;
    };
    if magics.iter().any(|magic| magic.name == "dry") {
        return None;
    }
    let settings = Settings::default();
    let context = Context::new(&settings);
    let result = magics.iter().find_map(|call| {
        let effects = magics::apply(call, &context).ok()?;
        effects.into_iter().find_map(|effect| match effect {
            Effect::Result(asked) => Some(asked.prompt),
            _ => None,
        })
    });
    result.or(Some(prompt)).filter(|prompt| !prompt.is_empty())
}

/// All scripts, as the backend loads them: one list, in the order of their names.
fn scripts() -> Scripts {
    let mut scripts = Scripts::default();
    for stem in stems(".claude.md") {
        let text = std::fs::read_to_string(directory().join(format!("{stem}.claude.md"))).unwrap();
        scripts.add(script::parse(&stem, &text).unwrap_or_else(|error| panic!("{error}")));
    }
    scripts
}

#[test]
fn every_notebook_has_a_script() {
    let notebooks = stems(".ipynb");
    assert_eq!(notebooks, stems(".claude.md"));
    for id in (1..=26).map(|number| format!("v{number:02}")) {
        assert!(
            notebooks
                .iter()
                .any(|stem| stem.starts_with(&format!("{id}-"))),
            "no notebook for {id}"
        );
    }
}

#[test]
fn every_prompt_is_answered_by_its_own_script() {
    let scripts = scripts();
    for stem in stems(".ipynb") {
        let prompts = prompts(&stem);
        let answered: BTreeSet<usize> = prompts
            .iter()
            .map(|prompt| {
                let found = scripts
                    .find(prompt)
                    .unwrap_or_else(|| panic!("{stem}: nothing answers `{prompt}`"));
                assert_eq!(
                    found.turn.file, stem,
                    "`{prompt}` is answered from elsewhere"
                );
                found.turn.line
            })
            .collect();
        assert_eq!(
            answered.len(),
            prompts.len(),
            "{stem}: two prompts have one answer"
        );
        let text = std::fs::read_to_string(directory().join(format!("{stem}.claude.md"))).unwrap();
        let turns = script::parse(&stem, &text).unwrap().len();
        assert_eq!(
            answered.len(),
            turns,
            "{stem}: a turn that no cell asks for"
        );
    }
}

/// An answer that inserts a variable has a step before it, or the prompt has it: the numbers are
/// computed.
#[test]
fn variables_come_from_steps() {
    let scripts = scripts();
    for stem in stems(".claude.md") {
        let text = std::fs::read_to_string(directory().join(format!("{stem}.claude.md"))).unwrap();
        let asked: Vec<_> = prompts(&stem)
            .iter()
            .filter_map(|prompt| scripts.find(prompt))
            .map(|found| (found.turn.line, found.variables))
            .collect();
        for turn in script::parse(&stem, &text).unwrap() {
            let given = asked.iter().filter(|(line, _)| *line == turn.line);
            let given: Vec<String> = given
                .flat_map(|(_, variables)| variables.keys())
                .map(|name| format!("{{{{{name}}}}}"))
                .collect();
            let mut written = String::new();
            for part in &turn.parts {
                match part {
                    Part::Bash(code) | Part::Python(code) | Part::Repl(code) => {
                        written.push_str(code);
                    }
                    Part::Edit(Edit::Create { text, .. }) => written.push_str(text),
                    Part::Prose(prose) | Part::Result(prose) => {
                        let rest = given
                            .iter()
                            .fold(prose.clone(), |prose, name| prose.replace(name, ""));
                        let inserts = rest.contains("{{");
                        assert!(
                            !inserts || written.contains("SCRIPT_VARS"),
                            "{stem} line {}: `{prose}`",
                            turn.line
                        );
                    }
                    _ => {}
                }
            }
        }
    }
}
