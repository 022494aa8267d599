//! Slips of the pen: what is warned of, and values that are nearly right.

use claude_kernel::cell::parse::{Cell, parse};
use claude_kernel::cell::slips::slips;
use claude_kernel::chat::settings::Settings;

use super::{refused, run};

#[test]
fn a_setting_for_a_cell_without_a_prompt_is_pointed_out() {
    assert_eq!(
        warning("%bash\n%%effort max").as_deref(),
        Some(
            "`%%effort` holds for this cell only, and this cell has no prompt: `%effort max` holds from here on"
        )
    );
    for source in [
        "%%effort max\nHello",
        "%effort max",
        "%%effort",
        "%%set x\ny",
        "%%dry",
        "%%nothing x",
    ] {
        assert_eq!(warning(source), None, "{source}");
    }
}

/// What a cell is warned of, with the settings it makes.
fn warning(source: &str) -> Option<String> {
    let Cell::Turn { magics, prompt } = parse(source) else {
        return None;
    };
    let settings = run(source).map_or_else(|_| Settings::default(), |(settings, _)| settings);
    let all = slips(&magics, &prompt, &settings);
    assert!(all.len() <= 1, "{all:?}");
    all.into_iter().next()
}

#[test]
fn code_below_a_language_is_told_from_a_prompt() {
    assert_eq!(
        warning("%%bash\nls -la").as_deref(),
        Some(
            "`%%bash` lets Claude use bash and runs nothing itself: what stands below it is a prompt. \
             `%%exec bash` runs it as it stands"
        )
    );
    for source in [
        "%python\nprint(1)",
        "%effort high\n%%python\nimport os\nprint(os.getcwd())",
    ] {
        let warning = warning(source).unwrap();
        assert!(
            warning.ends_with("`%%exec python` runs it as it stands"),
            "{warning}"
        );
    }
    for source in [
        "%bash\nList the files with their sizes.",
        "%bash\nls: what does it do?",
        "%python\nThe first 50 primes",
        "%bash\n%%exec bash\nls",
        "%bash off\nls",
        "ls",
        "%%exec python\nprint(1)",
        "%python",
    ] {
        assert_eq!(warning(source), None, "{source}");
    }
}

#[test]
fn showing_the_web_is_not_turning_it_on() {
    assert_eq!(
        warning("%web\nWho won?").as_deref(),
        Some("`%web` alone shows the setting, and the web is off: `%web on` turns it on")
    );
    for source in [
        "%web",
        "%web on\n%web\nWho won?",
        "%web on\nWho won?",
        "%%web\nWho won?",
    ] {
        assert_eq!(warning(source), None, "{source}");
    }
}

#[test]
fn a_value_that_is_nearly_one_is_named() {
    for (source, meant) in [
        ("%web onn", "`on`"),
        ("%web max_use=3", "`max_uses`"),
        ("%web fecth", "`fetch`"),
        ("%web max_uses=2 alow=a.org", "`allow`"),
        ("%tools wbe", "`web`"),
        ("%tools bash,pyhton", "`python`"),
        ("%effort hgih", "`high`"),
        ("%effort HIHG", "`high`"),
        ("%thinking shwo", "`show`"),
        ("%thinking show --interleavd", "`--interleaved`"),
        ("%skills add xslx", "`xlsx`"),
        ("%skills ad docx", "`add`"),
        ("%bash onlly", "`only`"),
        ("%reset sandbx", "`sandbox`"),
        ("%system --presett fast", "`--preset`"),
        ("%models refrsh", "`refresh`"),
        ("%mcp lst", "`list`"),
        ("%beta aadd fast-mode-2026-02-01", "`add`"),
        ("%budget of", "`off`"),
        ("%max_tokens defalt", "`default`"),
        ("%history al", "`all`"),
        ("%compact aut", "`auto`"),
        ("%%exec bsh\nls", "`bash`"),
    ] {
        let error = run(source).unwrap_err();
        let lead = format!("Did you mean {meant}? ");
        assert!(error.hint.starts_with(&lead), "{source}: {error:?}");
    }
    // What is far from all is not guessed at, and nothing is said twice.
    for source in ["%web dark", "%effort enormous", "%bash maybe"] {
        let error = run(source).unwrap_err();
        assert!(!error.hint.contains("Did you mean"), "{source}: {error:?}");
    }
    let twice = run("%system --preset analysst").unwrap_err();
    assert_eq!(twice.hint.matches("Did you mean").count(), 1);
}

#[test]
fn the_name_of_a_preset_alone_is_no_text() {
    for source in [
        "%system analyst",
        "%system preset Fast",
        "%system --append lowmem",
    ] {
        let error = run(source).unwrap_err();
        assert!(
            error.hint.contains("`%system --preset "),
            "{source}: {error:?}"
        );
    }
    let names = |source: &str| run(source).unwrap().0;
    for source in [
        "%system --preset analyst lowmem",
        "%system --preset analyst,lowmem",
        "%system --preset analyst, lowmem",
        "%system --preset analyst --preset lowmem",
    ] {
        let settings = names(source);
        assert_eq!(settings.presets, ["analyst", "lowmem"], "{source}");
        assert_eq!(settings.system, None, "{source}");
    }
    let settings = names("%system --preset analyst fast answers, please");
    assert_eq!(settings.presets, ["analyst"]);
    assert_eq!(settings.system.as_deref(), Some("fast answers, please"));
}

#[test]
fn what_ipython_runs_is_pointed_at_the_sandbox() {
    for source in [
        "%%sh\nls",
        "%ls",
        "%cd /tmp",
        "!ls -la",
        "%%script bash\nls",
    ] {
        let error = run(source).unwrap_err();
        assert!(
            error.hint.contains("below `%%exec bash`"),
            "{source}: {error:?}"
        );
    }
    let error = run("!pip install plotly").unwrap_err();
    assert!(error.hint.contains("`%packages NAME`"), "{error:?}");
    refused(
        "%%exec bash ls -la",
        "`%%exec` takes one value, not `bash ls -la`",
        "Write `%%exec bash|python`; the text begins on the next line.",
    );
}
