"""Exchanges with servers whose lines say `ssl` (manual 5.2): names, idle connections, sessions, and what goes wrong."""

from __future__ import annotations

import socket
import ssl

import pytest
from support.stand import End
from support.tls_stand import HOST, ServersStand, TlsEnd, serving

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CONFIG = """
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    retries 1
    {rules}
    server a {{a}} {words}
"""
TCP = CONFIG.replace("mode http", "mode tcp")


def config(words: str, *rules: str, text: str = CONFIG) -> str:
    return text.format(words=words, rules="\n    ".join(rules))


def ask(client: End, host: str = HOST, path: str = "/") -> None:
    client.send(f"GET {path} HTTP/1.1\r\nhost: {host}\r\n\r\n".encode())


def answer(server: End, body: bytes = b"ok") -> None:
    assert server.take().startswith(b"GET ")
    server.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))


def served(stand: ServersStand, client: End, host: str = HOST) -> TlsEnd:
    """One exchange on a new connection, which is returned."""
    ask(client, host)
    server = stand.accept("a")
    answer(server)
    assert client.take().endswith(b"ok")
    return server


def test_verified() -> None:
    with ServersStand(config("ssl verify required ca-file {ca}"), "a") as stand:
        client = stand.client()
        server = served(stand, client)
        ask(client)
        answer(server, b"again")
        assert client.take().endswith(b"again")
        assert stand.names == [HOST]
        client.close()
    assert stand.lines == ["200 --", "200 --"]


def test_in_tcp_mode_nobody_is_named_but_by_an_expression() -> None:
    for words, name in (("", None), ("sni str(x.test)", "x.test"), ("sni req.hdr(host)", None)):
        with ServersStand(config(f"ssl verify none {words}", text=TCP), "a") as stand:
            client = stand.client()
            client.send(b"hello")
            server = stand.accept("a")
            assert server.take() == b"hello"
            server.send(b"world")
            assert client.take() == b"world"
            assert stand.names == [name]
            client.close()
            server.close()


@pytest.mark.parametrize(
    "words, host, name",
    [
        ("", "A.test:8443", "A.test"),
        ("", "a_b.test.", "a_b.test"),
        ("", "127.0.0.1:80", None),
        ("", "[::1]:80", None),
        ("", "a..test", None),
        ("", "a" * 64 + ".test", None),
        ("no-sni-auto", "a.test", None),
        ("sni str(b.test)", "a.test", "b.test"),
        ("sni req.hdr(x-none)", "a.test", None),
        ("sni req.hdr(host),lower,regsub(^www,x)", "WWW.test", "x.test"),
    ],
)
def test_names(words: str, host: str, name: str | None) -> None:
    with ServersStand(config(f"ssl verify none {words}"), "a") as stand:
        client = stand.client()
        served(stand, client, host)
        assert stand.names == [name]
        client.close()


def test_the_name_is_that_of_the_request_as_the_server_gets_it() -> None:
    with ServersStand(config("ssl verify none", "http-request set-header host y.test"), "a") as stand:
        client = stand.client()
        served(stand, client, "x.test")
        assert stand.names == ["y.test"]
        client.close()


def test_an_idle_connection_is_for_requests_of_its_name_alone() -> None:
    with ServersStand(config("ssl verify none", "http-reuse always"), "a") as stand:
        client = stand.client()
        first = served(stand, client, "a.test")
        second = served(stand, client, "b.test")
        for server, host in ((first, "a.test"), (second, "b.test"), (first, "a.test")):
            ask(client, host)
            answer(server, host.encode())
            assert client.take().endswith(host.encode())
        other = stand.client()
        ask(other, "b.test")
        answer(second)
        assert other.take().endswith(b"ok")
        served(stand, other, "c.test")
        ask(other, "[::1]")
        nameless = stand.accept("a")
        answer(nameless)
        assert other.take().endswith(b"ok")
        ask(client, "[::2]")
        answer(nameless)
        assert stand.names == ["a.test", "b.test", "c.test", None]
        client.close()
        other.close()


@pytest.mark.parametrize("reuse", ["never", "safe", "aggressive", "always"])
def test_names_are_kept_apart_whatever_http_reuse_says(reuse: str) -> None:
    with ServersStand(config("ssl verify none", f"http-reuse {reuse}"), "a") as stand:
        client = stand.client()
        first = served(stand, client, "a.test")
        second = served(stand, client, "b.test")
        for server, host in ((second, "b.test"), (first, "a.test")) if reuse != "never" else ((second, "b.test"),):
            ask(client, host)
            answer(server, host.encode())
            assert client.take().endswith(host.encode())
        assert stand.names == ["a.test", "b.test"]
        client.close()


