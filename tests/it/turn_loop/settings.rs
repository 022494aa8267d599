//! Settings that change between turns: what is told, what is lost.

use claude_kernel::anthropic::request::{MessagesRequest, Role};
use claude_kernel::chat::settings::Settings;

use crate::support::talk::Talk;

use super::{content, finished, message, play, text, thinking};

/// A finished turn with thinking in it.
fn think(talk: &mut Talk, settings: &Settings, prompt: &str) {
    let mut turn = talk.start(settings, prompt);
    play(
        &mut turn,
        message(&[thinking(), text("yes")], "end_turn", None),
    );
    talk.commit(finished(&mut turn), None);
}

fn thoughts(request: &MessagesRequest) -> usize {
    let blocks = content(request).into_iter().flatten();
    blocks.filter(|block| block["type"] == "thinking").count()
}

#[test]
fn changed_settings_are_told_where_the_model_takes_it_and_thinking_stays() {
    let mut talk = Talk::default();
    let mut settings = Settings::default();
    think(&mut talk, &settings, "one");
    let first = talk.plan(&settings, "two");
    settings.system = Some("Be brief.".to_owned());
    let request = talk.plan(&settings, "two");
    assert_eq!((thoughts(&first), thoughts(&request)), (1, 1));
    assert_eq!(first.system, request.system);
    let told = |request: &MessagesRequest| {
        let messages = request.messages.iter();
        let told = messages.filter(|said| said.role == Role::System);
        told.map(|said| said.content.texts().any(|text| text.contains("Be brief.")))
            .collect::<Vec<_>>()
    };
    assert_eq!(told(&request), [true]);
    assert_eq!(request.messages.last().unwrap().role, Role::System);
    think(&mut talk, &settings, "two");
    let request = talk.plan(&settings, "three");
    assert_eq!(
        (told(&request), thoughts(&request)),
        (vec![true], 2),
        "once"
    );
    settings.system = None;
    let request = talk.plan(&settings, "three");
    assert_eq!((told(&request), thoughts(&request)), (vec![true, false], 2));
}

#[test]
fn where_settings_cannot_be_told_the_thinking_goes_once_and_for_good() {
    let brief = Settings {
        system: Some("Be brief.".to_owned()),
        ..Settings::default()
    };
    let old = Settings {
        model: "claude-opus-4-7".to_owned(),
        ..brief.clone()
    };
    let mut talk = Talk::default();
    let before = Settings::default();
    think(&mut talk, &before, "one");
    think(&mut talk, &brief, "two");
    assert_eq!(thoughts(&talk.plan(&before, "three")), 2);
    let request = talk.plan(&old, "three");
    assert_eq!(thoughts(&request), 0);
    assert!(
        request
            .messages
            .iter()
            .all(|said| said.role != Role::System)
    );
    assert_eq!(
        thoughts(&talk.plan(&before, "three")),
        2,
        "a plan changes nothing"
    );
    think(&mut talk, &old, "three");
    let request = talk.plan(&brief, "four");
    assert!(thoughts(&request) <= 1, "what was sent without stays out");
}

/// What makes a long notebook cheap: turns are serialised once, requests share their bytes.
#[test]
fn requests_share_the_bytes_of_earlier_turns() {
    let mut talk = Talk::default();
    let settings = Settings::default();
    for number in 0..50 {
        think(&mut talk, &settings, &format!("question {number}"));
    }
    let (one, other) = (talk.plan(&settings, "next"), talk.plan(&settings, "next"));
    assert_eq!(one.messages.len(), 101);
    let own = one
        .messages
        .iter()
        .zip(&other.messages)
        .filter(|(one, other)| !one.content.is_shared_with(&other.content));
    assert_eq!(own.count(), 2, "the two that carry cache markers");
}
