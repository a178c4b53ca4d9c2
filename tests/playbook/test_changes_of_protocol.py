"""What is spoken on a client's connection changes while it lives: what was read goes along, the session stays.

TCP to HTTP/1, because the backend speaks it or because somebody says so; HTTP/1 to another protocol by its preface; TCP
to that. What 101 and CONNECT make of HTTP/1 is in test_partings.py and test_unseen.py.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.frame_sides import FrameFront
from support.frame_stand import FramePeer, FrameStand, whole
from support.frames import frame
from support.stand import End, Stand

from pointsman.net.wire import Wire
from pointsman.sample.context import Session
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.sample.variables import PROCESS_VARIABLES
from pointsman.stream.connections import client_connections
from pointsman.stream.protocols import ClientProtocol
from pointsman.stream.raw import RawFront
from pointsman.stream.session import ClientSession

TIMES = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout http-request 2500
    timeout http-keep-alive 6s
    retries 0
"""
CHAINED = (
    TIMES
    + """
frontend f
    mode tcp
    bind 127.0.0.1:1
    use_backend raw if { path_beg /raw }
    default_backend b
backend b
    http-request set-header by backend
    http-response set-header by backend
    server a {a}
backend raw
    mode tcp
    server r {r}
"""
)
SWITCHED = (
    "global\n    tune.vars.sess-max-size 10000\n"
    + TIMES
    + """
frontend f
    bind 127.0.0.1:1
    http-request set-header kept "%[var(txn.kept,-)] %[var(sess.kept,-)] %[src]"
    default_backend b
backend b
    server a {a}
"""
)
GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"
PREFACE = b"PRI * FRAMES/1.0\r\n\r\nSM\r\n\r\n"


class FrameProtocol(ClientProtocol):
    """Frames, behind a preface."""

    def __init__(self) -> None:
        super().__init__(PREFACE)
        self.fronts: list[FrameFront] = []

    def take_over(self, session: Session, wire: Wire, data: bytes) -> None:
        assert isinstance(session, ClientSession)
        self.fronts.append(FrameFront(session, wire.reactor, wire))
        self.fronts[-1].read(data[len(PREFACE) :])


class BrokenProtocol(ClientProtocol):
    def take_over(self, session: Session, wire: Wire, data: bytes) -> None:
        raise RuntimeError("a bug")


# TCP to HTTP/1: the backend speaks it.


def test_a_backend_of_http_behind_a_frontend_of_tcp() -> None:
    """Its rules apply, its connections are shared, each request has a log line; the frontend logs as it does."""
    with Stand(CHAINED, "a", "r") as stand:
        client = stand.client()
        assert stand.arrivals("a") == [], "no request, no server"
        for number in range(3):
            client.send(GET % b"x")
            if not number:
                server = stand.accept("a")
            assert server.take() == b"GET /x HTTP/1.1\r\nhost: h\r\nby: backend\r\n\r\n"
            server.send(OK)
            assert client.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nby: backend\r\n\r\nbody"
            stand.wait(100)
        assert stand.arrivals("a") == [] and stand.lines == ["200 --"] * 3
        assert stand.frontend().connections == 1 and stand.backend("b").counters.totals.sessions == 3
        client.close()
        assert stand.lines == ["200 --"] * 3


def test_what_came_behind_a_proxy_header_goes_along() -> None:
    with Stand(CHAINED, "a", "r") as stand:
        client, arrival = stand.arrive()
        arrival.pending = GET % b"one" + b"GET /two HT"
        stand.frontend().open(arrival)
        server = stand.accept("a")
        assert server.take().startswith(b"GET /one HTTP/1.1\r\n")
        server.send(OK)
        assert client.take().endswith(b"body")
        client.send(b"TP/1.1\r\nHost: h\r\n\r\n")
        assert server.take().startswith(b"GET /two HTTP/1.1\r\n")
        server.send(OK)
        assert client.take().endswith(b"body") and stand.lines == ["200 --"] * 2


