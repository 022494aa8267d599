//! `%models`: asks the API which models there are, and shows what they take.

use crate::anthropic::client::Client;
use crate::anthropic::error::ApiError;
use crate::anthropic::model::{self, Effort, ModelInfo};
use crate::jupyter::connection::Channel;
use crate::jupyter::mime::{Display, MimeBundle, Output};

use super::actor::Signal;
use super::desk::Urgent;
use super::error::CellError;
use super::execute::{Interruptions, Leave, Scene, Wake};

/// Lists the models and returns their ids. Without an answer from the API the built-in table is
/// shown, and said to be it.
///
/// # Errors
/// When the cell was stopped; with it, whether the kernel was told to leave.
pub async fn list(
    client: &Client,
    interruptions: &mut Interruptions,
    scene: Scene<'_>,
) -> Result<Vec<String>, (CellError, Option<Leave>)> {
    let asked = client.models();
    tokio::pin!(asked);
    let answer = loop {
        tokio::select! {
            biased;
            wake = interruptions.next() => {
                let urgent = match wake {
                    Wake::Signal(Signal::Interrupt) => Some(Urgent::Interrupt),
                    Wake::Signal(Signal::Terminate) => return Err((CellError::interrupted(false), Some(Leave::Signal))),
                    Wake::Control(message) => scene.desk.answer(Channel::Control, *message).await,
                };
                match urgent {
                    Some(Urgent::Interrupt) => return Err((CellError::interrupted(false), None)),
                    Some(Urgent::Shutdown(channel, message)) => {
                        return Err((CellError::interrupted(false), Some(Leave::Request(channel, message))));
                    }
                    None => {}
                }
            }
            answer = &mut asked => break answer,
        }
    };
    let (rows, source, ids) = match &answer {
        Ok(models) => (
            models.iter().map(listed).collect(),
            None,
            models.iter().map(|model| model.id.clone()).collect(),
        ),
        Err(error) => (built_in(), Some(error), Vec::new()),
    };
    scene.show(vec![table(rows, source)]).await;
    Ok(ids)
}

/// A model's line: id, alias, context, longest answer, effort levels, price.
type Row = [String; 6];

const HEAD: [&str; 6] = [
    "Model",
    "Alias",
    "Context",
    "Longest answer",
    "Effort",
    "$ per million tokens in / out",
];

fn row(id: &str, context: Option<u64>, longest: Option<u32>, efforts: Option<&[Effort]>) -> Row {
    let spec = model::lookup(id);
    let tokens = |count: Option<u64>| count.map_or_else(|| "?".to_owned(), short);
    let efforts = match efforts {
        Some([]) => "none".to_owned(),
        Some(efforts) => efforts
            .iter()
            .map(|effort| effort.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        None => "?".to_owned(),
    };
    [
        id.to_owned(),
        spec.and_then(|spec| spec.alias)
            .unwrap_or_default()
            .to_owned(),
        tokens(context),
        tokens(longest.map(u64::from)),
        efforts,
        spec.map_or_else(
            || "unknown".to_owned(),
            |spec| format!("{} / {}", spec.price.input, spec.price.output),
        ),
    ]
}

fn listed(info: &ModelInfo) -> Row {
    row(
        &info.id,
        info.context_tokens,
        info.max_output_tokens,
        info.efforts.as_deref(),
    )
}

fn built_in() -> Vec<Row> {
    model::MODELS
        .iter()
        .filter(|spec| !spec.gated)
        .map(|spec| {
            row(
                spec.id,
                Some(spec.context_tokens),
                Some(spec.max_output_tokens),
                Some(spec.efforts),
            )
        })
        .collect()
}

fn table(rows: Vec<Row>, error: Option<&ApiError>) -> Output {
    let note = match error {
        None => format!("Prices are those of {}.", model::TABLE_DATE),
        Some(error) => format!(
            "The API did not list its models ({error}); this is the built-in table of {}.",
            model::TABLE_DATE
        ),
    };
    let line = |cells: &[String]| {
        format!(
            "| {} |\n",
            cells
                .iter()
                .map(|cell| cell.replace('|', "\\|"))
                .collect::<Vec<_>>()
                .join(" | ")
        )
    };
    let mut markdown = line(&HEAD.map(str::to_owned));
    markdown.push_str("|---|---|--:|--:|---|--:|\n");
    let mut plain = String::new();
    for row in &rows {
        let code = |text: &String| {
            if text.is_empty() {
                String::new()
            } else {
                format!("`{}`", text.replace('`', ""))
            }
        };
        let [id, alias, rest @ ..] = row;
        let mut cells = vec![code(id), code(alias)];
        cells.extend(rest.iter().cloned());
        markdown.push_str(&line(&cells));
        plain.push_str(row.join("  ").trim_end());
        plain.push('\n');
    }
    markdown.push_str(&format!("\n{note}"));
    plain.push_str(&note);
    Output::Display(Display {
        data: MimeBundle::markdown(markdown, plain),
        ..Display::default()
    })
}

/// Writes a number of tokens as people do: 200k, 1M.
fn short(tokens: u64) -> String {
    match tokens {
        1_000_000.. if tokens.is_multiple_of(1_000_000) => format!("{}M", tokens / 1_000_000),
        1_000.. => format!("{}k", tokens / 1_000),
        _ => tokens.to_string(),
    }
}
