"""How kernels are started: by whom, with which arguments, from which connection files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import nbformat
import pytest
from kernel_process import BINARY, KEY, LIMIT_S, Client, KernelProcess, environment, gone
from notebook_runs import ROOT, RUN_TIMEOUT_S

# The kernel looks for its parent this often.
PARENT_S = 1.25


@pytest.fixture
def start(tmp_path):
    started = []

    def start(*args, **options) -> KernelProcess:
        directory = tmp_path / str(len(started))
        directory.mkdir()
        started.append(KernelProcess(directory, *args, **options))
        return started[-1]

    yield start
    for kernel in started:
        kernel.close()
        assert kernel.output() == ""


def stays(kernel) -> bool:
    """True when the kernel outlives two looks for its parent, and still works."""
    client = kernel.client()
    here = gone(kernel.process.pid, 2 * PARENT_S + 0.5) is None
    return here and client.works()


# Parents.


@pytest.mark.parametrize("announced", ["999999", "2147483647", "0", "-1", "-2147483648", "99999999999999999999", "x", " "])
def test_a_parent_that_is_no_ancestor_does_not_end_the_kernel(start, announced):
    """The number may be of another container, or of a process that is long gone."""
    assert stays(start(env={"JPY_PARENT_PID": announced}))


def test_a_living_process_that_is_no_ancestor_may_end(start):
    stranger = subprocess.Popen(["sleep", "300"])
    kernel = start(env={"JPY_PARENT_PID": str(stranger.pid)})
    client = kernel.client()
    stranger.kill()
    stranger.wait(LIMIT_S)
    assert gone(kernel.process.pid, 2 * PARENT_S + 0.5) is None
    assert client.works()


def test_a_kernel_in_a_pid_namespace_stays(start):
    """As in a container: the launcher's number means nothing there."""
    unshare = shutil.which("unshare")
    launcher = (unshare or "", "-p", "-f", "--mount-proc", "--kill-child")
    if unshare is None or subprocess.run([*launcher, "true"], capture_output=True).returncode:
        pytest.skip("needs the right to make namespaces")
    assert stays(start(env={"JPY_PARENT_PID": str(os.getpid())}, launcher=launcher))


def test_a_launcher_further_up_takes_the_kernel_along(tmp_path):
    """A shell stands between the two, and does not pass the end on."""
    file = tmp_path / "c.json"
    driver = f"""
import os, subprocess, time
from jupyter_client.connect import write_connection_file
write_connection_file({str(file)!r}, key={KEY!r})
env = dict(os.environ, JPY_PARENT_PID=str(os.getpid()))
command = ["sh", "-c", {f"{BINARY} run --offline -f {file}; true"!r}]
shell = subprocess.Popen(command, env=env, start_new_session=True)
from jupyter_client.blocking import BlockingKernelClient
client = BlockingKernelClient(connection_file={str(file)!r})
client.load_connection_file(); client.start_channels(); client.wait_for_ready(30)
import psutil
print(psutil.Process(shell.pid).children()[0].pid, shell.pid, flush=True)
time.sleep(300)
"""
    launcher = subprocess.Popen(
        [sys.executable, "-c", driver], env=environment(tmp_path), cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )
    kernel, shell = map(int, launcher.stdout.readline().split())
    assert gone(kernel, 2 * PARENT_S + 0.5) is None
    launcher.kill()
    launcher.wait(LIMIT_S)
    launcher.stdout.close()
    took = gone(kernel, 10)
    assert took is not None and took < 4
    assert gone(shell, 5) is not None


# Arguments.


@pytest.mark.parametrize(
    "arguments",
    [
        ("p.txt",),
        ("--debug",),
        ("--log-level=10",),
        ("--IPKernelApp.x=1", "--Session.key=b''"),
        ("--matplotlib", "inline", "-d", "-x3", "--", "more"),
        ("--offline", "--ip=0.0.0.0"),
        ("",),
    ],
)
def test_arguments_for_other_kernels_are_taken_and_logged(start, arguments):
    kernel = start(arguments=arguments, env={"CLAUDE_KERNEL_LOG": "info"})
    assert kernel.client().works()
    log = (kernel.directory / "state/claude-kernel/kernel.log").read_text()
    strange = [argument for argument in arguments if argument not in ("--offline", "--")]
    assert all(argument in log for argument in strange)


