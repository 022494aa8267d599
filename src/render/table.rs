//! The first rows of a table that a file holds: CSV and its kin, Excel workbooks.
//!
//! Bounded in everything, because a file is a stranger: bytes read, rows, columns, characters, and
//! for a workbook what its parts unpack to. Invariant: what is shown of a table grows neither with
//! its length nor with its width, and says how much there is.

use std::io::{Cursor, Read as _};

use calamine::{DataRef, Reader as _, Xlsx};

use super::foreign;

/// Rows of data shown.
const MAX_ROWS: usize = 10;
/// Columns shown.
const MAX_COLUMNS: usize = 8;
/// Characters shown of a cell.
const MAX_CELL_CHARS: usize = 40;
/// The most bytes of a text that are read for a table: what is longer is counted as far as here.
const MAX_TEXT_BYTES: usize = 4_000_000;
/// The most that the parts of a workbook which are read whole may unpack to, in bytes: they are
/// kept in memory, and a bomb is made to be large only there.
const MAX_WHOLE_PARTS_BYTES: u64 = 8_000_000;
/// The most that its sheets may unpack to, in bytes; they are read as they unpack.
const MAX_SHEETS_BYTES: u64 = 64_000_000;
/// Parts of a workbook: one has a dozen.
const MAX_PARTS: usize = 2_000;
/// Cells counted in a sheet.
const MAX_CELLS: u64 = 500_000;
/// Names of further sheets shown.
const MAX_SHEETS: usize = 5;

/// How many there are: exactly, or at least.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Count {
    number: u64,
    is_exact: bool,
}

impl Count {
    fn words(self, one: &str, many: &str) -> String {
        if self.number == 0 && !self.is_exact {
            return format!("{many} not counted");
        }
        let more = if self.is_exact { "" } else { "more than " };
        let word = if self.number == 1 && self.is_exact {
            one
        } else {
            many
        };
        format!("{more}{} {word}", foreign::count(self.number))
    }
}

/// How a table begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The sheet's name, where there are sheets, and those of the others.
    sheets: Vec<String>,
    /// The header and the first rows; cells cut to what is shown.
    rows: Vec<Vec<String>>,
    data_rows: Count,
    columns: Count,
}

impl Table {
    /// Says how much there is: `120 rows, 5 columns; the first 10 rows:`.
    pub(crate) fn summary(&self) -> String {
        let mut summary = match self.sheets.first() {
            Some(sheet) => format!("sheet {}: ", shown_name(sheet)),
            None => String::new(),
        };
        summary.push_str(&self.data_rows.words("row", "rows"));
        summary.push_str(", ");
        summary.push_str(&self.columns.words("column", "columns"));
        if let Some(others) = self.sheets.get(1..).filter(|others| !others.is_empty()) {
            let mut names: Vec<String> = others
                .iter()
                .take(MAX_SHEETS)
                .map(|name| shown_name(name))
                .collect();
            if others.len() > MAX_SHEETS {
                names.push("…".to_owned());
            }
            let word = if others.len() == 1 { "sheet" } else { "sheets" };
            summary.push_str(&format!(
                "; {} more {word}: {}",
                others.len(),
                names.join(", ")
            ));
        }
        let shown = self.rows.len().saturating_sub(1);
        if self.data_rows.number > shown as u64 {
            summary.push_str(&format!("; the first {shown} rows:"));
        }
        summary
    }

    /// Returns the table in Markdown and, tabs between its columns, as text.
    pub(crate) fn shown(&self) -> (String, String) {
        let columns = usize::try_from(self.columns.number).unwrap_or(usize::MAX);
        let shown = columns.min(MAX_COLUMNS);
        let is_cut = columns > shown;
        let (mut markdown, mut plain) = (String::new(), String::new());
        for (index, row) in self.rows.iter().enumerate() {
            let cell = |column: usize| row.get(column).map_or("", String::as_str);
            markdown.push('|');
            for column in 0..shown {
                markdown.push_str(&format!(" {} |", foreign::inline(cell(column))));
                if column > 0 {
                    plain.push('\t');
                }
                plain.push_str(&foreign::line(cell(column)));
            }
            if is_cut {
                markdown.push_str(" … |");
                plain.push_str("\t…");
            }
            markdown.push('\n');
            plain.push('\n');
            if index == 0 {
                let width = shown + usize::from(is_cut);
                markdown.push_str(&format!("|{}\n", " --- |".repeat(width)));
            }
        }
        (markdown.trim_end().to_owned(), plain)
    }
}

fn shown_name(name: &str) -> String {
    foreign::shorten(&foreign::line(name), MAX_CELL_CHARS)
}

