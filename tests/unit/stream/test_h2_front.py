"""Clients of HTTP/2, in the test's own process: requests, answers, uploads, credit, and what ends a stream."""

from __future__ import annotations

import pytest
from support.h2_peer import (
    CANCEL,
    ENABLE_CONNECT_PROTOCOL,
    INITIAL_WINDOW_SIZE,
    NO_ERROR,
    PROTOCOL_ERROR,
    REFUSED_STREAM,
    WINDOW_UPDATE,
    Pair,
    asking,
    data,
    goaway,
    headers,
    literals,
    ping,
    rst_stream,
    settings,
    window_update,
)
from support.h2_stand import H2Stand
from support.stand import End

from pointsman.config.verdict import Action
from pointsman.sample.context import Context
from pointsman.stream.connections import client_connections
from pointsman.stream.h2front import H2Front

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout http-request 2500
    timeout http-keep-alive 6s
    retries 0
frontend f
    bind 127.0.0.1:1
    http-request deny if { path /deny }
    http-request return status 200 content-type text/plain string hello if { path /hello }
    http-request wait-for-body time 1s if { path /wait }
    http-request tarpit if { path /tarpit }
    http-request reject if { path /reject }
    timeout tarpit 1s
    default_backend b
backend b
    server a {a}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nX-A: b\r\n\r\nbody"
POST = ("content-length", "6")


def test_a_request_goes_to_a_server_of_http_1_and_its_answer_comes_back() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x?y", "GET", ("x-c", "d"))
        server = stand.accept("a")
        assert server.take() == b"GET /x?y HTTP/1.1\r\nhost: a.test\r\nx-c: d\r\n\r\n"
        server.send(OK)
        answer = client.answer(1)
        assert answer.status == 200
        assert answer.fields == [(b":status", b"200"), (b"content-length", b"4"), (b"x-a", b"b")]
        assert answer.body == b"body"
        assert client.ended == {1}
        assert not client.resets
        assert stand.lines == ["200 --"]


def test_streams_overlap_and_end_in_their_own_order() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/1")
        client.ask(3, "/3")
        client.ask(5, "/hello")
        assert client.answer(5).body == b"hello"
        first, second = stand.accept("a"), stand.accept("a")
        assert first.take().startswith(b"GET /1 ")
        assert second.take().startswith(b"GET /3 ")
        second.send(OK)
        assert client.answer(3).status == 200
        assert client.answer(1).status == 0
        client.ask(7, "/7")
        assert second.take().startswith(b"GET /7 ")
        first.send(OK)
        second.send(OK)
        assert client.look().ended == {1, 3, 5, 7}
        assert stand.lines == ["200 LR", "200 --", "200 --", "200 --"]


def test_all_that_a_turn_answers_leaves_in_one_write() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.look()
        before = stand.turns
        client.put(b"".join(headers(n, literals(_asked("/hello"))) for n in (1, 3, 5)))
        assert client.look().ended == {1, 3, 5}
        assert stand.turns - before <= 3


def given_up(server: End) -> bool:
    """The proxy has left that server."""
    server.take()
    return server.closed


def _asked(path: str) -> list[tuple[str, str]]:
    return [(":method", "GET"), (":scheme", "http"), (":authority", "a.test"), (":path", path)]


