"""What streams of one connection of HTTP/2 have of their own, and what they share."""

from __future__ import annotations

import pytest
from support.h2_stand import H2Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    unique-id-format %{+X}o%rt
    unique-id-header x-id
    declare capture request len 20
    http-request capture path id 0
    http-request set-var(txn.path) path
    http-request set-var(sess.last) path if { path /1 }
    http-request track-sc0 src table t
    http-request track-sc1 path table p if { path_beg /t }
    http-request set-src str(10.0.0.1) if { path /1 }
    http-response set-header x-path %[var(txn.path)]
    http-response set-header x-last %[var(sess.last,none)]
    http-response set-header x-capture %[capture.req.hdr(0)]
    http-response set-header x-src %[src]
    http-response set-header x-rate %[sc0_http_req_cnt]
    http-response set-header x-tracked %[sc1_http_req_cnt]
    default_backend b
backend b
    server a {a}
backend t
    stick-table type ip size 10 expire 1m store http_req_cnt,conn_cur,bytes_out_cnt
backend p
    stick-table type string size 10 expire 1m store http_req_cnt
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def said(answer: list[tuple[bytes, bytes]]) -> dict[str, str]:
    return {name.decode(): value.decode() for name, value in answer if name.startswith(b"x-")}


@pytest.mark.parametrize("rounds", [1, 3])
def test_streams_that_overlap_share_nothing_but_their_session(rounds: int) -> None:
    """In later rounds HttpStreams of before serve them."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        number = count = 0
        servers = []
        for turn in range(rounds):
            streams = {}
            for path in ("/1", "/t2", "/3"):
                number += 2
                streams[path] = number - 1
                client.ask(number - 1, path)
                if not turn:
                    servers.append(stand.accept("a"))
            ids = {server.take().partition(b"x-id: ")[2].split(b"\r\n")[0] for server in servers}
            assert len(ids) == 3
            for server in servers:
                server.send(OK)
            count += 3
            for path, stream in streams.items():
                found = said(client.answer(stream).fields)
                assert found == {
                    "x-path": path,
                    "x-last": "/1",
                    "x-capture": path,
                    "x-src": "10.0.0.1" if path == "/1" else "127.0.0.1",
                    "x-rate": str(count),
                    "x-tracked": str(turn + 1) if path == "/t2" else "",
                }
        assert client.look().ended == set(range(1, number, 2))


def test_marks_of_time() -> None:
    """The idle time before a request counts from the request before it on (manual 8.4, Ti)."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        stand.wait(100)
        client.ask(1, "/1")
        first = stand.accept("a")
        stand.wait(200)
        client.ask(3, "/3")
        second = stand.accept("a")
        stand.wait(400)
        second.send(OK)
        later = stand.record
        first.send(OK)
        earlier = stand.record
        client.ask(5, "/3")
        second.take()
        first.take()
        stand.wait(50)
        for server in (first, second):
            server.send(OK)
        last = stand.record

    def times(marks: dict[str, object]) -> tuple[int, int, int]:
        """Ti, Ta, Tt."""
        accepted, handshake, begun, ended = (marks[name] for name in ("accepted", "handshake", "begun", "ended"))
        assert isinstance(accepted, int) and isinstance(handshake, int)
        assert isinstance(begun, int) and isinstance(ended, int)
        return begun - handshake, ended - begun, ended - accepted

    assert times(earlier) == (100, 600, 700)
    assert times(later) == (200, 400, 600)
    assert times(last) == (400, 50, 450)


def test_a_stream_that_a_rule_has_refused_serves_again() -> None:
    denied = CONFIG.replace("    default_backend b", "    http-request deny if { path /1 }\n    default_backend b")
    with H2Stand(denied, "a") as stand:
        client = stand.h2()
        for number in (1, 3):
            client.ask(number, "/1")
            assert client.answer(number).status == 403
        client.ask(5, "/3")
        stand.accept("a").send(OK)
        assert said(client.answer(5).fields)["x-last"] == "/1"
        assert said(client.answer(5).fields)["x-src"] == "127.0.0.1"
        assert stand.lines == ["403 PR", "403 PR", "200 --"]
