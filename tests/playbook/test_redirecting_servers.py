"""Servers that clients are sent to (manual 5.2, redir)."""

from __future__ import annotations

import pytest
from support.configs import read
from support.stand import Stand

from pointsman.assemble import assemble

GET = b"GET /a/b?c=d HTTP/1.1\r\nhost: a\r\n\r\n"


def stand(words: str, back: str = "") -> Stand:
    return Stand(
        f"defaults\n mode http\n timeout client 5s\n timeout server 5s\n timeout connect 1s\n"
        f"frontend door\n bind 127.0.0.1:1\n default_backend app\nbackend app\n {back}\n server s1 {{a}} {words}\n",
        "a",
    )


def moved(location: bytes, *more: bytes) -> bytes:
    lines = [b"HTTP/1.1 302 Found", b"cache-control: no-cache", b"content-length: 0", b"location: " + location, *more]
    return b"\r\n".join([*lines, b"", b""])


@pytest.mark.parametrize("method", [b"GET", b"HEAD"])
def test_get_and_head_are_sent_there(method: bytes) -> None:
    with stand("redir http://image1.example") as play:
        client = play.client()
        for _ in range(2):
            client.send(GET.replace(b"GET", method))
            assert client.take() == moved(b"http://image1.example/a/b?c=d")
    assert play.lines == ["302 LC", "302 LC"]


@pytest.mark.parametrize(
    "prefix, request_line, location",
    [
        ("http://i.example/", b"GET /x HTTP/1.1", b"http://i.example//x"),
        ("/", b"GET /x?y HTTP/1.1", b"/x?y"),
        ("http://i.example", b"GET http://a/x?y= HTTP/1.1", b"http://i.example/x?y="),
        ("http://i.example", b"GET /? HTTP/1.1", b"http://i.example/?"),
    ],
)
def test_where_to(prefix: str, request_line: bytes, location: bytes) -> None:
    with stand(f"redir {prefix}") as play:
        client = play.client()
        client.send(request_line + b"\r\nhost: a\r\n\r\n")
        assert client.take() == moved(location)


def test_what_rules_have_made_of_the_request_and_add_to_the_answer() -> None:
    rules = (
        "http-request set-path /new%[path]\n http-response set-header x-r never\n http-after-response set-header x-a b"
    )
    with stand("redir http://i.example", rules) as play:
        client = play.client()
        client.send(GET)
        assert client.take() == moved(b"http://i.example/new/a/b?c=d", b"x-a: b")


def test_others_are_served() -> None:
    with stand("redir http://i.example") as play:
        client = play.client()
        client.send(b"POST /x HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\nok")
        server = play.accept("a")
        assert server.take().endswith(b"\r\n\r\nok")
        server.send(b"HTTP/1.1 204 No Content\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 204")
        client.send(GET)
        assert client.take() == moved(b"http://i.example/a/b?c=d")
        assert server.take() == b""


def test_it_counts_as_served_and_gives_its_slot_back() -> None:
    """As in HAProxy: a session that the server was chosen for, bytes both ways, no status, no connection."""
    with stand("redir http://i.example maxconn 1") as play:
        client = play.client()
        for _ in range(3):
            client.send(GET)
            answer = client.take()
        backend = play.backend()
        server = backend.servers[0]
        totals = server.counters.totals
        assert (totals.chosen, totals.sessions, totals.current, totals.connects) == (3, 3, 0, 0)
        assert (totals.bytes_in, totals.bytes_out) == (3 * len(GET), 3 * len(answer))
        assert (totals.http_3xx, backend.counters.totals.http_3xx) == (0, 3)


def test_without_http_there_is_nothing_to_redirect() -> None:
    loaded = read(
        "defaults\n timeout client 1s\n timeout server 1s\n timeout connect 1s\n"
        "listen x\n bind 127.0.0.1:1\n server s 127.0.0.1:1 redir http://a\n"
    )
    assemble(loaded.configuration, loaded.diagnostics)
    assert loaded.errors == ["backend 'x' : server cannot have cookie or redirect prefix in non-HTTP mode."]
