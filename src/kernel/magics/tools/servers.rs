//! `%mcp`: servers are added, with their tools, listed and removed.

use std::sync::Arc;

use super::{ANNOUNCED, SHORT, announce, quiet, refused};
use crate::cell::magics::mcp::is_url;
use crate::cell::magics::own_tools::ToolOptions;
use crate::cell::shown::{Part, Shown, clip};
use crate::config::Secret;
use crate::kernel::context::CellContext;
use crate::kernel::interrupts::{Stopped, unless_stopped};
use crate::kernel::tools::mcp::{Address, Listing, MAX_TOOLS, Offered, Server};
use crate::kernel::tools::{Kind, Named, Setup, Tool, Tools, environment, names, schema};

pub(super) fn address(
    setup: &Setup,
    words: Vec<String>,
    token_variable: Option<String>,
) -> Result<Address, Stopped> {
    if !is_url(words.first()) {
        return Ok(Address::Command {
            words,
            environment: environment::scrubbed(&setup.environment),
            directory: setup.directory.clone(),
        });
    }
    let token = match token_variable {
        None => None,
        Some(name) if name.starts_with("ANTHROPIC_") => {
            return Err(refused(
                format!("`{name}` is not for MCP servers"),
                "It is the key to the API, which no tool gets.",
            ));
        }
        Some(name) => match setup.environment.get(&name) {
            Some(token) => Some(Secret::new(token)),
            None => {
                return Err(refused(
                    format!("the environment has no variable `{name}`"),
                    "Set it where Jupyter is started, and restart the kernel.",
                ));
            }
        },
    };
    let url = words.into_iter().next().unwrap_or_default();
    Ok(Address::Url { url, token })
}

pub(super) async fn add_server(
    context: &mut CellContext<'_>,
    name: String,
    address: Address,
    only: Vec<String>,
    options: ToolOptions,
) -> Result<Shown, Stopped> {
    let where_it_is = address.shown();
    let short = clip(&where_it_is, SHORT);
    let hint = match &address {
        Address::Url { .. } => format!("Check that `{short}` is right and its server runs."),
        Address::Command { .. } => format!("Try the command in a terminal: `{short}`."),
    };
    let server = Server::new(address, Arc::clone(&context.services.host));
    let listing = unless_stopped(server.tools(), context.interrupts, context.output.replies)
        .await?
        .map_err(|why| {
            refused(
                format!("the MCP server `{name}` has no tools to offer: {why}"),
                hint,
            )
        })?;
    has_all(&name, &listing, &only)?;
    let named = Arc::new(Named {
        name: name.clone(),
        address: where_it_is,
        server,
        only,
        options,
    });
    let mut tools = context.services.tools.clone();
    forget_server(&mut tools, &name);
    tools.servers.push(Arc::clone(&named));
    let offered = listing.tools.len();
    let taken = take(&mut tools, &named, listing.tools);
    let before = std::mem::replace(&mut context.services.tools, tools);
    say_left(context, &taken.left).await;
    if taken.is_cut || listing.is_cut {
        let offered = match listing.is_cut {
            true => format!("more than {offered}"),
            false => offered.to_string(),
        };
        quiet(
            context,
            &format!("{name} offers {offered} tools, of which the first {} are taken. --only chooses others.", taken.names.len()),
        )
        .await;
    }
    Ok(added(&name, &taken.names, &context.services.tools, &before))
}

/// Checks that a server has the tools that are wanted of it.
fn has_all(name: &str, listing: &Listing, only: &[String]) -> Result<(), Stopped> {
    let there: Vec<&str> = listing
        .tools
        .iter()
        .map(|tool| tool.name.as_str())
        .collect();
    match only.iter().find(|one| !there.contains(&one.as_str())) {
        Some(missing) => Err(refused(
            format!("the MCP server `{name}` has no tool `{missing}`"),
            format!("It has: {}.", there.join(", ")),
        )),
        None => Ok(()),
    }
}

