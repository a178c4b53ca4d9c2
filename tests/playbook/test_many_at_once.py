"""Streams over a protocol that is not HTTP/1: several exchanges at once on one connection, heads that are objects.

Each story is played with frames (support/frames.py) towards the client, towards the server, and on both ends.
"""

from __future__ import annotations

from unittest import mock

import pytest
from support.frame_stand import FramePeer, FrameStand, whole

from pointsman.admin.commands import streams as commands
from pointsman.sample.variable_limits import VARIABLE_LIMITS
from pointsman.stream import progress
from pointsman.stream.session import ClientSession

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout queue 4s
    timeout tunnel 5s
    retries 1
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    http-reuse always
    server a {a}
"""


def test_two_exchanges_at_once_with_interleaved_bodies() -> None:
    """One connection to the client, one to the server, and the bodies of both directions in pieces by turns."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one", "POST", end=False)
        client.ask(2, "/two", "POST", end=False)
        server = stand.frame_server("a")
        one, two = server.place("/one"), server.place("/two")
        client.data(1, b"a")
        client.data(2, b"b")
        client.data(1, b"c")
        server.answer(two)
        server.answer(one)
        server.data(one, b"1")
        server.data(two, b"2")
        client.data(2, b"d")
        server.data(one, b"3")
        client.finish(1)
        client.finish(2)
        server.data(two, b"4")
        server.finish(two)
        server.finish(one)
        assert (server.body(one), server.body(two)) == (b"ac", b"bd")
        assert server.ended == {one, two}
        assert client.statuses(1) == client.statuses(2) == [200]
        assert (client.body(1), client.body(2)) == (b"13", b"24")
        assert client.ended == {1, 2} and not client.reset and not server.reset
        assert stand.lines == ["200 --", "200 --"]
        assert stand.arrivals("a") == []


GET = b"GET %b HTTP/1.1\r\nHost: h\r\n\r\n"


def both(stand: FrameStand, method: str = "GET", *, end: bool = True) -> tuple[FramePeer, FramePeer, int, int]:
    """Two exchanges on one connection of each side: 1 (/one) and 2 (/two)."""
    client = stand.frame_client()
    client.ask(1, "/one", method, end=end)
    client.ask(2, "/two", method, end=end)
    server = stand.frame_server("a")
    return client, server, server.place("/one"), server.place("/two")


def goes_on(client: FramePeer, server: FramePeer, two: int, stand: FrameStand) -> None:
    """The second exchange is not touched, and the connections carry a third one."""
    whole(server, two)
    assert client.statuses(2) == [200] and client.body(2) == b"body" and 2 in client.ended
    assert 2 not in client.reset and two not in server.reset
    client.ask(3, "/three")
    whole(server, server.place("/three"))
    assert client.body(3) == b"body"
    assert stand.arrivals("a") == []
    assert stand.lines[-2:] == ["200 --", "200 --"]


def test_a_client_gives_one_up_and_the_other_goes_on() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        server.answer(one)
        server.data(one, b"some")
        client.drop(1)
        assert server.look().reset == {one}
        assert stand.lines == ["200 CD"]
        goes_on(client, server, two, stand)


def test_a_server_gives_one_up_and_the_other_goes_on() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        server.answer(one)
        server.data(one, b"some")
        server.drop(one)
        assert client.look().reset == {1} and client.body(1) == b"some"
        assert stand.lines == ["200 SD"]
        goes_on(client, server, two, stand)


def test_one_is_sent_again_and_the_other_goes_on() -> None:
    """retry-on empty-response: on a connection of its own, while the first one carries the other exchange."""
    text = CONFIG.replace("retries 1", "retries 1\n    retry-on empty-response")
    with FrameStand(text, "a", speaks="a") as stand:
        client, server, one, two = both(stand, "POST", end=False)
        client.data(1, b"body")
        client.finish(1)
        server.look()
        server.drop(one)
        other = stand.frame_server("a")
        again = other.place("/one")
        assert other.body(again) == b"body" and other.ended == {again}
        whole(other, again)
        assert client.statuses(1) == [200] and client.body(1) == b"body"
        assert stand.lines == ["200 --"] and stand.record["retries"] == 1
        client.finish(2)
        whole(server, two)
        assert client.body(2) == b"body" and client.ended == {1, 2}
        assert stand.arrivals("a") == []


