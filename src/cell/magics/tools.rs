//! `%tools`: what Claude may use, down to the dated type on the wire.

use super::arguments::put;
use super::own_tools;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::{Part, Shown, with_origin};
use crate::chat::params;
use crate::chat::settings::{CODE_EXECUTION, Languages, Settings};
use crate::chat::tool_types::{TOOL_TYPES, ToolType, is_dated, tool_name, tool_type};
use crate::chat::web::Web;

pub(super) const TOOLS: Magic = Magic {
    name: "tools",
    aliases: &[],
    usage: "[NAME…|TYPE…|none|default]",
    form: Form::Setting,
    group: Group::Abilities,
    summary: "which tools Claude may use; alone: what is on, with types and betas",
    details: "Names choose tools: bash, python, web, fetch; `none` is no tool, `default` what the kernel starts with. \
A dated type, such as `code_execution_20250825`, is sent exactly as written, with the beta header it needs, and \
replaces the default; `%%dry` shows the request. The newer types of the web are called directly, so that what they \
find can be read and there is one sandbox.",
    examples: &[
        ("%tools", "show"),
        ("%tools none", "from here on"),
        ("%%tools code_execution_20250825", "this cell only"),
    ],
    values,
    now,
    apply,
};

/// What `web` and `fetch` switch on.
const NO_WEB: Web = Web {
    max_uses: None,
    allow: Vec::new(),
    block: Vec::new(),
    search: false,
    fetch: false,
};

/// Tools that would run on this machine, or need more than a type.
const REFUSED: &[(&str, &str)] = &[
    ("bash", "it would run on this machine"),
    ("text_editor", "it would run on this machine"),
    ("memory", "it would run on this machine"),
    ("computer_toolset", "it would run on this machine"),
    ("browser_toolset", "it would run on this machine"),
    ("advisor", "it needs more than a type"),
];

fn values(_: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    if before.is_empty() {
        let mut all = Candidate::list(
            "value",
            ["bash", "python", "web", "fetch", "none", "default"],
        );
        all.extend(Candidate::list(
            "tool",
            TOOL_TYPES.iter().map(|tool| tool.id),
        ));
        return all;
    }
    let mut more = Candidate::list("value", ["bash", "python", "web", "fetch"]);
    more.extend(Candidate::list(
        "tool",
        TOOL_TYPES.iter().map(|tool| tool.id),
    ));
    more.retain(|candidate| !before.contains(&candidate.text.as_str()));
    more
}

fn now(context: &Context<'_>) -> Option<String> {
    let types = sent(context);
    Some(if types.is_empty() {
        "none".to_owned()
    } else {
        types.join(", ")
    })
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let words: Vec<String> = call
        .args
        .split([' ', '\t', ','])
        .filter(|word| !word.is_empty())
        .map(str::to_ascii_lowercase)
        .collect();
    let mut settings = context.settings.clone();
    match words.as_slice() {
        [] => return Ok(vec![show(context)]),
        [only] if only == "none" || only == "default" => {
            let on = only == "default";
            settings.languages = Languages {
                bash: on,
                python: on,
            };
            settings.dated_tools.clear();
            settings.web = None;
            return Ok(vec![put(settings)]);
        }
        _ => {}
    }
    let warnings = choose(&words, &mut settings)?;
    let mut effects = vec![put(settings)];
    effects.extend(warnings.into_iter().map(Effect::Warn));
    Ok(effects)
}

