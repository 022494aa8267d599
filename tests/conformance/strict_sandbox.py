"""Rules of the sandbox: who may name which, when one is gone, and what its name goes with (reference 3.6; 0.1, 1-3)."""

from strict_follow import Refused
from strict_values import blocks, container_id

GONE = "container_expired"


class Sandbox:
    """Which container each request may name."""

    def __init__(self):
        self.expected_container = None
        # The one that a refused request named: the next may do without.
        self.doubted = None
        # For sessions of many conversations: any that was given out will do.
        self.any_container = False
        self.containers = {None}
        # id of a container that is gone: how a request that names it is refused.
        self.expired = {}
        # Those that a refused request named.
        self.told = set()
        # How often one was lost; whether it was a step that said so, and the next turn begins in a new one.
        self.losses, self.lost_by_step = 0, False

    def container(self, body):
        sent = container_id(body)
        self.form(body)
        if sent and not self.can_use(body):
            return self.wrong(f"container {sent}, and no tool in force that can use one")
        if not self.can_use(body):
            known = {None}
        elif self.any_container:
            known = self.containers
        else:
            known = {self.expected_container}
        if self.may_do_without() or "compaction" in body:
            known = known | {None}
        if sent not in known:
            self.wrong(f"container {sent}, known {self.expected_container}")

    def may_do_without(self):
        """Whether the kernel was told, now or in an earlier turn, what may mean that the sandbox is gone."""
        return self.doubted or self.expected_container in self.told & self.expired.keys()

    def went(self):
        """A request without it was accepted, and one with it was not."""
        self.losses += 1
        self.expected_container = None

    def form(self, body):
        """An id for itself is a string; skills need an object, and a tool."""
        sent = body.get("container")
        entries = (sent.get("skills") or []) if isinstance(sent, dict) else []
        if isinstance(sent, dict) and not entries:
            self.wrong("container: Input should be a valid string")
        if entries and not any(tool.get("name") == "code_execution" for tool in self.available(body).values()):
            self.wrong("skills without code execution")
        if len(entries) > 20:
            self.wrong(f"{len(entries)} skills")

    def can_use(self, body):
        return any(uses_sandbox(tool) for tool in self.available(body).values())

    def expire(self, how):
        """The sandbox is gone, and nobody but the API knows: requests that name it are refused with `how`."""
        if self.expected_container:
            self.expired[self.expected_container] = how

    def told_gone(self, content):
        """A step may say that its sandbox is gone: it is not to be named again."""
        if any(error_code(block) == GONE for block in content):
            self.expire(Refused(404, text=f"Container not found: {self.expected_container}"))
            self.expected_container = None
            self.losses += 1
            self.lost_by_step = True

    def message_ids(self, body):
        """`diagnostics`: an id of the Claude API, or none (0.1, 4)."""
        if "diagnostics" not in body:
            # It may have been why a request was refused, and is then left out for good.
            tried = isinstance(self.past and self.past[1], Refused) or self.dropped_diagnostics
            may_lack = "compaction" in body or self.no_diagnostics or tried or not all(id.startswith("msg_") for id in self.sent)
            return self.wrong(None if may_lack else "no diagnostics")
        if self.no_diagnostics == "known" or self.dropped_diagnostics:
            self.wrong("diagnostics again, after a request without was accepted")
        id = (body["diagnostics"] or {}).get("previous_message_id")
        if id is not None and not id.startswith("msg_"):
            self.wrong(f"diagnostics.previous_message_id: {id} does not begin with msg_")
        if id not in self.sent | {None}:
            self.wrong(f"diagnostics {body['diagnostics']}")
        first = len(body["messages"]) == 1 and not blocks(body["messages"][0]["content"])[0]["type"] == "tool_result"
        if not self.sent and first and id:
            self.wrong("a message before the first")


def uses_sandbox(tool):
    kind = tool.get("type") or "custom"
    if kind.startswith("code_execution"):
        return True
    # From 20260209 on searches go through code, unless told otherwise.
    return kind.startswith(("web_search", "web_fetch")) and kind[-8:] >= "20260209" and tool.get("allowed_callers") != ["direct"]


def error_code(block):
    content = block.get("content")
    return content.get("error_code") if isinstance(content, dict) else None
