"""One connection of an attacker: it writes what a script says, and notes what became of it.

Scripts know no errors: `send` raises `Ended` when the connection was closed by the program, and `TimeIsUp` when the
time of the attack is over, also while the program does not read.
"""

from __future__ import annotations

import select
import socket
import time
from collections import Counter
from dataclasses import dataclass, field

from bench.attacks.frames import GOAWAY, HEADERS, PING, PREFACE, RST_STREAM, frame, settings

CODES = (
    "NO_ERROR",
    "PROTOCOL_ERROR",
    "INTERNAL_ERROR",
    "FLOW_CONTROL_ERROR",
    "SETTINGS_TIMEOUT",
    "STREAM_CLOSED",
    "FRAME_SIZE_ERROR",
    "REFUSED_STREAM",
    "CANCEL",
    "COMPRESSION_ERROR",
    "CONNECT_ERROR",
    "ENHANCE_YOUR_CALM",
    "INADEQUATE_SECURITY",
    "HTTP_1_1_REQUIRED",
)
_SETTLED = b"settled?"
STATUSES = {0x88: 200, 0x89: 204, 0x8A: 206, 0x8B: 304, 0x8C: 400, 0x8D: 404, 0x8E: 500}


def name_of(code: int) -> str:
    """The name of an error code (RFC 9113 7)."""
    return CODES[code] if code < len(CODES) else str(code)


class Ended(Exception):
    """The program has closed the connection."""


class TimeIsUp(Exception):
    """The time of the attack is over."""


@dataclass(slots=True)
class Outcome:
    """What the connections of an attack have met."""

    connections: int = 0
    frames: int = 0
    sent: int = 0  # bytes
    closed: int = 0  # by the program, while the script ran or until it was quiet
    stuck: int = 0  # the program did not read on until the time was over
    goaways: Counter[int] = field(default_factory=Counter)
    resets: Counter[int] = field(default_factory=Counter)
    statuses: Counter[int] = field(default_factory=Counter)
    answers: int = 0

    def told(self) -> str:
        """In a few words."""
        parts = [f"GOAWAY {name_of(code)} x{count}" for code, count in sorted(self.goaways.items())]
        parts += [f"reset {name_of(code)} x{count:,}" for code, count in sorted(self.resets.items())]
        statuses = ", ".join(f"{status or 'other'} x{count:,}" for status, count in sorted(self.statuses.items()))
        parts += [f"answered {statuses}"] if statuses else []
        parts += [f"closed {self.closed:,} of {self.connections:,}"] if self.closed else ["stays open"]
        parts += [f"not read on {self.stuck:,}"] if self.stuck else []
        return "; ".join(parts)


class Attacker:
    """A connection to the program; `reads` False: it never reads."""

    def __init__(self, port: int, until: float, outcome: Outcome, first: bytes = PREFACE + settings()) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=max(0.01, until - time.monotonic()))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.setblocking(False)
        self.until = until
        self.outcome = outcome
        self.reads = True
        self.over = False
        self.calm = False  # a GOAWAY has come
        self._answered = False  # the PING of `settle`
        self._rest = b""
        outcome.connections += 1
        self._sending(first)

    def send(self, data: bytes, frames: int) -> None:
        """Send so many frames, reading what comes. Ended and TimeIsUp."""
        if self.over:
            raise Ended
        self.outcome.frames += frames
        self._sending(data)

    def _sending(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            left = self.until - time.monotonic()
            readable, writable, _ = select.select([self.sock] if self.reads else [], [self.sock], [], max(0.0, left))
            if not readable and not writable or left <= 0:
                self.outcome.stuck += not writable
                raise TimeIsUp
            if readable:
                self.take()
            if writable:
                try:
                    count = self.sock.send(rest[:262144])
                except BlockingIOError:
                    continue
                except OSError:
                    self.reads = True
                    self.take()
                    self._end()
                    raise Ended from None
                self.outcome.sent += count
                rest = rest[count:]
            if self.over:
                raise Ended

    def _end(self) -> None:
        if not self.over:
            self.over = True
            self.outcome.closed += 1

    def take(self) -> bool:
        """What has come. False when there is nothing more for now."""
        try:
            data = self.sock.recv(262144)
        except BlockingIOError:
            return False
        except OSError:
            data = b""
        if not data:
            self._end()
            return False
        data = self._rest + data
        place, end = 0, len(data)
        while end - place >= 9:
            behind = place + 9 + int.from_bytes(data[place : place + 3], "big")
            if behind > end:
                break
            self._note(data[place + 3], data[place + 9 : behind])
            place = behind
        self._rest = data[place:]
        return True

    def _note(self, kind: int, payload: bytes) -> None:
        outcome = self.outcome
        if kind == GOAWAY:
            outcome.goaways[int.from_bytes(payload[4:8], "big")] += 1
            self.calm = True
        elif kind == RST_STREAM:
            outcome.resets[int.from_bytes(payload[:4], "big")] += 1
        elif kind == PING:
            self._answered = self._answered or payload == _SETTLED
        elif kind == HEADERS:
            outcome.answers += 1
            first = next((byte for byte in payload if byte & 0xE0 != 0x20), 0)  # behind updates of the table's size
            outcome.statuses[STATUSES.get(first, 0)] += 1

    def listen(self, quiet: float) -> None:
        """Take what comes until nothing has come for so long, or the connection is closed, or the time is over."""
        self.reads = True
        while not self.over and (left := self.until - time.monotonic()) > 0:
            readable, _, _ = select.select([self.sock], [], [], min(quiet, left))
            if not readable:
                return
            self.take()

    def settle(self) -> None:
        """Until the program has come to what was sent last: it answers a PING, closes, or the time is over."""
        self._answered = False
        self.reads = True
        try:
            self._sending(frame(PING, payload=_SETTLED))
            while not self.over and not self._answered and (left := self.until - time.monotonic()) > 0:
                select.select([self.sock], [], [], left)
                self.take()
        except (Ended, TimeIsUp):
            return
        if not self.over and not self._answered:
            self.outcome.stuck += 1

    def close(self) -> None:
        """Close it, without waiting for anything."""
        self.sock.close()
