"""Single checks against a scripted server. Requests, statuses and words are those of HAProxy 3.2."""

import asyncio
import re
import socket
from pathlib import Path

import pytest
import scripted
from scripted import RESET, Farm, Scripted, with_server

import pointsman.keywords
from pointsman.proto.proxy import parse
from pointsman.server.checks.status import STATUSES

assert pointsman.keywords

OK = b"HTTP/1.0 200 OK\r\n\r\n"

BROKEN = "ECONNRESET returned by OS (Connection reset by peer)"
REFUSED = "ECONNREFUSED returned by OS (Connection refused)"


def answer(status: bytes, body: bytes = b"", head: bytes = b"") -> bytes:
    return b"HTTP/1.1 %b\r\n%bcontent-length: %d\r\n\r\n%b" % (status, head, len(body), body)


def check(lines: str, script: Scripted, words: str = "check inter 15000") -> tuple[str, int, str]:
    """Status, code and info after one check."""
    found: list[tuple[str, int, str]] = []

    async def scene() -> None:
        farm = Farm(lines, [words], [script.port])
        await farm.checkers[0].once()
        server = farm.server
        found.append((server.check_status, server.check_code, server.last_check))

    with_server(script, scene)
    return found[0]


@pytest.mark.parametrize(
    ("lines", "request_bytes"),
    [
        ("option httpchk", b"OPTIONS / HTTP/1.0\r\n\r\n"),
        ("option httpchk /health", b"OPTIONS /health HTTP/1.0\r\n\r\n"),
        ("option httpchk HEAD /health", b"HEAD /health HTTP/1.0\r\n\r\n"),
        ("option httpchk GET /h HTTP/1.1", b"GET /h HTTP/1.1\r\nconnection: close\r\n\r\n"),
        ("option httpchk POST /o|http-check send body xyz", b"POST /o HTTP/1.0\r\ncontent-length: 3\r\n\r\nxyz"),
        ("option httpchk PUT /a HTTP/1.1", b"PUT /a HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        ("option httpchk FOO /a HTTP/1.1", b"FOO /a HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"),
        ("option httpchk DELETE /a HTTP/1.1", b"DELETE /a HTTP/1.1\r\nconnection: close\r\n\r\n"),
        (
            "option httpchk|http-check send meth PUT uri /u ver HTTP/1.1 hdr Host ex.am hdr X-B y body hello",
            b"PUT /u HTTP/1.1\r\nhost: ex.am\r\nx-b: y\r\ncontent-length: 5\r\nconnection: close\r\n\r\nhello",
        ),
        (
            "option httpchk GET /h HTTP/1.1|http-check send hdr host a.b hdr content-length 3 "
            "hdr connection keep-alive",
            b"GET /h HTTP/1.1\r\nhost: a.b\r\n\r\n",
        ),
        (
            "option httpchk GET /o HTTP/1.1|http-check send uri /s hdr A b",
            b"GET /s HTTP/1.1\r\na: b\r\nconnection: close\r\n\r\n",
        ),
        (
            "http-check send meth GET uri /x|option httpchk PUT /o HTTP/1.1",
            b"PUT /o HTTP/1.1\r\ncontent-length: 0\r\nconnection: close\r\n\r\n",
        ),
        (
            "option httpchk GET http://x.y/z HTTP/1.1|http-check send hdr host q.w",
            b"GET http://q.w/z HTTP/1.1\r\nhost: q.w\r\nconnection: close\r\n\r\n",
        ),
        (
            "option httpchk GET /a|http-check send hdr connection keep-alive",
            b"GET /a HTTP/1.0\r\nconnection: keep-alive\r\n\r\n",
        ),
        ("option httpchk GET /a|http-check send hdr connection close", b"GET /a HTTP/1.0\r\n\r\n"),
        (
            "option httpchk|http-check send ver HTTP/1.1 hdr Connection upgrade hdr Upgrade plain",
            b"OPTIONS / HTTP/1.1\r\nconnection: upgrade\r\nupgrade: plain\r\n\r\n",
        ),
        (
            "option httpchk|http-check send hdr Connection upgrade hdr Upgrade plain",
            b"OPTIONS / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: plain\r\n\r\n",
        ),
        (
            "option httpchk|http-check send ver HTTP/1.1 hdr Upgrade plain",
            b"OPTIONS / HTTP/1.1\r\nupgrade: plain\r\nconnection: close\r\n\r\n",
        ),
        (
            "option httpchk|http-check send ver HTTP/1.1 hdr Connection Upgrade,foo,Close hdr Upgrade plain body xx",
            b"OPTIONS / HTTP/1.1\r\nconnection: Upgrade,foo\r\nupgrade: plain\r\ncontent-length: 2\r\n\r\nxx",
        ),
        (
            "option httpchk|http-check send ver HTTP/1.1 hdr Connection close,foo hdr Connection bar",
            b"OPTIONS / HTTP/1.1\r\nconnection: foo\r\nconnection: bar\r\nconnection: close\r\n\r\n",
        ),
        (
            "option httpchk|http-check send ver HTTP/1.1 hdr Connection foo hdr Keep-Alive x",
            b"OPTIONS / HTTP/1.1\r\nconnection: foo\r\nkeep-alive: x\r\n\r\n",
        ),
        (
            "option httpchk|http-check send hdr Connection keep-alive,foo",
            b"OPTIONS / HTTP/1.0\r\nconnection: foo\r\nconnection: keep-alive\r\n\r\n",
        ),
        (
            "option httpchk|http-check send hdr Connection upgrade hdr Upgrade h2c",
            b"OPTIONS / HTTP/1.0\r\nconnection: upgrade\r\n\r\n",
        ),
        ("option httpchk|http-check send hdr X %[str()] hdr Y a%[str()]", b"OPTIONS / HTTP/1.0\r\ny: a\r\n\r\n"),
        ("option httpchk|http-check send hdr X %[unique-id] hdr Y [%ID]", b"OPTIONS / HTTP/1.0\r\ny: []\r\n\r\n"),
        (
            "unique-id-format %b.%s-x|option httpchk|http-check send hdr Connection upgrade hdr Upgrade plain hdr R "
            "%[unique-id] hdr S %ID",
            b"OPTIONS / HTTP/1.0\r\nconnection: upgrade\r\nupgrade: plain\r\nr: b.s1-x\r\ns: b.s1-x\r\n\r\n",
        ),
        ("option tcp-check|tcp-check send PING\\r\\n", b"PING\r\n"),
        ("option tcp-check|tcp-check send-binary 50494e470d0a|tcp-check expect binary 48545450", b"PING\r\n"),
        ("option tcp-check|tcp-check send-lf a%%b", b"a%b"),
        ("option tcp-check|tcp-check send-binary-lf 4142", b"AB"),
    ],
)
def test_what_is_sent(lines: str, request_bytes: bytes) -> None:
    script = Scripted(OK)
    status, _, _ = check(lines, script)
    assert status == "L7OK"
    assert script.requests == [request_bytes]


def test_the_host_of_httpchk() -> None:
    """3.5 takes a host behind the version, as a log-format (manual 4.2 option httpchk)."""
    script = Scripted(OK)
    check("option httpchk GET /h HTTP/1.1 www.example.com", script)
    assert script.requests == [b"GET /h HTTP/1.1\r\nhost: www.example.com\r\nconnection: close\r\n\r\n"]


def accepted(lines: str, checks: int, words: str = "check inter 1000") -> int:
    """How many connections a listener has to accept after so many checks, all passed, of which it accepts none."""
    with socket.create_server(("127.0.0.1", 0), backlog=1) as listener:
        listener.setblocking(False)
        farm = Farm(lines, [words], [listener.getsockname()[1]])

        async def scene() -> None:
            for _ in range(checks):
                await farm.checkers[0].once()
                assert farm.server.check_status in ("L4OK", "L7OK")

        asyncio.run(scene())
        count = 0
        while True:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                return count
            count += 1


@pytest.mark.parametrize(
    "lines",
    [
        "",
        "option tcp-check",
        "option tcp-check|tcp-check connect|tcp-check comment end",
        "option tcp-check|tcp-check connect|tcp-check connect",
    ],
)
def test_a_check_that_only_connects_leaves_nothing_to_accept(lines: str) -> None:
    """A listener whose backlog is 1, and that never accepts, stays up."""
    assert accepted(lines, 20) == 0


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ("option tcp-check|tcp-check connect linger", "check inter 1000"),
        ("option tcp-check|tcp-check connect send-proxy", "check inter 1000"),
        ("option tcp-check|tcp-check send x", "check inter 1000"),
        ("", "check inter 1000 send-proxy"),
        ("", "check inter 1000 check-send-proxy"),
    ],
)
def test_others_complete_the_handshake(lines: str, words: str) -> None:
    assert accepted(lines, 1, words) == 1


