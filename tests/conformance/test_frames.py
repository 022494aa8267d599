"""What peers send below Jupyter's messages: lengths, numbers of frames, silence, noise.

The connection is closed, the process lives, its memory stays bounded. With `CLAUDE_KERNEL_TEST_SOAK=1` in the
amounts that once ended it.
"""

import random
import time

import psutil
import pytest
import zmq
from jupyter_client.session import Session
from kernel_process import KEY, LIMIT_S, PORTS, SOAK, KernelProcess, endpoint
from zmtp import (
    COMMAND,
    GREETING,
    MORE,
    announced,
    command,
    frame,
    is_closed,
    opening,
    receive,
    send_until_closed,
    shake_hands,
)

RANDOM_BYTES = 10_000_000 if SOAK else 300_000
EMPTY_FRAMES = 3_000_000 if SOAK else 300_000
# What all of this together may add to the memory of a kernel that has just answered.
GROWTH_MB = 24


@pytest.fixture(scope="module", params=["tcp", "ipc"])
def kernel(request, tmp_path_factory):
    kernel = KernelProcess(tmp_path_factory.mktemp("k"), request.param)
    kernel.client().stop_channels()
    kernel.at_rest_mb = kernel.rss_mb()
    yield kernel
    assert kernel.alive()
    print(f"memory: {kernel.at_rest_mb:.0f} MB before, {kernel.rss_mb():.0f} MB after")
    kernel.close()
    assert kernel.output() == ""


@pytest.fixture(autouse=True)
def unharmed(kernel):
    """Whatever a test did: the kernel serves the next client, and is not much larger."""
    yield
    client = kernel.client()
    assert client.works()
    client.stop_channels()
    assert kernel.rss_mb() - kernel.at_rest_mb < GROWTH_MB


@pytest.mark.parametrize("port", PORTS)
@pytest.mark.parametrize("exponent", [33, 35, 40, 62, 63])
def test_a_frame_of_impossible_length_closes_the_connection(kernel, port, exponent):
    length = (1 << exponent) + 1
    for before, flags in ((GREETING, COMMAND), (GREETING, 0), (opening(port), COMMAND), (opening(port), MORE)):
        raw = kernel.raw(port)
        send_until_closed(raw, before + announced(length, flags) + b"x" * 100)
        assert is_closed(raw)
        raw.close()


@pytest.mark.parametrize("port", PORTS)
def test_a_message_before_ready_closes_the_connection(kernel, port):
    for bytes_ in (GREETING + frame(b"\x01"), GREETING + frame(b"", MORE), GREETING + announced(1000)):
        raw = kernel.raw(port)
        send_until_closed(raw, bytes_)
        assert is_closed(raw)
        raw.close()


@pytest.mark.parametrize("port", PORTS)
def test_who_does_not_speak_zmtp_is_shown_the_door(kernel, port):
    for bytes_ in (
        b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        GREETING[:10] + b"\x01" + GREETING[11:],
        GREETING.replace(b"NULL", b"PLAIN"),
        GREETING + command(b"HELLO"),
        GREETING + b"\x08\x00",
        opening("iopub" if port != "iopub" else "hb"),
    ):
        raw = kernel.raw(port)
        send_until_closed(raw, bytes_)
        assert is_closed(raw)
        raw.close()


@pytest.mark.parametrize("port", PORTS)
def test_a_message_without_an_end_does_not_grow(kernel, port):
    """Empty frames, each of which announces one more."""
    for part in (frame(b"", MORE), frame(b"x", MORE)):
        raw = kernel.raw(port)
        shake_hands(raw, port)
        send_until_closed(raw, part * EMPTY_FRAMES)
        assert is_closed(raw)
        raw.close()


def test_a_message_of_a_frame_too_many_bytes_does_not_grow(kernel):
    """As long as allowed each, too long together; as fast as they are taken."""
    raw = kernel.raw("shell")
    shake_hands(raw, "shell")
    part = frame(b"x" * 1_000_000, MORE)
    for _ in range(200):
        send_until_closed(raw, part)
        assert kernel.rss_mb() - kernel.at_rest_mb < 250
    assert is_closed(raw)
    raw.close()
    # What was freed comes back to the system with the next allocations.
    for _ in range(3):
        kernel.client().stop_channels()


def test_random_bytes_over_many_connections(kernel):
    """With and without a beginning that is right, on every port."""
    noise = random.Random(11)
    left = RANDOM_BYTES
    while left > 0:
        port = noise.choice(PORTS)
        start = noise.choice((b"", GREETING, opening(port), opening(port)))
        bytes_ = noise.randbytes(noise.choice((9, 100, 1000, 20_000)))
        raw = kernel.raw(port)
        send_until_closed(raw, start + bytes_)
        raw.close()
        left -= len(bytes_)
        assert kernel.alive()


