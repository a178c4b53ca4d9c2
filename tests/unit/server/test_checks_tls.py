"""Checks over TLS (manual 5.2, ssl, check-ssl, check-sni; 4.2, option ssl-hello-chk, http-check connect).

Statuses and words are those of HAProxy 3.2; what stands in brackets behind them is OpenSSL's.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from scripted import RESET, Scripted
from support.certificates import authority
from support.tls_stand import HOST, serving

import pointsman.keywords
from pointsman.assemble import assemble
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics
from pointsman.core.tls import VERSION
from pointsman.server.checks.ssl_hello import client_hello, judge_hello

assert pointsman.keywords
pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CA = "verify required ca-file {ca}"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"


class TlsServer(Scripted):
    """One that speaks TLS. `names`: whom hellos have named."""

    def __init__(self, context: ssl.SSLContext | None = None, answer: bytes = OK) -> None:
        super().__init__(answer)
        self.context = context or serving(HOST)
        self.names: list[str | None] = []
        self.offered: list[str | None] = []
        self.context.sni_callback = lambda _, name, __: self.names.append(name)

    async def start(self) -> None:
        self.server = await asyncio.start_server(self._begin, "127.0.0.1", self.port, ssl=self.context)
        self.port = self.server.sockets[0].getsockname()[1]

    async def _begin(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.offered.append(writer.get_extra_info("ssl_object").selected_alpn_protocol())
        await self._serve(reader, writer)


def check(
    server: Scripted, words: str, *rules: str, count: int = 1, port: str = "{port}", quick: bool = False
) -> tuple[str, int, str]:
    """Status, code and info of the last one of some checks. `quick`: time is to be up soon."""

    async def scene() -> tuple[str, int, str]:
        await server.start()
        here = str(server.port)
        lines = "".join(f" {rule}\n" for rule in rules).replace("{port}", here)
        inter = 300 if quick else 5_000
        line = f"server s 127.0.0.1:{port} check inter {inter} {words}".replace("{port}", here)
        text = f"backend b\n mode http\n timeout connect 5s\n timeout server 5s\n{lines} {line}\n"
        diagnostics = Diagnostics()
        live = assemble(load_text(text.replace("{ca}", str(authority().folder / "ca.pem")), diagnostics), diagnostics)
        assert not diagnostics.failed, [one.message for one in diagnostics.findings]
        assert live.health is not None
        ((checked, checker),) = live.health.checkers.items()
        for _ in range(count):
            await checker.once()
        await server.stop()
        return checked.check_status, checked.check_code, checked.last_check

    return asyncio.run(scene())


def test_a_handshake_is_all_of_it_where_nothing_else_is_asked() -> None:
    server = TlsServer()
    assert check(server, f"ssl {CA}") == ("L6OK", 0, "")
    assert server.names == [None]


def test_http_over_tls_names_the_host_of_the_request() -> None:
    server = TlsServer()
    rules = ("option httpchk GET /h HTTP/1.1", "http-check send hdr Host www.example.test:8443")
    assert check(server, f"ssl {CA}", *rules) == ("L7OK", 200, "")
    assert server.names == [HOST]
    assert server.requests == [b"GET /h HTTP/1.1\r\nhost: www.example.test:8443\r\nconnection: close\r\n\r\n"]


@pytest.mark.parametrize(
    "words, rules, name",
    [
        ("ssl verify none check-sni a.test", (), "a.test"),
        ("ssl verify none check-sni a.test", ("option httpchk GET / HTTP/1.1 b.test",), "a.test"),
        ("ssl verify none sni str(a.test)", (), None),
        ("ssl verify none no-check-sni-auto", ("option httpchk GET / HTTP/1.1 b.test",), None),
        ("ssl verify none", ("option httpchk GET / HTTP/1.1 b.test", "http-check connect default"), None),
        ("ssl verify none", ("option httpchk GET / HTTP/1.1 b.test", "http-check connect ssl sni c.test"), "c.test"),
        ("verify none", ("option tcp-check", "tcp-check connect ssl sni c.test"), "c.test"),
        ("verify none check-sni a.test", ("option tcp-check", "tcp-check connect ssl"), None),
        ("ssl verify none check-sni a.test", ("option tcp-check", "tcp-check connect default"), "a.test"),
        ("check-ssl verify none check-sni a.test", (), "a.test"),
        ("check-ssl verify none port {port} check-sni a.test", (), "a.test"),
    ],
)
def test_names(words: str, rules: tuple[str, ...], name: str | None) -> None:
    server = TlsServer()
    assert check(server, words, *rules)[0] in ("L6OK", "L7OK")
    assert server.names == [name]


@pytest.mark.parametrize(
    "words, rules",
    [
        ("ssl verify none port {port}", ()),
        ("ssl verify none addr 127.0.0.1", ()),
        ("ssl verify none", ("option tcp-check", "tcp-check connect")),
        ("ssl verify none check-ssl no-check-ssl port {port}", ()),
        ("check-ssl no-check-ssl", ()),
    ],
)
def test_what_is_not_encrypted(words: str, rules: tuple[str, ...]) -> None:
    server = TlsServer()
    assert check(server, words, *rules)[0] == "L4OK"
    assert server.names == []


def test_check_ssl_while_traffic_is_plain() -> None:
    assert check(TlsServer(), "check-ssl verify none", "option httpchk GET /") == ("L7OK", 200, "")


def test_what_is_sent_can_tell_of_the_connection() -> None:
    """ssl_bc and its kin (manual 7.3.4), of the connection that the check is on."""
    server = TlsServer()
    rules = ("option httpchk", "http-check send hdr x-tls %[ssl_bc]|%[ssl_bc_protocol]|%[ssl_bc_sni]|%[ssl_bc_err]")
    assert check(server, "ssl verify none check-sni www.example.test", *rules) == ("L7OK", 200, "")
    assert b"\r\nx-tls: 1|TLSv1.3|www.example.test|0\r\n" in server.requests[0]
    plain = Scripted(OK)
    assert check(plain, "", *rules) == ("L7OK", 200, "")
    assert b"\r\nx-tls: 0|||\r\n" in plain.requests[0]


def test_what_is_offered() -> None:
    for words, rule, expected in (
        ("alpn http/1.1,x", "tcp-check connect default", "http/1.1"),
        ("alpn http/1.1 check-alpn x", "tcp-check connect default", "x"),
        ("", "tcp-check connect ssl alpn x", "x"),
        ("alpn http/1.1", "tcp-check connect ssl", "http/1.1"),
        ("", "tcp-check connect ssl", None),
    ):
        context = serving(HOST)
        context.set_alpn_protocols(["x", "http/1.1"] if expected == "x" else ["http/1.1", "x"])
        server = TlsServer(context)
        rules = ("option tcp-check", rule, "tcp-check send x", "tcp-check expect string ok")
        assert check(server, f"ssl verify none {words}", *rules)[0] == "L7OK"
        assert server.offered == [expected]


class BehindHeader(Scripted):
    """One that reads a PROXY header before its handshake."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = size
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self._run, daemon=True)

    async def start(self) -> None:
        self.thread.start()

    async def stop(self) -> None:
        self.listener.close()

    def _run(self) -> None:
        sock, _ = self.listener.accept()
        with sock:
            self.requests.append(sock.recv(self.size, socket.MSG_WAITALL))
            with serving(HOST).wrap_socket(sock, server_side=True) as secured:
                self.requests.append(secured.recv(100))
                secured.sendall(OK)


