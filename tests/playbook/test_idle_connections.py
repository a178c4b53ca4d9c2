"""An idle client connection has no stream: it is given up after a moment, and made anew when the next request comes.

Nobody may notice: not the client, not the servers, no log line, nobody who lists the connections.
"""

from __future__ import annotations

import gc
import select
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.stand import End, Stand
from test_memories import Play, Step, Tale, Twin, configurations, responses, stories

from pointsman.admin.commands import streams as commands
from pointsman.assemble import MEMORIES
from pointsman.stream.connections import client_connections
from pointsman.stream.h1front import FORGETS, RESTS, H1Front
from pointsman.stream.http import HttpStream
from pointsman.stream.tcp import TcpStream
from pointsman.tables.patterns import LISTS

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 3s
    timeout http-request 4s
    timeout http-keep-alive 30s
frontend f
    bind 127.0.0.1:1
    http-request set-var(sess.n) path if { path /set }
    http-request set-src ipv4(9.9.9.9) if { path /src }
    http-request return status 200 content-type text/plain lf-string "%[src] %[var(sess.n)]" if { path_beg /mine }
    default_backend b
backend b
    server a {a}
"""
GET = b"GET /%b HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
MOMENT = RESTS + 200  # ms: more than enough, the wheel is coarse


def fronts(stand: Stand) -> list[H1Front]:
    return [one for one in client_connections(stand.reactor) if isinstance(one, H1Front)]


def front(stand: Stand) -> H1Front:
    (one,) = fronts(stand)
    return one


def served(stand: Stand, client: End, path: bytes, server: End | None = None) -> End:
    """One request by server a, on that connection or a new one."""
    client.send(GET % path)
    if server is None:
        server = stand.accept("a")
    assert server.take().startswith(b"GET /" + path)
    server.send(OK)
    assert client.take().endswith(b"ok")
    return server


def test_it_is_given_up_after_a_moment_and_not_before() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        assert front(stand).stream is None  # it has not sent anything yet
        server = served(stand, client, b"1")
        stream = front(stand).stream
        assert stream is not None
        for _ in range(10):
            stand.wait(RESTS - 20)
            served(stand, client, b"2", server)
            assert front(stand).stream is stream
        stand.wait(MOMENT)
        assert front(stand).stream is None
        served(stand, client, b"3", server)
        assert stand.lines == ["200 --"] * 12


def test_the_next_line_knows_when_the_exchange_before_was_over() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        stand.wait(40)
        server = served(stand, client, b"1")
        first, over = stand.record, stand.clock
        assert first["accepted"] == first["handshake"] == over - 40
        stand.wait(5000)
        served(stand, client, b"2", server)
        second = stand.record
        assert second["accepted"] == second["handshake"] == over
        assert second["begun"] == second["head"] == over + 5000
        assert (first["first"], second["first"]) == (True, False)
        assert first["accept_date"] == second["accept_date"]
        own = (
            "accepted",
            "handshake",
            "begun",
            "head",
            "queued",
            "connected",
            "answered",
            "ended",
            "number",
            "first",
            "request_line",
        )
        assert {name: value for name, value in first.items() if name not in own} == {
            name: value for name, value in second.items() if name not in own
        }


def test_the_first_request_comes_late_or_never() -> None:
    with Stand(CONFIG, "a") as stand:
        late, never, gone = stand.client(), stand.client(), stand.client()
        stand.wait(1000)
        late.send(GET % b"mine")
        assert late.take().endswith(b"127.0.0.1 ")
        assert (stand.record["accepted"], stand.record["begun"]) == (stand.clock - 1000, stand.clock)
        gone.close()
        assert stand.lines[1:] == ["400 CR"]
        assert (stand.record["accepted"], stand.record["begun"], stand.record["uploaded"]) == (
            stand.clock - 1000,
            stand.clock - 1000,
            0,
        )
        stand.wait(3200)
        assert never.take().startswith(b"HTTP/1.1 408") and stand.lines[2:] == ["408 cR"]
        assert never.closed and not late.closed


def test_two_requests_at_once_and_one_in_pieces() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        for data in (GET % b"mine" * 2, GET % b"mine"):
            client.send(data)
            assert client.take().count(b"200 OK") == data.count(b"GET")
            stand.wait(MOMENT)
            assert front(stand).stream is None
        for byte in GET % b"mine":
            assert client.take() == b""
            client.send(bytes((byte,)))
            stand.wait(100)
        assert client.take().count(b"200 OK") == 1
        stand.wait(MOMENT)
        client.send(b"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nab")
        server = stand.accept("a")
        stand.wait(MOMENT)
        client.send(b"cde" + GET % b"mine")
        assert server.take().endswith(b"\r\n\r\nabcde")
        server.send(OK)
        # All of it: a second small segment waits in the kernel until the first is acknowledged.
        assert client.take_all(40 + 73).count(b"200 OK") == 2 and stand.lines[-2:] == ["200 --", "200 LR"]


@pytest.mark.parametrize("remembers", [True, False])
def test_its_time_ends_as_if_nothing_had_been(remembers: bool) -> None:
    with Stand(CONFIG, "a") as stand:
        if not remembers:
            stand.live.program.forget()
        client = stand.client()
        served(stand, client, b"1")
        assert 29_900 <= stand.until_closed(client, 40_000) <= 30_200
        assert stand.lines == ["200 --"]  # a quiet end


def test_what_the_last_request_said_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(MEMORIES, raising=False)
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        served(stand, client, b"1")
        stand.wait(FORGETS - 200)
        assert front(stand).model is not None and front(stand).block
        stand.wait(400)
        one = front(stand)
        assert one.model is None and one.outcome is None and not one.block


def test_a_head_that_is_begun_after_a_while_has_the_time_of_one_request() -> None:
    """The time to be idle is longer than that after which the last request is forgotten: it must not count then."""
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        served(stand, client, b"1")
        stand.wait(1000)
        client.send(b"GET /")
        assert 3900 <= stand.until_closed(client, 40_000) <= 4200
        assert stand.lines == ["200 --", "408 cR"]


def test_variables_of_the_session_live_on() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        server = served(stand, client, b"set")
        stand.wait(MOMENT)
        client.send(GET % b"mine")
        assert client.take().endswith(b"127.0.0.1 /set")
        assert front(stand).stream is not None
        other = stand.client()
        other.send(GET % b"mine")
        assert other.take().endswith(b"127.0.0.1 ")
        server.close()


def test_an_address_that_a_rule_wrote_holds_for_its_exchange() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        server = served(stand, client, b"src")
        for pause in (10, MOMENT):
            stand.wait(pause)
            client.send(GET % b"mine")
            assert client.take().endswith(b"127.0.0.1 ")
        server.close()


def test_its_own_server_connection_stays_its_own() -> None:
    with Stand(CONFIG + "    http-reuse never\n", "a") as stand:
        client = stand.client()
        server = served(stand, client, b"1")
        stand.wait(MOMENT)
        served(stand, client, b"2", server)
        stand.wait(MOMENT)
        client.close()
        assert stand.until_closed(server, 500) < 500


@pytest.mark.parametrize("option", ["option prefer-last-server", ""])
def test_it_goes_to_the_server_of_before(option: str) -> None:
    """Asked for by an option, or because that has answered 401 (manual 4.2, option prefer-last-server)."""
    text = CONFIG + f"    server c {{c}}\n    {option}\n"
    with Stand(text, "a", "c") as stand:
        client = stand.client()
        servers: list[End] = []
        for _ in range(4):
            client.send(GET % b"x")
            servers += stand.arrivals("a") + stand.arrivals("c")  # one of them, whichever is the first
            (server,) = servers
            assert server.take().startswith(b"GET")
            server.send(OK if option else b"HTTP/1.1 401 Who\r\nContent-Length: 0\r\n\r\n")
            assert client.take().startswith(b"HTTP/1.1")
            stand.wait(MOMENT)
            assert front(stand).stream is None


def test_captures_of_a_connection_that_begins_with_anothers_outcome() -> None:
    text = CONFIG.replace(
        "    default", "    capture request header x len 9\n    capture response header y len 9\n    default", 1
    )
    with Stand(text + "    http-reuse always\n", "a") as stand:
        server = None
        for _ in range(4):
            client = stand.client()
            for _ in range(2):
                client.send(GET[:-2] % b"x" + b"X: 1\r\n\r\n")
                server = server or stand.accept("a")
                assert server.take().startswith(b"GET")
                server.send(OK[:-4] + b"Y: 2\r\n\r\nok")
                assert client.take().endswith(b"ok")
                stand.wait(MOMENT)
            client.close()
        assert stand.lines == ["200 --"] * 8


class View:
    """What the commands ask of the process."""

    def __init__(self, stand: Stand) -> None:
        self.reactor = stand.reactor
        self.process = stand.live.process
        self.now = stand.clock
        self.consoles: list[object] = []
        self.settled = 0

    def settle(self) -> None:
        self.settled += 1


def told(stand: Stand, *words: str) -> str:
    call = mock.Mock(view=View(stand), words=list(words), word=lambda place: words[place])
    return commands.show_sess(call)


def test_it_is_listed_as_before() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        served(stand, client, b"1")
        before = told(stand, "show-uri")
        assert " fe=f be=<NONE> srv=<none> " in before and " age=0s " in before
        assert 'exp=30s rc=0 c_exp= state=request bin=28 bout=40 uri="GET /1 HTTP/1.1"' in before
        stand.wait(MOMENT)
        assert told(stand, "show-uri") == before.replace("=30s", "=29s")
        assert front(stand).stream is None
        stand.wait(10_000)
        assert (
            told(stand, "older", "9")
            == before.partition(" uri")[0].replace("=30s", "=19s").replace("age=0s", "age=10s") + "\n"
        )
        assert told(stand, "older", "11") == ""


def test_it_can_be_ended_by_command() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        served(stand, client, b"1")
        stand.wait(MOMENT)
        number = told(stand).partition(":")[0]
        call = mock.Mock(view=View(stand), word=lambda place: number)
        commands.shutdown_session(call)
        assert stand.until_closed(client, 500) < 500 and stand.lines == ["200 --"]


def test_a_soft_stop_closes_it_at_the_second_look() -> None:
    with Stand(CONFIG, "a") as stand:
        resting, asking = stand.client(), stand.client()
        for client in (resting, asking):
            client.send(GET % b"mine")
            assert client.take()
        stand.wait(MOMENT)
        stand.live.process.stopping = True
        stand.live.idle()
        asking.send(GET % b"mine")
        answer = asking.take()
        assert b"onnection: close" in answer and stand.until_closed(asking, 500) < 500
        resting.sock.send(b"GET /mine HT")  # on its way when the end comes
        select.select([front(stand).wire.fd], [], [], 5)
        stand.live.idle()
        assert not resting.closed
        resting.send(b"TP/1.1\r\nHost: h\r\n\r\n")
        assert b"onnection: close" in resting.take() and stand.until_closed(resting, 500) < 500


def test_a_soft_stop_ends_those_that_rest() -> None:
    with Stand(CONFIG, "a") as stand:
        client = stand.client()
        client.send(GET % b"mine")
        assert client.take()
        stand.wait(MOMENT)
        stand.live.process.stopping = True
        stand.live.idle()
        stand.live.idle()
        assert stand.until_closed(client, 500) < 500 and stand.lines == ["200 LR"]


def test_closing_leaves_nothing_for_the_collector() -> None:
    def streams() -> int:
        return sum(isinstance(one, HttpStream) for one in gc.get_objects())

    gc.collect()  # what earlier tests have left
    with Stand(CONFIG, "a") as stand:
        gc.disable()
        try:
            before = streams()
            clients = [stand.client() for _ in range(4)]
            for client in clients[:3]:
                client.send(GET % b"mine")
            assert streams() == before + 3
            clients[0].close()
            assert streams() == before + 2
            stand.wait(MOMENT)
            assert streams() == before
            clients[1].send((GET % b"mine").replace(b"Host", b"Connection: close\r\nHost"))
            assert clients[1].take().startswith(b"HTTP/1.1 200")
            clients[1].close()
            assert streams() == before
        finally:
            gc.enable()


def test_raw_streams_leave_nothing_for_the_collector() -> None:
    def streams() -> int:
        return sum(isinstance(one, TcpStream) for one in gc.get_objects())

    gc.collect()  # what earlier tests have left
    lines = [line for line in CONFIG.splitlines(True) if "http-request" not in line]
    with Stand("".join(lines).replace("mode http", "mode tcp"), "a") as stand:
        gc.disable()
        try:
            before = streams()
            clients = [stand.client() for _ in range(4)]
            servers = stand.arrivals("a")
            assert streams() == before + 4
            clients[0].close()
            servers[0].close()
            clients[1].abort()
            servers[2].abort()
            clients[3].send(b"some")
            stand.wait(90_000)
            assert streams() == before
        finally:
            gc.enable()


class Restless(Play):
    """Its client connections keep their streams."""

    def step(self, step: Step) -> None:
        super().step(step)
        for one in fronts(self.stand):
            if one.stream is not None:
                one.session.variables[b"sess.kept"] = 1


def play(config: str, story: list[Step], answers: list[bytes], rests: bool) -> Tale:
    with Twin(config, "a", "b") as stand:
        scene = (Play if rests else Restless)(stand, answers)
        for step in story:
            scene.step(step)
            scene.step(Step(time=MOMENT))
            assert rests or all(one.stream is not None or one.session.first for one in fronts(stand))
        stand.live.process.stopping = False
        # A variable of the session is what keeps a Restless one.
        scene.tale.lines = [line for line in stand.lines if not line.startswith("dump_all_vars ")]
    return scene.tale


@settings(
    max_examples=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
@given(configurations(), stories(), st.lists(responses(), min_size=1, max_size=3))
def test_any_traffic_is_served_and_logged_alike(
    tmp_path: Path, config: str, story: list[Step], answers: list[bytes]
) -> None:
    listed = tmp_path / "paths"
    listed.write_text("/c\n")
    with mock.patch.object(LISTS, "references", []):
        config = config.replace("{list}", str(listed))
        for _ in range(3):  # the kernel may hand bytes on late: a difference has to show again
            told = [play(config, story, answers, rests) for rests in (True, False)]
            if told[0] == told[1]:
                return
    assert told[0] == told[1]
