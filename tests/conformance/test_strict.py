"""The requests of a real kernel, before a judge of the API's rules that shares no code with anything here."""

import pytest
from strict_follow import Refused
from strict_models import MODELS
from strict_session import Session


@pytest.fixture
def session(tmp_path):
    session = Session(tmp_path)
    yield session
    session.close()


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    session = Session(tmp_path_factory.mktemp("shared"))
    yield session
    session.close()


def test_a_long_session_of_everything_that_changes_requests(session):
    session.cell("Hello there")
    session.cell("Compute something", "analysis")
    session.cell("Redacted thinking")
    assert session.thoughts() == 3
    session.cell("Pause and go on")
    assert session.last()["messages"][-1]["role"] == "assistant"
    session.cell("Hello again")
    carried = session.thoughts()
    assert carried >= 6, "all of the thinking goes along"
    # What is not part of the prefix changes nothing of it.
    session.cell("%effort high\nCompute more")
    session.cell("%max_tokens 5000\nHello")
    session.cell("%%thinking notes\nCompute with notes")
    session.cell("%%thinking show\nHello")
    assert session.thoughts() > carried
    # Instructions in mid-conversation: told, not edited.
    for line in ("%system Be brief.", "%system Answer in French.", "%system --append Be kind.", "%python only", "%bash only"):
        session.cell(f"{line}\nCompute this")
    session.cell("%system --preset reproducible\nHello")
    session.cell("%system --clear\n%bash on\n%python on\nHello")
    # A cell again, in the middle; then the end again.
    session.cell("Compute it differently", "analysis")
    session.cell("Hello, who sees this?")
    session.cell("%undo")
    session.cell("Hello after an undo")
    # Cut and broken answers.
    session.interrupted("Slow work")
    session.cell("Hello after an interrupt")
    session.cell("Half an answer", fails=None)
    session.cell("Hello after half")
    session.cell("Never do this", fails="Refusal")
    session.cell("Hello after a refusal")
    session.cell("Long answer")
    session.cell("%continue")
    session.cell("Compute at the end")


def test_tools_come_and_go(session):
    session.cell("Compute at first")
    for magics in (
        "%tools none",
        "%tools bash",
        "%tools python",
        "%tools web",
        "%tools bash web fetch",
        "%tools default",
        "%tools code_execution_20250825",
        "%tools code_execution_20250522",
        "%tools default",
        "%web max_uses=3 allow=a.org,b.org fetch",
        "%web block=c.org",
        "%web off",
        "%skills add docx xlsx@20251013",
        "%skills rm docx",
        "%tools none",
        "%tools default\n%skills clear",
    ):
        session.cell(f"{magics}\nCompute now")
        session.cell("Search now")
        session.cell("Hello")
    session.cell("%%web\nSearch once")
    session.cell("%%tools none\nHello")
    session.cell("%%skills add pdf\nCompute")
    session.cell("Compute after all")


def test_own_tools_are_called_and_answered(session):
    session.cell("Compute at first")
    session.cell('%%tool\ndef square(n: int) -> int:\n    """Squares a number."""\n    return n * n')
    session.cell("Ask square twice")
    session.cell("Code square from the sandbox")
    session.cell("Hello")
    session.cell('%%tool\ndef square(n: int) -> int:\n    """Squares a number, otherwise."""\n    return n ** 2')
    session.cell("Ask square again")
    session.cell('%%tool\ndef fails(n: int) -> int:\n    """Raises."""\n    raise ValueError(n)')
    session.cell("Ask fails please")
    session.cell("%tool rm square\nHello without it")
    session.cell("%tools none\nHello with nothing")
    session.cell("Compute at the end")


def test_files_and_results(session):
    (session.kernel.directory / "table.csv").write_text("a,b\n1,2\n")
    (session.kernel.directory / "note.txt").write_text("a note")
    session.cell("%attach table.csv\nCompute its sum")
    session.cell("Compare @table.csv with @note.txt")
    session.cell("%attach note.txt --document\nHello, read it")
    session.cell("%%json answer n int\nHow many?")
    session.cell("%%json more n int: how many, who? str\nHow many more than {{answer.n}}?")
    session.cell("%set word yes\nHello {{word}} {{answer}}")
    session.cell("%%dry\nHello, would you?")
    session.cell("%budget 5\nHello within it")
    session.cell("Compute with a budget")


