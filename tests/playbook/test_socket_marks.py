"""Marks and TOS bytes of packets, asked of the sockets themselves (manual 4.4, set-fc-mark and its kin)."""

from __future__ import annotations

import socket

import pytest
from support.configs import only_error
from support.stand import Stand

from pointsman.core.wishes import WISHES
from pointsman.stream.h1front import H1Front

SO_MARK = 36  # <asm-generic/socket.h>
GET = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"


@pytest.fixture(autouse=True)
def wishes(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test asks for holds for that test."""
    monkeypatch.setattr(WISHES, "server_marks", False)


def may_mark() -> bool:
    """Whether the kernel lets us (CAP_NET_ADMIN)."""
    with socket.socket() as sock:
        try:
            sock.setsockopt(socket.SOL_SOCKET, SO_MARK, 1)
        except PermissionError:
            return False
        return True


def stand(front: str = "", back: str = "", mode: str = "http") -> Stand:
    return Stand(
        f"defaults\n mode {mode}\n timeout client 5s\n timeout server 5s\n timeout connect 1s\n"
        f"frontend door\n bind 127.0.0.1:1\n {front}\n default_backend app\nbackend app\n {back}\n server s1 {{a}}\n",
        "a",
    )


def option(fd: int, level: int, name: int) -> int:
    sock = socket.socket(fileno=fd)
    try:
        return sock.getsockopt(level, name)
    finally:
        sock.detach()


def tos(fd: int) -> int:
    return option(fd, socket.IPPROTO_IP, socket.IP_TOS)


def mark(fd: int) -> int:
    return option(fd, socket.SOL_SOCKET, SO_MARK)


def client_side(play: Stand) -> int:
    """The descriptor of the one client's connection."""
    [fd] = [one.fd for one in play.reactor.channels if isinstance(getattr(one, "user", None), H1Front)]
    return fd


@pytest.mark.parametrize(
    "rule",
    [
        "tcp-request connection set-fc-tos 0x10",
        "tcp-request session set-tos 16",
        "tcp-request content set-fc-tos int(16)",
        "http-request set-fc-tos int(15),add(1)",
        "http-request set-tos 0x10",
    ],
)
def test_tos_of_the_client_s_packets(rule: str) -> None:
    with stand(rule) as play:
        client = play.client()
        client.send(GET)
        assert tos(client_side(play)) == 0x10
        play.accept("a").send(OK)
        client.take()


def test_tos_by_what_the_server_answers() -> None:
    rules = "tcp-response content set-fc-tos 0x20\n http-response set-fc-tos 0x28 if { status 404 }"
    with stand(back=rules) as play:
        client = play.client()
        for status, expected in ((b"200", 0x20), (b"404", 0x28), (b"200", 0x20)):
            client.send(GET)
            server = play.accept("a") if expected == 0x20 and status == b"200" and not play.ends[1:] else play.ends[-1]
            assert server.take()
            server.send(b"HTTP/1.1 " + status + b" X\r\ncontent-length: 0\r\n\r\n")
            assert client.take()
            assert tos(client_side(play)) == expected


def test_marks_of_both_sides() -> None:
    """Where the kernel refuses, everything else goes on."""
    expected = 7 if may_mark() else 0
    with stand("http-request set-fc-mark 7\n http-request set-mark 0x7", "http-request set-bc-mark int(7)") as play:
        client = play.client()
        client.send(GET)
        server = play.accept("a")
        assert mark(client_side(play)) == expected
        [link] = [one.fd for one in play.reactor.channels if type(getattr(one, "user", None)).__name__ == "H1Back"]
        assert mark(link) == expected
        server.send(OK)
        assert client.take().startswith(b"HTTP/1.1 200")


def test_idle_connections_are_shared_by_those_who_want_the_same_of_their_packets() -> None:
    with stand(back="http-reuse always\n http-request set-bc-tos hdr(x-tos)") as play:
        client = play.client()

        def ask(value: bytes) -> None:
            client.send(b"GET / HTTP/1.1\r\nhost: a\r\nx-tos: %b\r\n\r\n" % value)

        def answered(server: object) -> None:
            server.send(OK)  # type: ignore[attr-defined]
            assert client.take().startswith(b"HTTP/1.1 200")

        ask(b"16")
        first = play.accept("a")
        answered(first)
        ask(b"32")
        second = play.accept("a")
        answered(second)
        ask(b"16")
        assert play.arrivals("a") == []
        answered(first)


def test_in_tcp_mode() -> None:
    with stand("tcp-request content set-bc-tos 0x08", mode="tcp") as play:
        client = play.client()
        server = play.accept("a")
        client.send(b"hi")
        assert server.take() == b"hi"
        links = [one.fd for one in play.reactor.channels if type(getattr(one, "user", None)).__name__ != "NoneType"]
        assert 0x08 in [tos(fd) for fd in links if fd >= 0]


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ("http-request set-fc-mark 4294967296", "is not a number from 0 to 4294967295"),
        ("http-request set-fc-mark 12x", "'12x' is not a number"),
        ("http-request set-fc-tos 256", "is not a number from 0 to 255"),
        ("http-request set-fc-tos 0xfg", "'0xfg' is not a number"),
        ("http-response set-bc-tos 1", "action 'set-bc-tos' is not possible here"),
        ("tcp-request connection set-bc-mark 1", "action 'set-bc-mark' is not possible here"),
        ("http-after-response set-fc-tos 1", "action 'set-fc-tos' is not possible here"),
    ],
)
def test_what_is_no_mark(rule: str, said: str) -> None:
    assert said in only_error("frontend", "mode http", rule)
