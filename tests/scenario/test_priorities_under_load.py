"""Twice as many requests as three servers of `maxconn 5` take, with priorities, two lanes: no server ever has more than
five, none is refused, and whose class is lower goes first; the same with lanes that are killed.

POINTSMAN_LONG=1 in the environment: 10,000 requests, else some hundred.
"""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Final

import pytest
from support.crowd import children, read_response, until
from support.gated import GatedServers
from support.programs import POINTSMAN, Program
from support.scenario import show_stat
from support.storm import LONG

CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 15s
    timeout client 120s
    timeout server 120s
    timeout queue 120s
frontend web
    bind 127.0.0.1:{port:web}
    http-request set-priority-class req.hdr(x-class)
    http-request set-priority-offset req.hdr(x-offset) if { req.hdr(x-offset) -m found }
    default_backend app
backend app
    server a 127.0.0.1:{a} maxconn 5
    server b 127.0.0.1:{b} maxconn 5
    server c 127.0.0.1:{c} maxconn 5
"""
SLOTS: Final = 15
CLIENTS: Final = 2 * SLOTS
CLASSES: Final = (-7, 0, 7)
REQUESTS: Final = 10_000 if LONG else 300
BUSY: Final = 0.1 if LONG else 0.2  # s that a request takes
WAITING: Final = 30
PEACE: Final = 2.6  # s between crashes: a fifth one within ten seconds would slow the keeper down
CRASHES: Final = 20 if LONG else 2


@contextmanager
def running(folder: Path) -> Iterator[tuple[Program, GatedServers]]:
    soft, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))
    try:
        with GatedServers("a", "b", "c") as servers:
            values = {name: str(number) for name, number in servers.ports.items()}
            with Program(POINTSMAN, CONFIG, folder, values) as program:
                until(lambda: len(children(program.pid)) == 3, 15)
                yield program, servers
                until(lambda: not held(folder), 15)
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, (soft, hard))


def held(folder: Path) -> dict[str, str]:
    """Gauges that are not 0."""
    try:
        rows = show_stat(folder / "stats")
    except OSError:  # control is new
        return {"socket": "gone"}
    found = {f"{name} {column}": row[column] for name, row in rows.items() for column in ("scur", "qcur")}
    return {name: value for name, value in found.items() if value not in ("", "0")}


def begin(port: int, name: str, **words: int) -> socket.socket:
    client = socket.create_connection(("127.0.0.1", port), timeout=120)
    said = "".join(f"X-{word}: {value}\r\n" for word, value in words.items())
    client.sendall(f"GET /{name} HTTP/1.1\r\nHost: h\r\n{said}Connection: close\r\n\r\n".encode())
    return client


@pytest.mark.timeout(300)
def test_the_order_is_kept_over_lanes(tmp_path: Path) -> None:
    """One slot is freed at a time: who waits is served by class, then by arrival and offset."""
    chance = Random(13)
    with running(tmp_path) as (program, servers):
        port = program.ports["web"]
        clients = [begin(port, f"first{number}", Class=9) for number in range(SLOTS)]
        until(lambda: len(servers.arrived) == SLOTS, 15)
        assert servers.most == {"a": 5, "b": 5, "c": 5}
        wanted: list[tuple[int, int, int, str]] = []
        for number in range(WAITING):
            # Those of the second half come at least two minutes earlier than those of the first, by their offset.
            kind, early = chance.choice(CLASSES), number >= WAITING // 2
            clients.append(begin(port, f"w{number}", Class=kind, Offset=-200_000 if early else 0))
            wanted.append((kind, not early, number, f"w{number}"))
            until(lambda: show_stat(tmp_path / "stats")["app/BACKEND"]["qcur"] == str(len(wanted)), 15)
        for count in range(WAITING):
            servers.release()
            until(lambda wanted=SLOTS + count + 1: len(servers.arrived) == wanted, 15)
        assert [name for _, name in servers.arrived[SLOTS:]] == [name for *_, name in sorted(wanted)]
        servers.open(0)
        for client in clients:
            assert read_response(client).endswith(b"ok")
            client.close()
        assert servers.most == {"a": 5, "b": 5, "c": 5}
        row = show_stat(tmp_path / "stats")["app/BACKEND"]
        assert (row["qmax"], row["hrsp_5xx"]) == (str(WAITING), "0")


class Load:
    """Clients that ask, one request each at a time, and ask again where the lane that had it was killed."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.lock = threading.Lock()
        self.left = {kind: REQUESTS // len(CLASSES) for kind in CLASSES}
        self.times: dict[int, list[float]] = defaultdict(list)  # s, by class
        self.ends: Counter[str] = Counter()
        self.answered = threading.Event()  # a third of all is

    def client(self, number: int) -> None:
        kind = CLASSES[number % len(CLASSES)]
        while True:
            with self.lock:
                if not self.left[kind]:
                    return
                self.left[kind] -= 1
            start = time.monotonic()
            while (end := self.ask(kind)) == "killed":
                self.ends["killed"] += 1
            with self.lock:
                self.ends[end] += 1
                self.times[kind].append(time.monotonic() - start)

    def ask(self, kind: int) -> str:
        try:
            with begin(self.port, "x", Class=kind) as client:
                answer = read_response(client)
        except ConnectionError:
            return "killed"
        return answer[9:12].decode() or "killed"


@pytest.mark.timeout(900)
@pytest.mark.parametrize("crashes", [0, CRASHES], ids=["peace", "killed"])
def test_never_more_than_maxconn(tmp_path: Path, crashes: int) -> None:
    with running(tmp_path) as (program, servers):
        control = children(program.pid)[-1]
        servers.open(BUSY)
        load = Load(program.ports["web"])
        with ThreadPoolExecutor(CLIENTS) as pool:
            work = [pool.submit(load.client, number) for number in range(CLIENTS)]
            for turn in range(crashes):
                time.sleep(PEACE if turn else PEACE / 4)
                if all(one.done() for one in work):
                    break
                lanes = [pid for pid in children(program.pid) if pid != control]
                os.kill(lanes[turn % len(lanes)], signal.SIGKILL)
            for one in work:
                one.result()
        total = REQUESTS // len(CLASSES) * len(CLASSES)
        assert load.ends["200"] == total, load.ends
        assert set(load.ends) <= {"200", "killed"}
        assert servers.most == {"a": 5, "b": 5, "c": 5}
        until(lambda: not held(tmp_path), 15)
        means = [sum(load.times[kind]) / len(load.times[kind]) for kind in CLASSES]
        print(load.ends, [f"{mean:.3f}" for mean in means])
        if crashes:
            assert load.ends["killed"]
        else:
            assert means[0] < means[-1]
            row = show_stat(tmp_path / "stats")["app/BACKEND"]
            assert int(row["qmax"]) > 0 and row["econ"] == "0"
