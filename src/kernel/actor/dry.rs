//! `%%dry`: plans the turn of a cell, has its tokens counted, shows it, and sends nothing.

use serde_json::Value;

use crate::chat::conversation::Planned;
use crate::chat::question::Question;
use crate::chat::settings::Settings;
use crate::kernel::dry::{self, Counted};
use crate::kernel::error::CellError;
use crate::kernel::execute::Scene;
use crate::kernel::jobs::unless_stopped;
use crate::kernel::ran::Ran;
use crate::kernel::show::notes;

use super::Kernel;

impl Kernel {
    /// Shows the request of a question. Counting its tokens is free and leaves no trace.
    pub(super) async fn dry(
        &mut self,
        settings: &Settings,
        question: &Question,
        scene: (&crate::jupyter::wire::Message, u32),
        payload: Vec<Value>,
        shown: String,
    ) -> Ran {
        if question.prompt.is_empty() {
            return Ran::failed(CellError::new(
                "MagicError",
                "`%%dry` shows the request of a prompt, and this cell has none",
                "Write the prompt below `%%dry`.",
            ));
        }
        let Planned {
            mut request,
            mut question,
            ..
        } = self
            .state
            .conversations
            .plan(&self.state.cell, settings, question);
        // Files that are not uploaded are not known yet: neither to the sandbox nor to the API.
        let is_planned = dry::has_planned_files(&question.before);
        let told = match is_planned {
            true => None,
            false => self.state.inputs.fit(&mut request, &mut question),
        };
        let counted = if is_planned {
            Counted::No("files of this cell are not uploaded yet".to_owned())
        } else {
            let counting = self.edges.client.count_tokens(&request);
            match unless_stopped(counting, &mut self.interruptions, &self.desk).await {
                Ok(Ok(tokens)) => Counted::Yes(tokens),
                Ok(Err(error)) => Counted::No(error.to_string()),
                Err(stopped) => return Ran::stopped(stopped),
            }
        };
        let scene = Scene {
            desk: &self.desk,
            parent: &scene.0.parent,
            count: scene.1,
            asks: None,
        };
        scene.show(notes(told.iter())).await;
        let prices = (!self.about.offline).then_some(&*self.state.prices);
        let known = self.state.inputs.uploaded();
        let plan = dry::plan(&request, &question.before, known, &counted, prices);
        scene.show(vec![plan]).await;
        Ran::ok(payload, shown)
    }
}
