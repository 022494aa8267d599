"""A real `claude-kernel run -f FILE` process and libzmq clients for it.

The kernel runs offline, in a directory and a home of its own; nothing here needs a key or a network.
"""

import json
import os
import socket as sockets
import subprocess
import sys
import time
from pathlib import Path

import psutil
import zmq
from jupyter_client.blocking import BlockingKernelClient
from jupyter_client.connect import write_connection_file

ROOT = Path(__file__).resolve().parents[2]
BINARY = Path(os.environ.get("CLAUDE_KERNEL_BIN", ROOT / "target/debug/claude-kernel")).resolve()
KEY = b"b7a1c9d2-conformance"
# Far more than anything here takes, even on a machine under load.
LIMIT_S = 30
# Set to run the long forms of what `make test` runs for seconds: minutes, on a release build.
SOAK = bool(os.environ.get("CLAUDE_KERNEL_TEST_SOAK"))
PORTS = ("shell", "control", "stdin", "iopub", "hb")


def environment(home: Path) -> dict[str, str]:
    """Returns an environment without anything of the person's own."""
    prefixes = ("ANTHROPIC_", "CLAUDE_KERNEL_CONFIG", "JUPYTER_", "JPY_")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(prefixes)}
    return kept | {
        "HOME": str(home),
        "XDG_CONFIG_HOME": str(home / "config"),
        "XDG_STATE_HOME": str(home / "state"),
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), kept.get("PATH", os.defpath)]),
    }


class KernelProcess:
    """One connection file, and the process that serves it."""

    def __init__(
        self,
        directory: Path,
        transport: str = "tcp",
        scripts: str = "",
        env: dict[str, str] | None = None,
        *,
        arguments: tuple[str, ...] = (),
        launcher: tuple[str, ...] = (),
        info: dict | None = None,
    ):
        """An `env` with an address of the API takes the place of the offline one.

        The kernel is started by `launcher`, with `arguments` after its own; `info` is what else its connection file says.
        """
        self.directory = directory
        self.terminal = directory / "terminal"
        self.env = environment(directory) | (env or {})
        ip = "127.0.0.1" if transport == "tcp" else str(directory / "socket")
        self.file, self.info = write_connection_file(
            str(directory / "connection.json"), transport=transport, ip=ip, key=KEY
        )
        if info:
            self.info |= info
            Path(self.file).write_text(json.dumps(self.info))
        self.launcher = launcher
        online = "ANTHROPIC_BASE_URL" in self.env
        self.arguments = ["run", "-f", self.file] if online else ["run", "--offline", "-f", self.file]
        if scripts:
            (directory / "prompts.claude.md").write_text(scripts)
            self.arguments += ["--scripts", str(directory)]
        self.arguments += arguments
        self.process: subprocess.Popen | None = None
        self.start()

    def start(self) -> None:
        """Starts the process; a client's requests wait for it."""
        self.process = subprocess.Popen(
            [*self.launcher, str(BINARY), *self.arguments],
            cwd=self.directory,
            env=self.env,
            stdin=subprocess.DEVNULL,
            stdout=self.terminal.open("ab"),
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def wait(self) -> int:
        """Waits for the process to leave by itself; returns its exit code."""
        return self.process.wait(LIMIT_S)

    def output(self) -> str:
        """Returns what the process wrote to the terminal; nothing belongs there."""
        return self.terminal.read_text()

    def alive(self) -> bool:
        return self.process.poll() is None

    def rss_mb(self) -> float:
        """Returns the memory that the process holds."""
        return psutil.Process(self.process.pid).memory_info().rss / 1e6

    def raw(self, port: str) -> sockets.socket:
        """Connects below ZeroMQ, for bytes that no library would send."""
        where = endpoint(self.info, port)
        if where.startswith("ipc://"):
            raw = sockets.socket(sockets.AF_UNIX)
            raw.connect(where.removeprefix("ipc://"))
        else:
            raw = sockets.create_connection((self.info["ip"], self.info[f"{port}_port"]))
        raw.settimeout(LIMIT_S)
        return raw

    def close(self) -> None:
        if self.alive():
            self.process.kill()
        self.process.wait(LIMIT_S)

    def client(self) -> "Client":
        """Connects a client and waits until it hears the kernel."""
        client = Client(connection_file=self.file)
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(LIMIT_S)
        return client

    def socket(self, kind: int, port: str, identity: bytes = b"") -> zmq.Socket:
        """Connects a bare socket, for what no client would send."""
        socket = zmq.Context.instance().socket(kind)
        socket.linger = 0
        socket.rcvtimeo = LIMIT_S * 1000
        if identity:
            socket.identity = identity
        socket.connect(endpoint(self.info, port))
        return socket


class Client(BlockingKernelClient):
    """A blocking client that reads whole transcripts."""

    def iopub_until_idle(self, msg_id: str) -> list[dict]:
        """Returns everything published for a request, idle included; fails on what belongs to no request."""
        messages = []
        while True:
            message = self.get_iopub_msg(timeout=LIMIT_S)
            parent = message["parent_header"].get("msg_id")
            if parent == msg_id:
                messages.append(message)
                if message["content"].get("execution_state") == "idle":
                    return messages

    def run(self, code: str, **options) -> tuple[dict, list[dict]]:
        """Executes a cell; returns the reply's content and everything published for it."""
        msg_id = self.execute(code, **options)
        published = self.iopub_until_idle(msg_id)
        reply = self.get_shell_msg(timeout=LIMIT_S)
        assert reply["parent_header"]["msg_id"] == msg_id
        return reply["content"], published

    def run_in(self, cell: str, code: str) -> tuple[dict, list[dict]]:
        """Executes a cell of a notebook, as a front end that names its cells does."""
        msg_id = self.start_in(cell, code)
        published = self.iopub_until_idle(msg_id)
        return self.get_shell_msg(timeout=LIMIT_S)["content"], published

    def start_in(self, cell: str, code: str) -> str:
        """Sends what `run_in` does; returns the request's id."""
        content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
        content |= {"allow_stdin": False, "stop_on_error": False}
        message = self.session.msg("execute_request", content, metadata={"cellId": cell})
        self.shell_channel.send(message)
        return message["header"]["msg_id"]

    def works(self) -> bool:
        """Runs a cell that needs no API; true when it went as it should."""
        reply, published = self.run("%version")
        kinds = [message["msg_type"] for message in published]
        return reply["status"] == "ok" and kinds == ["status", "execute_input", "execute_result", "status"]

    def silence(self, seconds: float = 0.15) -> bool:
        """True when nothing more arrives on iopub and shell."""
        poller = zmq.Poller()
        for channel in (self.iopub_channel, self.shell_channel):
            poller.register(channel.socket, zmq.POLLIN)
        return not poller.poll(int(seconds * 1000))


def endpoint(info: dict, port: str) -> str:
    """Returns where a connection file says that a socket is."""
    number, ip = info[f"{port}_port"], info["ip"]
    return f"tcp://{ip}:{number}" if info["transport"] == "tcp" else f"ipc://{ip}-{number}"


def gone(pid: int, within_s: float) -> float | None:
    """Waits until a process that is not our child has left; returns the seconds, or None if it stays."""
    start = time.monotonic()
    while time.monotonic() - start < within_s:
        try:
            if psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
                return time.monotonic() - start
        except psutil.NoSuchProcess:
            return time.monotonic() - start
        time.sleep(0.02)
    return None


def transcript(messages: list[dict]) -> list[str]:
    """Returns the types of messages, and the state of each status."""
    return [m["content"].get("execution_state", m["msg_type"]) for m in messages]
