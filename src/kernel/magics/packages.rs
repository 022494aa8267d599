//! `%packages`: asks each sandbox once what it has installed, and remembers the answer.

use crate::anthropic::block::View;
use crate::cell::magics::packages::PackagesJob;
use crate::cell::packages::{self, Installed};
use crate::chat::record::Record;
use crate::chat::turn::FinishedTurn;

use crate::kernel::context::{CellContext, Outcome};
use crate::kernel::error::{CellError, ErrorKind};
use crate::kernel::interrupts::Stopped;
use crate::kernel::turn::hidden::hidden_turn;

/// What Claude is asked. The command lists what an interpreter can import by its metadata, which
/// also works where `pip` is not installed.
const PROMPT: &str = "\
Run this command once, exactly as it stands. Then answer with the word `done` and nothing else.

```bash
# List the installed Python packages
python3 - <<'LIST'
import importlib.metadata, platform
print(f\"python=={platform.python_version()}\")
for package in importlib.metadata.distributions():
    print(f\"{package.metadata['Name']}=={package.version}\")
LIST
```";

/// Does what the magic asks for.
///
/// # Errors
/// The sandbox could not be asked, or the person stopped it.
pub(super) async fn run(
    job: PackagesJob,
    context: &mut CellContext<'_>,
) -> Result<Outcome, Stopped> {
    let shown = match job {
        PackagesJob::About { name } => {
            let known = &context.state.packages;
            packages::about(&name, (!known.is_empty()).then_some(known))
        }
        PackagesJob::List { refresh } => {
            if refresh || context.state.packages.is_empty() {
                let found = ask(context).await?;
                let container = context.state.conversations.current().container();
                let container = container.unwrap_or_default().to_owned();
                let listing = packages::listing(&found);
                let record = Record::Packages { container, listing };
                context.state.record(record);
            }
            packages::list(&context.state.packages)
        }
    };
    Ok(context.tell(shown).await)
}

async fn ask(context: &mut CellContext<'_>) -> Result<Vec<Installed>, Stopped> {
    let turn = hidden_turn("%packages", PROMPT, Vec::new(), context).await?;
    let found = packages::read(&printed(&turn));
    if found.is_empty() {
        return Err(CellError::new(
            ErrorKind::Sandbox,
            "the sandbox did not list its packages",
            "`%help limits` has the documented ones; `%packages` asks again.",
        )
        .into());
    }
    Ok(found)
}

/// What the commands of a turn printed.
fn printed(turn: &FinishedTurn) -> String {
    let blocks = turn.messages.iter().flat_map(|message| &message.blocks);
    let mut text = String::new();
    for block in blocks {
        if let View::Executed {
            outcome: Ok(executed),
            ..
        } = block.view()
        {
            text.push_str(executed.stdout.unwrap_or_default());
            text.push('\n');
        }
    }
    text
}
