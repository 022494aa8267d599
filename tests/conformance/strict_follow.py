"""Rules of what may follow what: retries and their waits, repairs, tool calls and pauses (reference 1.5, 8, 9, 14)."""

from strict_answers import without
from strict_values import CHANGES, THINKING, bare, container_id, core, every_block, written

# What a refusal may be repaired with, and of which status: one thing at a time (0.1, 3-5; 0.2, 17).
REPAIRS = {"container": (400, 404, 500), "thinking": (400,), "tools": (400,), "diagnostics": (400,), "version": (400,), "keys": (400,),
           "summary": (400,)}  # fmt: skip
SPENT = ("enforced_spend_limit_reached", "contract_spend_limit_reached")
# A wait may be shorter on this clock by what the answer took to arrive.
EARLY_S = 0.02
MAX_PAUSES = 10
# What the API calls a status, and what a stream that begins with an error stands for (0.1, 1; 9).
KINDS = {401: "authentication_error", 402: "billing_error", 403: "permission_error", 404: "not_found_error", 409: "conflict_error",
         429: "rate_limit_error", 500: "api_error", 504: "timeout_error", 529: "overloaded_error"}  # fmt: skip
# What may change from one call of a turn to the next.
MOVES = ("messages", "container", "diagnostics", "max_tokens", "cache_control")


class Refused:
    """An error in the place of an answer; without a status, a connection that is cut."""

    def __init__(self, status, headers=(), code=None, kind=None, raw=None, text="No.", event=False):
        """`raw`: a body that is no JSON, as a proxy sends it. `event`: HTTP says 200, and the first event is the error."""
        self.status, self.headers, self.code, self.raw = status, dict(headers), code, raw
        self.kind, self.text, self.event = kind or KINDS.get(status, "invalid_request_error"), text, event

    def same(self):
        """What tells one refusal from another (0.1, 3)."""
        return self.status, self.kind, self.text, self.code

    def is_transient(self):
        asked = self.headers.get("x-should-retry")
        if self.status is None:
            return True
        if self.code in SPENT:
            return False
        return asked == "true" if asked else self.status in (408, 409, 429) or self.status >= 500

    def wait_s(self):
        """The wait the server asks for, None when it does not."""
        if "retry-after-ms" in self.headers:
            return float(self.headers["retry-after-ms"]) / 1000
        asked = self.headers.get("retry-after")
        if asked and not asked[0].isdigit():
            # A date has whole seconds; how long it is until then is known to nobody here.
            return 0.0
        return float(asked) if asked else None


