"""Clients in threads for tests of several processes: each makes connections of its own until it is told to stop."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"


def read_response(client: socket.socket) -> bytes:
    """One response with a content-length, whole; what came, where the connection ends before."""
    data = b""
    while b"\r\n\r\n" not in data:
        more = client.recv(65536)
        if not more:
            return data
        data += more
    head, _, body = data.partition(b"\r\n\r\n")
    lines = head.lower().split(b"\r\n")
    length = next(int(line.split(b":")[1]) for line in lines if line.startswith(b"content-length"))
    while len(body) < length:
        more = client.recv(65536)
        if not more:
            break
        body += more
    return head + b"\r\n\r\n" + body


def ask(port: int) -> str:
    """The body of the answer to one request on a connection of its own."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as client:
        client.sendall(CLOSING)
        response = read_response(client)
    assert response.startswith(b"HTTP/1.1 200"), response
    return response.partition(b"\r\n\r\n")[2].decode()


def get(port: int, path: str) -> int:
    """The status of one request on a connection of its own; 0: it ended without an answer."""
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=15) as client:
            client.sendall(f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
            data = b""
            while piece := client.recv(65536):
                data += piece
    except ConnectionError:
        return 0
    return int(data[9:12]) if data.startswith(b"HTTP/1.1 ") else 0


def until(holds: Callable[[], bool], seconds: float = 5.0) -> float:
    """Waits until it holds; returns for how long."""
    begin = time.monotonic()
    while not holds():
        assert time.monotonic() < begin + seconds, "it did not come about"
        time.sleep(0.01)
    return time.monotonic() - begin


def children(pid: int) -> list[int]:
    """Of a process, in the order in which they were born."""
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()]


@dataclass(slots=True)
class Crowd:
    """So many clients; use as `with Crowd(port, 4) as crowd:`. New connections, or one each that is kept."""

    port: int
    clients: int
    pause: float = 0.0  # s between two requests of a client
    kept: bool = False
    answered: int = 0
    failures: list[str] = field(default_factory=list)
    _stop: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _threads: list[threading.Thread] = field(default_factory=list)

    def __enter__(self) -> Crowd:
        for _ in range(self.clients):
            thread = threading.Thread(target=self._keep if self.kept else self._renew)
            thread.start()
            self._threads.append(thread)
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join()

    def _note(self, failure: str = "") -> None:
        with self._lock:
            if failure:
                self.failures.append(failure)
            else:
                self.answered += 1

    def _renew(self) -> None:
        """A connection for each request."""
        while not self._stop.is_set():
            step = "connect"
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=10) as client:
                    step = "send"
                    client.sendall(CLOSING)
                    step = "receive"
                    response = read_response(client)
                self._note("" if response.startswith(b"HTTP/1.1 200") else f"received {response!r}")
            except OSError as error:
                self._note(f"{step}: {error}")
            self._stop.wait(self.pause)

    def _keep(self) -> None:
        """As many requests on a connection as the other side lets it have; a request that was sent has to be answered.

        Between two requests the connection may be closed: that is seen before the next one is sent.
        """
        client: socket.socket | None = None
        while not self._stop.is_set():
            try:
                if client is None:
                    client = socket.create_connection(("127.0.0.1", self.port), timeout=10)
                client.sendall(REQUEST)
                response = read_response(client)
                self._note("" if response.startswith(b"HTTP/1.1 200") else f"received {response!r}")
                self._stop.wait(self.pause)
                if b"connection: close" in response.lower() or not response or _closed(client):
                    client.close()
                    client = None
            except OSError as error:
                self._note(str(error))
                assert client is not None
                client.close()
                client = None
        if client is not None:
            client.close()


def _closed(client: socket.socket) -> bool:
    client.setblocking(False)
    try:
        return client.recv(1, socket.MSG_PEEK) == b""
    except BlockingIOError:
        return False
    except OSError:
        return True
    finally:
        client.settimeout(10)
