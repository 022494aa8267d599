//! Sets aside the arguments that launchers add for kernels of other kinds. Pure.

use std::ffi::{OsStr, OsString};

use clap::{Arg, ArgAction, Command};

/// Puts the arguments that are not in `known` after a `--`, which keeps them apart. Without this,
/// such an argument would be an error, or would take the flag after it as its value.
pub(super) fn set_aside(
    known: &Command,
    arguments: impl IntoIterator<Item = OsString>,
) -> Vec<OsString> {
    let mut arguments = arguments.into_iter();
    let (mut ours, mut others) = (Vec::new(), Vec::new());
    while let Some(argument) = arguments.next() {
        if argument == "--" {
            others.extend(arguments.by_ref());
            break;
        }
        match flag(known, &argument) {
            Flag::Whole => ours.push(argument),
            Flag::WithNext => {
                ours.push(argument);
                ours.extend(arguments.next());
            }
            Flag::Unknown => others.push(argument),
        }
    }
    ours.push("--".into());
    ours.extend(others);
    ours
}

/// What kind of argument something is.
enum Flag {
    /// A flag, with its value if it has one.
    Whole,
    /// A flag whose value is the next argument.
    WithNext,
    /// An argument that we do not know.
    Unknown,
}

fn flag(known: &Command, argument: &OsStr) -> Flag {
    // In our flags, all bytes before the value are text.
    let text = argument.to_string_lossy();
    let found = |is_it: &dyn Fn(&Arg) -> bool| known.get_arguments().find(|arg| is_it(arg));
    let takes_next = |arg: &Arg| match arg.get_action() {
        ArgAction::Set | ArgAction::Append => Flag::WithNext,
        _ => Flag::Whole,
    };
    if let Some(long) = text.strip_prefix("--") {
        let (name, has_value) = match long.split_once('=') {
            Some((name, _)) => (name, true),
            None => (long, false),
        };
        return match found(&|arg| arg.get_long() == Some(name)) {
            Some(_) if has_value => Flag::Whole,
            Some(arg) => takes_next(arg),
            None if name == "help" && !has_value => Flag::Whole,
            None => Flag::Unknown,
        };
    }
    let mut letters = text.chars();
    match (letters.next(), letters.next()) {
        (Some('-'), Some(letter)) => match found(&|arg| arg.get_short() == Some(letter)) {
            Some(_) if letters.next().is_some() => Flag::Whole,
            Some(arg) => takes_next(arg),
            None if text == "-h" => Flag::Whole,
            None => Flag::Unknown,
        },
        _ => Flag::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use clap::Args as _;

    use super::*;

    #[track_caller]
    fn check(arguments: &str, expected: &str) {
        let known = super::super::Args::augment_args(Command::new("run"));
        let set = set_aside(&known, arguments.split(' ').map(OsString::from));
        let set: Vec<&str> = set.iter().map(|word| word.to_str().unwrap()).collect();
        assert_eq!(set.join(" "), expected);
    }

    #[test]
    fn what_is_not_ours_stands_apart() {
        check("-f FILE --offline", "-f FILE --offline --");
        check("-f FILE p.txt --offline", "-f FILE --offline -- p.txt");
        check("--debug -d -f FILE", "-f FILE -- --debug -d");
        check("--x=1 -fFILE --python=P", "-fFILE --python=P -- --x=1");
        check("--python P --y Q -f -f", "--python P -f -f -- --y Q");
        check("-f FILE -- --offline", "-f FILE -- --offline");
        check("--help -h --helpful", "--help -h -- --helpful");
        check("--offline=no --ofline", "--offline=no -- --ofline");
        check("- -f", "-f -- -");
    }
}
