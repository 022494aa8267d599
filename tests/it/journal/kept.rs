//! What a kernel remembers beside what was said comes back with the conversation: variables and
//! structured results, settings.

use super::{Place, crash, entries, last_request, run, shut_down, text};

/// Returns how many lines of the only journal are records of a kind.
fn records(place: &Place, kind: &str) -> usize {
    let lines = entries(&place.only_journal());
    let of_kind = |line: &&serde_json::Value| !line["record"][kind].is_null();
    lines.iter().filter(of_kind).count()
}

#[tokio::test]
async fn variables_and_structured_results_come_back() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%set city Oslo\n%set gone x").await;
    run(&mut rig, "%set city Bergen").await;
    run(
        &mut rig,
        "%%set odd\n\u{feff}\"{{city}}\" \\n 😀\n\t%set\u{7f}",
    )
    .await;
    run(&mut rig, "# Parameters\nrate = 1.50\nwords = \"a b\"\n").await;
    let asked = run(&mut rig, "%%json towns [{name str, people int}]\nAnything").await;
    assert_eq!(asked.reply()["status"], "ok", "{}", asked.text());
    let before = run(&mut rig, "%vars").await.text();
    run(&mut rig, "Say {{odd}}|{{rate}}|{{towns}}").await;
    let sent = last_request(&rig).await;
    let filled = &sent[sent.find("Say ").unwrap()..];
    let filled = &filled[..filled.find("}]\"").unwrap() + 2];
    shut_down(rig).await;

    let mut rig = place.kernel().await;
    assert!(run(&mut rig, "%vars").await.text().contains("No variables"));
    run(&mut rig, "%resume").await;
    assert_eq!(run(&mut rig, "%vars").await.text(), before);
    run(&mut rig, "Say {{odd}}|{{rate}}|{{towns}}").await;
    // It was asked twice, and the answer to the first repeats it.
    assert_eq!(last_request(&rig).await.matches(filled).count(), 3);
    run(&mut rig, "In {{city}}, {{towns[1].people}} people").await;
    assert!(last_request(&rig).await.contains("In Bergen, 1 people"));
    shut_down(rig).await;
}

/// Nothing needs to be said for it to be on disk: the process may die at any time.
#[tokio::test]
async fn what_a_cell_without_a_prompt_changed_survives_a_crash() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello").await;
    run(&mut rig, "%set city Bergen").await;
    run(&mut rig, "%effort low").await;
    crash(&place, rig).await;
    let mut rig = place.kernel().await;
    run(&mut rig, "Say {{city}}").await;
    let request = last_request(&rig).await;
    assert!(
        request.contains("Say Bergen") && request.contains("Hello, world."),
        "{request}"
    );
    assert!(run(&mut rig, "%effort").await.text().contains("low"));
    run(&mut rig, "%reset").await;
    crash(&place, rig).await;
    let mut rig = place.kernel().await;
    run(&mut rig, "And again").await;
    assert!(!last_request(&rig).await.contains("Hello, world."));
}

#[tokio::test]
async fn a_variable_that_did_not_change_is_not_written_again() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    let result = "%%json towns [{name str, people int}]\nAnything";
    for _ in 0..3 {
        run(&mut rig, "%set city Bergen\n%effort low").await;
        run(&mut rig, result).await;
    }
    assert_eq!(records(&place, "variable"), 2);
    run(&mut rig, "%set city Oslo").await;
    run(&mut rig, "%set city Bergen").await;
    assert_eq!(records(&place, "variable"), 4);
    crash(&place, rig).await;

    // Neither does going on write it.
    let mut rig = place.kernel().await;
    run(&mut rig, "%set city Bergen").await;
    shut_down(rig).await;
    assert_eq!(records(&place, "variable"), 4);
}

