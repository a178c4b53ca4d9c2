"""show sess all: what is said of connections and streams of HTTP/2, in the fields of HAProxy 3.2."""

from __future__ import annotations

import asyncio
import re

from support.h2_peer import data
from support.h2_server_stand import H2ServerStand
from support.h2_stand import H2Stand
from support.stand import Stand

from pointsman.admin.console import RuntimeConnection
from pointsman.assemble.admin import Administration

CONFIG = """
global
    stats socket /nowhere/sock level admin
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a}
"""


def show(stand: Stand) -> list[str]:
    """The lines of `show sess all`, without blanks before them."""
    administration = next(one for one in stand.live.services if isinstance(one, Administration))
    console = RuntimeConnection(administration.view, administration.gauge, "admin", "none", 10_000)
    answer = asyncio.run(console.answer(["show", "sess", "all"]))
    return [line.strip() for line in answer.splitlines()]


def fields(lines: list[str], start: str) -> list[dict[str, str]]:
    return [dict(re.findall(r"([\w.]+)=(\S+)", line)) for line in lines if line.startswith(start)]


def test_streams_of_a_client() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/1")
        client.ask(3, "/3", "POST", end=False)
        client.put(data(3, b"ab"))
        for _ in range(2):
            stand.accept("a")
        lines = show(stand)
        streams = fields(lines, "h2s=")
        assert {(one["h2s.id"], one[".st"]) for one in streams} == {("1", "HCR"), ("3", "OPN")}
        connections = fields(lines, "h2c=")
        assert len(connections) == 2
        for one in connections:  # it is the same one
            wanted = {".maxid": "3", ".lastid": "-1", ".nbst": "2", ".nbrcv": "1", ".err": "0", ".glitches": "0"}
            assert {name: one[name] for name in wanted} == wanted
        assert [one["mux"] for one in fields(lines, "co0=")] == ["H2", "H2"]
        assert [one["mux"] for one in fields(lines, "co1=")] == ["H1", "H1"]


def test_a_stream_of_a_server() -> None:
    with H2ServerStand(CONFIG, "a", speaks="a") as stand:
        client = stand.client()
        client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        stand.h2_server("a")
        lines = show(stand)
        (stream,) = fields(lines, "h2s=")
        assert (stream["h2s.id"], stream[".st"]) == ("1", "HCL")
        (connection,) = fields(lines, "h2c=")
        assert (connection[".maxid"], connection[".nbst"]) == ("1", "1")
        assert [one["mux"] for one in fields(lines, "co0=")] == ["H1"]
        assert [one["mux"] for one in fields(lines, "co1=")] == ["H2"]


def test_connections_of_http1_have_no_such_lines() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        stand.accept("a")
        lines = show(stand)
        assert [one["mux"] for one in fields(lines, "co")] == ["H1", "H1"]
        assert not fields(lines, "h2")
