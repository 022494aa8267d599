//! Scripts: from Markdown to turns, and from a prompt to its turn.

use claude_kernel::emulator::script::{
    self, Edit, Part, ScriptError, Scripts, Turn, Variables, step_in_prompt, substitute,
};
use expect_test::{Expect, expect};
use proptest::prelude::*;
use serde_json::json;

fn parse(source: &str) -> Vec<Turn> {
    script::parse("a.claude.md", source).unwrap()
}

fn parts(source: &str) -> Vec<Part> {
    let mut turns = parse(source);
    assert_eq!(turns.len(), 1, "{turns:#?}");
    turns.remove(0).parts
}

fn check_error(source: &str, expected: &Expect) {
    let error: ScriptError = script::parse("a.claude.md", source).unwrap_err();
    expected.assert_eq(&error.to_string());
}

fn scripts(sources: &[&str]) -> Scripts {
    let mut scripts = Scripts::default();
    for (index, source) in sources.iter().enumerate() {
        scripts.add(script::parse(&format!("{index}.claude.md"), source).unwrap());
    }
    scripts
}

/// File, line and variables of a turn.
type Found = (String, usize, Vec<(String, String)>);

fn found(scripts: &Scripts, prompt: &str) -> Option<Found> {
    let found = scripts.find(prompt)?;
    let variables = found.variables.into_iter().collect();
    Some((found.turn.file.clone(), found.turn.line, variables))
}

#[test]
fn every_element_of_a_turn() {
    let source = "\
Notes for readers, before the first prompt.

## Count the lines
> First a look.
>
> Then count.

I shall *look*.

### A deeper heading is prose
- one
- two

```bash
wc -l < a.txt
```
```python
print(1)
```
```python repl
x = 1
x
```
```create notes/a b.txt
one
```
```view notes/a b.txt
```
```str_replace notes/a b.txt
one
=======
two
three
```
```json block
{\"type\": \"tool_use\", \"id\": \"t\", \"name\": \"n\", \"input\": {}}
```
<!-- a note for readers -->
<!-- stop: refusal cyber -->
<!-- fault: 529 -->
<!-- deltas: 10000 every 10 ms -->

```bash show
rm -rf nothing
```

| a | b |
|---|---|
| 1 | {{lines}} |

[ref]: https://example.org

## Another
";
    let turns = parse(source);
    assert_eq!(turns.len(), 2);
    let another = source.lines().position(|line| line == "## Another");
    assert_eq!((turns[0].line, Some(turns[1].line - 1)), (3, another));
    assert_eq!(turns[1].parts, []);
    let edit = Part::Edit;
    let path = || "notes/a b.txt".to_owned();
    assert_eq!(
        turns[0].parts,
        [
            Part::Thinking("First a look.\n\nThen count.".into()),
            Part::Prose("I shall *look*.\n\n### A deeper heading is prose\n- one\n- two".into()),
            Part::Bash("wc -l < a.txt\n".into()),
            Part::Python("print(1)\n".into()),
            Part::Repl("x = 1\nx\n".into()),
            edit(Edit::Create {
                path: path(),
                text: "one\n".into()
            }),
            edit(Edit::View { path: path() }),
            edit(Edit::Replace {
                path: path(),
                old: "one".into(),
                new: "two\nthree".into()
            }),
            Part::Block(json!({"type": "tool_use", "id": "t", "name": "n", "input": {}})),
            Part::Stop(vec!["refusal".into(), "cyber".into()]),
            Part::Fault("529".into()),
            Part::Deltas {
                count: 10_000,
                pace_ms: 10
            },
            Part::Prose(
                "```bash\nrm -rf nothing\n```\n\n| a | b |\n|---|---|\n| 1 | {{lines}} |\n\n\
                 [ref]: https://example.org"
                    .into()
            ),
        ]
    );
}

