"""Server-state files and both programs: equal files have equal consequences, and each reads what the other has written.

HAProxy 3.2 alone: what 2.6 makes of some values is another matter.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.dumps import ask
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.server_states import HEAD, rows_of, state_line

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
    pytest.mark.timeout(120),
]

GLOBAL = """
global
    stats socket {dir}/stats level admin
    server-state-file {file}
defaults
    mode http
    load-server-state-from-file global
    option httpchk
    timeout connect 1h
    timeout client 1h
    timeout server 1h
    timeout check 1h
frontend web
    bind 127.0.0.1:{port:web}
"""
IN_PROGRESS = 1  # of check states
CHECKED = 2

HERE = "server s1 {silent}"
CHECK = f"{HERE} check inter 1h"
LONG = f"{CHECK} rise 5 fall 7"
AGENT = f"{HERE} agent-check agent-port {{port}} agent-inter 1h"
# Of each backend: its servers, and what the file says of s1.
CASES: tuple[tuple[str, dict[str, str | int]], ...] = (
    *((HERE, {"srv_op_state": state}) for state in range(5)),
    *((CHECK, {"srv_op_state": state, "srv_check_status": 15}) for state in range(4)),
    *((LONG, {"srv_op_state": state, "srv_check_health": health}) for state in range(4) for health in (1, 5, 8, 11)),
    *((CHECK, {"srv_admin_state": admin}) for admin in (1, 2, 3, 4, 5, 8, 9, 12, 16, 17, 24, 32, 64, 72, 128)),
    *((f"{CHECK} disabled", {"srv_admin_state": admin}) for admin in (0, 1, 2, 4, 5, 6, 8, 9, 16, 20, 32)),
    (CHECK, {"srv_admin_state": 1, "srv_op_state": 0}),
    (CHECK, {"srv_admin_state": 8, "srv_op_state": 0}),
    *((CHECK, {"srv_check_state": state, "srv_check_status": 6, "srv_check_result": 3}) for state in (0, 2, 6, 10, 32)),
    *((AGENT, {"srv_agent_state": state}) for state in (0, 2, 16, 18, 22, 26, 64)),
    (AGENT, {"srv_agent_state": 22, "srv_agent_addr": "127.0.0.3", "srv_agent_port": 9}),
    (f"{HERE} weight 4", {"srv_uweight": 7, "srv_iweight": 4}),
    (f"{HERE} weight 4", {"srv_uweight": 7, "srv_iweight": 5}),
    *((HERE, {"srv_uweight": weight}) for weight in (0, 256, 257, -1)),
    *((HERE, {"srv_op_state": 9, "srv_uweight": wrong}) for wrong in ("x", 300)),
    (CHECK, {"srv_check_port": 77, "srv_check_addr": "127.0.0.5"}),
    *((CHECK, {"srv_check_port": wrong}) for wrong in (70000, "x")),
    (CHECK, {"srv_check_addr": "zz"}),
    (HERE, {"srv_check_port": 9}),
    (HERE, {"srv_agent_port": 9}),
    (HERE, {"srv_port": 5, "srv_addr": "127.0.0.9"}),
    ("server s1 127.0.0.1:+5", {"srv_port": 5}),
    ("server s1 nope.invalid:80", {"srv_addr": "127.0.0.9", "srv_port": 8080}),
    (f"{CHECK} init-state down", {}),
    (f"{CHECK} slowstart 50s", {"srv_op_state": 1, "srv_check_health": 1}),
    (f"{CHECK}\n    server s2 {{silent}} track s1", {"srv_admin_state": 8}),
    (f"{CHECK}\n    server s2 {{silent}} track s1", {"srv_op_state": 0}),
)
RECEIVED = re.compile(r"\[(?:WARNING|ALERT)\] +\(\d+\) : (?:config : )?(.*)")


@pytest.fixture
def silent() -> Iterator[dict[str, str]]:
    """An address that takes connections and says nothing: a check that has begun does not end."""
    with socket.create_server(("127.0.0.1", 0), backlog=500) as listener:
        port = listener.getsockname()[1]
        yield {"silent": f"127.0.0.1:{port}", "port": str(port)}


def tidy(row: dict[str, str]) -> dict[str, str]:
    """But for what both do not have alike: numbers of proxies, whether a check is under way, what hides behind that,
    what checks a server without checks would have."""
    checked = int(row["srv_check_state"]) & CHECKED
    states = {name: str(int(row[name]) & ~IN_PROGRESS) for name in ("srv_check_state", "srv_agent_state")}
    age = "long ago" if int(row["srv_time_since_last_change"]) >= 100 else "now"
    found = {**row, **states, "be_id": "", "srv_time_since_last_change": age, "srv_check_result": ""}
    if not checked:
        found |= {"srv_check_health": "", "srv_check_status": ""}
    return found


def said(program: Program) -> list[str]:
    """What the program had to say of states of servers."""
    return sorted(text for text in RECEIVED.findall(program.stderr()) if "server-state" in text or "Server b" in text)


def shown(kind: Kind, text: str, folder: Path, values: dict[str, str]) -> tuple[dict[str, dict[str, str]], list[str]]:
    with Program(kind, text, folder, values) as program:
        rows = rows_of(ask(folder / "stats", "show servers state"))
        return {name: tidy(row) for name, row in rows.items()}, said(program)


def test_one_file_for_both(tmp_path: Path, silent: dict[str, str]) -> None:
    file = tmp_path / "states"
    text, lines = GLOBAL, HEAD
    for number, (servers, columns) in enumerate(CASES):
        text += f"backend b{number}\n    {servers}\n"
        port: str | int = silent["port"] if "{silent}" in servers else 0
        lines += state_line(be_name=f"b{number}", **{"srv_port": port, **columns})
    file.write_text(lines)
    values = {"file": str(file), **silent}
    theirs, ours = (shown(kind, text, tmp_path / kind.name, values) for kind in (HAPROXY, POINTSMAN))
    for number, (servers, columns) in enumerate(CASES):
        name = f"b{number}/s1"
        assert ours[0][name] == theirs[0][name], (servers, columns)
        if f"b{number}/s2" in theirs[0]:
            assert ours[0][f"b{number}/s2"] == theirs[0][f"b{number}/s2"], (servers, columns)
    assert ours[1] == theirs[1]
    assert len(ours[0]) > len(CASES)


BEFORE = (
    "set server b/maint state maint",
    "set server b/drain state drain",
    "set server b/drain weight 5",
    "set server b/down health down",
    "set server b/stopping health stopping",
    "set server b/ready state ready",
    "disable health b/paused",
    "set server b/stopping check-addr 127.0.0.4 port 98",
    "set server b/name addr 127.0.0.7 port 81",
    "disable agent b/agent",
)
GOES_ON = ("srv_check_health", "srv_time_since_last_change")
SERVERS = f"""
backend b
    id 30
    {CHECK.replace("s1", "maint")}
    {HERE.replace("s1", "drain")} weight 9
    {CHECK.replace("s1", "down")}
    {CHECK.replace("s1", "stopping")}
    {CHECK.replace("s1", "ready")} disabled
    {CHECK.replace("s1", "paused")}
    {CHECK.replace("s1", "off")} disabled
    server name localhost:80
    server offset 127.0.0.1:+5 id 70
    {AGENT.replace("s1", "agent")}
    {HERE.replace("s1", "follows")} track maint
