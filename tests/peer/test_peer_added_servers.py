"""Servers that are added and deleted at run time: the same commands to both programs, answers and states compared.

HAProxy 3.2 alone: with 2.6 they are an experiment, with other answers.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from support.crowd import get, until
from support.dumps import ask
from support.programs import HAPROXY, POINTSMAN, Program, peer_version
from support.scenario import show_stat

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
]

CONFIG = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    balance roundrobin
    default-server weight 40 maxconn 7
    use-server named if { path /named }
    server named 127.0.0.1:1
    server s1 127.0.0.1:1 weight 2
    server s2 127.0.0.1:1 id 9
backend checked
    balance leastconn
    option httpchk
    server c1 {origin} check inter 1h
backend static
    balance static-rr
    server u1 127.0.0.1:1
"""
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok"

# Each is said to both, in this order; {origin} is a server that answers. What is equal to the letter:
SAME = [
    "add server",
    "add server app",
    "add server none/x",
    "add server app/x",
    "add server app/s1 127.0.0.1:1",
    "add server static/x 127.0.0.1:1",
    "add server app/x fd@3",
    "add server app/x 127.0.0.1:99999",
    "add server app/x! 127.0.0.1:1",
    "add server app/x 127.0.0.1:1 enabled",
    "add server app/x 127.0.0.1:1 non-stick",
    "add server app/x 127.0.0.1:1 resolvers r",
    "add server app/x 127.0.0.1:1 init-addr none",
    "add server app/x 127.0.0.1:1 redir http://a",
    "add server app/x 127.0.0.1:1 namespace n",
    "add server app/x 127.0.0.1:1 no-check",
    "add server app/x 127.0.0.1:1 log-proto legacy",
    "add server checked/x 127.0.0.1:+80 check",
    "add server app/a {origin}",
    "add server app/b {origin} backup weight 33 maxconn 4",
    "add server app/c {origin} id 77",
    "add server app/c2 {origin} disabled",
    "add server app/d {origin} slowstart 10s init-state up",
    "add server app/e {origin} ssl verify none",
    "add server app/f {origin} send-proxy-v2 source 127.0.0.2",
    "add server app/g {origin} cookie g hash-key addr pool-max-conn 3 pool-purge-delay 7s",
    "add server checked/a {origin} check inter 1h rise 3 fall 4 port 1 addr 127.0.0.3",
    "add server checked/b {origin} check inter 300ms",
    "enable server app/a",
    "enable server app/b",
    "disable server app/b",
    "set server app/b weight 50%",
    "set server app/c state drain",
    "set maxconn server app/d 9",
    "enable health app/a",
    "enable health checked/b",
    "enable server checked/b",
    "del server",
    "del server app",
    "del server none/x",
    "del server app/none",
    "del server app/a",
    "del server app/b",
    "add server app/b2 {origin}",
    "disable server app/named",
    "del server app/named",
    "disable server app/s1",
    "wait 1s srv-removable app/s1",
    "del server app/s1",
    "wait 10ms",
    "set severity-output number; add server app/h {origin}; wait 9s srv-removable app/h; del server app/h",
]


class Origin:
    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            with client, suppress(OSError):
                client.settimeout(5)
                data = b""
                while b"\r\n\r\n" not in data and (piece := client.recv(4096)):
                    data += piece
                client.sendall(OK)


@pytest.fixture
def both(tmp_path: Path) -> Iterator[tuple[Program, Program]]:
    origin = Origin()
    values = {"origin": origin.address}
    for name in ("peer", "own"):
        (tmp_path / name).mkdir()
    with (
        Program(HAPROXY, CONFIG, tmp_path / "peer", values) as peer,
        Program(POINTSMAN, CONFIG, tmp_path / "own", values) as own,
    ):
        for program in (peer, own):
            until(lambda path=program.folder / "stats": path.exists(), 15)
            until(lambda path=program.folder / "stats": show_stat(path)["checked/c1"]["check_status"] == "L7OK", 15)
            program.values["origin"] = origin.address
        yield peer, own
    origin.listener.close()


def states(program: Program) -> list[dict[str, str]]:
    """Of all servers, without what depends on time."""
    _, head, *lines = ask(program.folder / "stats", "show servers state").strip().splitlines()
    names = head.split()[1:]
    rows = [dict(zip(names, line.split(), strict=True)) for line in lines]
    for row in rows:
        del row["srv_time_since_last_change"]
        # The peer takes a server's check address for that of its agent as well, without any agent.
        del row["srv_agent_addr"], row["srv_agent_port"]
        if row["srv_check_state"] == "0":
            del row["srv_check_health"]  # of one that is not checked
    return rows


COLUMNS = (
    *("status", "weight", "act", "bck", "slim", "chkfail", "chkdown", "sid", "check_status", "check_rise"),
    *("check_fall", "check_health", "mode", "algo", "addr", "cookie"),
)


def rows(program: Program) -> dict[str, dict[str, str]]:
    found = show_stat(program.folder / "stats")
    return {
        name: {column: row[column] for column in COLUMNS}
        for name, row in found.items()
        if name.startswith(("app/", "checked/"))
    }


def test_the_same_answers_and_states(both: tuple[Program, Program]) -> None:
    peer, own = both
    origin = own.values["origin"]
    for line in SAME:
        said = [ask(program.folder / "stats", line.replace("{origin}", origin)) for program in (peer, own)]
        assert said[0] == said[1], line
    for program in both:
        until(lambda path=program.folder / "stats": show_stat(path)["checked/b"]["check_status"] == "L7OK", 15)
    assert states(peer) == states(own)
    assert rows(peer) == rows(own)
    for program in both:
        ask(program.folder / "stats", "disable server app/s2")
    for _ in range(3):
        assert [get(program.ports["web"], "/") for program in (peer, own)] == [200, 200]
    assert [show_stat(program.folder / "stats")["app/a"]["stot"] for program in (peer, own)] == ["3", "3"]


def test_a_server_with_a_stream_is_waited_for(both: tuple[Program, Program]) -> None:
    """Who is at work keeps the server; when that is over it can be deleted."""
    hold = socket.create_server(("127.0.0.1", 0))
    address = f"127.0.0.1:{hold.getsockname()[1]}"
    said: list[list[str]] = []
    for program in both:
        answers: list[str] = []
        path = program.folder / "stats"
        for line in ("disable server app/s1", "disable server app/s2", "disable server app/named"):
            ask(path, line)
        answers.append(ask(path, f"add server app/slow {address}"))
        ask(path, "enable server app/slow")
        with socket.create_connection(("127.0.0.1", program.ports["web"]), timeout=15) as client:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            hold.settimeout(15)
            server, _ = hold.accept()
            with server:
                answers.append(ask(path, "disable server app/slow"))
                answers.append(ask(path, "del server app/slow"))
                answers.append(ask(path, "wait 50ms srv-removable app/slow"))
                server.sendall(OK)
            assert client.recv(4096).startswith(b"HTTP/1.1 200")
        answers.append(ask(path, "wait 9s srv-removable app/slow"))
        answers.append(ask(path, "del server app/slow"))
        said.append(answers)
    hold.close()
    assert said[0] == said[1]
    assert said[0][2] == "Server still has connections attached to it, cannot remove it.\n\n"
    assert said[0][3:] == ["Wait delay expired.\n\n", "Done.\n\n", "Server deleted.\n\n"]
