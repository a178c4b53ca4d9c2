"""Asking OCSP responders: what is sent, in the two forms of RFC 6960 (appendix A)."""

from __future__ import annotations

import asyncio
import re
import socket
from urllib.parse import unquote

import pytest
from support.name_server import A, NameServer

from pointsman.admin.ocsp_client import HTTP_ERROR, ClientSettings, ResponderError, ask
from pointsman.config.resolvers import NameServerLine, ResolversOptions
from pointsman.core.arena import Arena
from pointsman.resolve.families import AUTO
from pointsman.resolve.resolution import RESOLVERS

RESPONSE = b"HTTP/1.1 200 OK\r\ncontent-type: application/ocsp-response; a=b\r\ncontent-length: 2\r\n\r\nok"


async def exchanged(request: bytes, way: str, settings: ClientSettings) -> tuple[bytes, bytes]:
    """What a responder has read, and what was had of it."""
    read: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = re.search(rb"content-length: (\d+)", head)
        read.append(head + (await reader.readexactly(int(size[1])) if size else b""))
        writer.write(RESPONSE)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        found = await ask(f"http://127.0.0.1:{port}{way}", request, settings)
    return read[0], found


@pytest.mark.parametrize(
    ("way", "start"), [("", "/"), ("/", "/"), ("/ocsp", "/ocsp/"), ("/ocsp/", "/ocsp/"), ("/a?b=c", "/a?b=c/")]
)
def test_a_short_request_is_a_part_of_the_uri(way: str, start: str) -> None:
    sent, found = asyncio.run(exchanged(b"\xff\xff\xfe", way, ClientSettings()))
    assert found == b"ok"
    line = sent.split(b"\r\n")[0].decode()
    assert line == f"GET {start}%2F%2F%2F%2B HTTP/1.1" and unquote(line).endswith("///+ HTTP/1.1")


def test_a_long_request_is_posted() -> None:
    request = bytes(range(200))
    sent, found = asyncio.run(exchanged(request, "/ocsp", ClientSettings()))
    assert found == b"ok"
    assert sent.startswith(b"POST /ocsp HTTP/1.1\r\n") and sent.endswith(b"\r\n\r\n" + request)
    assert b"\r\ncontent-type: application/ocsp-request\r\ncontent-length: 200\r\n" in sent


@pytest.mark.parametrize(
    "uri", ["", "ldap://a.test/", "http://", "http://a:x/", "http:///a", "http://a.test/\r\nb: c", "http://\xe9.test/"]
)
def test_what_is_no_uri_of_a_responder(uri: str) -> None:
    with pytest.raises(ResponderError, match="is no URI of a responder") as raised:
        asyncio.run(ask(uri, b"x", ClientSettings()))
    assert raised.value.number == HTTP_ERROR


def test_a_connection_is_tried_again() -> None:
    with pytest.raises(ResponderError) as raised:
        asyncio.run(ask("http://127.0.0.1:1/", b"x", ClientSettings(retries=1)))
    exchange = raised.value.exchange
    assert (exchange.retries, exchange.status, exchange.state, exchange.connected) == (1, 503, "SC--", -1)
    assert exchange.line == "GET http://127.0.0.1:1/eA%3D%3D HTTP/1.1"


def named(answer: bool, settings: ClientSettings) -> tuple[list[str], str]:
    """A responder known by a name: the names that were asked about, and what came of it."""

    async def run(dns: NameServer) -> str:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            RESOLVERS.start(asyncio.get_running_loop())
            port = server.sockets[0].getsockname()[1]
            try:
                return (await ask(f"http://ocsp.nosuch.invalid:{port}/", b"x", settings)).decode()
            except ResponderError as error:
                return error.exchange.fault
            finally:
                RESOLVERS.stop()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(RESPONSE)
        writer.close()

    with NameServer() as dns:
        if answer:
            dns.zone["ocsp.nosuch.invalid", A] = ["127.0.0.1"]
        line = NameServerLine(name="n", host="127.0.0.1", port=dns.port)
        options = ResolversOptions(name="d", servers=(line,), retries=1, retry=10_000)
        RESOLVERS.make([options], AUTO, Arena(1, 1 << 10))
        found = asyncio.run(run(dns))
        RESOLVERS.by_name = {}
        return [query.name for query in dns.queries], found


def test_names_are_resolved_by_a_section() -> None:
    asked, found = named(True, ClientSettings(resolvers="d", prefer=4))
    assert (asked, found) == (["ocsp.nosuch.invalid"], "ok")


def test_names_that_a_section_does_not_know(monkeypatch: pytest.MonkeyPatch) -> None:
    """The system is asked only where nobody has named the section."""

    def nothing(*args: object, **more: object) -> None:
        raise socket.gaierror("the system does not know it")

    monkeypatch.setattr(socket, "getaddrinfo", nothing)
    asked, found = named(False, ClientSettings(resolvers="d", prefer=4, explicit=True, retries=0))
    assert set(asked) == {"ocsp.nosuch.invalid"} and found == "the name 'ocsp.nosuch.invalid' is not resolved"
    asked, found = named(False, ClientSettings(resolvers="d", prefer=4, retries=0))
    assert set(asked) == {"ocsp.nosuch.invalid"} and found == "the system does not know it"


def test_names_that_are_not_to_be_resolved() -> None:
    asked, found = named(True, ClientSettings(resolvers="d", disabled=True, retries=0))
    assert (asked, found) == ([], "the name 'ocsp.nosuch.invalid' is not resolved")
