//! Help that is not about one magic. Markdown that also reads well as plain text.
//!
//! What it says of the sandbox is the documentation's word as of
//! `docs/protocol.md#sandbox-environment, #files-out-of-the-sandbox, #sandbox-life`.

/// One topic of `%help`.
#[derive(Debug)]
pub(super) struct Topic {
    /// The word after `%help`.
    pub(super) name: &'static str,
    /// What it is about, for the overview.
    pub(super) summary: &'static str,
    /// The text; backticks are its only markup besides lists and headings.
    pub(super) text: &'static str,
}

/// All topics, in the order the overview lists them.
pub(super) const TOPICS: &[Topic] = &[
    Topic {
        name: "cells",
        summary: "what a cell is: magics, prompt, variables, help",
        text: CELLS,
    },
    Topic {
        name: "limits",
        summary: "what Claude's sandbox has and has not, what stays, what never to send",
        text: LIMITS,
    },
    Topic {
        name: "keys",
        summary: "where the API key belongs",
        text: KEYS,
    },
    Topic {
        name: "conversation",
        summary: "what Claude sees, and what running a cell again does",
        text: CONVERSATION,
    },
    Topic {
        name: "share",
        summary: "recorded answers: open, run again, check and go on with a notebook",
        text: SHARE,
    },
    Topic {
        name: "schemas",
        summary: "how to write what `%%json` shall answer with",
        text: SCHEMAS,
    },
    Topic {
        name: "own-tools",
        summary: "your own tools: which Python runs them, what they may return, what they may do",
        text: TOOLS,
    },
    Topic {
        name: "offline",
        summary: "the kernel that needs no key",
        text: OFFLINE,
    },
];

const SHARE: &str = "\
### Recorded answers

A saved notebook holds, under each answer, a recording of what was asked and what came: blocks, code, output, small files. \
It holds no key, no ids and no paths. So a notebook can be opened, run again and checked without a key.

- `%replay catchup` (the default) answers a cell from its recording the first time after the kernel started, `always` every \
time, `only` too and fails where there is none, `off` asks. `%%fresh` asks one cell anew. Nothing is sent for a recorded answer, \
and its receipt says so.
- A cell is recorded if it asks the same, with the same files and settings, below the same answers. `ReplayMiss` says what changed.
- A notebook that was copied, renamed or received goes on with its answers: what stands above a cell, Claude sees. Files that \
steps above made go from `claude_files/` into the new sandbox. Thinking and ids of another account are left out.
- `CLAUDE_KERNEL_RECORD=FILE` answers from another notebook or a file that `claude-kernel record` wrote, \
`CLAUDE_KERNEL_KEEP_RECORD=slim` records no thinking, `off` nothing.

`%export` makes an ordinary notebook or script of the code. On the command line: `claude-kernel export` does so too and makes \
pages, `check` holds the prose and the page against the recordings, `verify` runs the code again, confined, and compares, `scrub` \
removes what is nobody else's business.";

const SCHEMAS: &str = "\
### Schemas

`%%json NAME FIELDS` has the prompt below it answered with data of these fields:

- `city str, people int, since date?`: fields are `name type`, between commas; `?` means it may be missing
- `tags [str]`: a list
- `address {street str, zip str}`: an object
- `level (low|mid|high)`: one of these
- `price float: net, in euros`: a description follows a colon, up to the next comma; with commas in it, it stands in \
double quotes
- `[{city str, people int}]`, alone: the answer is a list, here of objects, shown as a table and saved as CSV too
- `str`, `int`, `float`, `bool`, `date`: the types

A JSON Schema does as well, in a file (`--file PATH`) or in a fenced `json` block that opens the text of the cell. The \
API takes no recursion, no references to elsewhere, no objects with fields of any name, at most 24 optional fields and \
16 with a choice of types. What it cannot hold Claude to (`minimum`, `maxLength`, `pattern`, ...) is sent as a \
description and checked in the answer.

The answer is checked against the schema as you wrote it. One that does not fit, or broke off, fails the cell and says \
where; what arrived is shown. A valid one is a variable: `{{NAME}}` inserts all of it in later prompts, \
`{{NAME[0].city}}` a part, `%set NAME` shows it.
";

