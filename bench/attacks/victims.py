"""Honest clients beside an attack: `python -m bench.attacks.victims <port> <seconds>` prints times as JSON.

Four connections of HTTP/2; every few milliseconds the next of them asks, and waits for its answer. A victim whose
connection is closed counts as failed.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

from bench.attacks import frames as f

CONNECTIONS = 4
PACE = 0.004  # s from request to request
PATIENCE = 5.0  # s


class Victim:
    """One honest connection, one request at a time."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(f.PREFACE + f.settings())
        self.stream = -1
        self.rest = b""

    def ask(self) -> None:
        """A request and its whole answer. OSError where none comes."""
        self.stream += 2
        self.sock.sendall(f.headers(self.stream, f.request(b"/honest")))
        while not self._answered():
            data = self.sock.recv(65536)
            if not data:
                raise ConnectionError("closed")
            self.rest += data

    def _answered(self) -> bool:
        """True when the stream has ended; what came before it is dropped."""
        while len(self.rest) >= 9:
            behind = 9 + int.from_bytes(self.rest[:3], "big")
            if len(self.rest) < behind:
                return False
            kind, flags, stream = self.rest[3], self.rest[4], int.from_bytes(self.rest[5:9], "big")
            if kind == f.SETTINGS and not flags & f.ACK:
                self.sock.sendall(f.frame(f.SETTINGS, f.ACK))
            if kind == f.DATA and behind > 9:
                self.sock.sendall(f.window_update(0, behind - 9))
            self.rest = self.rest[behind:]
            if kind in {f.RST_STREAM, f.GOAWAY}:
                raise ConnectionError("reset")
            if kind in {f.DATA, f.HEADERS} and stream == self.stream and flags & f.END_STREAM:
                return True
        return False


def suffer(port: int, seconds: float) -> tuple[list[float], int]:
    """Times of answers in s, and how many requests have failed."""
    times: list[float] = []
    failed = 0
    crowd: list[Victim | None] = [None] * CONNECTIONS
    begin = time.monotonic()
    number = 0
    while (due := begin + number * PACE) < begin + seconds:
        # A request that is late because of the one before it is not measured from when it was due: one at a time.
        time.sleep(max(0.0, due - time.monotonic()))
        if time.monotonic() > begin + seconds:
            break
        place = number % CONNECTIONS
        number += 1
        asked = time.monotonic()
        try:
            one = crowd[place] or Victim(port)
            crowd[place] = one
            one.ask()
        except OSError:
            failed += 1
            crowd[place] = None
            continue
        times.append(time.monotonic() - asked)
    return times, failed


if __name__ == "__main__":
    if os.geteuid() == 0:
        os.nice(-10)  # the attacker on the same core shall not be what it waits for
    print(json.dumps(suffer(int(sys.argv[1]), float(sys.argv[2]))))