def test_repeated_requests_are_remembered_and_their_servers_see_them_all() -> None:
    """The same block again has the same outcome; a body does not come with it (RFC 9113 8.1)."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        server = None
        for number in range(1, 13, 2):
            client.ask(number, "/same", "GET", ("x", "y"))
            server = server or stand.accept("a")
            assert server.take() == b"GET /same HTTP/1.1\r\nhost: a.test\r\nx: y\r\n\r\n"
            server.send(OK)
            assert client.answer(number).body == b"body"
        assert server is not None
        client.ask(13, "/same", "GET", ("x", "y"), end=False)
        assert b"transfer-encoding: chunked\r\n" in server.take()
        client.put(data(13, b"abc", True))
        assert server.take() == b"3\r\nabc\r\n0\r\n\r\n"
        server.send(OK)
        assert client.look().ended == set(range(1, 15, 2))
        assert stand.lines == ["200 --"] * 7


def test_a_new_connection_begins_with_what_the_last_one_has_learnt() -> None:
    with H2Stand(CONFIG, "a") as stand:
        server = None
        for round in range(4):
            client = stand.h2()
            client.ask(1, "/often")
            server = server or stand.accept("a")
            assert server.take() == b"GET /often HTTP/1.1\r\nhost: a.test\r\n\r\n"
            server.send(OK)
            assert client.answer(1).status == 200
            assert (stand.frontend().h2_kept is not None) == (round > 1)  # the second one makes a block known to all
            client.end.close()


def test_secrets_are_remembered_by_no_other_connection() -> None:
    with H2Stand(CONFIG, "a") as stand:
        server = None
        for _ in range(3):
            client = stand.h2()
            client.ask(1, "/same", "GET", ("cookie", "a=b"))
            server = server or stand.accept("a")
            assert server.take() == b"GET /same HTTP/1.1\r\nhost: a.test\r\ncookie: a=b\r\n\r\n"
            server.send(OK)
            assert client.answer(1).status == 200
            client.end.close()
        assert stand.frontend().h2_kept is None
        assert stand.frontend().h2_block is None


# Bodies.


def test_an_upload_goes_on_as_it_comes_and_is_credited() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", POST, end=False)
        server = stand.accept("a")
        assert server.take() == b"POST /x HTTP/1.1\r\nhost: a.test\r\ncontent-length: 6\r\n\r\n"
        client.put(data(1, b"abc"))
        assert server.take() == b"abc"
        client.put(data(1, b"def", True))
        assert server.take() == b"def"
        server.send(OK)
        assert client.answer(1).status == 200


def test_a_large_upload_does_not_run_dry() -> None:
    """The windows are filled up as the server takes what has come."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", ("content-length", "400000"), end=False)
        server = stand.accept("a")
        got = len(server.take().partition(b"\r\n\r\n")[2])
        credit = 65_535 + sum(one.increment for one in client.of_kind(WINDOW_UPDATE) if one.stream == 1)
        sent = seen = 0
        while sent < 400_000:
            credit += sum(one.increment for one in client.of_kind(WINDOW_UPDATE)[seen:] if one.stream == 1) * (seen > 0)
            seen = len(client.of_kind(WINDOW_UPDATE))
            size = min(16_384, 400_000 - sent, credit)
            assert size, "no credit, though all was taken"
            client.put(data(1, b"x" * size, sent + size == 400_000))
            sent += size
            credit -= size
            got += len(server.take())
        assert got == 400_000
        server.send(OK)
        assert client.answer(1).status == 200


def test_trailers_pass_both_ways() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", end=False)
        client.put(data(1, b"abc"), headers(1, literals([("x-sum", "1")]), True))
        server = stand.accept("a")
        assert server.take().endswith(b"3\r\nabc\r\n0\r\nx-sum: 1\r\n\r\n")
        server.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: 2\r\n\r\n")
        answer = client.answer(1)
        assert answer.body == b"abc"
        assert answer.trailers == [(b"x-sum", b"2")]
        assert client.ended == {1}
        assert stand.lines == ["200 --"]


def waiting(stand: H2Stand) -> int:
    """Bytes of answers that the proxy keeps for its client."""
    (front,) = client_connections(stand.reactor)
    assert isinstance(front, H2Front)
    return sum(stream.waits for stream in front.endpoint.streams.values())


def test_no_more_is_sent_than_the_client_takes_and_little_more_is_read_for_it() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2({INITIAL_WINDOW_SIZE: 1000})
        client.ask(1, "/x")
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        sent = server.send(b"x" * 1_000_000)
        assert len(client.answer(1).body) == 1000
        assert waiting(stand) <= 16_384
        client.put(window_update(1, 500))
        assert len(client.answer(1).body) == 1500
        assert waiting(stand) <= 16_384
        client.put(window_update(1, 3_000_000), window_update(0, 3_000_000))
        while len(client.answer(1).body) < 1_000_000:
            sent += server.send(b"x" * (1_000_000 - sent))
        assert client.ended == {1}
        assert stand.lines == ["200 --"]


