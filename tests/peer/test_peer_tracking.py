"""Servers that track others, in haproxy and in Pointsman at the same time: states and messages after each command.

Checks are so far apart that only the runtime socket changes anything.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.counting import CountingOrigin
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.scenario import query, show_stat

pytestmark = [pytest.mark.peer, pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")]

PATIENCE = 15.0  # s
TEXT = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} format raw local0
    balance roundrobin
    timeout connect 5s
    timeout client 5s
    timeout server 5s
backend b
    server s1 {up} check inter 600s
    server s2 {up}
backend t
    server t1 {up} track b/s1
    server t2 {up} track t1
backend y
    server y1 {up} track b/s1 backup
backend off
    server o1 {up} check inter 600s rise 1 fall 1 disabled
    server o2 {up} track o1
    server o3 {up} track b/s1 disabled
"""
LEADER, FIRST, SECOND = "set server b/s1", "set server t/t1", "set server t/t2"
STORIES = [
    ("down-and-up", [f"{LEADER} health down", f"{LEADER} health up"]),
    ("stopping", [f"{LEADER} health stopping", f"{LEADER} health up"]),
    ("maintenance", [f"{LEADER} state maint", f"{LEADER} state ready"]),
    ("maintenance-when-down", [f"{LEADER} health down", f"{LEADER} state maint", f"{LEADER} state ready"]),
    (
        "own-maintenance-within",
        [f"{LEADER} state maint", f"{FIRST} state maint", f"{FIRST} state ready", f"{LEADER} state ready"],
    ),
    (
        "own-maintenance-stays",
        [f"{LEADER} state maint", f"{FIRST} state maint", f"{LEADER} state ready", f"{FIRST} state ready"],
    ),
    ("drain", [f"{LEADER} state drain", f"{LEADER} state maint", f"{LEADER} state drain", f"{LEADER} state ready"]),
    (
        "own-drain-first",
        [f"{FIRST} state drain", f"{LEADER} state drain", f"{LEADER} state ready", f"{FIRST} state ready"],
    ),
    (
        "own-drain-within",
        [f"{LEADER} state drain", f"{FIRST} state drain", f"{FIRST} state ready", f"{LEADER} state ready"],
    ),
    (
        "own-drain-over-maintenance",
        [f"{FIRST} state drain", f"{LEADER} state maint", f"{LEADER} state ready", f"{FIRST} state ready"],
    ),
    (
        "own-drain-in-maintenance",
        [f"{LEADER} state maint", f"{FIRST} state drain", f"{LEADER} state ready", f"{FIRST} state ready"],
    ),
    (
        "drain-over-own-maintenance",
        [f"{FIRST} state maint", f"{LEADER} state drain", f"{FIRST} state ready", f"{LEADER} state ready"],
    ),
    (
        "the-last-of-a-chain",
        [f"{SECOND} state maint", f"{LEADER} health down", f"{LEADER} health up", f"{SECOND} state ready"],
    ),
    (
        "disabled",
        [
            "enable server off/o1",
            "disable server off/o1",
            "enable server off/o3",
            "disable server b/s1",
            "disable server off/o3",
            "enable server b/s1",
            "enable server off/o3",
            "disable server off/o3",
        ],
    ),
    (
        "refused",
        [
            f"{FIRST} health down",
            f"{FIRST} check-port 3",
            "enable health t/t1",
            "enable agent t/t1",
            "disable health b/s1",
            "enable health b/s1",
            f"{FIRST} weight 7",
            f"{FIRST} weight 1",
        ],
    ),
]


class Side:
    """One of the programs."""

    def __init__(self, kind: Kind, folder: Path, up: str) -> None:
        self.log = LogReceiver()
        self.program = Program(kind, TEXT, folder / kind.name, {"up": up, "log": self.log.where})

    def ask(self, command: str) -> str:
        return query(self.program.folder / "stats", command).strip()

    def look(self) -> list[list[str]]:
        rows = show_stat(self.program.folder / "stats")
        found = [
            [name, row["status"], row["tracked"], row["weight"]]
            for name, row in rows.items()
            if row["svname"][1:].isdigit()
        ]
        lines = [line.split() for line in self.ask("show servers state").splitlines()[2:]]
        return found + [[*line[1:4:2], *line[5:7]] for line in lines]


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    with CountingOrigin() as origin:
        folder = tmp_path_factory.mktemp("tracking")
        made = [Side(kind, folder, f"127.0.0.1:{origin.port}") for kind in (HAPROXY, POINTSMAN)]
        with made[0].program, made[1].program:
            limit = time.monotonic() + PATIENCE  # until the first check of each is over
            while any("L4OK" not in side.ask("show stat") for side in made) and time.monotonic() < limit:
                time.sleep(0.02)
            yield made
        for side in made:
            side.log.close()


@pytest.mark.timeout(120)
@pytest.mark.parametrize("commands", [story for _, story in STORIES], ids=[name for name, _ in STORIES])
def test_followers(sides: list[Side], commands: list[str]) -> None:
    theirs, ours = sides
    assert ours.look() == theirs.look()
    for command in commands:
        seen = [len(side.log.wait(0)) for side in sides]
        assert ours.ask(command) == theirs.ask(command), command
        limit = time.monotonic() + PATIENCE
        while True:
            looks = [side.look() for side in sides]
            said = [side.log.wait(0)[before:] for side, before in zip(sides, seen)]
            if looks[0] == looks[1] and said[0] == said[1] or time.monotonic() > limit:
                break
            time.sleep(0.01)
        assert said[1] == said[0], command
        assert looks[1] == looks[0], command
