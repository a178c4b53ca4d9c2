"""persist rdp-cookie and balance rdp-cookie on both programs: tokens name the servers by their ports, which nobody
knows before they run."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.actor import Bells, Recv, Send
from support.origin import Origin
from support.programs import HAPROXY, POINTSMAN, Kind, Program

HEAD = """
global
    stats socket {dir}/stats level admin
defaults
    mode tcp
    timeout connect 2s
    timeout client 5s
    timeout server 5s
"""
FARM = """
listen farm
    bind 127.0.0.1:{port:front}
    tcp-request inspect-delay 300ms
    tcp-request content accept if RDP_COOKIE
    balance roundrobin
    stick-table type string len 20 size 10
"""
SERVERS = "    server one {one}\n    server two {two}\n    server three {three} disabled\n"
HEADERS = bytes.fromhex("0300002c27e00000000000")  # of the published example, [MS-RDPBCGR] 4.1.1


def token(port: int, address: str = "127.0.0.1") -> str:
    """As terminal servers write it: network order, read by a little-endian machine."""
    return f"{int.from_bytes(socket.inet_aton(address), 'little')}.{socket.htons(port)}.0000"


@contextmanager
def farm(kind: Kind, lines: str, folder: Path) -> Iterator[tuple[Program, dict[str, int]]]:
    """The program, and the ports of its servers, each of which tells its name once it is talked to."""
    names = ("one", "two", "three")
    bells = Bells()
    origins = {name: Origin([(Recv(), Send(name.encode()))], bells) for name in names}
    ports = {name: origin.port for name, origin in origins.items()}
    values = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    folder.mkdir()
    text = HEAD + FARM + "".join(f"    {line}\n" for line in lines.splitlines()) + SERVERS
    try:
        with Program(kind, text, folder, values) as program:
            yield program, ports
    finally:
        for origin in origins.values():
            origin.close()


def asks(program: Program, data: bytes, pieces: int = 1, source: str = "127.0.0.1") -> str:
    """Who answers to these first bytes."""
    with socket.create_connection(("127.0.0.1", program.ports["front"]), 5, (source, 0)) as sock:
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        step = -(-len(data) // pieces)
        for start in range(0, len(data), step):
            sock.sendall(data[start : start + step])
        sock.shutdown(socket.SHUT_WR)
        return sock.recv(100).decode()


def logging_in(text: str) -> bytes:
    return HEADERS + f"Cookie: {text}\r\n".encode() + bytes.fromhex("0100080003000000")


def both(lines: str, folder: Path, *requests: str) -> list[str]:
    """Who answers, in both programs. `{one}` in a request: the token of that server."""
    found = []
    for kind in (HAPROXY, POINTSMAN):
        with farm(kind, lines, folder / kind.name) as (program, ports):
            tokens = {name: token(port) for name, port in ports.items()}
            found.append([asks(program, logging_in(request.format(**tokens))) for request in requests])
    assert found[0] == found[1]
    return found[1]


pytestmark = [pytest.mark.peer, pytest.mark.timeout(120)]


def test_tokens_name_servers(tmp_path: Path) -> None:
    answers = both(
        "persist rdp-cookie",
        tmp_path,
        *("msts={two}", "MSTS={two}", "msts={one}", "msts={one}", "mstshash=x", "msts={three}", "msts=1.2.0000"),
    )
    assert answers[:4] == ["two", "two", "one", "one"]
    assert "three" not in answers


def test_down_and_option_persist(tmp_path: Path) -> None:
    assert both("persist rdp-cookie\noption persist", tmp_path, "msts={three}", "msts={three}") == ["three", "three"]


def test_what_comes_before_and_behind(tmp_path: Path) -> None:
    """use-server, then the token, then stick rules; ignore-persist says nothing of it."""
    lines = "use-server one if { req.len gt 70 }\nignore-persist if TRUE\npersist rdp-cookie\nstick on src"
    answers = both(lines, tmp_path, "msts={two}", "mstshash=x", "msts={one}", "mstshash=x", "msts={two}." + 50 * "0")
    assert answers == ["two", "two", "one", "one", "one"]


def test_other_names(tmp_path: Path) -> None:
    assert both("persist rdp-cookie(where)", tmp_path, "where={two}", "where={two}", "WHERE={one}") == [
        "two",
        "two",
        "one",
    ]


def test_users_are_hashed(tmp_path: Path) -> None:
    users = [f"mstshash=user{number}" for number in range(6)]
    answers = both("balance rdp-cookie", tmp_path, *users, *users)
    assert answers[:6] == answers[6:]
    assert set(answers) == {"one", "two"}


@pytest.mark.parametrize("pieces", [2, 7, 43])
def test_tokens_in_pieces(pieces: int, tmp_path: Path) -> None:
    with farm(POINTSMAN, "persist rdp-cookie", tmp_path / "ours") as (program, ports):
        for _ in range(2):
            assert asks(program, logging_in("msts=" + token(ports["two"])), pieces) == "two"


def test_users_stick(tmp_path: Path) -> None:
    """The manual's example of req.rdp_cookie, whatever address a user comes from."""
    found = []
    lines = "stick on req.rdp_cookie(mstshash)"
    for kind in (HAPROXY, POINTSMAN):
        with farm(kind, lines, tmp_path / kind.name) as (program, _):
            asked = [("a", "127.0.0.1"), ("b", "127.0.0.1"), ("a", "127.0.0.2"), ("b", "127.0.0.3"), ("a", "127.0.0.3")]
            found.append([asks(program, logging_in(f"mstshash={user}"), 1, source) for user, source in asked])
    assert found == [["one", "two", "one", "two", "one"]] * 2