def test_one_waits_for_the_slot_of_the_other() -> None:
    with FrameStand(CONFIG.replace("{a}", "{a} maxconn 1"), "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one")
        client.ask(2, "/two")
        server = stand.frame_server("a")
        assert list(server.uris().values()) == ["/one"]
        stand.wait(700)
        whole(server, server.place("/one"))
        whole(server, server.place("/two"))
        assert client.body(1) == client.body(2) == b"body"
        marks = stand.record
        assert marks["queued"] - marks["head"] == 700  # type: ignore[operator]
        assert stand.arrivals("a") == [], "it goes on where the first one has been"


def test_one_leaves_the_queue_and_the_other_goes_on() -> None:
    with FrameStand(CONFIG.replace("{a}", "{a} maxconn 1"), "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one")
        client.ask(2, "/two")
        server = stand.frame_server("a")
        client.drop(2)
        assert stand.lines == ["-1 CQ"]
        whole(server, server.place("/one"))
        assert client.body(1) == b"body" and client.ended == {1}


@pytest.mark.parametrize(
    "rule, status, body, line",
    [
        ("http-request return status 202 content-type text/plain string own if { path /one }", 202, b"own", "202 LR"),
        ("http-request deny if { path /one }", 403, b"403 Forbidden", "403 PR"),
        ("http-response deny if { res.hdr(x) -m found }", 502, b"502 Bad Gateway", "502 PH"),
        ("http-response return status 203 hdr own 1 if { res.hdr(x) -m found }", 203, b"", "203 LH"),
    ],
)
def test_one_gets_an_answer_of_our_own_and_the_other_goes_on(rule: str, status: int, body: bytes, line: str) -> None:
    with FrameStand(CONFIG.replace("default_backend", f"{rule}\n    default_backend"), "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one")
        client.ask(2, "/two")
        server = stand.frame_server("a")
        if "http-response" in rule:
            server.answer(server.place("/one"), 200, ("x", "y"))
        assert client.statuses(1) == [status]
        assert body in client.body(1) and 1 in client.ended and 1 not in client.reset
        assert stand.lines == [line]
        goes_on(client, server, server.place("/two"), stand)


def test_a_rejected_one_gets_no_answer_and_the_other_goes_on() -> None:
    rule = "http-request reject if { path /one }"
    with FrameStand(CONFIG.replace("default_backend", f"{rule}\n    default_backend"), "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one")
        client.ask(2, "/two")
        server = stand.frame_server("a")
        assert client.look().reset == {1} and client.heads == {}
        assert stand.lines == ["-1 PR"]
        goes_on(client, server, server.place("/two"), stand)


def test_interim_heads_pass() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        server.answer(one, 103, ("link", "</x>"))
        assert client.statuses(1) == [103] and client.header(1, "link") == "</x>"
        server.answer(two, 103)
        whole(server, one)
        whole(server, two)
        assert client.statuses(1) == client.statuses(2) == [103, 200]
        assert stand.server("a").counters.totals.http_1xx == 2


def test_trailers_pass_both_ways() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand, "POST", end=False)
        client.data(1, b"x")
        client.finish(1, ("sum", "1"))
        client.finish(2)
        assert server.look().trailers == {one: [["sum", "1"]], two: []}
        server.answer(one)
        server.finish(one, ("sum", "2"))
        whole(server, two)
        assert client.look().trailers == {1: [["sum", "2"]], 2: []}


def test_a_response_to_head_has_no_body() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand, "HEAD")
        server.answer(one, 200, ("content-length", "10"), end=True)
        assert client.statuses(1) == [200] and client.header(1, "content-length") == "10"
        assert client.ended == {1} and client.body(1) == b""
        server.answer(two, 204, end=True)
        assert client.statuses(2) == [204] and client.ended == {1, 2} and not client.reset


