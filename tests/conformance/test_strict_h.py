"""Faults of a turn whose request was patched after it was planned, each named after its entry, before the strict judge."""

import json
import re

import pytest
from strict_session import Session, shown
from strict_walk import PICTURE

REPLAYS = re.compile(r"claude_replay\.sh")
ABOUT_A_REPLAY = re.compile(r"recorded steps|run (it|them|again)|runs? .* again|replay", re.I)


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def asked_for(session, since):
    """Whether a request of these asked for the steps again."""
    return any(REPLAYS.search(json.dumps(body["messages"][-1])) for body in session.judge.bodies[since:])


@pytest.mark.parametrize("kind", ["--document", "--sandbox", "--image"])
def test_h1_thinking_is_lost_once_and_not_for_ever(session, kind):
    name = "a.png" if kind == "--image" else "a.txt"
    (session.kernel.directory / name).write_bytes(PICTURE if kind == "--image" else b"a note\n")
    session.cell(f"%attach {name} {kind}\nHello, read it")
    session.cell("Hello again")
    session.cell("Hello and again")
    assert session.thoughts() == 2
    session.cell(f"%rm {name}")
    carried = []
    for words in ("one", "two", "three"):
        session.cell(f"Hello after it, {words}")
        carried.append(session.thoughts())
    assert carried == [0, 1, 2], "what was thought after the file went goes along"


def test_h1_a_removed_file_of_a_later_turn_costs_only_what_came_after(session):
    (session.kernel.directory / "a.txt").write_text("a note\n")
    session.cell("Hello at first")
    session.cell("Hello before it")
    session.cell("%attach a.txt --document\nHello, read it")
    session.cell("Hello again")
    assert session.thoughts() == 3
    session.cell("%rm a.txt")
    session.cell("Hello after it")
    assert session.thoughts() == 2, "the two turns above the file are as they were"
    session.cell("Hello after that")
    assert session.thoughts() == 3


@pytest.mark.parametrize("model", ["claude-opus-4-6", "claude-haiku-4-5"])
def test_h1_a_model_that_can_be_told_nothing_costs_only_what_came_after(session, model):
    """It is sent `system` and `tools` anew; where they are as they were, so is what was thought on them."""
    session.cell("Hello at first")
    session.cell("Hello again")
    session.cell("%system Be brief.\nHello in brief")
    session.cell("%system --clear\nHello at length")
    assert session.thoughts() == 3
    system = session.last()["system"]
    session.cell(f"%model {model}\nHello, other one")
    as_it_was = Session.texts(session.last()["system"]) == Session.texts(system)
    assert session.thoughts() == (2 if as_it_was else 0)
    session.cell("Hello again")


def test_h1_a_file_that_is_gone_is_uploaded_again_and_thinking_is_lost_once(session):
    (session.kernel.directory / "a.txt").write_text("a note\n")
    session.cell("%attach a.txt --document\nHello, read it")
    session.cell("Hello again")
    session.judge.gone_files |= set(session.judge.files)
    lost = session.attempt("Hello, is it there?")["status"] == "error"
    for expected in range(3):
        session.cell("Hello after it")
        assert session.thoughts() == expected + (not lost)


@pytest.mark.parametrize("below", ["Hello, and then?", "Compute more", "%%json answer n int\nHow many?"])
def test_h2_a_replay_with_a_prompt_below_it(session, below):
    session.cell("Compute at first")
    home, since = session.judge.expected_container, len(session.judge.bodies)
    if below.startswith("%%"):
        code = f"{below.splitlines()[0]}\n%reset sandbox --replay\n{below.splitlines()[1]}"
    else:
        code = f"%reset sandbox --replay\n{below}"
    session.judge.expected_container = None
    reply, published = session.run(code, many=True)
    text = shown(published)
    if reply["status"] != "ok":
        # It may say that this does not go together; then nothing was done.
        assert reply["ename"] == "MagicError" and len(session.judge.bodies) == since, text
        session.judge.expected_container = home
        session.cell("Compute where it was")
        return
    assert asked_for(session, since), "it was told that the steps run again, and nobody was asked for it"
    assert "did not run" not in text
    prompts = json.dumps([body["messages"] for body in session.judge.bodies[since:]])
    assert below.splitlines()[-1] in prompts, "what the person asked was asked"
    session.cell("Compute at the end")


