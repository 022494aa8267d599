//! `%export`: the code of the notebook as a notebook, script or text that needs no model.

use super::arguments::{no_value, words};
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic, MagicCall, MagicError};
use crate::cell::shown::clip;

pub use crate::cell::job::{ExportForm, ExportJob};

pub(super) const EXPORT: Magic = Magic {
    name: "export",
    aliases: &[],
    usage: "[notebook|py|markdown] [-o PATH] [--all] [--force]",
    form: Form::Line,
    group: Group::Conversation,
    summary: "write the code of this notebook to run without a model",
    details: "Prompts become text, and every step that counted stands below its prompt, as the notebook was last saved; \
attempts that failed and were done again are left out without `--all`. The first cell holds the parameters, so it can be run \
on new data. It is written beside the notebook, or below its folder with `-o`; a file that is there is only replaced with \
`--force`. `claude-kernel export` does the same, and makes pages.",
    examples: &[
        ("%export py", "a script"),
        (
            "%export notebook -o shared/code.ipynb",
            "a notebook for ipykernel",
        ),
    ],
    values: |_, before| {
        let forms = ExportForm::ALL.map(ExportForm::name).into_iter();
        let forms = forms.filter(|_| before.is_empty());
        let options = ["--all", "--force"].into_iter();
        let words = forms.chain(options.filter(|option| !before.contains(option)));
        Candidate::list("value", words)
    },
    now: no_value,
    apply: |call, _| Ok(vec![Effect::Job(Job::Export(job(call)?))]),
};

fn job(call: &MagicCall) -> Result<ExportJob, MagicError> {
    let mut job = ExportJob::default();
    let mut form = None;
    let mut words = words(call)?.into_iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--all" => job.keeps_failed = true,
            "--force" => job.force = true,
            "-o" => {
                job.to = Some(words.next().ok_or_else(|| {
                    MagicError::new("`-o` needs a path", "Write `%export py -o PATH`.")
                })?);
            }
            other => {
                let named = ExportForm::ALL
                    .into_iter()
                    .find(|form| form.name() == other);
                if let (Some(named), None) = (named, form) {
                    form = Some(named);
                    continue;
                }
                return Err(MagicError::new(
                    format!("`%export` does not take `{}`", clip(other, 40)),
                    "It takes notebook, py or markdown, `-o PATH`, `--all` and `--force`; `claude-kernel export` makes pages.",
                ));
            }
        }
    }
    job.form = form.unwrap_or_default();
    Ok(job)
}
