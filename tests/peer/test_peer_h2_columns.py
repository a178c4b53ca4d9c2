"""What connections of HTTP/2 count in the statistics of both programs: each story has a frontend of its own.

Two columns differ on purpose (docs/differences.md, HTTP/2): SETTINGS, of which haproxy counts the first one twice, and
DATA of streams that are over.
"""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from support.dumps import ask
from support.h2_peer import (
    CANCEL,
    RawClient,
    Silence,
    asking,
    continuation,
    data,
    goaway,
    headers,
    literals,
    ping,
    push_promise,
    rst_stream,
    settings,
    window_update,
)
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version

pytestmark = pytest.mark.peer

GET = literals(asking("GET", "/"))
WAITS = literals(asking("POST", "/waits"))
STORIES: dict[str, list[bytes]] = {
    "nothing": [],
    "a request": [headers(1, GET)],
    "three requests": [headers(number, GET) for number in (1, 3, 5)],
    "a request in parts": [headers(1, GET[:10], whole=False), continuation(1, GET[10:])],
    "a body": [headers(1, WAITS, False), data(1, b"ab"), data(1, b"c")],
    "a reset": [headers(1, WAITS, False), rst_stream(1, CANCEL)],
    "settings and pings": [settings({4: 70_000}), ping(), ping()],
    "goodbye": [headers(1, WAITS, False), goaway(0)],
    "a malformed head": [headers(1, literals([(":path", "/")]))],
    "two malformed heads, and a good one": [
        headers(1, literals([(":method", "GET")])),
        headers(3, literals([*asking("GET", "/"), ("X-Upper", "a")])),
        headers(5, GET),
    ],
    "an even stream": [headers(2, GET)],
    "data on an idle stream": [data(1, b"a")],
    "a broken block": [headers(1, b"\xff" * 8)],
    "a push promise": [push_promise(1, 2, GET)],
    "a window of nothing": [window_update(0, 0)],
    "a frame within a head": [headers(1, GET, whole=False), ping()],
    "too many streams": [headers(number, WAITS, False) for number in (1, 3, 5, 7)],
}
COLUMNS = (
    *("h2_headers_rcvd", "h2_rst_stream_rcvd", "h2_goaway_rcvd", "h2_detected_conn_protocol_errors"),
    *("h2_detected_strm_protocol_errors", "h2_rst_stream_resp", "h2_goaway_resp", "h2_open_connections"),
    *("h2_backend_open_streams", "h2_total_connections", "h2_backend_total_streams", "req_tot", "ereq", "stot"),
)
LATER = ("h2_detected_strm_protocol_errors",)  # 2.6 does not count them
NEWER = ("h2sess", "h2req", "h1sess", "h1req")
FRONTEND = """
frontend f{number}
    bind 127.0.0.1:{{port:f{number}}} proto h2
    http-request wait-for-body time 30s if {{ path /waits }}
    http-request return status 200 content-type text/plain string ok
"""
CONFIG = """
global
    stats socket {dir}/stats level admin
    tune.h2.max-concurrent-streams 3
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout http-request 30s
""" + "".join(FRONTEND.format(number=number).replace("{{", "{").replace("}}", "}") for number in range(len(STORIES)))


def counted(kind: Kind, folder: Path) -> dict[str, dict[str, str]]:
    names = (*COLUMNS, *NEWER) if peer_version() >= (3, 2) else tuple(name for name in COLUMNS if name not in LATER)
    with Program(kind, CONFIG, folder / kind.name) as program:
        clients = []
        for number, frames in enumerate(STORIES.values()):
            client = RawClient(program.ports[f"f{number}"])
            clients.append(client)
            client.send(*frames)
            try:
                client.pinged(b"all read")
            except Silence:
                pass  # the connection is over
        text = ask(folder / kind.name / "stats", "show stat")
        for client in clients:
            client.close()
    rows = {row["# pxname"]: row for row in csv.DictReader(io.StringIO(text)) if row["svname"] == "FRONTEND"}
    return {
        story: {name: rows[f"f{number}"][name] for name in names if rows[f"f{number}"][name] != "0"}
        for number, story in enumerate(STORIES)
    }


def test_both_programs_count_the_same(tmp_path: Path) -> None:
    theirs, ours = counted(HAPROXY, tmp_path), counted(POINTSMAN, tmp_path)
    assert {story: ours[story] for story in STORIES if ours[story] != theirs[story]} == {}
    assert ours["a reset"]["h2_rst_stream_rcvd"] == ours["goodbye"]["h2_goaway_rcvd"] == "1"
