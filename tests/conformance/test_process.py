"""The life of the kernel's process: started, interrupted, restarted, told to leave, orphaned."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from queue import Empty

import psutil
import pytest
import zmq
from jupyter_client.manager import KernelManager
from jupyter_client.session import Session
from kernel_process import BINARY, KEY, LIMIT_S, KernelProcess, environment, gone, transcript

# A prompt with a fenced command runs it: a cell that is busy for as long as we like.
BUSY = "Wait for me.\n\n```bash\nsleep 300\n```"
QUICK = "Say it.\n\n```bash\necho done-quickly\n```"


@pytest.fixture
def kernel(tmp_path):
    kernel = KernelProcess(tmp_path)
    yield kernel
    kernel.close()
    assert kernel.output() == ""


def busy(client) -> str:
    """Starts a cell that stays busy; returns its `msg_id` once its command runs."""
    msg_id = client.execute(BUSY)
    states = []
    while "execute_input" not in states:
        states += transcript([client.get_iopub_msg(timeout=LIMIT_S)])
    return msg_id


def children(kernel) -> list[psutil.Process]:
    return psutil.Process(kernel.process.pid).children(recursive=True)


def command_of(kernel) -> psutil.Process:
    """Waits for the busy cell's command to run below the kernel."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        for child in children(kernel):
            try:
                if child.name() == "sleep":
                    return child
            except psutil.NoSuchProcess:
                continue
        time.sleep(0.02)
    raise AssertionError("the command did not start")


def interrupted(client, msg_id: str) -> None:
    published = client.iopub_until_idle(msg_id)
    reply = client.get_shell_msg(timeout=LIMIT_S)["content"]
    assert (reply["status"], reply["ename"]) == ("error", "KeyboardInterrupt")
    assert transcript(published)[-2:] == ["error", "idle"]


# Interrupts.


@pytest.mark.parametrize("later_ms, status", [(3, "aborted"), (5_000, "ok")])
def test_a_cell_of_run_all_that_comes_late_does_not_run(kernel, later_ms, status):
    """On a busy machine a request may be on its way while the one before it fails: its date says when it was made."""
    client = kernel.client()
    content = {"silent": False, "store_history": True, "allow_stdin": False, "stop_on_error": True}

    def run(code, date=None):
        message = client.session.msg("execute_request", {"code": code, **content}, metadata={"cellId": code})
        # The sender's clock may be far from the kernel's.
        message["header"]["date"] = date or message["header"]["date"] - timedelta(days=2)
        client.shell_channel.send(message)
        client.iopub_until_idle(message["header"]["msg_id"])
        return client.get_shell_msg(timeout=LIMIT_S)["content"], message["header"]["date"]

    failed, date = run("%efort high")
    assert failed["ename"] == "MagicError"
    late, _ = run("%effort", date + timedelta(milliseconds=later_ms))
    assert (late["status"], late.get("ename")) == (("error", "Aborted") if status == "aborted" else ("ok", None))
    client.stop_channels()


def test_sigint_while_idle_does_nothing(kernel):
    client = kernel.client()
    for _ in range(10):
        os.killpg(kernel.process.pid, signal.SIGINT)
    assert client.works()
    assert client.silence()


def test_sigint_and_interrupt_request_while_busy_stop_the_cell(kernel):
    client = kernel.client()
    for interrupt in ("signal", "message"):
        msg_id = busy(client)
        command = command_of(kernel)
        if interrupt == "signal":
            os.kill(kernel.process.pid, signal.SIGINT)
        else:
            client.control_channel.send(client.session.msg("interrupt_request", {}))
            assert client.get_control_msg(timeout=LIMIT_S)["content"]["status"] == "ok"
        interrupted(client, msg_id)
        assert gone(command.pid, 5) is not None
        reply, published = client.run(QUICK)
        assert reply["status"] == "ok"
        assert "done-quickly" in "".join(m["content"].get("text", "") for m in published)


def test_an_interrupt_while_idle_spares_the_next_cell(kernel):
    client = kernel.client()
    client.control_channel.send(client.session.msg("interrupt_request", {}))
    assert client.get_control_msg(timeout=LIMIT_S)["msg_type"] == "interrupt_reply"
    assert client.works()


# Leaving.


@pytest.mark.parametrize("state", ["idle", "busy"])
def test_sigterm_ends_the_process_and_its_children(kernel, state):
    client = kernel.client()
    if state == "busy":
        busy(client)
        command_of(kernel)
    family = children(kernel)
    start = time.monotonic()
    kernel.process.terminate()
    assert kernel.wait() == 0
    assert time.monotonic() - start < 2
    assert all(gone(child.pid, 3) is not None for child in family)


