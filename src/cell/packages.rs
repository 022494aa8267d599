//! `%packages`: what Claude's sandbox has installed, as it told, or else as it is documented. Pure.

use super::nearest::{nearest, quoted};
use super::shown::{Part, Shown};
use crate::chat::packages::{GROUPS, INSTEAD, canonical, instead, is_documented, normal};

/// A package that was found in the sandbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// As its author writes it.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// Reads `name==version` lines; other lines are left out. Sorted by name.
#[must_use]
pub fn read(listing: &str) -> Vec<Installed> {
    let mut found: Vec<Installed> = listing
        .lines()
        .filter_map(|line| {
            let (name, version) = line.trim().split_once("==")?;
            let plain = |text: &str| {
                let mut chars = text.chars();
                !text.is_empty()
                    && text.len() <= MAX_WORD
                    && chars.all(|c| c.is_ascii_alphanumeric() || "._-+!".contains(c))
            };
            (plain(name) && plain(version)).then(|| Installed {
                name: name.to_owned(),
                version: version.to_owned(),
            })
        })
        .take(MAX_PACKAGES)
        .collect();
    found.sort_by_key(|package| normal(&package.name));
    found.dedup_by_key(|package| normal(&package.name));
    found
}

/// Writes what [`read`] reads.
#[must_use]
pub fn listing(installed: &[Installed]) -> String {
    let lines = installed.iter();
    lines
        .map(|one| format!("{}=={}\n", one.name, one.version))
        .collect()
}

/// The longest name or version taken, in bytes.
const MAX_WORD: usize = 100;
/// Packages that are kept; a sandbox has some hundred.
const MAX_PACKAGES: usize = 2_000;

/// Returns a question that names the packages a name is nearly that of, or nothing.
fn did_you_mean(wanted: &str, installed: Option<&[Installed]>) -> String {
    let documented = GROUPS.iter().flat_map(|(_, names)| *names).copied();
    let near = match installed {
        Some(all) => nearest(wanted, all.iter().map(|one| one.name.as_str())),
        None => nearest(wanted, documented),
    };
    quoted(&near, "").map_or_else(String::new, |names| format!(" Did you mean {names}?"))
}

/// Answers for one package: by what was found if that is known, else by what is documented.
#[must_use]
pub fn about(name: &str, installed: Option<&[Installed]>) -> Shown {
    let wanted = canonical(name);
    let shown = Part::code(name.trim());
    let shown = shown.as_markdown();
    let found = installed.and_then(|all| all.iter().find(|one| normal(&one.name) == wanted));
    let near = did_you_mean(&wanted, installed);
    let text = match (found, installed) {
        (Some(package), _) => format!(
            "{shown} is in the sandbox: {} {}.",
            Part::code(&package.name).as_markdown(),
            package.version
        ),
        (None, None) if is_documented(&wanted) => format!(
            "{shown} is in the sandbox, as documented. `%packages` asks the sandbox for the versions, once."
        ),
        (None, None) if instead(name).is_none() => format!(
            "{shown} is not among the documented packages of the sandbox, and nothing can be installed there.{near} \
`%packages` asks the sandbox what it has, once."
        ),
        (None, _) => {
            let instead = instead(name).map_or_else(
                || "Nothing can be installed there: ask Claude to do without".to_owned(),
                |clause| format!("Instead: {clause}"),
            );
            format!("{shown} is not in the sandbox.{near} {instead}.")
        }
    };
    Shown::default().paragraph(&text)
}

