//! Files the sandbox made, as outputs.
//!
//! Images are shown inline; tables, JSON and text with a small preview; everything else as one line
//! with a relative link. HTML and SVG never run: an SVG is shown as an image of the saved file,
//! HTML is only linked. Nothing is decoded here: an image is judged by its header. Invariant: the
//! size of a form has a limit, whatever the file holds.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::encoding::decoded;
use super::foreign;
use super::image_size::shown_size;
use super::number;
use super::screen::{Form, Terminal, machine, quiet};
use super::table::{self, Table};
use super::tool::language_of;
use crate::chat::turn::FetchedFile;
use crate::jupyter::mime::{MimeBundle, StreamName};

/// The largest image that is shown inline, in bytes: the notebook keeps it as base64.
const MAX_IMAGE_BYTES: usize = 5_000_000;
/// The longest side of an image shown inline, in pixels.
const MAX_IMAGE_SIDE: usize = 12_000;
/// The most pixels of an image that is shown inline: each takes 4 bytes of the front end's memory.
const MAX_IMAGE_PIXELS: usize = 60_000_000;
/// The largest SVG that is shown, in bytes: a front end draws all of it.
const MAX_SVG_BYTES: u64 = 5_000_000;
/// The most bytes of a JSON file that are parsed: parsed values take many times the memory of the
/// text.
const MAX_JSON_BYTES: usize = 1_000_000;
/// The most of indented JSON that is made: only its beginning is shown, and indentation can make it
/// many times longer.
const MAX_PRETTY_BYTES: usize = 100_000;
/// The most bytes of a text that are read for a preview.
const MAX_TEXT_BYTES: usize = 2_000_000;
/// First and last lines of a text preview.
const TEXT_LINES: (usize, usize) = (30, 5);

/// Returns the output for a fetched file.
pub(crate) fn form(file: &FetchedFile) -> Form {
    let shown = match kind_of(file) {
        Kind::Image => image(file),
        Kind::Svg => svg(file),
        Kind::Page => Some(noted(
            file,
            "not shown here, because a web page can run scripts",
        )),
        Kind::Table(delimiter) => {
            let is_whole = file.bytes.is_some();
            table::of_text(file.beginning(), is_whole, delimiter).map(|table| rows(file, &table))
        }
        Kind::Workbook => file
            .bytes
            .as_ref()
            .and_then(|bytes| table::of_workbook(bytes))
            .map(|table| rows(file, &table)),
        Kind::Json => json_text(file).or_else(|| plain_text(file, "json")),
        Kind::Text(language) => plain_text(file, language),
        Kind::Other => None,
    };
    shown.unwrap_or_else(|| {
        Form::new(
            quiet(&line(file)),
            format!("{}\n", plain_line(file)),
            machine_data(file),
        )
    })
}

/// How a file is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Image,
    Svg,
    /// HTML and formats of its kind: never shown, only linked.
    Page,
    /// A table, with the delimiter of its cells if the name tells it.
    Table(Option<u8>),
    Workbook,
    Json,
    /// Text in this language.
    Text(&'static str),
    Other,
}

/// Tells from the name and the media type how a file is shown. If either says that it is a page, it
/// is treated as a page.
fn kind_of(file: &FetchedFile) -> Kind {
    let extension = match file.name.rsplit_once('.') {
        Some((_, extension)) => extension.to_ascii_lowercase(),
        None => String::new(),
    };
    let essence = file.mime_type.split(';').next().unwrap_or_default().trim();
    let is_page = matches!(
        extension.as_str(),
        "html" | "htm" | "xhtml" | "xht" | "shtml" | "mhtml" | "mht" | "hta"
    );
    if is_page || matches!(essence, "text/html" | "application/xhtml+xml") {
        return Kind::Page;
    }
    match (extension.as_str(), essence) {
        (_, "image/png" | "image/jpeg" | "image/gif" | "image/webp") => Kind::Image,
        ("svg", _) | (_, "image/svg+xml") => Kind::Svg,
        ("xlsx" | "xlsm", _) => Kind::Workbook,
        ("csv", _) | (_, "text/csv") => Kind::Table(None),
        ("tsv" | "tab", _) | (_, "text/tab-separated-values") => Kind::Table(Some(b'\t')),
        ("jsonl" | "ndjson", _) => Kind::Text("json"),
        ("json" | "geojson" | "ipynb", _) | (_, "application/json") => Kind::Json,
        _ if essence.starts_with("text/") || language_of(&file.name) != "text" => {
            Kind::Text(language_of(&file.name))
        }
        _ => Kind::Other,
    }
}

/// Whether an output names its file; a picture does not.
pub(crate) fn is_named(form: &Form) -> bool {
    let types = &mut form.data.0.keys();
    !types.any(|mime| mime.starts_with("image/"))
}

/// Returns one line: the name as a relative link, and the size.
#[must_use]
pub(crate) fn line(file: &FetchedFile) -> String {
    format!("{} ({})", link(file), foreign::size(file.size_bytes))
}