def test_a_connection_of_a_clients_own_is_for_its_name_alone() -> None:
    """One that stands for an identity (NTLM)."""
    with ServersStand(config("ssl verify none", "http-reuse always"), "a") as stand:
        client = stand.client()
        ask(client, "a.test")
        first = stand.accept("a")
        assert first.take().startswith(b"GET ")
        first.send(b"HTTP/1.1 401 Unauthorized\r\nwww-authenticate: NTLM\r\ncontent-length: 0\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 401 ")
        ask(client, "b.test")
        second = stand.accept("a")
        answer(second)
        assert client.take().endswith(b"ok")
        assert stand.names == ["a.test", "b.test"]
        client.close()


def test_a_constant_name_tells_nobody_apart() -> None:
    with ServersStand(config("ssl verify none sni str(x.test)", "http-reuse always"), "a") as stand:
        client = stand.client()
        server = served(stand, client, "a.test")
        ask(client, "b.test")
        answer(server)
        assert stand.server("a").pool.plain
        client.close()


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_the_next_connection_resumes_the_session_of_its_name(version: str) -> None:
    with ServersStand(config(f"ssl verify none force-{version.lower().replace('.', '')}"), "a") as stand:
        stand.contexts[""] = serving(HOST)
        reused: list[bool | None] = []
        for host in ("a.test", "a.test", "b.test", "b.test", "a.test"):
            client = stand.client()
            server = served(stand, client, host)
            reused.append(server.sock.session_reused)
            server.close()
            client.close()
        assert reused == [False, True, False, True, True]


@pytest.mark.parametrize("rule", ["http-request set-var(txn.n) req.hdr(x-name)", "http-request set-var(sess.n) path"])
def test_what_rules_have_found_out_names_a_server_also_when_it_is_remembered(rule: str) -> None:
    scope = "txn" if "txn" in rule else "sess"
    words = f"ssl verify none sni var({scope}.n),regsub(/,)"
    with ServersStand(config(words, rule, "http-reuse always"), "a") as stand:
        client = stand.client()
        ends: dict[str, TlsEnd] = {}
        for name in ("a.test", "a.test", "a.test", "b.test", "b.test", "a.test", "a.test"):
            client.send(f"GET /{name} HTTP/1.1\r\nhost: x\r\nx-name: {name}\r\n\r\n".encode())
            if name not in ends:
                ends[name] = stand.accept("a")
            answer(ends[name], name.encode())
            assert client.take().endswith(name.encode())
        assert stand.names == ["a.test", "b.test"]
        client.close()


def test_a_connection_of_before_the_switch_is_not_used_behind_it() -> None:
    with ServersStand(config("ssl verify none sni str(x.test) no-ssl", "http-reuse always"), "a") as stand:
        client = stand.client()
        ask(client)
        plain = stand.plain("a")
        stand.server("a").encrypt(True)
        answer(plain)
        assert client.take().endswith(b"ok")
        assert plain.ended()
        secured = served(stand, client)
        ask(client)
        stand.server("a").encrypt(False)
        answer(secured)
        assert client.take().endswith(b"ok")
        assert secured.ended()
        ask(client)
        answer(stand.plain("a"))
        assert client.take().endswith(b"ok")
        client.close()


def test_a_proxy_header_goes_first_and_both_tell_connections_apart() -> None:
    with ServersStand(config("ssl verify none send-proxy", "http-reuse always"), "a") as stand:

        def begin(client: End, host: str) -> tuple[TlsEnd, bytes]:
            ask(client, host)
            plain = stand.plain("a")
            header = plain.sock.recv(200, socket.MSG_PEEK).partition(b"\r\n")[0] + b"\r\n"
            plain.sock.recv(len(header))
            server = stand.secure(plain, "a")
            server.shake()
            answer(server)
            assert client.take().endswith(b"ok")
            return server, header

        one, two = stand.client(), stand.client()
        _, header = begin(one, "a.test")
        assert header.startswith(b"PROXY TCP4 127.0.0.1 127.0.0.1 ")
        second, _ = begin(one, "b.test")
        third, other = begin(two, "a.test")
        assert other != header
        for client, server, host in ((two, third, "a.test"), (one, second, "b.test")):
            ask(client, host)
            answer(server, host.encode())
            assert client.take().endswith(host.encode())
        assert stand.names == ["a.test", "b.test", "a.test"]
        one.close()
        two.close()


# What goes wrong.


@pytest.mark.parametrize("words", ["verify required ca-file {ca}", "verify required ca-file {ca} no-sni-auto"])
def test_a_certificate_that_has_expired_is_refused(words: str) -> None:
    with ServersStand(config(f"ssl {words}"), "a", contexts={"": serving(HOST, expired=True)}) as stand:
        client = stand.client()
        ask(client)
        for _ in range(2):
            with pytest.raises(ssl.SSLError, match="alert certificate expired"):
                stand.accept("a")
            stand.wait(1_100)
        assert client.take().startswith(b"HTTP/1.1 503 ")
        client.close()
    assert stand.lines == ["503 SC"]
    assert stand.record["retries"] == 1


