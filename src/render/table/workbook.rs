//! The first sheet of an Excel workbook, which is an archive and may be larger than it says.
//!
//! Everything is measured by unpacking it before anything is read into memory. Invariant: a
//! workbook costs no more than the limits below, whatever it says of itself. If a workbook makes
//! its reader fail, it has no preview.

use std::io::{Cursor, Read as _};

use super::{Table, sheet};

/// The most bytes that those parts of a workbook may unpack to which are read as a whole: they are
/// kept in memory, and a decompression bomb does harm only there.
const MAX_WHOLE_PARTS_BYTES: u64 = 8_000_000;
/// The most bytes that its sheets may unpack to; they are read piece by piece.
const MAX_SHEETS_BYTES: u64 = 64_000_000;
/// The most parts of a workbook: most workbooks have about twelve.
const MAX_PARTS: usize = 2_000;

/// Reads the first sheet of an Excel workbook; `None` when it cannot be read within bounds.
pub(crate) fn of_workbook(bytes: &[u8]) -> Option<Table> {
    if !unpacks_within_bounds(bytes).unwrap_or(false) {
        return None;
    }
    // The reader knows many formats, and a file made for the purpose may make it panic. Then there
    // is no preview.
    std::panic::catch_unwind(|| sheet::first_of(bytes))
        .ok()
        .flatten()
}

/// Measures what a workbook unpacks to by unpacking it, because the sizes that it states may be
/// false.
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
        // A sheet may have any name, and so may a picture, which is not read.
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
    fn workbooks_show_their_first_sheet() {
        let strings = "<si><t>name</t></si><si><t>when</t></si>";
        let rows = r#"<row r="2"><c r="B2" t="s"><v>0</v></c><c r="C2" t="s"><v>1</v></c></row>
                      <row r="3"><c r="B3" t="inlineStr"><is><t>&lt;b&gt;</t></is></c><c r="C3" s="1"><v>46000</v></c></row>
                      <row r="9"><c r="C9"><v>1.5</v></c><c r="A9"><v>7</v></c></row>"#;
        check(
            of_workbook(&workbook(strings, rows)),
            "sheet A|b: 2 rows, 2 columns; 1 more sheet: Two",
            "name  when\n<b>   2025-12-09\n      1.5\n",
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
            "1                …\n3                …\n",
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
    }
}
