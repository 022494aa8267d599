//! The magics, one file for each subject. Adding one is a file here and a line in [`MAGICS`].

mod abilities;
mod arguments;
mod beta;
mod budget;
mod compact;
mod cost;
mod dry;
mod effort;
mod exec;
pub mod files;
mod go_on;
mod help;
mod history;
pub mod json;
mod languages;
mod lsmagic;
mod max_tokens;
pub mod mcp;
mod model;
pub mod models;
pub mod own_tools;
pub mod packages;
mod reset;
pub mod resume;
mod skills;
mod stale;
mod status;
pub mod system;
mod thinking;
pub mod threads;
mod tools;
pub(super) mod variables;
mod version;
mod web;

use super::magic::Magic;

/// Every magic, in the order help lists them.
pub const MAGICS: &[&Magic] = &[
    &languages::BASH,
    &languages::PYTHON,
    &tools::TOOLS,
    &own_tools::TOOL,
    &mcp::MCP,
    &effort::EFFORT,
    &thinking::THINKING,
    &web::WEB,
    &skills::SKILLS,
    &model::MODEL,
    &models::MODELS,
    &max_tokens::MAX_TOKENS,
    &system::SYSTEM,
    &beta::BETA,
    &json::JSON,
    &exec::EXEC,
    &files::ATTACH,
    &files::FILES,
    &files::GET,
    &files::RM,
    &variables::SET,
    &variables::VARS,
    &history::HISTORY,
    &history::LAST,
    &history::UNDO,
    &stale::STALE,
    &stale::RERUN,
    &threads::THREAD,
    &threads::FORK,
    &resume::RESUME,
    &go_on::CONTINUE,
    &compact::COMPACT,
    &reset::RESET,
    &cost::COST,
    &budget::BUDGET,
    &dry::DRY,
    &packages::PACKAGES,
    &status::STATUS,
    &help::HELP,
    &lsmagic::LSMAGIC,
    &version::VERSION,
];