"""


@pytest.mark.parametrize("writer", [HAPROXY, POINTSMAN], ids=lambda kind: kind.name)
def test_each_reads_what_the_other_wrote(writer: Kind, tmp_path: Path, silent: dict[str, str]) -> None:
    file = tmp_path / "states"
    values = {"file": str(file), **silent}
    text = GLOBAL + SERVERS
    with Program(writer, text, tmp_path / "before", values) as program:
        for command in BEFORE:
            ask(program.folder / "stats", command)
        written = ask(program.folder / "stats", "show servers state")
    file.write_text(written.rstrip("\n") + "\n")
    before = {name: tidy(row) for name, row in rows_of(written).items()}
    assert len(before) == 11
    for kind in (HAPROXY, POINTSMAN):
        after, complaints = shown(kind, text, tmp_path / kind.name, values)
        failed = [one for one in complaints if one.startswith("server-state ")]
        # HAProxy complains of the port of an agent that it is not to ask, though it writes that itself.
        assert [one for one in failed if kind is POINTSMAN or "agent checks are not enabled" not in one] == []
        for name, row in before.items():
            # How far its checks had come follows from its state; its age goes on from what it was.
            same = {column: after[name][column] for column in row if column not in GOES_ON}
            assert same == {column: row[column] for column in same}, (kind.name, name)
