"""Servers that speak HTTP/2: what they are sent, and what becomes of their answers (manual 5.2, proto)."""

from __future__ import annotations

import pytest
from support.h2_peer import (
    CANCEL,
    INTERNAL_ERROR,
    MAX_CONCURRENT_STREAMS,
    NO_ERROR,
    PING,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    data,
    frame,
    goaway,
    headers,
    literals,
    ping,
    rst_stream,
)
from support.h2_server_stand import H2Server, H2ServerStand
from support.stand import End, Stand

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    retries 1
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server a {a}
"""
GET = b"GET /x HTTP/1.1\r\nHost: h\r\n\r\n"
POST = b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\n\r\nbody"


def stand(more: str = "", server: str = "") -> H2ServerStand:
    text = CONFIG.replace("http-reuse always", f"http-reuse always\n    {more}").replace("{a}", f"{{a}} {server}")
    return H2ServerStand(text, "a", speaks="a", most=100)


def ask(proxy: Stand, request: bytes = GET) -> End:
    client = proxy.client()
    client.send_all(request)
    return client


def test_the_word_proto_makes_it_so() -> None:
    """And what begins a connection: the preface, SETTINGS, and the first request behind them in one piece."""
    with Stand(CONFIG.replace("{a}", "{a} proto h2"), "a") as proxy:
        client = ask(proxy)
        server = H2Server(proxy.accept("a"))
        assert server.place("/x") == 1
        server.answer(1, 200, ("content-length", "2"))
        server.data(1, b"hi")
        server.finish(1)
        assert client.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


def test_what_a_request_becomes() -> None:
    with stand() as proxy:
        fields = b"Host: h:8\r\nConnection: x\r\nX: 1\r\nTE: trailers, gzip\r\nContent-Length: 2\r\n"
        ask(proxy, b"POST /p?q HTTP/1.1\r\n" + fields + b"\r\nok")
        server = proxy.h2_server("a")
        place = server.place("/p?q")
        assert [server.said(place, name) for name in (":method", ":scheme", ":authority")] == ["POST", "http", "h:8"]
        names = [name for name, _ in server.heads[place][-1]["fields"]]  # type: ignore[attr-defined]
        assert names == ["te", "content-length"]
        assert server.header(place, "te") == "trailers" and server.body(place) == b"ok"
        assert place in server.ended


@pytest.mark.parametrize(
    "frames, status, line",
    [
        # (what the server sends on stream 1, the status at the client, the log line): measured beside the peer program.
        ([rst_stream(1, CANCEL)], b"502", "502 SH"),
        ([rst_stream(1, INTERNAL_ERROR)], b"502", "502 SH"),
        ([headers(1, literals([("x", "y")]))], b"502", "502 PH"),
        ([headers(1, literals([(":status", "200"), ("X-Upper", "y")]))], b"502", "502 PH"),
        ([headers(1, literals([(":status", "101")]), end=False)], b"502", "502 PH"),
        ([frame(0, 0, 0, b"DATA without a stream")], b"502", "502 SH"),
        ([b"HTTP/1.1 400 Bad request\r\n\r\n"], b"502", "502 SH"),
        ([headers(1, literals([(":status", "200")]), end=False), rst_stream(1, CANCEL)], b"200", "200 SD"),
    ],
)
def test_answers_that_are_none(frames: list[bytes], status: bytes, line: str) -> None:
    with stand() as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        assert server.place("/x") == 1
        server.send(*frames)
        assert client.take()[9:12] == status
        assert proxy.lines == [line]


LENGTH = ("content-length", "4")


@pytest.mark.parametrize(
    "sent",
    [
        [data(1, b"abc", end=True)],
        [data(1, b"abcde", end=True)],
        [data(1, b"abc"), rst_stream(1, NO_ERROR)],
        [data(1, b"abc"), headers(1, literals([("x", "y")]))],
    ],
    ids=["shorter", "longer", "reset", "trailers too early"],
)
def test_a_body_that_is_not_as_long_as_its_head_says(sent: list[bytes]) -> None:
    with stand() as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        server.answer(server.place("/x"), 200, LENGTH)
        server.send(*sent)
        received = client.take()
        assert received.startswith(b"HTTP/1.1 200 OK\r\n") and client.closed
        assert proxy.lines == ["200 SD"]


def test_a_whole_answer_and_a_reset_behind_it() -> None:
    """RFC 9113 8.1: a server that needs no more of the request may say so by RST_STREAM with NO_ERROR."""
    with stand() as proxy:
        client = ask(proxy, POST[:-2])
        server = proxy.h2_server("a")
        place = server.place("/x")
        block = bytes(server.encoder.encode([(":status", "200"), LENGTH]))
        server.send(headers(place, block, end=False), data(place, b"late", end=True), rst_stream(place, NO_ERROR))
        assert client.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlate"
        assert proxy.lines == ["200 --"]
        other = ask(proxy)
        assert server.look().uris()[place + 2] == "/x", "the connection goes on"
        server.answer(place + 2, 204, end=True)
        assert other.take() == b"HTTP/1.1 204 No Content\r\n\r\n"


def test_interim_heads_and_trailers_come_through() -> None:
    with stand() as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        place = server.place("/x")
        server.answer(place, 103, ("link", "</s>"))
        server.answer(place, 200)
        server.data(place, b"body")
        server.finish(place, ("grpc-status", "0"))
        assert client.take() == (
            b"HTTP/1.1 103 Informational\r\nlink: </s>\r\n\r\nHTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            b"4\r\nbody\r\n0\r\ngrpc-status: 0\r\n\r\n"
        )


@pytest.mark.parametrize("trailers", [[(":status", "200")], [("content-length", "4")], [("Upper", "x")]])
def test_trailers_that_are_none(trailers: list[tuple[str, str]]) -> None:
    with stand() as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        server.answer(1, 200)
        server.data(1, b"body")
        server.send(headers(1, literals(trailers)))
        assert b"0\r\n\r\n" not in client.take() and client.closed
        assert proxy.lines == ["200 PD"]


@pytest.mark.parametrize("code", [REFUSED_STREAM, CANCEL])
@pytest.mark.parametrize("request_", [GET, POST], ids=["GET", "POST"])
def test_retry_on_empty_response(code: int, request_: bytes) -> None:
    with stand("retry-on empty-response") as proxy:
        client = ask(proxy, request_)
        server = proxy.h2_server("a")
        server.send(rst_stream(server.place("/x"), code))
        # One that was refused, and whose body is kept, need not leave a connection that lasts.
        again = server if code == REFUSED_STREAM else proxy.h2_server("a")
        place = max(again.uris())
        assert again.body(place) == request_[-4:] if request_ is POST else place in again.ended
        again.answer(place, 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ") and proxy.lines == ["204 --"]
        assert proxy.record["retries"] == 1


def test_retry_on_junk_response() -> None:
    with stand("retry-on junk-response") as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        server.send(headers(server.place("/x"), literals([(":status", "20x")])))
        again = proxy.h2_server("a")
        again.answer(again.place("/x"), 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ") and proxy.lines == ["204 --"]
        assert server.look().codes == {1: PROTOCOL_ERROR}


def test_timeout_server_ends_the_stream_alone() -> None:
    with stand() as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        assert server.place("/x") == 1
        proxy.wait(3_100)
        assert client.take().startswith(b"HTTP/1.1 504 ") and proxy.lines == ["504 sH"]
        assert server.look().codes == {1: CANCEL}
        other = ask(proxy)
        assert sorted(server.uris()) == [1, 3]
        server.answer(3, 204, end=True)
        assert other.take().startswith(b"HTTP/1.1 204 ")


def test_pings_are_answered_while_nothing_is_carried() -> None:
    with stand() as proxy:
        ask(proxy)
        server = proxy.h2_server("a")
        server.answer(server.place("/x"), 204, end=True)
        assert len(proxy.server("a").pool.idle) == 1
        server.send(ping(b"01234567"))
        assert [one.payload for one in server.look().frames if one.kind == PING] == [b"01234567"]
        assert len(proxy.server("a").pool.idle) == 1 and not server.end.closed


@pytest.mark.parametrize("how", ["goaway", "close"])
def test_an_idle_connection_that_the_server_gives_up(how: str) -> None:
    with stand() as proxy:
        ask(proxy)
        server = proxy.h2_server("a")
        server.answer(server.place("/x"), 204, end=True)
        if how == "goaway":
            server.send(goaway(1))
            assert server.look().end.closed
        else:
            server.end.close()
        assert [one.is_open for one in proxy.server("a").pool.idle] in ([], [False])
        assert proxy.server("a").counters.totals.idle == 0
        client = ask(proxy)
        other = proxy.h2_server("a")
        other.answer(other.place("/x"), 204, end=True)
        assert client.take().startswith(b"HTTP/1.1 204 ")


def test_goaway_lets_what_goes_on_end_well() -> None:
    with stand() as proxy:
        first, second = ask(proxy), ask(proxy)
        server = proxy.h2_server("a")
        assert sorted(server.uris()) == [1, 3]
        server.send(goaway(3))
        third = ask(proxy)
        other = proxy.h2_server("a")
        assert sorted(server.uris()) == [1, 3]
        other.answer(other.place("/x"), 204, end=True)
        server.answer(1, 204, end=True)
        assert not server.look().end.closed
        server.answer(3, 204, end=True)
        assert server.look().end.closed
        for client in (first, second, third):
            assert client.take().startswith(b"HTTP/1.1 204 ")
        assert proxy.lines == ["204 --"] * 3


def test_settings_say_how_many_at_once() -> None:
    with stand() as proxy:
        first = ask(proxy)
        server = proxy.h2_server("a", values=[(MAX_CONCURRENT_STREAMS, 1)])
        second = ask(proxy)
        other = proxy.h2_server("a")
        assert list(server.uris()) == [1] and list(other.uris()) == [1]
        for one, client in ((server, first), (other, second)):
            one.answer(1, 204, end=True)
            assert client.take().startswith(b"HTTP/1.1 204 ")


def test_max_reuse_counts_exchanges() -> None:
    """Manual 5.2: a connection is not used again more often than that, be it by several at once."""
    with stand(server="max-reuse 1") as proxy:
        clients = [ask(proxy) for _ in range(3)]
        servers = [proxy.h2_server("a"), proxy.h2_server("a")]
        assert [sorted(server.uris()) for server in servers] == [[1, 3], [1]]
        for server, numbers in zip(servers, ([1, 3], [1])):
            for number in numbers:
                server.answer(number, 204, end=True)
        assert [client.take()[:12] for client in clients] == [b"HTTP/1.1 204"] * 3
        assert servers[0].look().end.closed and not servers[1].look().end.closed


def test_answers_of_several_kinds_that_come_again() -> None:
    """They take turns on one connection; rules give one of them a status that knows no body, which the server sends."""
    rules = "http-response set-status 304 if { res.hdr(x) a }\n    http-response set-header seen %[res.hdr(x)]"
    with stand(rules) as proxy:
        clients = {"a": proxy.client(), "b": proxy.client()}
        server: H2Server | None = None
        number = 1
        for turn in range(4):
            for letter, client in clients.items():
                client.send(GET)
                server = server or proxy.h2_server("a")
                assert number in server.look().uris()
                server.answer(number, 200, ("content-length", "1"), ("x", letter))
                server.data(number, letter.encode())
                server.finish(number)
                received = client.take()
                assert b"seen: %b\r\n" % letter.encode() in received, turn
                assert received.startswith(b"HTTP/1.1 %d " % (304 if letter == "a" else 200))
                assert client.closed is False and not server.look().reset
                number += 2


def test_answers_that_come_again() -> None:
    """Heads of the same bytes take the way that the one before has shown; bodies and statuses are their own."""
    with stand("http-response set-header seen %[res.hdr(x)]") as proxy:
        client = proxy.client()
        server: H2Server | None = None
        for turn in range(6):
            client.send(GET)
            if server is None:
                server = proxy.h2_server("a")
            number = 2 * turn + 1
            assert server.look().uris()[number] == "/x"
            server.answer(number, 200, ("content-length", "4"), ("x", "a" if turn < 4 else "b"))
            server.data(number, b"%04d" % turn)
            server.finish(number)
            seen = b"a" if turn < 4 else b"b"
            head = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx: %b\r\nseen: %b\r\n\r\n" % (seen, seen)
            assert client.take() == head + b"%04d" % turn
        assert proxy.lines == ["200 --"] * 6


@pytest.mark.parametrize("limit, fields, status", [(10, 8, b"200"), (10, 12, b"502"), (200, 150, b"200")])
def test_as_many_fields_as_the_configuration_says(limit: int, fields: int, status: bytes) -> None:
    """tune.http.maxhdr (manual 3.2), as of servers that speak HTTP/1."""
    text = f"global\n    tune.http.maxhdr {limit}\n{CONFIG}"
    with H2ServerStand(text, "a", speaks="a", most=100) as proxy:
        client = ask(proxy)
        server = proxy.h2_server("a")
        server.answer(server.place("/x"), 200, *((f"x-{number}", "1") for number in range(fields)), end=True)
        assert client.take().startswith(b"HTTP/1.1 " + status)
