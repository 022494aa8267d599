//! Cells that set variables, names that nothing fills, and the words that leave a terminal.

use serde_json::{Map, json};

use crate::support::rig::{Asks, Rig, asked};

#[tokio::test]
async fn j3_parameters_that_cannot_be_read_fail_the_cell_and_the_others_are_set() {
    let mut rig = Rig::start("# Say Oslo\n\nHello.\n").await;
    let set = rig
        .cell_as(
            Asks::Batch,
            "# Parameters\nstart date = \"x\"\njob = {\"city\": \"Oslo\", \"draft\": True}\n",
        )
        .await;
    assert_eq!(
        set.reply()["evalue"],
        "this cell sets parameters, and it cannot read line 2 (`start date`)"
    );
    let ran = rig.cell_as(Asks::Batch, "Say {{job.city}}").await;
    assert!(ran.text().contains("Hello."), "{}", ran.text());
    assert_eq!(asked(&rig).await.len(), 1);
}

#[tokio::test]
async fn j3_assignments_first_in_a_run_or_tagged_set_variables() {
    let mut rig = Rig::start("# Say Ada\n\nHello.\n\n# x = 1\n\nA prompt.\n").await;
    rig.cell_as(Asks::Batch, "%effort high").await;
    rig.cell_as(Asks::Batch, "name = \"Bob\"").await;
    let mut tags = Map::new();
    tags.insert("tags".to_owned(), json!(["parameters"]));
    let id = rig.send_with(Asks::Lab, "name = 'Ada'", tags).await;
    assert_eq!(rig.until_idle(&id).await.reply()["status"], "ok");
    assert_eq!(asked(&rig).await.len(), 0);
    let ran = rig.cell_as(Asks::Batch, "Say {{name}}").await;
    assert!(ran.text().contains("Hello."), "{}", ran.text());
    let prompt = rig.cell_as(Asks::Batch, "x = 1").await;
    assert!(prompt.text().contains("A prompt."), "{}", prompt.text());
}

#[tokio::test]
async fn j4_where_nobody_watches_an_unfilled_name_fails_and_a_person_is_told() {
    let mut rig = Rig::start("# /Say/\n\nHello.\n").await;
    rig.cell_as(Asks::Batch, "%set city Oslo").await;
    let failed = rig
        .cell_as(Asks::Batch, "%effort high\nSay {{citty}} {{x.y}}")
        .await;
    assert_eq!(failed.reply()["ename"], "NameError");
    assert_eq!(
        failed.reply()["evalue"],
        "nothing fills `{{citty}}` (and 1 more): there is no variable `citty`. Did you mean `{{city}}`?"
    );
    assert_eq!(asked(&rig).await.len(), 0);
    let fine = rig
        .cell_as(Asks::Batch, "Say \\{{citty}} {{ a | upper }}")
        .await;
    assert_eq!(fine.reply()["status"], "ok", "{}", fine.transcript());
    assert!(
        asked(&rig).await[0]
            .to_string()
            .contains("Say {{citty}} {{ a | upper }}")
    );
    // The cell that failed changed nothing.
    assert!(!asked(&rig).await[0].to_string().contains("high"));
    for asks in [Asks::Lab, Asks::Console] {
        let told = rig.cell_as(asks, "Say {{citty}}").await;
        assert_eq!(told.reply()["status"], "ok");
        assert!(
            told.text()
                .replace('\n', " ")
                .contains("Did you mean `{{city}}`?"),
            "{}",
            told.text()
        );
    }
}

#[tokio::test]
async fn j10_a_person_leaves_a_terminal_by_the_words_for_it() {
    let mut rig = Rig::start("# Say hello\n\nHello.\n").await;
    for code in ["exit", "quit", " exit() ", "%exit", "quit;"] {
        let ran = rig.cell_as(Asks::Console, code).await;
        assert_eq!(
            ran.reply()["payload"],
            json!([{"source": "ask_exit", "keepkernel": false}]),
            "{code}"
        );
    }
    assert_eq!(asked(&rig).await.len(), 0);
    let lab = rig.cell_as(Asks::Lab, "%exit").await;
    assert_eq!(lab.reply()["ename"], "MagicError");
    let prompt = rig.cell_as(Asks::Console, "Say hello").await;
    assert_eq!(prompt.reply()["payload"], json!([]));
}
