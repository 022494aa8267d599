//! What is said of files that are attached: how far an upload is, and where each file goes.

use serde_json::{Map, Value, json};

use crate::cell::shown::Part;
use crate::host::Host;
use crate::jupyter::mime::{Display, MimeBundle, Output};
use crate::kernel::context::CellContext;
use crate::kernel::context::CellOutput;
use crate::kernel::inputs::VisibleAs;
use crate::render::foreign;
use crate::render::screen::quiet;

/// Digits of a hash that are shown: enough to compare by eye.
const SHORT_HASH: usize = 12;
/// What is said of one attached file.
#[derive(Debug)]
pub(super) struct Note {
    pub(super) shown: String,
    /// What it is called at the API.
    pub(super) name: String,
    pub(super) size_bytes: u64,
    pub(super) sha256: String,
    pub(super) describe: String,
    pub(super) visible_as: Option<VisibleAs>,
    pub(super) sandbox: bool,
    pub(super) remark: Option<String>,
}

/// The line that says how far an upload is; what is said in the end takes its place.
#[derive(Debug, Default)]
pub(super) struct ProgressLine {
    display_id: Option<String>,
}

impl ProgressLine {
    pub(super) async fn draw(&mut self, text: &str, host: &dyn Host, output: CellOutput<'_>) {
        let markdown = quiet(&format!("{} …", foreign::spoken(text)));
        let display = |id: &String| Display {
            data: MimeBundle::markdown(markdown.clone(), format!("{text} …")),
            display_id: Some(id.clone()),
            ..Display::default()
        };
        let line = match &self.display_id {
            Some(id) => Output::Update(display(id)),
            None => {
                let id = format!("attach-{}", host.uuid().simple());
                let output = Output::Display(display(&id));
                self.display_id = Some(id);
                output
            }
        };
        output.show(vec![line]).await;
    }

    pub(super) async fn replace(self, display: Display, context: &CellContext<'_>) {
        let output = match self.display_id {
            Some(id) => Output::Update(Display {
                display_id: Some(id),
                ..display
            }),
            None => Output::Display(display),
        };
        context.output.show(vec![output]).await;
    }

    /// Takes the line away: an error follows.
    pub(super) async fn withdraw(self, context: &CellContext<'_>) {
        if self.display_id.is_some() {
            let nothing = Display {
                data: MimeBundle::markdown("", ""),
                ..Display::default()
            };
            self.replace(nothing, context).await;
        }
    }
}

/// Says what was attached and where it goes: a line for each file.
pub(super) fn announcement(notes: &[Note]) -> Display {
    let (mut markdown, mut plain, mut data) = (Vec::new(), Vec::new(), Vec::new());
    for note in notes {
        let called = if note.shown.rsplit('/').next() == Some(&note.name) {
            None
        } else {
            Some(Part::code(&note.name))
        };
        let place = match (note.visible_as, note.sandbox) {
            (Some(VisibleAs::Image), true) => "Claude sees it, and has it in its sandbox",
            (Some(VisibleAs::Image), false) => "Claude sees it",
            (Some(VisibleAs::Document), true) => "Claude reads it, and has it in its sandbox",
            (Some(VisibleAs::Document), false) => "Claude reads it",
            (None, _) => "in Claude's sandbox",
        };
        let hash: String = note.sha256.chars().take(SHORT_HASH).collect();
        let facts = format!(
            "{}, {}, sha256 ",
            note.describe,
            foreign::size(note.size_bytes)
        );
        let remark = note.remark.as_ref().map(|remark| format!("; {remark}"));
        let remark = remark.unwrap_or_default();
        let (shown, hash) = (Part::code(&note.shown), Part::code(&hash));
        let line = |pick: fn(&Part) -> &str| {
            let called = called
                .as_ref()
                .map_or(String::new(), |called| format!(" as {}", pick(called)));
            format!(
                "Attached {} ({facts}{}): {place}{called}{remark}.",
                pick(&shown),
                pick(&hash)
            )
        };
        markdown.push(line(Part::as_markdown));
        plain.push(line(Part::as_plain));
        data.push(json!({
            "name": note.name,
            "size_bytes": note.size_bytes,
            "sha256": note.sha256,
        }));
    }
    let mut metadata = Map::new();
    metadata.insert(
        "claude_kernel".to_owned(),
        json!({"attached": Value::Array(data)}),
    );
    Display {
        data: MimeBundle::markdown(markdown.join("  \n"), plain.join("\n")),
        metadata,
        display_id: None,
    }
}
