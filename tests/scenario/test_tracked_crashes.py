"""Processes that are killed among tracked connections: what they tracked is given back, and what was counted stays.

POINTSMAN_LONG=1 in the environment: a hundred lanes, else ten.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import pytest
from support.crowd import children, read_response, until
from support.dumps import ask, dump
from support.programs import POINTSMAN, Program
from support.storm import LONG

from pointsman.core.plain_slab_memory import Layout
from pointsman.core.slabs import BUILT

CRASHES: Final = 100 if LONG else 10
CLIENTS: Final = 12
SOURCES: Final = 20
TABLES: Final = ("clients", "who", "asked")

CONFIGURATION: Final = """
global
    nbthread 2
    stats socket {dir}/s level admin
defaults
    mode http
    timeout client 60s
    timeout server 10s
    timeout connect 10s
frontend web
    bind 127.0.0.1:{port:front}
    tcp-request connection track-sc0 src table clients
    http-request track-sc1 req.hdr(x-who) table who
    http-request track-sc2 req.hdr(x-who) table asked
    http-request sc-inc-gpc0(1)
    http-request return status 200 content-type text/plain string ok
backend clients
    stick-table type ip size 1k expire 1h store conn_cnt,conn_cur,sess_cnt,http_req_cnt
backend who
    stick-table type string size 1k expire 1h store conn_cur,http_req_cnt,gpc0
backend asked
    stick-table type string size 100k expire 1h store conn_cur,http_req_cnt
"""


class Crowd:
    """Clients that ask some times over each connection, from one of several addresses, until they are to stop."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent: Counter[str] = Counter()  # by who asks, and by address
        self.answered: Counter[str] = Counter()
        self.connections: Counter[str] = Counter()
        self.served: Counter[str] = Counter()  # connections that have had an answer
        self.wrong: list[bytes] = []
        self._over = threading.Event()
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(CLIENTS)]

    def __enter__(self) -> Crowd:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join()

    def _note(self, counter: Counter[str], *names: str) -> None:
        with self._lock:
            counter.update(names)

    def _run(self, number: int) -> None:
        chance = random.Random(number)
        while not self._over.is_set():
            address = f"127.0.0.{chance.randrange(2, 5)}"
            self._note(self.connections, address)
            try:
                self._talk(chance, address)
            except OSError:
                time.sleep(0.02)  # its lane was killed

    def _talk(self, chance: random.Random, address: str) -> None:
        with socket.create_connection(("127.0.0.1", self.port), 20, source_address=(address, 0)) as client:
            for turn in range(chance.randrange(1, 30)):
                who = f"w{chance.randrange(SOURCES)}"
                self._note(self.sent, who, address)
                client.sendall(f"GET / HTTP/1.1\r\nhost: a\r\nx-who: {who}\r\n\r\n".encode())
                answer = read_response(client)
                if not answer:
                    return
                if not answer.startswith(b"HTTP/1.1 200"):
                    self.wrong.append(answer)
                self._note(self.answered, who, address)
                if not turn:
                    self._note(self.served, address)
                time.sleep(chance.uniform(0, 0.01))


@contextmanager
def running(folder: Path) -> Iterator[tuple[Program, int]]:
    """The program, and the pid of control."""
    with Program(POINTSMAN, CONFIGURATION, folder) as program:
        until(lambda: len(children(program.pid)) == 3 and "used" in ask(folder / "s", "show table"), 20)
        yield program, children(program.pid)[-1]


def lanes(program: Program, control: int) -> list[int]:
    return [pid for pid in children(program.pid) if pid != control]


def judge(folder: Path, crowd: Crowd, crashes: int) -> None:
    """Nobody is tracked any more, and as much was counted as was asked: of those who were cut off perhaps not.

    A lane judges one request at a time, so that one more at most is counted in one table only for each that was killed.
    """
    until(lambda: not [table for table in TABLES if still_tracked(folder, table)], 20)
    clients, who, asked = (dump(folder / "s", table) for table in TABLES)
    assert crowd.wrong == []
    assert len(who) == len(asked) == SOURCES
    for name, values in who.items():
        assert crowd.answered[name] <= values["http_req_cnt"] <= crowd.sent[name]
        assert crowd.answered[name] <= asked[name]["http_req_cnt"] <= values["http_req_cnt"]
        assert crowd.answered[name] <= values["gpc0"] <= asked[name]["http_req_cnt"]
    for address, values in clients.items():
        assert crowd.answered[address] <= values["http_req_cnt"] <= crowd.sent[address]
        assert crowd.served[address] <= values["sess_cnt"] <= values["conn_cnt"] <= crowd.connections[address]
    counted = [sum(values["http_req_cnt"] for values in table.values()) for table in (clients, who, asked)]
    counted.append(sum(values["gpc0"] for values in who.values()))
    assert max(counted) - min(counted) <= crashes
    accepted = sum(values["conn_cnt"] for values in clients.values())
    assert accepted - sum(values["sess_cnt"] for values in clients.values()) <= crashes
    print(
        f"{crashes} killed: {crowd.sent.total() // 2} requests sent, {crowd.answered.total() // 2} answered, counted "
        f"{counted}; {crowd.connections.total()} connections tried, {crowd.served.total()} served, {accepted} counted"
    )