/// Reads a text with one row to a line; `None` when it holds no table. `is_whole` says whether the
/// file ends where the text does; without `delimiter` the first line tells it.
pub(crate) fn of_text(bytes: &[u8], is_whole: bool, delimiter: Option<u8>) -> Option<Table> {
    let is_whole = is_whole && bytes.len() <= MAX_TEXT_BYTES;
    let bytes = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
    if bytes.contains(&0) {
        return None;
    }
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or_else(|| delimiter_of(bytes)))
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let (mut rows, mut records, mut columns) = (Vec::new(), 0_u64, 0);
    let mut record = csv::ByteRecord::new();
    let mut last_columns = 0;
    while reader.read_byte_record(&mut record).ok()? {
        // Of a text that goes on, the last record may be half of one.
        columns = columns.max(last_columns);
        last_columns = record.len();
        records += 1;
        if rows.len() <= MAX_ROWS {
            let cells = record.iter().take(MAX_COLUMNS).map(|cell| {
                // A character takes at most four bytes.
                let start = cell.get(..4 * (MAX_CELL_CHARS + 1)).unwrap_or(cell);
                foreign::shorten(String::from_utf8_lossy(start).trim(), MAX_CELL_CHARS)
            });
            rows.push(cells.collect::<Vec<_>>());
        }
    }
    if is_whole || records == 1 {
        columns = columns.max(last_columns);
    }
    let is_header_cut = !is_whole && records == 1;
    if columns == 0 {
        return None;
    }
    let left_out = if is_whole { 1 } else { 2 };
    Some(Table {
        sheets: Vec::new(),
        data_rows: Count {
            number: records.saturating_sub(left_out),
            is_exact: is_whole,
        },
        columns: Count {
            number: columns as u64,
            is_exact: !is_header_cut,
        },
        rows,
    })
}

/// Tells what stands between the cells of the first line: programs differ by country.
fn delimiter_of(bytes: &[u8]) -> u8 {
    let line = bytes.split(|byte| matches!(byte, b'\n' | b'\r')).next();
    let mut is_quoted = false;
    let mut counts = [(b',', 0_usize), (b';', 0), (b'\t', 0), (b'|', 0)];
    for byte in line.unwrap_or_default() {
        is_quoted ^= *byte == b'"';
        if let Some((_, count)) = counts
            .iter_mut()
            .find(|(delimiter, _)| delimiter == byte && !is_quoted)
        {
            *count += 1;
        }
    }
    // The last of equals: a comma unless there are more of another.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(delimiter, _)| *delimiter)
}

/// Reads the first sheet of an Excel workbook; `None` when it cannot be read within bounds.
pub(crate) fn of_workbook(bytes: &[u8]) -> Option<Table> {
    if !unpacks_within_bounds(bytes).unwrap_or(false) {
        return None;
    }
    // A reader of so many formats may trip over a file made for it: then there is no preview.
    std::panic::catch_unwind(|| read_workbook(bytes))
        .ok()
        .flatten()
}

/// Measures what a workbook unpacks to, by unpacking: what it says of itself may be a lie.
fn unpacks_within_bounds(bytes: &[u8]) -> Option<bool> {
    let mut archive = zip::ZipArchive::new(Cursor::new(bytes)).ok()?;
    if archive.len() > MAX_PARTS {
        return Some(false);
    }
    let (mut whole, mut sheets) = (MAX_WHOLE_PARTS_BYTES, MAX_SHEETS_BYTES);
    for index in 0..archive.len() {
        let part = archive.by_index(index).ok()?;
        let name = part.name().ok()?.to_ascii_lowercase();
        let is_sheet = name.contains("worksheets/")
            && !["sharedstrings.xml", "styles.xml"]
                .iter()
                .any(|part| name.ends_with(part));
        let is_xml = name.ends_with(".xml") || name.ends_with(".rels");
        // A sheet may be called anything: so may a picture, which is not read.
        let left = match is_xml && !is_sheet {
            true => &mut whole,
            false => &mut sheets,
        };
        let unpacked = std::io::copy(&mut part.take(*left + 1), &mut std::io::sink()).ok()?;
        match left.checked_sub(unpacked) {
            Some(rest) => *left = rest,
            None => return Some(false),
        }
    }
    Some(true)
}

