"""Handshakes that have failed: what processes see of them, what is logged (pointsman/server/handshake_faults.py)."""

from __future__ import annotations

import os

from pointsman.core.arena import Arena
from pointsman.log.logger import Logger, default_line
from pointsman.server.handshake_faults import QUIET, SIZE, HandshakeFaults


class Lines(Logger):
    def __init__(self) -> None:
        super().__init__([], default_line)
        self.lines: list[tuple[int, bytes]] = []

    def event(self, level: int, text: bytes) -> None:
        self.lines.append((level, text))


def test_nothing_has_failed() -> None:
    assert HandshakeFaults(b"b/s", Arena(1, 1 << 10)).last() is None


def test_the_last_one_is_seen_in_another_process() -> None:
    faults = HandshakeFaults(b"b/s", Arena(2, 1 << 10))
    child = os.fork()
    if not child:
        faults.note("first", 1_000)
        faults.note("second: " + "x" * 300, 2_000)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert faults.last() == (2_000, 2, ("second: " + "x" * 300)[:SIZE])


def test_what_two_have_written_at_once_is_not_shown() -> None:
    faults = HandshakeFaults(b"b/s", Arena(1, 1 << 10))
    faults.note("good", 1_000)
    faults.cells.write(faults.first + 3, b"bad\0\0\0\0\0")
    assert faults.last() is None


def test_one_line_a_second_says_how_many_were_left_out() -> None:
    faults = HandshakeFaults(b"b/s", Arena(1, 1 << 10))
    faults.logger = lines = Lines()
    for moment in (1_000, 1_100, 1_000 + QUIET - 1, 1_000 + QUIET, 5_000):
        faults.note("expired", moment)
    assert lines.lines == [
        (4, b"Server b/s: TLS handshake failed: expired."),
        (4, b"Server b/s: TLS handshake failed: expired, and 2 more since the last message."),
        (4, b"Server b/s: TLS handshake failed: expired."),
    ]