def test_several_requests() -> None:
    """Only the first request takes over what the line of the option says."""
    script = Scripted(OK)
    lines = (
        "option httpchk GET /o|http-check connect|http-check send uri /1|http-check expect status 200|"
        "http-check connect|http-check send uri /2"
    )
    assert check(lines, script) == ("L7OK", 200, "")
    assert script.requests == [b"GET /1 HTTP/1.0\r\n\r\n", b"OPTIONS /2 HTTP/1.0\r\n\r\n"]


def test_the_state_is_told() -> None:
    script = Scripted(OK)
    check("option httpchk GET /o|http-check send-state|http-check send hdr A b", script, "check inter 150 weight 3")
    assert script.requests == [
        b"GET /o HTTP/1.0\r\na: b\r\nx-haproxy-server-state: UP 1/3; address=127.0.0.1; port=%d; name=b/s1; node=node; "
        b"weight=3/3; scur=0/0; qcur=0\r\n\r\n" % script.port
    ]


def patience(expected: tuple[str, int, str]) -> str:
    """The words of a server: only a check that shall time out has little time."""
    return "check inter 150" if "TOUT" in expected[0] else "check inter 15000"


H = "option httpchk|"
E = "option httpchk|http-check expect "


@pytest.mark.parametrize(
    ("lines", "said", "expected"),
    [
        ("", b"", ("L4OK", 0, "")),
        ("option httpchk", b"HTTP/1.0 200 OK\r\n\r\n", ("L7OK", 200, "")),
        ("option httpchk", b"HTTP/1.0 302 \r\n\r\n", ("L7OK", 302, "")),
        ("option httpchk", b"HTTP/1.0 500 Internal Bad\r\n\r\n", ("L7STS", 500, "Internal Bad")),
        ("option httpchk", b"HTTP/1.0 404 Nope\r\n\r\n", ("L7STS", 404, "Nope")),
        ("option httpchk", b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ("L7OK", 200, "")),
        ("option httpchk", b"garbage\r\n\r\n", ("SOCKERR", 0, "")),
        ("option httpchk", b"", ("SOCKERR", 0, "")),
        ("option httpchk", b"HTTP/1.1 200 OK\r\nfoo: bar\r\n", ("SOCKERR", 0, "")),
        ("option httpchk", RESET, ("SOCKERR", 0, BROKEN)),
        (H + "http-check disable-on-404", b"HTTP/1.0 404 Nope\r\n\r\n", ("L7OKC", 404, "")),
        (
            H + "http-check disable-on-404|http-check expect status 200",
            b"HTTP/1.0 404 Nope\r\n\r\n",
            ("L7OKC", 404, ""),
        ),
        (E + "status 200-202,404", answer(b"404 x"), ("L7OK", 404, "")),
        (E + "status 200-202,404", answer(b"500 y"), ("L7STS", 500, "y")),
        (E + "! status 500", answer(b"404 x"), ("L7OK", 404, "")),
        (E + "!status 500", answer(b"500 y"), ("L7STS", 500, "y")),
        (E + "rstatus ^2", answer(b"404 x"), ("L7STS", 404, "x")),
        (E + "rstatus ^2", answer(b"200 x"), ("L7OK", 200, "")),
        (E + "string hello", answer(b"200 x", b"well hello you"), ("L7OK", 200, "")),
        (E + "string hello", answer(b"500 x", b"hello"), ("L7OK", 500, "")),
        (
            E + "comment says\\ hello string hello",
            answer(b"200 y", b"bye"),
            ("L7RSP", 0, "HTTP content check did not match comment: says hello"),
        ),
        (
            E + "string hello comment says\\ hello",
            answer(b"200 y", b"bye"),
            ("L7RSP", 0, "HTTP content check did not match comment: says hello"),
        ),
        (
            E + "! string hello",
            answer(b"200 x", b"well hello you"),
            ("L7RSP", 0, "HTTP check matched unwanted content"),
        ),
        (E + "! string hello", answer(b"500 x", b"bye"), ("L7OK", 500, "")),
        (E + "string a", OK, ("L7RSP", 0, "HTTP content check could not find a response body")),
        (E + "! string a", OK, ("L7RSP", 0, "HTTP content check could not find a response body")),
        (E + "rstring h.llo", answer(b"200 y", b"hullo"), ("L7OK", 200, "")),
        (E + "rstring h.llo", answer(b"200 y", b"bye"), ("L7RSP", 0, "HTTP content check did not match")),
        (E + "string-lf he%[str(ll)]o", answer(b"200 x", b"well hello you"), ("L7OK", 200, "")),
        (E + "hdr name X-Foo value -m beg b", answer(b"200 y", b"", b"x-foo: a, bc\r\n"), ("L7OK", 200, "")),
        (E + "fhdr name X-Foo value -m beg b", answer(b"200 y", b"", b"x-foo: a, bc\r\n"), ("L7STS", 200, "y")),
        (E + "fhdr name -m sub FOO value -m reg ^a.*c$", answer(b"200 y", b"", b"x-foo: a, bc\r\n"), ("L7OK", 200, "")),
        (E + "hdr name x-foo", answer(b"200 y"), ("L7STS", 200, "y")),
        (E + "! hdr name x-foo", answer(b"200 y"), ("L7OK", 200, "")),
        (E + "hdr name -m end -foo value -m str bc", answer(b"200 y", b"", b"x-foo: a, bc\r\n"), ("L7OK", 200, "")),
        (E + "comment cc status 300", OK, ("L7STS", 200, "OK comment: cc")),
        (E + "ok-status L6OK error-status L4CON status 200", OK, ("L6OK", 0, "")),
        (E + "ok-status L6OK error-status L4CON status 200", answer(b"500 x"), ("L4CON", 0, "x")),
        (E + "on-error nope\\ %[srv_name] on-success yes status 200", OK, ("L7OK", 200, "yes")),
        (E + "on-error nope\\ %[be_name] on-success yes status 200", answer(b"500 x"), ("L7STS", 500, "nope b")),
        (E + "status-code int(42) status 200", OK, ("L7OK", 42, "")),
        (E + "status-code int(42) status 200", answer(b"500 x"), ("L7STS", 42, "x")),
        (
            E + "string abcd",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n2\r\ncd\r\n0\r\n\r\n",
            ("L7OK", 200, ""),
        ),
    ],
)
def test_http_results(lines: str, said: bytes, expected: tuple[str, int, str]) -> None:
    assert check(lines, Scripted(said), patience(expected)) == expected