const TOOLS: &str = "\
### Tools of your own

What `%%tool` and `%mcp add` define runs on this machine, with your rights, when Claude calls it. `%tool` lists the \
tools, `%tool?` and `%mcp?` say how to write them.

- Python tools run in the Python of the environment that Jupyter runs in, else of the active one, else the first \
`python3`. `%status` says which it is; the setting `python` (`CLAUDE_KERNEL_PYTHON`) names another. Packages are \
installed there, not in the sandbox.
- All Python tools of a notebook share one process: imports, variables and connections stay. Plain functions run one \
after the other, `async def` functions overlap. If the process dies, a new one runs the cells again.
- Types become what Claude may send: `int`, `list[str]`, `Literal`, `Optional`, data classes, `TypedDict`, `Enum`. \
Arguments that do not fit are an error to Claude, and nothing runs.
- Results may be text, JSON, a data frame (as CSV), a figure, an image, a PDF, a `Path`. Claude reads up to 50,000 \
characters of one; code in the sandbox that calls the tool gets up to 5 million, which cost no tokens.
- A command is `$ program {argument}`, without a shell: an argument is one word, whatever it holds. One that begins \
with `-` may be read as an option; put `--` before it where the program knows that.
- An error, an exit code or a time limit is told to Claude; the notebook goes on. Interrupting stops the calls.
- Tools never get the API key. They can do all else that you can: `--ask` has you asked before each call.
";

const CELLS: &str = "\
### Cells

A cell is magics in its first lines, if any, then the prompt. The prompt goes to Claude with the conversation so far; \
the answer appears below the cell. A cell of magics only, or an empty one, sends nothing.

- A magic is a line that begins with `%` or `%%` and a letter, above the first line of the prompt. `\\%` at the start \
of a prompt sends the sign as text.
- Scope: `%x value` holds from here on, `%%x value` for this cell only, `%x` alone shows what is in force (for `%bash` \
and `%python` it means on).
- `%%system` and `%%set NAME` take the rest of their cell as text and hold from here on. There is one such magic to a \
cell, and it is the last.
- If one magic of a cell is wrong, nothing of that cell is set or sent.
- `@path/to/file` in a prompt, after a space or at a line's start, attaches that file, if it lies below the notebook's \
folder, is not hidden, and is not reached by a link that leads out; `@\"my file.csv\"` for one with blanks. The output \
names it. `%attach` takes any file you can read.
- `{{name}}` in a prompt inserts a variable of `%set`; a name that nobody set \
stays as typed with a notice, and fails the cell where nobody watches. `\\{{name}}` keeps the braces.
- Settings belong to the running kernel, in the order in which cells were run, like variables elsewhere; turns belong to \
their cells: `%help conversation`.
- Help is `%name?`, `?name` or `%help name`. A question mark at the end of prose is prose.
- `!command` is refused: no cell runs commands on this machine.
- Claude sees the prompts and its own answers. It does not see Markdown cells, and not the outputs of other notebooks.
- A failed or interrupted cell can simply be run again. What had come of its answer is part of the conversation until \
then.";

const CONVERSATION: &str = "\
### The conversation

Claude sees what stands above the cell: the prompts of the cells above it and its own answers, in their latest form.

- Running a cell again replaces its turn. Turns below stay and are still sent, but they were made without that change: \
the receipt says how many are stale, `%stale` shows which, `%rerun stale` prints what to run again, in order.
- The saved notebook says where cells stand. A cell that was put in and not saved yet stands behind the one that first ran \
before it, so save before you run it. Front ends that do not name cells (terminals, nbconvert) have every run count as \
a new cell at the end.
- Deleting a cell takes its turn out of the conversation; it returns if the cell is run again.
- `%undo` takes back the turn that was made last. `%history` shows the turns, `%last` the last answer once more.
- `%fork NAME` goes on in a new conversation that begins with the turns above the cell; `%thread NAME` talks in another \
one, and `%thread` lists them. Each has a sandbox of its own.
- The sandbox does not rewind. When it holds what Claude does not see, Claude is told, and the receipt says `sandbox \
ahead`; `%reset sandbox --replay` makes a new one of the turns above.
- The receipt's details, in the output's metadata, name the cells that Claude saw.";

