"""docs/http2.md: each of its configurations does what the page says."""

from __future__ import annotations

import re

import pytest
from support.certificates import authority
from support.configs import read
from support.h2_peer import (
    CANCEL,
    ENABLE_CONNECT_PROTOCOL,
    ENHANCE_YOUR_CALM,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    REFUSED_STREAM,
    WINDOW_UPDATE,
    data,
    headers,
    literals,
    rst_stream,
    settings,
)
from support.h2_server_stand import H2ServerStand
from support.h2_stand import H2Peer, H2Stand
from support.programs import ROOT
from support.stand import Lines, Stand

from pointsman.assemble import assembled
from pointsman.core.diagnostics import Position
from pointsman.core.tls import MISSING
from pointsman.core.words import Word
from pointsman.log.policy import When
from pointsman.sample.context import Context
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Where

PAGE = (ROOT / "docs" / "http2.md").read_text(encoding="utf-8")
BLOCKS = {
    part.partition("\n")[0]: found[1]
    for part in re.split(r"(?m)^## ", PAGE)[1:]
    if (found := re.search(r"(?ms)^```haproxy\n(.*?)^```$", part)) is not None
}
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def text_of(heading: str) -> str:
    """The section's configuration, with a server of ours: a."""
    text = re.sub(r"bind :(\d+)", r"bind 127.0.0.1:\1", BLOCKS[heading])
    return text.replace("127.0.0.1:9001", "{a}").replace("127.0.0.1:9002", "{c}")


def word(text: str) -> Word:
    return Word(text, Position("test.cfg", 1, 1, len(text), text))


def test_every_section_is_tested() -> None:
    assert list(BLOCKS) == [
        "Clients over TLS",
        "Clients without TLS",
        "Servers",
        "gRPC",
        "WebSockets",
        "Limits",
        "Attacks",
        "What it shows",
    ]


@pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")
@pytest.mark.parametrize(
    ("more", "offer"),
    [
        ("", b"\x02h2\x08http/1.1"),
        (" alpn http/1.1", b"\x08http/1.1"),
        (" proto h1", b"\x08http/1.1"),
        (" proto h2", b"\x02h2"),
    ],
)
def test_clients_over_tls(more: str, offer: bytes) -> None:
    text = text_of("Clients over TLS").replace(
        "/etc/haproxy/site.pem", str(authority().path("www.example.test")) + more
    )
    loaded = read(text.replace("{a}", "127.0.0.1:9001"))
    live = assembled(loaded.configuration, loaded.diagnostics)
    assert live is not None and loaded.diagnostics.findings == []
    live.reactor.epoll.close()
    assert [front.own.alpn for front in live.fronts] == [offer]


class Both(H2ServerStand, H2Stand):
    """HTTP/2 on both sides."""


def is_http2(client: H2Peer) -> bool:
    """Whether the proxy speaks it, to who begins with its preface."""
    client.ask(1, "/x")
    try:
        return bool(client.look().frames)
    except ValueError:  # an answer in HTTP/1
        return False


def test_clients_without_tls() -> None:
    text = text_of("Clients without TLS")
    with Stand(text, "a") as stand:
        found = []
        for listener in stand.live.listeners:
            stand.bind_states[id(stand.frontend("web"))].proto = listener.bind_state.proto
            found.append(is_http2(H2Peer(stand.client("web"))))
        assert found == [True, True, False]
    with Stand(text.replace("frontend web\n", "frontend web\n    option disable-h2-upgrade\n"), "a") as stand:
        assert not is_http2(H2Peer(stand.client("web")))


def test_servers() -> None:
    with H2ServerStand(text_of("Servers"), "a") as stand:
        first, second = stand.client("web"), stand.client("web")
        first.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        server = stand.h2_server("a")
        server.answer(server.place("/1"), 200, ("content-length", "0"), end=True)
        assert first.take().startswith(b"HTTP/1.1 200 ")
        second.send(b"GET /2 HTTP/1.1\r\nHost: h\r\n\r\n")
        first.send(b"GET /3 HTTP/1.1\r\nHost: h\r\n\r\n")
        assert (server.place("/2"), server.place("/3")) == (3, 5)  # on the same connection, at once
        server.send(rst_stream(3, REFUSED_STREAM))
        again = [number for number, uri in server.uris().items() if uri == "/2"][-1]
        assert again > 5  # it was sent again
        server.answer(again, 200, ("content-length", "0"), end=True)
        assert second.take().startswith(b"HTTP/1.1 200 ")
        server.answer(5, 200, ("content-length", "0"), end=True)
        assert first.take().startswith(b"HTTP/1.1 200 ")