# Tunnels: a place of a connection that others use, too.


def test_a_tunnel_beside_another_exchange() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "h:443", "CONNECT", end=False)
        client.ask(2, "/two")
        server = stand.frame_server("a")
        one, two = server.place("h:443"), server.place("/two")
        client.data(1, b"early")
        assert server.body(one) == b"", "there is no tunnel yet"
        server.answer(one)
        assert client.statuses(1) == [200] and server.body(one) == b"early"
        client.data(1, b"-up")
        server.data(one, b"down")
        assert server.body(one) == b"early-up" and client.body(1) == b"down"
        whole(server, two)
        assert client.body(2) == b"body"
        client.finish(1)
        assert one in server.look().ended
        server.data(one, b"-more")
        server.finish(one)
        assert client.body(1) == b"down-more" and client.ended == {1, 2}
        assert not client.reset and not server.reset
        assert stand.lines == ["200 --", "200 --"]
        assert stand.record["uploaded"] >= 8


@pytest.mark.parametrize("who", ["client", "server"])
def test_a_tunnel_that_is_broken_off(who: str) -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "h:443", "CONNECT", end=False)
        client.ask(2, "/two")
        server = stand.frame_server("a")
        one, two = server.place("h:443"), server.place("/two")
        server.answer(one)
        if who == "client":
            client.drop(1)
            assert server.look().reset == {one}
        else:
            server.drop(one)
            assert client.look().reset == {1}
        assert stand.lines == ["200 CD" if who == "client" else "200 SD"]
        goes_on(client, server, two, stand)


def test_a_tunnel_has_its_time() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "h:443", "CONNECT", end=False)
        server = stand.frame_server("a")
        server.answer(server.place("h:443"))
        stand.wait(4_900)
        server.data(1, b"x")
        stand.wait(4_900)
        assert stand.lines == []
        stand.wait(200)
        assert stand.lines == ["200 cD"]
        assert client.look().reset == {1} and server.look().reset == {1}


def test_a_tunnel_between_frames_and_http_1() -> None:
    """The server's end is a socket of its own, the client's a place."""
    with FrameStand(CONFIG, "a") as stand:
        client = stand.frame_client()
        client.ask(1, "h:443", "CONNECT", end=False)
        server = stand.accept("a")
        assert server.take().startswith(b"CONNECT h:443 HTTP/1.1\r\n")
        client.data(1, b"early")
        server.send(b"HTTP/1.1 200 OK\r\n\r\nhello")
        assert client.statuses(1) == [200] and client.body(1) == b"hello"
        assert server.take() == b"early"
        big = bytes(range(256)) * 4_000
        server.send_all(big)
        assert client.body(1) == b"hello" + big
        client.data(1, big)
        assert server.take_all(len(big)) == big
        client.finish(1)
        assert server.ended()
        server.close()
        assert client.look().ended == {1} and stand.lines == ["200 --"]


def test_a_tunnel_between_http_1_and_frames() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.client()
        client.send(b"CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\nearly")
        server = stand.frame_server("a")
        one = server.place("h:443")
        server.answer(one)
        assert client.take().startswith(b"HTTP/1.1 200 OK\r\n")
        assert server.body(one) == b"early"
        big = bytes(range(256)) * 4_000
        client.send_all(big)
        assert server.body(one) == b"early" + big
        server.data(one, big)
        assert client.take_all(len(big)) == big
        server.finish(one)
        assert client.ended() and stand.lines == ["200 --"]
        assert server.look().reset == {one}, "the client's direction was not ended"


# Credit.


def test_a_client_that_takes_nothing_holds_its_own_exchange_alone() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        client.grants = False
        server.answer(one)
        for _ in range(16):
            server.data(one, b"x" * 16_384)
        assert len(client.body(1)) == 65_536
        granted = server.look().credit[one]
        assert 65_536 <= granted < 16 * 16_384, "the server is not asked for more than goes on"
        whole(server, two)
        assert client.body(2) == b"body", "the other one goes on"
        for _ in range(16):
            client.grant(1, 16_384)
        server.finish(one)
        assert len(client.body(1)) == 16 * 16_384 and 1 in client.ended
        assert server.look().credit[one] == 16 * 16_384


