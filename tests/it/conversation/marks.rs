//! What has become of an answer stands in its own receipt.

use serde_json::Value;

use crate::support::rig::{Asks, Ran, Rig};

const SCRIPT: &str = "# /.*/\n\nSaid.\n";

/// The receipts that a cell changed: display id, mark, first line of the plain text.
fn marked(ran: &Ran) -> Vec<(String, String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    ran.iopub("update_display_data")
        .iter()
        .filter(|content| content["metadata"]["claude_kernel"]["block"] == "receipt")
        .map(|content| {
            let plain = text(&content["data"]["text/plain"]);
            (
                text(&content["transient"]["display_id"]),
                text(&content["metadata"]["claude_kernel"]["mark"]),
                plain.lines().next().unwrap_or_default().to_owned(),
            )
        })
        .collect()
}

/// The display id of the receipt that a cell showed.
fn receipt(ran: &Ran) -> String {
    let shown = ran.iopub("display_data");
    let mut receipts = shown
        .iter()
        .filter(|content| content["metadata"]["claude_kernel"]["block"] == "receipt");
    let id = &receipts.next().unwrap()["transient"]["display_id"];
    id.as_str().unwrap().to_owned()
}

#[track_caller]
fn check(ran: &Ran, expected: &[(&str, &str, &str)]) {
    let marked = marked(ran);
    let marked: Vec<(&str, &str, &str)> = marked
        .iter()
        .map(|(id, mark, line)| (id.as_str(), mark.as_str(), line.as_str()))
        .collect();
    assert_eq!(marked, expected);
}

#[tokio::test]
async fn u3_a_cell_whose_ground_has_changed_says_so_in_its_own_receipt() {
    let mut rig = Rig::start(SCRIPT).await;
    let rivers = rig.cell_in("a", &[], "Name three rivers").await;
    check(&rivers, &[]);
    let longest = receipt(&rig.cell_in("b", &[], "Which is longest?").await);
    let last = receipt(&rig.cell_in("c", &[], "And the shortest?").await);
    let mountains = rig.cell_in("a", &[], "Name three mountains").await;
    let stale = "stale: In [4] above changed; run this cell again";
    check(
        &mountains,
        &[(&longest, "stale", stale), (&last, "stale", stale)],
    );
    // It is said once, and no longer when the cell has run again.
    let again = rig.cell_in("b", &[], "Which is longest?").await;
    check(&again, &[]);
    let again = rig.cell_in("c", &[], "And the shortest?").await;
    check(&again, &[]);
    // The notebook's own changes count too.
    let other = rig.cell_in("d", &["b"], "%effort").await;
    let deleted = "stale: cells above were deleted or moved; run this cell again";
    check(&other, &[(&receipt(&again), "stale", deleted)]);
}

#[tokio::test]
async fn u3_an_answer_that_was_taken_back_says_so_and_so_does_one_that_returns() {
    let mut rig = Rig::start(SCRIPT).await;
    let first = receipt(&rig.cell_in("a", &[], "Name three rivers").await);
    let second = receipt(&rig.cell_in("b", &[], "Which is longest?").await);
    let undo = rig.cell_in("c", &[], "%undo").await;
    assert!(
        undo.text().contains("In [2] is taken back"),
        "{}",
        undo.text()
    );
    let gone = "taken back by In [3]: Claude no longer sees this answer";
    check(&undo, &[(&second, "undone", gone)]);

    let reset = rig.cell_in("d", &[], "%reset").await;
    let said = reset.text().replace('`', "");
    assert!(
        said.contains("without its 1 turn: %undo takes this back"),
        "{said}"
    );
    let gone = "taken back by In [4]: Claude no longer sees this answer";
    check(&reset, &[(&first, "undone", gone)]);
    let back = rig.cell_in("e", &[], "%undo").await;
    let said = "The reset is taken back: the conversation has its 1 turn again.";
    assert!(back.text().contains(said), "{}", back.text());
    check(&back, &[(&first, "", "offline · effort medium")]);
    let history = rig.cell_in("f", &[], "%history").await.text();
    assert!(
        history.contains("In [1]") && history.contains("three rivers"),
        "{history}"
    );
}

/// A run without cell ids takes updates too; a terminal does not, and gets none.
#[tokio::test]
async fn u3_a_client_without_cell_ids_is_told_as_well() {
    for (asks, count) in [(Asks::Batch, 1), (Asks::Console, 0)] {
        let mut rig = Rig::start(SCRIPT).await;
        rig.cell_as(asks, "Name three rivers").await;
        let undo = rig.cell_as(asks, "%undo").await;
        assert_eq!(marked(&undo).len(), count, "{asks:?}");
    }
}
