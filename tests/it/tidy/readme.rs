//! The README's table of settings, held to the registry it describes.

use std::fmt::Write as _;

use claude_kernel::config::KEYS;

/// The table as the README must have it.
fn settings_table() -> String {
    let mut table = String::from("| Key | Variable | Default | Meaning |\n|---|---|---|---|\n");
    for key in KEYS {
        let help = key.help.replace('|', "\\|");
        writeln!(
            table,
            "| `{}` | `{}` | {} | {help} |",
            key.name,
            key.variable(),
            key.default
        )
        .unwrap();
    }
    table
}

#[test]
fn the_readme_holds_every_setting() {
    let readme = super::read("README.md");
    let (_, after) = readme.split_once("<!-- config:begin -->\n").unwrap();
    let (table, _) = after.split_once("<!-- config:end -->").unwrap();
    assert_eq!(
        table,
        settings_table(),
        "README.md is out of date; the table should be:\n{}",
        settings_table()
    );
}
