"""Turns of every kind through a real kernel, before the strict judge: what Claude may do, and what stops it."""

import json
import sys
import textwrap
import time

import pytest
from kernel_process import LIMIT_S
from strict_session import Session, shown

SQUARE = '%%tool\ndef square(n: int) -> int:\n    """Squares a number."""\n    return n * n'
SLEEPY = textwrap.dedent('''
    %%tool
    import time
    from pathlib import Path
    def sleepy(n: int) -> str:
        """Takes its time."""
        if n == 4:
            Path("asleep").touch()
            time.sleep(600)
        return "awake"
''').lstrip()
PICTURE = textwrap.dedent('''
    %%tool
    import base64
    def picture(n: int) -> bytes:
        """Draws."""
        return base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
''').lstrip()


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def test_code_that_runs_as_it_stands(session):
    session.cell("Compute at first")
    long = "\n".join(f"echo line {n}  # ``` and '''" for n in range(150))
    for language, code in (("bash", "echo one"), ("python", "print(1)"), ("bash", long), ("python", f"x = '''\n{long}")):
        session.cell(f"%%exec {language}\n{code}")
        session.cell("Hello, what was that?")
    uploads = [block for block in session.said("user") if block["type"] == "container_upload"]
    assert len(uploads) == 2
    assert session.judge.files[uploads[0]["file_id"]]["data"] == f"{long}\n".encode()
    # Again, in its cell: what stood below is stale, and goes on.
    session.cell(f"%%exec bash\n{long}", "cell-6")
    session.cell("Hello again")


def test_a_summary_and_the_turns_after_it(session):
    session.cell("Compute at first")
    session.cell("%system Be brief.\nHello")
    session.cell("Pause 2")
    session.cell("%compact")
    for n in range(12):
        session.cell("Compute more" if n % 3 else "Hello again", f"after-{n}")
        assert session.said()[0]["type"] == "compaction"
    carried = session.thoughts()
    assert carried > 12
    session.cell("%system Be long.\nCompute at length")
    session.cell("%compact Keep the numbers.")
    session.cell("Hello")
    assert sum(block["type"] == "compaction" for block in session.said()) == 1
    # A model that takes no summary is sent the turns themselves.
    session.cell("%%model claude-haiku-4-5\nHello, small one")
    assert not any(block["type"] == "compaction" for block in session.said())
    session.cell("Hello to the large one")
    # A turn above it changes: the summary no longer stands for it.
    session.cell("Compute otherwise", "cell-1")
    session.cell("Hello at the end")
    session.cell("%%json x n int\n%compact\nHow many?", fails="MagicError")
    session.cell("%compact")
    session.cell("%%compact\nHello", fails="MagicError")
    session.cell("Compute at the end")


@pytest.mark.parametrize("asked", [True, False], ids=["resumed", "by-itself"])
def test_a_kernel_that_is_killed_goes_on(tmp_path, asked):
    settings = {"CLAUDE_KERNEL_RESUME": "off"} if asked else {}
    session = Session(tmp_path, JPY_SESSION_NAME=str(tmp_path / "work.ipynb"), **settings)
    try:
        session.cell("Compute at first")
        session.cell(SQUARE)
        session.cell("Ask square twice")
        session.killed("Slow work")
        if asked:
            session.cell("%resume")
        session.cell("Hello after the kill")
        session.cell("Compute after the kill")
        session.cell(SQUARE.replace("n * n", "n ** 2"))
        session.cell("Ask square again")
        # In a turn of the conversation that was taken up again, with a new sandbox that has no name yet.
        session.judge.expected_container = None
        session.cell("%reset sandbox\nHello")
        session.killed("Slow work in a new sandbox")
        session.judge.expected_container = None
        if asked:
            session.cell("%resume")
        session.cell("Hello after another kill")
        session.cell("Compute at the end")
    finally:
        session.close()


def test_tools_of_a_server_of_tools(session):
    session.cell("Compute at first")
    session.cell(f"%mcp add time {sys.executable} -m mcp_server_time --local-timezone=UTC")
    session.cell("Hello")
    (name,) = [tool["name"] for tool in session.judge.available(session.last()).values() if "convert" in tool.get("name", "")]
    right = {"source_timezone": "UTC", "time": "12:00", "target_timezone": "Asia/Tokyo"}
    session.cell(f"Call {name} {json.dumps(right)}")
    assert "21:00" in json.dumps(session.last()["messages"][-1])
    for wrong in ({**right, "time": "late"}, {}, {"x": [1]}):
        session.cell(f"Call {name} {json.dumps(wrong)}")
        assert session.last()["messages"][-1]["content"][0]["is_error"] is True
    session.cell(f"Ask {name} 3")
    session.cell(f"Mixed {name}")
    session.cell("%mcp rm time")
    session.cell("Hello without it")
    session.cell("Compute at the end")


