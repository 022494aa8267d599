"""iopub as libzmq's subscribers see it: welcome, topics, who comes late, who stops reading.

With `CLAUDE_KERNEL_TEST_SOAK=1` a subscriber sleeps through ten times as much.
"""

import json
import threading

import pytest
import zmq
from kernel_process import LIMIT_S, SOAK, KernelProcess, endpoint, transcript
from zmtp import frame, is_closed, shake_hands

# Each cell publishes its own megabyte.
CELLS = 500 if SOAK else 50
CELL_BYTES = 1_000_000
# A kernel at rest, what a subscriber that does not read may cost (its backlog of 32 MB, what waits for the publisher
# meanwhile), and what a request of a megabyte takes while it is served.
MAX_RSS_MB = 120


@pytest.fixture(scope="module", params=["tcp", "ipc"])
def kernel(request, tmp_path_factory):
    kernel = KernelProcess(tmp_path_factory.mktemp("k"), request.param)
    yield kernel
    assert kernel.alive()
    kernel.close()
    assert kernel.output() == ""


@pytest.fixture
def client(kernel):
    client = kernel.client()
    yield client
    assert client.works()
    assert client.silence()
    client.stop_channels()


class Subscriber:
    """A bare SUB that reads messages as (topic, type, content)."""

    def __init__(self, kernel, *topics: bytes, **options):
        self.socket = zmq.Context.instance().socket(zmq.SUB)
        self.socket.linger = 0
        self.socket.rcvtimeo = LIMIT_S * 1000
        for name, value in options.items():
            self.socket.setsockopt(getattr(zmq, name), value)
        for topic in topics:
            self.socket.subscribe(topic)
        self.socket.connect(endpoint(kernel.info, "iopub"))

    def read(self) -> tuple[bytes, str, dict]:
        topic, delimiter, _, header, _, _, content = self.socket.recv_multipart()
        assert delimiter == b"<IDS|MSG>"
        return topic, json.loads(header)["msg_type"], json.loads(content)

    def welcomed(self, *topics: bytes) -> "Subscriber":
        for topic in topics or (b"",):
            assert self.read() == (topic, "iopub_welcome", {"subscription": topic.decode()})
        return self

    def is_silent(self, within_ms: int = 200) -> bool:
        return not self.socket.poll(within_ms)

    def read_cell(self) -> list[str]:
        """Reads up to idle; returns what came, as states and types."""
        found = []
        while not found or found[-1] != "idle":
            _, kind, content = self.read()
            found.append(content.get("execution_state", kind))
        return found


CELL = ["busy", "execute_input", "execute_result", "idle"]


def test_the_welcome_comes_first_and_to_everyone(kernel, client):
    subscribers = [Subscriber(kernel, b"").welcomed() for _ in range(3)]
    # Nobody hears the welcomes of others.
    assert all(subscriber.is_silent(50) for subscriber in subscribers)
    assert client.silence()
    assert client.works()
    assert [subscriber.read_cell() for subscriber in subscribers] == [CELL] * 3
    for subscriber in subscribers:
        subscriber.socket.close()


def test_the_welcome_is_a_signed_message_without_a_parent(kernel):
    client = kernel.client()
    second = type(client)(connection_file=kernel.file)
    second.load_connection_file()
    second.start_channels()
    # The session checks the signature.
    message = second.get_iopub_msg(timeout=LIMIT_S)
    assert message["msg_type"] == "iopub_welcome"
    assert message["parent_header"] == {}
    assert message["metadata"] == {}
    assert message["content"] == {"subscription": ""}
    assert message["header"]["session"] == client.kernel_info(reply=True, timeout=LIMIT_S)["header"]["session"]
    client.stop_channels()
    second.stop_channels()


def test_each_subscription_is_welcomed(kernel):
    subscriber = Subscriber(kernel, b"kernel.", "größe".encode(), b"")
    assert sorted(subscriber.read()[2]["subscription"] for _ in range(3)) == ["", "größe", "kernel."]
    # A topic that is no text, and one that is there already: the next welcome is the third's.
    subscriber.socket.subscribe(b"\xff")
    subscriber.socket.subscribe(b"last")
    subscriber.welcomed(b"last")
    subscriber.socket.close()


def test_subscriptions_are_prefixes_of_topics(kernel, client):
    session = client.kernel_info(reply=True, timeout=LIMIT_S)["header"]["session"]
    while not client.silence():
        client.get_iopub_msg(timeout=LIMIT_S)
    topic = f"kernel.{session}.execute".encode()
    picky = Subscriber(kernel, topic).welcomed(topic)
    deaf = Subscriber(kernel, b"kernel.other").welcomed(b"kernel.other")
    assert client.works()
    assert [picky.read()[1] for _ in range(2)] == ["execute_input", "execute_result"]
    assert picky.is_silent()
    assert deaf.is_silent()
    picky.socket.close()
    deaf.socket.close()


