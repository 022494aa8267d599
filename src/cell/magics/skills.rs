//! `%skills`: document skills in Claude's sandbox.

use super::arguments::put;
use crate::cell::magic::{Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError};
use crate::cell::shown::setting;
use crate::chat::skills::{self, MAX_SKILLS, OFFERED};

pub(super) const SKILLS: Magic = Magic {
    name: "skills",
    aliases: &["skill"],
    usage: "[add|rm NAME… | clear]",
    form: Form::Setting,
    group: Group::Abilities,
    summary: "give Claude document skills: xlsx, pptx, docx, pdf, or one of your own",
    details: "A skill is a folder of instructions and programs in the sandbox, here those that make good spreadsheets, \
slides, documents and PDF files. `ID` is the id of a skill of your organization, such as `skill_01AbC`; with `@` a version \
may follow. Skills need the sandbox: they are sent with it.",
    examples: &[
        ("%skills add docx", "from here on"),
        ("%%skills add xlsx pptx", "this cell only"),
        ("%skills clear", "none"),
        ("%skills", "show"),
    ],
    values,
    now: |context| Some(now(context)),
    apply,
};

fn values(context: &Context<'_>, before: &[&str]) -> Vec<Candidate> {
    match before {
        [] => Candidate::list("value", ["add", "rm", "clear"]),
        ["rm", said @ ..] => {
            let on = context.settings.skills.iter().map(String::as_str);
            Candidate::list("value", on.filter(|name| !said.contains(name)))
        }
        ["add", said @ ..] => {
            let all = OFFERED.iter().copied();
            Candidate::list("value", all.filter(|name| !said.contains(name)))
        }
        _ => Vec::new(),
    }
}

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let mut settings = context.settings.clone();
    let mut unknown = Vec::new();
    let words: Vec<&str> = call
        .args
        .split([' ', '\t', ','])
        .filter(|word| !word.is_empty())
        .collect();
    match words.as_slice() {
        [] => return Ok(vec![setting("skills", &now(context), context)]),
        ["clear" | "none" | "off"] => settings.skills.clear(),
        ["add", names @ ..] if !names.is_empty() => {
            for name in names {
                skills::check(name).map_err(|why| {
                    MagicError::new(
                        format!("`%skills`: {why}"),
                        format!(
                            "It takes {}, or the id of a skill, `skill_…`.",
                            OFFERED.join(", ")
                        ),
                    )
                })?;
                if !settings.skills.iter().any(|on| on == name) {
                    settings.skills.push((*name).to_owned());
                }
            }
            if settings.skills.len() > MAX_SKILLS {
                return Err(MagicError::new(
                    format!("`%skills`: a request takes at most {MAX_SKILLS} skills"),
                    "Take one away with `%skills rm NAME`.",
                ));
            }
            let languages = settings.languages;
            if !languages.bash && !languages.python {
                return Err(MagicError::new(
                    "`%skills` need Claude's sandbox, which is off",
                    "Turn it on first: `%tools default`.",
                ));
            }
        }
        ["rm" | "remove", names @ ..] if !names.is_empty() => {
            for name in names {
                let before = settings.skills.len();
                settings.skills.retain(|on| on != name);
                if settings.skills.len() == before {
                    unknown.push(format!("the skill `{name}` was not on"));
                }
            }
        }
        [word @ ("add" | "rm" | "remove")] => {
            return Err(MagicError::new(
                format!("`%skills {word}` needs a name"),
                format!("Write `%skills {word} {}`.", OFFERED.join("|")),
            ));
        }
        [other, ..] => {
            return Err(MagicError::new(
                format!("`%skills` does not take `{other}`"),
                "Write `%skills add docx`, `%skills rm docx` or `%skills clear`.",
            ));
        }
    }
    let mut effects = vec![put(settings)];
    effects.extend(unknown.into_iter().map(Effect::Warn));
    Ok(effects)
}

fn now(context: &Context<'_>) -> String {
    match context.settings.skills.as_slice() {
        [] => "none".to_owned(),
        names => names.join(", "),
    }
}