def test_calls_in_rounds_by_code_and_of_tools_that_are_not_there(session):
    session.cell("Compute at first")
    session.cell(SQUARE)
    session.cell(PICTURE)
    assert session.calls("Ask square 6 times") == 7
    session.cell("Code square")
    assert session.calls("Mixed square") == 3
    session.cell("Ask picture twice")
    kinds = {part["type"] for b in session.said("user") if b["type"] == "tool_result" for part in b["content"] if isinstance(part, dict)}
    assert "image" in kinds
    session.cell("Code picture")
    session.cell("Mixed picture")
    session.cell('Call square {"n": "many", "x": null}')
    session.cell("Stray calls")
    session.cell("Idle calls")
    session.cell("Hello")
    session.cell("%budget 1\nAsk square 3 times")
    session.cell("%%max_tokens 2000\nAsk square 2 times")
    session.cell("Compute at the end")


def test_an_interrupt_while_a_tool_runs(session):
    session.cell("Compute at first")
    session.cell(SLEEPY)
    asleep = session.kernel.directory / "asleep"

    def sleeps():
        deadline = time.monotonic() + LIMIT_S
        while not asleep.exists():
            assert time.monotonic() < deadline
            time.sleep(0.01)
        asleep.unlink()

    for question in ("Ask sleepy twice", "Code sleepy", "Mixed sleepy"):
        if question.startswith("Code"):
            session.cell(SLEEPY.replace("n == 4", "True"))
        session.interrupted(question, when=sleeps)
        session.cell("Hello after an interrupt")
        session.cell("Compute after it")
    session.interrupted("Slow work")
    session.cell("%continue")
    session.cell("%undo")
    session.cell("Compute at the end")


def test_research_with_everything_it_can_end_in(session):
    session.cell("Compute at first")
    session.cell("%web fetch\nResearch this")
    session.cell("Hello, cite it")
    session.cell("Research more")
    session.cell("%web max_uses=2 allow=a.org fetch\nResearch within limits")
    session.cell("Research again")
    session.cell("%tools web fetch\nResearch without a sandbox")
    session.cell("%compact")
    session.cell("Research after a summary")
    session.cell("%undo")
    session.cell("%web off\nHello")
    session.cell("Compute at the end")


def test_structured_results_that_are_none(session):
    session.cell("Compute at first")
    session.cell("%%json good n int\nHow many?")
    for words, error in (("Never say", "Refusal"), ("Cut short", None), ("Invalid answer", None)):
        reply = session.attempt(f"%%json bad n int\n{words}")
        assert reply["status"] == "error", words
        assert error is None or reply["ename"] == error
        session.cell("Hello after it")
    session.cell(SQUARE)
    session.cell("%%json found n int\nAsk square 2 times")
    session.cell("%%json found n int\nPause 2")
    session.cell("%%json found n int\nOpen the call")
    session.cell("Compute with {{good.n}}")


def test_pauses_one_after_the_other(session):
    assert session.calls("Pause 4") == 5
    assert session.calls("Open the call") == 2
    session.cell("Hello")
    # The most that is continued; then the cell ends, and the conversation goes on.
    assert session.calls("Pause 50") == 11
    session.cell("%continue")
    assert session.calls("Pause 40") == 11
    session.cell("Hello after a pause without end")
    session.cell(SQUARE)
    session.cell("Pause 1")
    session.cell("Compute at the end")


def test_answers_that_stop_oddly(session):
    for words in (
        "Odd null", "Odd stop_sequence", "Odd compaction_2", "Odd tool_search", "Nothing to say", "Long answer", "Full context",
        "Half an answer", "Pondering", "Unknown things", "Huge pieces", "Edit a file", "Make files", "Redacted thinking",
    ):  # fmt: skip
        session.cell(words)
        session.cell("Hello after it")
    session.cell("Silently refused", fails="Refusal")
    session.cell("Hello")
    session.cell("Never, and not in mid-answer", fails="Refusal")
    session.cell("%undo")
    session.cell("Compute at the end")


@pytest.mark.parametrize("style", ["cr", "crlf", "bytes", "chatty"])
def test_streams_in_every_form(session, style):
    session.strict.style = style
    published = session.cell("Unknown things")
    assert "Done, **that** is it" in shown(published)
    session.cell("%web fetch\nResearch this")
    session.cell(SQUARE)
    session.cell("Mixed square")
    session.cell("Edit a file")
    session.cell("%%web off\n%%json answer n int\nHow many?")
    session.cell("%compact")
    session.interrupted("Slow work")
    session.cell("Hello")