#[test]
fn a_comment_for_readers_does_not_split_prose() {
    assert_eq!(
        parts("# p\none\n\n<!-- note -->\n\ntwo\n"),
        [Part::Prose("one\n\ntwo".into())]
    );
}

#[test]
fn fences_of_other_languages_and_inside_lists_are_prose() {
    let prose = "```rust\nfn main() {}\n```\n\n- a list\n\n  ```bash\n  exit 1\n  ```";
    assert_eq!(
        parts(&format!("# p\n{prose}\n")),
        [Part::Prose(prose.into())]
    );
}

#[test]
fn windows_line_ends_and_a_byte_order_mark() {
    assert_eq!(
        parts("\u{feff}# p\r\n\r\n```bash\r\ntrue\r\n```\r\n"),
        [Part::Bash("true\n".into())]
    );
}

#[test]
fn exact_before_patterns_in_the_order_of_files() {
    let scripts = scripts(&[
        "# /^draw/\npattern one\n# draw {{what}} with {{n}} bars\n",
        "# draw a   cat\nexact\n# /(?P<colour>red|blue) (\\w+)/\n",
    ]);
    let file = |index: usize| format!("{index}.claude.md");
    let none = Vec::new;
    assert_eq!(
        found(&scripts, " draw a\n cat "),
        Some((file(1), 1, none()))
    );
    assert_eq!(found(&scripts, "draw a dog"), Some((file(0), 1, none())));
    assert_eq!(found(&scripts, "Draw a dog"), None);
    assert_eq!(
        found(&scripts, "a blue\nchart"),
        Some((file(1), 3, vec![("colour".into(), "blue".into())]))
    );
}

#[test]
fn a_place_in_a_prompt_gives_a_variable() {
    let scripts = scripts(&["# Simulate {{n}} sales (seed {{seed}})\n"]);
    let variables = vec![("n".into(), "500".into()), ("seed".into(), "7".into())];
    assert_eq!(
        found(&scripts, "Simulate 500 sales\n(seed 7)"),
        Some(("0.claude.md".into(), 1, variables))
    );
    assert_eq!(found(&scripts, "Simulate 500 sales (seed 7)!"), None);
}

#[test]
fn a_prompt_of_several_lines() {
    let source = "# Title\n\n```prompt\n# not a heading\nSum `a`:\n\n1, 2\n```\nSix.\n\
                  # Other\n```prompt regex\n^sum\\b.*\\bb\n```\nSeven.\n";
    let scripts = scripts(&[source]);
    let at = |line| Some(("0.claude.md".to_owned(), line, Vec::new()));
    assert_eq!(found(&scripts, "# not a heading\nSum `a`:\n1,  2"), at(1));
    assert_eq!(found(&scripts, "sum a and\nb"), at(10));
    assert_eq!(found(&scripts, "Title"), None);
    let turn = scripts.find("sum of b").unwrap().turn;
    assert_eq!(turn.parts, [Part::Prose("Seven.".into())]);
}

#[test]
fn headings_keep_their_marks() {
    let scripts = scripts(&[
        "# Use `ls` in C# ##\n",
        "Two lines\nof *one* prompt\n===============\n",
    ]);
    assert!(scripts.find("Use `ls` in C#").is_some());
    assert!(scripts.find("Two lines of *one* prompt").is_some());
}