#[tokio::test]
async fn old_values_are_taken_out_when_a_conversation_goes_on() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say hello\n%set it is not read").await;
    for number in 0..4 {
        let long = "word ".repeat(40_000);
        run(&mut rig, &format!("%%set text\n{number} {long}")).await;
    }
    run(&mut rig, "%set city Bergen").await;
    crash(&place, rig).await;
    let path = place.only_journal();
    let before = text(&path).len();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say {{city}}").await;
    assert!(last_request(&rig).await.contains("Say Bergen"));
    let shown = run(&mut rig, "%vars").await.text();
    assert!(shown.contains("3 word word"), "{shown}");
    shut_down(rig).await;
    assert_eq!(records(&place, "variable"), 2);
    let after = text(&path).len();
    // What was typed stays, for the history; of the values the last one.
    assert!(after < before - 2 * 200_000, "{before} {after}");
}

#[tokio::test]
async fn reset_all_forgets_them_and_threads_share_them() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%set old x\nSay hello").await;
    run(&mut rig, "%reset all\n%set late y").await;
    run(&mut rig, "%set city Bergen\nSay hello").await;
    run(&mut rig, "%thread aside").await;
    run(&mut rig, "%set river Otta\nSay hello").await;
    run(&mut rig, "%fork other").await;
    run(&mut rig, "%reset\n%set fjord Byfjorden").await;
    let before = run(&mut rig, "%vars").await.text();
    shut_down(rig).await;

    let mut rig = place.kernel().await;
    run(&mut rig, "%resume").await;
    let after = run(&mut rig, "%vars").await.text();
    assert_eq!(after, before);
    for name in ["city", "river", "fjord"] {
        assert!(after.contains(name), "{after}");
    }
    // All of a cell's settings are from before its reset.
    assert!(!after.contains("old") && !after.contains("late"), "{after}");
    run(&mut rig, "%thread main").await;
    assert_eq!(run(&mut rig, "%vars").await.text(), before);
}

#[tokio::test]
async fn what_was_set_before_anything_was_said_goes_along_and_else_it_stays() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%set city Oslo\n%set year 2024\nSay hello").await;
    shut_down(rig).await;

    let mut rig = place.kernel().await;
    run(&mut rig, "# Parameters\ncity = \"Bergen\"\n").await;
    run(&mut rig, "%resume").await;
    run(&mut rig, "In {{city}}, {{year}}").await;
    assert!(last_request(&rig).await.contains("In Bergen, 2024"));
    shut_down(rig).await;

    let mut rig = place.kernel().await;
    run(&mut rig, "%set mood good\nAnd again").await;
    run(&mut rig, "%resume").await;
    run(&mut rig, "In {{city}}, {{mood}}").await;
    assert!(last_request(&rig).await.contains("In Bergen, {{mood}}"));
}

/// A journal is a file like any other.
#[tokio::test]
async fn values_that_fit_nothing_are_left_out_and_damage_nothing() {
    let place = Place::new();
    let mut rig = place.kernel().await;
    run(&mut rig, "%set city Bergen\nSay hello").await;
    crash(&place, rig).await;
    let path = place.only_journal();
    let deep = format!("{}{}", "[".repeat(500), "]".repeat(500));
    let variable = |name: &str, value: &str| {
        format!("{{\"record\":{{\"variable\":{{\"name\":{name},\"value\":{value}}}}}}}\n")
    };
    let hostile = [
        variable("\"deep\"", &deep),
        variable("\"\"", "1"),
        variable("\"a}}b\"", "1"),
        variable("\"a\\u0000\"", "1"),
        variable("\"beyond\"", "1e999"),
        variable("\"last\"", "[1.50,null,12345678901234567890123]"),
    ];
    std::fs::write(&path, text(&path) + &hostile.concat()).unwrap();
    let mut rig = place.kernel().await;
    run(&mut rig, "Say {{city}} {{last}} {{beyond}} {{deep}}").await;
    let request = last_request(&rig).await;
    assert!(
        request.contains("Say Bergen [1.50,null,12345678901234567890123] 1e+999 {{deep}}")
            && request.contains("Hello, world."),
        "{request}"
    );
    let listed = run(&mut rig, "%vars").await.text();
    assert!(!listed.contains("}}"), "{listed}");
}