def test_a_server_that_takes_nothing_holds_its_own_exchange_alone() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand, "POST", end=False)
        server.grants = False
        for _ in range(16):
            client.data(1, b"x" * 16_384)
        assert len(server.body(one)) == 65_536
        assert client.look().credit[1] < 16 * 16_384
        client.data(2, b"body")
        client.finish(2)
        whole(server, two)
        assert server.body(two) == b"body" and client.body(2) == b"body"
        for _ in range(16):
            server.grant(one, 16_384)
        client.finish(1)
        assert len(server.body(one)) == 16 * 16_384 and one in server.ended
        whole(server, one)
        assert client.body(1) == b"body"


def test_a_connection_that_takes_nothing_holds_all_its_exchanges() -> None:
    """The kernel's buffers are full: what waits for it is bounded, and goes on when it is read."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client(buffers=4_096)
        client.ask(1, "/one")
        client.ask(2, "/two")
        server = stand.frame_server("a")
        places = [server.place("/one"), server.place("/two")]
        for place in places:
            server.answer(place)
            client.grant(place, 4_000_000)
        for _ in range(40):
            for place in places:
                server.data(place, bytes([place]) * 16_384)
        assert all(server.look().credit[place] < 40 * 16_384 for place in places)
        for place in places:
            server.finish(place)
        for _ in range(10_000):
            if client.look().ended == {1, 2}:
                break
        assert {len(client.bodies[1]), len(client.bodies[2])} == {40 * 16_384}
        assert stand.lines == ["200 --", "200 --"]


# Times.


def test_timeout_server_of_one() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        server.answer(two)
        for _ in range(5):
            stand.wait(700)
            server.data(two, b".")
        assert client.statuses(1) == [504] and stand.lines == ["504 sH"]
        assert server.look().reset == {one}
        server.finish(two)
        assert client.body(2) == b"....." and stand.lines == ["504 sH", "200 --"]


def test_timeout_client_of_one() -> None:
    """It owes the rest of its body, while the other one sends."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand, "POST", end=False)
        for _ in range(4):
            stand.wait(700)
            client.data(2, b".")
        assert client.statuses(1) == [400] and stand.lines == ["400 cH"]
        assert server.look().reset == {one}
        client.finish(2)
        assert server.body(two) == b"...."
        goes_on(client, server, two, stand)


def test_timeout_client_of_one_that_takes_nothing() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        client.grants = False
        server.answer(one)
        server.answer(two)
        for _ in range(8):
            server.data(one, b"x" * 16_384)
        for _ in range(4):
            stand.wait(700)
            server.data(two, b".")
        assert stand.lines == ["200 cD"]
        assert client.look().reset == {1} and server.look().reset == {one}
        server.finish(two)
        assert client.body(2) == b"...." and stand.lines == ["200 cD", "200 --"]


def test_timeout_http_keep_alive_of_a_connection_that_carries_nothing() -> None:
    text = CONFIG.replace("timeout tunnel", "timeout http-keep-alive 6s\n    timeout tunnel")
    with FrameStand(text, "a", speaks="a") as stand:
        client = stand.frame_client()
        stand.wait(5_900)
        client.ask(1, "/one")
        server = stand.frame_server("a")
        server.answer(server.place("/one"))
        for _ in range(10):
            stand.wait(1_000)
            server.data(1, b".")
        server.finish(1)
        assert client.body(1) == b".........."
        stand.wait(5_900)
        assert not client.look().end.closed
        stand.wait(200)
        assert client.look().end.closed and stand.lines == ["200 --"]


