"""The wire between a kernel and the API, with a clock on it.

Forwards bytes both ways and notes when each streamed delta went out and when the client hung up: the one place
that knows what the kernel could have shown by when.
"""

import socket
import threading
import time

DELTA = b"event: content_block_delta"


class Tap:
    """A TCP forwarder on loopback in front of `port`; each connection runs in threads of its own."""

    def __init__(self, port: int):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.deltas: list[float] = []
        self.hung_up: list[float] = []
        self.sent_bytes = 0
        threading.Thread(target=self.accept, daemon=True).start()

    def clear(self) -> None:
        self.deltas, self.hung_up, self.sent_bytes = [], [], 0

    def accept(self) -> None:
        while True:
            client, _ = self.listener.accept()
            server = socket.create_connection(("127.0.0.1", self.target))
            for end in (client, server):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            threading.Thread(target=self.requests, args=(client, server), daemon=True).start()
            threading.Thread(target=self.answers, args=(server, client), daemon=True).start()

    def requests(self, client: socket.socket, server: socket.socket) -> None:
        # The backend answers only under its own address, and nothing else in a request names one.
        mine, its = (f"127.0.0.1:{port}".encode() for port in (self.port, self.target))
        try:
            while data := client.recv(1 << 16):
                self.sent_bytes += len(data)
                server.sendall(data.replace(mine, its))
        except OSError:
            pass
        self.hung_up.append(time.perf_counter())
        server.close()

    def answers(self, server: socket.socket, client: socket.socket) -> None:
        tail = b""
        try:
            while data := server.recv(1 << 16):
                seen = tail + data
                now = time.perf_counter()
                self.deltas += [now] * seen.count(DELTA)
                # A mark that is cut in two is counted with its second half, and never twice.
                tail = seen[-(len(DELTA) - 1) :]
                client.sendall(data)
        except OSError:
            pass
        try:
            client.shutdown(socket.SHUT_WR)
        except OSError:
            pass
