"""Nobody makes the program grow, and nobody makes the others wait: requests that never repeat, slow readers, a flood.

POINTSMAN_LONG=1 in the environment runs the long forms: ten minutes of requests, and stricter latencies.
"""

import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.crowd import children
from support.faucet import Faucet, Flood
from support.programs import POINTSMAN, Program
from support.storm import LONG

from pointsman.net.wire import LARGE
from pointsman.stream.proxies import LINE_ROOM

pytestmark = pytest.mark.alone  # how long a request waits

MINUTE: Final = 60 if LONG else 6  # s until memory must be flat
SPAN: Final = 600 if LONG else 13
MOST: Final = 600 if LONG else 1_000_000  # requests a second: ten minutes long, others may want the machine too
SLOW: Final = 500  # readers
TIMES: Final = 2 if LONG else 5  # what others' p99 may grow by; a shared machine is allowed more
CALM: Final = 5 if LONG else 3  # s of measuring alone, and among others
BUSY: Final = 8 if LONG else 5
LEAST: Final = 0.002  # s: a p99 below it is not told from noise
CLIENTS: Final = 8
SIDE: Final = 128 << 10  # bytes of heads that each connection remembers at most (docs/performance.md)
SLACK: Final = 8 << 20  # bytes: the interpreter's and the allocator's own

CONFIG: Final = """
global
    nbthread 1
    maxconn 4000
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{port:web}
    http-request set-header x-seen "%[path]" if { path_beg /n }
    option forwardfor
    use_backend up if { path /up /big }
    default_backend app
backend app
    server s1 {origin}
backend up
    server s1 {sink}
"""


@pytest.fixture
def faucet() -> Iterator[Faucet]:
    with Faucet() as made:
        yield made


@contextmanager
def running(folder: Path, faucet: Faucet, sink: Faucet | None = None) -> Iterator[Program]:
    values = {"origin": f"127.0.0.1:{faucet.port}", "sink": f"127.0.0.1:{(sink or faucet).port}"}
    cores = os.sched_getaffinity(0)
    with Program(POINTSMAN, CONFIG, folder, values) as program:
        if len(cores) > 1:  # the program has one of its own: others' waits for a processor are not its fault
            own = min(cores)
            for pid in (program.pid, *children(program.pid)):
                pin(pid, {own})
            for pid in (os.getpid(), *(one.process.pid for one in (faucet, sink) if one is not None)):
                pin(pid, cores - {own})
        try:
            yield program
        finally:
            pin(os.getpid(), cores)


def pin(pid: int, cores: set[int]) -> None:
    """All of its threads."""
    for task in os.listdir(f"/proc/{pid}/task"):
        os.sched_setaffinity(int(task), cores)


def resident(program: Program) -> int:
    """Anonymous bytes of all of its processes."""
    total = 0
    for pid in (program.pid, *children(program.pid)):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                total += int(line.split()[1]) << 10
    return total


def exchange(client: socket.socket, data: bytes) -> None:
    """A small request and its answer."""
    client.sendall(data)
    got = b""
    while not got.endswith(b"\r\n\r\nok"):
        piece = client.recv(65_536)
        assert piece, got
        got += piece


def unlike(number: int) -> bytes:
    """A request whose path, cookie and 8 KB of lines no other has."""
    noise = os.urandom(4000).hex().encode()
    lines = b"".join(b"X-Noise-%d: %b\r\n" % (place, noise[place * 500 : place * 500 + 500]) for place in range(16))
    return b"GET /n%d HTTP/1.1\r\nHost: h%d\r\nCookie: id=%b\r\n%b\r\n" % (number, number, noise[:32], lines)


def p99(port: int, seconds: float) -> float:
    """Of one client that asks for one small thing after the other."""
    times: list[float] = []
    with socket.create_connection(("127.0.0.1", port)) as client:
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        limit = time.monotonic() + seconds
        while (begun := time.monotonic()) < limit:
            exchange(client, b"GET /small HTTP/1.1\r\nHost: h\r\n\r\n")
            times.append(time.monotonic() - begun)
            time.sleep(0.002)
    times.sort()
    return times[len(times) * 99 // 100]


@pytest.mark.slow
@pytest.mark.timeout(700)
def test_requests_that_never_repeat(tmp_path: Path, faucet: Faucet) -> None:
    """Memory is flat behind the first minute, and below the bound that is documented."""
    with running(tmp_path, faucet) as program:
        port = program.ports["web"]
        clients = [socket.create_connection(("127.0.0.1", port)) for _ in range(CLIENTS)]
        for client in clients:
            exchange(client, b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        before = resident(program)
        begun = time.monotonic()
        flat = number = 0
        while time.monotonic() - begun < SPAN:
            for client in clients:
                number += 1
                exchange(client, unlike(number))
            time.sleep(max(0.0, begun + number / MOST - time.monotonic()))
            if not flat and time.monotonic() - begun > MINUTE:
                flat = resident(program)
        end = resident(program)
        for client in clients:
            client.close()
        print(f"{number} requests, resident {before >> 10} KB, {flat >> 10} KB, {end >> 10} KB")
        assert end < flat * 1.03
        assert end - before < 2 * LINE_ROOM + 2 * CLIENTS * SIDE + SLACK


class SlowReaders:
    """Each reads 1 KB a second of a large body."""

    def __init__(self, port: int) -> None:
        self.stop = threading.Event()
        self.read = 0
        self.lost = 0
        self.clients: list[socket.socket] = []
        for _ in range(SLOW):
            client = socket.socket()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            client.connect(("127.0.0.1", port))
            client.sendall(b"GET /big HTTP/1.1\r\nHost: h\r\n\r\n")
            client.setblocking(False)
            self.clients.append(client)
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        while not self.stop.wait(1):
            for client in self.clients:
                try:
                    got = len(client.recv(1024))
                except BlockingIOError:
                    continue
                self.read += got
                self.lost += not got

    def end(self) -> None:
        self.stop.set()
        self.thread.join()
        for client in self.clients:
            client.close()


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_slow_readers(tmp_path: Path, faucet: Faucet) -> None:
    """They hold two buffers each at most, and others do not notice them."""
    with Faucet(humble=True) as large, running(tmp_path, faucet, large) as program:
        port = program.ports["web"]
        alone = p99(port, CALM)
        before = resident(program)
        readers = SlowReaders(port)
        try:
            time.sleep(3)
            among = p99(port, BUSY)
            each = (resident(program) - before) // SLOW
        finally:
            readers.end()
        print(f"p99 {alone * 1000:.2f} ms alone, {among * 1000:.2f} ms among them, {each >> 10} KB each")
        assert readers.read > SLOW * 2 * 1024 and not readers.lost
        assert each < 2 * LARGE
        assert among < TIMES * max(alone, LEAST)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_a_flood(tmp_path: Path, faucet: Faucet) -> None:
    """One client sends as fast as it goes."""
    with Faucet(humble=True) as sink, running(tmp_path, faucet, sink) as program:
        port = program.ports["web"]
        alone = p99(port, CALM)
        with Flood(port):
            time.sleep(0.5)
            begun, at = time.monotonic(), carried()
            among = p99(port, BUSY)
            rate = (carried() - at) / 2 / (time.monotonic() - begun)  # to the program and from it
        print(f"p99 {alone * 1000:.2f} ms alone, {among * 1000:.2f} ms beside {rate / 1e6:.0f} MB/s")
        assert rate > 10e6
        assert among < TIMES * max(alone, LEAST)


def carried() -> int:
    """Bytes that have gone over the loopback device."""
    return int(Path("/sys/class/net/lo/statistics/rx_bytes").read_text())
