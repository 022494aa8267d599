//! What `%status` says of saving: whether, where, and what brings it back.

use claude_kernel::kernel::journal::Options;

use super::{Place, SCRIPT, run, shut_down};
use crate::support::rig::{Asks, Rig};

/// Returns what `%status` says of it.
async fn saved(rig: &mut Rig, asks: Asks) -> String {
    let status = rig.cell_as(asks, "%status").await.text();
    let words: Vec<&str> = status.split_whitespace().collect();
    let words = words.join(" ");
    let said = words
        .split_once(" saved ")
        .and_then(|(_, rest)| rest.split_once(" replay "));
    said.unwrap_or_else(|| panic!("{status}")).0.to_owned()
}

#[tokio::test]
async fn status_says_where_a_conversation_is_saved_and_what_brings_it_back() {
    let place = Place::new();
    let folder = place.conversations();
    let mut rig = place.kernel().await;
    let said = saved(&mut rig, Asks::Console).await;
    let expected = format!(
        "yes, in {}; %resume goes on with it after a restart",
        folder.display()
    );
    assert_eq!(said, expected);
    shut_down(rig).await;

    // Below the home directory, it is the same for everybody.
    let home = |notebook| Options {
        home: Some(place.folder.path().to_owned()),
        notebook,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, home(place.options().notebook)).await;
    let said = saved(&mut rig, Asks::Console).await;
    assert!(
        said.starts_with("yes, in ~/conversations/offline; %resume goes"),
        "{said}"
    );
    shut_down(rig).await;
    for (asks, notebook) in [
        (Asks::Console, None),
        (Asks::Batch, place.options().notebook),
    ] {
        let mut rig = Rig::with_journal(SCRIPT, home(notebook)).await;
        let said = saved(&mut rig, asks).await;
        assert!(
            said.ends_with("%resume list finds it after a restart"),
            "{said}"
        );
        shut_down(rig).await;
    }
}

#[tokio::test]
async fn status_says_that_a_conversation_is_not_saved_and_why() {
    let mut rig = Rig::start(SCRIPT).await;
    let said = saved(&mut rig, Asks::Console).await;
    assert_eq!(said, "no: this kernel keeps nothing on this machine");

    // From the start.
    let place = Place::new();
    std::fs::write(place.folder.path().join("conversations"), "in the way").unwrap();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    let said = saved(&mut rig, Asks::Console).await;
    assert!(
        said.starts_with("no: ") && said.ends_with("will not know what was not saved"),
        "{said}"
    );
    assert!(
        said.contains("File exists") || said.contains("Not a directory"),
        "{said}"
    );
    shut_down(rig).await;

    // From some turn on.
    let place = Place::new();
    let options = Options {
        max_bytes: 8_000,
        ..place.options()
    };
    let mut rig = Rig::with_journal(SCRIPT, options).await;
    assert!(saved(&mut rig, Asks::Console).await.starts_with("yes"));
    for _ in 0..8 {
        run(&mut rig, "Say hello").await;
    }
    let said = saved(&mut rig, Asks::Console).await;
    assert!(said.starts_with("no: it has reached"), "{said}");
    shut_down(rig).await;
}