def test_arguments_before_the_connection_file_are_taken_too(tmp_path):
    kernel = KernelProcess(tmp_path)
    kernel.client()
    kernel.process.kill()
    kernel.wait()
    kernel.arguments = ["run", "--debug", "p.txt", "--offline", "--x=1", "-f", kernel.file]
    kernel.start()
    assert kernel.client().works()
    kernel.close()
    assert kernel.output() == ""


# Connection files.


@pytest.mark.parametrize("scheme", ["hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"])
def test_signature_schemes(start, scheme):
    assert start(info={"signature_scheme": scheme}).client().works()


@pytest.mark.parametrize("scheme", ["hmac-sha256", "hmac-md5", "none", ""])
def test_an_empty_key_needs_no_scheme(start, scheme):
    kernel = start(info={"key": "", "signature_scheme": scheme})
    client = Client()
    client.load_connection_info(kernel.info | {"signature_scheme": "hmac-sha256"})
    client.start_channels()
    client.wait_for_ready(LIMIT_S)
    assert client.works()


def test_odd_but_usable_fields(start):
    for info in (
        {"ip": "[::1]"},
        {"ip": "localhost"},
        {"transport": "TCP"},
        {"kernel_name": None, "jupyter_session": "", "more": {"n": 1e300}},
    ):
        kernel = start(info=info)
        client = Client()
        address = {"ip": "::1"} if info.get("ip") == "[::1]" else {}
        client.load_connection_info(kernel.info | {"transport": "tcp"} | address)
        client.context.setsockopt(41 + 1, 1)  # IPV6
        client.start_channels()
        client.wait_for_ready(LIMIT_S)
        assert client.works()


@pytest.mark.parametrize("folder", [b"caf\xe9", b"\xff\xfe", "größe 😀".encode()])
def test_a_folder_that_is_not_utf_8(tmp_path, folder):
    """Python writes its bytes as halves of pairs into the connection file."""
    directory = Path(os.fsdecode(os.fsencode(tmp_path) + b"/" + folder))
    directory.mkdir()
    notebook = directory / "a.ipynb"
    notebook.write_text('{"cells": [], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}')
    kernel = KernelProcess(directory, info={"jupyter_session": str(notebook)})
    client = kernel.client()
    assert client.works()
    client.run("%set x 1")
    client.shutdown()
    assert kernel.wait() == 0
    kernel.close()
    assert kernel.output() == ""


def test_a_socket_in_a_folder_that_is_not_utf_8(tmp_path):
    directory = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff"))
    directory.mkdir()
    kernel = KernelProcess(directory, "ipc")
    deadline = time.monotonic() + LIMIT_S
    while len(list(directory.glob("socket-*"))) < 5:
        assert kernel.alive() and time.monotonic() < deadline
    client = kernel.raw("hb")
    client.close()
    kernel.process.terminate()
    assert kernel.wait() == 0
    assert kernel.output() == ""


def test_a_byte_order_mark(start, tmp_path):
    kernel = start()
    kernel.client()
    kernel.process.kill()
    kernel.process.wait(LIMIT_S)
    file = Path(kernel.file)
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    kernel.start()
    client = Client()
    client.load_connection_info(kernel.info)
    client.start_channels()
    client.wait_for_ready(LIMIT_S)
    assert client.works()


def written(file: Path, before: str) -> dict:
    """Waits for the kernel to complete its file."""
    deadline = time.monotonic() + LIMIT_S
    while (text := file.read_text()) == before:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return json.loads(text)


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"key": "mine", "shell_port": 0, "iopub_port": 0, "stdin_port": 0, "control_port": 0, "hb_port": 0},
        {"transport": "tcp", "ip": "127.0.0.1", "key": "mine", "hb_port": "0", "shell_port": None, "name": "x"},
        {"transport": "ipc", "key": "mine"},
    ],
)
def test_ports_that_are_missing_are_found_and_written(tmp_path, content):
    if content.get("transport") == "ipc":
        content = content | {"ip": str(tmp_path / "s")}
    file = tmp_path / "c.json"
    before = json.dumps(content)
    file.write_text(before)
    file.chmod(0o600)
    process = subprocess.Popen([str(BINARY), "run", "--offline", "-f", str(file)], env=environment(tmp_path), cwd=tmp_path)
    try:
        info = written(file, before)
        assert file.stat().st_mode & 0o777 == 0o600
        assert info | content | {name: info[name] for name in content if name.endswith("_port")} == info
        assert all(isinstance(info[f"{name}_port"], int) for name in ("shell", "iopub", "stdin", "control", "hb"))
        # A key is made where none is said: what anybody can reach is signed.
        assert info["key"]
        client = Client(connection_file=str(file))
        client.load_connection_file()
        client.start_channels()
        client.wait_for_ready(LIMIT_S)
        assert client.works()
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(LIMIT_S) == 0