@pytest.mark.parametrize(
    "send, then, status, line",
    [
        (b"\x16garbage\r\n\r\n", "nothing", b"400", "400 PR"),
        (b"GET /", "wait", b"408", "408 cR"),
        (b"", "wait", b"408", "408 cR"),
        (b"GET /", "shut", b"400", "400 CR"),
    ],
)
def test_what_is_no_request_is_refused(send: bytes, then: str, status: bytes, line: str) -> None:
    with Stand(CHAINED, "a", "r") as stand:
        client = stand.client()
        client.send(send)
        if then == "wait":
            stand.wait(2_600)
        elif then == "shut":
            client.shut()
        assert client.take().startswith(b"HTTP/1.1 %b " % status) and client.closed
        assert stand.lines == [line] and stand.arrivals("a") == []


def test_a_later_request_cannot_leave_http() -> None:
    """Manual 4.4, switch-mode: an HTTP connection cannot be routed to a TCP server (observed: no answer, IR)."""
    with Stand(CHAINED, "a", "r") as stand:
        client = stand.client()
        client.send(GET % b"raw")
        server = stand.accept("a")
        assert server.take().startswith(b"GET /raw"), "the first one goes where the connection was routed"
        server.send(OK)
        client.take()
        client.send(GET % b"raw")
        assert client.ended()
        assert stand.lines == ["200 --", "500 IR"] and stand.arrivals("r") == []
        assert stand.backend("raw").connections == 0


def test_where_a_connection_leads_is_asked_of_each() -> None:
    """What becomes of a head that comes again and again is remembered; not where it went before it was HTTP."""
    text = CHAINED.replace("use_backend raw if { path_beg /raw }", "use_backend c if { var(proc.elsewhere) -m found }")
    with Stand(text + "backend c\n    server c {c}\n", "a", "c", "r") as stand:
        for _ in range(4):
            client = stand.client()
            client.send(GET % b"one")
            for server in stand.arrivals("a"):
                pooled = server
            assert pooled.take().startswith(b"GET /one ")
            pooled.send(OK)
            assert client.take().endswith(b"body")
            client.close()
        PROCESS_VARIABLES[b"proc.elsewhere"] = b"yes"
        client = stand.client()
        client.send(GET % b"one")
        assert stand.accept("c").take().startswith(b"GET /one ")


# TCP to HTTP/1: somebody says so, with what was read.


def raw_client(stand: Stand) -> tuple[End, RawFront]:
    """A connection that is raw, and about which nothing is decided."""
    client, arrival = stand.arrive()
    front = RawFront(stand.frontend().welcome(arrival), stand.reactor, arrival.fd)
    front.stream.touch_client()
    return client, front


def test_a_raw_connection_becomes_one_of_http() -> None:
    """What rules have set before goes on with the first request, as its frontend's rules see it; and no further."""
    with Stand(SWITCHED, "a") as stand:
        client, front = raw_client(stand)
        client.send(GET % b"one" + b"GET /two")
        data = front.wire.read(1_000)
        assert data is not None
        raw = front.stream.context
        raw.variables[b"txn.kept"] = b"txn"
        front.session.variables[b"sess.kept"] = b"sess"
        raw.charge, front.session.charge = 83, 84
        VARIABLE_LIMITS.used += 167
        front.become_http(None, data)
        server = stand.accept("a")
        assert b"kept: txn sess 127.0.0.1\r\n" in server.take()
        server.send(OK)
        assert client.take().endswith(b"body")
        client.send(b" HTTP/1.1\r\nHost: h\r\n\r\n")
        assert b"kept: - sess 127.0.0.1\r\n" in server.take()
        server.send(OK)
        client.take()
        assert stand.lines == ["200 --"] * 2 and stand.frontend().connections == 1
        assert VARIABLE_LIMITS.used == 84
        client.close()
        assert VARIABLE_LIMITS.used == 0 and stand.frontend().counters.totals.sessions == 1


