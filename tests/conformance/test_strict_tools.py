"""Tools that come, change and go in mid-conversation: told in a message where the API takes that, else sent anew once."""

import pytest
from strict_follow import Refused
from strict_session import Session
from strict_values import CHANGES
from test_strict_turns import SQUARE

OTHER = SQUARE.replace("n * n", "n ** 2").replace("Squares", "Raises")
TWICE = '%%tool\ndef twice(n: int) -> int:\n    """Doubles."""\n    return 2 * n'


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def changes(session):
    """The changes that the last request tells, as (kind, name)."""
    told = [block for block in session.said("system") if block["type"] in CHANGES]
    named = [(block["type"], block["tool"].get("name") or block["tool"]["definition"]["name"]) for block in told]
    return [(kind.removeprefix("tool_"), name) for kind, name in named]


def tools(session):
    return set(session.judge.available(session.last()))


def up_front(session):
    """The tools that `tools` holds."""
    return {tool["name"] for tool in session.last().get("tools", [])}


def test_changes_are_told_and_thinking_stays(session):
    session.cell("Compute at first")
    first = session.last()["tools"]
    session.cell(SQUARE, "square")
    session.cell("Ask square twice", "asks")
    assert changes(session) == [("addition", "square")] and "square" not in up_front(session)
    session.cell("Code square")
    session.cell("Mixed square")
    carried = session.thoughts()
    session.cell(OTHER)
    session.cell(TWICE)
    session.cell("Ask square again", "again")
    assert changes(session)[1:] == [("addition", "square"), ("addition", "twice")]
    session.cell("%tool rm square\nAsk twice")
    assert changes(session)[-1] == ("removal", "square") and "square" not in tools(session)
    session.cell("%web fetch\nResearch this")
    session.cell("%web max_uses=2\nSearch now")
    session.cell("%web off\nHello")
    session.cell("%system Be brief.\nHello")
    session.cell("%tools none\nHello")
    session.cell("%tools default\nCompute")
    assert session.thoughts() > carried and session.last()["tools"] == first, "nothing was read anew"
    # Turns that go, come again and stand elsewhere take their changes along.
    session.cell("%undo")
    session.cell("Hello", "after")
    session.cell("Ask twice otherwise", "again")
    session.cell("Hello", "after")
    session.cell("%rerun stale", many=True)
    session.judge.expected_container = None
    session.cell("%fork side\nAsk twice on the side")
    session.cell("Compute at the end")


def test_changes_and_summaries(session):
    session.cell("Compute at first")
    session.cell(SQUARE)
    session.cell(TWICE)
    session.cell("Ask square")
    session.cell("%tool rm twice\nHello")
    session.cell("%compact")
    (block,) = session.judge.answers[-1].content
    assert [change["type"] for change in block["tool_changes"]] == ["tool_addition"]
    session.cell("Ask square after it")
    assert tools(session) >= {"square"} and "twice" not in tools(session)
    session.cell(OTHER)
    session.cell("Ask square otherwise")
    session.cell(TWICE)
    session.cell("Ask twice")
    session.cell("%tool rm square\n%compact")
    session.cell("Ask twice after it")
    assert "twice" in tools(session)
    session.cell("%undo")
    session.cell("Compute at the end")


def test_changes_across_models(session):
    session.cell("Compute at first")
    session.cell(SQUARE)
    session.cell("Ask square")
    for model in ("haiku", "sonnet", "claude-sonnet-5", "claude-haiku-4-5", "claude-opus-4-8", "fable"):
        session.cell(f"%model {model}\nAsk square")
        assert "square" in tools(session), model
        session.cell(OTHER if model == "sonnet" else TWICE)
        session.cell("Ask square")
        session.cell("Code square")
    session.cell("%%model haiku\nAsk twice")
    session.cell("%model opus\nAsk twice")
    session.cell("Compute at the end")


def test_a_killed_kernel_knows_the_tools(tmp_path):
    session = Session(tmp_path, JPY_SESSION_NAME=str(tmp_path / "work.ipynb"))
    try:
        session.cell("Compute at first")
        session.cell(SQUARE)
        session.cell("Ask square")
        session.killed("Slow work")
        session.cell("Hello")
        assert "square" not in tools(session), "it died with its kernel"
        session.cell(SQUARE)
        session.cell("Ask square")
        session.cell("Compute at the end")
    finally:
        session.close()


def test_where_changes_are_refused_tools_are_sent_anew(session):
    session.strict.takes_changes = False
    session.cell("Compute at first")
    session.cell("Hello")
    session.cell(SQUARE)
    assert session.calls("Ask square twice") == 3, "refused, sent anew, answered"
    assert changes(session) == [] and "square" in up_front(session)
    session.cell("Hello")
    assert session.thoughts() > 0, "thinking that came after goes along"
    # From then on it is not tried again.
    session.cell(OTHER)
    assert session.calls("Ask square again") == 2
    session.cell(TWICE)
    session.cell("%web fetch\nResearch this")
    session.cell("%tool rm square\nAsk twice")
    assert "square" not in tools(session)
    session.cell("%system Be brief.\nHello")
    session.interrupted("Slow work")
    session.cell("%compact")
    session.cell(SQUARE)
    session.cell("Ask square")
    session.cell("%undo")
    session.cell("Compute at the end")


def test_tools_sent_anew_after_a_summary_and_without_a_sandbox(session):
    session.strict.takes_changes = False
    session.cell("%skills add docx\nCompute at first")
    session.cell("%compact")
    session.cell("Compute after it")
    session.cell(SQUARE)
    session.cell("%%tools none\nAsk square")
    assert up_front(session) == {"square"}
    session.cell("Ask square")
    session.cell("Compute at the end")


@pytest.mark.parametrize("status", [400, 404])
def test_a_sandbox_that_is_gone_when_tools_change(session, status):
    session.cell("Compute at first")
    for tool in (SQUARE, OTHER, TWICE):
        for often in (1, 2, 3):
            session.cell(tool)
            session.strict.refusals = [Refused(status)] * often
            session.attempt("Ask square")
            session.strict.refusals = []
            session.cell("Ask square")
            session.cell("Compute again")
    session.cell(SQUARE.replace("square", "late"))
    session.strict.refusals = [Refused(400, code="tool_name_conflict"), Refused(529, {"retry-after-ms": "10"})]
    session.cell("Ask late")
    assert {"late", "twice", "square"} <= tools(session)
    session.cell("%tool rm square\nAsk twice")
    session.cell("Compute at the end")
