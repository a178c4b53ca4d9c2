"""option checkcache, http-drop-request-trailers and http-drop-response-trailers (manual 4.2)."""

from __future__ import annotations

import pytest
from support.configs import read
from support.stand import Stand

from pointsman.log.logger import Logger

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    {front}
    default_backend b
backend b
    {back}
    server s {a}
"""
CHUNKED = b"Transfer-Encoding: chunked\r\nTrailer: x-sum\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 1\r\n\r\n"
COOKIE = b"Set-Cookie: id=1"


def stand(front: str = "", back: str = "") -> Stand:
    return Stand(CONFIG.replace("{front}", front).replace("{back}", back), "a")


@pytest.mark.parametrize(
    ("front", "back", "up", "down"),
    [
        ("", "", True, True),
        ("", "option http-drop-request-trailers", False, True),
        ("option http-drop-response-trailers", "", True, False),
        ("option http-drop-response-trailers", "option http-drop-request-trailers", False, False),
    ],
)
def test_trailers(front: str, back: str, up: bool, down: bool) -> None:
    with stand(front, back) as scene:
        client = scene.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + CHUNKED)
        server = scene.accept("a")
        request = server.take()
        assert request.endswith(b"3\r\nabc\r\n0\r\n" + (b"x-sum: 1\r\n" if up else b"") + b"\r\n")
        assert b"trailer: x-sum" in request
        server.send(b"HTTP/1.1 200 OK\r\n" + CHUNKED)
        assert client.take().endswith(b"3\r\nabc\r\n0\r\n" + (b"x-sum: 1\r\n" if down else b"") + b"\r\n")


def test_trailers_of_a_request_that_is_sent_again_are_dropped_too() -> None:
    with stand("", "option http-drop-request-trailers\n    retry-on 503\n    retries 1") as scene:
        client = scene.client()
        client.send(b"POST / HTTP/1.1\r\nHost: h\r\n" + CHUNKED)
        for status in (503, 200):
            server = scene.accept("a")
            assert server.take().endswith(b"3\r\nabc\r\n0\r\n\r\n")
            server.send(b"HTTP/1.1 %d X\r\nContent-Length: 0\r\n\r\n" % status)
            scene.wait(1000)
        assert client.take().startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize(
    ("kind", "option", "said"),
    [
        ("backend", "http-drop-request-trailers", ""),
        ("listen", "http-drop-request-trailers", ""),
        ("frontend", "http-drop-request-trailers", "has no backend capability"),
        ("defaults", "checkcache", ""),
        ("frontend", "http-drop-response-trailers", ""),
        ("listen", "http-drop-response-trailers", ""),
        ("backend", "http-drop-response-trailers", "has no frontend capability"),
        ("backend", "checkcache", ""),
        ("frontend", "checkcache", "has no backend capability"),
    ],
)
def test_where_they_stand(kind: str, option: str, said: str) -> None:
    loaded = read(f"{kind} x\n mode http\n option {option}\n no option {option}\n")
    assert loaded.errors == []
    assert all(said in warning for warning in loaded.warnings) and len(loaded.warnings) == 2 * bool(said)


def exchange(scene: Stand, method: bytes, status: int, *fields: bytes) -> bytes:
    """The first line that the client gets."""
    client = scene.client()
    client.send(b"%b / HTTP/1.1\r\nHost: h\r\n\r\n" % method)
    server = scene.accept("a")
    head = b"".join(field + b"\r\n" for field in fields)
    server.send(b"HTTP/1.1 %d X\r\n%bContent-Length: 0\r\nConnection: close\r\n\r\n" % (status, head))
    answer = client.take()
    client.close()
    return answer.partition(b"\r\n")[0].split(b" ")[1]


ALLOWED = [
    b"Pragma: no-cache",
    b"Pragma: x, No-Cache",
    b"Cache-control: private",
    b"Cache-control: no-store",
    b"Cache-control: max-age=0",
    b"Cache-control: s-maxage=0",
    b"Cache-control: no-cache",
    b'Cache-control: no-cache="set-cookie"',
    b'Cache-control: no-cache="set-cookie,x"',
    b"Cache-control: must-revalidate, Private",
    b"Cache-control: public, no-store",
]
BLOCKED = [
    b"X: y",
    b"Pragma: x",
    b"Cache-control: public",
    b"Cache-control: max-age=10",
    b"Cache-control: max-age=00",
    b'Cache-control: no-cache="x"',
    b'Cache-control: no-cache="set-cookie2"',
    b"Cache-control: must-revalidate",
]


def test_a_cookie_that_caches_would_keep_is_blocked() -> None:
    """The manual's list, item by item."""
    with stand("", "option checkcache") as scene:
        for field in ALLOWED:
            assert exchange(scene, b"GET", 200, COOKIE, field) == b"200", field
        for field in BLOCKED:
            assert exchange(scene, b"GET", 200, field) == b"200", field  # no cookie
            assert exchange(scene, b"GET", 200, COOKIE, field) == b"502", field
            assert scene.lines[-1] == "502 PH"
        for status in (200, 203, 206, 300, 301, 404, 405, 410, 414, 501):
            assert exchange(scene, b"GET", status, COOKIE) == b"502", status
        for status in (201, 302, 307, 400, 403, 500, 503):
            assert exchange(scene, b"GET", status, COOKIE) == b"%d" % status
            assert exchange(scene, b"GET", status, COOKIE, b"Cache-Control: public") == b"502", status
        for method in (b"HEAD", b"OPTIONS", b"TRACE"):
            assert exchange(scene, method, 200, COOKIE) == b"502", method
        for method in (b"POST", b"PUT", b"DELETE", b"PATCH"):
            assert exchange(scene, method, 200, COOKIE) == b"200", method
            assert exchange(scene, method, 200, COOKIE, b"Cache-Control: public") == b"502", method
        backend = scene.backend("b")
        assert backend.counters.totals.denied_responses == scene.lines.count("502 PH") > 0


class Told(Logger):
    """Keeps messages."""

    def __init__(self) -> None:
        super().__init__([], lambda context: b"")
        self.told: list[tuple[int, bytes]] = []

    def event(self, level: int, text: bytes) -> None:
        self.told.append((level, text))


def test_the_log_has_an_alert() -> None:
    with stand("", "option checkcache") as scene:
        check = scene.backend("b").cache_check
        assert check is not None
        assert check.logger is not None
        told = check.logger = Told()
        assert exchange(scene, b"GET", 200, COOKIE) == b"502"
        assert told.told == [(1, b"Blocked a response with a cacheable cookie from instance b, server s.")]


def test_rules_come_first() -> None:
    with stand("", "option checkcache\n    http-response del-header Set-Cookie") as scene:
        assert exchange(scene, b"GET", 200, COOKIE) == b"200"
    with stand("http-response set-header Cache-Control private", "option checkcache") as scene:
        assert exchange(scene, b"GET", 200, COOKIE) == b"200"


def test_the_same_response_to_another_method_is_looked_at_again() -> None:
    """What is remembered of a response's head must not let it through to whom it is forbidden."""
    with stand("", "option checkcache") as scene:
        client = scene.client()
        server = None
        seen = []
        for method in (b"POST", b"POST", b"POST", b"GET"):
            client.send(b"%b / HTTP/1.1\r\nHost: h\r\n\r\n" % method)
            server = server or scene.accept("a")
            server.send(b"HTTP/1.1 200 OK\r\n%b\r\nContent-Length: 0\r\n\r\n" % COOKIE)
            seen.append(client.take()[9:12])
        assert seen == [b"200", b"200", b"200", b"502"]