def test_threads_forks_and_resets(session):
    session.cell("Compute here", "one")
    session.cell("Hello", "two")
    home = session.judge.expected_container
    # A conversation has a sandbox of its own.
    session.judge.expected_container = None
    session.cell("%fork side\nHello on the side", "three")
    session.cell("Compute on the side", "four")
    side = session.judge.expected_container
    session.judge.expected_container = home
    session.cell("%thread main\nHello back home", "five")
    session.judge.expected_container = side
    session.cell("%thread side\nHello to the side", "six")
    session.judge.expected_container = None
    session.cell("%reset sandbox\nHello without files", "seven")
    session.cell("Compute anew", "eight")
    session.cell("Hello to it", "nine")
    session.judge.expected_container = None
    session.cell("%reset all\nCompute from nothing", "ten")
    session.cell("Hello", "eleven")


def test_a_refused_request_is_repaired_within_the_rules(session):
    session.cell("Compute at first")
    session.cell("Hello")
    session.strict.refusals = [Refused(400)]
    session.cell("Compute as the sandbox is gone")
    session.cell("Hello")
    session.strict.refusals = [Refused(400), Refused(400)]
    session.cell("Compute as the thinking is refused")
    assert session.thoughts() == 0
    session.cell("Hello")
    assert session.thoughts() > 0, "thinking that came after goes along"
    session.strict.refusals = [Refused(529)]
    session.cell("Hello once more")


@pytest.mark.parametrize("model", sorted(MODELS))
def test_each_model_is_sent_what_it_takes(shared, model):
    """Every setting on every model: what is not taken is an error before the call."""
    session = shared
    session.judge.expected_container = None
    session.cell("%reset all\n%system --clear")
    thinking, _, efforts, _, _ = MODELS[model]
    session.cell(f"%model {model}\nCompute at first")
    session.cell("Compute again")
    for effort in ("low", "medium", "high", "xhigh", "max"):
        cell = f"%%effort {effort}\nHello"
        session.cell(cell) if effort in efforts else session.refused(cell)
    for word in ("show", "fold", "off", "notes", "show --interleaved"):
        before = len(session.judge.bodies)
        reply = session.attempt(f"%%thinking {word}\nCompute", "thinking")
        assert (reply["status"] == "ok") == (len(session.judge.bodies) > before)
        if word in ("show", "fold"):
            assert reply["status"] == "ok", reply
        if word == "off":
            assert (reply["status"] == "ok") == bool(thinking & {"disabled", "between_tools"}), reply
    if thinking & {"disabled", "between_tools"}:
        for effort in ("xhigh", "max"):
            session.attempt(f"%%thinking off\n%%effort {effort}\nCompute", "both")
            session.attempt(f"%%effort {effort}\n%%thinking off\nCompute", "both")
    session.cell("%system Be brief.\nCompute in brief")
    session.cell("%system Be long.\nCompute at length")
    session.cell("Hello")


def test_models_change_in_mid_conversation(session):
    for model in ("opus", "claude-opus-4-6", "haiku", "sonnet", "claude-haiku-4-5", "fable", "opus"):
        session.cell(f"%model {model}\nCompute")
        session.cell("%system " + model + " it is.\nHello")
    session.cell("%%model haiku\nHello, small one")
    # A setting that the next model does not take goes, or is not sent.
    for model in ("claude-opus-4-8", "claude-opus-4-6", "claude-opus-4-5", "claude-haiku-4-5", "sonnet"):
        session.cell("%model opus\n%thinking notes\n%effort max\nCompute with notes")
        session.cell(f"%model {model}\nCompute without")
        session.cell("%model claude-opus-4-5\n%thinking fold --interleaved\n%max_tokens 2000\nCompute between")
        session.cell("%max_tokens 1000\nHello in few words")
        session.cell(f"%model {model}\n%max_tokens 4000\n%thinking fold\nCompute again")
        if model != "claude-opus-4-5":
            session.cell("%thinking show\nHello")
    session.cell("Compute at the end")
