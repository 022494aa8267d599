//! The first rows of a sheet, as a person reads them in a spreadsheet program.
//!
//! The reader of workbooks gives either a cell's formula or its style, so the sheet is read once to
//! the end, for the cells and how many there are, and its beginning again for each of the two.

use std::io::Cursor;

use calamine::{DataRef, Reader as _, Style, Xlsx};

use super::{Count, MAX_CELL_CHARS, MAX_COLUMNS, MAX_ROWS, Table};
use crate::render::foreign;

/// The most cells that are counted in a sheet.
const MAX_CELLS: u64 = 500_000;
/// The most decimals that a format may ask for.
const MAX_DECIMALS: usize = 10;
const SECONDS_A_DAY: f64 = 86_400.0;

type Workbook<'a> = Xlsx<Cursor<&'a [u8]>>;

/// Reads the first sheet.
pub(super) fn first_of(bytes: &[u8]) -> Option<Table> {
    let mut workbook: Workbook<'_> = Xlsx::new(Cursor::new(bytes)).ok()?;
    let sheets = workbook.sheet_names();
    let name = sheets.first()?.clone();
    let mut sheet = Sheet::read(&mut workbook, &name)?;
    let has_open_formulas = sheet.cells().any(|cell| matches!(cell, Cell::OpenFormula));
    sheet.format_numbers(&mut workbook, &name);
    if has_open_formulas {
        sheet.write_formulas(&mut workbook, &name);
    }
    let text = |cell: Cell| foreign::shorten(cell.text().trim(), MAX_CELL_CHARS);
    let rows = sheet.rows.into_iter();
    Some(Table {
        sheets,
        rows: rows
            .map(|(_, cells)| cells.into_iter().map(text).collect())
            .collect(),
        data_rows: Count {
            number: sheet.row_count.saturating_sub(1),
            is_exact: sheet.is_whole,
        },
        columns: Count {
            number: u64::from(sheet.last_place) + 1,
            is_exact: true,
        },
        has_open_formulas,
    })
}

#[derive(Debug, Clone, Default)]
enum Cell {
    #[default]
    Empty,
    Text(String),
    /// A number whose format is not known yet.
    Number(f64),
    /// A formula whose value was not saved with it.
    OpenFormula,
}

impl Cell {
    fn of(value: &DataRef<'_>, has_formula: bool) -> Self {
        match value {
            DataRef::Int(number) => Self::Text(number.to_string()),
            DataRef::Float(number) => Self::Number(*number),
            DataRef::String(text) => Self::Text(text.clone()),
            DataRef::SharedString(text) => Self::Text((*text).to_owned()),
            DataRef::Bool(value) => Self::Text(value.to_string()),
            DataRef::DateTime(value) if value.is_duration() => Self::Text(duration(value.as_f64())),
            DataRef::DateTime(value) => {
                let (year, month, day, hour, minute, second, _) = value.to_ymd_hms_milli();
                let date = format!("{year:04}-{month:02}-{day:02}");
                let time = format!("{hour:02}:{minute:02}:{second:02}");
                Self::Text(match (value.as_f64(), hour, minute, second) {
                    (days, ..) if (0.0..1.0).contains(&days) => time,
                    (_, 0, 0, 0) => date,
                    _ => format!("{date} {time}"),
                })
            }
            DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => Self::Text(text.clone()),
            DataRef::Error(error) => Self::Text(error.to_string()),
            DataRef::Empty if has_formula => Self::OpenFormula,
            DataRef::Empty => Self::Empty,
        }
    }

    fn text(self) -> String {
        match self {
            Self::Text(text) => text,
            Self::Number(number) => Format::General.of(number),
            Self::Empty | Self::OpenFormula => String::new(),
        }
    }
}

/// The cells that are shown, and how many there are.
#[derive(Debug, Default)]
struct Sheet {
    rows: Vec<(u32, Vec<Cell>)>,
    /// The column of the first cell: what is to its left is not shown.
    first_column: u32,
    /// The last column, counted from the first.
    last_place: u32,
    row_count: u64,
    is_whole: bool,
}

impl Sheet {
    /// Reads the sheet to its end or to the most cells; `None` if it has none.
    fn read(workbook: &mut Workbook<'_>, name: &str) -> Option<Self> {
        let mut cells = workbook.worksheet_cells_reader(name).ok()?;
        let mut sheet = Self::default();
        let mut last_row = None;
        for _ in 0..MAX_CELLS {
            let record = match cells.next_cell_with_formula_metadata() {
                Ok(Some(record)) => record,
                Ok(None) => {
                    sheet.is_whole = true;
                    break;
                }
                Err(_) => break,
            };
            let cell = Cell::of(&record.value, record.formula.is_some());
            if matches!(cell, Cell::Empty) {
                continue;
            }
            let (row, column) = record.pos;
            if last_row.is_none() {
                sheet.first_column = column;
            }
            if last_row != Some(row) {
                sheet.row_count += 1;
                last_row = Some(row);
            }
            sheet.place(row, column, cell);
        }
        (!sheet.rows.is_empty()).then_some(sheet)
    }