def test_the_last_words_are_heard_by_all(tmp_path):
    """Reply and idle of a shutdown, read only when the process has gone: 20 of 20."""

    def leave(number: int) -> None:
        directory = tmp_path / str(number)
        directory.mkdir()
        kernel = KernelProcess(directory)
        try:
            client, listener = kernel.client(), kernel.client()
            restart = number % 2 == 0
            message = client.session.msg("shutdown_request", {"restart": restart})
            client.control_channel.send(message)
            assert kernel.wait() == 0
            reply = client.get_control_msg(timeout=1)
            assert reply["content"] == {"status": "ok", "restart": restart}
            for each in (client, listener):
                published = each.iopub_until_idle(message["header"]["msg_id"])
                assert transcript(published)[0] == "busy"
                each.stop_channels()
        finally:
            kernel.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(leave, range(20)))


def test_shutdown_while_busy_answers_the_cell_first(kernel):
    client = kernel.client()
    msg_id = busy(client)
    command = command_of(kernel)
    client.shutdown()
    assert kernel.wait() == 0
    assert client.get_control_msg(timeout=1)["msg_type"] == "shutdown_reply"
    client.iopub_until_idle(msg_id)
    assert gone(command.pid, 3) is not None


def test_kill_leaves_no_command_behind(kernel):
    client = kernel.client()
    busy(client)
    command_of(kernel)
    family = children(kernel)
    kernel.process.kill()
    kernel.process.wait(LIMIT_S)
    assert all(gone(child.pid, 5) is not None for child in family)