T = "option tcp-check|tcp-check expect "


@pytest.mark.parametrize(
    ("lines", "said", "expected"),
    [
        ("option tcp-check", b"x", ("L4OK", 0, "")),
        ("option tcp-check|tcp-check connect", b"x", ("L4OK", 0, "(tcp-check)")),
        ("option tcp-check|tcp-check send PING", b"x", ("L7OK", 0, "(tcp-check)")),
        (T + "string +PONG", b"+PONG\r\n", ("L7OK", 0, "(tcp-check)")),
        (T + "string +PONG", b"-ERR\r\n", ("L7RSP", 0, "TCPCHK did not match content '+PONG' at step 1")),
        (T + "string +PONG", b"", ("L7RSP", 0, "TCPCHK got an empty response at step 1")),
        (
            T + "string +PONG comment pong",
            b"-ERR",
            ("L7RSP", 0, "TCPCHK did not match content '+PONG' at step 1 comment: pong"),
        ),
        (T + "comment pong string +PONG", b"", ("L7RSP", 0, "TCPCHK got an empty response at step 1 comment: 'pong'")),
        (T + "binary 2b504F4e47", b"-ERR", ("L7RSP", 0, "TCPCHK did not match content (binary) at step 1")),
        (T + "rstring ^.PO|tcp-check expect ! rbinary 2D4[5]", b"+PONG", ("L7OK", 0, "(tcp-check)")),
        (T + "rstring ^.PO", b"-ERR", ("L7RSP", 0, "TCPCHK did not match content (regex) at step 1")),
        (T + "! rstring f.o", b"foo", ("L7RSP", 0, "TCPCHK matched unwanted content (regex) at step 1")),
        (T + "! string foo", b"foo", ("L7RSP", 0, "TCPCHK matched unwanted content 'foo' at step 1")),
        (T + "! binary 666f6f", b"foo", ("L7RSP", 0, "TCPCHK matched unwanted content (binary) at step 1")),
        (T + "! rbinary 66", b"foo", ("L7RSP", 0, "TCPCHK matched unwanted content (binary regex) at step 1")),
        (T + "rbinary 67", b"foo", ("L7RSP", 0, "TCPCHK did not match content (binary regex) at step 1")),
        (T + "binary-lf 66%[str(6f)]6f", b"foo", ("L7OK", 0, "(tcp-check)")),
        (
            T + "error-status L7STS ok-status L6OK string +PONG",
            b"-ERR",
            ("L7STS", 0, "TCPCHK did not match content '+PONG' at step 1"),
        ),
        (T + "error-status L7STS ok-status L6OK string +PONG", b"+PONG", ("L6OK", 0, "(tcp-check)")),
        (
            "option tcp-check|tcp-check connect|tcp-check expect string +PONG|tcp-check connect",
            b"+PONG",
            ("L4OK", 0, "(tcp-check)"),
        ),
        (
            "option tcp-check|tcp-check connect|tcp-check expect string +PONG|"
            "tcp-check connect port 1 comment other\\ port",
            b"+PONG",
            ("L4CON", 0, f"{REFUSED} at step 3 of tcp-check (connect port 1) comment: 'other port'"),
        ),
        (
            "option tcp-check|tcp-check comment hello\\ there|tcp-check connect port 1",
            b"",
            ("L4CON", 0, f"{REFUSED} at step 2 of tcp-check (connect port 1) comment: 'hello there'"),
        ),
        (
            "option tcp-check|tcp-check connect addr 127.0.0.9 port 1",
            b"",
            ("L4CON", 0, f"{REFUSED} at step 1 of tcp-check (connect port 1)"),
        ),
    ],
)
def test_tcp_results(lines: str, said: bytes, expected: tuple[str, int, str]) -> None:
    assert check(lines, Scripted(said, early=True), patience(expected)) == expected


