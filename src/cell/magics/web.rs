//! `%web`: search and pages.

use super::arguments::put;
use crate::cell::magic::{Candidate, Context, Effect, Form, Magic, MagicError};
use crate::cell::parse::MagicCall;
use crate::cell::shown::setting;
use crate::chat::web::{Web, domain};

const HINT: &str = "Write `%web on`, `%web max_uses=3 allow=example.com,example.org`, `%web fetch`, or `%web off`.";

pub(super) const WEB: Magic = Magic {
    name: "web",
    aliases: &[],
    usage: "[on|off] [max_uses=N] [allow=A,B | block=A,B] [fetch]",
    form: Form::Setting,
    summary: "let Claude search the web, and with `fetch` read pages",
    details: "The answer cites its sources by number; the list is folded below it. `max_uses` bounds the searches of one \
turn, each of which costs a cent. `allow` keeps to some domains, `block` leaves some out; a domain stands for all below \
it. `fetch` reads pages whose address is in the conversation. Claude's sandbox itself has no network. Turning the web \
on or off in mid-conversation changes the tools: the cache begins anew.",
    examples: &[
        ("%web on", "from here on"),
        ("%web max_uses=3", "at most three searches a turn"),
        ("%%web allow=arxiv.org fetch", "this cell only"),
        ("%web off", "no web"),
    ],
    values: |_, before| {
        let mut words = vec!["max_uses=3", "fetch"];
        if before.is_empty() {
            words.splice(0..0, ["on", "off"]);
        }
        words.retain(|word| !before.iter().any(|said| said.starts_with(word)));
        Candidate::list("value", words)
    },
    now: |context| Some(now(context)),
    apply,
};

fn apply(call: &MagicCall, context: &Context<'_>) -> Result<Vec<Effect>, MagicError> {
    let mut settings = context.settings.clone();
    let words: Vec<&str> = call.args.split_whitespace().collect();
    if words.is_empty() {
        return Ok(vec![setting("web", &now(context), context)]);
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
            Some(("allow", list)) => web.allow = domains(list)?,
            Some(("block", list)) => web.block = domains(list)?,
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
    Ok(vec![put(settings)])
}

fn domains(list: &str) -> Result<Vec<String>, MagicError> {
    let mut domains = Vec::new();
    for text in list.split(',').filter(|text| !text.is_empty()) {
        let domain = domain(text).map_err(|why| wrong(&why))?;
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
        return "off".to_owned();
    };
    let what = match (web.search, web.fetch) {
        (_, false) => "search",
        (true, true) => "search and fetch",
        (false, true) => "fetch",
    };
    let mut parts = vec![what.to_owned()];
    parts.extend(web.max_uses.map(|uses| format!("at most {uses} a turn")));
    for (word, domains) in [("only", &web.allow), ("not", &web.block)] {
        if !domains.is_empty() {
            parts.push(format!("{word} {}", domains.join(", ")));
        }
    }
    parts.join("; ")
}