/// Returns the line without a link.
#[must_use]
pub(crate) fn plain_line(file: &FetchedFile) -> String {
    let path = foreign::line(&file.relative_path);
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
        "path": file.relative_path,
        "mime_type": file.mime_type,
        "size_bytes": file.size_bytes,
        "sha256": file.sha256,
        "step": file.origin.step,
    })
}

/// Shows an image, if its bytes are what they claim to be and it is not too large when unpacked.
fn image(file: &FetchedFile) -> Option<Form> {
    use imagesize::ImageType;

    let start = file.beginning();
    let mime = match imagesize::image_type(start).ok()? {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Gif => "image/gif",
        ImageType::Webp => "image/webp",
        _ => return None,
    };
    let size = imagesize::blob_size(start).ok()?;
    let (width, height) = (size.width, size.height);
    if width == 0
        || height == 0
        || width.max(height) > MAX_IMAGE_SIDE
        || width.checked_mul(height)? > MAX_IMAGE_PIXELS
    {
        let (width, height) = (number::count(width as u64), number::count(height as u64));
        let remark = format!("not shown here, because it has {width} x {height} pixels");
        return Some(noted(file, &remark));
    }
    let bytes = match &file.bytes {
        Some(bytes) if bytes.len() <= MAX_IMAGE_BYTES => bytes,
        _ => return Some(noted(file, "not shown here, because of its size")),
    };
    let (shown_width, shown_height) = shown_size(start, width, height);
    let (name, path) = (
        foreign::line(&file.name),
        foreign::line(&file.relative_path),
    );
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
        streams: Vec::new(),
    })
}

/// Shows an SVG as an `<img>` of the saved file: no script runs in an image.
fn svg(file: &FetchedFile) -> Option<Form> {
    if file.size_bytes > MAX_SVG_BYTES {
        return None;
    }
    let target = foreign::relative_link(&file.relative_path)?;
    let name = foreign::inline(&file.name);
    let markdown = format!("![{name}]({target})\n\n{}", quiet(&line(file)));
    Some(Form::new(
        markdown,
        format!("{}\n", plain_line(file)),
        machine_data(file),
    ))
}

/// One line with a remark.
fn noted(file: &FetchedFile, remark: &str) -> Form {
    Form::new(
        quiet(&format!("{} - {}", line(file), foreign::inline(remark))),
        format!("{} - {remark}\n", plain_line(file)),
        machine_data(file),
    )
}

/// The first rows of a table.
fn rows(file: &FetchedFile, table: &Table) -> Form {
    let summary = table.summary();
    let (markdown, plain) = table.shown();
    Form::new(
        format!(
            "{}\n\n{markdown}",
            quiet(&format!("{} - {}", line(file), foreign::inline(&summary)))
        ),
        format!("{} - {summary}\n{plain}", plain_line(file)),
        machine_data(file),
    )
}

/// A text in a fold.
fn folded(file: &FetchedFile, language: &str, shown: &str) -> Form {
    let markdown = format!(
        "<details><summary>{} ({})</summary>\n\n{}\n\n{}\n\n</details>",
        foreign::inline(&file.name),
        foreign::size(file.size_bytes),
        link(file),
        foreign::fence(language, shown),
    );
    let plain = format!("{}\n{shown}", plain_line(file));
    Form::new(markdown, plain, machine_data(file)).terminal(only_line(file))
}

fn only_line(file: &FetchedFile) -> Terminal {
    Terminal::Text(vec![(
        StreamName::Stdout,
        format!("{}\n", plain_line(file)),
    )])
}

fn json_text(file: &FetchedFile) -> Option<Form> {
    let bytes = file.bytes.as_ref()?;
    if bytes.len() > MAX_JSON_BYTES {
        return None;
    }
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let mut pretty = Bounded(Vec::new());
    let is_whole = serde_json::to_writer_pretty(&mut pretty, &value).is_ok();
    let mut text = String::from_utf8_lossy(&pretty.0).into_owned();
    if !is_whole {
        text.push_str("\n[… more]");
    }
    let shown = foreign::excerpt(&text, TEXT_LINES.0, TEXT_LINES.1);
    Some(folded(file, "json", &shown))
}

fn plain_text(file: &FetchedFile, language: &str) -> Option<Form> {
    let bytes = file.beginning();
    let start = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    if start.is_empty() {
        return None;
    }
    let mut text = decoded(start)?.into_owned();
    if (start.len() as u64) < file.size_bytes {
        text.push_str("\n[… more]");
    }
    let shown = foreign::excerpt(&text, TEXT_LINES.0, TEXT_LINES.1);
    Some(folded(file, language, &shown))
}

/// Takes a limited number of bytes and ignores the rest.
struct Bounded(Vec<u8>);

impl std::io::Write for Bounded {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        if self.0.len() + buffer.len() > MAX_PRETTY_BYTES {
            return Err(std::io::ErrorKind::StorageFull.into());
        }
        self.0.extend_from_slice(buffer);
        Ok(buffer.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
