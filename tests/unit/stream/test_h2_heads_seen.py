"""What rules, logs and servers of HTTP/1 see of requests of HTTP/2: the values are those of HAProxy 3.2.26."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.h2_peer import PROTOCOL_ERROR, Pair, data, headers, literals
from support.h2_stand import H2Peer, H2Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    retries 0
frontend f
    bind 127.0.0.1:1
    acl show path_sub show
    http-request set-header host new.org if { path_beg /sethost }
    http-request set-uri http://uri.org/x if { path_beg /seturiabs }
    http-request set-uri /x if { path_beg /seturirel }
    http-request set-uri ftp://uri.org/x if { path_beg /seturiftp }
    http-request set-path /newpath if { path_beg /setpath }
    http-request set-query q=1 if { path_beg /setquery }
    http-request set-path new if { path_beg /relative }
    http-request set-pathq new?y if { path_beg /both }
    http-request set-path %[var(txn.none)] if { path_beg /empty }
    http-request set-query q=1 if { method OPTIONS }
    http-request del-header host if { path_beg /delhost }
    http-request return status 200 content-type text/plain lf-file {file} if show or { path_beg /see }
    default_backend b
backend b
    server a {a}
frontend lax
    bind 127.0.0.1:2
    option accept-unsafe-violations-in-http-request
    default_backend b
"""
SEEN = (
    *("url", "path", "pathq", "query", "base", "baseq", "req.hdr(host)", "req.hdr_cnt(host)", "req.ver", "method"),
    *("capture.req.method", "capture.req.uri", "capture.req.ver", "req.hdr_names"),
)
TAGS = ("r", "HM", "HU", "HP", "HPO", "HQ", "HV")


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[H2Stand]:
    page = tmp_path_factory.mktemp("pages") / "seen"
    page.write_text("\n".join([f"{name}=%[{name}]" for name in SEEN] + [f"{name}=%{name}" for name in TAGS]))
    with H2Stand(CONFIG.replace("{file}", str(page)), "a") as made:
        yield made


def asked(method: str, path: str, scheme: str, authority: str | None) -> list[Pair]:
    named: list[Pair] = [(":authority", authority)] if authority is not None else []
    return [(":method", method), (":scheme", scheme), *named, (":path", path)]


def one(stand: H2Stand, fields: list[Pair], name: str = "f") -> H2Peer:
    client = stand.h2(name=name)
    client.put(headers(1, literals(fields), True))
    return client


def seen(stand: H2Stand, fields: list[Pair]) -> dict[str, str]:
    answer = one(stand, fields).answer(1)
    assert answer.status == 200
    return dict(line.split("=", 1) for line in answer.body.decode().splitlines())


def test_an_absolute_uri(stand: H2Stand) -> None:
    found = seen(stand, asked("GET", "/see?a=b", "https", "Ex.com:443"))
    assert found == {
        "url": "https://Ex.com/see?a=b",
        "path": "/see",
        "pathq": "/see?a=b",
        "query": "a=b",
        "base": "Ex.com/see",
        "baseq": "Ex.com/see?a=b",
        "req.hdr(host)": "Ex.com",
        "req.hdr_cnt(host)": "1",
        "req.ver": "2.0",
        "method": "GET",
        "capture.req.method": "GET",
        "capture.req.uri": "/see?a=b",
        "capture.req.ver": "HTTP/1.1",
        "req.hdr_names": "host",
        "r": "GET https://Ex.com/see?a=b HTTP/2.0",
        "HM": "GET",
        "HU": "https://Ex.com/see?a=b",
        "HP": "https://Ex.com/see",
        "HPO": "/see",
        "HQ": "?a=b",
        "HV": "HTTP/2.0",
    }


def test_a_path_alone(stand: H2Stand) -> None:
    found = seen(stand, [*asked("GET", "/see", "http", None), ("host", "h.org")])
    assert [found[name] for name in ("url", "path", "base", "req.hdr(host)", "r", "HP", "HV")] == [
        *("/see", "/see", "h.org/see", "h.org", "GET /see HTTP/2.0", "/see", "HTTP/2.0")
    ]
    none = seen(stand, asked("GET", "/see", "http", None))
    assert [none[name] for name in ("url", "base", "req.hdr(host)", "req.hdr_cnt(host)")] == ["/see", "/see", "", "0"]