def test_rules_of_one_wait_for_its_body() -> None:
    """The other one does not, and what is denied for its body ends alone."""
    rules = "option http-buffer-request\n    http-request deny if { req.body -m sub bad }\n    default_backend"
    with FrameStand(CONFIG.replace("default_backend", rules), "a", speaks="a") as stand:
        client = stand.frame_client()
        for number, uri in ((1, "/one"), (2, "/two"), (3, "/three")):
            client.ask(number, uri, "POST", end=False)
            client.data(number, b"b")
        assert stand.arrivals("a") == []
        client.data(1, b"ad")
        client.data(2, b"etter")
        client.finish(1)
        assert client.statuses(1) == [403] and client.ended == {1} and not client.reset
        client.finish(2)
        server = stand.frame_server("a")
        two = server.place("/two")
        assert server.body(two) == b"better" and server.ended == {two}
        whole(server, two)
        assert client.body(2) == b"body"
        client.drop(3)
        assert stand.lines == ["403 PR", "200 --", "400 CR"]


def test_rules_of_one_pause() -> None:
    """Those of a request, and of a response whose body is here: the others do not wait with them."""
    rules = (
        "http-request pause 500 if { path /one }\n    http-response pause 500 if { res.hdr(x) -m found }\n"
        "    default_backend"
    )
    with FrameStand(CONFIG.replace("default_backend", rules), "a", speaks="a") as stand:
        client = stand.frame_client()
        for number, uri in ((1, "/one"), (2, "/two"), (3, "/three")):
            client.ask(number, uri)
        server = stand.frame_server("a")
        assert list(server.uris().values()) == ["/two", "/three"]
        server.answer(server.place("/two"), 200, ("x", "y"))
        server.data(server.place("/two"), b"held")
        server.finish(server.place("/two"))
        whole(server, server.place("/three"))
        assert client.statuses(2) == [] and client.body(3) == b"body"
        stand.wait(400)
        assert client.statuses(2) == [] and len(server.uris()) == 2
        stand.wait(200)
        assert client.statuses(2) == [200] and client.body(2) == b"held"
        whole(server, server.place("/one"))
        assert client.body(1) == b"body" and client.ended == {1, 2, 3}
        assert stand.lines == ["200 --"] * 3


