"""What show stat and expressions say of connections of HTTP/2, in front and behind: as the haproxy program (3.2) counts
frames, errors and streams; but the first SETTINGS of a connection, which it counts twice, count once."""

from __future__ import annotations

import pytest
from support.h2_peer import (
    CANCEL,
    INTERNAL_ERROR,
    data,
    goaway,
    headers,
    literals,
    rst_stream,
    settings,
)
from support.h2_server_stand import H2ServerStand
from support.h2_stand import H2Stand
from support.stand import Lines

from pointsman.core.diagnostics import Position
from pointsman.core.h2_cells import H2_FIELDS, H2Cells
from pointsman.core.wishes import WISHES
from pointsman.core.words import Word
from pointsman.log.policy import When
from pointsman.sample.context import Context
from pointsman.sample.expression import parse_expression
from pointsman.sample.types import Where

FRONT = "%[fs.id]/%[fc_nb_streams]/%[fc_settings_streams_limit]/%[fc_http_major]"
BACK = "%[bs.id]/%[bc_nb_streams]/%[bc_settings_streams_limit]/%[bc_http_major]/%[bs.aborted]/%[bs.rst_code]"
CONFIG = f"""
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    retries 0
frontend f
    bind 127.0.0.1:1
    http-request return status 200 content-type text/plain lf-string {FRONT} if {{ path /hello }}
    http-after-response set-header X-Back {BACK}
    default_backend b
backend b
    http-reuse always
    server a {{a}}
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nbody"


@pytest.fixture(autouse=True)
def _wishes() -> None:
    WISHES.sending = True


def counted(cells: H2Cells) -> dict[str, int]:
    return {name: cells.sum_of(name) for name in H2_FIELDS if cells.sum_of(name)}


def test_frames_and_streams_of_a_client() -> None:
    with H2Stand(CONFIG, "a") as stand:
        cells = stand.frontend("f").h2
        client = stand.h2()
        assert counted(cells) == {"connections": 1, "total_connections": 1, "settings": 1}
        client.put(settings(ack=True))
        client.ask(1, "/hello")
        client.ask(3, "/x", "POST", end=False)
        client.put(data(3, b"ab"), data(3, b"c", True))
        stand.accept("a")
        found = counted(cells)
        moved = found.pop("bytes_in"), found.pop("bytes_out")
        assert found == {
            "connections": 1,
            "total_connections": 1,
            "settings": 2,
            "headers": 2,
            "data": 2,
            "streams": 1,
            "total_streams": 2,
            "requests": 2,
        }
        counters = stand.frontend("f").counters
        assert moved == (counters.bytes_in, counters.bytes_out) and moved[1] > 0
        client.put(rst_stream(3, CANCEL))
        assert counted(cells)["rst_stream"] == 1
        assert "streams" not in counted(cells)
        client.put(goaway(0))
        assert counted(cells)["goaway"] == 1
        client.end.close()
        stand.settle()
        assert "connections" not in counted(cells)
        assert (cells.sum_of("bytes_in"), cells.sum_of("bytes_out")) == (counters.bytes_in, counters.bytes_out)
        assert cells.sum_of("requests") == counters.requests == 2


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        # Streams that are refused are none that were opened.
        (headers(1, literals([(":path", "/")]), True), {"headers": 1, "stream_errors": 1, "rst_stream_sent": 1}),
        (headers(2, literals([(":path", "/")]), True), {"headers": 1, "connection_errors": 1, "goaway_sent": 1}),
        (data(1, b"a"), {"data": 1, "connection_errors": 1, "goaway_sent": 1}),
        (headers(1, b"\xff\xff\xff\xff\xff\xff\xff", True), {"headers": 1, "goaway_sent": 1}),
    ],
    ids=["malformed head", "even stream", "idle stream", "broken block"],
)
def test_faults_of_a_client(frames: bytes, expected: dict[str, int]) -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.put(frames)
        client.look()
        found = counted(stand.frontend("f").h2)
        of_all = ("connections", "total_connections", "settings")
        assert {name: found[name] for name in found if name not in of_all} == expected
        assert stand.frontend("f").counters.requests == 0


def test_expressions_about_the_client() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        client.ask(1, "/slow")
        client.ask(5, "/hello")
        assert client.answer(5).body == b"5/2/100/2"
        stand.accept("a").send(OK)
        assert dict(client.answer(1).fields)[b"x-back"] == b"0/1/1/1/0/"
        client.ask(7, "/hello")
        assert client.answer(7).body == b"7/1/100/2"


class Said(Lines):
    """A log whose lines are what these expressions say."""

    NAMES = ("fs.aborted", "fs.rst_code", "fs.id")

    def stream(self, ctx: Context, level: int = 6) -> None:
        self.lines.append("/".join((shown(name, ctx) or b"-").decode() for name in self.NAMES))


def shown(name: str, ctx: Context) -> bytes | None:
    word = Word(name, Position("test.cfg", 1, 1, len(name), name))
    return parse_expression(word, Where.EVERYWHERE).get_bytes(ctx)


def test_a_client_that_resets_its_stream() -> None:
    with H2Stand(CONFIG, "a") as stand:
        said = stand.frontend("f").logger = Said(When.END)
        client = stand.h2()
        client.ask(3, "/slow")
        stand.accept("a")
        client.put(rst_stream(3, CANCEL))
        client.ask(5, "/hello")
        assert client.answer(5).status == 200
        assert said.lines == ["1/8/3", "0/-/5"]


def test_frames_and_streams_of_a_server() -> None:
    with H2ServerStand(CONFIG, "a", speaks="a") as stand:
        cells = stand.backend("b").h2
        client = stand.client()
        client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        server = stand.h2_server("a")
        server.answer(server.place("/1"), 200, ("content-length", "2"))
        assert counted(cells)["streams"] == 1
        server.data(1, b"ok")
        server.finish(1)
        assert b"x-back: 1/" in client.take()
        found = counted(cells)
        assert (found["connections"], found["total_streams"], found["headers"], found["data"]) == (1, 1, 1, 2)
        assert "streams" not in found
        counters = stand.backend("b").counters
        assert (found["bytes_in"], found["bytes_out"]) == (counters.bytes_in, counters.bytes_out)
        server.send(goaway(1))
        server.end.close()
        stand.settle()
        assert counted(cells)["goaway"] == 1
        assert "connections" not in counted(cells)


def test_a_server_that_resets_its_stream() -> None:
    with H2ServerStand(CONFIG, "a", speaks="a") as stand:
        client = stand.client()
        client.send(b"GET /1 HTTP/1.1\r\nHost: h\r\n\r\n")
        server = stand.h2_server("a")
        server.send(rst_stream(server.place("/1"), INTERNAL_ERROR))
        answer = client.take()
        assert answer.startswith(b"HTTP/1.1 502 ")
        assert b"x-back: 1/0/3/2/1/2\r\n" in answer
        found = counted(stand.backend("b").h2)
        assert (found["rst_stream"], found["total_streams"], found["total_connections"]) == (1, 1, 1)


def test_a_connection_that_is_none_of_http2_is_counted_all_the_same() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2(preface=False)
        client.end.send(b"GET / HTTP/1.1\r\n\r\n")
        found = counted(stand.frontend("f").h2)
        assert found["total_connections"] == found["connection_errors"] == found["goaway_sent"] == 1