def test_mutated_sessions(kernel):
    """What a client sends, with a few bytes changed."""
    noise = random.Random(12)
    for _ in range(3000 if SOAK else 300):
        port = noise.choice(PORTS)
        session = bytearray(opening(port) + frame(b"", MORE) + frame(b"\x01" + b"x" * 300) * 3 + command(b"PING", b"\0\0c"))
        for _ in range(noise.randrange(1, 4)):
            session[noise.randrange(len(session))] = noise.randrange(256)
        raw = kernel.raw(port)
        send_until_closed(raw, bytes(session))
        raw.close()
    assert kernel.alive()


@pytest.mark.parametrize("port", PORTS)
def test_many_who_say_nothing_do_not_keep_others_out(kernel, port):
    """Nothing, half a greeting, a greeting, the handshake and half a frame: all of them at once."""
    beginnings = (b"", GREETING[:32], GREETING, opening(port) + b"\x01", opening(port) + announced(100, MORE) + b"x")
    silent = [kernel.raw(port) for _ in range(40)]
    for number, raw in enumerate(silent):
        raw.sendall(beginnings[number % len(beginnings)])
    client = kernel.client()
    assert client.works()
    client.stop_channels()
    for raw in silent:
        raw.close()


@pytest.mark.parametrize("port", PORTS)
def test_who_says_nothing_is_sent_away(kernel, port):
    if not SOAK:
        pytest.skip("ten seconds of silence: CLAUDE_KERNEL_TEST_SOAK=1")
    silent = [kernel.raw(port) for _ in range(3)]
    silent[1].sendall(GREETING[:63])
    silent[2].sendall(GREETING)
    start = time.monotonic()
    assert all(is_closed(raw) for raw in silent)
    assert 5 < time.monotonic() - start < 20


@pytest.mark.parametrize("port", PORTS)
def test_there_is_an_end_to_connections(kernel, port):
    """More than the kernel takes: the others are closed, and room is found again."""
    process = psutil.Process(kernel.process.pid)
    crowd = []
    for _ in range(150):
        raw = kernel.raw(port)
        send_until_closed(raw, opening(port))
        crowd.append(raw)
    # The last ones came too late.
    assert is_closed(crowd[-1])
    assert process.num_fds() < 500
    for raw in crowd:
        raw.close()


def test_heartbeats_are_not_held_up_by_who_does_not_read(kernel):
    stalled = kernel.raw("hb")
    shake_hands(stalled, "hb")
    stalled.settimeout(0.3)
    try:
        # Until nothing more fits between the two.
        while True:
            stalled.sendall(frame(b"", MORE) + frame(b"x" * 60_000))
    except TimeoutError:
        pass
    request = kernel.socket(zmq.REQ, "hb")
    start = time.monotonic()
    for number in range(50):
        request.send(b"%d" % number)
        assert request.recv() == b"%d" % number
    assert time.monotonic() - start < 1
    request.close()
    stalled.close()


@pytest.mark.parametrize("port", PORTS)
def test_zmtp_pings_are_answered(kernel, port):
    raw = kernel.raw(port)
    shake_hands(raw, port)
    # Also one in the middle of a message.
    for before in (b"", command(b"NEWER", b"than we"), frame(b"", MORE) if port not in ("iopub",) else b""):
        raw.sendall(before + command(b"PING", b"\x00\x64context"))
        pong = command(b"PONG", b"context")
        assert receive(raw, len(pong)) == pong
    # Who pings and does not read costs nothing; the heartbeat reads no further then.
    raw.settimeout(1)
    send_until_closed(raw, command(b"PING", b"\x00\x64context") * 100_000)
    raw.close()


def test_a_client_with_zmtp_heartbeats_stays_connected(kernel):
    """Which libzmq sends if it is told to; an unanswered one, or a closed connection, would be seen."""
    context = zmq.Context.instance()
    sockets, monitors = {}, []
    for port, kind in (("iopub", zmq.SUB), ("shell", zmq.DEALER), ("control", zmq.DEALER)):
        socket = sockets[port] = context.socket(kind)
        socket.linger = 0
        socket.rcvtimeo = LIMIT_S * 1000
        socket.setsockopt(zmq.HEARTBEAT_IVL, 50)
        socket.setsockopt(zmq.HEARTBEAT_TIMEOUT, 400)
        if kind == zmq.SUB:
            socket.subscribe(b"")
        monitors.append(socket.get_monitor_socket(zmq.EVENT_DISCONNECTED))
        socket.connect(endpoint(kernel.info, port))
    session = Session(key=KEY)
    for port in ("shell", "control"):
        sockets[port].send_multipart(session.serialize(session.msg("kernel_info_request", {})))
        assert b"kernel_info_reply" in b"".join(sockets[port].recv_multipart())
    assert b"iopub_welcome" in b"".join(sockets["iopub"].recv_multipart())
    assert not monitors[0].poll(1000)
    assert not any(monitor.poll(0) for monitor in monitors)
    for socket in sockets.values():
        socket.disable_monitor()
        socket.close()
