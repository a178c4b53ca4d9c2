"""What docs/layer4.md shows is so: each of its configurations, unchanged but for its addresses, on live proxies."""

from __future__ import annotations

import re

import pytest
from support.hello import client_hello, extension, sized
from support.programs import ROOT
from support.stand import Stand

from pointsman.core.address import NetAddress, net_address

PAGE = (ROOT / "docs" / "layer4.md").read_text(encoding="utf-8")
EXAMPLES = dict(re.findall(r"(?ms)^## ([^\n]*)\n.*?^```haproxy\n(.*?)^```$", PAGE))
GET = b"GET /%b HTTP/1.1\r\nhost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


class Guests(Stand):
    """Clients come from wherever the test says."""

    def __init__(self, title: str, **servers: str) -> None:
        text = EXAMPLES[title]
        for name, port in servers.items():
            assert f"127.0.0.1:{port}\n" in text
            text = text.replace(f"127.0.0.1:{port}\n", f"{{{name}}}\n")
        self.guest: NetAddress | None = None
        super().__init__(text, *servers)

    def _source(self, address: NetAddress) -> NetAddress:
        return self.guest or address


def hello(name: bytes) -> bytes:
    return client_hello(extensions=(extension(0, b"\0" + sized(2, name)),))


def test_connections_are_refused() -> None:
    with Guests("Refuse connections, as cheaply as can be", a="9001") as play:
        play.guest = net_address("203.0.113.7", 999)
        client = play.client()
        client.take()
        assert client.closed
        assert play.frontend().counters.denied_connections == 1
        for guest, page, allowed in (
            ("10.1.2.3", b"x", True),
            ("192.0.2.9", b"x", False),
            ("192.0.2.9", b"public", True),
        ):
            play.guest = net_address(guest, 999)
            client = play.client()
            client.send(GET % page)
            if allowed:
                server = play.arrivals("a") or [end for end in play.ends if end is not client][-1:]
                server[-1].send(OK)
            assert client.take().startswith(b"HTTP/1.1 200" if allowed else b"HTTP/1.1 403")


@pytest.mark.parametrize("cut", range(1, len(hello(b"shop.example.com")), 7))
def test_servers_by_the_name_in_a_hello(cut: int) -> None:
    with Guests("Choose a server by the name in a TLS hello", a="9001", b="9002", c="9003") as play:
        for name, server in ((b"shop.example.com", "a"), (b"x.mail.example.com", "b"), (b"other.test", "c")):
            client = play.client()
            data = hello(name)
            cut = min(cut, len(data) - 1)
            client.send(data[:cut])
            assert not any(play.arrivals(one) for one in "abc")
            client.send(data[cut:])
            end = play.accept(server)
            assert end.take() == data
            end.send(b"untouched")
            assert client.take() == b"untouched"


def test_what_is_no_hello_is_refused_at_once() -> None:
    with Guests("Choose a server by the name in a TLS hello", a="9001", b="9002", c="9003") as play:
        client = play.client()
        client.send(b"GET / HTTP/1.1\r\n\r\n")
        client.take()
        assert client.closed
        silent = play.client()
        play.wait(4_990)
        silent.take()
        assert not silent.closed
        play.wait(20)
        silent.take()
        assert silent.closed
        assert play.lines == ["-1 PR", "-1 PR"]


def test_http_and_ssh_on_one_port() -> None:
    text = "HTTP and something else on one port"
    assert "127.0.0.1:22\n" in EXAMPLES[text]
    with Guests(text, a="9001", b="22") as play:
        client = play.client()
        client.send(GET % b"")
        assert b"x-port: 8080\r\n" in play.accept("a").take()
        shell = play.client()
        shell.send(b"SSH-2.0-x\r\n")
        play.wait(2_000)
        assert play.accept("b").take() == b"SSH-2.0-x\r\n"


def test_a_server_that_speaks_first() -> None:
    with Guests("A server that speaks first", a="25") as play:
        early = play.client()
        early.send(b"EHLO\r\n")
        early.take()
        assert early.closed
        client = play.client()
        play.wait(300)
        server = play.accept("a")
        server.send(b"22")
        assert client.take() == b""
        server.send(b"0 hello\r\n")
        assert client.take() == b"220 hello\r\n"
        other = play.client()
        play.wait(300)
        play.accept("a").send(b"554 go away\r\n")
        assert other.take() == b""
        assert other.closed