def test_a_turn_keeps_no_more_than_a_window_for_each_stream() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()  # 65,535 bytes for all streams together
        servers = []
        for number in range(1, 17, 2):
            client.ask(number, f"/{number}")
            servers.append(stand.accept("a"))
        for server in servers:
            server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 200000\r\n\r\n" + b"x" * 100_000)
        assert waiting(stand) <= len(servers) * 65_536
        assert sum(len(client.answer(number).body) for number in range(1, 17, 2)) == 65_535


def test_without_any_credit_a_head_still_comes() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2({INITIAL_WINDOW_SIZE: 0})
        client.ask(1, "/x")
        stand.accept("a").send(OK)
        assert client.answer(1).status == 200
        assert client.answer(1).body == b""
        assert stand.lines == []
        client.put(settings({INITIAL_WINDOW_SIZE: 100}))
        assert client.answer(1).body == b"body"
        assert client.ended == {1}
        assert stand.lines == ["200 --"]


def test_who_gives_no_credit_is_given_up_after_timeout_client() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2({INITIAL_WINDOW_SIZE: 10})
        client.ask(1, "/x")
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + b"x" * 50_000)
        stand.wait(2_200)
        assert client.look().resets == {1: CANCEL}
        assert stand.lines == ["200 cD"]
        assert given_up(server)


@pytest.mark.parametrize("answered", [False, True])
def test_a_request_whose_body_never_comes(answered: bool) -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", POST, end=False)
        server = stand.accept("a")
        if answered:
            server.send(OK)
            assert client.answer(1).status == 200
            assert stand.lines == ["200 --"]
        else:
            stand.wait(2_200)
            assert client.answer(1).status == 400
            assert stand.lines == ["400 cH"]
        assert client.ended == {1}
        assert client.resets == {1: NO_ERROR}  # RFC 9113 8.1
        client.ask(3, "/hello")
        assert client.answer(3).status == 200


def test_an_answer_without_a_body_ends_with_its_head() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "HEAD")
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n")
        for number, head in ((3, b"204 No Content"), (5, b"304 Not Modified"), (7, b"200 OK\r\nContent-Length: 0")):
            client.ask(number, "/x")
            server.send(b"HTTP/1.1 %b\r\n\r\n" % head)
        assert client.look().ended == {1, 3, 5, 7}
        assert client.answer(1).fields == [(b":status", b"200"), (b"content-length", b"4")]
        assert [client.answer(number).body for number in (1, 3, 5, 7)] == [b""] * 4
        assert not [one for one in client.frames if one.kind == 0]