def fails(tmp_path, content: dict) -> str:
    file = tmp_path / "c.json"
    file.write_text(json.dumps(content))
    command = [str(BINARY), "run", "--offline", "-f", str(file)]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, timeout=LIMIT_S)
    assert done.returncode == 1
    assert "panicked" not in done.stderr
    return done.stderr


def test_a_path_that_is_too_long_for_a_socket_says_so(tmp_path):
    ports = {f"{name}_port": number for number, name in enumerate(("shell", "iopub", "stdin", "control", "hb"), 1)}
    said = fails(tmp_path, {"transport": "ipc", "ip": str(tmp_path / ("d" * 200)), "key": "k"} | ports)
    assert "at most 107" in said
    assert "shorter path" in said


def test_a_connection_file_without_an_end_is_an_error(tmp_path):
    done = subprocess.run(
        [str(BINARY), "run", "--offline", "-f", "/dev/zero"],
        env=environment(tmp_path),
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
    )
    assert done.returncode == 1
    assert "not valid JSON" in done.stderr


# The log.


@pytest.mark.parametrize("log", ["/dev/full", "/proc/nowhere/kernel.log", "/"])
def test_a_log_that_cannot_be_written_is_not_the_terminals_business(start, log):
    kernel = start(env={"CLAUDE_KERNEL_LOG_FILE": log, "CLAUDE_KERNEL_LOG": "trace"})
    client = kernel.client()
    assert client.works()
    # Something to warn of.
    client.shell_channel.socket.send_multipart([b"junk"])
    assert client.works()


# Temporary files.


@pytest.mark.parametrize("kind", ["missing", "file", "relative", "read-only"])
def test_j6_an_unusable_tmpdir_is_told_and_done_without(start, tmp_path, kind):
    folder = tmp_path / "no-tmp"
    if kind == "file":
        folder.write_text("")
    if kind == "read-only":
        # Nobody may write there, not even root.
        folder = Path("/proc/self")
    kernel = start(env={"TMPDIR": "no-tmp" if kind == "relative" else str(folder)})
    client = kernel.client()
    reply, published = client.run("Run this:\n\n```bash\necho six times seven is $((6 * 7))\n```")
    shown = json.dumps([message["content"] for message in published])
    assert reply["status"] == "ok", reply
    assert "six times seven is 42" in shown
    assert "temporary files go to the state directory" in shown
    assert list((kernel.directory / "state/claude-kernel/tmp").iterdir())
    _, published = client.run("%version")
    assert "temporary" not in json.dumps([message["content"] for message in published])


def test_e1_the_wheels_kernel_starts_though_its_environment_is_not_on_path(jupyter, tmp_path):
    prefix = tmp_path / "environment"
    # As the wheel is unpacked: shared data and the binary, below one prefix.
    shutil.copytree(ROOT / "kernelspec/data/share", prefix / "share")
    (prefix / "bin").mkdir()
    (prefix / "bin/claude-kernel").symlink_to(BINARY)
    nbformat.write(nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("%version")]), tmp_path / "one.ipynb")
    command = [sys.executable, "-m", "nbconvert", "one.ipynb", "--to", "markdown", "--execute", "--stdout"]
    env = jupyter.env | {"JUPYTER_PATH": str(prefix / "share/jupyter"), "PATH": "/usr/bin:/bin"}
    options = ["--ExecutePreprocessor.kernel_name=claude-offline"]
    done = subprocess.run([*command, *options], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=RUN_TIMEOUT_S)
    assert done.returncode == 0, done.stderr
    assert "claude-kernel" in done.stdout
