"""Fields and versions that not every endpoint takes (W10), and keys of answers that come back refused (0.2, 17)."""

import pytest
from strict_session import Session, shown


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


def test_w10_diagnostics_that_are_refused_are_left_out_from_then_on(session):
    session.judge.no_diagnostics = "refused"
    session.cell("Hello at first")
    assert session.calls("Compute after it") == 1, "it is known by now"
    home = session.judge.expected_container
    session.cell("Hello again")
    assert session.thoughts() == 3 and session.judge.expected_container == home, "neither was why"


def test_w10_diagnostics_that_are_refused_later_cost_neither_sandbox_nor_thinking(session):
    session.cell("Compute at first")
    home = session.judge.expected_container
    session.judge.no_diagnostics = "refused"
    session.cell("Compute behind another gateway")
    session.cell("Compute where it was")
    assert session.judge.expected_container == home


@pytest.mark.parametrize("ids", ["gen", "chatcmpl-x", "msg"])
def test_w10_only_ids_of_the_api_go_back(session, ids):
    session.strict.ids = ids
    session.cell("Hello at first")
    session.cell("Hello again")
    session.cell("Compute after it")
    told = (session.last().get("diagnostics") or {}).get("previous_message_id")
    assert bool(told) == (ids == "msg")


def test_w10_an_endpoint_that_takes_only_the_old_version(session):
    session.judge.old_version = "refused"
    text = shown(session.cell("Hello at first"))
    assert "2023-06-01" in text, "it is said"
    assert session.calls("Compute after it") == 1
    text = shown(session.cell("Hello again"))
    assert "2023-06-01" not in text, "once"


def test_w19_keys_that_no_request_may_hold(session):
    session.cell("Noted in a result")
    session.cell("Hello, it is taken")
    session.judge.refused_keys |= {"abort_reason"}
    session.cell("Hello, it is not")
    home = session.judge.expected_container
    session.cell("Hello again")
    session.cell("Noted in a result")
    session.cell("Compute where it was")
    assert session.judge.expected_container == home


def test_w19_keys_are_refused_in_the_middle_of_a_turn(session):
    session.cell("Noted in a result, then pausing")
    session.judge.refused_keys |= {"abort_reason"}
    session.cell("Noted in a second one, then pausing")
    session.cell("Noted in a third, then pausing")
    session.cell("Compute where it was")
    assert session.thoughts() == 1 + 2 + 2


def test_w19_keys_are_refused_first_in_the_middle_of_a_turn(session):
    session.judge.refused_keys |= {"abort_reason"}
    session.cell("Noted in a result, then pausing")
    session.cell("Noted in a second one, then pausing")
    session.cell("Compute where it was")
