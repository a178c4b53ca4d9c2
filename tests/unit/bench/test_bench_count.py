"""Instructions: dumps of callgrind are understood, figures that are exceeded fail, and the crowd checks its answers."""

import socket
import subprocess
import threading
from collections import Counter
from pathlib import Path

import pytest
from support.programs import HAPROXY

from bench.callgrind import difference, is_countable, parse
from bench.configs import PLAIN, configuration, h2_configuration
from bench.count import CHECKED, kept_report, report, verdict
from bench.crowd import BODY, Crowd, response
from bench.frames import HEADERS, SETTINGS, Exchanges, frame
from bench.profile import fold, table
from bench.rows import ROWS
from bench.stage import free_ports, stop, wait_for

DUMP = """\
# callgrind format
events: Ir
ob=(1) /usr/bin/python3.11
fl=(1) ???
fn=(1) PyDict_GetItem
0 100
+3 20
cob=(2) /lib/libc.so.6
cfi=(2) ???
cfn=(2) memcpy
calls=3 0
0 900
0 5
0
ob=(2)
fn=(2)
0 900
fn=(3) PyDict_GetItem'2
* 7

totals: 1032
"""


def test_own_costs_leave_out_what_was_called() -> None:
    costs = parse(DUMP)
    assert costs == Counter(
        {
            ("/usr/bin/python3.11", "PyDict_GetItem"): 125,
            ("/lib/libc.so.6", "memcpy"): 900,
            ("/lib/libc.so.6", "PyDict_GetItem'2"): 7,
        }
    )
    assert costs.total() == 1032


def test_the_difference_frees_a_request_of_what_is_constant() -> None:
    once = Counter({("a", "fixed"): 50, ("a", "each"): 10, ("a", "rare"): 5})
    twice = Counter({("a", "fixed"): 50, ("a", "each"): 20, ("a", "new"): 1})
    assert difference(once, twice) == {("a", "each"): 10, ("a", "rare"): -5, ("a", "new"): 1}


@pytest.mark.parametrize(
    ("now", "figure", "word"),
    [
        (1000, 1000, "ok"),
        (1050, 1000, "ok"),
        (1051, 1000, "MORE"),
        (950, 1000, "ok"),
        (949, 1000, "update"),
        (10, None, "new"),
    ],
)
def test_five_percent(now: int, figure: int | None, word: str) -> None:
    assert verdict(now, figure) == word


def test_one_row_that_needs_more_fails_all() -> None:
    lines, good = report({"small": 106, "full": 90, "tcp": 7}, {"small": 100, "full": 100})
    assert not good
    assert lines[2].startswith("| small ") and lines[2].endswith("|   +6.0 % | MORE |")
    assert lines[3].endswith("|  -10.0 % | update |")
    assert lines[4].endswith("| new |")
    assert report({"full": 90}, {"full": 100})[1]


@pytest.mark.parametrize(
    ("place", "symbol", "name"),
    [
        ("/usr/bin/python3.11", "_PyEval_EvalFrameDefault'2", "[CPython: the interpreter's loop]"),
        ("/usr/bin/python3.11", "PyDict_GetItem", "[CPython: dictionaries and sets]"),
        ("/usr/bin/python3.11", "0x0000000000540000", "[CPython: functions without a symbol]"),
        ("/usr/lib/libpython3.11.so.1.0", "PyObject_Free", "[CPython: memory]"),
        ("/lib/libc.so.6", "memcpy", "[libc.so.6]"),
        ("/x/pointsman/core/_cells.cpython-311.so", "cells_add", "cells_add"),
        ("/x/pointsman/core/_calls.cpython-311.so", "calls_send", "calls_send"),
        ("/x/abc__mypyc.cpython-311.so", "CPyDef_http___Stream___feed", "CPyDef_http___Stream___feed"),
    ],
)
def test_folding(place: str, symbol: str, name: str) -> None:
    assert fold(place, symbol) == name


def test_the_table_adds_up() -> None:
    costs = Counter(
        {
            ("/usr/bin/python3.11", "PyDict_GetItem"): 600,
            ("/lib/libc.so.6", "memcpy"): 300,
            ("/lib/libc.so.6", "strlen"): 100,
        }
    )
    assert table(costs, 10, False, 1)[2:] == [
        "|           60 |  60.0 % | [CPython: dictionaries and sets] |",
        "|           40 |  40.0 % | all others |",
        "|          100 | 100.0 % | a request |",
    ]


def test_a_crowd_asks_exactly_as_often_as_it_was_told() -> None:
    """Straight to its own server: no program between."""
    crowd = Crowd(0)
    crowd.open()
    try:
        for name in ("full", "all-differ", "close"):
            before = crowd.served
            crowd.play(ROWS[name], crowd.port, 25, 4)
            assert crowd.served - before == 25
    finally:
        crowd.close()