def test_interim_answers() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", POST, ("expect", "100-continue"), end=False)
        server = stand.accept("a")
        assert b"expect: 100-continue\r\n" in server.take()
        server.send(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
        assert [head.fields for head in client.answer(1).interim] == [
            [(b":status", b"100")],
            [(b":status", b"103"), (b"link", b"</x>")],
        ]
        client.put(data(1, b"abcdef", True))
        server.send(OK)
        assert client.answer(1).status == 200


def test_rules_wait_for_a_body_and_tell_the_client_to_send_it() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/wait", "POST", POST, ("expect", "100-continue"), end=False)
        assert [head.fields for head in client.answer(1).interim] == [[(b":status", b"100")]]
        client.put(data(1, b"abc"))
        client.put(data(1, b"def", True))
        server = stand.accept("a")
        assert server.take().endswith(b"\r\n\r\nabcdef")
        server.send(OK)
        assert client.answer(1).status == 200
        client.ask(3, "/wait", "POST", POST, end=False)
        stand.wait(1_200)
        assert client.answer(3).status == 408
        assert client.resets == {3: NO_ERROR}
        assert stand.lines == ["200 --", "408 cR"]


# What ends a stream.


def test_a_response_that_is_cut_short_is_reset() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x")
        server = stand.accept("a")
        server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        server.close()
        assert client.answer(1).body == b"abc"
        assert client.ended == set()
        assert client.resets == {1: CANCEL}
        assert stand.lines == ["200 SD"]
        client.ask(3, "/hello")
        assert client.answer(3).status == 200


def test_what_came_before_a_cut_is_sent() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2({INITIAL_WINDOW_SIZE: 2})
        client.ask(1, "/x")
        server = stand.accept("a")
        server.take()
        server.sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        server.close()
        assert client.answer(1).body == b"ab"
        assert client.resets == {}
        client.put(window_update(1, 10))
        assert client.answer(1).body == b"abc"
        assert client.resets == {1: CANCEL}
        assert stand.lines == ["200 SD"]


def test_a_request_that_an_old_connection_has_swallowed_is_to_be_sent_again() -> None:
    """As in the peer program: REFUSED_STREAM, and no line (RFC 9113 8.7; manual 4.2, http-reuse)."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x")
        server = stand.accept("a")
        server.send(OK)
        assert client.answer(1).status == 200
        client.ask(3, "/x", "POST", POST, end=False)
        client.put(data(3, b"abcdef", True))
        server.take()
        server.close()
        assert client.look().resets == {3: REFUSED_STREAM}
        assert stand.lines == ["200 --"]


@pytest.mark.parametrize(
    ("phase", "line"),
    [("connect", "-1 CC"), ("answer", "400 CD"), ("body", "200 CD"), ("upload", "400 CH"), ("wait", "400 CR")],
)
def test_a_client_resets_a_stream(phase: str, line: str) -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        if phase == "connect":
            client.put(headers(1, literals(_asked("/x"))) + rst_stream(1))
        elif phase in ("upload", "wait"):
            client.ask(1, "/x" if phase == "upload" else "/wait", "POST", POST, end=False)
            client.put(data(1, b"abc"), rst_stream(1))
        else:
            client.ask(1, "/x")
            server = stand.accept("a")
            if phase == "body":
                server.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
            client.put(rst_stream(1))
            server.take()
            assert server.closed
        assert stand.lines == [line]
        assert client.look().resets == {}
        client.ask(3, "/hello")
        assert client.answer(3).status == 200


def test_a_client_that_is_lost_takes_all_its_streams_along() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/1")
        client.ask(3, "/3")
        first, second = stand.accept("a"), stand.accept("a")
        first.send(b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc")
        client.end.abort()
        assert sorted(stand.lines) == ["200 CD", "400 CD"]
        assert given_up(first)
        assert given_up(second)


def test_a_malformed_request_is_refused_and_logged_and_the_connection_goes_on() -> None:
    """RFC 9113 8.1.1. What has an answer has one (as the peer program)."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "GET", ("Upper", "x"))
        client.ask(3, "/x", "G(T")
        client.ask(5, "/hello")
        assert client.answer(1).status == 0
        assert client.resets == {1: PROTOCOL_ERROR}
        assert client.answer(3).status == 400
        assert client.answer(5).status == 200
        assert stand.lines == ["0 PR", "400 PR", "200 LR"]


def test_malformed_trailers() -> None:
    """RFC 9113 8.1; letters and status as the peer program."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", end=False)
        server = stand.accept("a")
        client.put(headers(1, literals([("Upper", "x")]), True))
        assert client.look().resets == {1: PROTOCOL_ERROR}
        assert given_up(server)
        assert stand.lines == ["400 PH"]


def test_faults_of_connections_are_logged() -> None:
    """tune.h2.log-errors (manual 3.2)."""
    for words, stream, connection in (("", 1, 1), ("connection", 0, 1), ("none", 0, 0)):
        said = f"global\n    tune.h2.log-errors {words}\n" if words else ""
        with H2Stand(said + CONFIG, "a") as stand:
            client = stand.h2()
            client.ask(1, "/x", "GET", ("Upper", "x"))
            assert stand.lines == ["0 PR"] * stream
            client.put(data(0, b"x"))
            assert client.closed
            assert stand.lines == ["0 PR"] * (stream + connection)


def test_a_fault_of_the_connection_ends_it_with_all_streams() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x")
        server = stand.accept("a")
        client.put(window_update(0, 0))
        assert client.goaways() == [(1, PROTOCOL_ERROR)]
        assert client.closed
        assert given_up(server)
        assert stand.lines == ["0 PR", "400 CD"]


def test_reject_ends_the_whole_connection() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x")
        server = stand.accept("a")
        client.ask(3, "/reject")
        assert client.goaways() == [(3, 11)]
        assert client.resets == {3: 11}
        assert client.closed
        assert given_up(server)
        assert stand.lines == ["-1 PR", "400 CD"]


def test_silent_drop_leaves_the_whole_connection() -> None:
    with H2Stand(CONFIG.replace("reject if", "silent-drop if"), "a") as stand:
        client = stand.h2()
        client.ask(1, "/x")
        server = stand.accept("a")
        client.ask(3, "/reject")
        assert given_up(server)
        assert client.goaways() == []
        assert client.look().resets == {}
        assert stand.lines == ["-1 PR", "400 CD"]
        assert stand.frontend().connections == 0


def test_a_stream_is_shut_down_by_an_administrator_or_by_a_fault_of_ours() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/1")
        client.ask(3, "/3")
        first, second = stand.accept("a"), stand.accept("a")
        (front,) = client_connections(stand.reactor)
        one, _ = front.streams()
        assert front.named(one) is one
        one.abandon()
        assert given_up(first)
        assert client.look().resets == {1: CANCEL}
        second.send(OK)
        assert client.answer(3).status == 200
        assert stand.lines == ["-1 I-", "200 --"]


class Broken(Action):
    """A rule with a bug."""

    def run(self, context: Context) -> int:
        raise ZeroDivisionError


def test_a_bug_ends_its_stream_alone() -> None:
    with H2Stand(CONFIG, "a") as stand:
        stand.frontend().http_request[0].action = Broken()
        client = stand.h2()
        client.ask(1, "/1")
        server = stand.accept("a")
        with pytest.raises(ZeroDivisionError):
            client.ask(3, "/deny")
        stand.faults.clear()
        assert client.look().resets == {3: CANCEL}
        server.send(OK)
        assert client.answer(1).status == 200
        assert stand.lines == ["200 --"]


def test_tarpit() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/tarpit")
        stand.wait(900)
        assert client.answer(1).status == 0
        stand.wait(200)
        assert client.answer(1).status == 500
        client.ask(3, "/tarpit")
        client.put(rst_stream(3))
        assert stand.lines == ["500 PT", "500 PT"]


def test_denied_before_the_body() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/deny", "POST", POST, end=False)
        assert client.answer(1).status == 403
        assert client.ended == {1}
        assert client.resets == {1: NO_ERROR}
        client.put(data(1, b"abcdef", True), ping())
        assert client.goaways() == []
        assert stand.lines == ["403 PR"]


def test_a_goodbye_behind_a_request_that_is_answered_at_once() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(headers(1, literals(asking(path="/hello"))), goaway())
        assert client.answer(1).body == b"hello"
        assert client.ended == {1} and client.closed


@pytest.mark.parametrize("trailers", [[(":status", "200")], [("Upper", "x")], [("x", "1\n2")]])
def test_trailers_that_are_none_reset_the_stream(trailers: list[Pair]) -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/x", "POST", end=False)
        server = stand.accept("a")
        client.put(data(1, b"abc"), headers(1, literals(trailers)))
        assert client.answer(1).status == 0 and client.resets == {1: PROTOCOL_ERROR}
        assert given_up(server)
        client.ask(3, "/hello")
        assert client.answer(3).body == b"hello"


def test_what_is_offered() -> None:
    with H2Stand(CONFIG, "a") as stand:
        told = stand.h2().told()
        assert told[ENABLE_CONNECT_PROTOCOL] == 1
    with H2Stand("global\n    h2-workaround-bogus-websocket-clients\n" + CONFIG, "a") as stand:
        assert ENABLE_CONNECT_PROTOCOL not in stand.h2().told()
