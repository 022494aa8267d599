//! Updates in, outputs out: hostile content, growing text, whole transcripts.

mod files;
mod growth;
mod hygiene;
mod late_files;
mod marks;
mod silence;
mod steps;
mod terminal;
mod transcripts;
mod whole;
