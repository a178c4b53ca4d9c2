"""Checks of servers of TLS by both programs: states, statuses, texts, names (manual 5.2, 4.2, management 9.1)."""

from __future__ import annotations

import csv
import re
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.scenario import query
from support.tls_origin import HOST, TlsOrigin
from support.tls_stand import serving
from test_peer_servers_over_tls import CA, FOREIGN, Raw, Server, origin

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

HEAD = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200
"""
HTTP = "option httpchk GET / HTTP/1.1\n    http-check send hdr Host h.test"


@dataclass(frozen=True)
class Case:
    words: str
    rules: str = ""
    server: Callable[[], Server] = lambda: TlsOrigin(serving(HOST))


CASES = {
    "a handshake": Case(f"ssl verify required ca-file {CA}"),
    "by its name": Case(f"ssl verify required ca-file {CA} check-sni {HOST}"),
    "another name": Case(f"ssl verify required ca-file {CA} check-sni o.test"),
    "verifyhost": Case(f"ssl verify required ca-file {CA} verifyhost o.test"),
    "another authority": Case(f"ssl verify required ca-file {FOREIGN}"),
    "expired": Case(f"ssl verify required ca-file {CA}", server=origin(expired=True)),
    "the traffic's name is not that of checks": Case("ssl verify none sni str(x.test)"),
    "silent": Case("ssl verify none", server=lambda: Raw(None)),
    "ends": Case("ssl verify none", server=lambda: Raw(b"")),
    "plain": Case("ssl verify none", server=lambda: Raw(b"HTTP/1.1 400 Bad\r\n\r\n")),
    "HTTP": Case("ssl verify none check-sni c.test", HTTP),
    "HTTP, plain traffic": Case("check-ssl verify none", HTTP),
    "HTTP, a rule": Case(
        "verify none", HTTP.replace("http-check", "http-check connect ssl sni r.test\n    http-check", 1)
    ),
    "a plain rule": Case("ssl verify none", "option tcp-check\n    tcp-check connect"),
    "a rule": Case("verify none", "option tcp-check\n    tcp-check connect ssl sni r.test"),
    "the line's words": Case("ssl verify none", "option tcp-check\n    tcp-check connect default"),
    "a rule that fails": Case(
        "verify none",
        "option tcp-check\n    tcp-check connect ssl comment why\n    tcp-check send x",
        lambda: Raw(b"no TLS at all"),
    ),
    "elsewhere it is plain": Case("ssl verify none addr 127.0.0.1"),
    "a hello": Case("", "option ssl-hello-chk"),
    "a hello, and nothing": Case("", "option ssl-hello-chk", lambda: Raw(b"")),
    "a hello, and something else": Case("", "option ssl-hello-chk", lambda: Raw(b"HTTP/1.1 400 Bad\r\n\r\n")),
    "a hello, and an alert": Case("", "option ssl-hello-chk", lambda: Raw(b"\x15\x03\0\0\2\2\x28")),
    "a hello, and silence": Case("", "option ssl-hello-chk", lambda: Raw(None)),
}


def play(kind: Kind, folder: Path) -> dict[str, tuple[str, ...]]:
    """State, status, code, text and description of each server, and the names that its hellos had."""
    text = HEAD
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for number, (name, case) in enumerate(CASES.items()):
            server = servers[name] = case.server()
            stack.callback(server.close)
            # HAProxy before 3.3 names nobody by itself.
            mute = " no-check-sni-auto" if kind is POINTSMAN else ""
            line = f"server s 127.0.0.1:{server.port} check inter 500 fall 1 {case.words}{mute}"
            text += f"backend b{number}\n    {case.rules}\n    {line}\n"
        with Program(kind, text, folder) as program:
            time.sleep(1.8)
            lines = query(program.folder / "stats", "show stat").lstrip("# ").strip().splitlines()
        rows = {row["pxname"]: row for row in csv.DictReader(lines) if row["svname"] == "s"}
        found: dict[str, tuple[str, ...]] = {}
        for number, (name, server) in enumerate(servers.items()):
            row = rows[f"b{number}"]
            names = {str(one.name) for one in server.seen} if isinstance(server, TlsOrigin) else set()
            columns = ("status", "check_status", "check_code", "last_chk", "check_desc")
            # The star is for a check that is under way.
            found[name] = (*(row[column].removeprefix("* ") for column in columns), *sorted(names))
        return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    return play(HAPROXY, tmp_path_factory.mktemp("h")), play(POINTSMAN, tmp_path_factory.mktemp("p"))


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_haproxy(both: tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]], name: str) -> None:
    theirs, ours = both[0][name], both[1][name]
    # OpenSSL's own words stand in brackets behind HAProxy's.
    mine = (
        *ours[:3],
        re.sub(r"(SSL handshake failure|different from the \w+ one) \((?:[^()]|\([^()]*\))*\)", r"\1", ours[3]),
        *ours[4:],
    )
    if peer_version() < (3, 0):
        if theirs[1] == "L6RSP":
            assert mine[:2] == theirs[:2]
            return
        # It names no kind of check, or does so by chance.
        mine, theirs = ((*one[:3], one[3].replace("(tcp-check)", ""), *one[4:]) for one in (mine, theirs))
    assert mine == theirs
