"""ZMTP by hand, for what libzmq would never send."""

import socket
import struct

GREETING = b"\xff" + b"\0" * 8 + b"\x7f\x03\x01" + b"NULL".ljust(20, b"\0") + b"\0" * 32
# Which kind of client each socket of a kernel has.
CLIENTS = {"shell": b"DEALER", "control": b"DEALER", "stdin": b"DEALER", "iopub": b"SUB", "hb": b"REQ"}
MORE, LONG, COMMAND = 1, 2, 4


def frame(body: bytes, flags: int = 0) -> bytes:
    if len(body) < 256:
        return bytes([flags, len(body)]) + body
    return announced(len(body), flags) + body


def announced(length: int, flags: int = 0) -> bytes:
    """Returns the header of a frame that is to have so many bytes."""
    return bytes([flags | LONG]) + struct.pack(">Q", length)


def command(name: bytes, data: bytes = b"") -> bytes:
    return frame(bytes([len(name)]) + name + data, COMMAND)


def ready(client: bytes) -> bytes:
    return command(b"READY", b"\x0bSocket-Type" + struct.pack(">I", len(client)) + client)


def opening(port: str) -> bytes:
    """Returns what a client of this socket sends before its first message."""
    return GREETING + ready(CLIENTS[port])


def shake_hands(raw: socket.socket, port: str) -> None:
    """Sends the opening and reads the kernel's."""
    raw.sendall(opening(port))
    answer = receive(raw, 64 + 2)
    assert answer[:1] == b"\xff" and answer[12:16] == b"NULL" and answer[64] == COMMAND
    assert receive(raw, answer[65]).startswith(b"\x05READY")


def receive(raw: socket.socket, count: int) -> bytes:
    """Reads so many bytes; fewer only if the kernel closes."""
    found = b""
    while len(found) < count:
        more = raw.recv(count - len(found))
        if not more:
            break
        found += more
    return found


def is_closed(raw: socket.socket) -> bool:
    """Waits until the kernel closes the connection; true if it does."""
    try:
        while raw.recv(65536):
            pass
    except ConnectionError:
        return True
    except TimeoutError:
        return False
    return True


def send_until_closed(raw: socket.socket, data: bytes) -> None:
    """Sends as much as the kernel takes."""
    try:
        raw.sendall(data)
    except (ConnectionError, TimeoutError):
        pass
