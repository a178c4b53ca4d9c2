"""Connections of TCP mode: what `pointsman explain` says of their first bytes is what the live program does with them.

Each opens with a hello, a request of HTTP, bytes of neither, or half of something; rules wait for more, and time passes
in the live program. The same server has to be chosen, or the same refusal; the log line says the same but for times.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from support.beside import MOVING, Written
from support.stand import Stand

from pointsman.verbs.explain.engine import Engine
from pointsman.verbs.explain.hello import client_hello
from pointsman.verbs.explain.lines import LogFields
from pointsman.verbs.explain.model import Answered, Asked

CONFIG = """\
global
    log 127.0.0.1:514 local0
defaults
    mode tcp
    log global
    option tcplog
    timeout client 30s
    timeout server 1m
    timeout connect 5s
frontend f
    bind 127.0.0.1:1
    tcp-request inspect-delay 500ms
    tcp-request content set-var(sess.sni) req.ssl_sni
    tcp-request content capture req.ssl_sni len 20
    tcp-request content reject if { req.ssl_sni -m beg bad. }
    tcp-request content accept if { req.ssl_hello_type 1 }
    tcp-request content reject if { req.payload(0,4) -m bin 00000000 }
    tcp-request content set-log-level err if HTTP
    use_backend a if { req.ssl_sni -i -m end .a.example }
    use_backend b if { var(sess.sni) -m str b.example }
    use_backend c if HTTP METH_GET
    use_backend nobody if { req.len 3 }
    default_backend d
backend a
    balance roundrobin
    server a1 {aa}
    server a2 {ab}
backend b
    tcp-request content reject if { req.ssl_alpn h2 }
    server b1 {ba}
backend c
    tcp-response inspect-delay 500ms
    tcp-response content reject if { res.payload(0,1) -m str x }
    server c1 {ca}
backend d
    balance roundrobin
    stick-table type binary len 4 size 1k expire 1m
    stick on req.payload(0,4)
    server d1 {da}
    server d2 {db}
backend nobody
    server n1 127.0.0.1:1 disabled
"""
SERVERS = ("aa", "ab", "ba", "ca", "da", "db")
PAYLOADS = {
    "hello": client_hello("x.a.example", (b"http/1.1",)),
    "again": client_hello("x.a.example", (b"http/1.1",)),
    "b": client_hello("b.example", (b"http/1.1",)),
    "b over h2": client_hello("b.example", (b"h2", b"http/1.1")),
    "bad": client_hello("bad.example", ()),
    "no name": client_hello("", (b"http/1.1",)),
    "half a hello": client_hello("x.a.example", (b"http/1.1",))[:40],
    "request": b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n",
    "post": b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
    "half a request": b"GET /x HTTP/1.1\r\nHo",
    "zeros": bytes(8),
    "key 1": b"key1 and more",
    "key 2": b"key2 and more",
    "key 1 again": b"key1 and other",
    "three": b"abc",
}


class Lines(Stand):
    """Its first frontend keeps its real lines."""

    odd = False
    h2 = ""

    def _logger(self, when):  # type: ignore[no-untyped-def]
        return Written(self.live.frontends[0].logger, LogFields())


def without_times(line: str) -> str:
    """The client's port, the date, and timers."""
    return re.sub(r"\[[^]]*\]|(?<= )[-0-9+]+(?:/[-0-9+]+){2}(?= )", "*", line, count=2)


@pytest.mark.parametrize("answer", [b"", b"y123", b"x123"])
def test_explained_as_done(answer: bytes, tmp_path: Path) -> None:
    with Lines(CONFIG, *SERVERS) as stand:
        text = CONFIG
        for name, listener in stand.listeners.items():
            text = text.replace("{" + name + "}", f"127.0.0.1:{listener.getsockname()[1]}")
        file = tmp_path / "haproxy.cfg"
        file.write_text(text)
        engine = Engine([str(file)])
        assert not engine.failed
        logger = stand.frontend().logger
        assert isinstance(logger, Written)
        for name, payload in PAYLOADS.items():
            found = engine.explain(Asked(payload=payload, answer=Answered(body=answer)))
            client = stand.client()
            client.send(payload)
            arrived = {one: ends for one in SERVERS if (ends := stand.arrivals(one))}
            if not arrived and not client.closed:
                stand.wait(600)
                arrived = {one: ends for one in SERVERS if (ends := stand.arrivals(one))}
            got = b""
            for ends in arrived.values():
                got = ends[0].take()
                ends[0].send(answer)
                stand.wait(600)
                ends[0].close()
            client.take()
            client.close()
            stand.settle()
            line, fields = logger.written.pop()
            told = "" if found.server is None else found.server.name
            assert [f"{one[0]}{ord(one[1]) - 96}" for one in arrived] == [told] * bool(told), name
            assert not told or got == payload
            seen = {one: text for one, text in fields.items() if one not in {*MOVING, "ci", "cp", "fi", "fp"}}
            assert {one: found.log_fields[one] for one in seen} == seen, name
            assert without_times(found.log_line).split(" ", 1)[1] == without_times(line).split(" ", 1)[1], name
        engine.close()