#[test]
fn errors_name_file_and_line() {
    check_error(
        "# p\n\ntext\n\n```bash\necho\n# q\n",
        &expect![
            "`a.claude.md` line 5: a fence is not closed: write ``` on a line of its own after it"
        ],
    );
    check_error(
        "# p\n<!-- stop: x\n# q\n",
        &expect!["`a.claude.md` line 2: a comment is not closed: write `-->` after it"],
    );
    check_error(
        "# p\n# /a(/\n",
        &expect!["`a.claude.md` line 2: `/a(/` is not a regular expression: unclosed group"],
    );
    check_error(
        "# p\n<!-- stop: end_turn -->\n<!-- wait: 3 -->\n",
        &expect![
            "`a.claude.md` line 3: unknown directive `wait`: stop, fault, deltas and together exist"
        ],
    );
    check_error(
        "# p\n<!-- stop: -->\n",
        &expect!["`a.claude.md` line 2: `stop:` needs a value"],
    );
    check_error(
        "# p\n<!-- deltas: many -->\n",
        &expect![
            "`a.claude.md` line 2: `deltas: many`: write a number, or a number `every` N `ms`"
        ],
    );
    check_error(
        "# p\n```str_replace a.txt\none\ntwo\n```\n",
        &expect![
            "`a.claude.md` line 2: `str_replace` needs a line `=======` between the old and the new text"
        ],
    );
    check_error(
        "# p\n```view\n```\n",
        &expect!["`a.claude.md` line 2: `view` needs a path after it"],
    );
    check_error(
        "# p\n```json block\n{\n  oops\n}\n```\n",
        &expect!["`a.claude.md` line 4: not JSON: key must be a string at line 2 column 3"],
    );
    check_error(
        "# p\n```json block\n[]\n```\n",
        &expect!["`a.claude.md` line 2: a block is an object with a `type`"],
    );
    check_error(
        "# p\n```python run\n```\n",
        &expect![
            "`a.claude.md` line 2: `python run`: write `python` to run it or `python show` to show it"
        ],
    );
    check_error(
        "# {{a}} and {{a}}\n",
        &expect![
            "`a.claude.md` line 1: `/^(?P<a>.*?) and (?P<a>.*?)$/` is not a regular expression: duplicate capture group name"
        ],
    );
}

#[test]
fn variables_are_inserted_once_and_unknown_names_stay() {
    let variables: Variables = [("a", "{{b}}"), ("b", "2"), ("c_1", "")]
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .into();
    assert_eq!(
        substitute(
            "{{a}} {{b}} {{{b}}} {{c_1}}| {{d}} {{ b }} {{1}} {{b",
            &variables
        ),
        "{{b}} 2 {2} | {{d}} {{ b }} {{1}} {{b"
    );
}

#[test]
fn the_first_runnable_fence_of_a_prompt() {
    let prompt = "Run this:\n\n```sql\nselect 1\n```\n```bash\necho hi\n```\n```python\n1\n```";
    assert_eq!(step_in_prompt(prompt), Some(Part::Bash("echo hi\n".into())));
    assert_eq!(
        step_in_prompt("```python repl\r\nx\r\n```"),
        Some(Part::Repl("x\n".into()))
    );
    assert_eq!(step_in_prompt("say `bash`"), None);
}

#[test]
fn the_scripts_beside_our_notebooks_parse() {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/notebooks");
    let mut turns = 0;
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.to_string_lossy().ends_with(".claude.md") {
            let source = std::fs::read_to_string(&path).unwrap();
            turns += script::parse(&path.to_string_lossy(), &source)
                .unwrap()
                .len();
        }
    }
    assert!(turns > 20, "{turns}");
}

proptest! {
    #[test]
    fn no_text_breaks_the_parser(source in "(?s)([#>`~{}<!:/|*=_a-z\\- \n]|<!-- |-->|```|\\PC){0,200}") {
        if let Ok(turns) = script::parse("f", &source) {
            let mut scripts = Scripts::default();
            scripts.add(turns);
            let _ = scripts.find(&source);
        }
        let _ = step_in_prompt(&source);
        let variables = Variables::new();
        prop_assert_eq!(substitute(&source, &variables), source);
    }

    #[test]
    fn prose_stays_verbatim(lines in prop::collection::vec("[a-z*_]{1,8}( [a-z`{}]{1,8}){0,4}", 1..6)) {
        let prose = lines.join("\n\n");
        let parts = parts(&format!("# p\n\n{prose}\n"));
        prop_assert_eq!(parts, vec![Part::Prose(prose)]);
    }
}
