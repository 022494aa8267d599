//! The web: what goes on the wire, what is cited, what its limits do; skills and progress notes.

use serde_json::{Value, json};

use crate::support::rig::{Ran, Rig, asked};

const SCRIPT: &str = "# Research\n\n\
     ```search good practice\nhttps://a.org/one | First page | It says one.\nhttps://b.org/two | Second page | It says two.\n```\n\n\
     Plain. One is so.[^1] And two as well.[^1][^2]\n\n\
     # Research twice\n\n\
     ```search one\nhttps://a.org/one | First page | It says one.\n```\n\n\
     ```search two\nhttps://b.org/two | Second page | It says two.\n```\n\nDone.\n\n\
     # Read https://a.org/one\n\n```fetch https://a.org/one\nFirst page\nAll of it.\n```\n\nRead.\n\n\
     # Say hello\n\n> I will be brief.\n\nHello.\n\n\
     # Work\n\n> First I look.\n\n```bash\necho seen\n```\n\n> Now I know.\n\nDone.\n";

/// All that is shown, as Markdown.
fn markdown(ran: &Ran) -> String {
    let shown = ran.iopub("display_data");
    let shown = shown
        .iter()
        .filter_map(|content| content["data"]["text/markdown"].as_str());
    shown.collect::<Vec<_>>().join("\n")
}

#[tokio::test]
async fn an_answer_cites_its_sources_by_number() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%web max_uses=3\nResearch").await;
    let text = ran.text();
    assert!(text.contains("Web search - good practice"), "{text}");
    assert!(
        text.contains("One is so. [[1]](https://a.org/one) And two as well. [[1]](https://a.org/one) [[2]](https://b.org/two)"),
        "{text}"
    );
    assert!(text.contains("1. First page <https://a.org/one>"), "{text}");
    assert!(text.contains("1 search"), "{text}");
    let tools = &asked(&rig).await[0]["tools"];
    assert_eq!(
        tools[1],
        json!({"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"], "max_uses": 3})
    );
    // What was searched goes back, encrypted content and all.
    let next = rig.cell("Say hello").await;
    assert_eq!(next.reply()["status"], "ok", "{}", next.transcript());
    assert_eq!(asked(&rig).await.len(), 2, "no repair was needed");
}

/// Titles and addresses that would be something else as Markdown or HTML.
const HOSTILE: &str = "# Ask them\n\n\
     ```search q <b>\nhttps://a.org/x?y=1&z=(2) | A [b](https://evil.org) *c* <img src=x onerror=alert(1)> $5 $6 | a\n\
     javascript:alert(1) | Click | b\ndata:text/html,<script>1</script> | Data | c\n\
     https://a.org/x?y=1&z=(2) | The same by another name | d\n```\n\n\
     One.[^1] Two.[^2][^3][^1] Three.[^4]\n\n- item[^1]\n- other[^4]\n\nEnd.\n\n\
     # Read https://a.org/one\n\n```fetch https://a.org/one\nFirst <page>\nAll of it.\n```\n\nSo it says.[^1]\n\n\
     # Read another\n\n```fetch https://nobody.org/\nX\nY\n```\n\nNo.\n";

#[tokio::test]
async fn sources_are_links_and_nothing_else() {
    let mut rig = Rig::start(HOSTILE).await;
    let ran = rig.cell("%web on\nAsk them").await;
    let shown = markdown(&ran);
    let link = "(https://a.org/x?y=1&amp;z=%282%29)";
    assert!(
        shown.contains(&format!(
            "One. [[1]]{link} Two. [2] [3] [[1]]{link} Three. [[1]]{link}\n\n- item [[1]]{link}\n- other [[1]]{link}\n\nEnd."
        )),
        "{shown}"
    );
    assert!(shown.contains("<summary>Sources (3)</summary>"), "{shown}");
    for bad in [
        "](javascript",
        "](data:",
        "<img",
        "<script",
        "](https://evil",
    ] {
        assert!(!shown.contains(bad), "{bad}: {shown}");
    }
}

#[tokio::test]
async fn a_page_that_was_read_is_cited_by_its_address() {
    let mut rig = Rig::start(HOSTILE).await;
    let ran = rig.cell("%web fetch\nRead https://a.org/one").await;
    let shown = markdown(&ran);
    assert!(
        shown.contains("So it says. [[1]](https://a.org/one)"),
        "{shown}"
    );
    assert!(
        shown.contains("1. [First &#60;page&#62;](https://a.org/one)"),
        "{shown}"
    );
    let ran = rig.cell("Read another").await;
    assert!(
        ran.text().contains("write it in the prompt"),
        "{}",
        ran.text()
    );
}