def test_who_unsubscribes_hears_no_more(kernel, client):
    subscriber = Subscriber(kernel, b"").welcomed()
    assert client.works()
    assert subscriber.read_cell() == CELL
    subscriber.socket.unsubscribe(b"")
    # Subscribing to another topic says when the first is gone.
    subscriber.socket.subscribe(b"marker")
    subscriber.welcomed(b"marker")
    assert client.works()
    assert subscriber.is_silent()
    subscriber.socket.subscribe(b"")
    subscriber.welcomed()
    assert client.works()
    assert subscriber.read_cell() == CELL
    subscriber.socket.close()


def test_who_comes_late_hears_what_comes_after(kernel, client):
    assert client.works()
    late = Subscriber(kernel, b"").welcomed()
    assert late.is_silent(50)
    assert client.works()
    assert late.read_cell() == CELL
    late.socket.close()


def test_who_comes_back_hears_what_comes_after(kernel, client):
    for _ in range(20):
        subscriber = Subscriber(kernel, b"").welcomed()
        assert client.works()
        assert subscriber.read_cell() == CELL
        subscriber.socket.close()
    endpoint_ = endpoint(kernel.info, "iopub")
    subscriber = Subscriber(kernel, b"").welcomed()
    subscriber.socket.disconnect(endpoint_)
    assert client.works()
    subscriber.socket.connect(endpoint_)
    subscriber.welcomed()
    assert client.works()
    assert subscriber.read_cell() == CELL
    subscriber.socket.close()


def test_zmtp_3_0_is_spoken_too(kernel, client):
    """Older libraries subscribe by a message rather than by a command."""
    raw = kernel.raw("iopub")
    shake_hands(raw, "iopub")
    raw.sendall(frame(b"\x01"))
    assert raw.recv(2) == b"\x01\x00"
    while b"iopub_welcome" not in raw.recv(10_000):
        pass
    assert client.works()
    while b'"idle"' not in raw.recv(10_000):
        pass
    raw.close()


def test_too_many_topics_close_the_connection(kernel, client):
    raw = kernel.raw("iopub")
    shake_hands(raw, "iopub")
    raw.sendall(b"".join(frame(b"\x01topic %d" % number) for number in range(10_000)))
    assert is_closed(raw)
    raw.close()


def test_two_subscribers_get_the_same_in_the_same_order(kernel, client):
    both = [Subscriber(kernel, b"", RCVHWM=0).welcomed() for _ in range(2)]
    for _ in range(20):
        client.execute("%version")
    heard = [[subscriber.socket.recv_multipart() for _ in range(20 * 4)] for subscriber in both]
    assert heard[0] == heard[1]
    for _ in range(20):
        assert client.get_shell_msg(timeout=LIMIT_S)["content"]["status"] == "ok"
    while client.iopub_channel.socket.poll(150):
        client.get_iopub_msg(timeout=LIMIT_S)
    for subscriber in both:
        subscriber.socket.close()


def test_a_subscriber_that_sleeps_costs_little_and_the_others_get_everything(kernel, client):
    """One whose program does not read, and one whose machine does not."""
    asleep = Subscriber(kernel, b"", RCVHWM=1, RCVBUF=4096).welcomed()
    frozen = kernel.raw("iopub")
    shake_hands(frozen, "iopub")
    frozen.sendall(frame(b"\x01"))
    other = Subscriber(kernel, b"", RCVHWM=0).welcomed()
    heard = []
    listener = threading.Thread(target=lambda: heard.extend(other.read_cell() for _ in range(CELLS)))
    listener.start()
    most = 0
    for _ in range(CELLS):
        reply, published = client.run("%nosuch " + "x" * CELL_BYTES, store_history=False)
        assert reply["status"] == "error"
        assert transcript(published) == ["busy", "execute_input", "error", "idle"]
        most = max(most, kernel.rss_mb())
    listener.join(LIMIT_S)
    assert heard == [["busy", "execute_input", "error", "idle"]] * CELLS
    assert most < MAX_RSS_MB
    # The machine that wakes finds its connection closed, behind what was on its way.
    assert is_closed(frozen)
    frozen.close()
    # The program that wakes reads what was on its way to it; then it is connected again, and welcomed.
    read = 0
    while (message := asleep.read())[1] != "iopub_welcome":
        read += len(message[2].get("code", ""))
    assert read < CELLS * CELL_BYTES
    assert client.works()
    assert asleep.read_cell() == CELL
    asleep.socket.close()
    other.socket.close()
    print(f"{CELLS} MB past a subscriber that sleeps: at most {most:.0f} MB")
