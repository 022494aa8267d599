//! Slips: what a cell says and its writer probably did not mean. The person is warned, and the cell
//! goes on.

use crate::chat::settings::Settings;

use super::code;
use super::magic::Form;
use super::magics::find;
use super::parse::{MagicCall, Scope};

/// Returns what to warn of before a cell's prompt is sent. `settings` are those of the cell.
#[must_use]
pub fn slips(calls: &[MagicCall], prompt: &str, settings: &Settings) -> Vec<String> {
    let all = [
        without_effect(calls, prompt),
        code_as_prompt(calls, prompt),
        shown_only(calls, prompt, settings),
    ];
    all.into_iter().flatten().collect()
}

/// Settings for one cell in a cell without a prompt.
fn without_effect(calls: &[MagicCall], prompt: &str) -> Option<String> {
    let call = calls.iter().find(|call| {
        let is_setting = find(&call.name).is_some_and(|magic| magic.form == Form::Setting);
        is_setting && call.scope == Scope::ThisCell && !matches!(call.args.as_str(), "" | "?")
    })?;
    let MagicCall { name, args, .. } = call;
    prompt.is_empty().then(|| {
        format!(
            "`%%{name}` holds for this cell only, and this cell has no prompt: `%{name} {args}` holds from here on"
        )
    })
}

/// Code below `%%bash` or `%%python`: in other kernels these magics run code, here they do not.
fn code_as_prompt(calls: &[MagicCall], prompt: &str) -> Option<String> {
    if calls.iter().any(|call| call.body.is_some()) {
        return None;
    }
    let call = calls.iter().rfind(|call| match call.name.as_str() {
        _ if call.args == "off" => false,
        "bash" => code::is_bash(prompt),
        "python" => code::is_python(prompt),
        _ => false,
    })?;
    let sign = match call.scope {
        Scope::FromHere => "%",
        Scope::ThisCell => "%%",
    };
    let name = &call.name;
    Some(format!(
        "`{sign}{name}` lets Claude use {name} and runs nothing itself: what stands below it is a prompt. \
         `%%exec {name}` runs it as it stands"
    ))
}

/// `%web` alone above a prompt: it shows the setting and does not turn the web on.
fn shown_only(calls: &[MagicCall], prompt: &str, settings: &Settings) -> Option<String> {
    let is_alone = |call: &MagicCall| call.name == "web" && call.args.is_empty();
    let asks = calls.iter().any(is_alone) && settings.web.is_none() && !prompt.is_empty();
    asks.then(|| {
        "`%web` alone shows the setting, and the web is off: `%web on` turns it on".to_owned()
    })
}
