//! The README's table of settings, held to the registry it describes.

use std::fmt::Write as _;

use claude_kernel::config::KEYS;

use crate::support::readme::check_table;

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
    check_table("config", settings_table().trim_end());
}