def test_nothing_was_read_of_it() -> None:
    with Stand(SWITCHED, "a") as stand:
        client, front = raw_client(stand)
        front.become_http(None, b"")
        stand.wait(2_400)
        client.send(GET % b"one")
        server = stand.accept("a")
        server.send(OK)
        assert client.take().endswith(b"body")
        marks = stand.record
        assert marks["begun"] - marks["handshake"] == 2_400  # type: ignore[operator]


def test_what_is_still_in_the_socket_is_read() -> None:
    """No event tells of it: that one went to the side before."""
    with Stand(SWITCHED, "a") as stand:
        client, front = raw_client(stand)
        client.send(GET % b"one")
        assert front.wire.unread
        front.become_http(None, b"")
        assert stand.accept("a").take().startswith(b"GET /one ")


def test_a_line_that_was_written_is_not_written_again() -> None:
    with Stand(SWITCHED, "a") as stand:
        client, front = raw_client(stand)
        front.stream.logged = True
        front.become_http(None, GET % b"one")
        server = stand.accept("a")
        server.send(OK)
        client.take()
        assert stand.lines == []
        client.send(GET % b"two")
        server.send(OK)
        assert stand.lines == ["200 --"]


# By a preface.


Begin = Callable[[Stand, FrameProtocol, list[bytes]], End]


def by_preface(stand: Stand, protocol: FrameProtocol, pieces: list[bytes]) -> End:
    client = stand.client()
    for piece in pieces:
        client.send(piece)
    return client


def behind_a_header(stand: Stand, protocol: FrameProtocol, pieces: list[bytes]) -> End:
    client, arrival = stand.arrive()
    arrival.pending = pieces[0]
    stand.frontend().open(arrival)
    for piece in pieces[1:]:
        client.send(piece)
    return client


def from_raw(stand: Stand, protocol: FrameProtocol, pieces: list[bytes]) -> End:
    client, front = raw_client(stand)
    front.become(protocol, b"".join(pieces))
    return client


@pytest.mark.parametrize("begin", [by_preface, behind_a_header, from_raw])
@pytest.mark.parametrize("size", [1, 17, 19, 1_000])
def test_a_preface_makes_another_protocol_of_it(begin: Begin, size: int) -> None:
    """However it is cut. The stream of before leaves no line, and the connection is counted once."""
    with FrameStand(SWITCHED, "a", speaks="a") as stand:
        protocol = FrameProtocol()
        stand.frontend().protocols.append(protocol)
        client = begin(stand, protocol, [PREFACE[i : i + size] for i in range(0, len(PREFACE), size)])
        assert stand.lines == [] and stand.frontend().connections == 1
        (front,) = client_connections(stand.reactor)
        assert front is protocol.fronts[0]
        peer = FramePeer(client)
        peer.ask(1, "/one")
        peer.ask(2, "/two")
        server = stand.frame_server("a")
        assert server.header(server.place("/one"), "kept") == "- - 127.0.0.1"
        whole(server, server.place("/two"))
        whole(server, server.place("/one"))
        assert peer.body(1) == peer.body(2) == b"body"
        assert stand.lines == ["200 --"] * 2
        assert stand.frontend().counters.totals.sessions == 1
        client.close()
        assert stand.frontend().connections == 0 and stand.lines == ["200 --"] * 2


def test_frames_that_came_with_the_preface_go_along() -> None:
    with FrameStand(SWITCHED, "a", speaks="a") as stand:
        protocol = FrameProtocol()
        stand.frontend().protocols.append(protocol)
        client = stand.client()
        asking = FramePeer(client)
        sent: list[bytes] = []
        asking.put = lambda kind, number, payload=b"": sent.append(frame(kind, number, payload))  # type: ignore[method-assign]
        asking.ask(1, "/one")
        asking.ask(2, "/two")
        client.send(PREFACE + b"".join(sent))
        servers = map(FramePeer, stand.arrivals("a"))
        assert sorted(uri for server in servers for uri in server.uris().values()) == ["/one", "/two"]


