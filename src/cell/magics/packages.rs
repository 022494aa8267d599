//! `%packages`: what Claude's sandbox has installed.

use super::arguments::no_value;
use crate::cell::magic::{Candidate, Effect, Form, Group, Job, Magic, MagicError};

pub use crate::cell::job::PackagesJob;

pub(super) const PACKAGES: Magic = Magic {
    name: "packages",
    aliases: &[],
    usage: "[NAME|refresh]",
    form: Form::Line,
    group: Group::Abilities,
    summary: "show which Python packages Claude's sandbox has; with a name: whether it has that one",
    details: "The first `%packages` has Claude run one command in the sandbox, which costs a small request; the list is \
kept, and everything after it is free. `%packages NAME` asks nobody: it says whether the package is there, and what \
serves instead if not.",
    examples: &[
        ("%packages", "all"),
        ("%packages plotly", "one, and what serves instead"),
        ("%packages refresh", "ask again"),
    ],
    values: |_, before| {
        if before.is_empty() {
            Candidate::list("value", ["refresh"])
        } else {
            Vec::new()
        }
    },
    now: no_value,
    apply: |call, _| {
        let mut words = call.args.split_whitespace();
        let job = match (words.next(), words.next()) {
            (None, _) => PackagesJob::List { refresh: false },
            (Some("refresh"), None) => PackagesJob::List { refresh: true },
            (Some(name), None) => PackagesJob::About {
                name: name.to_owned(),
            },
            (Some(_), Some(_)) => {
                return Err(MagicError::new(
                    format!("`%packages` takes one name, not `{}`", call.args),
                    "Write `%packages NAME`.",
                ));
            }
        };
        Ok(vec![Effect::Job(Job::Packages(job))])
    },
};
