//! `%models`: asks the API which models there are, and shows what they take.

use crate::anthropic::client::Client;
use crate::cell::magics::models;
use crate::cell::shown::Part;
use crate::jupyter::connection::Channel;
use crate::jupyter::mime::{Display, MimeBundle, Output};

use super::actor::Signal;
use super::desk::Urgent;
use super::error::CellError;
use super::execute::{Interruptions, Leave, Scene, Wake};

/// Lists the models, the `current` one marked, and returns their ids. Without an answer from the API the built-in table is
/// shown, and said to be it.
///
/// # Errors
/// When the cell was stopped; with it, whether the kernel was told to leave.
pub async fn list(
    client: &Client,
    current: &str,
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
    let (table, ids) = match &answer {
        Ok(listed) => (
            models::list(Some(listed), current),
            listed.iter().map(|model| model.id.clone()).collect(),
        ),
        Err(error) => {
            let why = Part::text(&error.to_string());
            let table = models::list(None, current).line("The API did not list its models", &why);
            (table, Vec::new())
        }
    };
    scene
        .show(vec![Output::Display(Display {
            data: MimeBundle::markdown(table.markdown, table.plain),
            ..Display::default()
        })])
        .await;
    Ok(ids)
}