def test_another_host_is_another_uri(stand: H2Stand) -> None:
    found = seen(stand, asked("GET", "/sethostshow?z", "http", "ex.com"))
    assert (found["url"], found["base"]) == ("http://new.org/sethostshow?z", "new.org/sethostshow")
    assert found["r"] == "GET http://ex.com/sethostshow?z HTTP/2.0"
    gone = seen(stand, asked("GET", "/delhostshow?z", "http", "ex.com"))
    assert (gone["url"], gone["base"]) == ("http://ex.com/delhostshow?z", "/delhostshow")


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/sethost?z", b"GET /sethost?z HTTP/1.1\r\nhost: new.org\r\n\r\n"),
        ("/seturiabs?z", b"GET http://uri.org/x HTTP/1.1\r\nhost: uri.org\r\n\r\n"),
        ("/seturirel?z", b"GET /x HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/seturiftp?z", b"GET ftp://uri.org/x HTTP/1.1\r\nhost: uri.org\r\n\r\n"),
        ("/setpath?z", b"GET /newpath?z HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/setquery?z", b"GET /setquery?q=1 HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/relative?z", b"GET /new?z HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/both?z", b"GET /new?y HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/empty?z", b"GET /?z HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/empty", b"GET / HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("*", b"OPTIONS /?q=1 HTTP/1.1\r\nhost: ex.com\r\n\r\n"),
        ("/delhost?z", b"GET /delhost?z HTTP/1.1\r\n\r\n"),
    ],
)
def test_what_rules_make_of_the_uri(stand: H2Stand, path: str, sent: bytes) -> None:
    client = one(stand, asked("OPTIONS" if path == "*" else "GET", path, "http", "ex.com"))
    server = stand.accept("a")
    assert server.take() == sent
    server.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    server.close()
    assert client.answer(1).status == 204


def test_a_malformed_head_is_a_bad_request_in_the_log(stand: H2Stand) -> None:
    client = one(stand, asked("GET", "/a#b", "http", "ex.com"))
    assert client.look().resets == {1: PROTOCOL_ERROR}
    assert client.answer(1).status == 0
    assert stand.lines[-1] == "0 PR"
    answered = one(stand, asked("G(", "/", "http", "ex.com"))
    assert answered.answer(1).status == 400
    assert stand.lines[-1] == "400 PR"


def test_a_fragment_passes_under_its_option(stand: H2Stand) -> None:
    """option accept-unsafe-violations-in-http-request; nothing else of its list is of HTTP/2 (manual 4.2)."""
    client = one(stand, asked("GET", "/a#b", "http", "ex.com"), "lax")
    server = stand.accept("a")
    assert server.take() == b"GET /a#b HTTP/1.1\r\nhost: ex.com\r\n\r\n"
    server.close()
    assert client.answer(1).status == 502
    assert one(stand, asked("GET", "/a b", "http", "ex.com"), "lax").look().resets == {1: PROTOCOL_ERROR}
    other = [*asked("GET", "/", "http", "ex.com"), ("a b", "c")]
    assert one(stand, other, "lax").look().resets == {1: PROTOCOL_ERROR}


def test_a_body_without_length_and_its_trailers(stand: H2Stand) -> None:
    client = stand.h2(name="f")
    fields = [*asked("POST", "/", "http", "ex.com"), ("cookie", "a=b"), ("x", "y"), ("cookie", "c=d")]
    client.put(headers(1, literals(fields), False), data(1, b"abc"), headers(1, literals([("x-t", "1")]), True))
    server = stand.accept("a")
    assert server.take() == (
        b"POST / HTTP/1.1\r\nhost: ex.com\r\nx: y\r\ncookie: a=b; c=d\r\ntransfer-encoding: chunked\r\n\r\n"
        b"3\r\nabc\r\n0\r\nx-t: 1\r\n\r\n"
    )
    server.send(b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
    server.close()
    assert client.answer(1).status == 204


def test_malformed_trailers_reset_their_stream(stand: H2Stand) -> None:
    client = stand.h2(name="f")
    client.put(headers(1, literals(asked("POST", "/", "http", "ex.com")), False), data(1, b"abc"))
    server = stand.accept("a")
    assert server.take().endswith(b"\r\n3\r\nabc\r\n")
    client.put(headers(1, literals([("x-t", "1"), (":path", "/")]), True))
    assert client.look().resets == {1: PROTOCOL_ERROR}
    assert server.take() == b"" and server.closed  # its body has no end
