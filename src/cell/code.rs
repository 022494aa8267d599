//! Whether a prompt is surely code, as people write it who expect a cell to run.
//!
//! Only hints depend on it, never decisions. If a prompt could be a sentence, it does not count as
//! code. Not a parser.

/// What a line looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looks {
    Code,
    Either,
    Prose,
}

/// The most lines looked at: a prompt may be a megabyte.
const MOST_LINES: usize = 50;
/// The longest line looked at, in bytes.
const LONGEST_LINE: usize = 400;
/// A command with more words than this behind it, none of them with a sign, reads as a sentence.
const MOST_PLAIN: usize = 2;

/// Commands that are no words of a sentence.
const COMMANDS: &[&str] = &[
    "apt", "apt-get", "awk", "cd", "chmod", "chown", "conda", "cp", "curl", "df", "du", "egrep",
    "git", "grep", "gunzip", "gzip", "ll", "ln", "ls", "lscpu", "mkdir", "mv", "nproc", "npm",
    "pip", "pip3", "printf", "ps", "pwd", "python3", "rm", "rmdir", "sed", "seq", "sudo", "tar",
    "tee", "uname", "unzip", "wc", "wget", "whoami", "xargs",
];
/// Commands that are also English words: they count only with a sign of code behind them.
const WORDS: &[&str] = &[
    "bash", "cat", "cut", "date", "diff", "echo", "env", "export", "file", "find", "free", "head",
    "kill", "less", "make", "more", "python", "set", "sleep", "sort", "source", "split", "tail",
    "test", "time", "top", "touch", "tr", "uniq", "which",
];
/// Words that no command has between its arguments.
const PROSE: &[&str] = &[
    "a", "all", "an", "and", "are", "by", "from", "how", "into", "is", "it", "me", "my", "of",
    "please", "that", "the", "this", "to", "what", "which", "with",
];
/// Words that may stand beside another in Python.
const KEYWORDS: &[&str] = &[
    "and", "as", "assert", "async", "await", "class", "def", "del", "elif", "else", "except",
    "for", "from", "global", "if", "import", "in", "is", "lambda", "nonlocal", "not", "or",
    "raise", "return", "while", "with", "yield",
];

/// Returns whether a prompt is surely shell commands.
pub(super) fn is_bash(prompt: &str) -> bool {
    is_code(prompt, bash_line)
}

/// Returns whether a prompt is surely Python.
pub(super) fn is_python(prompt: &str) -> bool {
    is_code(prompt, python_line)
}

/// The first line must be code, and none may be prose.
fn is_code(prompt: &str, look: fn(&str) -> Looks) -> bool {
    let lines = prompt.lines().take(MOST_LINES);
    let mut lines = lines.filter(|line| {
        let line = line.trim_start();
        !line.is_empty() && (!line.starts_with('#') || line.starts_with("#!"))
    });
    let looks = |line: &str| match line.len() > LONGEST_LINE {
        true => Looks::Either,
        false => look(line),
    };
    lines
        .next()
        .is_some_and(|first| looks(first) == Looks::Code)
        && lines.all(|line| looks(line) != Looks::Prose)
}

fn bash_line(line: &str) -> Looks {
    let bare = without_quoted(line);
    let words: Vec<&str> = bare.split_whitespace().collect();
    let Some((first, rest)) = words.split_first() else {
        return Looks::Either;
    };
    if first.starts_with("#!") {
        return Looks::Code;
    }
    let ends_sentence = bare
        .trim_end()
        .strip_suffix(['.', '?', '!', ':', ','])
        .is_some_and(|text| text.ends_with(char::is_alphanumeric));
    if ends_sentence || !bare.is_ascii() || rest.iter().any(|word| PROSE.contains(word)) {
        return Looks::Prose;
    }
    let plain = rest.iter().filter(|word| is_plain(word)).count();
    let has_sign = bare.contains(['|', '>', '<', '$', ';', '`'])
        || bare.contains("&&")
        || rest.iter().any(|word| is_flag(word))
        || (!rest.is_empty() && plain == 0);
    let starts_program = first.starts_with("./") || first.starts_with('/');
    let sets = first.split_once('=').is_some_and(|(name, _)| is_name(name));
    let is_code = if COMMANDS.contains(first) {
        has_sign || plain <= MOST_PLAIN
    } else if *first == "echo" {
        has_sign || line.contains(['"', '\'']) || (1..=MOST_PLAIN).contains(&plain)
    } else if WORDS.contains(first) {
        has_sign && plain <= MOST_PLAIN
    } else {
        (starts_program || sets) && plain == 0 || bare.contains("; do") || bare.contains("; then")
    };
    match is_code {
        true => Looks::Code,
        false => Looks::Either,
    }
}

