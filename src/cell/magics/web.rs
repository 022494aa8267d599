//! `%web`: search and pages.

use super::arguments::put;
use crate::cell::magic::{
    Candidate, Context, Effect, Form, Group, Magic, MagicCall, MagicError, Scope,
};
use crate::cell::shown::setting;
use crate::chat::settings::Settings;
use crate::chat::tool_types::tool_name;
use crate::chat::web::{Web, domain};

const HINT: &str = "Write `%web on`, `%web max_uses=3 allow=example.com,example.org`, `%web fetch`, or `%web off`.";

pub(super) const WEB: Magic = Magic {
    name: "web",
    aliases: &[],
    usage: "[on|off] [max_uses=N] [allow=A,B | block=A,B] [fetch]",
    form: Form::Setting,
    group: Group::Abilities,
    summary: "let Claude search the web, and with `fetch` read pages",
    details: "The answer cites its sources by number; the list is folded below it. `max_uses` bounds the searches of one \
request, each of which costs a cent, and as many pages with `fetch`, which reads those whose address is in the \
conversation. `allow` keeps to some domains, `block` leaves some out; a domain stands for all below it, and a path may \
follow. Each `%web` says all of it anew: what a line leaves out is not kept. Claude's sandbox itself has no network.",
    examples: &[
        ("%web on", "from here on"),
        ("%web max_uses=3", "at most three searches a request"),
        ("%%web allow=arxiv.org fetch", "this cell only"),
        ("%web off", "no web"),
    ],
    values: |_, before| {
        let mut words = vec!["max_uses=3", "allow=", "block=", "fetch"];
        if before.is_empty() {
            words.splice(0..0, ["on", "off"]);
        }
        let name = |word: &str| word.split('=').next().unwrap_or_default().to_owned();
        let said: Vec<String> = before.iter().map(|word| name(word)).collect();
        let is_list = |name: &str| matches!(name, "allow" | "block");
        words.retain(|word| {
            let word = name(word);
            // One list or the other.
            !(said.contains(&word) || is_list(&word) && said.iter().any(|said| is_list(said)))
        });
        Candidate::list("value", words)
    },
    now: |context| Some(now(context)),
    apply,
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let mut settings = context.settings.clone();
    let args = joined(&call.args);
    let words: Vec<&str> = args.split_whitespace().collect();
    if words.is_empty() {
        // `%%web` without arguments switches the web on for its cell; if it is on, it is shown.
        if call.scope == Scope::FromHere || settings.web.is_some() {
            return Ok(vec![setting("web", &now(context), context)]);
        }
        settings.web = Some(Web::default());
        return Ok(vec![put(settings)]);
    }
    let mut web = Web::default();
    let mut off = false;
    for word in &words {
        match word.split_once('=') {
            None => match word.to_ascii_lowercase().as_str() {
                "on" | "search" => {}
                "off" => off = true,
                "fetch" => web.fetch = true,
                _ => return Err(wrong(&format!("does not take `{word}`"))),
            },
            Some(("max_uses" | "max-uses" | "max", number)) => {
                let uses = number.parse().ok().filter(|uses| *uses > 0);
                web.max_uses = Some(uses.ok_or_else(|| {
                    wrong(&format!("`{number}` is no number of searches from 1 up"))
                })?);
            }
            Some((name @ ("allow" | "block"), list)) => {
                let known = match name {
                    "allow" => &mut web.allow,
                    _ => &mut web.block,
                };
                for domain in domains(list)? {
                    if !known.contains(&domain) {
                        known.push(domain);
                    }
                }
            }
            Some((name, _)) => return Err(wrong(&format!("does not take `{name}=`"))),
        }
    }
    if off && words.len() > 1 {
        return Err(wrong("takes `off` alone"));
    }
    if !web.allow.is_empty() && !web.block.is_empty() {
        return Err(MagicError::new(
            "`%web` takes `allow` or `block`, not both: the API refuses them together",
            "With `allow`, everything else is left out already.",
        ));
    }
    settings.web = (!off).then_some(web);
    // The magic that came last decides on the web, because the API refuses two tools of one name.
    let replaced: Vec<String> = dated(&settings).map(|id| format!("`{id}`")).collect();
    settings.dated_tools.retain(|id| !is_web(id));
    let mut effects = vec![put(settings)];
    if !replaced.is_empty() && !off {
        effects.push(Effect::Warn(format!(
            "this replaces {}, which `%tools` had set",
            replaced.join(" and ")
        )));
    }
    Ok(effects)
}

/// The dated types of the web that `%tools` set.
fn dated(settings: &Settings) -> impl Iterator<Item = &str> {
    let types = settings.dated_tools.iter().map(String::as_str);
    types.filter(|id| is_web(id))
}

fn is_web(id: &str) -> bool {
    matches!(tool_name(id), "web_search" | "web_fetch")
}

/// Takes away blanks around commas and equals signs, as people type them.
fn joined(args: &str) -> String {
    let mut out = String::with_capacity(args.len());
    for word in args.split_whitespace() {
        let goes_on = out.ends_with([',', '=']) || word.starts_with([',', '=']);
        if !goes_on && !out.is_empty() {
            out.push(' ');
        }
        out.push_str(word);
    }
    out
}

fn domains(list: &str) -> Result<Vec<String>, MagicError> {
    let mut domains = Vec::new();
    for text in list.split(',').filter(|text| !text.is_empty()) {
        let domain = domain(text).map_err(|why| wrong(&why.to_string()))?;
        if !domains.contains(&domain) {
            domains.push(domain);
        }
    }
    if domains.is_empty() {
        return Err(wrong("names no domain: nothing would be left to search"));
    }
    Ok(domains)
}

fn wrong(why: &str) -> MagicError {
    MagicError::new(format!("`%web`: {why}"), HINT)
}

fn now(context: &Context<'_>) -> String {
    let Some(web) = &context.settings.web else {
        let dated: Vec<&str> = dated(context.settings).collect();
        return match dated.is_empty() {
            true => "off".to_owned(),
            false => dated.join(", "),
        };
    };
    let what = match (web.search, web.fetch) {
        (_, false) => "search",
        (true, true) => "search and fetch",
        (false, true) => "fetch",
    };
    let mut parts = vec![what.to_owned()];
    parts.extend(web.max_uses.map(|uses| format!("at most {uses} a request")));
    for (word, domains) in [("only", &web.allow), ("not", &web.block)] {
        if !domains.is_empty() {
            parts.push(format!("{word} {}", domains.join(", ")));
        }
    }
    parts.join("; ")
}
