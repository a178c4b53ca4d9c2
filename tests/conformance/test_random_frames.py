"""Random frames of clients and of servers, right and wrong: the program outlives them, and keeps nothing of them.

The frames are those of the tables, and others of their kinds on a few streams. POINTSMAN_LONG=1 in the environment: for
a minute each, drawn anew; else the same few hundred connections each time.
"""

from __future__ import annotations

import os
import random
import socket
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from support.certificates import authority
from support.crowd import until
from support.h2_behind import GET, Exchange, again, case, got, reply
from support.h2_origin import H2Origin
from support.h2_peer import (
    INITIAL_WINDOW_SIZE,
    MAX_CONCURRENT_STREAMS,
    Pair,
    RawClient,
    RawConnection,
    Silence,
    asking,
    data,
    goaway,
    headers,
    literals,
    ping,
    priority,
    rst_stream,
    settings,
    window_update,
)
from support.h2_programs import BACK, FRONT
from support.ports import Silent
from support.programs import POINTSMAN, Program
from test_clients_frames import CASES as CLIENTS
from test_clients_frames import over_tls
from test_servers_frames import CASES as SERVERS

LONG = os.environ.get("POINTSMAN_LONG") == "1"
GLOBAL = "global\n    stats socket {dir}/admin mode 600 level admin\n"
PATHS = (
    *("/", "/echo", "/bytes/3000", "/chunks/9000", "/hold", "/trailers", "/interim", "/early"),
    *("/unreachable", "/socket"),
)
METHODS = ("GET", "GET", "POST", "POST", "HEAD", "PUT", "CONNECT", "OPTIONS")
STATUSES = ("200", "200", "200", "103", "204", "304", "404", "101")
SOCKET: list[Pair] = [
    *((":method", "CONNECT"), (":protocol", "websocket"), (":scheme", "http"), (":authority", "a.test")),
    *((":path", "/socket"), ("sec-websocket-version", "13"), ("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")),
]
FROM_CLIENTS = [step for one in CLIENTS for step in one.steps if isinstance(step, bytes) and len(step) < 5000]
FROM_SERVERS = [step for one in SERVERS for step in one.steps if isinstance(step, bytes) and len(step) < 5000]
REQUESTS = [*sorted({one.asked for one in SERVERS if len(one.asked) < 3000}), *[GET] * 20]


def drawn() -> random.Random:
    seed = random.randrange(1 << 32) if LONG else 1
    print(f"random frames drawn from {seed}")
    return random.Random(seed)


def rounds(number: int) -> Iterator[int]:
    """So many, or those of a minute."""
    end = time.monotonic() + 60
    at = 0
    while time.monotonic() < end if LONG else at < number:
        yield at
        at += 1


def either_end(draw: random.Random, stream: int) -> bytes:
    """A frame that both ends may send."""
    return draw.choice(
        (
            data(stream, bytes(draw.randrange(300)), draw.random() < 0.4, draw.choice((None, None, 3))),
            data(stream, bytes(draw.randrange(300)), draw.random() < 0.4),
            rst_stream(stream, draw.randrange(14)),
            window_update(draw.choice((0, stream)), draw.choice((1, 100, 70_000))),
            settings({draw.choice((1, 2, 3, 4, 5, 6, 8)): draw.choice((0, 1, 100, 16_384, 65_535))}),
            ping(),
            goaway(draw.choice((0, 1, 3, 0x7FFFFFFF))),
            headers(stream, literals([("x-sum", "1")])),
            priority(stream, draw.randrange(20)),
        )
    )


def of_a_client(draw: random.Random) -> bytes:
    stream = draw.choice((1, 3, 5, 7, 9, 11, 13))
    length = [("content-length", str(draw.randrange(5)))] if draw.random() < 0.3 else []
    request = asking(draw.choice(METHODS), draw.choice(PATHS), *length)
    kind = draw.random()
    if kind < 0.35:
        return headers(stream, literals(SOCKET if kind < 0.03 else request), draw.random() < 0.5)
    return either_end(draw, stream) if kind < 0.8 else draw.choice(FROM_CLIENTS)


def of_a_server(draw: random.Random) -> bytes:
    stream = draw.choice((1, 1, 1, 3, 3, 5, 7))
    length = [("content-length", str(draw.randrange(5)))] if draw.random() < 0.3 else []
    kind = draw.random()
    if kind < 0.35:
        return headers(stream, literals([(":status", draw.choice(STATUSES)), *length]), draw.random() < 0.3)
    return either_end(draw, stream) if kind < 0.85 else draw.choice(FROM_SERVERS)


def send_some(draw: random.Random, connection: RawConnection, frames: Sequence[bytes]) -> None:
    """In one write; sometimes what comes of it is looked at before more is sent."""
    connection.send(*frames)
    if draw.random() < 0.3:
        try:
            connection.next(0.002)
        except Silence:
            pass


def carries_nothing(program: Program) -> bool:
    """No connection of a client is left."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.connect(str(program.folder / "admin"))
        admin.sendall(b"show info\n")
        said = b""
        while piece := admin.recv(65_536):
            said += piece
    return b"\nCurrConns: 0\n" in said


def test_frames_of_clients(tmp_path: Path) -> None:
    draw = drawn()
    silent = Silent()
    with H2Origin() as origin:
        values = {
            "origin": str(origin.port),
            "silent": str(silent.port),
            "certificate": str(authority().path("a.test")),
        }
        with Program(POINTSMAN, GLOBAL + FRONT, tmp_path, values) as program:
            kept: list[RawClient] = []
            for number in rounds(200):
                port = draw.choice(("clear", "clear", "clear", "http1", "tls"))
                window = draw.choice(({}, {INITIAL_WINDOW_SIZE: 0}, {INITIAL_WINDOW_SIZE: 10}))
                client = RawClient(program.ports[port], window, tls=over_tls() if port == "tls" else None)
                client.cut = 200 if draw.random() < 0.1 else 0
                for _ in range(draw.randrange(1, 5)):
                    send_some(draw, client, [of_a_client(draw) for _ in range(draw.randrange(1, 12))])
                kept.append(client)
                if len(kept) > 20:
                    kept.pop(draw.randrange(20)).close()
                if number % 100 == 99:
                    with RawClient(program.ports["clear"]) as other:
                        other.serves(1)
            for client in kept:
                client.close()
            until(lambda: carries_nothing(program), 15)
    silent.close()


def test_frames_of_servers(tmp_path: Path) -> None:
    draw = drawn()
    with Program(POINTSMAN, BACK.replace("global\n", GLOBAL), tmp_path) as program:
        port = program.ports["http1"]
        for number in rounds(200):
            with Exchange(port) as exchange:
                exchange.client = exchange.ask(draw.choice(REQUESTS))
                for _ in range(draw.randrange(3)):
                    exchange.ask_again(draw.choice(REQUESTS))
                values = draw.choice(({}, {INITIAL_WINDOW_SIZE: 0}, {MAX_CONCURRENT_STREAMS: 2}))
                exchange.back = exchange.server.accept(values)
                for _ in range(draw.randrange(1, 4)):
                    frames = [of_a_server(draw) for _ in range(draw.randrange(1, 8))]
                    send_some(draw, exchange.back, frames)
            if number % 100 == 99:
                with Exchange(port) as exchange:
                    exchange.play(case("8.1", "in between", reply(), got(200, b"ok"), again))
        until(lambda: carries_nothing(program), 15)