class LazyProtocol(FrameProtocol):
    """Looks only at what it is given, and waits for its turn."""

    def take_over(self, session: Session, wire: Wire, data: bytes) -> None:
        assert isinstance(session, ClientSession)
        FrameFront(session, wire.reactor, wire).take(data[len(PREFACE) :])


def test_what_was_not_read_with_the_preface_is_read_behind_it() -> None:
    """No event tells of it: that one went to the side before."""
    with FrameStand(SWITCHED, "a", speaks="a") as stand:
        stand.frontend().protocols.append(LazyProtocol())
        client = stand.client()
        asking = FramePeer(client)
        sent: list[bytes] = []
        asking.put = lambda kind, number, payload=b"": sent.append(frame(kind, number, payload))  # type: ignore[method-assign]
        asking.ask(1, "/one", "POST", end=False)
        asking.data(1, b"x" * 40_000)
        asking.finish(1)
        client.send(PREFACE + b"".join(sent))
        server = stand.frame_server("a")
        assert server.body(1) == b"x" * 40_000 and server.ended == {1}


@pytest.mark.parametrize("first", [b"P", b"PR", b"PRI * FRAMES/1"])
def test_a_request_that_begins_alike_is_one(first: bytes) -> None:
    with Stand(SWITCHED, "a") as stand:
        stand.frontend().protocols.append(FrameProtocol())
        client = stand.client()
        client.send(first)
        client.send(b"OST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")
        if len(first) < 3:
            assert stand.accept("a").take().startswith(first + b"OST / HTTP/1.1\r\n")
        else:
            assert client.take().startswith(b"HTTP/1.1 400 ") and stand.lines == ["400 PR"]


def test_a_preface_that_stays_away_has_the_time_of_a_request() -> None:
    with Stand(SWITCHED, "a") as stand:
        stand.frontend().protocols.append(FrameProtocol())
        client = stand.client()
        client.send(PREFACE[:-2])
        stand.wait(2_600)
        assert client.take().startswith(b"HTTP/1.1 408 ") and stand.lines == ["408 cR"]


def test_behind_a_request_it_is_no_preface() -> None:
    """Manual 4.2, disable-h2-upgrade: if the first request matches."""
    with Stand(SWITCHED, "a") as stand:
        protocol = FrameProtocol()
        stand.frontend().protocols.append(protocol)
        client = stand.client()
        client.send(GET % b"one")
        stand.accept("a").send(OK)
        client.take()
        client.send(PREFACE)
        assert client.take().startswith(b"HTTP/1.1 400 ") and protocol.fronts == []
        assert stand.lines == ["200 --", "400 PR"]


def test_without_such_a_protocol_it_is_a_bad_request() -> None:
    with Stand(SWITCHED, "a") as stand:
        client = stand.client()
        client.send(PREFACE)
        assert client.take().startswith(b"HTTP/1.1 400 ") and stand.lines == ["400 PR"]


@pytest.mark.parametrize("way", ["read", "pending", "raw"])
def test_a_bug_of_the_other_side_ends_that_connection_alone(way: str) -> None:
    with Stand(SWITCHED, "a") as stand:
        protocol = BrokenProtocol(PREFACE)
        stand.frontend().protocols.append(protocol)
        other = stand.client()
        client, arrival = stand.arrive()
        arrival.pending = PREFACE if way == "pending" else b""
        with pytest.raises(RuntimeError, match="a bug"):
            if way == "raw":
                raw = RawFront(stand.frontend().welcome(arrival), stand.reactor, arrival.fd)
                try:
                    raw.become(protocol, PREFACE)
                finally:
                    raw.wire.broken()  # as the reactor does
            else:
                stand.frontend().open(arrival)
                client.send(PREFACE)
        stand.faults.clear()
        assert client.ended() and stand.frontend().connections == 1
        other.send(GET % b"one")
        stand.accept("a").send(OK)
        assert other.take().endswith(b"body")