@pytest.mark.parametrize("announced", ["JPY_PARENT_PID", "nothing"])
def test_a_killed_parent_takes_the_kernel_along(tmp_path, announced):
    """The launcher dies of -9: an orphan must not go on spending."""
    driver = f"""
import os, subprocess, sys, time
from jupyter_client.connect import write_connection_file
file, _ = write_connection_file({str(tmp_path / "c.json")!r}, key={KEY!r})
env = dict(os.environ)
if {announced!r} == "JPY_PARENT_PID":
    env["JPY_PARENT_PID"] = str(os.getpid())
kernel = subprocess.Popen([{str(BINARY)!r}, "run", "--offline", "-f", file], env=env, start_new_session=True)
from jupyter_client.blocking import BlockingKernelClient
client = BlockingKernelClient(connection_file=file)
client.load_connection_file(); client.start_channels(); client.wait_for_ready(30)
client.execute({BUSY!r})
print(kernel.pid, flush=True)
time.sleep(300)
"""
    launcher = subprocess.Popen(
        [sys.executable, "-c", driver], env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    pid = int(launcher.stdout.readline())
    assert gone(pid, 0.2) is None
    launcher.kill()
    launcher.wait(LIMIT_S)
    launcher.stdout.close()
    took = gone(pid, 10)
    assert took is not None and took < 4


# Starting.


def kernel_info_session(client) -> str:
    """Asks until a kernel answers: what a dead one had received went with it."""
    deadline = time.monotonic() + LIMIT_S
    while time.monotonic() < deadline:
        asked = client.kernel_info()
        try:
            reply = client.get_shell_msg(timeout=1)
        except Empty:
            continue
        if reply["parent_header"]["msg_id"] == asked:
            return reply["header"]["session"]
    raise AssertionError("no kernel answers")


def test_it_waits_for_ports_that_a_leaving_kernel_holds(kernel):
    client = kernel.client()
    first = kernel_info_session(client)
    successor = subprocess.Popen(
        [str(BINARY), *kernel.arguments], cwd=kernel.directory, env=kernel.env, stdin=subprocess.DEVNULL
    )
    try:
        time.sleep(0.5)
        assert successor.poll() is None
        kernel.process.kill()
        kernel.process.wait(LIMIT_S)
        # The same client, the same ports, another process.
        assert kernel_info_session(client) != first
        assert successor.poll() is None
    finally:
        successor.kill()
        successor.wait(LIMIT_S)


def test_ports_that_stay_taken_are_one_clear_sentence(kernel):
    kernel.client()
    done = subprocess.run(
        [str(BINARY), *kernel.arguments], env=kernel.env, capture_output=True, text=True, timeout=LIMIT_S
    )
    assert done.returncode != 0
    assert "cannot listen on tcp://127.0.0.1:" in done.stderr
    assert "Address already in use" in done.stderr
    assert "panicked" not in done.stderr


@pytest.mark.parametrize(
    "content, sentence",
    [
        (None, "cannot read the connection file"),
        ("", "is not valid JSON"),
        ('{"shell_port": 5', "is not valid JSON"),
        ('{"transport": "ipc"}', "has no `ip`"),
        (
            '{"shell_port":1,"iopub_port":"x","stdin_port":1,"control_port":1,"hb_port":1}',
            'is `"x"`, expected a port from 1 to 65535',
        ),
        (
            '{"shell_port":1,"iopub_port":1,"stdin_port":1,"control_port":1,"hb_port":1,"key":"k","signature_scheme":"hmac-md5"}',
            "signature scheme `hmac-md5` is not supported",
        ),
    ],
)
def test_a_corrupt_connection_file_is_one_clear_sentence(tmp_path, content, sentence):
    file = tmp_path / "c.json"
    if content is not None:
        file.write_text(content)
    done = subprocess.run(
        [str(BINARY), "run", "--offline", "-f", str(file)],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode != 0
    assert sentence in done.stderr
    assert "panicked" not in done.stderr
    assert len(done.stderr.splitlines()) <= 3


# Restarting.


def test_a_hundred_restarts_on_the_same_ports(tmp_path):
    """Jupyter's own manager, five kernels side by side; no restart is lost, each is a new session."""
    prefix = tmp_path / "prefix"
    env = environment(tmp_path)
    subprocess.run([str(BINARY), "install", "--offline", "--prefix", str(prefix)], env=env, check=True, timeout=LIMIT_S)

    def restart(number: int) -> set[str]:
        manager = KernelManager(kernel_name="claude-offline")
        manager.kernel_spec_manager.kernel_dirs = [str(prefix / "share/jupyter/kernels")]
        manager.start_kernel(env=env, cwd=str(tmp_path), stdout=subprocess.DEVNULL)
        sessions = set()
        try:
            ports = manager.ports
            client = manager.client()
            client.start_channels()
            client.wait_for_ready(LIMIT_S)
            for _ in range(20):
                manager.restart_kernel(now=False)
                assert manager.is_alive()
                sessions.add(client.kernel_info(reply=True, timeout=LIMIT_S)["header"]["session"])
                assert manager.ports == ports
            client.stop_channels()
        finally:
            manager.shutdown_kernel(now=True)
        return sessions

    with ThreadPoolExecutor(5) as threads:
        sessions = set().union(*threads.map(restart, range(5)))
    assert len(sessions) == 100


def test_ipc_sockets_of_a_killed_kernel_are_taken_over(tmp_path):
    kernel = KernelProcess(tmp_path, "ipc")
    try:
        first = kernel_info_session(kernel.client())
        kernel.process.kill()
        kernel.process.wait(LIMIT_S)
        assert len(list(tmp_path.glob("socket-*"))) == 5
        kernel.start()
        client = kernel.client()
        assert kernel_info_session(client) != first
        assert client.works()
        client.shutdown()
        assert kernel.wait() == 0
        assert not list(tmp_path.glob("socket-*"))
    finally:
        kernel.close()


def test_a_shutdown_request_from_before_the_start_is_answered_and_not_followed(kernel):
    """What a manager's socket delivers late, to the next process."""
    client = kernel.client()
    control = kernel.socket(zmq.DEALER, "control", b"manager")
    shell = kernel.socket(zmq.DEALER, "shell", b"manager")
    session = Session(key=KEY)
    for number, socket in enumerate((control, shell)):
        stale = session.msg("shutdown_request", {"restart": number == 0})
        stale["header"]["date"] = "2020-01-01T00:00:00.000000Z"
        socket.send_multipart(session.serialize(stale))
        _, frames = session.feed_identities(socket.recv_multipart())
        reply = session.deserialize(frames)
        assert reply["msg_type"] == "shutdown_reply"
        assert reply["content"]["status"] == "error"
        assert reply["content"]["restart"] == (number == 0)
        assert {"ename", "evalue", "traceback"} <= reply["content"].keys()
        assert transcript(client.iopub_until_idle(stale["header"]["msg_id"])) == ["busy", "idle"]
    assert kernel.alive()
    assert client.works()


# Resting.


def test_an_idle_kernel_sleeps(kernel):
    client = kernel.client()
    client.stop_channels()
    tasks = Path(f"/proc/{kernel.process.pid}/task")
    if not tasks.exists():
        pytest.skip("reads /proc")

    def wakeups() -> int:
        lines = (line for task in tasks.iterdir() for line in (task / "status").read_text().splitlines())
        return sum(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))

    time.sleep(0.5)
    before = wakeups()
    time.sleep(4)
    # One a second looks for the parent; waking may take two threads.
    assert wakeups() - before <= 12
