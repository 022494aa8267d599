//! Recognises Python that comes wrapped in a shell command: a heredoc, `-c`, a file just written
//! and then run.
//!
//! Not a shell parser. When in doubt the command is shown as it is: a wrong guess would show code
//! that did not run. Invariant: the returned Python is a piece of the command, or a whole file
//! written earlier in the turn, unchanged.

use std::collections::HashMap;
use std::sync::LazyLock;

use regex::Regex;

static HEREDOC: LazyLock<Option<Regex>> = LazyLock::new(|| {
    // The first line of a heredoc: what feeds on it, the quoted delimiter, what follows.
    Regex::new(r#"^(?P<before>.*?)<<(?P<dash>-?)[ \t]*(?:'(?P<single>\w+)'|"(?P<double>\w+)"|(?P<bare>\w+))(?P<after>.*)$"#).ok()
});
static PYTHON_STDIN: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:^|&&|;|\|\||[ \t(])[ \t]*(?:/\S*/)?python3?(?:\.\d+)?(?:[ \t]+-[uBEIsSOq]+)*(?:[ \t]+-)?(?:[ \t]+[^-|;&<>\s]\S*)*[ \t]*$").ok()
});
static CAT_TO: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r#"^(?:.*(?:&&|;)[ \t]*)?cat[ \t]*>[ \t]*['"]?(?P<path>[^\s'"<>|;&$`]+\.py)['"]?[ \t]*$"#,
    )
    .ok()
});
static RUN_FILE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"(?:^|&&|;|\|\||[\n \t(])[ \t]*(?:/\S*/)?python3?(?:\.\d+)?(?:[ \t]+-[uBEIsSOq]+)*[ \t]+['"]?(?P<path>[^\s'"<>|;&$`()]+\.py)['"]?(?:[ \t\n;&|)<>]|$)"#).ok()
});
static DASH_C: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(
        r"(?:^|&&|;|\|\||[\n \t(])[ \t]*(?:/\S*/)?python3?(?:\.\d+)?(?:[ \t]+-[uBEIsSOq]+)*[ \t]+-c[ \t]+",
    )
    .ok()
});

/// Python found in a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wrapped {
    /// The Python that ran.
    pub(crate) python: String,
    /// The command with an ellipsis for the Python, when there is more to it than the wrapping.
    pub(crate) shell: Option<String>,
}

/// Python files written earlier in the turn, by path.
#[derive(Debug, Default)]
pub(crate) struct Scripts(HashMap<String, String>);

impl Scripts {
    /// Notes that a file now holds `text`.
    pub(crate) fn wrote(&mut self, path: &str, text: &str) {
        if is_python_path(path) {
            self.0.insert(normal(path).to_owned(), text.to_owned());
        }
    }

    /// Notes that a file was changed in a way not followed here.
    pub(crate) fn changed(&mut self, path: &str) {
        self.0.remove(normal(path));
    }

    /// Finds the one file a command's path can mean: the same path, or the same name when one of
    /// the two is relative.
    fn find(&self, path: &str) -> Option<&str> {
        let path = normal(path);
        if let Some(text) = self.0.get(path) {
            return Some(text);
        }
        let mut same_end = self.0.iter().filter(|(known, _)| {
            (!path.starts_with('/') && ends_with_path(known, path))
                || (!known.starts_with('/') && ends_with_path(path, known))
        });
        let found = same_end.next().map(|(_, text)| text.as_str());
        found.filter(|_| same_end.next().is_none())
    }
}

fn normal(path: &str) -> &str {
    path.strip_prefix("./").unwrap_or(path)
}

fn ends_with_path(path: &str, end: &str) -> bool {
    path.strip_suffix(end)
        .is_some_and(|rest| rest.ends_with('/'))
}

fn is_python_path(path: &str) -> bool {
    path.len() > 3 && path.ends_with(".py")
}