/// Shows all packages: the documented ones by what they are for, then the others.
#[must_use]
pub fn list(installed: &[Installed]) -> Shown {
    let version = |name: &str| {
        let found = installed.iter().find(|one| normal(&one.name) == name);
        found.map(|one| format!("{} {}", one.name, one.version))
    };
    let rows: Vec<Vec<Part>> = GROUPS
        .iter()
        .filter_map(|(purpose, names)| {
            let found: Vec<String> = names.iter().filter_map(|name| version(name)).collect();
            let row = vec![Part::text(purpose), Part::text(&found.join(", "))];
            (!found.is_empty()).then_some(row)
        })
        .collect();
    let python = version("python").map_or(String::new(), |python| format!("{python}, "));
    let others: Vec<&Installed> = installed
        .iter()
        .filter(|one| !is_documented(&normal(&one.name)) && normal(&one.name) != "python")
        .collect();
    let count = installed
        .iter()
        .filter(|one| normal(&one.name) != "python")
        .count();
    let mut shown = Shown::default().paragraph(&format!(
        "The sandbox has {python}{count} packages. Nothing can be added: it has no internet."
    ));
    if !rows.is_empty() {
        shown = shown.table(&["for", "packages"], &rows);
    }
    if !others.is_empty() {
        let names: Vec<String> = others
            .iter()
            .map(|one| format!("{} {}", one.name, one.version))
            .collect();
        let names = Part::text(&names.join(", "));
        shown = shown.line("Also there", &names);
    }
    let missing: Vec<&str> = INSTEAD
        .iter()
        .filter_map(|(names, _)| names.first().copied())
        .filter(|name| version(name).is_none())
        .take(SHOWN_MISSING)
        .collect();
    shown.paragraph(&format!(
        "Not there, among others: {}. `%packages NAME` says what serves instead.",
        missing.join(", ")
    ))
}

/// Packages named as missing.
const SHOWN_MISSING: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listings_are_read_line_by_line() {
        let listing = "python==3.11.9\nNumPy==2.1.0\nbroken\n evil name==1\nx==<script>\npandas==2.2.3+local\nnumpy==1\n";
        let names: Vec<String> = read(listing)
            .into_iter()
            .map(|one| format!("{} {}", one.name, one.version))
            .collect();
        assert_eq!(
            names,
            ["NumPy 2.1.0", "pandas 2.2.3+local", "python 3.11.9"]
        );
    }

    #[test]
    fn one_package_is_answered_for_by_what_is_known() {
        let found = read("scikit_learn==1.5.2\npython==3.11.9");
        for (name, installed, expected) in [
            (
                "sklearn",
                Some(&found),
                "sklearn is in the sandbox: scikit_learn 1.5.2.",
            ),
            ("pandas", None, "pandas is in the sandbox, as documented."),
            (
                "pandas",
                Some(&found),
                "pandas is not in the sandbox. Nothing can be installed",
            ),
            (
                "plotly",
                None,
                "plotly is not in the sandbox. Instead: matplotlib and seaborn",
            ),
            (
                "plotly.express",
                Some(&found),
                "plotly.express is not in the sandbox. Instead:",
            ),
            ("cv2", None, "cv2 is not in the sandbox. Instead: pillow"),
            (
                "numpyy",
                None,
                "numpyy is not among the documented packages of the sandbox, and nothing can be installed there. Did you mean numpy?",
            ),
            (
                "scikit-lern",
                Some(&found),
                "scikit-lern is not in the sandbox. Did you mean scikit_learn?",
            ),
            (
                "frobnicate",
                None,
                "frobnicate is not among the documented packages",
            ),
        ] {
            let shown = about(name, installed.map(Vec::as_slice))
                .plain
                .replace('\n', " ");
            assert!(shown.starts_with(expected), "{name}: {shown}");
        }
    }

    #[test]
    fn the_list_groups_what_is_documented_and_names_the_rest() {
        let shown = list(&read(
            "python==3.11.9\npandas==2.2.3\nnumpy==2.1.0\nattrs==24.1",
        ))
        .plain;
        assert!(
            shown.starts_with("The sandbox has python 3.11.9, 3 packages."),
            "{shown}"
        );
        assert!(
            shown.contains("data and statistics  pandas 2.2.3, numpy 2.1.0"),
            "{shown}"
        );
        assert!(shown.contains("Also there: attrs 24.1"), "{shown}");
        assert!(shown.contains("plotly"), "{shown}");
    }
}
