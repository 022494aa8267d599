//! The README's generated tables. `UPDATE_EXPECT=1` writes them, as it does for snapshots.

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

/// Compares what stands between `<!-- NAME:begin -->` and `<!-- NAME:end -->` with `expected`.
pub(crate) fn check_table(name: &str, expected: &str) {
    let readme = std::fs::read_to_string(PATH).unwrap();
    let (begin, end) = (
        format!("<!-- {name}:begin -->\n"),
        format!("\n<!-- {name}:end -->"),
    );
    let (before, rest) = readme.split_once(&begin).unwrap();
    let (table, after) = rest.split_once(&end).unwrap();
    if table == expected {
        return;
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(PATH, format!("{before}{begin}{expected}{end}{after}")).unwrap();
        return;
    }
    assert_eq!(
        table, expected,
        "README.md is out of date; UPDATE_EXPECT=1 corrects it"
    );
}