class Follow:
    """The calls of one cell, one after the other."""

    def begin(self, many=False):
        """A cell begins: what it asks first is its own affair; `many` questions are of several cells."""
        self.many = many
        self.past = self.doubted = None
        self.retries = self.waits = self.pauses = self.rounds = 0
        # The first request that was refused, and what was changed in each that followed it, with how it was refused.
        self.first, self.tried = None, []

    def ended(self, body, outcome, at):
        """`outcome`: a `Refused`, or an `Answer`."""
        self.past = (body, outcome, at)
        if isinstance(outcome, Refused):
            self.first = self.first or (body, self.sent_version)
            self.tried.append((self.facts(*self.first, body) or frozenset(), outcome))

    def follows(self, body, now):
        if self.past is None:
            return
        before, outcome, at = self.past
        if isinstance(outcome, Refused):
            return self.after_refusal(before, outcome, body, now - at)
        self.retries, self.waits, self.first, self.tried = 0, 0, None, []
        if outcome.stop == "compaction" or self.many and outcome.stop == "end_turn":
            return
        if outcome.stop not in ("tool_use", "pause_turn"):
            return self.wrong(f"asked again after an answer that ended with {outcome.stop}")
        for field in (before.keys() | body.keys()) - set(MOVES):
            if bare(before.get(field)) != bare(body.get(field)):
                self.wrong(f"{field} changed within a turn")
        sent, expected = core(body["messages"]), core(before["messages"])
        if outcome.stop == "tool_use":
            self.rounds += 1
            role, content = sent.pop() if sent else (None, [])
            if role != "user" or {block["type"] for block in content} != {"tool_result"}:
                self.wrong(f"calls are answered with {role} {[block['type'] for block in content]}")
        else:
            self.pauses += 1
            if self.pauses > MAX_PAUSES:
                self.wrong(f"continued {self.pauses} times")
        said = [block for _, content in sent[len(expected) :] for block in content]
        is_said = len(sent) <= len(expected) + 1 and outcome.is_origin(said, [written(block) for block in said])
        if sent[: len(expected)] != expected or not is_said:
            self.wrong(f"the turn does not go on as it was: {changed([*expected, ('assistant', outcome.content)], sent)}")

    def after_refusal(self, before, refused, body, elapsed):
        changed = self.facts(*self.first, body)
        if refused.is_transient() and (changed is None or changed == self.tried[-1][0]):
            self.retries += 1
            self.waits += 1
            if before != body:
                self.wrong("tried again, but not with the same")
            wait = refused.wait_s()
            if wait is None and self.retries > 2:
                self.wrong(f"tried {self.retries} times again")
            least = 0.375 * 2 ** (self.retries - 1) if wait is None else wait
            if elapsed < least - EARLY_S:
                self.wrong(f"tried again after {elapsed:.2f} s of {least}")
            return
        self.retries = 0
        if changed is None or changed in [before for before, _ in self.tried]:
            return self.wrong(f"asked again after {refused.status} {refused.code}")
        new = changed - self.tried[-1][0]
        if len(new) != 1 or refused.status not in REPAIRS[min(new)]:
            how = "tried again, but not with the same" if refused.is_transient() else "asked again"
            self.wrong(f"{how} after {refused.status} {refused.code}: changed {sorted(changed)}")
        if "container" in changed and self.is_cleared(refused):
            self.wrong("the container was not why, and does not come back")

    def is_cleared(self, refused):
        """Whether this refusal came with the container as it did without it (0.1, 3)."""
        alike = [changed for changed, other in self.tried if other.same() == refused.same()]
        return any("container" in changed and changed - {"container"} in alike for changed in alike)

    def facts(self, first, version, body):
        """What was changed in a request since it was refused first; None when that is no repair."""
        changed = set()
        if self.sent_version != version:
            changed.add("version")
        if "diagnostics" in first and "diagnostics" not in body:
            changed.add("diagnostics")
        if container_id(first) and not container_id(body) and self.can_use(body):
            changed.add("container")
        if sums_up(first) and not sums_up(body):
            # The turns themselves, from the first on.
            return frozenset(changed | {"summary"})
        if changes_tools(first) and not changes_tools(body):
            return None if thinks(body) else frozenset(changed | {"tools"})
        loose = ["messages", *({"container", "diagnostics"} & changed)]
        if {**first, **dict.fromkeys(loose)} != {**body, **dict.fromkeys(loose)}:
            return None
        if thinks(first) and not thinks(body):
            changed.add("thinking")
        then, now = (shape(asked, THINKING if "thinking" in changed else ()) for asked in (first, body))
        whole, less = (shape(asked, THINKING) for asked in (first, body))
        if whole != less and [(role, without(content, self.refused_keys)) for role, content in whole] == less:
            # What was thought on the whole results goes with the keys; what else may not be missing, `strict_kept` says.
            changed = (changed - {"thinking"}) | {"keys"}
            then = now
        same = only_told_more(then, now) if "container" in changed else then == now
        return frozenset(changed) if same else None

    def over(self, stopped=False):
        """A cell is over; `stopped` by a person."""
        if self.past is None or stopped:
            return
        before, outcome, _ = self.past
        if not isinstance(outcome, Refused):
            calls = any(block["type"] == "tool_use" for block in outcome.content)
            if outcome.stop == "tool_use" and calls or outcome.stop == "pause_turn" and self.pauses < MAX_PAUSES:
                self.wrong(f"left at {outcome.stop}")
            return
        wait = outcome.wait_s()
        if outcome.is_transient() and (wait is None and self.waits < 2 or wait is not None and wait < 5):
            self.wrong(f"gave up at {outcome.status} after {self.waits} retries")
        is_first = not (self.pauses or self.rounds)
        suspect = outcome.status in (400, 404) or outcome.status == 500 and outcome.is_transient()
        untried = container_id(before) and not any("container" in changed for changed, _ in self.tried)
        if suspect and is_first and untried and outcome.code != "file_expired":
            self.wrong("not tried without the container")


def thinks(body):
    return any(block["type"] in THINKING for _, _, block in every_block(body))


def sums_up(body):
    return any(block["type"] == "compaction" for _, _, block in every_block(body))


def changes_tools(body):
    return any(block["type"] in CHANGES for _, _, block in every_block(body))


def only_told_more(before, after):
    """Whether only the question differs: what it tells of the sandbox is of another one, and files go there again."""
    at = max(i for i, (role, _) in enumerate(before) if role == "user")
    grown = iter(after[at][1]) if len(after) == len(before) else iter(())
    others = before[:at] + before[at + 1 :] == after[:at] + after[at + 1 :]
    return others and all(block in grown for block in before[at][1] if not is_note(block))


def is_note(block):
    return block["type"] == "text" and block["text"].startswith("[Note from the notebook")


def shape(body, left_out):
    """The conversation less what an assistant's blocks of some kinds are."""
    kept = []
    for role, content in core(body["messages"]):
        content = [block for block in content if role != "assistant" or block["type"] not in left_out]
        if content:
            kept.append((role, content))
    return kept


def changed(expected, sent):
    for i, (before, now) in enumerate(zip(expected, sent)):
        if before != now:
            return f"messages[{i}] was {str(before)[:300]}, is {str(now)[:300]}"
    return f"{len(expected)} messages, {len(sent)} were sent"