def reason(stand: ServersStand, name: str = "a") -> str:
    """Why the last handshake with that server has failed."""
    handshakes = stand.server(name).handshakes
    assert handshakes is not None
    last = handshakes.last()
    assert last is not None
    return f"{last[1]}: {last[2]}"


def refuse(stand: ServersStand) -> None:
    with pytest.raises(ssl.SSLError):
        stand.accept("a")


@pytest.mark.parametrize(
    "words, host, fault, said",
    [
        ("", "other.test", 33, "hostname mismatch (depth 0) of CN=www.example.test"),
        ("", "127.0.0.2", 33, "IP address mismatch (depth 0) of CN=www.example.test"),
        ("sni str(other.test)", HOST, 33, "hostname mismatch (depth 0) of CN=www.example.test"),
    ],
)
def test_whom_a_request_names_is_no_fault_of_servers(words: str, host: str, fault: int, said: str) -> None:
    rules = ("http-error status 503 content-type a/b lf-string %[bc_err]", "option redispatch 1", "retries 3")
    text = config(f"ssl verify required ca-file {{ca}} {words}", *rules)
    with ServersStand(text + "    server b {b} backup\n", "a", "b") as stand:
        client = stand.client()
        ask(client, host)
        refuse(stand)
        assert client.take().endswith(b"\r\n\r\n%d" % fault)
        assert reason(stand) == f"1: certificate verify failed: {said}"
        client.close()
    assert stand.lines == ["503 SC"]
    assert stand.record["retries"] == 3  # as 3.2 says, which has asked but once, too


def test_another_name_than_the_configured_one_is_a_fault_of_the_server() -> None:
    rules = ("http-error status 503 content-type a/b lf-string %[bc_err]",)
    words = "ssl verify required ca-file {ca} verifyhost other.test no-sni-auto"
    with ServersStand(config(words, *rules), "a") as stand:
        client = stand.client()
        ask(client)
        for _ in range(2):
            refuse(stand)
            stand.wait(1_100)
        assert client.take().endswith(b"\r\n\r\n32")
        assert reason(stand).startswith("2: certificate verify failed: hostname mismatch (depth 0) of CN=")
        client.close()
    assert stand.record["retries"] == 1


def test_a_server_that_says_nothing_is_given_up_after_timeout_connect() -> None:
    with ServersStand(config("ssl verify none"), "a") as stand:
        client = stand.client()
        ask(client)
        first = stand.plain("a")
        assert first.take()[:3] == b"\x16\x03\x01"
        stand.wait(4_900)
        assert not first.ended()
        stand.wait(200)
        assert first.ended()
        second = stand.plain("a")
        assert second.take()
        stand.wait(5_100)
        assert second.ended()
        assert client.take().startswith(b"HTTP/1.1 503 ")
        client.close()
    assert stand.lines == ["503 sC"]
    assert stand.record["retries"] == 1


@pytest.mark.parametrize(
    "what, said",
    [
        (b"HTTP/1.1 400 Bad\r\n\r\n", "wrong version number"),
        (b"\x15\x03\x03\0\2\2\x28", "alert handshake failure"),
        (b"", "the peer has closed the connection"),
    ],
)
def test_a_server_that_speaks_something_else(what: bytes, said: str) -> None:
    rules = ("http-error status 503 content-type a/b lf-string %[bc_err]",)
    with ServersStand(config("ssl verify none", *rules), "a") as stand:
        client = stand.client()
        ask(client)
        for _ in range(2):
            server = stand.plain("a")
            server.take()
            server.send(what)
            server.close()
            stand.wait(1_100)
        assert client.take().endswith(b"\r\n\r\n34")
        assert reason(stand).endswith(said)
        client.close()
    assert stand.lines == ["503 SC"]
    assert stand.record["retries"] == 1


def test_another_server_is_tried() -> None:
    text = config("ssl verify none", "option redispatch 1", "balance roundrobin") + "    server b {b} ssl verify none\n"
    with ServersStand(text, "a", "b") as stand:
        client = stand.client()
        ask(client)
        server = stand.plain("a")
        server.close()
        answer(stand.accept("b"))
        assert client.take().endswith(b"ok")
        client.close()
    assert stand.lines == ["200 --"]


def test_a_client_that_leaves_during_the_handshake_ends_it() -> None:
    with ServersStand(config("ssl verify none"), "a") as stand:
        client = stand.client()
        ask(client)
        server = stand.plain("a")
        client.abort()
        server.take()
        assert server.ended()
    assert stand.lines[0].endswith("CC")


def test_a_plain_server_beside_it_is_plain() -> None:
    text = config("ssl verify none", "balance roundrobin") + "    server b {b}\n"
    with ServersStand(text, "a", "b") as stand:
        client = stand.client()
        served(stand, client)
        ask(client)
        server = stand.plain("b")
        answer(server)
        assert client.take().endswith(b"ok")
        client.close()