/// Returns the Python a command runs, if that is beyond doubt. Notes files it writes in `scripts`.
pub(crate) fn unwrap(command: &str, scripts: &mut Scripts) -> Option<Wrapped> {
    match command.matches("<<").count() {
        0 => dash_c(command).or_else(|| written_before(command, scripts)),
        1 => heredoc(command, scripts),
        _ => None,
    }
}

fn heredoc(command: &str, scripts: &mut Scripts) -> Option<Wrapped> {
    let mut start = 0;
    let (line, body_start) = loop {
        let rest = command.get(start..)?;
        let end = start + rest.find('\n')?;
        let line = command.get(start..end)?;
        if line.contains("<<") {
            break (line, end + 1);
        }
        start = end + 1;
    };
    let found = HEREDOC.as_ref()?.captures(line)?;
    let group = |name: &str| found.name(name).map(|group| group.as_str());
    let quoted = group("single").or_else(|| group("double"));
    let delimiter = quoted.or_else(|| group("bare"))?;
    let (before, after) = (group("before")?, group("after")?);
    if group("dash") == Some("-") || before.contains(['\'', '"', '#']) {
        return None;
    }
    let mut body_end = body_start;
    let mut rest_start = None;
    for line in command.get(body_start..)?.split_inclusive('\n') {
        if line.trim_end_matches('\n') == delimiter {
            rest_start = Some(body_end + line.len());
            break;
        }
        body_end += line.len();
    }
    let body = command.get(body_start..body_end)?;
    let rest = command.get(rest_start?..)?;
    // The shell changes the body of a heredoc whose delimiter is not quoted.
    if quoted.is_none() && body.contains(['$', '`', '\\']) {
        return None;
    }
    let shell = format!("{}…\n{delimiter}\n{rest}", command.get(..body_start)?);
    if PYTHON_STDIN.as_ref()?.is_match(before) {
        let bare = command.get(..start)?.trim().is_empty()
            && before.trim_start().starts_with("python")
            && after.trim().is_empty()
            && rest.trim().is_empty();
        return Some(Wrapped {
            python: body.to_owned(),
            shell: (!bare).then_some(shell),
        });
    }
    let path = CAT_TO.as_ref()?.captures(before)?.name("path")?.as_str();
    scripts.wrote(path, body);
    let runs = format!("{after}\n{rest}");
    let ran = RUN_FILE.as_ref()?.captures(&runs)?.name("path")?.as_str();
    (normal(ran) == normal(path) || ends_with_path(ran, path) || ends_with_path(path, ran)).then(
        || Wrapped {
            python: body.to_owned(),
            shell: Some(shell),
        },
    )
}

fn dash_c(command: &str) -> Option<Wrapped> {
    let mut calls = DASH_C.as_ref()?.find_iter(command);
    let call = calls.next()?;
    if calls.next().is_some() {
        return None;
    }
    let head = command.get(..call.start())?;
    if head.contains(['\'', '"', '#']) {
        return None;
    }
    let quoted = command.get(call.end()..)?;
    let (python, used) = if let Some(inner) = quoted.strip_prefix('\'') {
        let end = inner.find('\'')?;
        (inner.get(..end)?.to_owned(), end + 2)
    } else {
        let inner = quoted.strip_prefix('"')?;
        let end = inner.find('"')?;
        let python = inner.get(..end)?;
        // The shell would change these.
        if python.contains(['$', '`', '\\', '!']) {
            return None;
        }
        (python.to_owned(), end + 2)
    };
    let rest = quoted.get(used..)?;
    if !(rest.is_empty() || rest.starts_with([' ', '\n', '\t', ';', '|', '&', ')', '>'])) {
        return None;
    }
    let bare = head.trim().is_empty()
        && rest.trim().is_empty()
        && call.as_str().trim_start().starts_with("python");
    let shell = format!("{head}{}'…'{rest}", call.as_str());
    Some(Wrapped {
        python,
        shell: (!bare).then_some(shell),
    })
}

