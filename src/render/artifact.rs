//! Files the sandbox made, as outputs.
//!
//! Images inline; tables, JSON and text with a small preview; everything else as one line with a
//! relative link. HTML and SVG never run: SVG is shown as an image, HTML is only linked.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::foreign;
use super::screen::{Form, Terminal, machine};
use super::tool::language_of;
use crate::chat::turn::FetchedFile;
use crate::jupyter::mime::MimeBundle;

/// The largest image shown inline, in bytes: it is kept in the notebook, base64.
const MAX_IMAGE_BYTES: usize = 5_000_000;
/// The longest side of an image shown inline, in pixels.
const MAX_IMAGE_SIDE: usize = 12_000;
/// The most pixels of an image shown inline: 4 bytes each in the front end's memory.
const MAX_IMAGE_PIXELS: usize = 60_000_000;
/// The width an image is shown at, at most, in CSS pixels.
const SHOWN_WIDTH: usize = 900;
/// The most bytes of a file parsed for a preview.
const MAX_PARSED_BYTES: usize = 2_000_000;
/// Rows, columns and characters of a cell in a table preview.
const TABLE: (usize, usize, usize) = (10, 8, 40);
/// First and last lines of a text preview.
const TEXT_LINES: (usize, usize) = (30, 5);

/// Returns the output for a fetched file.
pub(crate) fn form(file: &FetchedFile) -> Form {
    let shown = match file.mime_type.as_str() {
        "image/png" | "image/jpeg" | "image/gif" | "image/webp" => image(file),
        "image/svg+xml" => svg(file),
        _ => preview(file),
    };
    shown.unwrap_or_else(|| {
        Form::new(
            line(file),
            format!("{}\n", plain_line(file)),
            machine_data(file),
        )
    })
}

/// Returns one line: the name as a relative link, and the size.
#[must_use]
pub(crate) fn line(file: &FetchedFile) -> String {
    format!("{} ({})", link(file), foreign::size(file.size_bytes))
}

/// Returns the line without a link.
#[must_use]
pub(crate) fn plain_line(file: &FetchedFile) -> String {
    let path = foreign::printable(&file.relative_path).replace('\n', " ");
    format!("{path} ({})", foreign::size(file.size_bytes))
}

fn link(file: &FetchedFile) -> String {
    let name = foreign::inline(&file.name);
    match foreign::relative_link(&file.relative_path) {
        Some(target) => format!("[{name}]({target})"),
        None => name,
    }
}

fn machine_data(file: &FetchedFile) -> Value {
    json!({
        "block": "file",
        "file_id": file.file_id,
        "path": file.relative_path,
        "mime_type": file.mime_type,
        "size_bytes": file.size_bytes,
    })
}

/// An image, if its bytes are what they claim to be and no decompression bomb.
fn image(file: &FetchedFile) -> Option<Form> {
    use imagesize::ImageType;

    let bytes = file.bytes.as_ref()?;
    if bytes.len() > MAX_IMAGE_BYTES {
        return None;
    }
    let mime = match imagesize::image_type(bytes).ok()? {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Gif => "image/gif",
        ImageType::Webp => "image/webp",
        _ => return None,
    };
    let size = imagesize::blob_size(bytes).ok()?;
    let (width, height) = (size.width, size.height);
    if width == 0
        || height == 0
        || width.max(height) > MAX_IMAGE_SIDE
        || width.checked_mul(height)? > MAX_IMAGE_PIXELS
    {
        return None;
    }
    let (shown_width, shown_height) = if width > SHOWN_WIDTH {
        (SHOWN_WIDTH, (height * SHOWN_WIDTH).div_ceil(width))
    } else {
        (width, height)
    };
    let name = foreign::printable(&file.name).replace('\n', " ");
    let path = foreign::printable(&file.relative_path).replace('\n', " ");
    let data = MimeBundle::default()
        .with(mime, STANDARD.encode(bytes))
        .with(
            "text/plain",
            format!("{name} ({width} x {height} pixels, {path})"),
        );
    let mut metadata = Map::new();
    metadata.insert(
        mime.to_owned(),
        json!({ "width": shown_width, "height": shown_height, "alt": name }),
    );
    metadata.extend(machine(machine_data(file)));
    Some(Form {
        data,
        metadata,
        terminal: Terminal::Bundle,
    })
}

/// An SVG as an `<img>` of the saved file, in which no script runs.
fn svg(file: &FetchedFile) -> Option<Form> {
    let target = foreign::relative_link(&file.relative_path)?;
    let name = foreign::inline(&file.name);
    let markdown = format!("![{name}]({target})\n\n{}", line(file));
    Some(Form::new(
        markdown,
        format!("{}\n", plain_line(file)),
        machine_data(file),
    ))
}

