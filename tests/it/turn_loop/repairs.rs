//! What is tried after a refusal, in which order, and what is said of it.

use claude_kernel::anthropic::error::ApiError;
use claude_kernel::chat::action::{Action, Input};
use claude_kernel::chat::settings::Settings;
use claude_kernel::chat::turn::{TurnEnd, Update};

use super::{actions, call, content, end, finished, message, play, refused, text, thinking};
use crate::support::talk::Talk;

#[test]
fn a_refused_request_is_repaired_in_the_documented_order_and_then_the_first_error_stands() {
    let mut talk = Talk::default();
    let mut turn = talk.start(&Settings::default(), "one");
    call(&mut turn);
    play(
        &mut turn,
        message(&[thinking(), text("1")], "end_turn", Some("container_1")),
    );
    talk.commit(finished(&mut turn), Some("container_1"));

    let mut turn = talk.start(&Settings::default(), "two");
    let first = call(&mut turn);
    assert_eq!(first.container.id.as_deref(), Some("container_1"));
    assert!(content(&first)[1].contains(&thinking()));
    turn.handle(refused(400));
    let second = call(&mut turn);
    assert_eq!(second.container.id, None);
    assert!(content(&second)[1].contains(&thinking()));
    turn.handle(refused(400));
    let third = call(&mut turn);
    assert_eq!(content(&third)[1], vec![text("1")]);
    assert_eq!(
        third.container.id.as_deref(),
        Some("container_1"),
        "the same refusal again: it was not the sandbox"
    );
    let mut worked = talk.start(&Settings::default(), "two");
    for _ in 0..2 {
        worked.handle(refused(400));
    }
    turn.handle(refused(400));
    let fourth = call(&mut turn);
    assert!(content(&fourth)[1].contains(&thinking()));
    assert_eq!(fourth.diagnostics, None);
    turn.handle(refused(403));
    assert!(
        matches!(
            end(&mut turn),
            TurnEnd::Failed {
                error: ApiError::Status { status: 400, .. },
                ..
            }
        ),
        "the first error stands"
    );
    assert_eq!(turn.container(), Some("container_1"));

    actions(&mut worked);
    play(
        &mut worked,
        message(&[text("2")], "end_turn", Some("container_1")),
    );
    let shown = actions(&mut worked);
    assert!(!shown.iter().any(|action| matches!(action, Action::Show(Update::Notice(note)) if note.contains("sandbox"))), "{shown:?}");
    let Some(Action::Finish(end)) = shown.into_iter().next_back() else {
        panic!("it ends")
    };
    let TurnEnd::Finished(done) = *end else {
        panic!("finished")
    };
    talk.commit(*done, Some("container_1"));
    let next = talk.plan(&Settings::default(), "three");
    assert!(
        !content(&next)
            .iter()
            .flatten()
            .any(|block| block["type"] == "thinking"),
        "thinking stays out"
    );
}

/// A sandbox that is gone is told when a request without it was accepted, and not before.
#[test]
fn w1_a_sandbox_that_is_gone_is_told_as_an_error_of_a_stream_too() {
    for told in [
        ApiError::Stream {
            kind: "not_found_error".to_owned(),
            message: "Container not found: container_1".to_owned(),
            code: None,
            request_id: None,
        },
        match refused(404) {
            Input::Failed { error, .. } => error,
            other => panic!("{other:?}"),
        },
    ] {
        let mut talk = Talk::default();
        talk.set_container(Some("container_1"));
        let mut turn = talk.start(&Settings::default(), "two");
        call(&mut turn);
        turn.handle(Input::Failed {
            error: told,
            random: 0.0,
        });
        let again = call(&mut turn);
        assert_eq!(again.container.id, None);
        assert_eq!(turn.container(), Some("container_1"), "nothing is proved");
        play(
            &mut turn,
            message(&[text("2")], "end_turn", Some("container_2")),
        );
        let shown = actions(&mut turn);
        assert!(shown.iter().any(|action| matches!(action, Action::Show(Update::Notice(note)) if note.contains("is gone"))), "{shown:?}");
        assert_eq!(turn.container(), Some("container_2"));
    }
}
