"""Small faults of the process, each of a kind: signals, few files, queues at the end, children that leave (S10)."""

import os
import shutil
import signal
import subprocess
import time

import psutil
import pytest
from kernel_process import BINARY, LIMIT_S, KernelProcess, gone

BUSY = "Wait for me.\n\n```bash\nsleep 300\n```"


@pytest.fixture
def kernel(tmp_path):
    kernel = KernelProcess(tmp_path)
    yield kernel
    kernel.close()


def test_a_hangup_ends_it_in_order(kernel):
    client = kernel.client()
    client.run("Say it.\n\n```bash\necho hello\n```")
    os.kill(kernel.process.pid, signal.SIGHUP)
    assert kernel.wait() == 0
    assert kernel.output() == ""
    journals = list((kernel.directory / "state").rglob("*.jsonl"))
    assert any('"t":"close"' in journal.read_text() for journal in journals), journals
    client.stop_channels()


def test_signals_that_mean_nothing_end_nothing(kernel):
    client = kernel.client()
    for number in (signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM, signal.SIGPIPE, signal.SIGXFSZ):
        os.kill(kernel.process.pid, number)
        assert client.works(), number
    client.stop_channels()
    assert kernel.output() == ""


def test_few_files_are_made_more(tmp_path):
    kernel = KernelProcess(tmp_path, launcher=("prlimit", "--nofile=20:1024", "--"))
    client = kernel.client()
    assert client.works()
    client.stop_channels()
    kernel.close()


def test_too_few_files_are_said(tmp_path):
    kernel = KernelProcess(tmp_path, launcher=("prlimit", "--nofile=20:20", "--"))
    assert kernel.wait() != 0
    assert "may open only 20 files" in kernel.output()
    assert "ulimit -n" in kernel.output()


@pytest.mark.parametrize("channel", ["control", "shell"])
def test_a_shutdown_answers_every_queued_cell(kernel, channel):
    client = kernel.client()
    sent = {client.execute(BUSY)} | {client.execute("%version") for _ in range(100)}
    time.sleep(0.2)
    if channel == "control":
        client.shutdown()
    else:
        # Signals have no reply either; who queued cells still gets theirs.
        os.kill(kernel.process.pid, signal.SIGTERM)
    answered = set()
    while answered < sent:
        answered.add(client.get_shell_msg(timeout=LIMIT_S)["parent_header"]["msg_id"])
    assert kernel.wait() == 0
    client.stop_channels()


LEAVES = '''%%tool leave
import subprocess, sys
def leave() -> str:
    """Leaves."""
    code = "import time; time.sleep(1001)"
    return str(subprocess.Popen([sys.executable, "-c", code], start_new_session=True).pid)
'''

SCRIPT = """
# Leave

```json block
{"type": "tool_use", "name": "leave", "input": {}}
```

Left.
"""


def test_no_child_of_an_own_tool_outlives_the_kernel(tmp_path):
    env = {"CLAUDE_KERNEL_ALLOW": "tools"}
    kernel = KernelProcess(tmp_path, scripts=SCRIPT, env=env)
    client = kernel.client()
    reply, _ = client.run(LEAVES)
    assert reply["status"] == "ok", reply
    reply, _ = client.run("Leave")
    assert reply["status"] == "ok", reply
    left = [one for one in psutil.process_iter() if "time.sleep(1001)" in " ".join(cmdline(one))]
    assert left
    client.shutdown()
    assert kernel.wait() == 0
    for one in left:
        assert gone(one.pid, 5) is not None
    client.stop_channels()


def cmdline(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_without_proc_the_doctor_says_what_helps(tmp_path):
    """The advice to install again never helped."""
    hidden = 'umount -l /proc && exec "$0" doctor'
    launcher = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c"]
    if shutil.which("unshare") is None or subprocess.run([*launcher, "umount -l /proc"], capture_output=True).returncode:
        pytest.skip("`/proc` cannot be hidden here")
    home = {"HOME": str(tmp_path), "PATH": os.environ["PATH"]}
    told = subprocess.run([*launcher, hidden, str(BINARY)], capture_output=True, text=True, env=home, timeout=LIMIT_S).stdout
    assert "cannot run code" in told and "mount `/proc`" in told, told
    assert "reinstall" not in told