def test_h2_a_replay_alone_runs_what_ran(session):
    session.cell("Compute at first")
    session.judge.expected_container = None
    since = len(session.judge.bodies)
    published = session.cell("%reset sandbox --replay")
    assert asked_for(session, since)
    assert "did not run" not in shown(published)
    session.cell("Hello after it")


@pytest.mark.parametrize("after", ["Hello, something else", "Compute something else"])
def test_h3_a_replay_that_was_refused_warns_no_other_cell(session, after):
    session.cell("Compute at first")
    session.cell("%budget 0.0001")
    session.judge.expected_container = None
    before = len(session.judge.bodies)
    reply = session.attempt("%reset sandbox --replay")
    assert reply["status"] == "error" and len(session.judge.bodies) == before
    session.cell("%budget off")
    known, session.judge.any_container = session.judge.any_container, True
    published = session.cell(after)
    session.judge.any_container = known
    assert not ABOUT_A_REPLAY.search(notices(published)), notices(published)


SETTINGS = ["%effort high", "%model sonnet", "%max_tokens 3000", "%system Be brief.", "%tools none", "%web", "%thinking notes",
            "%skills add docx", "%bash only"]  # fmt: skip
FAILS = ["%attach nope.csv", "%get nope.csv", "%mcp add odd /nowhere/at/all", "%resume 20991231-nobody", "%rm nope.csv"]


@pytest.mark.parametrize("fails", FAILS, ids=[line.split()[0] for line in FAILS])
def test_h4_a_cell_that_fails_changes_nothing(session, fails):
    session.cell("Hello at first")
    taken = []
    for setting in SETTINGS:
        # The job behind the setting, with a prompt and without, and before it.
        for code in (f"{setting}\n{fails}", f"{setting}\n{fails}\nHello", f"{fails}\n{setting}"):
            before = settings(session)
            assert session.attempt(code)["status"] == "error", code
            session.cell("Hello after it")
            taken += [code] if settings(session) != before else []
    assert not taken, taken


def settings(session):
    """All that the last request was asked with, but for what was asked."""
    body = {field: value for field, value in session.last().items() if field not in ("messages", "diagnostics")}
    told = [message["content"] for message in session.last()["messages"] if message["role"] == "system"]
    return json.dumps([body, told, session.judge.sent_betas], sort_keys=True)


def test_h4_variables_and_files_of_a_cell_that_fails_are_as_they_were(session):
    (session.kernel.directory / "there.csv").write_text("a,b\n1,2\n")
    session.cell("%set word before")
    for code in ("%set word after\n%attach nope.csv", "%attach there.csv\n%attach nope.csv"):
        assert session.attempt(code)["status"] == "error", code
    session.cell("Hello {{word}}")
    text = json.dumps(session.last())
    assert "before" in text and "after" not in text
    assert "file_id" not in text, "a cell that failed attached nothing"


def test_h4_a_budget_of_a_cell_that_fails_limits_nothing(session):
    assert session.attempt("%budget 0.0001\n%attach nope.csv")["status"] == "error"
    session.cell("Hello, as much as it costs")


def test_h4_a_sandbox_is_kept_when_the_cell_that_was_to_drop_it_fails(session):
    session.cell("Compute at first")
    for code in ("%reset sandbox\n%attach nope.csv", "%reset\n%attach nope.csv", "%undo\n%attach nope.csv", "%fork side\n%attach nope.csv",
                 "%reset chat\n%resume 20991231-nobody", "%fork side\n%rm nope.csv"):  # fmt: skip
        assert session.attempt(code)["status"] == "error", code
        session.cell("Hello after it")
        assert "Compute at first" in json.dumps(session.last()), code


@pytest.mark.parametrize("prose", ["How does %resume work?", "Tell me what `%resume` does", "Hello, is it\n%resume that I want?"])
def test_h5_prose_that_names_resume_hides_no_notice(tmp_path, prose):
    session = Session(tmp_path, JPY_SESSION_NAME=str(tmp_path / "work.ipynb"), CLAUDE_KERNEL_RESUME="ask")
    try:
        session.cell("Hello at first")
        session.shut_down()
        published = session.cell(prose)
        assert "An earlier conversation" in shown(published)
    finally:
        session.close()


def notices(published):
    """What a cell showed beside the answer's own words."""
    return shown([m for m in published if m["msg_type"] in ("display_data", "stream", "error", "update_display_data", "execute_result")])
