"""The kernel's sockets, spoken to by libzmq: what hostile, careless and vanishing clients do to it (nothing)."""

import hashlib
import hmac
import json
import os
import socket as tcp
import struct

import pytest
import zmq
from jupyter_client.session import Session
from kernel_process import KEY, LIMIT_S, KernelProcess, endpoint, transcript


@pytest.fixture(scope="module", params=["tcp", "ipc"])
def kernel(request, tmp_path_factory):
    # A short path: a socket's may have 107 bytes.
    kernel = KernelProcess(tmp_path_factory.mktemp("k"), request.param)
    yield kernel
    assert kernel.alive()
    kernel.close()
    assert kernel.output() == ""


@pytest.fixture
def client(kernel):
    client = kernel.client()
    yield client
    # Whatever a test did, the next cell works.
    assert client.works()
    assert client.silence()
    client.stop_channels()


def signed(parts: list[bytes], key: bytes = KEY) -> list[bytes]:
    mac = hmac.new(key, digestmod=hashlib.sha256)
    for part in parts:
        mac.update(part)
    return [b"<IDS|MSG>", mac.hexdigest().encode(), *parts]


def execute_frames(session: Session, code: str, **header) -> list[bytes]:
    message = session.msg("execute_request", {"code": code, "silent": False, "store_history": True})
    message["header"] |= header
    return session.serialize(message)


def test_a_cell_is_one_transcript(client):
    reply, published = client.run("%version")
    assert transcript(published) == ["busy", "execute_input", "execute_result", "idle"]
    assert len({message["header"]["session"] for message in published}) == 1
    ids = [message["header"]["msg_id"] for message in published]
    assert len(set(ids)) == len(ids)
    assert reply["status"] == "ok"


def test_unknown_requests_are_bracketed_and_not_answered(client):
    for channel in (client.shell_channel, client.control_channel):
        message = client.session.msg("no_such_request", {"x": [1, None]})
        channel.send(message)
        published = client.iopub_until_idle(message["header"]["msg_id"])
        assert transcript(published) == ["busy", "idle"]
        assert published[0]["parent_header"]["msg_type"] == "no_such_request"


def test_forged_and_unsigned_requests_are_not_run(kernel, client):
    dealer = kernel.socket(zmq.DEALER, "shell", b"forger")
    session = Session(key=KEY)
    good = execute_frames(session, "%version")
    for frames in (
        execute_frames(Session(key=b"another key"), "%version"),
        [good[0], b"", *good[2:]],
        [good[0], good[1][:-1] + (b"0" if good[1][-1:] != b"0" else b"1"), *good[2:]],
        [good[0], good[1].upper(), *good[2:]],
        [*good[:5], b'{"code": "%reset"}'],
    ):
        dealer.send_multipart(frames)
    control = kernel.socket(zmq.DEALER, "control", b"forger")
    control.send_multipart(signed([b'{"msg_id":"1","msg_type":"shutdown_request"}', b"{}", b"{}", b"{}"], b"guess"))
    assert client.silence()
    dealer.send_multipart(good)
    dealer.recv_multipart()
    assert not dealer.poll(200)


def test_a_replayed_request_runs_once(kernel, client):
    dealer = kernel.socket(zmq.DEALER, "shell", b"replayer")
    frames = execute_frames(Session(key=KEY), "%version")
    dealer.send_multipart(frames)
    dealer.recv_multipart()
    for _ in range(5):
        dealer.send_multipart(frames)
    other = kernel.socket(zmq.DEALER, "control", b"replayer")
    other.send_multipart(frames)
    assert not dealer.poll(200)
    assert not other.poll(200)
    # Only the one that ran was published.
    published = []
    while not published or published[-1]["content"].get("execution_state") != "idle":
        published.append(client.get_iopub_msg(timeout=LIMIT_S))
    assert transcript(published) == ["busy", "execute_input", "execute_result", "idle"]
    assert client.silence()


@pytest.mark.parametrize("port", ["shell", "control", "stdin"])
def test_malformed_messages_are_dropped(kernel, client, port):
    dealer = kernel.socket(zmq.DEALER, port, b"junk")
    header = b'{"msg_id":"1","msg_type":"execute_request"}'
    for frames in (
        [b""],
        [b"x"],
        [b"<IDS|MSG>"],
        [b"<IDS|MSG>"] * 9,
        [b"<IDS|MSG>", b"", header, b"{}"],
        [os.urandom(2000) for _ in range(200)],
        signed([b"", b"", b"", b""]),
        signed([b"[]", b"{}", b"{}", b"{}"]),
        signed([b"{}", b"{}", b"{}", b"{}"]),
        signed([b'{"msg_id":"1"}', b"{}", b"{}", b"{}"]),
        signed([b'{"msg_id":"1","msg_type":["execute_request"]}', b"{}", b"{}", b"{}"]),
    ):
        dealer.send_multipart(frames)
    assert client.silence()


def nested(depth: int) -> bytes:
    return b'{"a":' * depth + b"1" + b"}" * depth