fn python_line(line: &str) -> Looks {
    let bare = without_quoted(line);
    let bare = bare.split('#').next().unwrap_or_default();
    let words: Vec<&str> = bare
        .split(|c: char| c.is_whitespace())
        .filter(|word| !word.is_empty())
        .collect();
    let is_word = |word: &str| is_plain(word) && !KEYWORDS.contains(&word);
    let reads = words.windows(2).any(|pair| match pair {
        [one, other] => is_word(one) && !one.ends_with(',') && is_word(other),
        _ => false,
    });
    if reads || bare.trim_end().ends_with(['.', '?', '!']) {
        return Looks::Prose;
    }
    if bare.starts_with([' ', '\t']) {
        return Looks::Either;
    }
    let bare = bare.trim_end();
    let head = bare.split(['(', '[', '=', ' ']).next().unwrap_or_default();
    let after = bare.get(head.len()..).unwrap_or_default();
    let after = match after
        .strip_prefix('[')
        .and_then(|index| index.split_once(']'))
    {
        Some((_, after)) => after.trim_start(),
        None => after.trim_start(),
    };
    let is_path = head.split('.').all(is_name);
    let is_code = match words.as_slice() {
        ["import", ..] => bare.get("import".len()..).is_some_and(are_modules),
        ["from", module, "import", ..] => module.split('.').all(is_name),
        ["def" | "class" | "async", ..] => bare.ends_with(':'),
        ["for" | "while" | "if" | "with", ..] => bare.ends_with("):"),
        _ if head.starts_with('@') => head.get(1..).is_some_and(is_name),
        _ if !is_path => false,
        // A call, or an assignment.
        _ => {
            after.starts_with('(') && bare.ends_with(')') && !bare.contains(") ")
                || after.starts_with('=') && !after.starts_with("==") && after.len() > 1
        }
    };
    match is_code {
        true => Looks::Code,
        false => Looks::Either,
    }
}

/// `os, sys`, `numpy as np`.
fn are_modules(text: &str) -> bool {
    text.split(',').all(|module| {
        let mut words = module.split_whitespace();
        let is_path = words
            .next()
            .is_some_and(|path| path.split('.').all(is_name));
        is_path
            && match (words.next(), words.next(), words.next()) {
                (None, ..) => true,
                (Some("as"), Some(name), None) => is_name(name),
                _ => false,
            }
    })
}

/// Returns a line with nothing between its quotes.
fn without_quoted(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut quote = None;
    for c in line.chars() {
        match quote {
            None if matches!(c, '"' | '\'') => {
                quote = Some(c);
                out.push(c);
            }
            Some(open) if c == open => {
                quote = None;
                out.push(c);
            }
            None => out.push(c),
            Some(_) => {}
        }
    }
    out
}

/// A word of letters only.
fn is_plain(word: &str) -> bool {
    word.trim_end_matches(',').chars().all(char::is_alphabetic) && !word.is_empty()
}

fn is_flag(word: &str) -> bool {
    word.strip_prefix('-')
        .is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '-'))
}

fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_are_told_from_sentences() {
        for code in [
            "ls",
            "ls -la; df -h .",
            "pwd\nls",
            "#!/bin/bash\nset -e",
            "echo hello",
            "echo \"the end of it\"",
            "cat data.csv",
            "cat data.csv | head -n 3",
            "pip install pandas",
            "find . -name '*.csv'",
            "for f in *.csv; do wc -l $f; done",
            "X=1\necho $X",
            "./run.sh",
            "cd /tmp && ls",
            "sort -k2 data.csv",
            "# list\nls -l",
            "python script.py",
        ] {
            assert!(is_bash(code), "{code:?}");
        }
        for prose in [
            "",
            "hello",
            "list the files",
            "Compute the SHA-256 of \"hello\".",
            "ls is a command: what does it do?",
            "ls, please",
            "find the largest file in /usr",
            "find all primes below 100",
            "sort these by price: 3, 1, 2",
            "sort data.csv nach Preis",
            "date of the next eclipse",
            "cat facts please",
            "make a chart",
            "head over to the data and count rows",
            "echo what I say",
            "git history explained for a beginner",
            "ls\nExplain what this printed.",
            "time series of sales",
            "test whether x > y",
            "größe -l",
            "# Title\nWrite a summary.",
            "what does `ls -la` print",
        ] {
            assert!(!is_bash(prose), "{prose:?}");
        }
    }

    #[test]
    fn python_is_told_from_sentences() {
        for code in [
            "print(1)",
            "print('the end of it')",
            "import pandas as pd",
            "import os, sys\nprint(os.getcwd())",
            "from math import pi",
            "x = 1",
            "x = [i for i in range(3)]\nx",
            "df.groupby('a').mean()",
            "def f(x):\n    return x + 1",
            "for i in range(3):\n    print(i)",
            "@cache\ndef f():\n    pass",
            "# first\nx = 1 if y else 2",
            "data['a'] = 1",
        ] {
            assert!(is_python(code), "{code:?}");
        }
        for prose in [
            "",
            "hello",
            "import sales.csv and plot it",
            "import the data",
            "import the data, please",
            "Draw f(x) = x^2.",
            "first 50 primes",
            "for each region in the data: print a total",
            "x = number of primes below 100",
            "alpha = significance level",
            "if it rains (a lot):",
            "class sizes by school:",
            "plot(x) please",
            "print(1)\nWhat does this do?",
            "sum(1..10) and its square",
            "a == b",
            "numbers",
            "solve(x) (carefully)",
        ] {
            assert!(!is_python(prose), "{prose:?}");
        }
        assert!(!is_python(&"a ".repeat(1_000_000)));
    }
}
