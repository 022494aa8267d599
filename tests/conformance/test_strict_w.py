"""Faults on the wire, each named after its entry: whatever one answer or one refusal was, the next request is valid."""

import re

import pytest
from strict_follow import Refused
from strict_session import Session, shown
from strict_walk import SAYS_GONE, SAYS_NEW
from test_strict_turns import SQUARE

# How the API tells that a sandbox is gone.
FORMS = ["404", "500", "404 event", "500 event"]


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def refused(session, code, *refusals, **options):
    """Runs a cell while requests are refused; returns how many requests it made, and what it showed."""
    session.strict.refusals = list(refusals)
    before = len(session.judge.bodies)
    published = session.cell(code, **options)
    assert session.strict.refusals == []
    return len(session.judge.bodies) - before, shown(published)


def blanks(published):
    """Outputs without anything to see in them."""
    data = [message["content"].get("data", {}) for message in published if message["msg_type"] == "display_data"]
    return [one for one in data if "text/markdown" in one and not one["text/markdown"].strip()]


@pytest.mark.parametrize("how", FORMS)
def test_w1_an_expired_sandbox_ends_no_notebook(session, how):
    (session.kernel.directory / "table.csv").write_text("a,b\n1,2\n")
    session.cell("%attach table.csv\nCompute its sum")
    session.cell("Hello")
    home = session.judge.expected_container
    session.strict.expire(how)
    text = shown(session.cell("Compute it again"))
    assert SAYS_NEW.search(text), text
    assert session.judge.expected_container not in (None, home)
    question = [message["content"] for message in session.last()["messages"] if message["role"] == "user"][-1]
    assert any(block["type"] == "container_upload" for block in question), "the inputs go to the new sandbox"
    carried = session.thoughts()
    assert carried == 3, "thinking was no reason"
    text = shown(session.cell("Hello after it"))
    assert not SAYS_GONE.search(text), "it is told once"
    # It may expire more than once, also where nothing is run.
    session.strict.expire(how)
    session.cell("Hello, is it there?")
    session.cell("Compute at the end")


@pytest.mark.parametrize("how", FORMS)
def test_w1_in_cells_that_are_more_than_a_question(session, how):
    session.cell("Compute at first")
    session.cell(SQUARE)
    codes = ["%%json answer n int\nHow many?", "%%exec bash\necho one", "Code square", "Ask square", "Pause 2", "%%effort low\nCompute"]
    # A 500 is tried again first, which takes its time.
    for code in codes[: 2 if "500" in how else 6]:
        session.strict.expire(how)
        session.cell(code)
        session.cell("Compute where that is")


@pytest.mark.parametrize("how", FORMS)
def test_w1_between_the_calls_of_a_turn(session, how):
    """There it may end the turn, and never the notebook."""
    session.cell("Compute at first")
    session.cell(SQUARE)
    codes = ["Code square", "Ask square 3", "Pause 3", "Mixed square"]
    for code in codes[: 2 if "500" in how else 4]:
        session.strict.expiries = [None, how] if code == "Ask square 3" else [how]
        session.attempt(code)
        session.cell("Hello after it")
        session.cell("Compute after it")


@pytest.mark.parametrize("how", ["404", "404 event"])
def test_w1_a_kernel_that_is_killed_in_the_cell_that_was_asked_again(tmp_path, how):
    session = Session(tmp_path, JPY_SESSION_NAME=str(tmp_path / "work.ipynb"))
    try:
        (tmp_path / "table.csv").write_text("a,b\n1,2\n")
        session.cell("%attach table.csv\nCompute at first")
        session.strict.expire(how)
        session.judge.any_container = True
        session.killed("Slow work")
        session.cell("Hello after the kill")
        session.cell("Compute at the end")
    finally:
        session.close()


@pytest.mark.parametrize("how", ["404", "404 event"])
def test_w1_a_sandbox_that_a_step_says_is_gone(session, how):
    session.cell("Compute at first")
    session.cell("Expired in mid-turn")
    session.cell("Hello after it")
    session.cell("Compute after it")
    session.strict.expire(how)
    session.cell("Compute at the end")


