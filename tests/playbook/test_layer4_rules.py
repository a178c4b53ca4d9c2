"""Content rules of layer 4 on live streams, with a clock that the test moves: bytes one by one, silence, ends, a full
buffer; in both directions. What haproxy 2.6 and 3.2 do with the same bytes is compared in families/layer4.py.

The bytes are asked by a fetch of the test's own: what it says may change as long as more may come.
"""

from __future__ import annotations

import pytest
from support.stand import Stand

from pointsman.sample.context import Context
from pointsman.sample.registry import FETCHES, fetch
from pointsman.sample.types import Reads, Type, Where
from pointsman.stream.raw import RawFront


@pytest.fixture(autouse=True)
def fetches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of this test, which nobody else gets to see."""
    monkeypatch.setattr(FETCHES, "_entries", {name: FETCHES.get(name) for name in FETCHES})

    @fetch("test.got", Type.BIN, Where.RUNNING, Reads.MOVING, "7.3.5")
    def got(ctx: Context) -> bytes:
        """What has come from the client."""
        ctx.incomplete = ctx.more
        return ctx.request_bytes

    @fetch("test.said", Type.BIN, Where.RUNNING, Reads.MOVING, "7.3.5")
    def said(ctx: Context) -> bytes:
        """What has come from the server."""
        ctx.incomplete = ctx.more
        return ctx.response_bytes


def stand(front: str = "", back: str = "", mode: str = "tcp") -> Stand:
    return Stand(
        f"defaults\n mode {mode}\n timeout client 5s\n timeout server 5s\n timeout connect 1s\n"
        f"frontend door\n bind 127.0.0.1:1\n {front}\n default_backend app\n"
        f"backend app\n {back}\n server s1 {{a}}\nbackend other\n server s2 {{b}}\n",
        "a",
        "b",
    )


HELLO = "tcp-request inspect-delay 1s\n tcp-request content accept if { test.got -m str hello }\n"


def test_bytes_one_by_one_and_then_untouched() -> None:
    with stand(HELLO + " tcp-request content reject") as play:
        client = play.client()
        for byte in b"hell":
            client.send(bytes([byte]))
            assert not play.arrivals("a")
        client.send(b"o")
        server = play.accept("a")
        assert server.take() == b"hello"
        client.send(b" and more")
        assert server.take() == b" and more"
        server.send(b"answer")
        assert client.take() == b"answer"


def test_a_silent_client_is_judged_when_the_delay_is_over() -> None:
    with stand(HELLO + " tcp-request content reject") as play:
        client = play.client()
        play.wait(900)
        client.take()
        assert not client.closed
        play.wait(200)
        client.take()
        assert client.closed


def test_bytes_that_came_with_the_connection_are_seen_without_a_delay() -> None:
    with stand("tcp-request content accept if { test.got -m len gt 0 }\n tcp-request content reject") as play:
        client, arrival = play.arrive()
        client.send(b"hello")
        play.frontend().open(arrival)
        assert play.accept("a").take() == b"hello"
        client.take()
        assert not client.closed


def test_an_end_is_the_last_word_and_goes_on_to_the_server() -> None:
    with stand("tcp-request inspect-delay 1s\n tcp-request content accept if WAIT_END") as play:
        client = play.client()
        client.send(b"bye")
        assert not play.arrivals("a")
        client.shut()
        server = play.accept("a")
        assert server.take() == b"bye"
        assert server.closed
        server.send(b"and good luck")
        assert client.take() == b"and good luck"


def test_a_full_buffer_is_the_last_word() -> None:
    with stand("tcp-request inspect-delay 1s\n tcp-request content accept if WAIT_END") as play:
        client = play.client()
        client.send(b"x" * 15_359)
        assert not play.arrivals("a")
        client.send(b"x")  # tune.bufsize less tune.maxrewrite
        assert play.accept("a").take() == b"x" * 15_360
        client.send_all(b"y" * 300_000)


def test_routing_sees_the_bytes() -> None:
    rules = HELLO + " use_backend other if { test.got -m beg hello }"
    with stand(rules) as play:
        client = play.client()
        client.send(b"hello")
        assert play.accept("b").take() == b"hello"


def test_what_the_server_says_is_held_back_until_rules_have_been_asked() -> None:
    rules = "tcp-response inspect-delay 1s\n tcp-response content accept if { test.said -m str 220 }\n"
    with stand(back=rules + " tcp-response content reject") as play:
        client = play.client()
        server = play.accept("a")
        client.send(b"upwards it flows")
        assert server.take() == b"upwards it flows"
        server.send(b"2")
        server.send(b"2")
        assert client.take() == b""
        server.send(b"0")
        assert client.take() == b"220"
        server.send(b" more")
        assert client.take() == b" more"


def test_the_server_is_refused_when_the_delay_is_over() -> None:
    rules = "tcp-response inspect-delay 1s\n tcp-response content reject if WAIT_END"
    with stand(back=rules) as play:
        client = play.client()
        server = play.accept("a")
        server.send(b"secret")
        play.wait(900)
        assert client.take() == b""
        assert not client.closed
        play.wait(200)
        assert client.take() == b""
        assert client.closed


def test_an_http_proxy_waits_for_each_request() -> None:
    """As haproxy 3.2; 2.6 does not wait there."""
    with stand("tcp-request inspect-delay 1s\n tcp-request content accept if WAIT_END", mode="http") as play:
        client = play.client()
        for number in range(2):
            client.send(b"GET /%d HTTP/1.1\r\nhost: a\r\n\r\n" % number)
            play.wait(900)
            if number == 0:
                assert not play.arrivals("a")
                play.wait(200)
                server = play.accept("a")
            else:
                assert server.take() == b""
                play.wait(200)
            assert server.take().startswith(b"GET /%d " % number)
            server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
            assert client.take().startswith(b"HTTP/1.1 200")


def test_an_http_client_that_breaks_off_while_rules_wait() -> None:
    with stand("tcp-request inspect-delay 1s\n tcp-request content accept if WAIT_END", mode="http") as play:
        client = play.client()
        client.send(b"GET / HTTP/1.1\r\nhost: a\r\n\r\n")
        client.abort()
        play.wait(50)
        assert play.lines == ["-1 CR"]


@pytest.mark.parametrize("mode", ["tcp", "http"])
def test_connections_and_sessions_are_refused_before_there_is_a_stream(mode: str) -> None:
    for rules, column in (("connection", "denied_connections"), ("session", "denied_sessions")):
        with stand(f"tcp-request {rules} reject", mode=mode) as play:
            client = play.client()
            client.take()
            assert client.closed
            counters = play.frontend().counters
            assert getattr(counters, column) == 1
            assert (counters.connections, counters.sessions, counters.current) == (1, 0, 0)
            assert play.lines == []


def test_switch_mode_makes_requests_of_the_bytes() -> None:
    """The frontend's http-request rules hold from then on; its content rules come again with each further request."""
    front = (
        "tcp-request inspect-delay 1s\n tcp-request content switch-mode http if HTTP\n"
        " tcp-request content reject\n http-request set-header x-switched yes\n default_backend web\n"
    )
    text = (
        "defaults\n timeout client 5s\n timeout server 5s\n timeout connect 1s\n"
        f"frontend door\n mode tcp\n bind 127.0.0.1:1\n {front}"
        "backend web\n mode http\n server s1 {a}\n"
    )
    with Stand(text, "a") as play:
        client = play.client()
        client.send(b"GE")
        client.send(b"T / HTTP/1.1\r\nhost: a\r\n\r\n")
        server = play.accept("a")
        assert b"x-switched: yes" in server.take()
        server.send(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n")
        assert client.take().startswith(b"HTTP/1.1 200")
        client.send(b"PUT / HTTP/1.1\r\nhost: a\r\ncontent-length: 0\r\n\r\n")
        assert b"x-switched: yes" in server.take()
        other = play.client()
        other.send(b"EHLO\n")
        play.wait(1100)
        other.take()
        assert other.closed


def test_the_rule_that_waits_can_be_told() -> None:
    with stand(HELLO + " tcp-request content reject") as play:
        client = play.client()
        client.send(b"he")
        [stream] = [
            one.user.stream for one in play.reactor.channels if getattr(one, "user", None).__class__ is RawFront
        ]
        assert stream.context.waiting_rule is not None
        assert stream.context.waiting_rule.text.strip().startswith("tcp-request content accept")
        client.send(b"llo")
        assert stream.context.waiting_rule is None


def test_rules_of_defaults_come_first_in_each_set() -> None:
    """Manual 4.2, tcp-request connection: "evaluated before ones in the associated proxy section". (2.6 does not run
    those of connections and sessions; 3.2 does.)"""
    text = (
        "defaults fronts\n mode tcp\n timeout client 5s\n"
        " tcp-request connection set-var(sess.a) str(1)\n tcp-request session set-var-fmt(sess.a) %[var(sess.a)]3\n"
        "defaults backs\n mode tcp\n timeout server 5s\n timeout connect 1s\n"
        "frontend door from fronts\n bind 127.0.0.1:1\n tcp-request connection set-var-fmt(sess.a) %[var(sess.a)]2\n"
        " tcp-request session set-var-fmt(sess.a) %[var(sess.a)]4\n"
        " tcp-request content reject unless { var(sess.a) -m str 1234 }\n default_backend app\n"
        "backend app from backs\n server s1 {a}\n"
    )
    with Stand(text, "a") as play:
        client = play.client()
        client.send(b"in")
        assert play.accept("a").take() == b"in"