#[tokio::test]
async fn there_are_never_two_searches_or_two_sandboxes() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig
        .cell("%tools web_search_20250305\n%web max_uses=2\nSay hello")
        .await;
    assert!(
        ran.text()
            .contains("this replaces `web_search_20250305`, which `%tools` had set"),
        "{}",
        ran.text()
    );
    // In a conversation of their own: tools that change are told in a message.
    for tools in [
        "%tools web_search_20250305\n%web off",
        "%tools python web_search_20260209",
    ] {
        rig.cell("%reset chat").await;
        rig.cell(&format!("{tools}\nSay hello")).await;
    }
    let mut alone = Rig::start(SCRIPT).await;
    alone.cell("%tools web_search_20260209\nSay hello").await;
    let mut oldest = Rig::start(SCRIPT).await;
    oldest.cell("%tools web_search_20250305\nSay hello").await;
    // The sandbox of the cells before stays, so that what comes later may not bring another.
    let mut later = Rig::start(SCRIPT).await;
    later.cell("Say hello").await;
    later.cell("%tools web_search_20260209\nSay hello").await;
    let told = asked(&later).await[1]["messages"].to_string();
    let mut bodies = asked(&rig).await;
    bodies.extend(asked(&alone).await);
    bodies.extend(asked(&oldest).await);
    let tools: Vec<Value> = bodies.iter().map(|body| body["tools"].clone()).collect();
    let direct =
        json!({"type": "web_search_20260209", "name": "web_search", "allowed_callers": ["direct"]});
    assert_eq!(
        tools,
        [
            json!([{"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"], "max_uses": 2}]),
            Value::Null,
            json!([{"type": "code_execution_20260521", "name": "code_execution"}, direct]),
            json!([direct]),
            json!([{"type": "web_search_20250305", "name": "web_search"}]),
        ]
    );
    assert!(told.contains(&tools[3][0].to_string()), "{told}");
}

#[tokio::test]
async fn domains_are_taken_as_people_type_them() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell("%%web allow=HTTPS://A.org/, münchen.de allow = docs.rs/Serde\nSay hello")
        .await;
    rig.cell("%%web\nSay hello").await;
    let bodies = asked(&rig).await;
    assert_eq!(
        bodies[0]["tools"][1]["allowed_domains"],
        json!(["a.org", "xn--mnchen-3ya.de", "docs.rs/Serde"])
    );
    assert_eq!(bodies[1]["tools"][1]["name"], "web_search");
}

#[tokio::test]
async fn limits_are_the_apis_and_the_answer_goes_on() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%web max_uses=1\nResearch twice").await;
    assert!(ran.text().contains("max_uses_exceeded"), "{}", ran.text());
    assert!(ran.text().contains("Done."), "{}", ran.text());
    let ran = rig.cell("%%web block=b.org\nResearch").await;
    assert!(!ran.text().contains("b.org"), "{}", ran.text());
    let ran = rig.cell("%%web fetch\nRead https://a.org/one").await;
    assert!(ran.text().contains("Read."), "{}", ran.text());
    assert_eq!(ran.reply()["status"], "ok");
}

#[tokio::test]
async fn domains_that_leave_nothing_are_refused_before_the_call() {
    let mut rig = Rig::start(SCRIPT).await;
    for cell in [
        "%web allow=a.org block=a.org\nResearch",
        "%web allow=\nResearch",
        "%web allow=nonsense\nResearch",
        "%web max_uses=0\nResearch",
        "%web off fetch\nResearch",
        "%web dark\nResearch",
    ] {
        let ran = rig.cell(cell).await;
        assert_eq!(ran.reply()["ename"], "MagicError", "{cell}");
    }
    assert_eq!(asked(&rig).await, Vec::<Value>::new());
}

#[tokio::test]
async fn skills_go_with_the_sandbox() {
    let mut rig = Rig::start(SCRIPT).await;
    rig.cell("%skills add docx xlsx@20251013\nWork").await;
    rig.cell("Work").await;
    rig.cell("%skills clear\nWork").await;
    let bodies = asked(&rig).await;
    let skills = json!([
        {"type": "anthropic", "skill_id": "docx", "version": "latest"},
        {"type": "anthropic", "skill_id": "xlsx", "version": "20251013"},
    ]);
    assert_eq!(bodies[0]["container"], json!({"skills": skills}));
    assert_eq!(bodies[1]["container"]["skills"], skills);
    assert!(bodies[1]["container"]["id"].is_string());
    assert!(bodies[2]["container"].is_string());
    let ran = rig.cell("%skills add docs").await;
    assert!(
        ran.transcript().contains("there is no skill"),
        "{}",
        ran.transcript()
    );
    assert_eq!(bodies.len(), 3, "no repair was needed");
}

#[tokio::test]
async fn progress_notes_are_shown_as_they_come_and_thinking_is_not() {
    let mut rig = Rig::start(SCRIPT).await;
    let ran = rig.cell("%thinking notes\nWork").await;
    let text = ran.text();
    assert!(text.contains("Now I know."), "{text}");
    assert!(!text.contains("First I look."), "{text}");
    assert!(!text.contains("Thinking"), "{text}");
    let sent = rig.emulator.faults().requests().await.unwrap();
    let headers = format!("{:?}", sent[0].headers);
    assert!(
        headers.contains("thinking-display-updates-2026-08-18"),
        "{headers}"
    );
    let refused = rig
        .cell("%model claude-sonnet-4-6\n%thinking notes\nWork")
        .await;
    assert_eq!(refused.reply()["ename"], "MagicError");
}
