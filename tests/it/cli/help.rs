//! `--help` of every command, at several widths: no line is broken before it must be.

use super::Machine;

const COMMANDS: [&str; 14] = [
    "",
    "install",
    "uninstall",
    "list",
    "emulate",
    "run",
    "cost",
    "export",
    "check",
    "verify",
    "scrub",
    "record",
    "conversations",
    "doctor",
];

/// Whether a line is prose that fills its width: neither a heading nor code nor a list of options.
fn is_prose(line: &str) -> bool {
    !line.is_empty() && !line.starts_with(' ') && !line.ends_with(':')
}

#[test]
fn u14_help_is_wrapped_once() {
    for columns in [60, 80, 100] {
        let mut machine = Machine::new();
        machine.set("COLUMNS", columns.to_string());
        for command in COMMANDS {
            let arguments: Vec<&str> = command.split_whitespace().chain(["--help"]).collect();
            let ran = machine.run(&arguments);
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            let lines: Vec<&str> = ran.stdout.lines().collect();
            for pair in lines.windows(2) {
                let [line, next] = pair else { continue };
                if columns == 80 {
                    assert!(line.chars().count() <= 80, "{command}: {line}");
                }
                if !is_prose(line) || !is_prose(next) {
                    continue;
                }
                let word = next.split_whitespace().next().unwrap();
                let room = columns - line.chars().count().min(columns);
                assert!(
                    room <= word.chars().count(),
                    "{command} at {columns}: {line:?} is broken before {word:?}"
                );
            }
        }
    }
}
