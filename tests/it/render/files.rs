//! Previews of files as a person reads them.

use std::io::{Cursor, Write as _};
use std::time::Duration;

use claude_kernel::chat::settings::ThinkingShow;
use claude_kernel::chat::turn::{FetchedFile, Update};
use claude_kernel::jupyter::mime::{Display, Output};
use claude_kernel::render::renderer::{DisplayMode, Renderer};
use zip::write::SimpleFileOptions;

/// Returns what a person gets to see of a file.
fn display(name: &str, mime_type: &str, bytes: &[u8]) -> Display {
    let mut renderer = Renderer::new(DisplayMode::Live, ThinkingShow::Fold, "d".to_owned());
    let file = FetchedFile {
        file_id: "file_1".to_owned(),
        name: name.to_owned(),
        relative_path: format!("claude_files/{name}"),
        mime_type: mime_type.to_owned(),
        size_bytes: bytes.len() as u64,
        bytes: Some(bytes.to_vec().into()),
        ..FetchedFile::default()
    };
    let update = Update::FileFetched { ordinal: 0, file };
    let outputs = renderer.apply(update, Duration::ZERO);
    match outputs.into_iter().next() {
        Some(Output::Display(display) | Output::Update(display)) => display,
        other => panic!("no display: {other:?}"),
    }
}

/// Fails unless the plain text below the file's line is this.
#[track_caller]
fn check_rows(name: &str, bytes: &[u8], expected: &str) {
    let plain = display(name, "", bytes)
        .data
        .text("text/plain")
        .unwrap()
        .to_owned();
    let (_, rows) = plain.split_once('\n').unwrap();
    assert_eq!(rows, expected);
}

fn summary(name: &str, bytes: &[u8]) -> String {
    let plain = display(name, "", bytes)
        .data
        .text("text/plain")
        .unwrap()
        .to_owned();
    plain.lines().next().unwrap().to_owned()
}

