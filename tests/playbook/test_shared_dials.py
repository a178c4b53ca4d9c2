"""Exchanges that wait for one connection to a server, where its protocol carries several at once."""

from __future__ import annotations

import errno

import pytest
from support.frame_sides import FrameBack, FrameSpeaker
from support.frame_stand import FramePeer, FrameStand, whole
from support.frames import HEAD, RESET, asking, frame
from support.ports import Silent
from support.stand import Stand

from pointsman.net.wire import Wire
from pointsman.sample.context import Context
from pointsman.server.backend import LiveServer
from pointsman.server.pool_key import KeyPart
from pointsman.server.server import Server

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 20s
    timeout server 3s
    retries 0
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server a {a}
"""


def ask(number: int, uri: str = "", host: str = "h") -> bytes:
    return frame(HEAD, number, asking(uri or f"/{number}", fields=[["host", host]]))


def drop(number: int) -> bytes:
    return frame(RESET, number)


def put(client: FramePeer, *frames: bytes) -> None:
    """All at once: the proxy has read the last of them before a connection is open."""
    client.end.send_all(b"".join(frames))


def connections(stand: FrameStand) -> list[FramePeer]:
    """Those that the server got, answered as far as they ask."""
    found = [FramePeer(end) for end in stand.arrivals("a")]
    for server in found:
        for place in list(server.uris()):
            whole(server, place)
    return found


def carried(stand: FrameStand) -> list[list[str]]:
    return [list(server.uris().values()) for server in connections(stand)]


def test_two_of_one_client() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        put(client, ask(1), ask(2))
        assert carried(stand) == [["/1", "/2"]]
        assert client.statuses(1) == client.statuses(2) == [200]
        totals = stand.server("a").counters.totals
        assert (totals.connects, totals.reuses, totals.sessions, totals.links) == (1, 1, 2, 1)
        assert stand.backend().counters.totals.reuses == 1
        assert stand.server("a").pool.dials == []


def test_two_clients() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        clients = [stand.frame_client(), stand.frame_client()]
        for number, client in enumerate(clients):
            client.end.sock.send(ask(1, f"/{number}"))
        (paths,) = carried(stand)
        assert sorted(paths) == ["/0", "/1"]
        assert [client.statuses(1) for client in clients] == [[200], [200]]


def test_no_more_wait_for_one_than_it_has_places() -> None:
    with FrameStand(CONFIG, "a", speaks="a", most=2) as stand:
        client = stand.frame_client()
        put(client, *[ask(number) for number in range(1, 6)])
        assert sorted(carried(stand)) == [["/1", "/2"], ["/3", "/4"], ["/5"]]
        assert [client.statuses(number) for number in range(1, 6)] == [[200]] * 5


class Promises(FrameSpeaker):
    """Its connections turn out to have fewer places than one may hope for."""

    def __init__(self, hoped: int, most: int) -> None:
        super().__init__(most)
        self.places = hoped

    def speak(self, server: Server, wire: Wire) -> FrameBack:
        assert isinstance(server, LiveServer)
        return FrameBack(server, wire, self.most)


@pytest.mark.parametrize(
    ("most", "expected"), [(1, [["/1"], ["/2"], ["/3"]]), (2, [["/1", "/2"], ["/3"]]), (3, [["/1", "/2", "/3"]])]
)
def test_fewer_places_than_hoped_for(most: int, expected: list[list[str]]) -> None:
    """Those without one look for another connection, in their order."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        stand.server("a").speaker = Promises(3, most)
        client = stand.frame_client()
        put(client, ask(1), ask(2), ask(3))
        assert carried(stand) == expected
        assert [client.statuses(number) for number in (1, 2, 3)] == [[200]] * 3
        assert stand.server("a").counters.totals.connects == len(expected)


@pytest.mark.parametrize(
    ("leaving", "left"),
    [([1], ["/2", "/3"]), ([2], ["/1", "/3"]), ([3], ["/1", "/2"]), ([1, 2], ["/3"]), ([2, 1], ["/3"])],
)
def test_some_leave(leaving: list[int], left: list[str]) -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        put(client, ask(1), ask(2), ask(3), *map(drop, leaving))
        assert carried(stand) == [left]


def test_all_leave() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        put(client, ask(1), ask(2), drop(1), drop(2))
        server = stand.server("a")
        assert server.links == 0 and server.pool.dials == []
        for end in stand.arrivals("a"):
            assert end.ended()


def test_each_has_its_deadline() -> None:
    """The dial goes on for those who may still wait, and is dropped with the last one."""
    silent = Silent()
    try:
        with FrameStand(CONFIG.replace("{a}", f"127.0.0.1:{silent.port}"), speaks="a") as stand:
            server = stand.server("a")
            client = stand.frame_client()
            client.ask(1)
            stand.wait(600)
            client.ask(2)
            (dial,) = server.pool.dials
            assert dial.waiting() == 2 and server.links == 1
            stand.wait(600)
            assert client.statuses(1) == [503] and client.statuses(2) == []
            assert server.pool.dials == [dial] and dial.waiting() == 1 and server.links == 1
            stand.wait(600)
            assert client.statuses(2) == [503]
            assert server.pool.dials == [] and server.links == 0
            assert stand.lines == ["503 sC", "503 sC"]
    finally:
        silent.close()


