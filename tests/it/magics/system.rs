//! `%system` and its presets.

use claude_kernel::cell::magic::Effect;
use claude_kernel::cell::magics::system::with_text;
use claude_kernel::chat::presets::PRESETS;
use claude_kernel::chat::settings::Settings;

use super::{refused, run, settings_after};

#[test]
fn system_takes_text_presets_and_files() {
    let system = |source: &str| settings_after(source).system;
    assert_eq!(system("%system Be terse.").as_deref(), Some("Be terse."));
    assert_eq!(
        system("%%system\nBe terse.\n\nAlways.\n").as_deref(),
        Some("Be terse.\n\nAlways.")
    );
    assert_eq!(
        system("%%system\n\\%effort is a magic.").as_deref(),
        Some("%effort is a magic.")
    );
    assert_eq!(
        system("%system One.\n%system --append Two.").as_deref(),
        Some("One.\n\nTwo.")
    );
    assert_eq!(
        system("%system One.\n%%system --append\nTwo.").as_deref(),
        Some("One.\n\nTwo.")
    );
    assert_eq!(
        system("%system One.\n%system Two.").as_deref(),
        Some("Two.")
    );
    assert_eq!(system("%system --append One.").as_deref(), Some("One."));
    let presets = settings_after(
        "%system --preset analyst\n%system --append --preset lowmem,fast\n%system Be terse.",
    );
    assert_eq!(presets.presets, ["analyst", "lowmem", "fast"]);
    assert_eq!(presets.instructions().len(), 4);
    assert_eq!(presets.instructions()[3], "Be terse.");
    let cleared = settings_after("%system Be terse.\n%system --preset fast\n%system --clear");
    assert_eq!(cleared, Settings::default());
    let (_, effects) = run("%system --append --file \"my prompt.txt\"").unwrap();
    assert_eq!(
        effects,
        [Effect::SystemFile {
            path: "my prompt.txt".to_owned(),
            append: true
        }]
    );
    assert_eq!(
        with_text(&settings_after("%system One."), "\n Two.\n", true)
            .system
            .as_deref(),
        Some("One.\n\nTwo.")
    );
}

#[test]
fn system_refuses_what_would_surprise() {
    refused(
        "%%system Be terse.\nWhat is 2+2?",
        "`%%system` takes the rest of the cell as its text, so the line itself can only hold `--append`",
        "Put `%system Be terse.` in a line of its own, with one percent sign.",
    );
    refused(
        "%%system --preset fast\nWhat is 2+2?",
        "`%%system` takes the rest of the cell as its text, so the line itself can only hold `--append`",
        "Put `%system --preset fast` in a line of its own, with one percent sign.",
    );
    refused(
        "%%system\n%effort high\nBe terse.",
        "`%%system` takes the rest of the cell as its text, so `%effort` below it would become text",
        "Put `%effort` above `%%system`, or in a cell of its own.",
    );
    refused(
        "%%system",
        "`%%system` has no text below it",
        "Write the text after it, or `%system --clear` to remove what is set.",
    );
    refused(
        "%system --append",
        "`%system --append` has no text",
        "Write the text after it, or `%system --clear` to remove what is set.",
    );
    refused(
        "%system --preset reproducable",
        "there is no preset `reproducable`",
        "Did you mean `reproducible`? Presets: analyst, clean-code, reproducible, recover, lowmem, fast.",
    );
    refused(
        "%system --preset",
        "`--preset` needs a name",
        "Presets: analyst, clean-code, reproducible, recover, lowmem, fast.",
    );
    refused(
        "%system --file",
        "`--file` needs a path",
        "Write `%system --file PATH`.",
    );
    refused(
        "%system --loud",
        "`%system` has no option `--loud`",
        "It has `--append`, `--clear`, `--file PATH` and `--preset NAME`.",
    );
    refused(
        "%system --clear Be terse.",
        "`%system --clear` stands alone",
        "A new text or preset replaces the old one without it.",
    );
}

#[test]
fn presets_are_texts_worth_sending() {
    for preset in PRESETS {
        assert!((200..1_000).contains(&preset.text.len()), "{}", preset.name);
        assert!(
            preset.text.ends_with('.')
                && !preset.text.contains('\n')
                && !preset.text.contains("  "),
            "{}",
            preset.name
        );
    }
}