def asked(client, dealer, parts: list[bytes]) -> tuple[dict, dict, list[str]]:
    """Sends a signed message; returns the reply's header and content, and what was published for it."""
    dealer.send_multipart(signed(parts))
    frames = dealer.recv_multipart()
    header, parent, content = (json.loads(frames[at]) for at in (2, 3, 5))
    published = []
    while not published or published[-1]["content"].get("execution_state") != "idle":
        message = client.get_iopub_msg(timeout=LIMIT_S)
        if message["parent_header"] == parent:
            published.append(message)
    return header, content, transcript(published)


HEADER = b'{"msg_id":"odd","msg_type":"execute_request","session":"odd"}'
RUN = ["busy", "execute_input", "execute_result", "idle"]


@pytest.mark.parametrize(
    "metadata",
    [
        b"",
        b"null",
        b"[]",
        b"7",
        b"{",
        b"\xff",
        b'{"n":1e999}',
        b'{"n":NaN}',
        b'{"n":-Infinity,"s":"NaN \\" Infinity"}',
        b'{"\\ud83d":1}',
        nested(200),
        nested(50_000),
    ],
)
@pytest.mark.parametrize("place", ["metadata", "parent_header"])
def test_odd_metadata_and_parents_are_left_out(kernel, client, place, metadata):
    dealer = kernel.socket(zmq.DEALER, "shell", b"odd")
    parts = [HEADER, b"{}", metadata] if place == "metadata" else [HEADER, metadata, b"{}"]
    # A comment, so that no two messages are the same.
    content = json.dumps({"code": "%version", "nonce": os.urandom(8).hex()}).encode()
    header, content, published = asked(client, dealer, [*parts, content])
    assert (header["msg_type"], content["status"], published) == ("execute_reply", "ok", RUN)


def test_the_cell_is_known_beside_odd_metadata(kernel, client):
    """A front end that shows no number of a cell that did not run names its cells."""
    dealer = kernel.socket(zmq.DEALER, "shell", b"odd")
    metadata = b'{"cellId":"a","n":1e999}'
    _, content, published = asked(client, dealer, [HEADER, b"{}", metadata, b'{"code":"%version"}'])
    assert (content["status"], published) == ("ok", RUN)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"[1]", b"7", b'"x"', b"{", b"\xff", b'{"code":NaN}', b'{"code":"1","n":1e}', nested(200), nested(50_000)]
)
@pytest.mark.parametrize("kind", ["execute", "complete", "inspect", "is_complete", "history"])
def test_content_that_cannot_be_read_is_answered_by_an_error(kernel, client, kind, content):
    dealer = kernel.socket(zmq.DEALER, "shell", b"odd")
    header = json.dumps({"msg_id": os.urandom(8).hex(), "msg_type": f"{kind}_request"}).encode()
    header, reply, published = asked(client, dealer, [header, b"{}", b"{}", content])
    assert header["msg_type"] == f"{kind}_reply"
    assert reply["status"] == "error"
    assert reply["ename"] and "cannot be read" in reply["evalue"] and reply["traceback"]
    assert published == (["busy", "error", "idle"] if kind == "execute" else ["busy", "idle"])


@pytest.mark.parametrize("content", [b"[]", b"7", b"{"])
@pytest.mark.parametrize("port", ["shell", "control"])
@pytest.mark.parametrize("kind", ["kernel_info", "comm_info"])
def test_requests_that_need_no_content_are_answered_without(kernel, client, kind, port, content):
    """An empty object is `[]` where a language has one kind of table."""
    dealer = kernel.socket(zmq.DEALER, port, b"odd")
    header = json.dumps({"msg_id": os.urandom(8).hex(), "msg_type": f"{kind}_request"}).encode()
    header, reply, published = asked(client, dealer, [header, b"[]", b"[]", content])
    assert (header["msg_type"], reply["status"], published) == (f"{kind}_reply", "ok", ["busy", "idle"])


@pytest.mark.parametrize(
    "header",
    [
        b'{"msg_id":7,"msg_type":"execute_request"}',
        b'{"msg_type":"execute_request"}',
        b'{"msg_id":null,"msg_type":"execute_request","session":5}',
        b'{"msg_id":{},"msg_type":"execute_request","n":1e999}',
        b'{"msg_id":"\\ud83d","msg_type":"execute_request"}',
        b'{"msg_id":"1","msg_type":"execute_request","n":' + nested(200) + b"}",
        b'{"msg_id":"2","msg_type":"execute_request","n":NaN}',
        b'{"msg_id":"3","msg_type":"execute_request","date":"tomorrow","username":"\xff"}',
    ],
)
def test_odd_headers_are_answered(kernel, client, header):
    dealer = kernel.socket(zmq.DEALER, "shell", b"odd")
    content = json.dumps({"code": "%version", "nonce": os.urandom(8).hex()}).encode()
    header, content, published = asked(client, dealer, [header, b"{}", b"{}", content])
    assert (header["msg_type"], content["status"], published) == ("execute_reply", "ok", RUN)


