"""The same requests to several programs at the same moments, from many sources, at a steady pace; what each answered.

Each source has connections of its own, from an address of its own, and asks over them in turn. One thread, one epoll,
clients that never wait: a request is sent when it is due, whether the one before has been answered or not.
"""

from __future__ import annotations

import random
import re
import select
import socket
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

LATE: Final = 0.1  # s: whoever answers later may have judged at another time than others
_STATUS: Final = re.compile(rb"HTTP/1\.1 (\d\d\d) ")


@dataclass(slots=True)
class Answers:
    """Of one program."""

    statuses: Counter[tuple[int, int]] = field(default_factory=Counter)  # by source and status
    late: int = 0
    failures: list[str] = field(default_factory=list)

    def total(self, status: int) -> int:
        return sum(count for (_, one), count in self.statuses.items() if one == status)


@dataclass(slots=True)
class _Client:
    sock: socket.socket
    source: int
    answers: Answers
    sent: deque[float] = field(default_factory=deque)
    data: bytes = b""

    def receive(self) -> bool:
        """False: its connection has ended."""
        try:
            piece = self.sock.recv(65536)
        except OSError as error:
            self.answers.failures.append(str(error))
            return False
        if not piece:
            self.answers.failures.append("closed")
            return False
        self.data += piece
        end = 0
        for match in _STATUS.finditer(self.data):
            end = match.end()
            self.answers.statuses[self.source, int(match[1])] += 1
            self.answers.late += time.monotonic() - self.sent.popleft() > LATE
        self.data = self.data[end:][-16:]
        return True


class Paced:
    """`lines`: connections of each source. Now one program is the first to be sent a request, now another."""

    def __init__(self, ports: list[int], sources: int, lines: int) -> None:
        self.answers = [Answers() for _ in ports]
        self.sources = sources
        self.lines = lines
        self._epoll = select.epoll()
        self._clients: dict[int, _Client] = {}
        self._of: list[list[list[_Client]]] = []  # by source, by line, by program
        for source in range(sources):
            address = (f"127.0.{1 + source // 200}.{1 + source % 200}", 0)
            self._of.append([])
            for _ in range(lines):
                row = []
                for port, answers in zip(ports, self.answers, strict=True):
                    sock = socket.create_connection(("127.0.0.1", port), 10, source_address=address)
                    client = _Client(sock, source, answers)
                    self._clients[sock.fileno()] = client
                    self._epoll.register(sock.fileno(), select.EPOLLIN)
                    row.append(client)
                self._of[-1].append(row)

    def run(self, request: bytes, rate: float, seconds: float, seed: int, look: Callable[[float], None]) -> int:
        """So many requests a second of each source, at random within each interval; returns how many were sent to each
        program. `look` is called now and then with the time since the beginning."""
        chance = random.Random(seed)
        due = sorted(
            ((turn + chance.random()) / rate, source, turn)
            for source in range(self.sources)
            for turn in range(int(seconds * rate))
        )
        begin = time.monotonic()
        for number, (at, source, turn) in enumerate(due):
            while (left := begin + at - time.monotonic()) > 0:
                self._receive(left)
            if number % 64 == 0:
                self._receive(0)
                look(at)
            row = self._of[source][turn % self.lines]
            for client in row if number % 2 else reversed(row):
                client.sent.append(time.monotonic())
                client.sock.sendall(request)
        limit = time.monotonic() + 10
        while any(client.sent for client in self._clients.values()) and time.monotonic() < limit:
            self._receive(0.1)
        for client in self._clients.values():
            if client.sent:
                client.answers.failures.append(f"{len(client.sent)} not answered")
        return len(due)

    def _receive(self, seconds: float) -> None:
        for fd, _ in self._epoll.poll(seconds):
            if not self._clients[fd].receive():
                self._epoll.unregister(fd)

    def close(self) -> None:
        for client in self._clients.values():
            client.sock.close()
        self._epoll.close()
