//! The errors for a name that is no magic, and for `!command`.

use super::call::{MagicCall, MagicError};
use super::magic::{Context, Magic};
use super::nearest::{nearest, quoted};

/// Names people try that will never be magics: the clause after the name, and what to do.
const RETIRED: &[(&[&str], &str, &str)] = &[
    (
        &["temperature", "top_p", "top_k", "top-p", "top-k"],
        "the API takes no sampling settings any more",
        "Say in the prompt how varied or how strict the answer should be; `%effort` sets how hard Claude works.",
    ),
    (
        &[
            "key", "api_key", "api-key", "apikey", "token", "login", "auth",
        ],
        "keys are never magic arguments, because a cell is saved with the notebook",
        "`%help keys` says where keys belong.",
    ),
    (
        &["pip", "conda", "mamba", "uv", "apt"],
        "Claude's sandbox has no internet, so nothing can be installed there",
        "`%help limits` lists what is installed.",
    ),
    (
        &[
            "sh", "zsh", "script", "sx", "ls", "ll", "cd", "pwd", "cat", "mkdir", "run",
        ],
        "it belongs to IPython, and this kernel runs no code on this machine",
        "Say in words what you want done, or have commands run as they stand in Claude's sandbox: put them below `%%exec bash`.",
    ),
    (
        &[
            "matplotlib",
            "time",
            "timeit",
            "prun",
            "capture",
            "load_ext",
            "autoreload",
            "env",
            "who",
            "whos",
            "writefile",
            "debug",
            "pdb",
            "html",
            "javascript",
            "latex",
            "sql",
        ],
        "it belongs to IPython, and this kernel runs no code on this machine",
        "Say in words what you want done; Claude runs it in its sandbox. `%lsmagic` lists the magics here.",
    ),
];

/// Programs that install others.
const INSTALLERS: &[&str] = &[
    "pip", "pip3", "conda", "mamba", "uv", "apt", "apt-get", "npm",
];
/// How many words of a call are looked at.
const MOST_WORDS: usize = 16;
/// Makes the error for an unknown name.
pub(super) fn magic(name: &str, context: &Context<'_>) -> MagicError {
    let lower = name.to_ascii_lowercase();
    if let Some((_, why, hint)) = RETIRED
        .iter()
        .find(|(names, _, _)| names.contains(&lower.as_str()))
    {
        return MagicError::new(format!("there is no magic `%{name}`: {why}"), *hint);
    }
    let near = nearest(&lower, context.magics.iter().map(|magic| magic.name));
    let hint = match quoted(&near, "%") {
        Some(names) => {
            format!("Did you mean {names}? To send the line as text, begin it with `\\%`.")
        }
        None => {
            "`%lsmagic` lists the magics. To send the line as text, begin it with `\\%`.".to_owned()
        }
    };
    MagicError::new(format!("there is no magic `%{name}`"), hint)
}

/// Makes the error for `!command`.
pub(super) fn shell(command: &str) -> MagicError {
    let program = command.split_whitespace().next().unwrap_or_default();
    let hint = if INSTALLERS.contains(&program) {
        "Nothing can be installed in Claude's sandbox, which has no internet: `%packages` lists what it has, \
         `%packages NAME` says what serves instead."
    } else {
        "Put it below `%%exec bash` to have it run in Claude's sandbox. To send the line as text, begin it with `\\!`."
    };
    MagicError::new(
        format!("`!{command}` was not run: no cell runs commands on this machine"),
        hint,
    )
}

/// Adds the value that was meant, where an error quotes a word that is nearly one the magic takes.
pub(super) fn with_meant(
    mut error: MagicError,
    magic: &Magic,
    call: &MagicCall,
    context: &Context<'_>,
) -> MagicError {
    const LEAD: &str = "Did you mean";
    if error.hint.contains(LEAD) {
        return error;
    }
    let words = call.args.split([' ', '\t', ',']);
    let words: Vec<&str> = words
        .filter(|word| !word.is_empty())
        .take(MOST_WORDS)
        .collect();
    let message = error.message.to_lowercase();
    for (at, word) in words.iter().enumerate() {
        let word = word.to_lowercase();
        let word = word.as_str();
        // Of `name=value` only the name is one of a list.
        let typed = word.split_once('=').map_or(word, |(name, _)| name);
        let is_quoted = [word, typed].iter().any(|word| {
            let quotes = [format!("`{word}`"), format!("`{word}=`")];
            quotes.iter().any(|quote| message.contains(quote))
        });
        if !is_quoted {
            continue;
        }
        let known = (magic.values)(context, words.get(..at).unwrap_or_default());
        let names: Vec<&str> = known
            .iter()
            .map(|known| known.text.split('=').next().unwrap_or_default())
            .collect();
        // What is on the list is wrong for another reason.
        if names.contains(&typed) {
            continue;
        }
        let near = nearest(typed, names);
        if let Some(meant) = quoted(&near, "") {
            error.hint = format!("{LEAD} {meant}? {}", error.hint);
            return error;
        }
    }
    error
}