@pytest.mark.parametrize(
    ("lines", "said", "expected"),
    [
        (
            T + "string foo comment cc",
            b"hello",
            ("L7TOUT", 0, " at step 1 of tcp-check (expect string 'foo') comment: 'cc'"),
        ),
        (T + "! string foo", b"hello", ("L7TOUT", 0, " at step 1 of tcp-check (expect string 'foo')")),
        (T + "min-recv 0 string foo", b"hello", ("L7RSP", 0, "TCPCHK did not match content 'foo' at step 1")),
        (T + "min-recv 3 string foo", b"hello", ("L7RSP", 0, "TCPCHK did not match content 'foo' at step 1")),
        (
            T + "min-recv 3 string foobarbaz",
            b"hello",
            ("L7TOUT", 0, " at step 1 of tcp-check (expect string 'foobarbaz')"),
        ),
        (T + "min-recv 20 rstring hello", b"hello", ("L7TOUT", 0, " at step 1 of tcp-check (expect regex)")),
        (T + "tout-status L6TOUT rbinary 00", b"hello", ("L6TOUT", 0, " at step 1 of tcp-check (expect binary regex)")),
        (
            T + "string he|tcp-check expect string he|tcp-check send x|tcp-check expect string he",
            b"hello",
            ("L7TOUT", 0, " at step 4 of tcp-check (expect string 'he')"),
        ),
        ("option httpchk", b"HTTP/1.1 ", ("L7TOUT", 0, "")),
        (E + "string ab", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", ("L7OK", 200, "")),
        (E + "string abc comment cc", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab", ("L7TOUT", 0, "")),
        (E + "! string abc", b"HTTP/1.1 200 OK\r\n\r\nab", ("L7TOUT", 0, "")),
        (
            E + "min-recv 2 string abc",
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nab",
            ("L7RSP", 0, "HTTP content check did not match"),
        ),
    ],
)
def test_servers_that_leave_the_connection_open(lines: str, said: bytes, expected: tuple[str, int, str]) -> None:
    assert check(lines, Scripted(said, early=True, hold=True), "check inter 100") == expected


def test_a_reset_in_a_sequence() -> None:
    assert check("option tcp-check|tcp-check send x|tcp-check expect string foo", Scripted(RESET)) == (
        "SOCKERR",
        0,
        f"{BROKEN} at step 2 of tcp-check (expect string 'foo')",
    )


@pytest.mark.parametrize("lines", ["", "option httpchk", "option httpchk|http-check connect comment c|http-check send"])
def test_nobody_listens(lines: str) -> None:
    script = Scripted()
    assert check(lines, script, "check inter 150 port 1") == ("L4CON", 0, REFUSED)
    assert script.requests == []


@pytest.mark.parametrize(
    ("words", "begins"),
    [
        ("check send-proxy", b"PROXY TCP4 127.0.0.1 127.0.0.1 "),
        ("check send-proxy-v2", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00"),
        (
            "check send-proxy-v2-ssl set-proxy-v2-tlv-fmt(0xe1) s1 proxy-v2-options unique-id",
            b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x0d\xe1\0\2s1\x20\0\5\0\0\0\0\0x",
        ),
        ("check check-send-proxy", b"PROXY TCP4 127.0.0.1 127.0.0.1 "),
        ("check send-proxy addr 127.0.0.1", b"x"),
        ("check send-proxy addr 127.0.0.1 check-send-proxy", b"PROXY TCP4 "),
        ("check send-proxy-v2 addr 127.0.0.1", b"x"),
        ("check send-proxy-v2 addr 127.0.0.1 check-send-proxy", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00\x00x"),
    ],
)
def test_the_proxy_header(words: str, begins: bytes) -> None:
    script = Scripted(b"a")
    check("option tcp-check|tcp-check send x|tcp-check expect string a", script, words)
    assert script.requests[0].startswith(begins)


def test_checks_may_say_that_they_are_somebodys(monkeypatch: pytest.MonkeyPatch) -> None:
    """pp2-never-send-local (manual 3.1): addresses of the check's own connection, under the command PROXY."""
    made = scripted.outgoing_header
    monkeypatch.setattr(scripted, "outgoing_header", lambda parameters: made(parameters, False))
    script = Scripted(b"a")
    words = "check send-proxy-v2 proxy-v2-options crc32c"
    check("option tcp-check|tcp-check send x|tcp-check expect string a", script, words)
    (header,) = script.requests
    found = parse(header)
    assert found is not None and found.source is not None and found.destination is not None and not found.local
    assert found.source.text == found.destination.text == b"127.0.0.1"
    assert found.destination.port == script.port and header[found.size :] == b"x"


def test_a_connect_rule_sends_its_own_header() -> None:
    for rule, begins in (("send-proxy", b"PROXY TCP4 "), ("", b"x"), ("default", b"PROXY TCP4 ")):
        script = Scripted(b"a")
        check(
            f"option tcp-check|tcp-check connect {rule}|tcp-check send x|tcp-check expect string a",
            script,
            "check send-proxy",
        )
        assert script.requests[0].startswith(begins)


@pytest.mark.parametrize(
    ("words", "info"),
    [("connect port int(70000)", "70000 is no port"), ("connect port int(0),sub(5)", "-5 is no port")],
)
def test_a_number_that_is_no_port(words: str, info: str) -> None:
    """Of 70000 the peer program takes the lower 16 bits (manual 4.2 tcp-check connect has 1 to 65535)."""
    lines = "option tcp-check|tcp-check " + words
    assert check(lines, Scripted()) == ("SOCKERR", 0, f"{info} at step 1 of tcp-check (connect)")


def test_what_came_before_a_reset_is_judged() -> None:
    lines = "option tcp-check|tcp-check expect string whole"
    expected = ("L7RSP", 0, "TCPCHK did not match content 'whole' at step 1")
    assert check(lines, Scripted(b"half", early=True)) == expected


def test_the_page_has_every_status() -> None:
    """docs/health-checks.md lists them with their words, but the one that is there before anything is known."""
    page = (Path(__file__).parents[3] / "docs" / "health-checks.md").read_text("utf-8")
    rows = dict(re.findall(r"(?m)^\| `([A-Z0-9]+)` \| ([^|]+) \|", page))
    assert rows == {name: words for name, (words, _, _) in STATUSES.items() if name != "UNK"}