def test_what_has_failed_once_dials_itself() -> None:
    silent = Silent()
    text = CONFIG.replace("{a}", f"127.0.0.1:{silent.port}").replace("retries 0", "retries 1")
    try:
        with FrameStand(text, speaks="a") as stand:
            server = stand.server("a")
            client = stand.frame_client()
            client.ask(1)
            stand.wait(600)
            client.ask(2)
            stand.wait(600)
            assert [dial.waiting() for dial in server.pool.dials] == [1, 1] and server.links == 2
            assert server.counters.totals.connects == 2
            client.ask(3)  # that of the second one is the first that it meets
            assert [dial.waiting() for dial in server.pool.dials] == [2, 1]
    finally:
        silent.close()


def test_a_failure_is_told_to_each() -> None:
    silent = Silent()
    try:
        with FrameStand(CONFIG.replace("{a}", f"127.0.0.1:{silent.port}"), speaks="a") as stand:
            server = stand.server("a")
            client = stand.frame_client()
            put(client, ask(1), ask(2), ask(3))
            (dial,) = server.pool.dials
            dial.not_opened(errno.ECONNREFUSED)  # as the wire tells it
            stand.settle()
            assert [client.statuses(number) for number in (1, 2, 3)] == [[503]] * 3
            assert stand.lines == ["503 SC"] * 3
            assert server.links == 0 and server.pool.dials == []
            assert server.counters.totals.failed_connections == 3
    finally:
        silent.close()


def test_a_client_s_connection_ends_with_all_that_wait() -> None:
    silent = Silent()
    try:
        with FrameStand(CONFIG.replace("{a}", f"127.0.0.1:{silent.port}"), speaks="a") as stand:
            server = stand.server("a")
            client, other = stand.frame_client(), stand.frame_client()
            put(client, ask(1), ask(2))
            put(other, ask(1))
            (dial,) = server.pool.dials
            assert dial.waiting() == 3
            client.end.abort()
            assert dial.waiting() == 1 and server.links == 1
            other.end.abort()
            assert server.links == 0 and server.pool.dials == []
    finally:
        silent.close()


class HostName(KeyPart):
    def value(self, context: Context) -> bytes:
        request = context.request
        return next((one.value for one in request.fields if one.name == b"host"), b"") if request is not None else b""


def test_only_equals_wait_together() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        server = stand.server("a")
        server.key_parts.append(HostName())
        server.settle()
        client = stand.frame_client()
        put(client, ask(1, host="x"), ask(2, host="y"), ask(3, host="x"), ask(4, host="y"))
        assert sorted(carried(stand)) == [["/1", "/3"], ["/2", "/4"]]
        put(client, ask(5, host="y"), ask(6, host="x"), ask(7, host="z"))
        assert carried(stand) == [["/7"]]


def test_a_server_that_moves_is_dialled_anew() -> None:
    silent = Silent()
    try:
        with FrameStand(CONFIG.replace("{a}", f"127.0.0.1:{silent.port}"), "b", speaks="a") as stand:
            server = stand.server("a")
            client = stand.frame_client()
            client.ask(1)
            server.dial.target = stand.listeners["b"].getsockname()
            server.settle()
            client.ask(2)
            assert len(server.pool.dials) == 1  # to where it was; the other one is open
            there = stand.frame_server("b")
            assert list(there.uris().values()) == ["/GET"] or there.uris()
            whole(there, 1)
            assert client.statuses(2) == [200] and client.statuses(1) == []
    finally:
        silent.close()


@pytest.mark.parametrize(("mode", "expected"), [("never", 2), ("safe", 2), ("aggressive", 2), ("always", 1)])
def test_http_reuse_of_first_requests(mode: str, expected: int) -> None:
    """What is under way has been reused by nobody yet."""
    with FrameStand(CONFIG.replace("always", mode), "a", speaks="a") as stand:
        for client in (stand.frame_client(), stand.frame_client()):
            client.end.sock.send(ask(1))
        assert len(connections(stand)) == expected


@pytest.mark.parametrize("mode", ["never", "safe", "aggressive", "always"])
def test_one_client_s_requests_wait_together_in_each_mode(mode: str) -> None:
    with FrameStand(CONFIG.replace("always", mode), "a", speaks="a") as stand:
        client = stand.frame_client()
        put(client, ask(1), ask(2))
        assert carried(stand) == [["/1", "/2"]]
        assert client.statuses(1) == client.statuses(2) == [200]


def test_http_1_has_one_place() -> None:
    with Stand(CONFIG, "a") as stand:
        for client in (stand.client(), stand.client()):
            client.sock.send(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
        assert len(stand.arrivals("a")) == 2
        assert stand.server("a").pool.dials == []