const LIMITS: &str = "\
### Limits of the sandbox

Code that Claude runs does not run on this machine but in a sandbox, a container at Anthropic.

- No internet: no downloads, no web requests, no databases outside, and so no `pip install`.
- 1 CPU, 5 GiB of memory, 5 GiB of disk. Linux on x86-64, Python 3.11.
- Time: a whole command has a limit, which Anthropic does not publish; a cell of the sandbox's own Python session has \
90 seconds.
- Python packages: pandas, numpy, scipy, scikit-learn, statsmodels, sympy, mpmath; matplotlib, seaborn; pyarrow, \
openpyxl, xlsxwriter, xlrd, pillow, python-pptx, python-docx, pypdf, pdfplumber, pypdfium2, pdf2image, pdfkit, \
tabula-py, reportlab, img2pdf; tqdm, python-dateutil, pytz, joblib. Neither plotly nor torch is among them: \
`%packages` asks the sandbox for all with their versions, `%packages NAME` says what serves instead of one.
- Commands: unzip, unrar, 7zip, bc, rg, fd, sqlite, and what a Linux system usually has.
- Sandbox time is free for 1,550 hours a month in an organization; then an hour costs 5 US cents, at least five minutes \
at a time. While `%web` is on it is free.

### What stays and what does not

- Files in the sandbox stay from cell to cell, and over pauses: the kernel always asks for the same container. After at \
most 30 days, and sometimes earlier, it is gone; then the kernel goes on in a new, empty one and says so.
- Variables of a Python script are gone when the script ends. Ask Claude to keep state in files.
- Files that Claude delivers are saved on this machine in `claude_files/` beside the notebook.
- Files you attached go to a new sandbox again by themselves. `%reset sandbox --replay` also runs the code of the turns \
above in it again.
- `%reset sandbox` begins a new sandbox, `%reset` a new conversation in the same one. After a restart, `%resume` goes on with \
an earlier one.

### What never to send

- Passwords, API keys, private keys: neither in prompts nor in variables nor in data. Prompts and answers are stored in \
the notebook file, and everyone who gets the notebook reads them.
- Personal, medical or confidential data that you may not give to a third party: everything in a prompt, and every file \
in the sandbox, is sent to Anthropic. Data of code execution is kept there for up to 30 days.
- A request holds at most 32 MB, the whole conversation included.";

const KEYS: &str = "\
### Keys

An API key never belongs in a cell: cells are saved with the notebook. The kernel refuses magics that hold one. It looks, \
in this order, at

- `ANTHROPIC_API_KEY`, then `ANTHROPIC_AUTH_TOKEN`, in the environment from which Jupyter was started;
- the profile that `ANTHROPIC_PROFILE` names, else the active one, in Anthropic's configuration directory \
(`~/.config/anthropic`), where other tools keep their login too.

After setting a variable, start Jupyter again: a running kernel keeps the environment it was started with. \
`claude-kernel doctor`, in a terminal, says what was found and whether the API takes it. Without a key there is \
`claude-kernel install --offline`: see `%help offline`.";

const OFFLINE: &str = "\
### Offline

`claude-kernel install --offline` adds a second kernel, Claude (offline), which needs no key and calls no model. It is \
for trying things out, for tests and for demonstrations. Its receipts say offline.

- Answers come from a script beside the notebook, `NAME.claude.md` for `NAME.ipynb`. Code in a script is really run, in a \
confined directory on this machine, and the numbers and figures are what it printed and wrote.
- A prompt that no script knows, but that holds a fenced `bash` or `python` block, has that block run.
- Any other prompt is answered with how to get an answer: the block to copy, the script file, the key.
- A script's `{{name}}` is what a step wrote. If no step wrote it, the cell fails.
- Magics, settings, files and errors are the same as with the real API, and everything goes through real HTTP.";
