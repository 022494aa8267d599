//! `%attach`, `%files`, `%get`, `%rm`: what a person puts in, and what came out.

use super::arguments::{no_value, word, words};
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic, MagicError};
use crate::cell::shown::clip;

pub use crate::cell::job::{Destination, FilesJob};

pub(super) const ATTACH: Magic = Magic {
    name: "attach",
    aliases: &["upload"],
    usage: "PATH… [--image|--document|--sandbox]",
    form: Form::Line,
    group: Group::Data,
    summary: "attach files of this machine to the next prompt",
    details: "Files go with the prompt of this cell, or of the next one that has a prompt. Several paths and patterns \
such as `data/*.csv` are taken; a path with blanks goes in quotes. Images and PDFs go to Claude's eyes and to its \
sandbox, everything else to the sandbox; `--image`, `--document` and `--sandbox` choose, also together. Whatever is \
attached is uploaded to Anthropic and named in the output. In a prompt, `@path` does the same for files below the \
notebook's folder.",
    examples: &[
        ("%attach sales_data.csv", "one file"),
        ("%attach data/q1.csv data/q2.csv", "several"),
        ("%attach report.pdf --document", "to read only"),
        ("%attach", "show what is attached"),
    ],
    values: |_, before| {
        let chosen = |option: &&str| !before.contains(option);
        let options = ["--image", "--document", "--sandbox"];
        Candidate::list("value", options.into_iter().filter(chosen))
    },
    now: no_value,
    apply: |call, _| {
        let mut to = Destination::default();
        let mut paths = Vec::new();
        for word in words(call)? {
            match word.as_str() {
                "--image" => to.image = true,
                "--document" => to.document = true,
                "--sandbox" => to.sandbox = true,
                _ if word.starts_with("--") => {
                    return Err(MagicError::new(
                        format!("`%attach` has no option `{}`", clip(&word, 40)),
                        "It has `--image`, `--document` and `--sandbox`; a file of that name is `./--name`.",
                    ));
                }
                _ => paths.push(word),
            }
        }
        if to.image && to.document {
            return Err(MagicError::new(
                "`%attach` shows a file either as an image or as a document",
                "Leave `--image` or `--document` out.",
            ));
        }
        if !paths.is_empty() {
            return Ok(vec![job(FilesJob::Attach { paths, to })]);
        }
        if to.is_open() {
            return Ok(vec![job(FilesJob::List { all: false })]);
        }
        Err(MagicError::new(
            "`%attach` needs a path",
            "Write `%attach PATH`, such as `%attach data/*.csv`.",
        ))
    },
};

pub(super) const FILES: Magic = Magic {
    name: "files",
    aliases: &[],
    usage: "[all]",
    form: Form::Line,
    group: Group::Data,
    summary: "show the files that went in and those that came out",
    details: "Files that were attached, and files that Claude made, with size, type, the cell they belong to and where \
they are. Notebooks of one folder share `claude_files/`: `all` lists what the others made, too. `%get NAME` copies one, \
`%rm NAME` removes one.",
    examples: &[
        ("%files", "this notebook's"),
        ("%files all", "those of other notebooks too"),
    ],
    values: |_, before| match before {
        [] => Candidate::list("value", ["all"]),
        _ => Vec::new(),
    },
    now: no_value,
    apply: |call, _| match word(call, "[all]")?.as_deref() {
        None => Ok(vec![job(FilesJob::List { all: false })]),
        Some("all") => Ok(vec![job(FilesJob::List { all: true })]),
        Some(other) => Err(MagicError::new(
            format!("`%files` does not take `{other}`"),
            "It takes nothing or all. `%get NAME` copies a file.",
        )),
    },
};

pub(super) const GET: Magic = Magic {
    name: "get",
    aliases: &[],
    usage: "[NAME] [-o PATH] [--force]",
    form: Form::Line,
    group: Group::Data,
    summary: "copy a file that Claude made, or fetch again what could not be fetched",
    details: "`-o` says where to, a file or a folder; without it the copy goes beside the notebook. A file that is there \
is only replaced with `--force`. `%get` alone fetches every file whose download failed.",
    examples: &[
        ("%get revenue.csv", "beside the notebook"),
        ("%get revenue.csv -o data/", "into a folder"),
        ("%get", "fetch what failed"),
    ],
    values: |_, before| {
        let options = ["--force"].into_iter();
        Candidate::list("value", options.filter(|option| !before.contains(option)))
    },
    now: no_value,
    apply: |call, _| {
        let (mut name, mut to, mut force) = (None, None, false);
        let mut words = words(call)?.into_iter();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--force" => force = true,
                "-o" => {
                    to = Some(words.next().ok_or_else(|| {
                        MagicError::new("`-o` needs a path", "Write `%get NAME -o PATH`.")
                    })?);
                }
                _ if name.is_none() && !word.starts_with("--") => name = Some(word),
                _ => {
                    return Err(MagicError::new(
                        format!("`%get` does not take `{}`", clip(&word, 40)),
                        "It takes one name, `-o PATH` and `--force`.",
                    ));
                }
            }
        }
        if name.is_none() && (to.is_some() || force) {
            return Err(MagicError::new(
                "`%get` needs the name of a file",
                "`%files` lists them.",
            ));
        }
        Ok(vec![job(FilesJob::Get { name, to, force })])
    },
};

pub(super) const RM: Magic = Magic {
    name: "rm",
    aliases: &[],
    usage: "NAME [--local]",
    form: Form::Line,
    group: Group::Data,
    summary: "remove an attached file from Anthropic",
    details: "The file is deleted at the API and taken off the list; your own copy stays, and so does one that a sandbox \
already has. Earlier prompts that named it say from then on that it was removed. A file that Claude made is removed from \
`claude_files/` with `--local`.",
    examples: &[
        ("%rm sales_data.csv", "an input"),
        ("%rm revenue.png --local", "a file Claude made"),
    ],
    values: |_, before| {
        let options = ["--local"].into_iter();
        Candidate::list("value", options.filter(|option| !before.contains(option)))
    },
    now: no_value,
    apply: |call, _| {
        let (mut name, mut local) = (None, false);
        for word in words(call)? {
            match word.as_str() {
                "--local" => local = true,
                _ if name.is_none() && !word.starts_with("--") => name = Some(word),
                _ => {
                    return Err(MagicError::new(
                        format!("`%rm` does not take `{}`", clip(&word, 40)),
                        "It takes one name and `--local`.",
                    ));
                }
            }
        }
        let name = name.ok_or_else(|| {
            MagicError::new("`%rm` needs the name of a file", "`%files` lists them.")
        })?;
        Ok(vec![job(FilesJob::Remove { name, local })])
    },
};

fn job(job: FilesJob) -> Effect {
    Effect::Job(Job::Files(job))
}