def test_grpc() -> None:
    with Both(text_of("gRPC"), "a", "c") as stand:
        client = stand.h2(name="calls")
        client.ask(
            1, "/hello.Greeter/Chat", "POST", ("content-type", "application/grpc"), ("te", "trailers"), end=False
        )
        client.ask(3, "/hello.Greeter/Say", "POST", ("content-type", "application/grpc"), ("te", "trailers"))
        workers = [stand.h2_server("a"), stand.h2_server("c")]  # each call is balanced by itself
        chats = next(one for one in workers if "/hello.Greeter/Chat" in one.uris().values())
        number = chats.place("/hello.Greeter/Chat")
        assert chats.header(number, "te") == "trailers"
        client.put(data(1, b"one"))
        assert chats.look().bodies[number] == b"one"
        chats.answer(number, 200, ("content-type", "application/grpc"))
        chats.data(number, b"uno")
        assert client.answer(1).body == b"uno"
        client.put(data(1, b"two", True))
        assert chats.look().bodies[number] == b"onetwo"
        chats.finish(number, ("grpc-status", "0"))
        assert client.answer(1).trailers == [(b"grpc-status", b"0")]
        says = next(one for one in workers if one is not chats)
        client.put(rst_stream(3, CANCEL))
        assert says.look().codes == {says.place("/hello.Greeter/Say"): CANCEL}


def test_websockets() -> None:
    text = text_of("WebSockets")
    for offered in (False, True):
        if offered:
            text = text.replace("    h2-workaround-bogus-websocket-clients\n", "")
        with H2Stand(text, "a") as stand:
            client = stand.h2(name="web")
            assert (ENABLE_CONNECT_PROTOCOL in client.told()) == offered
            if offered:
                pairs = [(":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http")]
                pairs += [(":path", "/chat"), (":authority", "a.test"), ("sec-websocket-version", "13")]
                client.put(headers(1, literals(pairs), False))
                asked = stand.accept("a").take()
                assert asked.startswith(b"GET /chat HTTP/1.1\r\n") and b"upgrade: websocket" in asked


def test_limits() -> None:
    with H2Stand(text_of("Limits"), "a") as stand:
        assert stand.live.program.h2_back.streams == 10
        client = stand.h2(name="web")
        assert client.told()[MAX_CONCURRENT_STREAMS] == 50
        client.put(settings(ack=True))
        client.ask(1, "/x", "POST", end=False)
        stand.accept("a")
        client.put(data(1, b"x"))
        credit = sum(one.increment for one in client.of_kind(WINDOW_UPDATE) if one.stream == 1)
        assert 16_384 + credit == 800 * 1024 // 8 * 7
        text = text_of("Limits").replace("max-total-streams 1000", "max-total-streams 2")
    with H2Stand(text, "a") as stand:
        client = stand.h2(name="web")
        client.ask(1)
        assert client.goaways() == []
        client.ask(3)
        assert client.goaways()[0][1] == NO_ERROR
        for server in stand.arrivals("a"):
            assert server.take()


def test_attacks() -> None:
    text = text_of("Attacks").replace("gt 1000", "gt 100")
    bad = literals([(":method", "GET"), (":path", "/")])
    with H2Stand(text, "a") as stand:
        client = stand.h2(name="web")
        for number in range(1, 500, 2):
            client.put(headers(number, bad, True))
        *before, last = [code for _, code in client.goaways()]
        assert last == ENHANCE_YOUR_CALM and set(before) <= {NO_ERROR}  # what it cost may end it before it is warned
        assert len(client.resets) <= 200
        assert stand.client("web").ended()  # nobody lets it in again


class Said(Lines):
    """A log whose lines are what the page's log-format says of streams."""

    def stream(self, ctx: Context, level: int = 6) -> None:
        names = re.findall(r"%\[([\w.]+)\]", BLOCKS["What it shows"])
        found = {name: parse_expression(word(name), Where.EVERYWHERE).get_bytes(ctx) for name in names}
        self.lines.append(" ".join((value or b"-").decode() for value in found.values()))


def test_what_it_shows() -> None:
    with H2Stand(text_of("What it shows"), "a") as stand:
        said = stand.frontend("web").logger = Said(When.END)
        client = stand.h2(name="web")
        client.ask(1, "/1")
        client.ask(3, "/3")
        first = stand.accept("a")
        first.send(OK)
        client.put(rst_stream(3, CANCEL))
        stand.settle()
        assert [line.split()[0] for line in said.lines] == ["1", "3"]
        assert [line.split()[2:] for line in said.lines] == [["-", "0", "1"], ["8", "0", "1"]]
