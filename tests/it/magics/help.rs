//! Pages of help, as terminals see them: no line of them is wider than 80 columns.

use claude_kernel::cell::magic::{Context, Effect};
use claude_kernel::cell::magics::MAGICS;
use expect_test::{Expect, expect};

use super::{run_in, settings_after, shown, shown_in};

fn check(source: &str, context: &Context<'_>, expected: &Expect) {
    expected.assert_eq(&shown_in(source, context));
}

#[test]
fn help_reads_as_it_should() {
    let settings = settings_after("%effort high");
    let set_in = [("effort".to_owned(), 2), ("effort".to_owned(), 1)];
    let context = Context {
        set_in: &set_in,
        ..Context::new(&settings)
    };
    check(
        "%help effort",
        &context,
        &expect![[r#"
            %effort LEVEL - how hard Claude works: low | medium | high | xhigh | max |
                default
              %effort high   from here on
              %%effort max   this cell only
              %effort        show
              Now: high (set in In [2]).
              More effort means more thinking, more steps and more tokens. default leaves
              the level to the model. claude-haiku-4-5 and claude-sonnet-4-5 have no effort
              setting. Changing it between cells makes the next cell pay for the
              conversation without the cache."#]],
    );
    check(
        "%help bash",
        &context,
        &expect![[r#"
            %bash [on|off|only] - whether Claude may run shell commands in its sandbox:
                on | off | only
              %bash         on, from here on
              %%bash only   no Python, this cell only
              %bash off     from here on
              Now: bash and Python.
              Both languages are on to begin with. One tool of the API runs both, so off
              and only are instructions to Claude, not a lock. With both off no code is run
              at all."#]],
    );
    check(
        "%help set",
        &context,
        &expect![[r#"
            %set NAME VALUE - set a variable; {{NAME}} in a prompt inserts it
              %set city Bergen   one line
              %%set rubric       several lines
              Two points for the method,
              one for the result.
              %set city          show one
              Now: no variables.
              %set NAME VALUE takes the rest of the line, %%set NAME the rest of the cell;
              %set NAME shows one. A value is inserted as it is. A name that nobody set
              stays as typed with a notice; where nobody watches, the cell fails and is not
              sent. \{{NAME}} keeps the braces. A cell headed # Parameters, as papermill
              writes it, a cell of assignments that is tagged parameters, and one that
              comes first where nobody watches set variables too."#]],
    );
    let (_, paged) = run_in("%effort?\nHello", &context).unwrap();
    let (_, shown) = run_in("%help effort", &context).unwrap();
    let ([Effect::Page { markdown, plain }], [Effect::Show { .. }]) = (&paged[..], &shown[..])
    else {
        panic!("{paged:?} and {shown:?}");
    };
    let (markdown, plain) = (markdown.clone(), plain.clone());
    assert_eq!(shown, [Effect::Show { markdown, plain }]);
}

#[test]
fn the_overview_begins_with_what_matters_and_goes_on_in_groups() {
    expect![[r#"
        Type what you want in plain words and run the cell: it is sent to Claude, which
        can run code in its own sandbox. Magics in a cell's first lines set things up.

        The eight to begin with
          %attach sales.csv     attach files of this machine to the next prompt
          %model sonnet         which model answers: a name or opus | sonnet | haiku |
                                fable
          %effort high          how hard Claude works: low | medium | high | xhigh |
                                max | default
          %%json town name str  have this cell answered with data of a schema, kept as
                                a variable
          %undo                 take back the last turn, or a %reset
          %reset                forget the conversation, the sandbox, or everything
          %cost                 show what each cell used and cost, and the sums
          %status               show the settings in force, the conversation and the
                                sandbox

        %x value holds from here on, %%x value for this cell only, %x alone shows. %x?
        is help on %x, and Tab completes.

        How Claude answers
          %model       which model answers: a name or opus | sonnet | haiku | fable
          %models      list the models, what they take and what they cost
          %effort      how hard Claude works: low | medium | high | xhigh | max |
                       default
          %thinking    show Claude's thinking, fold it away, or switch it off
          %fast        answer faster, for twice the price, where the model can
          %max_tokens  the most tokens one answer may have, thinking included
          %system      tell Claude who it is and how to work, for all later cells
          %beta        send a beta header by hand; alone: what is sent

        What Claude may do
          %bash      whether Claude may run shell commands in its sandbox: on | off |
                     only
          %python    whether Claude may run Python in its sandbox: on | off | only
          %tools     which tools Claude may use; alone: what is on, with types and
                     betas
          %tool      tools of your own, run on this machine; %tool lists them
          %mcp       servers whose tools become Claude's; alone: list them
          %web       let Claude search the web, and with fetch read pages
          %skills    give Claude document skills: xlsx, pptx, docx, pdf, or one of your
                     own
          %packages  show which Python packages Claude's sandbox has; with a name:
                     whether it has that one

        Files, variables, results
          %attach  attach files of this machine to the next prompt
          %files   show the files that went in and those that came out
          %get     copy a file that Claude made, or fetch again what could not be
                   fetched
          %rm      remove an attached file from Anthropic
          %set     set a variable; {{NAME}} in a prompt inserts it
          %vars    show the variables
          %%json   have this cell answered with data of a schema, kept as a variable
          %%exec   run this cell's text as it stands in Claude's sandbox, and show the
                   output alone

        The conversation
          %history   show the turns of this conversation
          %last      show the last answer again, such as after the page was reloaded
          %undo      take back the last turn, or a %reset
          %continue  go on where the answer above was cut off
          %stale     show the turns that no longer saw what stands above them
          %rerun     print the prompts to run again, in order
          %thread    talk in another conversation from here on; alone: list them
          %fork      go on in a new conversation that begins with the turns above this
                     cell
          %compact   put a summary in the place of the conversation above
          %reset     forget the conversation, the sandbox, or everything
          %resume    go on with an earlier conversation of this notebook, or with any
                     other
          %replay    answer a cell from its recording, with nothing sent and nothing
                     billed
          %%fresh    ask this cell anew, also if its answer is recorded
          %export    write the code of this notebook to run without a model

        Money and requests
          %cost    show what each cell used and cost, and the sums
          %budget  how many US dollars the notebook and each cell may cost
          %%dry    show the exact request of this cell and send nothing

        Help and state
          %status   show the settings in force, the conversation and the sandbox
          %help     show help; alone: the overview
          %lsmagic  list the magics
          %version  show the kernel's version and the age of its model table

        More to read
          %help guide         the user guide: a page for each task
          %help cells         what a cell is: magics, prompt, variables, help
          %help limits        what Claude's sandbox has and has not, what stays, what
                              never to send
          %help keys          where the API key belongs
          %help conversation  what Claude sees, and what running a cell again does
          %help share         recorded answers: open, run again, check and go on with a
                              notebook
          %help schemas       how to write what %%json shall answer with
          %help own-tools     your own tools: which Python runs them, what they may
                              return, what they may do
          %help offline       the kernel that needs no key"#]]
    .assert_eq(&shown("%help"));
}

#[test]
fn no_page_of_help_is_wider_than_a_terminal() {
    let topics = [
        "cells",
        "limits",
        "keys",
        "conversation",
        "share",
        "schemas",
        "own-tools",
        "offline",
    ];
    let names = MAGICS.iter().map(|magic| magic.name).chain(topics);
    let pages = names.map(|name| format!("%help {name}"));
    for page in pages.chain(["%help".to_owned(), "%lsmagic".to_owned()]) {
        for line in shown(&page).lines() {
            assert!(line.chars().count() < 80, "{page}: {line}");
        }
    }
}

#[test]
fn limits_can_be_read_in_a_terminal() {
    let limits = shown("%help limits");
    for fact in [
        "No internet",
        "1 CPU",
        "5 GiB of memory",
        "5 GiB of disk",
        "Python 3.11",
        "90 seconds",
        "30 days",
        "never to send",
        "pip install",
    ] {
        assert!(limits.contains(fact), "{fact} in\n{limits}");
    }
    assert!(
        limits
            .lines()
            .all(|line| line.chars().count() < 80 && !line.contains('`')),
        "{limits}"
    );
}

#[test]
fn topics_are_found_and_others_are_not() {
    for topic in ["cells", "limits", "keys", "own-tools", "offline", "LIMITS"] {
        assert!(
            shown(&format!("%help {topic}")).lines().count() > 5,
            "{topic}"
        );
    }
    for (word, line) in [
        ("presets", "%system TEXT"),
        ("%search", "%web ["),
        ("key", "Keys"),
    ] {
        let text = shown(&format!("%help {word}"));
        assert!(text.starts_with(line), "{word}: {text}");
    }
    super::refused(
        "%help limit",
        "there is no help on `limit`",
        "Did you mean `%help limits`? `%help` lists what there is.",
    );
    super::refused(
        "%help guide mony",
        "the guide has no page `mony`",
        "Did you mean `%help guide money`? `%help guide` lists its pages.",
    );
    super::refused(
        "%help quantum physics",
        "there is no help on `quantum physics`",
        "`%help` lists what there is.",
    );
}
