"""observe, error-limit and on-error in haproxy and in Pointsman at the same time: the same requests and faults, and the
same states, counts and messages. Checks are so far apart that traffic alone decides."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.scenario import query, show_stat

pytestmark = [pytest.mark.peer, pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")]

PATIENCE = 15.0  # s
MODES = ("fastinter", "fail-check", "sudden-death", "mark-down")
SERVER = "check port {probe} inter 1h rise 2 fall 3 error-limit 3"
TEXT = (
    """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} format raw local0
    retries 0
    timeout connect 5s
    timeout client 20s
    timeout server 300ms
"""
    + "".join(
        f"listen {mode}\n    bind 127.0.0.1:{{port:{mode}}}\n"
        f"    server s1 {{origin}} {SERVER} observe layer7 on-error {mode}\n"
        for mode in MODES
    )
    + f"""
listen layer4
    bind 127.0.0.1:{{port:layer4}}
    server s1 {{origin}} {SERVER} observe layer4 on-error mark-down
listen refused
    bind 127.0.0.1:{{port:refused}}
    option log-health-checks
    server s1 {{nobody}} {SERVER} observe layer4
listen raw
    mode tcp
    bind 127.0.0.1:{{port:raw}}
    server s1 {{nobody}} {SERVER} observe layer4 on-error mark-down
"""
)
COLUMNS = ("status", "check_status", "check_health", "chkfail", "chkdown", "hanafail", "check_desc", "last_chk")
FAULTS = ("/status/500", "/status/503", "/status/599", "/junk", "/close", "/hang", "/reset", "/header")
FINE = ("/status/200", "/status/404", "/status/499", "/status/501", "/status/505")


class Faulty:
    """A server that does what the path says."""

    def __init__(self) -> None:
        self.listening = socket.create_server(("127.0.0.1", 0), backlog=100)
        self.where = f"127.0.0.1:{self.listening.getsockname()[1]}"
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                client = self.listening.accept()[0]
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                path = (client.recv(4096).split(b" ") + [b""])[1]
                if path.startswith(b"/status/"):
                    client.sendall(b"HTTP/1.1 " + path[8:] + b" X\r\ncontent-length: 0\r\n\r\n")
                elif path == b"/junk":
                    client.sendall(b"junk junk\r\n\r\n")
                elif path == b"/header":
                    client.sendall(b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n")
                elif path == b"/hang":
                    client.recv(1)
                elif path == b"/reset":
                    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                return


class Side:
    """One of the programs."""

    def __init__(self, kind: Kind, folder: Path, values: dict[str, str]) -> None:
        self.log = LogReceiver()
        self.program = Program(kind, TEXT, folder / kind.name, {"log": self.log.where, **values})

    def ask(self, command: str) -> str:
        return query(self.program.folder / "stats", command).strip()

    def look(self, proxy: str) -> list[str]:
        row = show_stat(self.program.folder / "stats")[f"{proxy}/s1"]
        if row["check_status"].removeprefix("* ") != "HANA":  # when the first check is over differs
            row |= {"check_status": "", "check_desc": "", "last_chk": ""}
        return [row[column].removeprefix("* ") for column in COLUMNS]

    def request(self, proxy: str, path: str, count: int) -> None:
        for _ in range(count):
            with socket.create_connection(("127.0.0.1", self.program.ports[proxy]), PATIENCE) as client:
                client.sendall(f"GET {path} HTTP/1.0\r\nHost: h\r\n\r\n".encode())
                try:
                    while client.recv(4096):
                        pass
                except ConnectionError:
                    continue

    def said(self, since: int) -> list[str]:
        """Messages about servers; how many streams are counted just then is chance."""
        return [
            re.sub(r" \d+ sessions active|, check duration: \d+ms", "", line)
            for line in self.log.wait(0)[since:]
            if "Server " in line or "check for" in line
        ]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    faulty, probe = Faulty(), socket.create_server(("127.0.0.1", 0), backlog=100)
    values = {
        "origin": faulty.where,
        "nobody": f"127.0.0.1:{free_port()}",
        "probe": str(probe.getsockname()[1]),
    }
    folder = tmp_path_factory.mktemp("observed")
    made = [Side(kind, folder, values) for kind in (HAPROXY, POINTSMAN)]
    with made[0].program, made[1].program:
        limit = time.monotonic() + PATIENCE
        while "INI" in made[0].ask("show stat") and time.monotonic() < limit:
            time.sleep(0.02)  # until its first checks are over
        yield made
    for side in made:
        side.log.close()
    faulty.listening.close()
    probe.close()


def play(sides: list[Side], proxy: str, talk: list[tuple[str, int]]) -> list[list[str]]:
    """From a sound server on: after each part, what both show."""
    shown: list[list[str]] = []
    for side in sides:
        assert side.ask(f"set server {proxy}/s1 health up") == ""
    counted = [[int(side.look(proxy)[index]) for index in (3, 4, 5)] for side in sides]
    for path, count in talk:
        seen = [len(side.log.wait(0)) for side in sides]
        for side in sides:
            side.request(proxy, path, count)
        limit = time.monotonic() + PATIENCE
        while True:
            looks = [side.look(proxy) for side in sides]
            for look, before in zip(looks, counted):
                look[3:6] = [str(int(now) - then) for now, then in zip(look[3:6], before)]
            said = [side.said(since) for side, since in zip(sides, seen)]
            if looks[0] == looks[1] and said[0] == said[1] or time.monotonic() > limit:
                break
            time.sleep(0.01)
        assert looks[1] == looks[0], (path, count)
        assert said[1] == said[0], (path, count)
        shown.append(looks[1])
    return shown


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", FAULTS)
def test_faults_of_layer_7(sides: list[Side], path: str) -> None:
    shown = play(sides, "mark-down", [("/status/200", 1), (path, 2), ("/status/404", 1), (path, 3)])
    assert [look[0] for look in shown] == ["UP", "UP", "UP", "DOWN"]


@pytest.mark.timeout(120)
@pytest.mark.parametrize("path", FINE)
def test_fine_responses(sides: list[Side], path: str) -> None:
    shown = play(sides, "mark-down", [("/status/200", 1), ("/close", 2), (path, 1), ("/close", 2)])
    assert shown[-1][0] == "UP"


@pytest.mark.timeout(120)
@pytest.mark.parametrize("mode", [mode for mode in MODES if mode != "mark-down"])
def test_what_they_bring(sides: list[Side], mode: str) -> None:
    play(sides, mode, [("/status/200", 1), *[("/status/500", 3)] * 3])


@pytest.mark.timeout(120)
def test_layer_4(sides: list[Side]) -> None:
    shown = play(sides, "layer4", [("/status/500", 4), ("/junk", 4), ("/reset", 4)])
    assert {look[0] for look in shown} == {"UP"}
    assert play(sides, "refused", [("/", 2), ("/", 1), ("/", 3), ("/", 3)])[-1][0] == "DOWN"
    assert play(sides, "raw", [("/", 2), ("/", 1)])[-1][0] == "DOWN"