    fn place(&mut self, row: u32, column: u32, cell: Cell) {
        let Some(place) = column.checked_sub(self.first_column) else {
            return;
        };
        self.last_place = self.last_place.max(place);
        if self.rows.last().is_none_or(|(known, _)| *known != row) && self.rows.len() <= MAX_ROWS {
            self.rows.push((row, Vec::new()));
        }
        let place = usize::try_from(place).unwrap_or(usize::MAX);
        if let Some((_, cells)) = self.rows.last_mut().filter(|(known, _)| *known == row)
            && place < MAX_COLUMNS
        {
            if cells.len() <= place {
                cells.resize(place + 1, Cell::Empty);
            }
            if let Some(known) = cells.get_mut(place) {
                *known = cell;
            }
        }
    }

    fn cells(&self) -> impl Iterator<Item = &Cell> {
        self.rows.iter().flat_map(|(_, cells)| cells)
    }

    fn shown(&mut self, (row, column): (u32, u32)) -> Option<&mut Cell> {
        let place = usize::try_from(column.checked_sub(self.first_column)?).ok()?;
        let (_, cells) = self.rows.iter_mut().find(|(known, _)| *known == row)?;
        cells.get_mut(place)
    }

    fn last_shown_row(&self) -> u32 {
        self.rows.last().map_or(0, |(row, _)| *row)
    }

    /// Writes the numbers that are shown as their cells' formats say.
    fn format_numbers(&mut self, workbook: &mut Workbook<'_>, name: &str) {
        let Ok(mut cells) = workbook.worksheet_cells_reader(name) else {
            return;
        };
        let formats: Vec<Format> = cells.styles().iter().map(Format::of_style).collect();
        for _ in 0..MAX_CELLS {
            let Ok(Some((cell, style))) = cells.next_cell_with_style_id() else {
                return;
            };
            let at = cell.get_position();
            if at.0 > self.last_shown_row() {
                return;
            }
            if let Some(cell) = self.shown(at)
                && let Cell::Number(number) = cell
            {
                let format = formats.get(style).copied().unwrap_or_default();
                *cell = Cell::Text(format.of(*number));
            }
        }
    }

    /// Writes the formulas without a value as text.
    fn write_formulas(&mut self, workbook: &mut Workbook<'_>, name: &str) {
        let Ok(mut cells) = workbook.worksheet_cells_reader(name) else {
            return;
        };
        for _ in 0..MAX_CELLS {
            let Ok(Some(record)) = cells.next_cell_with_formula() else {
                return;
            };
            if record.pos.0 > self.last_shown_row() {
                return;
            }
            if let Some(cell) = self.shown(record.pos)
                && matches!(cell, Cell::OpenFormula)
            {
                *cell = Cell::Text(format!("={}", record.formula.unwrap_or_default()));
            }
        }
    }
}

/// How a number is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Format {
    #[default]
    General,
    Fixed(usize),
    Percent(usize),
}

impl Format {
    fn of_style(style: &Style) -> Self {
        style
            .number_format
            .as_ref()
            .map_or(Self::General, |format| Self::of_code(&format.format_code))
    }

    /// Reads a format code, of which only the part for positive numbers counts. A code that says
    /// more than how many decimals there are is passed over.
    fn of_code(code: &str) -> Self {
        let signs = signs_of(code);
        let decimals = match signs.split_once('.') {
            Some((_, after)) => after.chars().take_while(|c| *c == '0').count(),
            None => 0,
        };
        let decimals = decimals.min(MAX_DECIMALS);
        let is_plain = |c: char| matches!(c, '0' | '#' | ',' | '.' | '?' | ' ');
        if signs.contains('%') {
            Self::Percent(decimals)
        } else if decimals > 0 && signs.chars().all(is_plain) {
            Self::Fixed(decimals)
        } else {
            Self::General
        }
    }

    fn of(self, number: f64) -> String {
        match self {
            // A spreadsheet program shows 15 digits: more are the trace of a calculation.
            Self::General => {
                let rounded = format!("{number:.14e}").parse().unwrap_or(number);
                rounded.to_string()
            }
            Self::Fixed(decimals) => format!("{number:.decimals$}"),
            Self::Percent(decimals) => format!("{:.decimals$}%", number * 100.0),
        }
    }
}

/// Returns the first part of a format code without its literal text.
fn signs_of(code: &str) -> String {
    let mut signs = String::new();
    let mut chars = code.chars();
    while let Some(c) = chars.next() {
        match c {
            ';' => break,
            // The next character is literal, or as wide as a space, or repeated.
            '\\' | '_' | '*' => {
                chars.next();
            }
            '"' => {
                chars.by_ref().find(|c| *c == '"');
            }
            '[' => {
                chars.by_ref().find(|c| *c == ']');
            }
            c => signs.push(c),
        }
    }
    signs
}

/// Writes a number of days as hours, minutes and seconds.
fn duration(days: f64) -> String {
    let seconds = (days.abs() * SECONDS_A_DAY).round() as u64;
    let sign = if days < 0.0 && seconds > 0 { "-" } else { "" };
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    format!("{sign}{hours}:{minutes:02}:{:02}", seconds % 60)
}