fn preview(file: &FetchedFile) -> Option<Form> {
    let bytes = file.bytes.as_ref()?;
    let extension = file
        .name
        .rsplit_once('.')
        .map_or(String::new(), |(_, extension)| {
            extension.to_ascii_lowercase()
        });
    let essence = file.mime_type.split(';').next().unwrap_or_default().trim();
    if bytes.is_empty()
        || matches!(extension.as_str(), "html" | "htm" | "xhtml")
        || essence == "text/html"
    {
        return None;
    }
    let (summary, markdown, plain) = match (extension.as_str(), essence) {
        ("csv", _) | (_, "text/csv") => table(bytes, b',')?,
        ("tsv" | "tab", _) | (_, "text/tab-separated-values") => table(bytes, b'\t')?,
        ("json" | "geojson", _) | (_, "application/json") => json_text(bytes)?,
        _ if essence.starts_with("text/") || language_of(&file.name) != "text" => {
            plain_text(bytes, language_of(&file.name))?
        }
        _ => return None,
    };
    let markdown = if summary.is_empty() {
        format!(
            "<details><summary>{} ({})</summary>\n\n{}\n\n{markdown}\n\n</details>",
            foreign::inline(&file.name),
            foreign::size(file.size_bytes),
            link(file),
        )
    } else {
        format!("{} - {summary}\n\n{markdown}", line(file))
    };
    let plain = format!("{}\n{plain}", plain_line(file));
    let terminal = vec![(
        crate::jupyter::mime::StreamName::Stdout,
        format!("{}\n", plain_line(file)),
    )];
    Some(Form::new(markdown, plain, machine_data(file)).terminal(Terminal::Text(terminal)))
}

/// The first rows of a table; its size in words.
fn table(bytes: &[u8], delimiter: u8) -> Option<(String, String, String)> {
    let (max_rows, max_columns, max_chars) = TABLE;
    let complete = bytes.len() <= MAX_PARSED_BYTES;
    let bytes = bytes.get(..MAX_PARSED_BYTES).unwrap_or(bytes);
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter)
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let mut rows: Vec<Vec<String>> = Vec::new();
    let mut columns = 0;
    let mut count = 0_u64;
    for record in reader.byte_records() {
        let record = record.ok()?;
        columns = columns.max(record.len());
        if rows.len() <= max_rows {
            let cells = record.iter().take(max_columns).map(|cell| {
                let cell = String::from_utf8_lossy(cell);
                foreign::shorten(cell.trim(), max_chars)
            });
            rows.push(cells.collect());
        }
        count += 1;
    }
    let shown_columns = columns.min(max_columns);
    if shown_columns == 0 || count < 2 {
        return None;
    }
    let data_rows = count - 1;
    let mut markdown = String::new();
    let mut plain = String::new();
    for (index, row) in rows.iter().enumerate() {
        let cell = |column: usize| row.get(column).map_or("", String::as_str);
        markdown.push('|');
        for column in 0..shown_columns {
            markdown.push_str(&format!(" {} |", foreign::inline(cell(column))));
            if column > 0 {
                plain.push('\t');
            }
            plain.push_str(&foreign::printable(cell(column)).replace('\n', " "));
        }
        if columns > shown_columns {
            markdown.push_str(" … |");
            plain.push_str("\t…");
        }
        markdown.push('\n');
        plain.push('\n');
        if index == 0 {
            let width = shown_columns + usize::from(columns > shown_columns);
            markdown.push_str(&format!("|{}\n", " --- |".repeat(width)));
        }
    }
    let (rows_word, columns_word) = (
        if data_rows == 1 { "row" } else { "rows" },
        if columns == 1 { "column" } else { "columns" },
    );
    let more = if complete { "" } else { "more than " };
    let mut summary = format!(
        "{more}{} {rows_word}, {columns} {columns_word}",
        foreign::count(data_rows)
    );
    if data_rows > max_rows as u64 {
        summary.push_str(&format!("; the first {max_rows} rows:"));
    }
    Some((summary, markdown.trim_end().to_owned(), plain))
}

fn json_text(bytes: &[u8]) -> Option<(String, String, String)> {
    if bytes.len() > MAX_PARSED_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let pretty = serde_json::to_string_pretty(&value).ok()?;
    let shown = foreign::excerpt(&pretty, TEXT_LINES.0, TEXT_LINES.1);
    Some((String::new(), foreign::fence("json", &shown), shown))
}

fn plain_text(bytes: &[u8], language: &str) -> Option<(String, String, String)> {
    let bytes = bytes.get(..MAX_PARSED_BYTES).unwrap_or(bytes);
    if bytes.contains(&0) {
        return None;
    }
    let text = String::from_utf8_lossy(bytes);
    let shown = foreign::excerpt(&text, TEXT_LINES.0, TEXT_LINES.1);
    Some((String::new(), foreign::fence(language, &shown), shown))
}
