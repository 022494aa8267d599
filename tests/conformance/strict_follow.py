"""Rules of what may follow what: retries and their waits, repairs, tool calls and pauses (reference 1.5, 8, 9, 14)."""

from strict_values import CHANGES, THINKING, bare, core, every_block

SPENT = ("enforced_spend_limit_reached", "contract_spend_limit_reached")
# A wait may be shorter on this clock by what the answer took to arrive.
EARLY_S = 0.02
MAX_PAUSES = 10
# What may change from one call of a turn to the next.
MOVES = ("messages", "container", "diagnostics", "max_tokens", "cache_control")


class Refused:
    """An error status in the place of an answer; without a status, a connection that is cut."""

    def __init__(self, status, headers=(), code=None, kind="invalid_request_error", raw=None):
        """`raw`: a body that is no JSON, as a proxy sends it."""
        self.status, self.headers, self.code, self.kind, self.raw = status, dict(headers), code, kind, raw

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
        self.retries = self.pauses = self.rounds = 0
        self.repaired = set()

    def ended(self, body, outcome, at):
        """`outcome`: a `Refused`, or an `Answer`."""
        self.past = (body, outcome, at)

    def follows(self, body, now):
        if self.past is None:
            return
        before, outcome, at = self.past
        if isinstance(outcome, Refused):
            return self.after_refusal(before, outcome, body, now - at)
        self.retries, self.repaired = 0, set()
        if outcome.stop == "compaction" or self.many and outcome.stop == "end_turn":
            return
        if outcome.stop not in ("tool_use", "pause_turn"):
            return self.wrong(f"asked again after an answer that ended with {outcome.stop}")
        for field in (before.keys() | body.keys()) - set(MOVES):
            if bare(before.get(field)) != bare(body.get(field)):
                self.wrong(f"{field} changed within a turn")
        sent, expected = core(body["messages"]), core(before["messages"])
        if outcome.content:
            expected.append(("assistant", outcome.content))
        if outcome.stop == "tool_use":
            self.rounds += 1
            role, content = sent.pop() if sent else (None, [])
            if role != "user" or {block["type"] for block in content} != {"tool_result"}:
                self.wrong(f"calls are answered with {role} {[block['type'] for block in content]}")
        else:
            self.pauses += 1
            if self.pauses > MAX_PAUSES:
                self.wrong(f"continued {self.pauses} times")
        if sent != expected:
            self.wrong(f"the turn does not go on as it was: {changed(expected, sent)}")

    def after_refusal(self, before, refused, body, elapsed):
        if refused.is_transient():
            self.retries += 1
            if before != body:
                self.wrong("tried again, but not with the same")
            wait = refused.wait_s()
            if wait is None and self.retries > 2:
                self.wrong(f"tried {self.retries} times again")
            least = 0.375 * 2 ** (self.retries - 1) if wait is None else wait
            if elapsed < least - EARLY_S:
                self.wrong(f"tried again after {elapsed:.2f} s of {least}")
            return
        repair = self.repair(before, refused, body)
        if repair is None or repair in self.repaired:
            self.wrong(f"asked again after {refused.status} {refused.code}")
        self.repaired.add(repair)

    def repair(self, before, refused, body):
        """Which of the repairs of reference 14 this is; None when it is none of them."""
        rest = {field: value for field, value in body.items() if field not in ("container", "messages")}
        same = {field: value for field, value in before.items() if field not in ("container", "messages")}
        if refused.status == 400 and changes_tools(before) and not changes_tools(body):
            return None if thinks(body) else "tools"
        if rest != same:
            return None
        if refused.status in (400, 404) and container(before) and not container(body):
            return "container" if only_told_more(core(before["messages"]), core(body["messages"])) else None
        thoughts = [("assistant", kind) for kind in THINKING]
        if refused.status == 400 and not thinks(body) and thinks(before):
            return "thinking" if shape(before, thoughts) == shape(body, thoughts) else None
        return None

    def over(self, stopped=False):
        """A cell is over; `stopped` by a person."""
        if self.doubted:
            # Nothing answered: the sandbox was not why.
            self.expected_container = self.doubted
        if self.past is None or stopped:
            return
        before, outcome, _ = self.past
        if not isinstance(outcome, Refused):
            calls = any(block["type"] == "tool_use" for block in outcome.content)
            if outcome.stop == "tool_use" and calls or outcome.stop == "pause_turn" and self.pauses < MAX_PAUSES:
                self.wrong(f"left at {outcome.stop}")
            return
        wait = outcome.wait_s()
        if outcome.is_transient() and (wait is None and self.retries < 2 or wait is not None and wait < 5):
            self.wrong(f"gave up at {outcome.status} after {self.retries} retries")
        is_first = not (self.pauses or self.rounds)
        if outcome.status in (400, 404) and is_first and container(before) and outcome.code != "file_expired":
            self.wrong("not tried without the container")


def container(body):
    sent = body.get("container")
    return sent.get("id") if isinstance(sent, dict) else sent


def thinks(body):
    return any(block["type"] in THINKING for _, _, block in every_block(body))


def changes_tools(body):
    return any(block["type"] in CHANGES for _, _, block in every_block(body))


def only_told_more(before, after):
    """Whether only the question grew: that the sandbox is new may be said, and its files go there again."""
    at = max(i for i, (role, _) in enumerate(before) if role == "user")
    grown = iter(after[at][1]) if len(after) == len(before) else iter(())
    others = before[:at] + before[at + 1 :] == after[:at] + after[at + 1 :]
    return others and all(block in grown for block in before[at][1])


def shape(body, without):
    """The conversation less some blocks."""
    kept = []
    for role, content in core(body["messages"]):
        content = [block for block in content if (role, block["type"]) not in without]
        if content:
            kept.append((role, content))
    return kept


def changed(expected, sent):
    for i, (before, now) in enumerate(zip(expected, sent)):
        if before != now:
            return f"messages[{i}] was {str(before)[:300]}, is {str(now)[:300]}"
    return f"{len(expected)} messages, {len(sent)} were sent"