def still_tracked(folder: Path, table: str) -> bool:
    return any("conn_cur" in values or "use" in values for values in dump(folder / "s", table).values())


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_lanes_are_killed_among_tracked_connections(tmp_path: Path) -> None:
    chance = random.Random(7)
    with running(tmp_path) as (program, control):
        with Crowd(program.ports["front"]) as crowd:
            until(lambda: crowd.answered.total() > 500, 20)
            for _ in range(CRASHES):
                time.sleep(chance.uniform(0.01, 0.6))
                until(lambda: len(children(program.pid)) == 3, 20)
                os.kill(chance.choice(lanes(program, control)), signal.SIGKILL)
            until(lambda: len(children(program.pid)) == 3, 20)
            before = crowd.answered.total()
            until(lambda: crowd.answered.total() > before + 500, 20)
        judge(tmp_path, crowd, CRASHES)


@pytest.mark.slow
@pytest.mark.timeout(200)
def test_control_is_killed_among_tracked_connections(tmp_path: Path) -> None:
    """Traffic goes on, and not even a request is lost."""
    with running(tmp_path) as (program, control):
        with Crowd(program.ports["front"]) as crowd:
            for _ in range(3):
                before = crowd.answered.total()
                until(lambda least=before + 500: crowd.answered.total() > least, 20)
                os.kill(control, signal.SIGKILL)
                until(lambda old=control: old not in children(program.pid) and len(children(program.pid)) == 3, 20)
                control = children(program.pid)[-1]
            before = crowd.answered.total()
            until(lambda: crowd.answered.total() > before + 500, 20)
        assert crowd.answered == crowd.sent
        judge(tmp_path, crowd, 0)


# A lane that is killed while it holds the locks of all tables: its lock words are written for it while it is stopped.


def locks(lane: int) -> list[int]:
    """The addresses of the locks of all slabs in the memory of a lane."""
    found = []
    with Path(f"/proc/{lane}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{lane}/maps").read_text(encoding="utf-8").splitlines():
            begin = int(line.partition("-")[0], 16)
            if " rw-s " not in line:
                continue
            head = os.pread(memory.fileno(), 32, begin)
            if head[:8] == b"pts-slb1":
                at = Layout(*struct.unpack_from("=Q3I", head, 8))
                found += [begin + at.shards_at + number * at.shard_size for number in range(at.shards)]
    return found


def hold(lane: int) -> bool:
    """Makes a lane the owner of all locks. It and all others are stopped meanwhile; False: one had a lock itself."""
    places = locks(lane)
    assert len(places) >= len(TABLES)
    with Path(f"/proc/{lane}/mem").open("r+b", buffering=0) as memory:
        if any(os.pread(memory.fileno(), 8, place) != bytes(8) for place in places):
            return False
        for place in places:
            assert os.pwrite(memory.fileno(), struct.pack("=II", 1, lane), place) == 8
    return True


def stop_with_all_locks(program: Program, control: int, which: int) -> tuple[int, list[int]]:
    """A lane that is stopped and has all locks, and the other processes, stopped as well."""
    for _ in range(100):
        pids = children(program.pid)
        victim = lanes(program, control)[which]
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        until(lambda stopped=pids: all(is_stopped(pid) for pid in stopped))
        if hold(victim):
            return victim, [pid for pid in pids if pid != victim]
        for pid in pids:
            os.kill(pid, signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("somebody always has a lock")


def is_stopped(pid: int) -> bool:
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "T"


def is_dead(pid: int) -> bool:
    """Whether anybody has waited for it or not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return True


@pytest.mark.slow
@pytest.mark.timeout(200)
@pytest.mark.skipif(not BUILT, reason="the lock word is that of the extension")
@pytest.mark.parametrize("hangs", [0.0, 0.5], ids=["killed", "hangs-first"])
@pytest.mark.parametrize("which", [0, 1])
def test_a_lane_is_killed_that_holds_all_locks(which: int, hangs: float, tmp_path: Path) -> None:
    """The other takes them from the dead one, and nothing is lost. While it only hangs the other goes on without,
    so that what happens then is not counted, but whoever was tracked is given back."""
    with running(tmp_path) as (program, control):
        with Crowd(program.ports["front"]) as crowd:
            until(lambda: crowd.answered.total() > 500, 20)
            victim, others = stop_with_all_locks(program, control, which)
            if not hangs:
                os.kill(victim, signal.SIGKILL)
                until(lambda: is_dead(victim), 20)  # on a busy machine it may hold its locks for a while yet
            before = crowd.answered.total()
            for pid in others:
                os.kill(pid, signal.SIGCONT)
            time.sleep(hangs)
            assert not hangs or crowd.answered.total() > before
            with suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            until(lambda: victim not in children(program.pid) and len(children(program.pid)) == 3, 20)
            before = crowd.answered.total()
            until(lambda: crowd.answered.total() > before + 500, 20)
        if hangs:
            until(lambda: not [table for table in TABLES if still_tracked(tmp_path, table)], 20)
        else:
            judge(tmp_path, crowd, 1)
