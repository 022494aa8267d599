"""A kernel, a notebook's cells, and the judge that has the last word after each."""

import os
import time
import warnings

from kernel_process import LIMIT_S, KernelProcess
from strict_judge import Judge
from strict_server import Strict
from strict_transport import KEY
from strict_values import THINKING, blocks


class Session:
    """Runs cells; after each the judge must have nothing to say."""

    def __init__(self, directory, **environment):
        self.strict = Strict()
        self.judge = self.strict.judge
        where = {"ANTHROPIC_BASE_URL": self.strict.url, "ANTHROPIC_API_KEY": KEY, "CLAUDE_KERNEL_ALLOW": "tools,mcp"}
        self.kernel = KernelProcess(directory, env=where | environment)
        self.client = self.kernel.client()
        self.cells = 0

    def close(self):
        self.client.stop_channels()
        alive = self.kernel.alive()
        self.kernel.close()
        self.strict.close()
        for advice in self.judge.advice:
            warnings.warn(advice, stacklevel=1)
        assert alive
        assert self.judge.problems == []

    def cell(self, code, cell=None, fails=None, many=False):
        """Runs a cell, by default a new one; returns what it published."""
        reply, published = self.run(code, cell, many)
        error = [m["content"] for m in published if m["msg_type"] == "error"]
        assert reply.get("ename") == fails, f"{code!r}: {reply.get('evalue')} {error}"
        return published

    def run(self, code, cell=None, many=False):
        self.cells += 1
        before = len(self.judge.problems)
        self.judge.begin(many)
        msg_id = self.client.start_in(cell or f"cell-{self.cells}", code)
        published = self.until_idle(msg_id)
        reply = self.client.get_shell_msg(timeout=LIMIT_S)["content"]
        self.judge.over()
        problems = self.judge.problems[before:]
        # They are told once.
        del self.judge.problems[before:]
        assert not problems, f"{code!r}: {problems}"
        return reply, published

    def until_idle(self, msg_id):
        """Everything that a cell publishes; it may say much, but not without end."""
        deadline, published = time.monotonic() + LIMIT_S, []
        while not published or published[-1]["content"].get("execution_state") != "idle":
            message = self.client.get_iopub_msg(timeout=LIMIT_S)
            published += [message] if message["parent_header"].get("msg_id") == msg_id else []
            assert time.monotonic() < deadline, f"a cell without an end: {published[-1:]}"
        return published

    def attempt(self, code, cell=None):
        """Runs a cell that may fail; returns its reply."""
        return self.run(code, cell)[0]

    def in_vain(self, code, refusal, fails, before=()):
        """Runs a cell whose requests are refused from some point on, whatever is changed about them; returns what it published."""
        self.strict.refusals = [*before, *[refusal] * 20]
        published = self.cell(code, fails=fails)
        assert self.strict.refusals, "it tries without end"
        self.strict.refusals = []
        return published

    def refused(self, code):
        """Runs a cell that must fail before anything is sent."""
        before = len(self.judge.bodies)
        self.cell(code, fails="MagicError")
        assert len(self.judge.bodies) == before, code

    def calls(self, code, **options):
        """Runs a cell; returns how many requests it made."""
        before = len(self.judge.bodies)
        self.cell(code, **options)
        return len(self.judge.bodies) - before

    def interrupted(self, code, cell=None, when="sleep 600"):
        """Runs a cell and interrupts it when something is shown: a command that runs, by default."""
        self.cells += 1
        self.judge.begin()
        msg_id = self.client.start_in(cell or f"cell-{self.cells}", code)
        when() if callable(when) else self.until(when)
        self.client.session.send(self.client.control_channel.socket, "interrupt_request", {})
        self.client.iopub_until_idle(msg_id)
        assert self.client.get_shell_msg(timeout=LIMIT_S)["content"]["ename"] == "KeyboardInterrupt"
        self.judge.over(stopped=True)
        assert self.judge.problems == [], self.judge.problems

    def until(self, words):
        """Waits until something is shown."""
        deadline = time.monotonic() + LIMIT_S
        while True:
            message = self.client.get_iopub_msg(timeout=LIMIT_S)
            if message["msg_type"] != "execute_input" and words in str(message["content"]):
                return
            assert time.monotonic() < deadline

    def killed(self, code, cell=None, when="sleep 600"):
        """Runs a cell, and kills the kernel in the middle of it; a new one takes its place."""
        self.cells += 1
        self.judge.begin()
        self.client.start_in(cell or f"cell-{self.cells}", code)
        self.until(when)
        time.sleep(0.4)  # What was shown is on disk after 250 ms.
        self.restart()

    def restart(self):
        self.kernel.process.kill()
        self.kernel.process.wait(LIMIT_S)
        self.client.stop_channels()
        self.judge.restarted()
        self.kernel.start()
        self.client = self.kernel.client()

    def shut_down(self):
        """Ends the kernel on purpose, as a restart from the menu does, and starts another."""
        self.client.shutdown()
        assert self.kernel.wait() == 0
        self.client.stop_channels()
        self.judge.restarted()
        self.kernel.start()
        self.client = self.kernel.client()

    @staticmethod
    def tools_of(body):
        """The names of the tools in force at the end of a request."""
        return set(Judge().available(body))

    @staticmethod
    def texts(content):
        return [block["text"] for block in blocks(content)]

    def last(self):
        return self.judge.bodies[-1]

    def said(self, role="assistant"):
        """The blocks that the last request carried."""
        return [b for m in self.last()["messages"] if m["role"] == role for b in blocks(m["content"])]

    def thoughts(self):
        """How many thinking blocks the last request carried."""
        return sum(block["type"] in THINKING for block in self.said())


def shown(published):
    """Everything a cell showed, as text."""
    return os.linesep.join(str(message["content"]) for message in published)
