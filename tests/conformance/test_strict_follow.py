"""The judge's rules of what may follow what, what may be lost and what is refused only somewhere, each seen to fire."""

from strict_follow import Refused
from strict_samples import (
    ANSWER, CALL, CODE, HEADERS, HISTORY, LATER, NOTE, RAN, SQUARE, SUMMARY, TEXT, THREE, WANTED, adds, ask, judge, problems,
    said, system, user,
)  # fmt: skip


def test_thinking_that_may_be_left_out():
    every = {"a", "b", "c", "seal_1", "seal_2"}
    # It was lost before, or nobody takes it; the oldest is gone, or all of it.
    for left in ([TEXT, TEXT, TEXT], [TEXT, TEXT, *THREE[4:]]):
        assert problems(ask(user(TEXT), said(*left), user(TEXT)), lost=every) == []
        assert problems(ask(user(TEXT), said(*left), user(TEXT)), disowned=every) == []
    assert problems(ask(user(TEXT), said(TEXT, LATER, TEXT), user(TEXT)), lost={"seal_1"}) == []
    # It stood on something else; it never got its end.
    assert problems(ask(user({"type": "text", "text": "Hallo"}), said(TEXT, TEXT), user(TEXT))) == []
    assert problems(ask(*HISTORY[:1], said(TEXT, TEXT), user(TEXT), tools=[CODE])) == []
    assert problems(ask(user(TEXT), said(CALL, RAN, {"type": "text", "text": "It breaks off here"}), user(TEXT))) == []
    # An older model, or an older account, takes it anywhere; so does a request that asks for that.
    moved = ask(user({"type": "text", "text": "Hallo"}), HISTORY[1], user(TEXT))
    assert problems({**moved, "model": "claude-opus-4-6"}) == []
    assert problems(moved, new_account=False) == []
    for behaviour in ("drop_block", "error"):
        bound = {**moved, "thinking": {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": behaviour}}}
        found = problems(bound, {"anthropic-beta": "thinking-binding-controls-2026-08-01"}, new_account=False)
        assert bool(found) == (behaviour == "error"), "whoever asks is checked"
    assert problems({**moved, "model": "claude-fable-5-2"}, new_account=False), "there it is of every account"


def test_what_is_taken_and_nobody_should_rely_on():
    judged = judge()
    judged.check(ask(user(TEXT), said(WANTED), user(ANSWER), NOTE), HEADERS)
    assert judged.problems == []
    assert any("directly after a tool_result" in advice for advice in judged.advice)
    judged.advice.clear()
    judged.check(ask(user(TEXT), said(WANTED), user(ANSWER, TEXT), NOTE), HEADERS)
    assert judged.problems == judged.advice == []
    judged.check(ask(user({"type": "text", "text": "Hallo"}), HISTORY[1], user(TEXT), model="claude-opus-4-6"), HEADERS)
    assert judged.problems == [] and judged.advice


def test_a_server_that_is_older():
    old = {"anthropic-version": "2023-06-01"}
    assert problems(ask(user(TEXT)), old_version="refused") == problems(ask(user(TEXT)), old, old_version="known") == []
    assert problems(ask(user(TEXT)), old), "the new version first"
    assert problems(ask(user(TEXT)), old_version="known"), "and not again"
    bare = {key: value for key, value in ask(user(TEXT)).items() if key != "diagnostics"}
    assert problems(bare, no_diagnostics="refused") == problems(bare, no_diagnostics="known") == []
    assert problems(ask(user(TEXT)), no_diagnostics="known")
    # Where ids are not the API's own, none need go back.
    assert problems(bare, sent={"gen-1"}) == []
    assert problems(ask(user(TEXT), diagnostics={"previous_message_id": "gen-1"}), sent={"gen-1"})


def test_calls_that_do_not_follow_from_each_other():
    first = ask(user(TEXT), container="c", tools=[CODE])
    thinking = ask(*HISTORY, user(TEXT))
    rounds = [*first["messages"], said(WANTED), user(ANSWER)]
    on = {"messages": rounds, "container": "c"}

    def after(before, outcome, then, elapsed=1.0, times=1):
        judged = judge()
        for _ in range(times):
            if isinstance(outcome, tuple):
                ended = judged.produced(before, *outcome)
            else:
                ended = outcome
            judged.ended(before, ended, 0.0)
            if then is not None:
                judged.follows(then, elapsed)
        if then is None:
            judged.over()
        return judged.problems

    calls, ends, pauses = ([WANTED], "tool_use"), ([TEXT], "end_turn"), ([TEXT], "pause_turn")
    lost = {key: value for key, value in first.items() if key != "container"}
    for expected, found in (
        # Retries.
        (None, after(first, Refused(529), first)),
        (None, after(first, Refused(503), first, 1.6, times=2)),
        (None, after(first, Refused(429, {"retry-after": "0.1"}), first, times=3)),
        (None, after(first, Refused(400, {"x-should-retry": "true"}), first)),
        ("not with the same", after(first, Refused(529), ask(user(TEXT)))),
        ("after 0.10 s of 0.375", after(first, Refused(529), first, 0.1)),
        ("tried 3 times again", after(first, Refused(529), first, 9.0, times=3)),
        ("after 1.00 s of 2.0", after(first, Refused(429, {"retry-after": "2"}), first)),
        ("after 0.20 s of 0.3", after(first, Refused(429, {"retry-after": "0", "retry-after-ms": "300"}), first, 0.2)),
        ("asked again after 500", after(first, Refused(500, {"x-should-retry": "false"}), first)),
        ("asked again after 429", after(first, Refused(429, {}, "enforced_spend_limit_reached"), first)),
        ("asked again after 401", after(first, Refused(401), first)),
        ("asked again after 413", after(first, Refused(413), first)),
        ("gave up at 529", after(first, Refused(529), None)),
        ("gave up at 429", after(first, Refused(429, {"retry-after": "1"}), None)),
        # Repairs.
        (None, after(first, Refused(400), lost)),
        (None, after(thinking, Refused(400), ask(user(TEXT), said(TEXT, TEXT), user(TEXT)))),
        ("asked again after 400", after(first, Refused(400), first)),
        ("asked again after 400", after(first, Refused(400), {**lost, "max_tokens": 50})),
        ("asked again after 400", after(first, Refused(400), ask(user({"type": "text", "text": "Bye"})))),
        ("asked again after 403", after(first, Refused(403), lost)),
        ("asked again after 400", after(thinking, Refused(400), ask(user(TEXT), said(TEXT, LATER, TEXT), user(TEXT)))),
        ("asked again after 400", after(thinking, Refused(400), ask(user(TEXT)))),
        ("not tried without", after(first, Refused(400), None)),
        # A turn that goes on.
        (None, after(first, calls, {**first, **on})),
        (None, after(first, pauses, {**first, "messages": [user(TEXT), said(TEXT)]})),
        ("ended with end_turn", after(first, ends, first)),
        ("ended with refusal", after(first, ([TEXT], "refusal"), first)),
        ("ended with None", after(first, ([TEXT], None), first)),
        ("tools changed", after(first, calls, {**first, **on, "tools": [CODE, SQUARE]})),
        ("thinking changed", after(first, calls, {**first, **on, "thinking": {"type": "adaptive"}})),
        ("calls are answered with", after(first, calls, {**first, "messages": [*rounds[:2], user(ANSWER, TEXT)]})),
        ("does not go on", after(first, calls, {**first, "messages": [user(TEXT), said(TEXT, WANTED), user(ANSWER)]})),
        ("does not go on", after(first, pauses, {**first, "messages": [user(TEXT), said(TEXT), user(TEXT)]})),
        ("continued 11 times", after(first, pauses, {**first, "messages": [user(TEXT), said(TEXT)]}, times=11)),
        ("left at tool_use", after(first, calls, None)),
        ("left at pause_turn", after(first, pauses, None)),
    ):  # fmt: skip
        assert any(expected in problem for problem in found) if expected else found == [], (expected, found)


def test_repairs_one_after_the_other():
    """What was left out in vain comes back; nothing is tried twice, nor two things at once."""
    first = ask(user(TEXT), HISTORY[1], user(TEXT), container="c", tools=[CODE])
    lost = {key: value for key, value in first.items() if key != "container"}
    bare = {**first, "messages": [user(TEXT), said(TEXT, TEXT), user(TEXT)]}
    both = {**lost, "messages": bare["messages"]}
    plain = {key: value for key, value in first.items() if key != "diagnostics"}
    gone, doubt = Refused(404, text="Container not found: c"), Refused(400, text="Invalid `signature`")
    for expected, steps in (
        (None, [(first, doubt), (lost, doubt), (bare, doubt)]),
        (None, [(first, gone), (lost, doubt), (both, doubt)]),
        (None, [(first, doubt), (plain, doubt), ({**lost}, doubt)]),
        (None, [(first, Refused(500)), (first, Refused(500)), (first, Refused(500)), (lost, Refused(500)), (lost, Refused(500))]),
        (None, [(first, doubt), (lost, doubt), (bare, gone), (both, doubt)]),
        ("does not come back", [(first, doubt), (lost, doubt), (both, doubt)]),
        ("does not come back", [(first, doubt), (lost, doubt), (bare, doubt), (both, doubt)]),
        ("changed ['container', 'thinking']", [(first, doubt), (both, doubt)]),
        ("asked again", [(first, doubt), (lost, doubt), (bare, doubt), (first, doubt)]),
        ("asked again", [(first, doubt), (lost, doubt), (lost, doubt)]),
        ("asked again", [(first, Refused(403)), (plain, doubt)]),
    ):  # fmt: skip
        judged = judge()
        for body, refused in steps:
            judged.follows(body, 9.0)
            judged.ended(body, refused, 0.0)
        assert any(expected in problem for problem in judged.problems) if expected else judged.problems == [], (expected, judged.problems)


def test_a_repair_without_a_summary():
    summed = ask(said(SUMMARY), user(TEXT), container="c", tools=[CODE])
    for expected, status in ((None, 400), ("asked again", 403)):
        judged = judge()
        judged.ended(summed, Refused(status), 0.0)
        judged.follows(ask(user(TEXT), said(TEXT), user(TEXT), container="c", tools=[CODE]), 1.0)
        assert any(expected in problem for problem in judged.problems) if expected else judged.problems == []


def test_a_repair_without_keys_that_nobody_knows():
    judged = judge()
    judged.refused_keys = {"abort_reason"}
    noted = {**RAN, "content": {**RAN["content"], "abort_reason": None}}
    judged.produced(ask(user(TEXT)), [CALL, noted, TEXT])
    first = ask(user(TEXT), said(CALL, noted, TEXT), user(TEXT))
    for body in (first, {**first, "messages": [user(TEXT), said(CALL, RAN, TEXT), user(TEXT)]}):
        judged.check(body, HEADERS)
        judged.ended(body, Refused(400), 0.0)
    assert judged.problems == []
    judged.check({**first, "messages": [user(TEXT), said(CALL, {**RAN, "content": {}}, TEXT), user(TEXT)]}, HEADERS)
    assert judged.problems


def test_repairs_for_tools_that_cannot_change():
    change = ask(user(TEXT), system(adds(SQUARE)))
    for expected, then in ((None, ask(user(TEXT), tools=[SQUARE])), ("asked again", ask(*HISTORY, user(TEXT))), ("asked again", change)):
        judged = judge()
        judged.ended(change, Refused(400), 0.0)
        judged.follows(then, 1.0)
        assert any(expected in problem for problem in judged.problems) if expected else judged.problems == []