/// Sets languages and dated types from words; returns what to warn of.
fn choose(words: &[String], settings: &mut Settings) -> Result<Vec<String>, MagicError> {
    let mut languages = Languages {
        bash: false,
        python: false,
    };
    let mut types: Vec<String> = Vec::new();
    let mut web: Option<Web> = None;
    let mut warnings = Vec::new();
    for word in words {
        let id = match word.as_str() {
            "bash" => {
                languages.bash = true;
                continue;
            }
            "python" => {
                languages.python = true;
                continue;
            }
            "web" => {
                web.get_or_insert(NO_WEB).search = true;
                continue;
            }
            "fetch" => {
                web.get_or_insert(NO_WEB).fetch = true;
                continue;
            }
            "none" | "default" => {
                return Err(MagicError::new(
                    format!("`%tools` takes `{word}` alone, not beside other words"),
                    "Name the tools you want and leave the word out.",
                ));
            }
            dated => dated,
        };
        check_type(id)?;
        let name = tool_name(id);
        if let Some(other) = types.iter().find(|other| tool_name(other) == name) {
            if other == id {
                continue;
            }
            return Err(MagicError::new(
                format!("`{other}` and `{id}` are both named `{name}` and cannot be sent together"),
                "Choose one of them.",
            ));
        }
        if tool_type(id).is_none() {
            warnings.push(format!(
                "`{id}` is not a type this kernel knows: it is sent as it is, named `{name}`"
            ));
        }
        types.push(id.to_owned());
    }
    let code = types.iter().any(|id| tool_name(id) == "code_execution");
    if code && !languages.bash && !languages.python {
        languages = Languages {
            bash: true,
            python: true,
        };
    }
    if !types.is_empty() && !code && (languages.bash || languages.python) {
        types.insert(0, CODE_EXECUTION.to_owned());
    }
    // The domains and the number of uses that `%web` set stay.
    settings.web = match (web, settings.web.take()) {
        (Some(web), Some(known)) => Some(Web {
            search: web.search,
            fetch: web.fetch,
            ..known
        }),
        (web, _) => web,
    };
    settings.languages = languages;
    settings.dated_tools = types;
    Ok(warnings)
}

fn check_type(id: &str) -> Result<(), MagicError> {
    if !is_dated(id) {
        return Err(MagicError::new(
            format!("`%tools` does not know `{id}`"),
            format!(
                "It takes bash, python, web, fetch, none, default, or a dated type such as `{CODE_EXECUTION}`."
            ),
        ));
    }
    match REFUSED.iter().find(|(name, _)| *name == tool_name(id)) {
        Some((_, why)) => Err(MagicError::new(
            format!("`{id}` is not sent: {why}"),
            "`%tools bash` gives Claude a shell in its own sandbox. `%tools` lists the types.",
        )),
        None => Ok(()),
    }
}

/// The types that would be sent, in order.
fn sent(context: &Context<'_>) -> Vec<String> {
    let entries = params::tools(context.settings, context.models);
    let types = entries
        .iter()
        .filter_map(|entry| entry.get("type")?.as_str());
    types.map(str::to_owned).collect()
}

fn show(context: &Context<'_>) -> Effect {
    let on = sent(context);
    let unknown = on.iter().filter(|id| tool_type(id).is_none());
    let rows: Vec<Vec<Part>> = TOOL_TYPES
        .iter()
        .map(|tool| row(tool, on.iter().any(|id| id == tool.id)))
        .chain(unknown.map(|id| {
            vec![
                Part::ours("on"),
                Part::code(id),
                Part::code(tool_name(id)),
                Part::ours("-"),
                Part::ours("not known here; sent as it is"),
            ]
        }))
        .collect();
    let languages = context.settings.languages.describe();
    let betas = context.settings.all_betas(context.models);
    let betas = if betas.is_empty() {
        Part::ours("none")
    } else {
        Part::code(&betas.join(","))
    };
    Shown::default()
        .line(
            "tools",
            &Part::text(&with_origin(
                &["tools"],
                &now(context).unwrap_or_default(),
                context,
            )),
        )
        .line("languages", &Part::ours(languages))
        .line("own tools", &own(context))
        .line("anthropic-beta", &betas)
        .table(&["", "type", "name", "beta", "what"], &rows)
        .effect()
}

/// The person's own tools, which are sent beside the API's.
fn own(context: &Context<'_>) -> Part {
    let names = own_tools::names(context);
    let Some((first, others)) = names.split_first() else {
        return Part::ours("none");
    };
    others.iter().fold(Part::code(first), |all, name| {
        all.then(&Part::ours(", ")).then(&Part::code(name))
    })
}

fn row(tool: &ToolType, on: bool) -> Vec<Part> {
    vec![
        Part::ours(if on { "on" } else { "" }),
        Part::code(tool.id),
        Part::code(tool.name),
        tool.beta.map_or(Part::ours("-"), Part::code),
        Part::ours(tool.note),
    ]
}
