//! What was verified, as a page that one can show and print: a verdict for each cell, with both values
//! where something differs. Everything foreign is text. Pure.

use super::{Expected, Verdict};

/// How much of a prompt is shown, in characters.
const PROMPT: usize = 160;

const STYLE: &str = "\
body { font: 16px/1.5 system-ui, sans-serif; max-width: 52rem; margin: 2rem auto; padding: 0 1rem; color: #1f2328 }
h1 { font-size: 1.5rem } .sum { font-size: 1.15rem }
section { border-left: 4px solid #8a8a8a; padding: 0 0 0 1rem; margin: 1.5rem 0; break-inside: avoid }
section.reproduced { border-color: #2e7d32 } section.differs { border-color: #c62828 }
h2 { font-size: 1rem; margin: 0 } p { margin: .3rem 0 } .asked, footer { color: #59636e }
table { border-collapse: collapse; width: 100%; margin: .5rem 0 }
th, td { text-align: left; vertical-align: top; padding: .2rem .6rem .2rem 0; border-bottom: 1px solid #d1d9e0 }
td code { white-space: pre-wrap; overflow-wrap: anywhere } footer { font-size: .85rem; margin-top: 2rem }
@media print { body { margin: 0; font-size: 11pt } }
";

/// Returns the page. `how` says where the code ran, as a sentence.
#[must_use]
pub fn page(notebook: &str, how: &str, cells: &[(&Expected, Verdict)]) -> String {
    let good = cells
        .iter()
        .filter(|(_, verdict)| *verdict == Verdict::Reproduced);
    let title = escaped(notebook);
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{title}: verified</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n\
         <h1>{title}</h1>\n<p class=\"sum\">{} of {} cells with code reproduced.</p>\n",
        good.count(),
        cells.len()
    );
    for (expected, verdict) in cells {
        out.push_str(&section(expected, verdict));
    }
    out.push_str(&format!(
        "<footer>Checked by claude-kernel {}: the recorded code was run again, and what it printed and made was \
         compared with what the notebook shows. {}</footer>\n</body>\n</html>\n",
        env!("CARGO_PKG_VERSION"),
        escaped(how)
    ));
    out
}

fn section(expected: &Expected, verdict: &Verdict) -> String {
    let mut asked: String = expected.prompt.chars().take(PROMPT).collect();
    if asked.len() < expected.prompt.len() {
        asked.push('…');
    }
    let said = match verdict {
        Verdict::Reproduced => "reproduced",
        Verdict::Differs(_) => "differs",
        Verdict::CannotRun(_) => "cannot run",
    };
    let mut out = format!(
        "<section class=\"{}\">\n<h2>{}: {said}</h2>\n<p class=\"asked\">{}</p>\n",
        verdict.name(),
        escaped(&expected.cell),
        escaped(&asked)
    );
    match verdict {
        Verdict::Reproduced => {}
        Verdict::CannotRun(why) => out.push_str(&format!("<p>{}</p>\n", escaped(why))),
        Verdict::Differs(differences) => {
            out.push_str("<table>\n<tr><th>Where</th><th>Recorded</th><th>Now</th></tr>\n");
            for one in differences {
                let value = |value: &Option<String>| match value {
                    Some(value) => format!("<code>{}</code>", escaped(value)),
                    None => "nothing".to_owned(),
                };
                out.push_str(&format!(
                    "<tr><td>{}</td><td>{}</td><td>{}</td></tr>\n",
                    escaped(&one.place.replace('`', "")),
                    value(&one.then),
                    value(&one.now)
                ));
            }
            out.push_str("</table>\n");
        }
    }
    out + "</section>\n"
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && c != '\n' && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::Difference;
    use super::*;

    #[test]
    fn everything_foreign_is_text() {
        let hostile = "<script>alert(1)</script>&\u{1b}[31m";
        let expected = Expected {
            cell: hostile.to_owned(),
            prompt: hostile.repeat(30),
            steps: Vec::new(),
            files: Vec::new(),
            inputs: Vec::new(),
            edits: Vec::new(),
            calls_tools: false,
        };
        let difference = Difference {
            place: hostile.to_owned(),
            then: Some(hostile.to_owned()),
            now: None,
        };
        let page = page(
            hostile,
            hostile,
            &[(&expected, Verdict::Differs(vec![difference]))],
        );
        assert!(
            !page.contains("<script") && !page.contains('\u{1b}'),
            "{page}"
        );
        assert!(
            page.contains("0 of 1 cells") && page.contains("<td>nothing</td>"),
            "{page}"
        );
    }
}
