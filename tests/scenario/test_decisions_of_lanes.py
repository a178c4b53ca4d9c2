"""Decisions of two lanes: one list by time, switched for both, and what is left of it when a lane has ended."""

from __future__ import annotations

import json
import os
import signal
import socket
from pathlib import Path
from typing import Any

from support.crowd import children, get, until
from support.programs import POINTSMAN, Program
from support.scenario import query

CONFIG = """
global
    nbthread 2
    pointsman-decisions 50
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
frontend web
    bind 127.0.0.1:{port:web}
    unique-id-format %[req.hdr(x-id)]
    http-request return status 200 if { path /both }
    http-request deny if { path /denied }
"""


def kept(program: Program, which: str = "last 1000") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(query(program.folder / "stats", f"show decisions {which} json"))
    return found


def ask_both(program: Program, most: int = 200) -> int:
    """One request after the other, each by a connection of its own, until both lanes have had some."""
    before = {one["lane"]: one["noted"] for one in kept(program)["lanes"]}
    for count in range(1, most):
        assert get(program.ports["web"], "/both") == 200
        if all(one["noted"] > before[one["lane"]] for one in kept(program)["lanes"]):
            return count
    raise AssertionError("one lane gets all connections")


def replace_lane(program: Program) -> None:
    """Kill one. Its successor has noted nothing, and keeps as many."""
    lanes = kept(program)["lanes"]
    before = children(program.pid)
    os.kill(before[0], signal.SIGKILL)
    until(lambda: len(children(program.pid)) == 3 and children(program.pid) != before)
    until(lambda: len(kept(program)["lanes"]) == 2)
    since = max(one["since"] for one in lanes)
    found = [(one["since"] > since, one["noted"], one["size"]) for one in kept(program)["lanes"]]
    assert (True, 0, lanes[0]["size"]) in found


def test_two_lanes(tmp_path: Path) -> None:
    with Program(POINTSMAN, CONFIG, tmp_path) as program:
        until(lambda: len(children(program.pid)) == 3 and (tmp_path / "stats").exists())
        stats, port = tmp_path / "stats", program.ports["web"]
        # As the configuration says: of a lane that is replaced, too.
        assert get(port, "/both") == 200
        assert [one["size"] for one in kept(program)["lanes"]] == [50, 50]
        replace_lane(program)
        query(stats, "set decisions off")
        assert query(stats, "show decisions").startswith("Decisions are not kept.")
        assert get(port, "/both") == 200

        query(stats, "set decisions on 300")
        count = ask_both(program)
        found = kept(program)
        assert found["silent"] == 0 and [one["size"] for one in found["lanes"]] == [300, 300]
        assert sum(one["noted"] for one in found["lanes"]) == len(found["decisions"]) == count
        assert [one["ended"] for one in found["decisions"]] == sorted(one["ended"] for one in found["decisions"])
        assert {one["decision"].partition(".")[0] for one in found["decisions"]} == {"#1", "#2"}
        assert len(kept(program, "last 3")["decisions"]) == min(3, count)
        assert len(query(stats, "show decisions last 2").strip().splitlines()) == 4

        # By a name that the client gave: whichever lane has served it.
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"GET /denied HTTP/1.1\r\nhost: h\r\nx-id: a-1\r\nconnection: close\r\n\r\n")
            while client.recv(1000):
                pass
        denied = kept(program, "a-1")
        assert [one["unique_id"] for one in denied["decisions"]] == ["a-1"] and len(denied["lanes"]) == 1
        assert denied["decisions"][0]["ended_by"]["text"] == "http-request deny if { path /denied }"

        # Blanks and semicolons come to the lanes as they were said.
        with socket.create_connection(("127.0.0.1", port), 5) as client:
            client.sendall(b"GET /denied HTTP/1.1\r\nhost: h\r\nx-id: a; b\r\nconnection: close\r\n\r\n")
            while client.recv(1000):
                pass
        assert [one["unique_id"] for one in kept(program, r"a\;\ b")["decisions"]] == ["a; b"]

        # A lane that is replaced has lost its decisions, and goes on keeping others.
        replace_lane(program)
        ask_both(program)
        assert {one["size"] for one in kept(program)["lanes"]} == {300}

        query(stats, "set decisions off")
        assert query(stats, "show decisions").startswith("Decisions are not kept.")
        assert get(port, "/both") == 200