def test_a_crowd_refuses_a_wrong_answer() -> None:
    crowd = Crowd(0)
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            sock, _ = listener.accept()
            with sock:
                sock.recv(65536)
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nwrong")

        thread = threading.Thread(target=answer)
        thread.start()
        with pytest.raises(SystemExit, match="a wrong answer"):
            crowd.play(ROWS["full"], listener.getsockname()[1], 1, 1)
        thread.join()
    crowd.close()


@pytest.mark.peer
def test_a_crowd_asks_in_http2(tmp_path: Path) -> None:
    """Through haproxy: it takes the frames, and the fields that are indices of a byte from the second request on."""
    crowd = Crowd(0)
    crowd.open()
    ports = dict(zip((*PLAIN, "h2c"), free_ports(len(PLAIN) + 1), strict=True))
    text = configuration(1, tmp_path, 9, ports, [crowd.port]) + h2_configuration(tmp_path, ports)
    path = tmp_path / "h2.cfg"
    path.write_text(text)
    output = tmp_path / "output"
    with output.open("wb") as out:
        process = subprocess.Popen([*HAPROXY.command, "-db", "-f", str(path)], stdout=out, stderr=out)
    try:
        wait_for([ports["h2c"]], process, output)
        for name in ("h2c", "h2-first"):
            before = crowd.served
            crowd.play(ROWS[name], ports["h2c"], 25, 4)
            assert crowd.served - before == 25
    finally:
        stop(process)
        crowd.close()


def test_later_requests_of_a_connection_are_indices() -> None:
    exchanges = Exchanges(ROWS["grpc"])
    first, later = exchanges.request(), exchanges.request()
    assert first.startswith(b"PRI * HTTP/2.0") and b"application/grpc" in first
    assert later[:9] == frame(HEADERS, 4, 3, b"?" * 31)[:9] and b"application/grpc" not in later
    assert later[9:].startswith(b"\x83\x04\x17/greeting.Greeter/Greet\x86\xc1\xc0\xbf\xbe"), "RFC 7541, 6.1 and 6.2.2"
    assert later.endswith(b"\x00\x00\x00\x00\x14" + b"x" * 20)


def test_nothing_is_said_before_the_preface() -> None:
    exchanges = Exchanges(ROWS["h2c"])
    assert exchanges.feed(frame(SETTINGS, 0, 0)) == b""
    first = exchanges.request()
    assert first.startswith(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x06\x04") and frame(SETTINGS, 1, 0) in first
    assert frame(SETTINGS, 1, 0) not in exchanges.request()


def test_an_answer_may_come_in_pieces() -> None:
    exchanges = Exchanges(ROWS["h2c"])
    exchanges.request()
    data = (
        frame(SETTINGS, 0, 0) + frame(HEADERS, 4, 1, b"\x20\x88") + frame(0, 0, 1, BODY[:3]) + frame(0, 1, 1, BODY[3:])
    )
    replies = b"".join(exchanges.feed(data[place : place + 1]) for place in range(len(data)))
    assert replies == frame(SETTINGS, 1, 0)
    assert (exchanges.answered, exchanges.status, exchanges.body) == (True, b"\x88", BODY)
    with pytest.raises(SystemExit, match="a frame of type 7"):
        exchanges.feed(frame(7, 0, 0, b"\x00" * 8))


def test_what_is_checked_can_be_counted() -> None:
    assert all(is_countable(ROWS[name]) for name in (*CHECKED, "h2-first", "memories-off"))
    assert not [
        name for name in ("tls-full", "h2c-10", "h2-tls", "grpc", "10k", "two-lanes") if is_countable(ROWS[name])
    ]


def test_responses_differ_where_the_path_asks_for_it() -> None:
    first, second = (response(b"/w/x", number, False).split(b"\r\n") for number in (1, 2))
    assert sum(a != b for a, b in zip(first, second, strict=True)) == 5
    assert response(b"/", 1, False) == response(b"/", 2, False)
    assert response(b"/v", 1, True).endswith(BODY)
    assert b"\r\nConnection: close\r\n" in response(b"/", 1, True)


def test_what_keeping_decisions_may_add() -> None:
    lines, good = kept_report({"small": 10_000, "full": 20_000}, {"small": 10_300, "full": 20_000})
    assert good and "+3.0 %" in lines[2] and lines[2].endswith("| ok |")
    lines, good = kept_report({"small": 10_000, "full": 20_000}, {"small": 10_301, "full": 20_000})
    assert not good and lines[2].endswith("| MORE |") and lines[3].endswith("| ok |")
