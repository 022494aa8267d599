"""What the API says of its models, asked once a day beside the cells, and models that retire."""

import re
import time

import pytest
from kernel_process import LIMIT_S
from strict_follow import Refused
from strict_session import Session, shown

NEXT = "claude-opus-5"
# What this API says of it: the table of the kernel says more.
SAID = {
    "type": "model",
    "id": NEXT,
    "display_name": "Claude of this API",
    "created_at": "2026-07-24T00:00:00Z",
    "max_input_tokens": 1_000_000,
    "max_tokens": 9_000,
    "capabilities": {
        "effort": {"supported": True, "low": {"supported": True}, "high": {"supported": True}, "max": {"supported": False}},
    },
}  # fmt: skip


def taken(session, code):
    """Whether a cell of settings is taken."""
    return session.attempt(code)["status"] == "ok"


def test_w9_the_list_of_models_is_asked_for_once_a_day_and_never_waited_for(tmp_path):
    session = Session(tmp_path)
    try:
        session.strict.models = [SAID]
        session.cell("%version")
        assert session.strict.listings == 0, "a cell of settings asks nobody"
        session.cell("Hello")
        deadline = time.monotonic() + LIMIT_S
        while taken(session, f"%model {NEXT}\n%effort max"):
            assert time.monotonic() < deadline, "the table still counts"
        assert taken(session, f"%model {NEXT}\n%effort high")
        assert not taken(session, "%max_tokens 9001")
        session.cell("Hello again")
        session.restart()
        # It is on disk: the next kernel knows it before it asks anything.
        assert not taken(session, f"%model {NEXT}\n%effort max")
        session.cell("Hello after a restart")
        assert session.strict.listings == 1
        text = shown(session.cell("%models refresh"))
        assert session.strict.listings == 2 and NEXT in text
    finally:
        session.close()


@pytest.mark.parametrize("how", ["chosen", "from the start"])
def test_w13_a_model_that_retires_is_told_once(tmp_path, how):
    model = "claude-opus-4-5"
    environment = {"CLAUDE_KERNEL_MODEL": model} if how == "from the start" else {}
    session = Session(tmp_path, **environment)
    try:
        first = f"%model {model}\nHello" if how == "chosen" else "Hello"
        said = re.compile(rf"`{model}` (retires|was retired) on 2027-01-22: `%model claude-opus-\S+` chooses")
        told = [message for message in session.cell(first) if said.search(str(message["content"].get("data", "")))]
        assert len(told) == 1, told
        assert not said.search(shown(session.cell("Hello again")))
    finally:
        session.close()


def test_w13_the_error_of_a_retired_model_names_its_successor(tmp_path):
    model = "claude-sonnet-4-5"
    session = Session(tmp_path, CLAUDE_KERNEL_MODEL=model)
    try:
        session.strict.refusals = [Refused(404, text=f"model: {model}")] * 3
        reply = session.attempt("Hello")
        session.strict.refusals = []
        text = str(reply)
        assert reply["status"] == "error" and f"`{model}` was retired on 2026-11-30" in text, text
        assert "%model claude-sonnet-5-5" in text
        session.cell("%model claude-sonnet-5-5\nHello")
    finally:
        session.close()
