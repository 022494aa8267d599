//! No reader of foreign text costs more than in proportion to its length (S1).
//!
//! Each is fed the beginnings of everything that it looks for, again and again: a reader that looks
//! for an end from each beginning does so to the end of the text, each time. What is measured is the
//! processor time of the thread, so other work of the machine does not count; what looks bad once is
//! measured again before it counts.

use nix::time::{ClockId, clock_gettime};

use crate::support::eaters::{self, Eater};

/// From here on the text is four times as long at each step.
const FIRST_BYTES: usize = 8 * 1024;
const LAST_BYTES: usize = 128 * 1024;
/// A time that can be told from noise, in seconds.
const TELLING: f64 = 0.006;
/// How much longer four times as much text may take. In proportion it is 4, squared it is 16.
const MOST: f64 = 9.0;

/// So many of the units are tried with every reader.
const ALWAYS: usize = 7;

/// What patterns begin with, and what goes on without ending them.
const UNITS: &[&str] = &[
    "sk-ant-",
    "sk-ant-abcd ",
    "ghp_",
    "AKIA",
    "-----BEGIN ",
    "-----BEGIN A PRIVATE KEY-----",
    "-----BEGIN A PRIVATE KEY-----AAAA\n",
    "@word ",
    "@\"",
    "@'",
    " @a/b.c",
    "`",
    "``` ",
    "` `` ",
    "\n```",
    "\n~~~ ",
    "```python\n",
    "[",
    "]",
    "](",
    "![",
    "[a](",
    "[a](<",
    "[a][",
    "[a]: b\n",
    "[^a]: ",
    "- [ ] ",
    "<",
    "<a ",
    "<a href=\"",
    "</a",
    "<!--",
    "<![CDATA[",
    "<?",
    "<!A ",
    "<details>",
    "<http://",
    "http://a ",
    "www.a.b ",
    "a@b.c ",
    "$",
    "$$",
    "$a ",
    "\\(",
    "\\[",
    "\\begin{a}",
    "*",
    "**a",
    "*a_",
    "_a ",
    "~~",
    "~a",
    "> ",
    ">",
    "- ",
    "- a\n  ",
    "1. ",
    "\n    ",
    "\t",
    "|",
    "| a ",
    "a|b\n-|-\n",
    "|-",
    "# ",
    "a\n=\n",
    "a\n-\n",
    "&",
    "&#",
    "&amp",
    "{{",
    "{{a",
    "{{a.b[0]",
    "{{ a }}",
    "}}",
    "{",
    "}",
    "[{",
    "{\"a\":",
    "{\"a\":\"",
    "\"",
    "\"\"",
    "\"a\",",
    "\\",
    "\\\"",
    "\\u",
    "\\ud83d",
    "\u{1b}[",
    "\u{1b}[31m",
    "\u{1b}]0;",
    "\u{1b}]8;;",
    "\u{1b}P",
    "\u{8}",
    "a\u{8}",
    "a\r",
    "\r\n",
    "\n",
    "\n\n",
    " ",
    " \n",
    "%",
    "%%",
    "%a ",
    "\n%a ",
    "\n%system ",
    "\n%%json r {",
    "\n\\%",
    "?",
    "!",
    "/",
    "data: ",
    "data: {\n",
    "event: a\n",
    ":",
    ":\n",
    ";",
    ",",
    "a,b\n",
    "a,\"",
    "a;b\n",
    "é",
    "\u{200b}",
    "\u{202e}",
    "😀",
    "e\u{301}",
    "x = ",
    "\nx = 1",
    "# a\n",
    ".",
    "1e",
    "1.",
    "0",
    "a",
    "a ",
    "a-",
    "name: a\n",
    "(",
    ")",
    "{a",
    "[a ",
    "os error ",
    " (os error 2)",
    "# Prompt\n\n",
    "\n## ",
    "|:-|",
    "\\\n",
    "\0",
    "null,",
    "[[",
    "{}\n",
    "=",
    "' ",
];

/// An opening `n` times, then what would close it as often.
const PAIRS: &[(&str, &str)] = &[
    ("[", "]"),
    ("(", ")"),
    ("{", "}"),
    ("[", "](a)"),
    ("<a>", "</a>"),
    ("*a", "a*"),
    ("> ", "\n"),
    ("`", " `"),
    ("{{", "}}"),
    ("[{\"a\":", "}]"),
    ("sk-ant-", " "),
    ("<!--", "-->"),
    ("$", " $"),
];

fn seconds(eater: &Eater, text: &str) -> f64 {
    let now = || {
        let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
        time.tv_sec() as f64 + time.tv_nsec() as f64 / 1e9
    };
    let start = now();
    (eater.eat)(text);
    now() - start
}

/// The least of several, once it matters.
fn again(eater: &Eater, text: &str) -> f64 {
    (0..4)
        .map(|_| seconds(eater, text))
        .fold(f64::MAX, f64::min)
}

/// How much more than in proportion it costs, if it does.
fn excess(eater: &Eater, make: &dyn Fn(usize) -> String) -> Option<String> {
    let mut bytes = FIRST_BYTES;
    let mut before = seconds(eater, &make(bytes));
    while bytes < LAST_BYTES {
        bytes *= 4;
        let text = make(bytes);
        let took = seconds(eater, &text);
        if took > TELLING && took > MOST * before {
            let (less, more) = (again(eater, &make(bytes / 4)), again(eater, &text));
            if more > MOST * less {
                return Some(format!(
                    "{:.1} ms, then {:.1} ms for {bytes} bytes",
                    less * 1e3,
                    more * 1e3
                ));
            }
        }
        if took > TELLING {
            break;
        }
        before = took;
    }
    None
}

/// `one_of`: whether every unit is tried with every reader, or each reader tries one of so many.
fn check(eaters: &[Eater], one_of: usize) {
    let one_of = match std::env::var_os("CLAUDE_KERNEL_TEST_SOAK") {
        Some(_) => 1,
        None => one_of,
    };
    let mut bad = Vec::new();
    for (number, eater) in eaters.iter().enumerate() {
        let (always, sometimes) = UNITS.split_at(ALWAYS);
        let sometimes = sometimes.iter().skip(number % one_of).step_by(one_of);
        for unit in always.iter().chain(sometimes) {
            let make = |bytes: usize| unit.repeat(bytes / unit.len());
            if let Some(excess) = excess(eater, &make) {
                bad.push(format!("{}: {unit:?} repeated: {excess}", eater.name));
            }
        }
        for (open, close) in PAIRS {
            let make = |bytes: usize| {
                let times = bytes / (open.len() + close.len());
                open.repeat(times) + &close.repeat(times)
            };
            if let Some(excess) = excess(eater, &make) {
                bad.push(format!("{}: {open:?} {close:?}: {excess}", eater.name));
            }
        }
    }
    assert!(
        bad.is_empty(),
        "more than in proportion:\n{}",
        bad.join("\n")
    );
}

#[test]
fn what_cells_are_read_with_costs_no_more_than_in_proportion() {
    check(eaters::CELLS, 3);
}

#[test]
fn what_answers_are_read_with_costs_no_more_than_in_proportion() {
    let (first, rest) = eaters::ANSWERS.split_at(eaters::ANSWERS.len() / 2);
    std::thread::scope(|scope| {
        scope.spawn(|| check(first, 8));
        check(rest, 8);
    });
}

#[test]
fn what_files_are_read_with_costs_no_more_than_in_proportion() {
    check(eaters::FILES, 3);
}
