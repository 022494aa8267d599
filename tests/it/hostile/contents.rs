//! Pages, drawings and answers that want to act.

use serde_json::json;

use super::{check_harmless, corpus, making, shown};
use crate::support::rig::{Asks, Rig};

#[tokio::test]
async fn pages_and_drawings_are_saved_as_they_are_and_nothing_of_them_is_in_the_notebook() {
    let (page, drawing) = (corpus("page.html"), corpus("drawing.svg"));
    let script = making(&[
        ("page.html", &page),
        ("PAGE.HTM", &page),
        ("page.xhtml", &page),
        // Only the content tells.
        ("page.txt", &page),
        ("page.csv", &page),
        ("drawing.svg", &drawing),
    ]);
    let mut rig = Rig::start(&script).await;
    let ran = rig.cell("Make them").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
    check_harmless(&ran);
    for file in ran.files() {
        let path = file["path"].as_str().unwrap();
        let held = std::fs::read(rig.directory.path().join(path)).unwrap();
        assert!(held == page || held == drawing, "{path}");
    }
    let all: Vec<String> = shown(&ran).into_iter().map(|(_, text)| text).collect();
    let all = all.concat();
    assert!(!all.contains("hostile"), "{all}");
    assert_eq!(
        all.matches("a web page can run scripts").count(),
        10,
        "{all}"
    );
    assert!(
        all.contains("![drawing.svg](claude_files/drawing.svg)"),
        "{all}"
    );
}

#[tokio::test]
async fn an_answer_and_a_file_of_hostile_markdown_are_text() {
    let answer = String::from_utf8(corpus("answer.md")).unwrap();
    let block = json!({"type": "text", "text": answer, "citations": null});
    let script = format!(
        "{}\n# Say it\n\n```json block\n{block}\n```\n",
        making(&[
            ("answer.md", answer.as_bytes()),
            ("notes.txt", answer.as_bytes())
        ])
    );
    let mut rig = Rig::start(&script).await;
    for asks in [Asks::Batch, Asks::Lab, Asks::Console] {
        for prompt in ["Say it", "Make them"] {
            let ran = rig.cell_as(asks, prompt).await;
            assert_eq!(ran.reply()["status"], "ok", "{}", ran.transcript());
            for target in check_harmless(&ran) {
                let fine = target.starts_with("claude_files/")
                    || target.starts_with("https://evil.example/pixel.png");
                assert!(fine, "{target}");
            }
        }
    }
    // Nothing was lost: the plain text is the answer.
    let plain: String = shown(&rig.cell("Say it").await)
        .into_iter()
        .filter(|(mime, _)| mime == "text/plain")
        .map(|(_, text)| text)
        .collect();
    assert!(plain.contains(&answer), "{plain}");
}

#[tokio::test]
async fn a_spreadsheet_of_markdown_is_a_table_of_text() {
    let cells = "name,<script>alert(1)</script>\n\
                 [x](javascript:alert(1)),a|b`c$d\n\
                 \"line\nbreak\",\u{202e}turned\n\
                 \u{1b}[31mred,=HYPERLINK(\"https://evil.example\")\n";
    let mut rig = Rig::start(&making(&[("t.csv", cells.as_bytes())])).await;
    for asks in [Asks::Batch, Asks::Lab, Asks::Console] {
        let ran = rig.cell_as(asks, "Make them").await;
        check_harmless(&ran);
    }
    let ran = rig.cell("Make them").await;
    assert!(ran.text().contains("3 rows, 2 columns"), "{}", ran.text());
}
