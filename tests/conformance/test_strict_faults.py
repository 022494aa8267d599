"""What goes wrong between a real kernel and the API: refusals, waits, broken streams, things that expired."""

import email.utils
import time

import pytest
from strict_follow import Refused
from strict_session import Session
from test_strict_turns import SQUARE


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def refused(session, code, *refusals, **options):
    """Runs a cell while requests are refused; returns how many requests it made."""
    session.strict.refusals = list(refusals)
    calls = session.calls(code, **options)
    assert session.strict.refusals == []
    return calls


SOON = {"retry-after-ms": "20"}


def test_calls_that_are_tried_again(session):
    session.cell("Compute at first")
    for status in (408, 409, 429, 500, 502, 503, 504, 529):
        assert refused(session, f"Hello after {status}", Refused(status, SOON)) == 2
    assert refused(session, "Hello, patient", Refused(429, {"retry-after": "0.3"}), Refused(429, SOON)) == 3
    assert refused(session, "Hello, both", Refused(429, {"retry-after": "50", "retry-after-ms": "100"})) == 2
    assert refused(session, "Hello, told to", Refused(400, {"x-should-retry": "true", **SOON})) == 2
    assert refused(session, "Hello, cut", Refused(None)) == 2
    assert refused(session, "Hello, page", Refused(502, SOON, raw=b"<html>Bad gateway</html>")) == 2
    date = email.utils.formatdate(time.time() + 1.5, usegmt=True)
    assert refused(session, "Hello, at that time", Refused(503, {"retry-after": date})) == 2
    # Without a word, twice, and then no more.
    assert refused(session, "Compute, slowly", Refused(529), Refused(529)) == 3
    assert refused(session, "Hello, never", *[Refused(529)] * 3, fails="OverloadedError") == 3
    assert refused(session, "Hello, not in a minute", Refused(429, {"retry-after": "3600"}), fails="RateLimitError") == 1
    session.cell("Compute at the end")


def test_calls_that_are_not_tried_again(session):
    session.cell(SQUARE)
    for status, error, more in (
        (400, "InvalidRequestError", {}),
        (401, "AuthenticationError", {}),
        (402, "BillingError", {}),
        (403, "PermissionError", {}),
        (404, "NotFoundError", {}),
        (413, "RequestTooLargeError", {"raw": b"<html>413</html>"}),
        (422, None, {}),
        (429, "SpendLimitError", {"code": "enforced_spend_limit_reached"}),
        (500, None, {"headers": {"x-should-retry": "false"}}),
    ):
        session.strict.refusals = [Refused(status, **more)] * 20
        before = len(session.judge.bodies)
        reply = session.attempt(f"Ask after {status}")
        session.strict.refusals = []
        assert reply["status"] == "error" and error in (None, reply["ename"]), reply
        # What 400 is about is not said: something may be changed, and tried once.
        assert len(session.judge.bodies) == before + 1 or status == 400, status
    session.cell("Compute at last")
    asked = [block["text"] for block in session.said("user")]
    assert asked == ["Compute at last"], "what failed is no part of the conversation"
    # In the middle of a turn nothing is repaired, and what was done stays.
    session.in_vain("Ask square 2", Refused(400), "InvalidRequestError", before=[None, Refused(529, SOON), None])
    session.cell("Hello after it")
    session.in_vain("Pause 2", Refused(400), "InvalidRequestError", before=[None])
    session.cell("%continue")
    session.cell("Hello after it")
    session.cell("Compute at the end")


def test_a_sandbox_and_thinking_that_are_refused(session):
    session.cell("Compute at first")
    session.cell("Hello")
    home = session.judge.expected_container
    for status in (400, 404):
        assert refused(session, "Compute as it is gone", Refused(status)) == 2
        session.cell("Hello")
        assert session.judge.expected_container not in (None, home)
    # What no repair helps against: the first error stands, and the sandbox is kept.
    home = session.judge.expected_container
    session.in_vain("Compute in vain", Refused(400), "InvalidRequestError")
    session.cell("Compute where it was")
    assert session.judge.expected_container == home
    assert refused(session, "Hello, strip", Refused(400), Refused(400)) == 3
    session.cell("Hello")
    session.cell("Compute at the end")


def test_streams_that_break(session):
    # Before anything came nothing broke off. The last of them has not said why it stops.
    fails = {"eof": "StreamBroken", "error": "OverloadedError", "start": "ConnectionError", "last": "StreamBroken"}
    for how, error in fails.items():
        session.cell("Compute at first")
        assert session.calls(f"Breaks {how}", fails=error) == 1
        session.cell("Hello after it")
        session.cell("Compute after it")
    # In a new sandbox, whose name had not come.
    session.judge.expected_container = None
    session.cell("%reset sandbox\nBreaks eof", fails="StreamBroken")
    session.cell("Hello after it")
    session.cell("Compute at the end")


def test_a_refusal_after_calls_takes_the_turn_back(session):
    session.cell("Compute at first")
    session.cell(SQUARE)
    session.cell("Refuses square", fails="Refusal")
    session.cell("Hello after it")
    assert not any(block["type"] == "tool_result" for block in session.said("user"))
    session.cell("%compact")
    session.cell("Refuses square", fails="Refusal")
    session.cell("Ask square twice")


def test_files_that_are_gone(session):
    (session.kernel.directory / "table.csv").write_text("a,b\n1,2\n")
    (session.kernel.directory / "other.csv").write_text("c\n3\n")
    session.cell("%attach table.csv\nCompute its sum")
    session.cell("%attach other.csv\nCompute that one")
    session.judge.gone_files |= set(session.judge.files)
    (session.kernel.directory / "other.csv").unlink()
    session.cell("Hello, are they there?", fails="NotFoundError")
    session.cell("Hello again")
    files = [block["file_id"] for block in session.said("user") if block["type"] == "container_upload"]
    assert len(files) == 1, "the one that is still here was uploaded again"
    session.cell("Compute at the end")
    # Made by a command, and gone before it is fetched.
    session.cell("Make files")
    session.cell("%files")


def test_a_summary_that_is_refused(session):
    session.cell("Compute at first")
    session.cell("Hello")
    assert refused(session, "%compact", Refused(529, SOON, code="compaction_unavailable", kind="overloaded_error")) == 2
    session.cell("Compute after it")
    for code in ("compaction_signature_invalid", "compaction_content_mismatch"):
        session.strict.refusals = [Refused(400, code=code)] * 9
        session.attempt("Hello with a summary")
        session.strict.refusals = []
        session.cell("Hello without")
        assert not any(block["type"] == "compaction" for block in session.said())
        session.cell("%compact")
    assert refused(session, "Hello\n", None) == 1
    session.cell("Compute at the end")


def test_an_interrupt_while_it_waits_to_try_again(session):
    session.cell("Compute at first")
    session.strict.refusals = [Refused(429, {"retry-after": "50"})]
    session.interrupted("Hello", when="Rate limited")
    session.cell("Hello after it")
    session.cell("Compute at the end")