/// Says which tools a new server brings.
fn added(name: &str, taken: &[String], tools: &Tools, before: &Tools) -> Shown {
    let mut shown = Shown::default().line(
        "MCP server",
        &Part::code(name).then(&Part::text(&format!(": {}", count(taken.len())))),
    );
    for tool in taken.iter().take(ANNOUNCED) {
        if let Some(tool) = tools.find(tool) {
            shown = announce(shown, tool, before);
        }
    }
    match taken.len().saturating_sub(ANNOUNCED) {
        0 => shown,
        more => shown.paragraph(&format!(
            "And {more} more: `%tool` lists all of them; `--only` takes some."
        )),
    }
}

fn count(tools: usize) -> String {
    match tools {
        0 => "no tools, so far".to_owned(),
        1 => "1 tool".to_owned(),
        many => format!("{many} tools"),
    }
}

/// What was taken of a server.
pub(super) struct Taken {
    /// The tools' names here.
    pub(super) names: Vec<String>,
    /// A sentence for each that the API would refuse.
    pub(super) left: Vec<String>,
    /// Whether there are more than are taken.
    pub(super) is_cut: bool,
}

/// Says which tools of a server were left out.
pub(super) async fn say_left(context: &CellContext<'_>, left: &[String]) {
    for sentence in left {
        quiet(context, sentence).await;
    }
}

/// Puts the tools of a server in force, in place of those it had.
pub(super) fn take(tools: &mut Tools, server: &Arc<Named>, offered: Vec<Offered>) -> Taken {
    tools.own.retain(|tool| !belongs(tool, &server.name));
    let mut taken = Taken {
        names: Vec::new(),
        left: Vec::new(),
        is_cut: false,
    };
    for offer in offered {
        if !server.only.is_empty() && !server.only.contains(&offer.name) {
            continue;
        }
        if taken.names.len() == MAX_TOOLS {
            taken.is_cut = true;
            break;
        }
        let used: Vec<String> = tools
            .own
            .iter()
            .map(|tool| tool.name().to_owned())
            .collect();
        let name = names::compose(&server.name, &offer.name, &used);
        let input_schema = match schema::corrected(offer.input_schema) {
            Ok(schema) => schema,
            Err(why) => {
                let offered = clip(&offer.name, SHORT);
                taken.left.push(format!(
                    "The tool {offered} of {} is left out: its schema cannot be sent, {why}.",
                    server.name
                ));
                continue;
            }
        };
        let kind = Kind::Server {
            server: Arc::clone(server),
            tool: offer.name,
        };
        tools.put(Tool::new(
            &name,
            &offer.description,
            input_schema,
            server.options,
            kind,
        ));
        taken.names.push(name);
    }
    taken
}

pub(super) fn belongs(tool: &Arc<Tool>, server: &str) -> bool {
    matches!(&tool.kind, Kind::Server { server: of, .. } if of.name == server)
}

fn forget_server(tools: &mut Tools, name: &str) {
    tools.own.retain(|tool| !belongs(tool, name));
    tools.servers.retain(|server| server.name != name);
}

pub(super) async fn remove_servers(
    context: &mut CellContext<'_>,
    names: &[String],
) -> Result<Shown, Stopped> {
    let tools = &mut context.services.tools;
    if let Some(missing) = names
        .iter()
        .find(|name| !tools.servers.iter().any(|server| server.name == **name))
    {
        return Err(refused(
            format!("there is no MCP server `{missing}`"),
            "`%mcp list` shows the servers.",
        ));
    }
    for name in names {
        forget_server(tools, name);
    }
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    Ok(Shown::default().paragraph(&format!("Removed {}.", names.join(", "))))
}

pub(super) fn list_servers(tools: &Tools) -> Shown {
    if tools.servers.is_empty() {
        return Shown::default().paragraph(
            "No MCP servers. `%mcp add NAME COMMAND…` or `%mcp add NAME URL` adds one.",
        );
    }
    let rows: Vec<Vec<Part>> = tools
        .servers
        .iter()
        .map(|server| {
            let own = tools.own.iter().filter(|tool| belongs(tool, &server.name));
            let names: Vec<&str> = own.map(|tool| tool.name()).collect();
            vec![
                Part::code(&server.name),
                Part::code(&clip(&server.address, SHORT)),
                Part::text(&names.join(", ")),
            ]
        })
        .collect();
    Shown::default().table(&["server", "where", "tools"], &rows)
}