@pytest.mark.parametrize("how", ["400", "400 event"])
def test_w2_a_refusal_about_thinking_costs_no_sandbox(session, how):
    session.cell("Compute at first")
    session.cell("Hello")
    home = session.judge.expected_container
    session.strict.disown(how)
    text = shown(session.cell("Compute as the thinking is refused"))
    assert not SAYS_GONE.search(text) and not SAYS_NEW.search(text), text
    assert session.judge.expected_container == home and session.last()["container"] == home
    session.cell("Hello")
    assert session.thoughts() > 0, "thinking that came after goes along"
    session.cell("Compute where it was")
    assert session.judge.expected_container == home


def test_w2_another_organisation_has_neither_the_sandbox_nor_the_thinking(session):
    session.cell("Compute at first")
    session.cell("Hello")
    home = session.judge.expected_container
    session.strict.disown()
    session.strict.expire("404")
    text = shown(session.cell("Compute somewhere else"))
    assert SAYS_NEW.search(text), text
    assert session.judge.expected_container not in (None, home)
    session.cell("Hello")
    assert session.thoughts() > 0


def test_w2_a_refusal_that_is_about_neither_leaves_both_as_they_were(session):
    session.cell("Compute at first")
    home = session.judge.expected_container
    text = shown(session.in_vain("Compute in vain", Refused(400), "InvalidRequestError"))
    assert not SAYS_GONE.search(text) and not SAYS_NEW.search(text), text
    session.cell("Hello")
    assert session.thoughts() == 2, "what was no reason is kept"
    session.cell("Compute where it was")
    assert session.judge.expected_container == home


@pytest.mark.parametrize("model", ["claude-haiku-5-5", "claude-opus-4-7", "claude-sonnet-5", "claude-opus-4-6", "claude-haiku-4-5", "claude-opus-5-5"])
def test_w3_no_container_without_a_tool_that_can_use_one(session, model):
    session.cell(f"%model {model}\nCompute at first")
    home = session.judge.expected_container
    session.cell("%tools none\nHello")
    session.cell("Hello again")
    text = shown(session.cell("%tools default\nCompute where it was"))
    assert session.last()["container"] == home == session.judge.expected_container
    assert not SAYS_GONE.search(text) and not SAYS_NEW.search(text), text
    session.cell("%%tools none\nHello")
    session.cell("Compute where it was")
    session.cell(SQUARE)
    session.cell("%%tools none\nAsk square")
    session.cell("%tools web\nSearch now")
    session.cell("%tools default\nCompute at the end")
    assert session.judge.expected_container == home


FIRST = [("overloaded", 529, "OverloadedError"), ("rate limit", 429, "RateLimitError"), ("error", 500, None), ("time out", 504, None)]


@pytest.mark.parametrize("words,status,error", FIRST, ids=[case[0] for case in FIRST])
def test_w4_what_a_stream_begins_with_is_tried_again(session, words, status, error):
    first = Refused(status, event=True)
    assert refused(session, "Hello", first)[0] == 2
    assert refused(session, "Hello, twice", first, first)[0] == 3
    session.strict.refusals = [first] * 3
    reply, published = session.run("Hello, never")
    text = shown(published)
    assert reply["status"] == "error" and reply["ename"] == (error or reply["ename"]), reply
    assert "may already have run" not in text and "mid-answer" not in text, text
    session.cell("Compute after it")
    # A round later the same, and nothing runs twice.
    session.cell(SQUARE)
    calls, _ = refused(session, "Ask square", None, first)
    assert calls == 3


def test_w4_what_is_no_reason_to_try_again_is_told_as_it_is(session):
    for status, error in ((400, "InvalidRequestError"), (401, "AuthenticationError"), (403, "PermissionError"), (404, "NotFoundError")):
        text = shown(session.in_vain("Hello", Refused(status, event=True, text="It is so."), error))
        assert "It is so." in text and "may already have run" not in text and "mid-answer" not in text, text
    session.cell("Compute after it")


BLANKS = ["first", "empty", "between", "step", "after", "only", "nothing", "thought", "seen", "mute", "thoughts", "paused", "pause", "square"]


