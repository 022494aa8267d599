//! What Claude may use: `%bash`, `%python`, `%tools`, `%beta`.

use claude_kernel::anthropic::model::Models;
use claude_kernel::chat::params;
use claude_kernel::chat::settings::Languages;
use claude_kernel::chat::tool_types::{TOOL_TYPES, is_dated, tool_entry, tool_name};
use serde_json::json;

use super::{refused, settings_after, warned};

fn languages(bash: bool, python: bool) -> Languages {
    Languages { bash, python }
}

#[test]
fn languages_are_instructions_until_both_are_off() {
    assert_eq!(
        settings_after("%bash\n%python").languages,
        languages(true, true)
    );
    assert_eq!(
        settings_after("%bash off").languages,
        languages(false, true)
    );
    assert_eq!(
        settings_after("%bash only").languages,
        languages(true, false)
    );
    assert_eq!(
        settings_after("%bash only\n%python").languages,
        languages(true, true)
    );
    assert_eq!(settings_after("%python only").instructions().len(), 1);
    assert!(settings_after("%python only").instructions()[0].contains("Python only"));
    let off = warned(
        "%bash off\n%python off",
        &["both languages are off: Claude can run no code"],
    );
    assert_eq!((off.tool_types().len(), off.instructions().len()), (0, 0));
    refused(
        "%bash maybe",
        "`%bash` does not take `maybe`",
        "It takes on, off or only; alone it means on.",
    );
}

#[test]
fn tools_by_word_and_by_type() {
    let types = |source: &str| {
        params::tools(&settings_after(source), &Models::default())
            .iter()
            .map(|entry| entry["type"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(types("%tools bash python"), ["code_execution_20260521"]);
    assert_eq!(
        settings_after("%tools python").languages,
        languages(false, true)
    );
    assert_eq!(types("%tools none"), [""; 0]);
    assert_eq!(types("%tools none\n%bash"), ["code_execution_20260521"]);
    assert_eq!(types("%tools web"), ["web_search_20260318"]);
    assert_eq!(
        types("%tools web\n%python"),
        ["code_execution_20260521", "web_search_20260318"]
    );
    assert_eq!(
        types("%tools bash, fetch"),
        ["code_execution_20260521", "web_fetch_20260318"]
    );
    assert_eq!(
        types("%tools code_execution_20250825"),
        ["code_execution_20250825"]
    );
    assert_eq!(
        types("%tools code_execution_20250825\n%tools default"),
        ["code_execution_20260521"]
    );
    let legacy =
        settings_after("%tools code_execution_20250522\n%beta add task-budgets-2026-03-13");
    assert_eq!(
        legacy.all_betas(&Models::default()),
        ["code-execution-2025-05-22", "task-budgets-2026-03-13"]
    );
    assert_eq!(
        tool_entry(legacy.tool_types()[0]),
        json!({"type": "code_execution_20250522", "name": "code_execution"})
    );
    let new = warned(
        "%tools oracle_20270101",
        &["`oracle_20270101` is not a type this kernel knows: it is sent as it is, named `oracle`"],
    );
    assert_eq!(new.tool_types(), ["oracle_20270101"]);
    refused(
        "%tools code_execution_20250522 code_execution_20250825",
        "`code_execution_20250522` and `code_execution_20250825` are both named `code_execution` and cannot be sent together",
        "Choose one of them.",
    );
    refused(
        "%tools bash_20250124",
        "`bash_20250124` is not sent: it would run on this machine",
        "`%tools bash` gives Claude a shell in its own sandbox. `%tools` lists the types.",
    );
    refused(
        "%tools none bash",
        "`%tools` takes `none` alone, not beside other words",
        "Name the tools you want and leave the word out.",
    );
    refused(
        "%tools hammer",
        "`%tools` does not know `hammer`",
        "It takes bash, python, web, fetch, none, default, or a dated type such as `code_execution_20260521`.",
    );
}

#[test]
fn the_table_of_tool_types_is_sound() {
    for tool in TOOL_TYPES {
        assert!(is_dated(tool.id), "{}", tool.id);
        assert_eq!(tool_name(tool.id), tool.name);
    }
}

#[test]
fn betas_are_added_and_removed() {
    let set = settings_after(
        "%beta add task-budgets-2026-03-13 compact-2026-09-04\n%beta task-budgets-2026-03-13",
    );
    assert_eq!(set.betas, ["task-budgets-2026-03-13", "compact-2026-09-04"]);
    assert_eq!(
        settings_after("%beta add task-budgets-2026-03-13\n%beta rm task-budgets-2026-03-13").betas,
        [""; 0]
    );
    assert_eq!(
        settings_after("%beta add task-budgets-2026-03-13\n%beta clear").betas,
        [""; 0]
    );
    warned(
        "%beta fast-mode-2026-02-02",
        &[
            "`fast-mode-2026-02-02` is not a beta this kernel knows: it is sent as it is (did you mean `fast-mode-2026-02-01`?)",
        ],
    );
    warned(
        "%beta files-api-2025-04-14",
        &[
            "`files-api-2025-04-14` selects an older form of answers: files may no longer be shown; `%beta rm files-api-2025-04-14` takes it back",
        ],
    );
    refused(
        "%beta rm fast-mode-2026-02-01",
        "`fast-mode-2026-02-01` was not set by `%beta`",
        "None is set by hand.",
    );
    refused(
        "%beta add",
        "`%beta add` needs a name",
        "Write `%beta add NAME` or `%beta rm NAME`.",
    );
    refused(
        "%beta \"evil\r: header\"",
        "`\"evil` is not the name of a beta",
        "Names look like `fast-mode-2026-02-01`; completion lists those the kernel knows.",
    );
}