fn written_before(command: &str, scripts: &Scripts) -> Option<Wrapped> {
    let mut runs = RUN_FILE.as_ref()?.captures_iter(command);
    let path = runs.next()?.name("path")?.as_str();
    if runs.next().is_some() {
        return None;
    }
    Some(Wrapped {
        python: scripts.find(path)?.to_owned(),
        shell: Some(command.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(command: &str, python: &str, shell: Option<&str>) {
        let found = unwrap(command, &mut Scripts::default());
        assert_eq!(
            found,
            Some(Wrapped {
                python: python.to_owned(),
                shell: shell.map(str::to_owned)
            }),
            "{command}"
        );
    }

    #[track_caller]
    fn check_shell(command: &str) {
        assert_eq!(unwrap(command, &mut Scripts::default()), None, "{command}");
    }

    #[test]
    fn heredocs() {
        check("python3 - <<'EOF'\nprint(1)\nEOF\n", "print(1)\n", None);
        check("python <<\"PY\"\nx = '$y'\nPY", "x = '$y'\n", None);
        check("python3 << EOF\nprint(1)\nEOF", "print(1)\n", None);
        check(
            "cd /tmp && python3 - <<'EOF' | tee log\nprint(1)\nEOF\nls -l",
            "print(1)\n",
            Some("cd /tmp && python3 - <<'EOF' | tee log\n…\nEOF\nls -l"),
        );
        check(
            "set -e\npython3 -u - a b <<'E'\npass\nE\n",
            "pass\n",
            Some("set -e\npython3 -u - a b <<'E'\n…\nE\n"),
        );
    }

    #[test]
    fn a_file_written_and_run() {
        check(
            "cat > /tmp/a.py <<'EOF'\nprint(1)\nEOF\npython3 /tmp/a.py",
            "print(1)\n",
            Some("cat > /tmp/a.py <<'EOF'\n…\nEOF\npython3 /tmp/a.py"),
        );
        check(
            "cat > a.py << 'EOF' && python a.py\nprint(1)\nEOF\n",
            "print(1)\n",
            Some("cat > a.py << 'EOF' && python a.py\n…\nEOF\n"),
        );
        let mut scripts = Scripts::default();
        scripts.wrote("/work/plot.py", "plot()\n");
        let found = unwrap("cd /work && python3 plot.py", &mut scripts).unwrap();
        assert_eq!(found.python, "plot()\n");
        assert_eq!(found.shell.unwrap(), "cd /work && python3 plot.py");
        scripts.wrote("/other/plot.py", "other()\n");
        assert_eq!(unwrap("python3 plot.py", &mut scripts), None);
        scripts.changed("/other/plot.py");
        assert!(unwrap("python3 plot.py", &mut scripts).is_some());
        scripts.changed("/work/plot.py");
        assert_eq!(unwrap("python3 plot.py", &mut scripts), None);
    }

    #[test]
    fn dash_c_strings() {
        check("python3 -c 'print(1)'", "print(1)", None);
        check("python -c \"print(1)\"", "print(1)", None);
        check(
            "cd /x && python3 -c 'print(1)' | head",
            "print(1)",
            Some("cd /x && python3 -c '…' | head"),
        );
    }

    #[test]
    fn when_in_doubt_it_is_shell() {
        check_shell("ls -l");
        check_shell("python3 --version");
        check_shell("echo python3 script.py");
        check_shell("python3 -c \"print('$HOME')\"");
        check_shell("python3 -c 'print('\\''a'\\'')'");
        check_shell("python3 - <<EOF\nprint('$HOME')\nEOF");
        check_shell("cat <<'EOF'\npython\nEOF");
        check_shell("cat > a.py <<'EOF'\nprint(1)\nEOF");
        check_shell("python3 - <<'A' && cat <<'B'\nA\nB\n");
        check_shell("python3 - <<'EOF'\nno end");
        check_shell("echo \"python3 - <<'EOF'\"\nx\nEOF");
        check_shell("python3 -c 'a' && python3 -c 'b'");
        check_shell("");
        check_shell("<<");
    }
}
