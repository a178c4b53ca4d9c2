"""New connections at a steady rate, for tests of deaths: which of them fail, and whose they were.

Each connection asks twice. The first answer's body is the pid of the lane that has it, so that of whoever fails later
it is known whose it was; the second request ends the connection. One thread, one epoll, clients that never wait.
"""

from __future__ import annotations

import errno
import os
import select
import socket
import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Final

LONG: Final = os.environ.get("POINTSMAN_LONG") == "1"  # tests of storms run their long forms

_IN: Final = select.EPOLLIN | select.EPOLLRDHUP
_OUT: Final = select.EPOLLOUT
_FIRST: Final = b"GET /who HTTP/1.1\r\nHost: h\r\n\r\n"


@dataclass(slots=True)
class Client:
    """One connection; times are monotonic seconds."""

    sock: socket.socket
    begun: float
    last: bytes  # its second request
    owner: int = 0  # the lane's pid, once known
    data: bytes = b""
    ended: float = 0.0
    failure: str = ""
    asked: bool = False  # its second request was sent
    told: bool = False  # that its connection ends behind the first answer


@dataclass(slots=True)
class Storm:
    """Use as `with Storm(port, 2000) as storm:`. Every `every`-th connection asks for `path` at last."""

    port: int
    rate: int  # new connections a second
    path: str = "/who"
    every: int = 1
    hold: float = 0.02  # s between a connection's two requests
    most: int = 1000  # open at once: behind that the clients wait, too
    started: int = 0
    answered: int = 0  # connections that were served to their end
    failures: list[Client] = field(default_factory=list)
    owners: dict[int, float] = field(default_factory=dict)  # pids, and when each was first met
    seconds: float = 0.0
    _open: dict[int, Client] = field(default_factory=dict)
    _held: deque[tuple[float, Client]] = field(default_factory=deque)
    _epoll: select.epoll = field(default_factory=select.epoll)
    _stop: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> Storm:
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._stop.set()
        assert self._thread is not None
        self._thread.join()
        self._epoll.close()

    def _run(self) -> None:
        """Until it is told to stop; then those that are open are served to their end, or fail after ten seconds."""
        begin = time.monotonic()
        while not self._stop.is_set():
            self._turn(min(int((time.monotonic() - begin) * self.rate) - self.started, 64))
        self.seconds = time.monotonic() - begin
        while self._open and time.monotonic() < begin + self.seconds + 10:
            self._turn(0)
        for client in list(self._open.values()):
            self._end(client, "no answer within ten seconds")

    def _turn(self, due: int) -> None:
        for _ in range(min(due, self.most - len(self._open))):
            self._start()
        for fd, events in self._epoll.poll(0.001):
            client = self._open[fd]
            if events & _OUT:
                self._send(client, _FIRST)
                if not client.ended:
                    self._epoll.modify(fd, _IN)
            else:
                self._receive(client)
        now = time.monotonic()
        while self._held and self._held[0][0] <= now:
            client = self._held.popleft()[1]
            if not client.ended:
                self._ask(client)

    def _start(self) -> None:
        path = self.path if self.started % self.every == 0 else "/who"
        self.started += 1
        sock = socket.socket()
        sock.setblocking(False)
        client = Client(sock, time.monotonic(), f"GET {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n".encode())
        failure = sock.connect_ex(("127.0.0.1", self.port))
        self._open[sock.fileno()] = client
        self._epoll.register(sock.fileno(), _OUT)
        if failure not in (0, errno.EINPROGRESS):
            self._end(client, f"connect: {errno.errorcode[failure]}")

    def _ask(self, client: Client) -> None:
        """The second request, unless the connection is known to have been closed meanwhile."""
        try:
            if not client.sock.recv(1, socket.MSG_PEEK):
                self._end(client, "closed between two requests")
                return
        except BlockingIOError:
            pass
        except OSError as error:
            self._end(client, f"between two requests: {error}")
            return
        client.asked = True
        self._send(client, client.last)

    def _send(self, client: Client, request: bytes) -> None:
        try:
            client.sock.send(request)
        except OSError as error:
            self._end(client, f"send: {error}")

    def _receive(self, client: Client) -> None:
        try:
            data = client.sock.recv(65536)
        except OSError as error:
            self._end(client, f"receive: {error}")
            return
        client.data += data
        head, end, body = client.data.partition(b"\r\n\r\n")
        whole = end and len(body) >= int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0] or b"0")
        if whole and not head.startswith(b"HTTP/1.1 200"):
            self._end(client, head.decode())
        elif whole and not client.owner:
            client.owner = int(body)
            client.data = b""
            self.owners.setdefault(client.owner, time.monotonic())
            if b"connection: close" in head.lower():  # a soft stop: that was its only request
                client.told = True
            else:
                self._held.append((time.monotonic() + self.hold, client))
        elif not data:
            self._end(client, "" if whole or client.told else "closed without an answer")

    def _end(self, client: Client, failure: str) -> None:
        client.ended = time.monotonic()
        client.failure = failure
        del self._open[client.sock.fileno()]
        client.sock.close()
        if failure:
            self.failures.append(client)
        else:
            self.answered += 1
