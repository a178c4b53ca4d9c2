"""Echo servers: told apart by the address that is asked for, and what each says of what it got."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import socket
import ssl
import threading
from collections.abc import Iterator

import pytest

from pointsman.core.address import net_address
from pointsman.proto.proxy import render_v1, render_v2
from pointsman.server.checks.h2 import CheckH2
from pointsman.server.checks.http_request import CheckRequest
from pointsman.server.checks.http_response import CheckResponse
from pointsman.verbs.trial.amend import echo_host
from pointsman.verbs.trial.echo import Echo
from pointsman.verbs.trial.faults import Faults, parse_fault
from pointsman.verbs.trial.loopback import Loopback
from pointsman.verbs.trial.order import Standing


class Stand:
    """Two HTTP servers and one of TCP, in a loop of a thread."""

    def __init__(self, shared: bool = True) -> None:
        self.servers = [
            Standing("web", "s1", "10.0.0.1:80", True, host=echo_host(0)),
            Standing("web", "s2", "10.0.0.2:80", True, host=echo_host(1)),
            Standing("db", "m1", "10.0.0.3:3306", False, host=echo_host(2)),
        ]
        self.faults = Faults(self.servers)
        self.shared = shared
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._begin(), self.loop).result()

    async def _begin(self) -> None:
        self.echo = Echo(self.servers, self.faults, lambda: ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER))
        self.loopback = Loopback(self.echo.accepted)
        if not self.shared:  # as where the kernel does not permit it
            for sock in self.loopback.sockets:
                sock.close()
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))
            self.loopback.sockets, self.loopback.shared = [sock], False
            self.loopback.port = sock.getsockname()[1]
        self.loopback.serve(self.loop, [one.host for one in self.servers])

    async def _end(self) -> None:
        await self.echo.end()
        self.loopback.close(self.loop)

    def end(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self.loop).result()
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()

    def connect(self, number: int) -> socket.socket:
        return socket.create_connection((echo_host(number), self.loopback.port), timeout=30)

    def ask(self, number: int, *pieces: bytes) -> tuple[str, str]:
        """Head and body."""
        with self.connect(number) as sock:
            for piece in pieces:
                sock.sendall(piece)
            answer = b""
            while piece := sock.recv(65_536):
                answer += piece
        head, _, body = answer.decode().partition("\r\n\r\n")
        return head, body


@pytest.fixture(scope="module")
def stand() -> Iterator[Stand]:
    made = Stand()
    yield made
    made.end()


GET = b"GET /x?y=1 HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n"


def test_who_they_are(stand: Stand) -> None:
    for number, name in ((0, "web/s1"), (1, "web/s2"), (2, "db/m1")):
        head, body = stand.ask(number, GET)
        assert head.startswith("HTTP/1.1 200 OK\r\n")
        assert f"X-Echo-Server: {name}" in head
        assert body.startswith(f"server   {name}\n")
        assert "request  GET /x?y=1 HTTP/1.1\n" in body
        assert "header   Host: a.example\n" in body


def test_an_address_of_nobody(stand: Stand) -> None:
    with stand.connect(3) as sock:
        assert sock.recv(1) == b""


def test_each_address_has_a_socket_where_one_cannot_have_all() -> None:
    made = Stand(shared=False)
    try:
        assert made.ask(1, GET)[1].startswith("server   web/s2\n")
        assert made.ask(0, GET)[1].startswith("server   web/s1\n")
        with pytest.raises(ConnectionRefusedError):
            made.connect(3)
    finally:
        made.end()


def test_json_and_a_body_in_chunks(stand: Stand) -> None:
    head = b"POST / HTTP/1.1\r\nHost: a\r\nAccept: application/json\r\nConnection: close\r\n"
    head += b"Transfer-Encoding: chunked\r\n\r\n"
    said = json.loads(stand.ask(0, head, b"5\r\nhello\r\n3;x=y\r\n wo\r\n", b"0\r\nX-Sum: 8\r\n\r\n")[1])
    assert said["server"] == {"backend": "web", "name": "s1", "address": "10.0.0.1:80"}
    assert said["body"] == {"size": 8, "text": "hello wo"}
    assert said["trailers"] == [["X-Sum", "8"]]
    assert said["proxy"] is None


def test_large_bodies_are_counted_not_kept(stand: Stand) -> None:
    head = b"PUT / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 300000\r\n\r\n"
    _, body = stand.ask(0, head, b"a" * 300_000)
    assert "body     300000 bytes" in body
    assert len(body) < 2_000


def test_several_requests_head_and_continue(stand: Stand) -> None:
    with stand.connect(0) as sock:
        sock.sendall(b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n")
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            head += sock.recv(1)
        assert b"Content-Length: " in head
        sock.sendall(b"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert sock.recv(1_000) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(b"ok")
        assert sock.recv(1_000).startswith(b"HTTP/1.1 200 OK\r\n")


@pytest.mark.parametrize("version", [1, 2])
def test_proxy_headers(stand: Stand, version: int) -> None:
    source, destination = net_address("192.0.2.7", 4000), net_address("198.51.100.1", 443)
    header = render_v1(source, destination) if version == 1 else render_v2(source, destination)
    for cut in (1, 6, 14, len(header)):
        _, body = stand.ask(0, header[:cut], header[cut:], GET)
        assert f"proxy    version {version}, source 192.0.2.7:4000, destination 198.51.100.1:443\n" in body


def test_bytes_come_back(stand: Stand) -> None:
    with stand.connect(2) as sock:
        for text in (b"\x00", b"hello", b"G"):
            sock.sendall(text)
            assert sock.recv(100) == text


def test_websocket(stand: Stand) -> None:
    key = base64.b64encode(bytes(16))
    head = (
        b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: %b\r\n\r\n" % key
    )
    proof = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    with stand.connect(0) as sock:
        sock.sendall(head)
        assert b"Sec-WebSocket-Accept: " + proof in sock.recv(1_000)
        mask = b"\x01\x02\x03\x04"
        masked = bytes(byte ^ mask[index % 4] for index, byte in enumerate(b"hello"))
        sock.sendall(b"\x81\x85" + mask + masked)
        assert sock.recv(100) == b"\x81\x05hello"
        sock.sendall(b"\x89\x80" + mask)
        assert sock.recv(100) == b"\x8a\x00"


def test_other_upgrades(stand: Stand) -> None:
    with stand.connect(0) as sock:
        sock.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: own\r\n\r\n")
        assert sock.recv(1_000).startswith(b"HTTP/1.1 101 ")
        sock.sendall(b"own words")
        assert sock.recv(100) == b"own words"


def test_http2(stand: Stand) -> None:
    client, reply = CheckH2(False), CheckResponse(65_536)
    fields = [(b"host", b"h2.example"), (b"accept", b"application/json")]
    with stand.connect(0) as sock:
        sock.sendall(client.ask(CheckRequest(b"POST", b"/two", fields, b"a body"), reply))
        while not reply.full and not reply.broken:
            sock.sendall(client.feed(sock.recv(65_536)))
    assert reply.head is not None
    assert reply.head.status == 200
    said = json.loads(reply.body)
    assert said["server"]["name"] == "s1"
    assert said["request"] == {"method": "POST", "uri": "http://h2.example/two", "version": "HTTP/2.0"}
    assert said["body"] == {"size": 6, "text": "a body"}


def test_faults(stand: Stand) -> None:
    def during(text: str, number: int) -> tuple[str, str]:
        stand.faults.add(parse_fault(f"{stand.servers[number].title}={text}"))
        try:
            return stand.ask(number, GET)
        finally:
            stand.faults.add(parse_fault(f"{stand.servers[number].title}=none"))

    assert during("418", 0)[0].startswith("HTTP/1.1 418 ")
    assert during("204", 0)[1] == ""
    assert during("drop", 0) == ("", "")
    with pytest.raises(ConnectionResetError):
        during("reset", 1)
    assert stand.ask(1, GET)[0].startswith("HTTP/1.1 200 ")


def test_a_server_that_hangs(stand: Stand) -> None:
    stand.faults.add(parse_fault("web/s2=hang"))
    with stand.connect(1) as sock:
        sock.sendall(GET)
        sock.settimeout(0.05)
        with pytest.raises(TimeoutError):
            sock.recv(1)
    stand.faults.add(parse_fault("web/s2=none"))


@pytest.mark.parametrize("kind", ["reset", "hang"])
def test_connections_that_were_there_before(stand: Stand, kind: str) -> None:
    request = GET.replace(b"Connection: close\r\n", b"")
    with stand.connect(0) as sock:
        sock.sendall(request)
        assert sock.recv(10_000).startswith(b"HTTP/1.1 200 ")
        stand.faults.add(parse_fault(f"web/s1={kind}"))
        sock.sendall(request)
        if kind == "reset":
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        else:
            sock.settimeout(0.05)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        stand.faults.add(parse_fault("web/s1=none"))


def test_addresses() -> None:
    assert [echo_host(number) for number in (0, 254, 255, 65_535)] == [
        "127.1.0.1",
        "127.1.0.255",
        "127.1.1.0",
        "127.2.0.0",
    ]