@pytest.mark.parametrize(
    "rule, header",
    [
        ("tcp-check connect default", b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"),
        ("tcp-check connect ssl send-proxy", b"PROXY TCP4 "),
    ],
)
def test_a_proxy_header_goes_before_it(rule: str, header: bytes) -> None:
    size = 16 if "default" in rule else len("PROXY TCP4 127.0.0.1 127.0.0.1 40000 40000\r\n")
    server = BehindHeader(size)
    rules = ("option tcp-check", rule, "tcp-check send hello", "tcp-check expect string ok")
    # A source of five digits, as the server's port has: the header's size is known.
    words = "ssl verify none send-proxy-v2 source 127.0.0.1:20000-20999"
    assert check(server, words, *rules) == ("L7OK", 0, "(tcp-check)")
    assert server.requests[0].startswith(header)
    assert server.requests[1] == b"hello"


def test_several_steps_and_connections() -> None:
    server = TlsServer()
    rules = (
        "option tcp-check",
        "tcp-check connect ssl linger",
        "tcp-check send ping",
        "tcp-check expect string ok",
        "tcp-check connect ssl sni a.test",
        "tcp-check send pong",
        "tcp-check expect rstring ^HTTP",
    )
    assert check(server, "verify none", *rules) == ("L7OK", 0, "(tcp-check)")
    assert server.requests == [b"ping", b"pong"]
    assert server.names == [None, "a.test"]


def test_the_next_check_resumes_the_session() -> None:
    context = serving(HOST)
    server = TlsServer(context)
    assert check(server, "ssl verify none", "option httpchk GET /", count=3) == ("L7OK", 200, "")
    assert context.session_stats()["hits"] == 2


# What goes wrong.


def refused(name: str = HOST, **words: Any) -> Callable[[], Scripted]:
    return lambda: TlsServer(serving(name, **words))


FAILED = "SSL handshake failure (certificate verify failed: "
OTHER = "Server presented an SSL certificate different from the "


@pytest.mark.parametrize(
    "make, words, status, info",
    [
        (refused(expired=True), CA, "L6RSP", FAILED + "certificate has expired (depth 0))"),
        (refused(), CA + " verifyhost o.test", "L6RSP", OTHER + "configured one"),
        (refused(), CA + " check-sni o.test", "L6RSP", OTHER + "expected one"),
        (lambda: Scripted(OK), "verify none", "L6RSP", "SSL handshake failure (wrong version number)"),
        (lambda: Scripted(b""), "verify none", "L6RSP", "SSL handshake failure"),
        (lambda: Scripted(RESET), "verify none", "L6RSP", "ECONNRESET returned by OS (Connection reset by peer)"),
        (lambda: Scripted(b"\x15\3\3\0\2\2\x28"), "verify none", "L6RSP", "SSL handshake failure ("),
        (lambda: Scripted(hold=True), "verify none", "L6TOUT", ""),
    ],
)
def test_handshakes_that_fail(make: Callable[[], Scripted], words: str, status: str, info: str) -> None:
    quick = status == "L6TOUT"
    found = check(make(), f"ssl {words}", quick=quick)
    assert found[:2] == (status, 0)
    assert found[2].startswith(info) if info else found[2] == ""
    rules = ("option tcp-check", "tcp-check connect default comment hi", "tcp-check send x")
    found = check(make(), f"ssl {words}", *rules, quick=quick)
    assert found[0] == status
    # The text is cut at 127 characters.
    assert found[2].startswith(info)
    assert len(found[2]) == 127 or found[2].endswith(" at step 1 of tcp-check (connect) comment: 'hi'")


def test_a_server_that_says_nothing_over_tls() -> None:
    rules = ("option tcp-check", "tcp-check connect ssl", "tcp-check expect string x")
    found = check(TlsServer(), "verify none", *rules, quick=True)
    assert found == ("L7TOUT", 0, " at step 2 of tcp-check (expect string 'x')")


# option ssl-hello-chk.


@pytest.mark.parametrize(
    "answer, hold, expected",
    [
        (b"\x16\3\0\0\1", True, ("L6OK", 0, "")),
        (b"\x15\3\0\0\2\2\x28", True, ("L6OK", 0, "")),
        (b"\x16", False, ("L6OK", 0, "")),
        (b"\x16\3", True, ("L6TOUT", 0, "")),
        (b"\x17\3\0\0\1", True, ("L6RSP", 0, "")),
        (OK, True, ("L6RSP", 0, "")),
        (b"", False, ("L6RSP", 0, "TCPCHK got an empty response at step 2")),
    ],
)
def test_hello_of_sslv3(answer: bytes, hold: bool, expected: tuple[str, int, str]) -> None:
    server = Scripted(answer, hold=hold)
    assert check(server, "", "option ssl-hello-chk", quick=expected[0] == "L6TOUT") == expected
    (hello,) = server.requests
    assert hello[:3] == b"\x16\3\0"
    assert len(hello) == 5 + int.from_bytes(hello[3:5], "big")


def test_openssl_answers_that_hello() -> None:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    server = serving(HOST).wrap_bio(incoming, outgoing, server_side=True)
    incoming.write(client_hello(1, bytes(28)))
    with pytest.raises(ssl.SSLError, match="version too low"):
        server.do_handshake()
    found = judge_hello(outgoing.read(), False)
    assert found is not None
    assert found.status == "L6OK"


def test_the_last_option_counts() -> None:
    server = Scripted(OK)
    assert check(server, "", "option ssl-hello-chk", "option httpchk")[0] == "L7OK"
    server = Scripted(b"\x16\3\0\0\1")
    assert check(server, "", "option httpchk", "option ssl-hello-chk")[0] == "L6OK"


@pytest.mark.parametrize(
    "words, full, status, counts",
    [
        (f"ssl {CA}", False, "L6OK", (1, 0, 1)),
        (f"ssl {CA.replace('{ca}', '{other}')}", False, "L6RSP", (0, 1, 1)),
        (f"ssl {CA}", True, "SOCKERR", (0, 0, 0)),
        ("no-check-ssl", False, "L4OK", (0, 0, 0)),
    ],
)
def test_checks_are_counted(tmp_path: Path, words: str, full: bool, status: str, counts: tuple[int, int, int]) -> None:
    """As traffic is: in ssl_sess and ssl_failed_handshake of server and backend, in CumSslConns, and against
    maxsslconn."""
    other = tmp_path / "other.pem"
    other.write_bytes(authority("another").ca)
    server = TlsServer()

    async def scene() -> None:
        await server.start()
        line = f"server s 127.0.0.1:{server.port} check inter 300 {words}".replace("{other}", str(other))
        text = f"backend b\n timeout connect 5s\n timeout server 5s\n {line}\n"
        diagnostics = Diagnostics()
        live = assemble(load_text(text.replace("{ca}", str(authority().folder / "ca.pem")), diagnostics), diagnostics)
        assert not diagnostics.failed, [one.message for one in diagnostics.findings]
        assert live.health is not None
        tls = live.process.tls.counters
        if full:
            tls.limit = 1
            tls.current = 1
        ((checked, checker),) = live.health.checkers.items()
        await checker.once()
        await server.stop()
        assert checked.check_status == status
        if full:
            assert checked.last_check == "Too many SSL connections"
        for counters in (checked.counters.totals, live.backends[0].counters.totals):
            assert (counters.tls_sessions, counters.tls_failed, tls.connected) == counts
        assert tls.server_keys == counts[0]
        assert tls.current == int(full)

    asyncio.run(scene())
