//! What kind of file something is, in a word or two for people: the API calls a CSV `text/plain`.
//!
//! The content counts before the name: an ending that means text counts only if the content is
//! text.

/// Returns the kind of a file by its media type and, for text and zip archives, by its ending.
#[must_use]
pub(crate) fn kind(name: &str, mime_type: &str) -> String {
    if let Some(image) = mime_type.strip_prefix("image/") {
        let image = image.trim_end_matches("+xml").trim_start_matches("x-");
        return format!("{} image", image.to_ascii_uppercase());
    }
    let ending = match name.rsplit_once('.') {
        Some((stem, ending)) if !stem.is_empty() => ending.to_ascii_lowercase(),
        _ => String::new(),
    };
    let word = match (is_text(mime_type), ending.as_str()) {
        _ if mime_type == "application/pdf" => "PDF",
        (true, "csv") => "CSV",
        (true, "tsv" | "tab") => "TSV",
        (true, "json" | "geojson") => "JSON",
        (true, "jsonl" | "ndjson") => "JSON lines",
        (true, "ipynb") => "notebook",
        (true, "md" | "markdown") => "Markdown",
        (true, "html" | "htm" | "xhtml") => "web page",
        (true, "xml") => "XML",
        (true, "yaml" | "yml") => "YAML",
        (true, "toml") => "TOML",
        (true, "sql") => "SQL",
        (true, "py") => "Python",
        (true, "r") => "R",
        (true, "sh" | "bash") => "shell script",
        (true, "log") => "log",
        (true, _) => "text",
        (false, "xlsx" | "xlsm" | "xls" | "xlsb" | "ods") => "spreadsheet",
        (false, "docx" | "doc" | "odt") => "text document",
        (false, "pptx" | "ppt" | "odp") => "slides",
        (false, "parquet") => "Parquet",
        (false, "feather" | "arrow") => "Arrow",
        (false, "sqlite" | "sqlite3" | "db") => "database",
        (false, "zip" | "gz" | "tgz" | "tar" | "bz2" | "xz" | "7z" | "zst") => "archive",
        (false, _) => "data",
    };
    word.to_owned()
}

fn is_text(mime_type: &str) -> bool {
    mime_type.starts_with("text/")
        || matches!(
            mime_type,
            "application/json"
                | "application/xml"
                | "application/yaml"
                | "application/toml"
                | "application/sql"
                | "application/javascript"
                | "application/xhtml+xml"
                | "application/geo+json"
                | "application/x-ndjson"
                | "application/x-sh"
                | "application/x-sql"
                | "application/x-ipynb+json"
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_a_word_a_person_uses() {
        for (name, mime_type, expected) in [
            ("sales.CSV", "text/plain", "CSV"),
            ("cities.csv", "text/csv", "CSV"),
            ("report.json", "application/json", "JSON"),
            ("chart.png", "image/png", "PNG image"),
            ("chart.svg", "image/svg+xml", "SVG image"),
            ("scan", "application/pdf", "PDF"),
            (
                "book.xlsx",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "spreadsheet",
            ),
            ("sales.parquet", "application/octet-stream", "Parquet"),
            // The content is not what the name says.
            ("sales.csv", "application/octet-stream", "data"),
            ("README", "text/plain", "text"),
            (".csv", "text/plain", "text"),
            ("x.zip", "application/zip", "archive"),
        ] {
            assert_eq!(kind(name, mime_type), expected, "{name}");
        }
    }
}