fn read_workbook(bytes: &[u8]) -> Option<Table> {
    let mut workbook: Xlsx<_> = Xlsx::new(Cursor::new(bytes)).ok()?;
    let sheets = workbook.sheet_names();
    let mut cells = workbook.worksheet_cells_reader(sheets.first()?).ok()?;
    let mut rows: Vec<(u32, Vec<String>)> = Vec::new();
    let (mut first_column, mut last_column, mut count) = (None, 0, 0_u64);
    let mut seen_rows = 0_u64;
    let mut last_row = None;
    let is_whole = loop {
        let cell = match cells.next_cell() {
            Ok(Some(cell)) => cell,
            Ok(None) => break true,
            Err(_) => break false,
        };
        count += 1;
        if count > MAX_CELLS {
            break false;
        }
        let ((row, column), value) = (cell.get_position(), cell.get_value());
        if matches!(value, DataRef::Empty) {
            continue;
        }
        if last_row != Some(row) {
            seen_rows += 1;
            last_row = Some(row);
        }
        let first = *first_column.get_or_insert(column);
        let Some(place) = column.checked_sub(first) else {
            continue;
        };
        last_column = last_column.max(place);
        if rows.last().is_none_or(|(known, _)| *known != row) && rows.len() <= MAX_ROWS {
            rows.push((row, Vec::new()));
        }
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some((_, cells)) = rows.last_mut().filter(|(known, _)| *known == row)
            && place < MAX_COLUMNS
        {
            if cells.len() <= place {
                cells.resize(place + 1, String::new());
            }
            if let Some(cell) = cells.get_mut(place) {
                *cell = foreign::shorten(text_of(value).trim(), MAX_CELL_CHARS);
            }
        }
    };
    if rows.is_empty() {
        return None;
    }
    Some(Table {
        sheets,
        rows: rows.into_iter().map(|(_, cells)| cells).collect(),
        data_rows: Count {
            number: seen_rows.saturating_sub(1),
            is_exact: is_whole,
        },
        columns: Count {
            number: u64::from(last_column) + 1,
            is_exact: true,
        },
    })
}

