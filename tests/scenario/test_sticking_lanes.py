"""Stick tables are one across lanes: whoever learns, all know; and a lane that is killed takes nothing with it."""

import os
import re
import signal
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from support.crowd import children, until
from support.programs import POINTSMAN, Program
from support.scenario import query

CONFIG = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port:web}
    http-response set-header x-lane %pid
    default_backend app
backend app
    balance roundrobin
    stick-table type string len 20 size 10k expire 10m
    stick on req.hdr(key)
    stick store-response res.hdr(made)
    server s1 {one}
    server s2 {two}
    server s3 {three}
"""


class Origin:
    """It answers with its name, and makes a key of what it was asked."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=200)
        self.where = f"127.0.0.1:{self.sock.getsockname()[1]}"
        threading.Thread(target=self.run, daemon=True).start()

    def run(self) -> None:
        while True:
            try:
                accepted = self.sock.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.serve, args=(accepted,), daemon=True).start()

    def serve(self, accepted: socket.socket) -> None:
        with accepted, suppress(ConnectionError):
            while data := accepted.recv(65536):
                key = re.findall(rb"(?i)key: (\w*)", data)
                made = b"made: m%s\r\n" % key[0] if key else b""
                accepted.sendall(b"HTTP/1.1 200 OK\r\n%scontent-length: 2\r\n\r\n%s" % (made, self.name.encode()))


@contextmanager
def running(folder: Path) -> Iterator[Program]:
    origins = [Origin(f"s{number}") for number in (1, 2, 3)]
    values = {name: origin.where for name, origin in zip(("one", "two", "three"), origins)}
    with Program(POINTSMAN, CONFIG, folder, values) as program:
        until(lambda: len(children(program.pid)) == 3)
        yield program
    for origin in origins:
        origin.sock.close()


def ask(program: Program, key: str) -> tuple[str, str]:
    """Which lane has served it, and which server."""
    with socket.create_connection(("127.0.0.1", program.ports["web"]), 10) as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nKey: {key}\r\n\r\n".encode())
        data = b""
        while piece := sock.recv(65536):
            data += piece
    head, _, body = data.decode().partition("\r\n\r\n")
    return head.partition("x-lane: ")[2].partition("\r\n")[0], body


def ask_all(program: Program, keys: list[str]) -> tuple[dict[str, str], Counter[str]]:
    """The server of each key, and how many requests each lane has served."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda key: ask(program, key), keys))
    return dict(zip(keys, [server for _, server in found])), Counter([lane for lane, _ in found])


@pytest.mark.timeout(120)
def test_what_one_lane_learns_all_know(tmp_path: Path) -> None:
    keys = [f"k{number}" for number in range(60)]
    with running(tmp_path) as program:
        where, lanes = ask_all(program, keys)
        assert len(lanes) == 2 and set(where.values()) == {"s1", "s2", "s3"}
        for _ in range(2):
            again, served = ask_all(program, keys)
            assert again == where
            lanes += served
        made, _ = ask_all(program, [f"m{key}" for key in keys])
        assert list(made.values()) == list(where.values()), "by what servers have made"
        assert len(query(tmp_path / "stats", "show table app").splitlines()) >= 1 + 2 * len(keys)


@pytest.mark.timeout(120)
@pytest.mark.parametrize("victim", ["a lane", "control"])
def test_a_killed_process_takes_nothing_with_it(victim: str, tmp_path: Path) -> None:
    keys = [f"k{number}" for number in range(40)]
    with running(tmp_path) as program:
        where, _ = ask_all(program, keys)
        for _ in range(3):
            pid = children(program.pid)[-1 if victim == "control" else 0]
            os.kill(pid, signal.SIGKILL)
            until(partial(replaced, program, pid))
            until(lambda: answers(tmp_path))
            again, _ = ask_all(program, keys)
            assert again == where
        lines = query(tmp_path / "stats", "show table app").splitlines()
        assert len([line for line in lines if " use=0 " in line]) >= 2 * len(keys)


def replaced(program: Program, pid: int) -> bool:
    found = children(program.pid)
    return pid not in found and len(found) == 3


def answers(folder: Path) -> bool:
    """The runtime socket does."""
    try:
        return query(folder / "stats", "show table app").startswith("# table: app")
    except OSError:
        return False


@pytest.mark.timeout(120)
def test_many_at_once_with_one_new_key_end_at_one_server(tmp_path: Path) -> None:
    """Before anybody has answered, each may go anywhere; from then on all go where the last one was."""
    with running(tmp_path) as program:
        for number in range(5):
            key = f"new{number}"
            ask_all(program, [key] * 16)
            settled = {ask(program, key)[1] for _ in range(8)}
            assert len(settled) == 1