/// A workbook of one sheet; its styles 0 to 5 are general, `0%`, `0.0%`, `[h]:mm:ss`, `h:mm` and
/// `0.00`.
fn workbook(rows: &str) -> Vec<u8> {
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
                r#"<workbook xmlns="{main}" xmlns:r="{office}"><sheets><sheet name="S" sheetId="1" r:id="a"/></sheets></workbook>"#
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                r#"<Relationships xmlns="{package}"><Relationship Id="a" Type="{office}/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="b" Type="{office}/styles" Target="styles.xml"/></Relationships>"#
            ),
        ),
        (
            "xl/styles.xml",
            format!(
                r##"<styleSheet xmlns="{main}"><numFmts count="1"><numFmt numFmtId="170" formatCode="0.0%"/></numFmts><cellXfs count="6"><xf numFmtId="0"/><xf numFmtId="9"/><xf numFmtId="170"/><xf numFmtId="46"/><xf numFmtId="20"/><xf numFmtId="2"/></cellXfs></styleSheet>"##
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!(r#"<worksheet xmlns="{main}"><sheetData>{rows}</sheetData></worksheet>"#),
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

fn text_cell(text: &str) -> String {
    format!("<c t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

#[test]
fn a_formula_that_was_never_calculated_is_shown_as_written_and_said() {
    let rows = format!(
        "<row>{}{}</row><row><c><v>2</v></c><c><f>SUM(A2:A9)</f></c></row>\
         <row><c><v>3</v></c><c><f>A3*2</f><v>6</v></c></row>\
         <row><c><v>4</v></c><c><f>A4&amp;\"&lt;b&gt;\"</f><v></v></c></row>",
        text_cell("a"),
        text_cell("sum")
    );
    let file = workbook(&rows);
    check_rows(
        "t.xlsx",
        &file,
        "a  sum\n2  =SUM(A2:A9)\n3  6\n4  =A4&\"<b>\"\n",
    );
    let said = summary("t.xlsx", &file);
    assert!(said.contains("3 rows, 2 columns"), "{said}");
    assert!(
        said.contains("formulas that were never calculated"),
        "{said}"
    );
    // Nothing is said where every formula has its value.
    let rows = "<row><c><v>1</v></c></row><row><c><f>1+1</f><v>2</v></c></row>";
    assert!(!summary("t.xlsx", &workbook(rows)).contains("formula"));
    // A sheet of formulas alone is a table too.
    let rows = "<row><c><f>A9</f></c></row><row><c><f>A8</f></c></row>";
    check_rows("t.xlsx", &workbook(rows), "=A9\n=A8\n");
}

#[test]
fn durations_percentages_and_times_read_as_in_the_workbook() {
    let head: String = ["of all", "exact", "took", "at", "price"]
        .map(text_cell)
        .concat();
    let row = |of, exact, took, at, price| {
        format!(
            "<row><c s=\"1\"><v>{of}</v></c><c s=\"2\"><v>{exact}</v></c><c s=\"3\"><v>{took}</v></c>\
             <c s=\"4\"><v>{at}</v></c><c s=\"5\"><v>{price}</v></c></row>"
        )
    };
    let rows = format!(
        "<row>{head}</row>{}{}",
        row("0.45", "0.1234", "1.5", "0.5", "22.830000000000002"),
        row("1", "0.07", "0.000011574", "0.25", "7")
    );
    check_rows(
        "t.xlsx",
        &workbook(&rows),
        "of all  exact  took      at        price\n   45%  12.3%  36:00:00  12:00:00  22.83\n  100%   7.0%  0:00:01   06:00:00   7.00\n",
    );
}

#[test]
fn numbers_of_a_column_have_as_many_decimals_as_they_need_and_the_same() {
    check_rows(
        "t.csv",
        b"a,b,c\n22.830000000000002,1,0.1\n3,2,0.25\n1.5,3,10\n",
        "    a  b      c\n22.83  1   0.10\n 3.00  2   0.25\n 1.50  3  10.00\n",
    );
    check_rows(
        "t.csv",
        b"p\n0.3333333333333333\n12.5\n",
        "        p\n 0.333333\n12.500000\n",
    );
    // What only looks like a number of this kind stays as it is written.
    for same in [
        "version\n    1.9\n   1.10\n",
        "id\n007\n1.5\n",
        "small\n1e-9\n0.5\n",
        "tiny\n0.00000012\n1.5\n",
        "n\n12345678901234567890\n1\n",
    ] {
        let csv = same.replace(' ', "");
        let plain = display("t.csv", "", csv.as_bytes())
            .data
            .text("text/plain")
            .unwrap()
            .replace(' ', "");
        assert!(plain.ends_with(&csv), "{plain}");
    }
}

#[test]
fn a_table_from_a_program_of_the_last_century_is_read() {
    let rows = "Größe;Preis\nX;1,5 €\n";
    let latin: Vec<u8> = rows
        .chars()
        .map(|c| {
            if c == '€' {
                0x80
            } else {
                u8::try_from(u32::from(c)).unwrap()
            }
        })
        .collect();
    let expected = "Größe  Preis\nX      1,5 €\n";
    check_rows("t.csv", &latin, expected);
    check_rows("t.csv", rows.as_bytes(), expected);
    let wide: Vec<u8> = std::iter::once(0xfeff)
        .chain(rows.encode_utf16())
        .flat_map(u16::to_le_bytes)
        .collect();
    check_rows("t.csv", &wide, expected);
    let wide: Vec<u8> = std::iter::once(0xfeff)
        .chain(rows.encode_utf16())
        .flat_map(u16::to_be_bytes)
        .collect();
    check_rows("t.csv", &wide, expected);
    for file in [&latin, &wide] {
        let shown = display("t.txt", "text/plain", file);
        let plain = shown.data.text("text/plain").unwrap();
        assert!(plain.contains("Größe;Preis"), "{plain}");
    }
    // One bad byte in UTF-8 spoils that character only.
    check_rows("t.csv", b"a\xff\n\xc3\xa4\n", "a\u{fffd}\n\u{e4}\n");
}

#[test]
fn a_line_that_names_the_delimiter_is_no_header() {
    for begin in ["sep=;\n", "SEP=;\r\n", "\"sep=;\"\n", "\u{feff}sep=;\n"] {
        let text = format!("{begin}a,b;c\n1,5;2\n");
        check_rows("t.csv", text.as_bytes(), "a,b  c\n1,5  2\n");
        assert!(
            summary("t.csv", text.as_bytes()).contains("1 row, 2 columns"),
            "{begin}"
        );
    }
    check_rows("t.csv", b"sep=\t\na,b\tc\n1\t2\n", "a,b  c\n  1  2\n");
    check_rows("t.csv", b"sep=,x\n1,2\n", "sep=  x\n   1  2\n");
}

/// A PNG of this size in pixels; `phys` is pixels for each unit in both directions, and the unit.
fn png(width: u32, height: u32, phys: Option<(u32, u32, u8)>) -> Vec<u8> {
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let mut chunk = |kind: &[u8], data: &[u8]| {
        bytes.extend(u32::try_from(data.len()).unwrap().to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend([0; 4]);
    };
    let size = [width.to_be_bytes(), height.to_be_bytes()].concat();
    chunk(b"IHDR", &[&size[..], &[8, 2, 0, 0, 0]].concat());
    chunk(b"tEXt", b"Software\0x");
    if let Some((x, y, unit)) = phys {
        chunk(
            b"pHYs",
            &[&x.to_be_bytes()[..], &y.to_be_bytes(), &[unit]].concat(),
        );
    }
    chunk(b"IDAT", b"");
    chunk(b"IEND", b"");
    bytes
}

fn shown_size(name: &str, mime_type: &str, bytes: &[u8]) -> (u64, u64) {
    let metadata = display(name, mime_type, bytes).metadata;
    let side = |side: &str| metadata[mime_type][side].as_u64().unwrap();
    (side("width"), side("height"))
}

#[test]
fn a_figure_is_shown_in_its_physical_size() {
    let size = |width, height, phys| shown_size("f.png", "image/png", &png(width, height, phys));
    assert_eq!(
        size(900, 600, Some((5_906, 5_906, 1))),
        (576, 384),
        "150 dots an inch"
    );
    assert_eq!(
        size(600, 300, Some((3_937, 3_937, 1))),
        (576, 288),
        "100 dots an inch"
    );
    assert_eq!(
        size(3_000, 1_500, Some((11_811, 11_811, 1))),
        (900, 450),
        "300 dots an inch, too wide"
    );
    // Never larger than its pixels, and not without sense.
    assert_eq!(size(600, 300, None), (600, 300));
    assert_eq!(
        size(600, 300, Some((2_835, 2_835, 1))),
        (600, 300),
        "72 dots an inch"
    );
    assert_eq!(
        size(600, 300, Some((5_906, 5_906, 0))),
        (600, 300),
        "no unit"
    );
    assert_eq!(size(600, 300, Some((0, 0, 1))), (600, 300));
    assert_eq!(size(600, 300, Some((u32::MAX, u32::MAX, 1))), (600, 300));
    assert_eq!(
        size(600, 300, Some((5_906, 2_953, 1))),
        (600, 300),
        "pixels that are not square"
    );

    let jpeg = |unit: u8, density: u16| {
        let mut bytes = b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01".to_vec();
        bytes.push(unit);
        bytes.extend([density.to_be_bytes(), density.to_be_bytes()].concat());
        bytes.extend([0, 0]);
        bytes.extend(
            b"\xff\xc0\x00\x11\x08\x02\x58\x03\x84\x03\x01\x22\x00\x02\x11\x01\x03\x11\x01\xff\xd9",
        );
        shown_size("f.jpg", "image/jpeg", &bytes)
    };
    assert_eq!(jpeg(1, 150), (576, 384));
    assert_eq!(jpeg(2, 59), (577, 384), "dots a centimetre");
    assert_eq!(jpeg(0, 1), (900, 600));
}
