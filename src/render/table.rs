//! The first rows of a table in a file: CSV and similar text, Excel workbooks.
//!
//! Everything has a limit, because files are foreign: the bytes that are read, rows, columns,
//! characters. Invariant: what is shown of a table does not grow with its length or width, and says
//! how large the table is.

mod decimals;
mod sheet;
mod workbook;

use super::encoding::decoded;
use super::foreign;
use super::number;

pub(crate) use workbook::of_workbook;

/// Rows of data shown.
const MAX_ROWS: usize = 10;
/// Columns shown.
const MAX_COLUMNS: usize = 8;
/// Characters shown of a cell.
const MAX_CELL_CHARS: usize = 40;
/// The most bytes of a text that are read as a table. If the text is longer, rows are counted up to
/// here.
const MAX_TEXT_BYTES: usize = 4_000_000;
/// The most names of further sheets that are shown.
const MAX_SHEETS: usize = 5;

/// How many there are: an exact number, or a least number.
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
        format!("{more}{} {word}", number::count(self.number))
    }
}

/// How a table begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Table {
    /// The sheet's name, if there are sheets, and the names of the others.
    sheets: Vec<String>,
    /// The header and the first rows; each cell is cut to what is shown.
    rows: Vec<Vec<String>>,
    /// Whether formulas are shown because no value was saved with them.
    has_open_formulas: bool,
    data_rows: Count,
    columns: Count,
}

impl Table {
    /// Says how large the table is: `120 rows, 5 columns; the first 10 rows:`.
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
        if self.has_open_formulas {
            summary.push_str("; formulas that were never calculated are shown as written");
        }
        let shown = self.rows.len().saturating_sub(1);
        if self.data_rows.number > shown as u64 {
            summary.push_str(&format!("; the first {shown} rows:"));
        }
        summary
    }

    /// Returns the table as Markdown and as text with aligned columns.
    pub(crate) fn shown(&self) -> (String, String) {
        let tidy = self.with_equal_decimals();
        tidy.written()
    }

    fn with_equal_decimals(&self) -> Self {
        let mut tidy = self.clone();
        for column in 0..MAX_COLUMNS {
            let rows = tidy.rows.iter_mut().skip(1);
            let mut cells: Vec<&mut String> = rows.filter_map(|row| row.get_mut(column)).collect();
            decimals::align(&mut cells);
        }
        tidy
    }

    fn written(&self) -> (String, String) {
        let columns = usize::try_from(self.columns.number).unwrap_or(usize::MAX);
        let shown = columns.min(MAX_COLUMNS);
        let is_cut = columns > shown;
        let (mut markdown, mut plain) = (String::new(), Vec::new());
        for (index, row) in self.rows.iter().enumerate() {
            let cell = |column: usize| row.get(column).map_or("", String::as_str);
            markdown.push('|');
            for column in 0..shown {
                markdown.push_str(&format!(" {} |", foreign::inline(cell(column))));
            }
            let mut texts: Vec<String> = (0..shown).map(|at| foreign::line(cell(at))).collect();
            if is_cut {
                markdown.push_str(" … |");
                texts.push("…".to_owned());
            }
            plain.push(texts);
            markdown.push('\n');
            if index == 0 {
                let rules = (0..shown).map(|column| match self.is_numeric(column) {
                    true => " --: |",
                    false => " --- |",
                });
                let rules: String = rules.chain(is_cut.then_some(" --- |")).collect();
                markdown.push_str(&format!("|{rules}\n"));
            }
        }
        (markdown.trim_end().to_owned(), self.aligned(&plain))
    }

    /// Pads cells to the width of their column. Numbers are aligned to the right.
    fn aligned(&self, rows: &[Vec<String>]) -> String {
        let width = |cell: &String| cell.chars().count();
        let columns = rows.first().map_or(0, Vec::len);
        let widths: Vec<(usize, bool)> = (0..columns)
            .map(|at| {
                let cells = rows.iter().filter_map(|row| row.get(at));
                (cells.map(width).max().unwrap_or(0), self.is_numeric(at))
            })
            .collect();
        let mut text = String::new();
        for row in rows {
            let cells = row.iter().zip(&widths);
            let cells: Vec<String> = cells
                .map(|(cell, &(width, is_numeric))| match is_numeric {
                    true => format!("{cell:>width$}"),
                    false => format!("{cell:<width$}"),
                })
                .collect();
            text.push_str(cells.join("  ").trim_end());
            text.push('\n');
        }
        text
    }

    /// Whether the shown rows have only numbers in this column, and at least one.
    fn is_numeric(&self, column: usize) -> bool {
        let data = self.rows.get(1..).unwrap_or_default();
        let cells = data.iter().filter_map(|row| row.get(column));
        let mut cells = cells.filter(|cell| !cell.is_empty()).peekable();
        cells.peek().is_some() && cells.all(|cell| is_number(cell))
    }
}