fn text_of(value: &DataRef<'_>) -> String {
    match value {
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => number.to_string(),
        DataRef::String(text) => text.clone(),
        DataRef::SharedString(text) => (*text).to_owned(),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(value) if value.is_datetime() => {
            let (year, month, day, hour, minute, second, _) = value.to_ymd_hms_milli();
            match (hour, minute, second) {
                (0, 0, 0) => format!("{year:04}-{month:02}-{day:02}"),
                _ => format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}"),
            }
        }
        DataRef::DateTime(value) => value.to_string(),
        DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => text.clone(),
        DataRef::Error(error) => error.to_string(),
        DataRef::Empty => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use proptest::prelude::*;
    use zip::write::SimpleFileOptions;

    use super::*;

    /// The smallest workbook: shared strings and one sheet's data.
    fn workbook(strings: &str, sheet_data: &str) -> Vec<u8> {
        let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
        let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
        let package = "http://schemas.openxmlformats.org/package/2006/relationships";
        let parts = [
            (
                "_rels/.rels",
                format!(
                    r#"<Relationships xmlns="{package}"><Relationship Id="r" Type="{office}/officeDocument" Target="xl/workbook.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/workbook.xml",
                format!(
                    r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="A|b" sheetId="1" r:id="rId1"/><sheet name="Two" sheetId="2" r:id="rId2"/></sheets></workbook>"#
                ),
            ),
            (
                "xl/_rels/workbook.xml.rels",
                format!(
                    r#"<Relationships xmlns="{package}"><Relationship Id="rId1" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId3" Type="{office}/sharedStrings" Target="sharedStrings.xml"/><Relationship Id="rId4" Type="{office}/styles" Target="styles.xml"/></Relationships>"#
                ),
            ),
            (
                "xl/sharedStrings.xml",
                format!(r#"<sst xmlns="{main}">{strings}</sst>"#),
            ),
            (
                "xl/styles.xml",
                format!(
                    r#"<styleSheet xmlns="{main}"><cellXfs count="2"><xf numFmtId="0"/><xf numFmtId="14"/></cellXfs></styleSheet>"#
                ),
            ),
            (
                "xl/worksheets/sheet1.xml",
                format!(
                    r#"<worksheet xmlns="{main}"><sheetData>{sheet_data}</sheetData></worksheet>"#
                ),
            ),
        ];
        let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (name, content) in parts {
            archive
                .start_file(name, SimpleFileOptions::default())
                .unwrap();
            archive.write_all(content.as_bytes()).unwrap();
        }
        archive.finish().unwrap().into_inner()
    }

    #[track_caller]
    fn check(table: Option<Table>, summary: &str, plain: &str) {
        let table = table.expect("a table");
        assert_eq!(table.summary(), summary);
        assert_eq!(table.shown().1, plain);
    }

    #[test]
    fn text_tables_say_how_much_there_is() {
        check(
            of_text(b"a,b\n1,2\n", true, None),
            "1 row, 2 columns",
            "a\tb\n1\t2\n",
        );
        check(of_text(b"a,b\n", true, None), "0 rows, 2 columns", "a\tb\n");
        check(
            of_text("\u{feff}a;b;c\r\n1,5;\"x;y\";\n".as_bytes(), true, None),
            "1 row, 3 columns",
            "a\tb\tc\n1,5\tx;y\t\n",
        );
        check(
            of_text(b"a\tb,c\n1\t2\n", true, Some(b'\t')),
            "1 row, 2 columns",
            "a\tb,c\n1\t2\n",
        );
        let long: String = (0..=25_000).map(|row| format!("{row}\n")).collect();
        let table = of_text(long.as_bytes(), true, None).unwrap();
        assert_eq!(table.summary(), "25,000 rows, 1 column; the first 10 rows:");
        let table = of_text(long.as_bytes(), false, None).unwrap();
        assert_eq!(
            table.summary(),
            "more than 24,999 rows, 1 column; the first 10 rows:"
        );
        assert_eq!(of_text(b"", true, None), None);
        assert_eq!(of_text(b"a,b\0\n1,2\n", true, None), None);
        assert!(of_text(b"\xff\xfe,\xe9\n\"open,1\n", true, None).is_some());
    }

    #[test]
    fn a_million_columns_are_shown_as_eight() {
        let mut wide = "x,".repeat(999_999);
        wide.push_str("x\n1,2\n");
        let table = of_text(wide.as_bytes(), true, None).unwrap();
        assert_eq!(table.summary(), "1 row, 1,000,000 columns");
        assert!(table.shown().0.len() < 300, "{}", table.shown().0);
        // Longer than what is read.
        let wider = "some name,".repeat(1_000_000);
        let table = of_text(wider.as_bytes(), true, None).unwrap();
        assert_eq!(
            table.summary(),
            "rows not counted, more than 400,001 columns"
        );
    }

    #[test]
    fn workbooks_show_their_first_sheet() {
        let strings = "<si><t>name</t></si><si><t>when</t></si>";
        let rows = r#"<row r="2"><c r="B2" t="s"><v>0</v></c><c r="C2" t="s"><v>1</v></c></row>
                      <row r="3"><c r="B3" t="inlineStr"><is><t>&lt;b&gt;</t></is></c><c r="C3" s="1"><v>46000</v></c></row>
                      <row r="9"><c r="C9"><v>1.5</v></c><c r="A9"><v>7</v></c></row>"#;
        check(
            of_workbook(&workbook(strings, rows)),
            "sheet A|b: 2 rows, 2 columns; 1 more sheet: Two",
            "name\twhen\n<b>\t2025-12-09\n\t1.5\n",
        );
        assert_eq!(of_workbook(&workbook("", "")), None);
        assert_eq!(of_workbook(b"PK\x03\x04"), None);
        assert_eq!(of_workbook(b""), None);
    }

    #[test]
    fn far_cells_take_no_room() {
        let rows = r#"<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row>
                      <row r="1048576"><c r="A1048576"><v>3</v></c></row>"#;
        check(
            of_workbook(&workbook("", rows)),
            "sheet A|b: 1 row, 16,384 columns; 1 more sheet: Two",
            "1\t\t\t\t\t\t\t\t…\n3\t\t\t\t\t\t\t\t…\n",
        );
    }

    #[test]
    fn a_workbook_that_unpacks_to_too_much_has_no_preview() {
        let cell = r#"<row r="1"><c r="A1"><v>1</v></c></row>"#;
        assert!(of_workbook(&workbook(&"<si><t/></si>".repeat(1_000), cell)).is_some());
        let bomb = workbook(&"<si><t/></si>".repeat(700_000), cell);
        assert!(bomb.len() < 100_000, "{}", bomb.len());
        assert_eq!(of_workbook(&bomb), None);
        let padded = format!("{cell}{}", " ".repeat(65_000_000));
        assert_eq!(of_workbook(&workbook("", &padded)), None);
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(300))]

        #[test]
        fn damaged_workbooks_are_survived(
            edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
            end in any::<prop::sample::Index>(),
        ) {
            let mut bytes = workbook("<si><t>a</t></si>", r#"<row r="1"><c r="A1" t="s"><v>0</v></c></row>"#);
            for (at, byte) in edits {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
            let _any = of_workbook(&bytes);
            bytes.truncate(end.index(bytes.len()));
            let _any = of_workbook(&bytes);
        }

        #[test]
        fn every_text_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200), is_whole: bool) {
            if let Some(table) = of_text(&bytes, is_whole, None) {
                prop_assert!(!table.summary().is_empty());
                prop_assert!(!table.shown().0.is_empty());
            }
        }
    }
}
