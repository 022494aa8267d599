//! Which files a turn puts into its container (`docs/protocol.md#files-into-the-sandbox`).

use super::super::file_store::File;
use super::super::message::{Message, Role, kind, text};
use super::Player;

impl Player {
    pub(super) fn needs_container(&self) -> bool {
        let brings_something =
            !self.opening.request.skills.is_empty() || !self.uploads().is_empty();
        self.opening.request.code_execution().is_some() && brings_something
    }

    /// Returns the files to put in. An upload block works only in its own turn
    /// (`docs/protocol.md#files-into-the-sandbox`), so the blocks of earlier turns are ignored.
    pub(super) fn uploads(&self) -> Vec<File> {
        let messages = self.opening.request.messages.iter().rev();
        let goes_on = |message: &&Message| {
            let results = message
                .blocks
                .iter()
                .all(|block| kind(block) == "tool_result");
            message.role != Role::User || results
        };
        let question = messages
            .skip_while(goes_on)
            .take_while(|message| message.role != Role::Assistant);
        let mut question: Vec<&Message> = question.collect();
        question.reverse();
        let ids: Vec<&str> = question
            .into_iter()
            .flat_map(|message| &message.blocks)
            .filter(|block| kind(block) == "container_upload")
            .filter_map(|block| text(block, "file_id"))
            .collect();
        let files = self.opening.files.iter();
        files
            .filter(|file| ids.contains(&file.id.as_str()))
            .cloned()
            .collect()
    }
}