@pytest.mark.parametrize(
    "who, line", [("client", "200 CD"), ("server", "200 --"), ("server, before its end", "200 SD")]
)
def test_one_is_given_up_while_its_response_is_held(who: str, line: str) -> None:
    """A server that gives up behind the end of its response changes nothing."""
    rule = "http-response pause 500 if { res.hdr(x) -m found }\n    default_backend"
    with FrameStand(CONFIG.replace("default_backend", rule), "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        server.answer(one, 200, ("x", "y"))
        server.data(one, b"held")
        if who == "client":
            client.drop(1)
            assert server.look().reset == {one}
        elif who == "server, before its end":
            server.drop(one)
            assert client.look().reset == {1} and client.heads == {}
        else:
            server.finish(one)
            server.drop(one)
            stand.wait(600)
            assert client.body(1) == b"held" and client.ended == {1}
        assert stand.lines == [line]
        goes_on(client, server, two, stand)


# The end of a connection.


def test_a_server_s_connection_is_lost_with_two_exchanges_on_it() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, _ = both(stand)
        server.answer(one)
        server.data(one, b"some")
        server.end.close()
        assert client.body(1) == b"some" and client.reset == {1}
        assert client.statuses(2) == [502] and 2 in client.ended
        assert sorted(stand.lines) == ["200 SD", "502 SH"]
        client.ask(3, "/three")
        other = stand.frame_server("a")
        whole(other, other.place("/three"))
        assert client.body(3) == b"body"


def test_one_that_was_lost_with_a_used_connection_is_sent_again() -> None:
    """As with HTTP/1: a connection that had completed exchanges may have been closed while requests were under way."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one")
        server = stand.frame_server("a")
        whole(server, server.place("/one"))
        client.ask(2, "/two")
        client.ask(3, "/three")
        assert len(server.uris()) == 3
        server.end.close()
        for other in map(FramePeer, stand.arrivals("a")):
            for place in other.uris():
                whole(other, place)
        assert client.body(2) == client.body(3) == b"body"
        assert stand.lines == ["200 --"] * 3


@pytest.mark.parametrize("first", [True, False])
def test_one_that_cannot_be_repeated_is_lost_with_a_used_connection(first: bool) -> None:
    """A client knows to repeat what was lost behind its first request; the first one gets an answer (http-reuse)."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, other = stand.frame_client(), stand.frame_client()
        client.ask(1, "/one")
        server = stand.frame_server("a")
        whole(server, server.place("/one"))
        asking = other if first else client
        asking.ask(2, "/two", "POST", end=False)
        asking.data(2, b"x")
        asking.finish(2)
        assert server.place("/two")
        server.end.close()
        if first:
            assert asking.statuses(2) == [502] and stand.lines == ["200 --", "502 SH"]
        else:
            assert asking.look().reset == {2} and 2 not in asking.heads and stand.lines == ["200 --"]


@pytest.mark.parametrize("way", ["close", "abort"])
def test_a_client_s_connection_is_lost_with_two_exchanges_on_it(way: str) -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        server.answer(one)
        server.data(one, b"some")
        getattr(client.end, way)()
        assert sorted(stand.lines) == ["200 CD", "400 CD"]
        assert server.look().reset == {one, two}
        assert stand.frontend().connections == 0
        other = stand.frame_client()
        other.ask(1, "/three")
        whole(server, server.place("/three"))
        assert other.body(1) == b"body", "the server's connection was kept"


# Which connection carries what.


def served(stand: FrameStand, client: FramePeer, server: FramePeer, number: int, uri: str) -> None:
    client.ask(number, uri)
    whole(server, server.place(uri))
    assert client.body(number) == b"body"


def test_a_connection_that_is_full_is_not_lent() -> None:
    with FrameStand(CONFIG, "a", speaks="a", most=2) as stand:
        client, server, _, two = both(stand)
        client.ask(3, "/three")
        other = stand.frame_server("a")
        assert list(other.uris().values()) == ["/three"]
        whole(server, two)
        client.ask(4, "/four")
        assert server.place("/four"), "there is a place again"
        pool = stand.server("a").pool
        assert pool.idle == [] and len(pool.shared) == 2


def test_clients_share_a_connection() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        first, second = stand.frame_client(), stand.frame_client()
        first.ask(1, "/one")
        second.ask(1, "/two")
        server = stand.frame_server("a")
        whole(server, server.place("/two"), b"2")
        whole(server, server.place("/one"), b"1")
        assert (first.body(1), second.body(1)) == (b"1", b"2")
        assert stand.arrivals("a") == []
        counters = stand.server("a").counters.totals
        assert (counters.links, counters.idle) == (1, 1)


def test_http_reuse_safe() -> None:
    """The first request of a client has a connection of its own, unless one is there that only waits for it."""
    with FrameStand(CONFIG.replace("always", "safe"), "a", speaks="a") as stand:
        first, second = stand.frame_client(), stand.frame_client()
        first.ask(1, "/one")
        server = stand.frame_server("a")
        second.ask(1, "/two")
        other = stand.frame_server("a")
        whole(other, other.place("/two"))
        second.ask(2, "/three")
        assert "/three" in (*server.uris().values(), *other.uris().values())
        assert stand.arrivals("a") == []


def test_http_reuse_never() -> None:
    """One client's streams share its connection; nobody else does, and it ends with the client."""
    with FrameStand(CONFIG.replace("always", "never"), "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        other = stand.frame_client()
        other.ask(1, "/other")
        third = stand.frame_server("a")
        assert list(third.uris().values()) == ["/other"]
        whole(server, one)
        whole(server, two)
        served(stand, client, server, 3, "/three")
        assert stand.arrivals("a") == []
        client.end.close()
        assert server.look().end.closed
        whole(third, third.place("/other"))
        assert other.body(1) == b"body"


def test_streams_of_one_client_over_connections_of_http_1() -> None:
    """Under http-reuse never each of them has one, which is kept for that client; they are used again."""
    with FrameStand(CONFIG.replace("always", "never"), "a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one")
        client.ask(2, "/two")
        servers = [stand.accept("a"), stand.accept("a")]
        for number, server in enumerate(servers, 1):
            assert server.take().startswith(b"GET /")
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
            assert client.body(number) == b"body"
        client.ask(3, "/three")
        client.ask(4, "/four")
        assert stand.arrivals("a") == []
        assert sorted(server.take()[:9] for server in servers) == [b"GET /four", b"GET /thre"]
        for server in servers:
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody")
        assert client.look().ended == {1, 2, 3, 4}
        client.end.close()
        assert all(server.ended() for server in servers)


@pytest.mark.parametrize("why", ["max-reuse", "server-close", "gone"])
def test_a_connection_is_retired(why: str) -> None:
    """It takes no other exchange, and is closed when the last one on it is over."""
    text = CONFIG.replace("{a}", "{a} max-reuse 0" if why == "max-reuse" else "{a}")
    if why == "server-close":
        text = text.replace("http-reuse always", "http-reuse always\n    option http-server-close")
    with FrameStand(text, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        if why == "gone":
            stand.server("a").dial.target = ("127.0.0.1", stand.listeners["a"].getsockname()[1])
            stand.server("a").pool.close()
        whole(server, one)
        assert not server.look().end.closed
        client.ask(3, "/three")
        other = stand.frame_server("a")
        assert list(other.uris().values()) == ["/three"]
        whole(server, two)
        assert client.body(1) == client.body(2) == b"body"
        assert server.look().end.closed
        whole(other, other.place("/three"))
        assert client.body(3) == b"body"


# Frames on one end, HTTP/1 on the other.


def test_http_1_to_frames() -> None:
    """Two clients of HTTP/1 over one connection, with bodies of both framings; and again, from what is remembered."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        first, second = stand.client(), stand.client()
        for turn in range(3):
            first.send(
                b"POST /one HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nsum: 1\r\n\r\n"
            )
            second.send(GET % b"/two")
            if not turn:
                server = stand.frame_server("a")
            uris = server.uris()
            one, two = max(n for n in uris if uris[n] == "/one"), max(n for n in uris if uris[n] == "/two")
            assert server.body(one) == b"abc" and server.trailers[one] == [["sum", "1"]]
            server.answer(one, 200, ("content-length", "2"))
            whole(server, two)
            server.data(one, b"ok")
            server.finish(one)
            assert first.take() == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
            assert second.take() == b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\nbody\r\n0\r\n\r\n"
        assert stand.arrivals("a") == [] and stand.lines == ["200 --"] * 6


def test_frames_to_http_1() -> None:
    with FrameStand(CONFIG, "a") as stand:
        client = stand.frame_client()
        client.ask(1, "/one", "POST", end=False)
        client.ask(2, "/two")
        one, two = stand.accept("a"), stand.accept("a")
        client.data(1, b"abc")
        client.finish(1, ("sum", "1"))
        assert one.take() == (
            b"POST /one HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nsum: 1\r\n\r\n"
        )
        assert two.take() == b"GET /two HTTP/1.1\r\nhost: h\r\n\r\n"
        two.send(
            b"HTTP/1.1 100 Continue\r\n\r\n"
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nt: 2\r\n\r\n"
        )
        one.send(b"HTTP/1.0 200 OK\r\n\r\nto its close")
        one.close()
        assert client.body(2) == b"ok" and client.trailers[2] == [["t", "2"]] and client.statuses(2) == [100, 200]
        assert client.body(1) == b"to its close" and client.ended == {1, 2} and not client.reset


# What streams of a client share.


def test_a_session_s_variables_are_its_streams() -> None:
    rules = (
        "http-request set-var(sess.n) var(sess.n),add(1) if { var(sess.n) -m found }\n"
        "    http-request set-var(sess.n) int(1) if !{ var(sess.n) -m found }\n"
        "    http-request set-var(txn.own) path\n"
        '    http-request set-header seen "%[var(sess.n)] %[var(txn.own)]"\n    default_backend'
    )
    text = "global\n    tune.vars.sess-max-size 10000\n" + CONFIG.replace("default_backend", rules)
    with FrameStand(text, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        assert (server.header(one, "seen"), server.header(two, "seen")) == ("1 /one", "2 /two")
        whole(server, two)
        client.ask(3, "/three")
        assert server.header(server.place("/three"), "seen") == "3 /three"
        session = client_session(stand)
        assert session.charge == 80, "the end of a stream has not freed what is its session's"
        other = stand.frame_client()
        other.ask(1, "/other")
        assert server.header(server.place("/other"), "seen") == "1 /other"
        client.end.close()
        other.end.close()
        assert VARIABLE_LIMITS.used == 0


def client_session(stand: FrameStand) -> ClientSession:
    return stand.fronts[0].session


def test_idle_times_are_counted_from_one_request_to_the_next() -> None:
    """Manual 8.4, %Ti of a protocol with several streams at once."""
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client = stand.frame_client()
        stand.wait(300)
        client.ask(1, "/one")
        stand.wait(200)
        client.ask(2, "/two")
        server = stand.frame_server("a")
        whole(server, server.place("/one"))
        marks = stand.record
        assert marks["begun"] - marks["handshake"] == 300  # type: ignore[operator]
        stand.wait(100)
        client.ask(3, "/three")
        whole(server, server.place("/three"))
        marks = stand.record
        assert marks["begun"] - marks["handshake"] == 100  # type: ignore[operator]
        whole(server, server.place("/two"))
        marks = stand.record
        assert marks["begun"] - marks["handshake"] == 200  # type: ignore[operator]


# What is shown of them.


class View:
    """What the commands ask of the process."""

    def __init__(self, stand: FrameStand) -> None:
        self.reactor = stand.reactor
        self.process = stand.live.process
        self.now = stand.clock
        self.consoles: list[object] = []
        self.settle = stand.settle


def call(stand: FrameStand, *words: str) -> mock.Mock:
    return mock.Mock(view=View(stand), words=list(words), word=lambda place: words[place])


def test_each_is_listed_and_can_be_ended() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        lines = commands.show_sess(call(stand, "show-uri")).splitlines()
        assert ["/one" in line for line in lines] == [True, False] and "/two" in lines[1]
        names = [line.partition(":")[0] for line in lines]
        assert len(set(names)) == 2
        assert "/two" in commands.show_sess(call(stand, names[1]))
        commands.shutdown_session(call(stand, names[0]))
        assert stand.lines == ["-1 KH"] and server.look().reset == {one} and client.look().reset == {1}
        goes_on(client, server, two, stand)
        assert commands.show_sess(call(stand)) == "", "a connection without streams has none to show"


def test_what_lasts_is_counted_of_each() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        for place in (one, two):
            server.answer(place)
        for _ in range(6):
            stand.wait(1_000)
            server.data(one, b"x" * 100)
            server.data(two, b"y" * 10)
            progress.look(stand.reactor, stand.clock)
        counted = stand.frontend().counters.totals.bytes_out
        assert counted >= 5 * 110
        server.finish(one)
        server.finish(two)
        assert len(client.body(1)) == 600 and len(client.body(2)) == 60
        heads = stand.frontend().counters.totals.bytes_out - 660
        assert 0 < heads < 200
        assert stand.backend().counters.totals.bytes_out == 660 + heads


def test_a_soft_stop_closes_connections_that_carry_nothing() -> None:
    with FrameStand(CONFIG, "a", speaks="a") as stand:
        client, server, one, two = both(stand)
        other = stand.frame_client()
        other.ask(1, "/three")
        whole(server, server.place("/three"))
        stand.live.process.stopping = True
        for _ in range(3):
            stand.live.idle()
            stand.settle()
        assert other.look().end.closed and not client.look().end.closed
        whole(server, one)
        whole(server, two)
        assert client.body(1) == client.body(2) == b"body"