/// Whether this reads as a number: `12`, `-0.5`, `1e9`, `1,204`, `45 %`.
fn is_number(cell: &str) -> bool {
    let cell = cell.strip_suffix('%').map_or(cell, str::trim_end);
    let begins = cell.trim_start_matches(['+', '-']);
    begins.starts_with(|first: char| first.is_ascii_digit() || first == '.')
        && cell.replace(',', "").parse::<f64>().is_ok()
}

fn shown_name(name: &str) -> String {
    foreign::shorten(&foreign::line(name), MAX_CELL_CHARS)
}

/// Reads a text that has one row in each line; `None` if it holds no table. `is_whole` says whether
/// the file ends where the text ends. If there is no `delimiter`, it is found from the first line.
pub(crate) fn of_text(bytes: &[u8], is_whole: bool, delimiter: Option<u8>) -> Option<Table> {
    let is_whole = is_whole && bytes.len() <= MAX_TEXT_BYTES;
    let bytes = bytes.get(..MAX_TEXT_BYTES).unwrap_or(bytes);
    let text = decoded(bytes)?;
    let (named, text) = named_delimiter(&text);
    let delimiter = delimiter.or(named);
    let bytes = text.as_bytes();
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(delimiter.unwrap_or_else(|| delimiter_of(bytes)))
        .has_headers(false)
        .flexible(true)
        .from_reader(bytes);
    let (mut rows, mut records, mut columns) = (Vec::new(), 0_u64, 0);
    let mut record = csv::ByteRecord::new();
    let mut last_columns = 0;
    while reader.read_byte_record(&mut record).ok()? {
        // If the file goes on after the text, the last record may be incomplete.
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
        has_open_formulas: false,
    })
}

/// Reads a first line such as `sep=;`, which tells a spreadsheet program the delimiter; returns the
/// delimiter and the lines after it.
fn named_delimiter(text: &str) -> (Option<u8>, &str) {
    let (line, rest) = text.split_once('\n').unwrap_or((text, ""));
    let line = line.strip_suffix('\r').unwrap_or(line);
    let line = line
        .strip_prefix('"')
        .and_then(|line| line.strip_suffix('"'))
        .unwrap_or(line);
    let sign = match line.split_at_checked(4) {
        Some((name, sign)) if name.eq_ignore_ascii_case("sep=") => sign.as_bytes(),
        _ => &[],
    };
    match sign {
        [sign] if !sign.is_ascii_alphanumeric() => (Some(*sign), rest),
        _ => (None, text),
    }
}

/// Finds the delimiter of the first line: programs use different ones in different countries.
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
    // `max_by_key` returns the last of equals: the comma, unless another one is there more often.
    let most = counts.iter().rev().max_by_key(|(_, count)| *count);
    most.map_or(b',', |(delimiter, _)| *delimiter)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[track_caller]
    fn check(table: Option<Table>, summary: &str, plain: &str) {
        let table = table.expect("a table");
        assert_eq!(table.summary(), summary);
        assert_eq!(table.shown().1, plain);
    }

    #[test]
    fn columns_of_numbers_are_set_right() {
        let text = b"name,n,share,date,empty,mixed\nx,\"1,204\",45 %,2026-01-02,,1\ny,-1e9,.5%,2026-01-03,,n/a\nz,,7,2026-01-04,,2\n";
        let (markdown, _) = of_text(text, true, None).unwrap().shown();
        assert_eq!(
            markdown.lines().nth(1).unwrap(),
            "| --- | --: | --: | --- | --- | --- |"
        );
        assert!(!is_number("inf") && !is_number("") && !is_number("%") && !is_number("-"));
    }

    #[test]
    fn text_tables_say_how_much_there_is() {
        check(
            of_text(b"a,b\n1,2\n", true, None),
            "1 row, 2 columns",
            "a  b\n1  2\n",
        );
        check(of_text(b"a,b\n", true, None), "0 rows, 2 columns", "a  b\n");
        check(
            of_text("\u{feff}a;b;c\r\n1,5;\"x;y\";\n".as_bytes(), true, None),
            "1 row, 3 columns",
            "  a  b    c\n1,5  x;y\n",
        );
        check(
            of_text(b"a\tb,c\n1\t2\n", true, Some(b'\t')),
            "1 row, 2 columns",
            "a  b,c\n1    2\n",
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

    proptest! {
        #[test]
        fn every_text_is_read(bytes in prop::collection::vec(any::<u8>(), 0..200), is_whole: bool) {
            if let Some(table) = of_text(&bytes, is_whole, None) {
                prop_assert!(!table.summary().is_empty());
                prop_assert!(!table.shown().0.is_empty());
            }
        }
    }
}