@pytest.mark.parametrize("where", BLANKS)
def test_w5_blank_texts_poison_no_conversation(session, where):
    session.cell("Compute at first")
    session.cell(SQUARE)
    published = session.cell(f"Blank {where}")
    assert blanks(published) == [], "a text without a word is shown as nothing"
    session.cell("Hello after it")
    session.cell("Compute after it")
    session.cell(f"Blank {where}, with a blank behind it")
    session.cell("%compact")
    session.cell("Hello after a summary")
    session.cell("%undo")
    session.cell("Compute at the end")


def test_w5_a_conversation_full_of_blanks_loses_no_thinking(session):
    carried = 0
    for where in ("first", "between", "after", "empty", "first"):
        session.cell(f"Blank {where}")
        session.cell("Hello after it")
        assert session.thoughts() > carried, where
        carried = session.thoughts()
    for model in ("sonnet", "haiku", "claude-opus-4-6"):
        session.cell(f"%model {model}\nBlank between")
        session.cell("Hello after it")


def test_w5_after_a_kill_and_a_resume(tmp_path):
    session = Session(tmp_path, JPY_SESSION_NAME=str(tmp_path / "work.ipynb"))
    try:
        for where in ("between", "paused", "thought"):
            session.cell(f"Blank {where}")
        session.restart()
        session.cell("Hello after it")
        session.shut_down()
        session.cell("%resume")
        session.cell("Compute at the end")
    finally:
        session.close()


KINDS = ["string", "list", "number", "bool", "null"]


@pytest.mark.parametrize("kind", KINDS)
def test_w6_input_that_is_no_object(session, kind):
    session.cell("Compute at first")
    session.cell(SQUARE)
    session.cell(f"Input {kind} square")
    session.cell("Hello after it")
    session.cell(f"Input {kind}")
    session.cell("Hello after it")
    session.cell("Compute after it")
    session.cell("%compact")
    session.cell("Compute at the end")


PAIRS = ["reversed", "orphan", "twice", "doubled", "shared", "open", "foreign", "own square"]


@pytest.mark.parametrize("how", PAIRS)
def test_w6_calls_and_results_that_do_not_go_together(session, how):
    session.cell("Compute at first")
    session.cell(SQUARE)
    session.cell(f"Pairs {how}")
    session.cell("Hello after it")
    session.cell("Compute after it")
    session.cell("%compact")
    session.cell("Compute at the end")


def test_w7_halves_of_surrogate_pairs(session):
    text = shown(session.cell("Halves of pairs"))
    assert "kept half \ufffd of it" in text, "what the step printed is shown"
    assert "So half \ufffd of it, and a crab \U0001f980." in text, "halves that meet are one character"
    home = session.judge.expected_container
    session.cell("Hello after it")
    session.cell("Compute in the same sandbox")
    assert session.judge.expected_container == home


@pytest.mark.parametrize("style", ["bytes", "sparse", "chatty"])
def test_w7_in_streams_of_every_form(session, style):
    session.strict.style = style
    text = shown(session.cell("Halves of pairs"))
    assert "kept half \ufffd of it" in text and "\U0001f980" in text
    session.cell("Compute after it")


def test_w18_calls_by_code_whose_stream_is_one_event(session):
    session.cell("Compute at first")
    session.cell(SQUARE)
    assert session.calls("Loop square 14") == 15
    session.cell("Hello after it")


def test_w18_they_are_shown_as_every_call_is(session):
    session.cell('%%tool\ndef loud(n: int) -> int:\n    """Prints."""\n    print(f"printed {n}")\n    return n * 1000')
    published = session.cell("Loop loud 14")
    last = {}
    for message in published:
        content = message["content"]
        if "text/plain" in content.get("data", {}):
            last[content.get("transient", {}).get("display_id", id(message))] = content["data"]["text/plain"]
    every = "\n".join(last.values())
    for n in range(14):
        assert f"printed {n}" in every and re.search(rf"\b{n * 1000}\b", every), (n, every)
    assert all(every.count(f"Tool loud - n={n} - ok") == 1 for n in range(14)), every
    assert "tool_result" not in every, every


def test_w18_text_and_files_of_such_a_start(session):
    session.cell(SQUARE)
    text = shown(session.cell("Sudden square"))
    assert "It came at once" in text and "printed by code" in text, text
    assert list(session.kernel.directory.glob("claude_files/**/sudden*")), "the file is fetched"
    session.cell("Hello after it")
    session.cell("Compute where that was")
