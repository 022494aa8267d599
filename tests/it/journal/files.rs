//! Files that cannot be used: damaged, newer, torn, unwritable; and what is never in one.

use std::os::unix::fs::PermissionsExt as _;

use claude_kernel::config::Resume;
use claude_kernel::kernel::journal::Options;
use claude_kernel::kernel::journal::redact::Redactor;

use super::{Place, SCRIPT, arm, crash, entries, last_request, run, shut_down, text, unsealed};
use crate::support::rig::Rig;

/// Makes a journal of two turns; returns the place.
async fn two_turns() -> Place {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "And again").await;
    crash(&place, rig).await;
    place
}

#[tokio::test]
async fn only_the_owner_may_read_it_and_no_key_is_in_it() {
    let place = Place::new();
    let own = "gateway-0123456789abcdef";
    let options = Options {
        redactor: Redactor::new([claude_kernel::config::Secret::new(own)]),
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    let key = "sk-ant-api03-0123456789abcdef";
    run(&mut rig, &format!("%set key {key}")).await;
    run(&mut rig, &format!("Is {key} a key? And\n{own}?\nSay hello")).await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;
    let path = place.only_journal();
    let text = text(&path);
    assert!(!text.contains(key) && !text.contains(own), "{text}");
    assert!(text.contains("[a key, not recorded]"));
    let mode = |path: &std::path::Path| path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o600);
    assert_eq!(mode(&place.conversations()), 0o700);
}

#[tokio::test]
async fn a_torn_last_line_is_taken_away() {
    let place = two_turns().await;
    let path = place.only_journal();
    let whole = text(&path);
    std::fs::write(&path, format!("{whole}{{\"t\":\"cell\",\"line\":9,\"inp")).unwrap();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    assert!(last_request(&rig).await.contains("Hello a second time."));
    shut_down(rig).await;
    assert!(entries(&path).len() > whole.lines().count());
    assert!(text(&path).starts_with(&whole));
}

#[tokio::test]
async fn a_damaged_file_is_named_and_left_alone() {
    let place = two_turns().await;
    let path = place.only_journal();
    let damaged = text(&path).replace("{\"t\":\"cell\",\"line\":2", "{\"t\":\"ce\u{0}\u{0}");
    std::fs::write(&path, &damaged).unwrap();
    let mut rig = place.kernel().await;
    let ran = run(&mut rig, "Say hello").await;
    assert!(
        ran.text().contains("is damaged") && ran.text().contains(path.to_str().unwrap()),
        "{}",
        ran.text()
    );
    shut_down(rig).await;
    assert_eq!(text(&path), damaged);
    assert_eq!(place.journals().len(), 2);
}

#[tokio::test]
async fn a_newer_version_is_refused_and_never_written() {
    for (old, new) in [
        ("\"version\":1", "\"version\":2,\"more\":[1]"),
        (
            "{\"record\":{\"ran\":",
            "{\"record\":{\"ran_in_a_new_way\":",
        ),
    ] {
        let place = two_turns().await;
        let path = place.only_journal();
        let newer = unsealed(&text(&path)).replacen(old, new, 1);
        assert!(newer.contains(new));
        std::fs::write(&path, &newer).unwrap();
        let mut rig = place.kernel().await;
        let ran = run(&mut rig, "Say hello").await;
        assert!(
            ran.text().contains("Update claude-kernel to continue it"),
            "{}",
            ran.text()
        );
        assert_eq!(ran.reply()["status"], "ok");
        shut_down(rig).await;
        assert_eq!(text(&path), newer);
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_said_once_and_stops_nothing() {
    let place = Place::new();
    std::fs::write(place.folder.path().join("conversations"), "in the way").unwrap();
    let mut rig = place.kernel().await;
    let first = run(&mut rig, "Say hello").await;
    assert!(
        first.text().contains("is not being saved"),
        "{}",
        first.text()
    );
    assert!(first.text().contains("Hello, world."));
    assert_eq!(first.reply()["status"], "ok");
    let second = run(&mut rig, "And again").await;
    assert!(!second.text().contains("is not being saved"));
    assert!(last_request(&rig).await.contains("Hello, world."));
    shut_down(rig).await;
}

#[tokio::test]
async fn a_journal_that_has_reached_its_size_is_said_once_and_stops_nothing() {
    let place = Place::new();
    let options = Options {
        max_bytes: 6_000,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    let mut said = 0;
    for _ in 0..8 {
        let ran = run(&mut rig, "Say hello").await;
        assert_eq!(ran.reply()["status"], "ok");
        said += usize::from(ran.text().contains("journal_max_bytes"));
    }
    assert_eq!(said, 1);
    shut_down(rig).await;
    // Whole lines, as far as they go.
    entries(&place.only_journal());
    assert!(text(&place.only_journal()).len() <= 6_000);
}

#[tokio::test]
async fn old_conversations_expire_and_those_in_use_do_not() {
    let place = two_turns().await;
    let old = place.only_journal();
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(40 * 86_400);
    let file = std::fs::File::options().write(true).open(&old).unwrap();
    file.set_modified(long_ago).unwrap();
    let keep = |days: u64| Options {
        keep: Some(std::time::Duration::from_secs(days * 86_400)),
        notebook: None,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, keep(60)).await;
    run(&mut rig, "Say hello").await;
    shut_down(rig).await;
    assert!(old.exists());
    file.try_lock().unwrap();
    for expected in [true, false] {
        let mut rig = Rig::with_journal(SCRIPT, keep(30)).await;
        run(&mut rig, "Say hello").await;
        shut_down(rig).await;
        assert_eq!(old.exists(), expected);
        file.unlock().unwrap();
    }
}

#[tokio::test]
async fn what_running_turns_left_is_taken_out_when_a_conversation_goes_on() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    arm(&rig, "deltas count=20000 size=20").await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "And again").await;
    crash(&place, rig).await;
    let path = place.only_journal();
    let before = text(&path);

    let mut rig = place.kernel().await;
    run(&mut rig, "Count").await;
    let request = last_request(&rig).await;
    assert!(request.len() > 400_000 && request.contains("Hello a second time."));
    shut_down(rig).await;
    let after = text(&place.only_journal());
    assert!(
        after.len() < before.len() * 3 / 4,
        "{} {}",
        before.len(),
        after.len()
    );
    assert!(after.len() > 400_000);
    assert!(
        !after.contains("\"t\":\"delta\",\"turn\":1,"),
        "nothing of the first turn's pieces is left"
    );
    let mode = path.metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600);

    // And it goes on from there.
    let mut rig = Rig::with_journal(
        SCRIPT,
        Options {
            resume: Resume::Auto,
            ..place.options()
        },
    )
    .await;
    let ran = run(&mut rig, "Say hello").await;
    assert!(ran.text().contains("goes on (3 turns)"), "{}", ran.text());
}
