"""A table that is filled far past its size at full speed: it has its size and no more, memory stays as it is from the
moment it is full, and no lane stands still, though all the time the oldest goes for the newest, or all go at once.

POINTSMAN_LONG=1 in the environment: a million addresses, else a hundred thousand.
"""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path
from typing import Final

import pytest
from support.crowd import until
from support.dumps import ask
from support.memory import pss
from support.programs import POINTSMAN, Program
from support.storm import LONG

SIZE: Final = (1 << 20) if LONG else 100 << 10
TIMES: Final = 2 if LONG else 3  # as many addresses as its size
EACH: Final = 32  # addresses of a request
BATCH: Final = 4  # requests that a client sends at once
GROWTH: Final = 4 << 20  # bytes
STALL: Final = 0.03  # s: longer than a lane is busy with what other clients have sent at once
EXPIRE: Final = 12 if LONG else 2  # s: in less the table is filled
TRIES: Final = (
    12  # a machine with other work, and clients in threads, make one wait, too, but not each time; a table would
)

CONFIGURATION: Final = """
global
    nbthread 2
    tune.stick-counters {each}
    stats socket {dir}/s level admin
defaults
    mode http
    timeout client 60s
    timeout server 10s
    timeout connect 10s
frontend web
    bind 127.0.0.1:{port:front}
    http-request return status 200 if { path /ping }
    {tracks}
    http-request return status 200
backend big
    stick-table type ip size {size} expire {expire} store http_req_rate(10s),gpc0
"""


class Filling:
    """Clients that ask without a pause until they are to stop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.answered = 0
        self.failures: list[str] = []
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(4)]

    def __enter__(self) -> Filling:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _run(self) -> None:
        try:
            with socket.create_connection(("127.0.0.1", self.port), 20) as client:
                while not self._over.is_set():
                    client.sendall(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n" * BATCH)
                    answers = b""
                    while answers.count(b"\r\n\r\n") < BATCH:
                        piece = client.recv(65536)
                        assert piece, "closed"
                        answers += piece
                    assert answers.count(b"HTTP/1.1 200") == BATCH, answers
                    self.answered += BATCH
        except (OSError, AssertionError) as error:
            self.failures.append(repr(error))


class Pings:
    """One request after the other over connections that both lanes have."""

    def __init__(self, port: int) -> None:
        self.clients = [socket.create_connection(("127.0.0.1", port), 20) for _ in range(8)]
        self.count = 0

    def longest(self, seconds: float) -> float:
        """How long the slowest one took."""
        longest = 0.0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            for client in self.clients:
                begin = time.monotonic()
                client.sendall(b"GET /ping HTTP/1.1\r\nhost: a\r\n\r\n")
                assert client.recv(4096).startswith(b"HTTP/1.1 200")
                longest = max(longest, time.monotonic() - begin)
                self.count += 1
                time.sleep(0.001)
        return longest

    def close(self) -> None:
        for client in self.clients:
            client.close()


def used(program: Program) -> int:
    found = re.search(r"# table: big, type: ip, size:(\d+), used:(\d+)", ask(program.folder / "s", "show table"))
    assert found is not None
    assert int(found[1]) == SIZE
    assert int(found[2]) <= SIZE
    return int(found[2])


def configuration(expire: str) -> str:
    tracks = "\n    ".join(f"http-request track-sc{number} rand(4294967295) table big" for number in range(EACH))
    text = CONFIGURATION.replace("{tracks}", tracks).replace("{each}", str(EACH)).replace("{expire}", expire)
    return text.replace("{size}", str(SIZE))


def milliseconds(times: list[float]) -> str:
    return ", ".join(f"{one * 1000:.1f}" for one in times)


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_more_addresses_than_there_is_room_for(tmp_path: Path) -> None:
    with Program(POINTSMAN, configuration("1h"), tmp_path) as program:
        pings = Pings(program.ports["front"])
        with Filling(program.ports["front"]) as filling:
            begin = time.monotonic()
            until(lambda: filling.answered * EACH > 1.5 * SIZE or bool(filling.failures), 300)
            full = pss(program.pid)
            slowest: list[float] = []
            while len(slowest) < TRIES and min(slowest, default=1.0) > STALL:
                slowest.append(pings.longest(1.0))
            until(lambda: filling.answered * EACH > (1.5 + TIMES) * SIZE or bool(filling.failures), 300)
            after = pss(program.pid)
            last = used(program)
            entered = filling.answered * EACH
            rate = entered / (time.monotonic() - begin)
        pings.close()
    assert filling.failures == []
    print(
        f"{entered} addresses, {rate:.0f}/s, {last} of {SIZE} there; the slowest of {pings.count} pings meanwhile "
        f"{milliseconds(slowest)} ms; PSS {full >> 10} to {after >> 10} KB"
    )
    assert 0.99 * SIZE <= last <= SIZE
    assert after < full + GROWTH
    assert min(slowest) < STALL


@pytest.mark.alone
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_all_of_a_full_table_goes_at_once(tmp_path: Path) -> None:
    """Its time is up: it is dropped in small portions."""
    slowest: list[float] = []
    before = []
    with Program(POINTSMAN, configuration(f"{EXPIRE}s"), tmp_path) as program:
        pings = Pings(program.ports["front"])
        while len(slowest) < TRIES and min(slowest, default=1.0) > STALL:
            with Filling(program.ports["front"]) as filling:
                until(lambda: used(program) >= 0.9 * SIZE or bool(filling.failures), 100)
            assert filling.failures == []
            before.append(used(program))
            until(lambda least=before[-1]: used(program) < least, 2 * EXPIRE)
            longest = 0.0
            while used(program):
                longest = max(longest, pings.longest(0.1))
            slowest.append(longest)
        pings.close()
    print(f"{before} entries went; the slowest of {pings.count} pings meanwhile {milliseconds(slowest)} ms")
    assert min(before) > SIZE / 2
    assert min(slowest) < STALL