def test_odd_but_valid_text_is_run(kernel, client):
    """Half an emoji, bytes that are no UTF-8: a request refused for them would leave its cell busy."""
    for number, content in enumerate((b'{"code": "%version \\ud83d"}', b'{"code": "%version\xff"}', b"null", b"{}")):
        dealer = kernel.socket(zmq.DEALER, "shell", b"odd")
        header = json.dumps({"msg_id": f"odd{number}", "msg_type": "execute_request", "session": "odd"}).encode()
        dealer.send_multipart(signed([header, b"{}", b"{}", content]))
        reply = json.loads(dealer.recv_multipart()[5])
        assert reply["status"] in ("ok", "error")
        client.iopub_until_idle(f"odd{number}")


def test_all_identities_and_the_parent_come_back_as_they_were(kernel, client):
    dealer = kernel.socket(zmq.DEALER, "shell", b"proxy")
    header = b'{ "msg_id":"p1",  "msg_type":"kernel_info_request", "n":1.50, "subshell_id":null }'
    dealer.send_multipart([b"inner", b"\x00\xff", *signed([header, b"{}", b"{}", b"{}"])])
    frames = dealer.recv_multipart()
    assert frames[:3] == [b"inner", b"\x00\xff", b"<IDS|MSG>"]
    assert frames[5] == header
    client.iopub_until_idle("p1")


def test_garbage_on_every_port(kernel, client):
    if kernel.info["transport"] != "tcp":
        pytest.skip("the same code behind another listener")
    ports = [kernel.info[f"{name}_port"] for name in ("shell", "control", "stdin", "iopub", "hb")]
    greeting = b"\xff" + b"\0" * 8 + b"\x7f\x03\x00" + b"NULL".ljust(20, b"\0") + b"\0" * 32
    for port in ports:
        for junk in (
            b"GET / HTTP/1.1\r\n\r\n",
            os.urandom(4096),
            greeting,
            greeting + b"\x04\x05READY",
            # A frame of 2^63 bytes is announced.
            greeting + b"\x02" + struct.pack(">Q", 1 << 63),
        ):
            with tcp.create_connection(("127.0.0.1", port)) as connection:
                connection.sendall(junk)
    silent = [tcp.create_connection(("127.0.0.1", port)) for port in ports for _ in range(10)]
    assert client.works()
    for connection in silent:
        connection.close()


def test_heartbeats_are_echoed_whatever_else_comes(kernel, client):
    rude = kernel.socket(zmq.DEALER, "hb", b"rude")
    for frames in ([b"x"], [b""], [b"", b""], [b"x"] * 40):
        rude.send_multipart(frames)
    rude.close()
    request = kernel.socket(zmq.REQ, "hb")
    for beat in (b"ping", b"", b"\xff\x00", b"x" * 100_000):
        request.send(beat)
        assert request.recv() == beat


def test_two_clients_hear_all_and_are_answered_alone(kernel, client):
    other = kernel.client()
    while not client.silence():
        client.get_iopub_msg(timeout=LIMIT_S)
    mine = client.execute("%version")
    theirs = other.execute("%lsmagic")
    for listener in (client, other):
        heard = {mine: [], theirs: []}
        # Which of the two came first is open; they never mix.
        for _ in range(8):
            message = listener.get_iopub_msg(timeout=LIMIT_S)
            heard[message["parent_header"]["msg_id"]] += transcript([message])
        assert list(heard.values()) == [["busy", "execute_input", "execute_result", "idle"]] * 2
    for listener, msg_id in ((client, mine), (other, theirs)):
        assert listener.get_shell_msg(timeout=LIMIT_S)["parent_header"]["msg_id"] == msg_id
        assert listener.silence()
    other.stop_channels()


def test_a_client_that_vanishes_before_its_reply(kernel, client):
    for number in range(50):
        dealer = kernel.socket(zmq.DEALER, "shell", f"ghost{number}".encode())
        dealer.send_multipart(execute_frames(Session(key=KEY), "%lsmagic"))
        # Enough for the request to leave; the reply finds nobody, or a closing door.
        dealer.close(linger=100)
    states = []
    while states.count("idle") < 50:
        states += transcript([client.get_iopub_msg(timeout=LIMIT_S)])
    assert states == ["busy", "execute_input", "execute_result", "idle"] * 50


def test_a_request_of_twenty_megabytes(client):
    reply, published = client.run("%nosuch " + "x" * 20 * 1024 * 1024)
    assert reply["status"] == "error"
    assert transcript(published) == ["busy", "execute_input", "error", "idle"]


def test_a_listener_that_does_not_read_stops_nobody(kernel, client):
    stalled = zmq.Context.instance().socket(zmq.SUB)
    stalled.linger = 0
    stalled.rcvhwm = 1
    stalled.setsockopt(zmq.RCVBUF, 4096)
    stalled.subscribe(b"")
    stalled.connect(endpoint(kernel.info, "iopub"))
    # Each cell publishes half a megabyte: together more than all buffers on the way to it.
    for _ in range(40):
        reply, published = client.run("%nosuch " + "x" * 500_000)
        assert reply["status"] == "error"
        assert transcript(published) == ["busy", "execute_input", "error", "idle"]
    stalled.close()
