//! Files that are small until somebody opens them, and files that are large.

use std::io::{Cursor, Write as _};

use super::{check_harmless, corpus, making, shown};
use crate::support::rig::{Ran, Rig};

/// How much the notebook grew by.
fn bytes(ran: &Ran) -> usize {
    shown(ran).iter().map(|(_, text)| text.len()).sum()
}

#[tokio::test]
async fn an_image_is_judged_by_its_header_and_never_decoded() {
    let script = making(&[
        ("bomb.png", &corpus("bomb.png")),
        ("endless.png", &corpus("endless.png")),
        ("broken.png", &corpus("broken.png")),
        ("page.png", &corpus("page.html")),
    ]);
    let mut rig = Rig::start(&script).await;
    let ran = rig.cell("Make them").await;
    assert_eq!(ran.files().len(), 4, "{}", ran.transcript());
    check_harmless(&ran);
    assert!(
        shown(&ran)
            .iter()
            .all(|(mime, _)| !mime.starts_with("image/")),
        "{}",
        ran.transcript()
    );
    let text = ran.text();
    assert!(
        text.contains("not shown here, because it has 50,000 x 50,000 pixels"),
        "{text}"
    );
    assert!(text.contains("claude_files/broken.png"), "{text}");
}

/// A workbook whose one sheet is `rows`, packed.
fn workbook(rows: &str) -> Vec<u8> {
    let main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main";
    let office = "http://schemas.openxmlformats.org/officeDocument/2006/relationships";
    let package = "http://schemas.openxmlformats.org/package/2006/relationships";
    let mut archive = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, content) in [
        (
            "_rels/.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"a\" Type=\"{office}/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/workbook.xml",
            format!(
                "<workbook xmlns=\"{main}\" xmlns:r=\"{office}\"><sheets><sheet name=\"Sales\" sheetId=\"1\" r:id=\"b\"/></sheets></workbook>"
            ),
        ),
        (
            "xl/_rels/workbook.xml.rels",
            format!(
                "<Relationships xmlns=\"{package}\"><Relationship Id=\"b\" Type=\"{office}/worksheet\" Target=\"worksheets/sheet1.xml\"/></Relationships>"
            ),
        ),
        (
            "xl/worksheets/sheet1.xml",
            format!("<worksheet xmlns=\"{main}\"><sheetData>{rows}</sheetData></worksheet>"),
        ),
    ] {
        archive
            .start_file(name, zip::write::SimpleFileOptions::default())
            .unwrap();
        archive.write_all(content.as_bytes()).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[tokio::test]
async fn a_workbook_shows_its_first_rows_and_a_bomb_only_a_link() {
    let row = "<row><c t=\"inlineStr\"><is><t>region</t></is></c><c><v>7</v></c></row>";
    let small = making(&[("sales.xlsx", &workbook(&row.repeat(3)))]);
    // The same with 80 MB of nothing in its sheet.
    let script = small.replace(
        "```\n\nMade.",
        "import zipfile\nhere = zipfile.ZipFile(path)\n\
         bomb = zipfile.ZipFile(os.environ['OUTPUT_DIR'] + '/bomb.xlsx', 'w', zipfile.ZIP_DEFLATED)\n\
         for part in here.namelist():\n    \
         bomb.writestr(part, here.read(part).replace(b'</sheetData>', b' ' * 80_000_000 + b'</sheetData>'))\n\
         bomb.close()\n```\n\nMade.",
    );
    let mut rig = Rig::start(&script).await;
    let ran = rig.cell("Make them").await;
    check_harmless(&ran);
    let text = ran.text();
    assert!(text.contains("sheet Sales: 2 rows, 2 columns"), "{text}");
    assert!(text.contains("claude_files/bomb.xlsx"), "{text}");
    assert!(!text.contains("bomb.xlsx (79 kB) - "), "{text}");
    assert!(rig.files().join("bomb.xlsx").metadata().unwrap().len() < 200_000);
    assert!(bytes(&ran) < 20_000, "{}", bytes(&ran));
}

#[tokio::test]
async fn a_million_columns_and_deep_json_are_cheap_and_readable() {
    let script = "# Make them\n\n```python\n# Make them\nimport os\n\
        folder = os.environ['OUTPUT_DIR']\n\
        open(folder + '/wide.csv', 'w').write(','.join(f'c{n % 10}' for n in range(1_000_000)) + '\\n' + '1,' * 999_999 + '1\\n')\n\
        open(folder + '/long.csv', 'w').write('a,b\\n' + '1,2\\n' * 5_000_000)\n\
        open(folder + '/deep.json', 'w').write('[' * 120 + '1,' * 400_000 + '1' + ']' * 120)\n\
        open(folder + '/deeper.json', 'w').write('[' * 100_000 + ']' * 100_000)\n\
        open(folder + '/line.txt', 'w').write('x' * 20_000_000)\n```\n\nMade.\n";
    let mut rig = Rig::start(script).await;
    let ran = rig.cell("Make them").await;
    assert_eq!(ran.reply()["status"], "ok", "{}", ran.text());
    check_harmless(&ran);
    let text = ran.text();
    assert!(text.contains("claude_files/wide.csv (5.0 MB) - "), "{text}");
    assert!(
        text.contains("1,000,000 columns") || text.contains("more than"),
        "{text}"
    );
    assert!(
        text.contains("claude_files/long.csv (20 MB) - more than"),
        "{text}"
    );
    assert!(text.contains("claude_files/deep.json"), "{text}");
    assert!(text.contains("more characters]"), "{text}");
    assert!(bytes(&ran) < 100_000, "{}", bytes(&ran));
}
