"""What agents say, to haproxy and to Pointsman at the same time: states, weights, texts and messages are the same."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.agents import SpeakingAgent
from support.counting import CountingOrigin
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.scenario import query, show_stat

pytestmark = [pytest.mark.peer, pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed")]

PATIENCE = 15.0  # s
TEXT = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} local0
    balance roundrobin
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout check 10s
backend only
    server s1 {up} weight 50 agent-check agent-port {agent} agent-inter 50ms
backend both
    option log-health-checks
    server s1 {up} check inter 50ms weight 50 agent-check agent-port {agent} agent-inter 50ms
    server s2 {up} backup agent-check agent-port {agent} agent-inter 50ms
backend static
    balance static-rr
    server s1 {up} weight 50 agent-check agent-port {agent} agent-inter 50ms
"""
COLUMNS = (
    *("status", "weight", "uweight", "slim", "check_status", "check_health", "chkdown", "agent_status", "agent_code"),
    *("agent_desc", "agent_rise", "agent_fall", "agent_health", "last_agt"),
)
STATE = ("srv_op_state", "srv_admin_state", "srv_uweight", "srv_iweight", "srv_agent_state", "srv_agent_addr")
COUNTS = re.compile(r"\. \d active.*")  # how many servers are left depends on which agent was asked first
WORDS = (
    *(b"down # one\n", b"up\n", b"FAIL\n", b"up down\n", b"down, up\t75%\n", b"weight:20\n", b"weight:50% # half\n"),
    *(b"weight:abc\n", b"weight:\n", b"200%\n", b"0%\n", b"1000%\n", b"-5%\n", b"100%\n", b"maxconn:30\n"),
    *(b"maxconn:x\n", b"maxconn:0 up\n", b"drain\n", b"up\n", b"drain maint\n", b"down\n", b"ready\n", b"up\n"),
    *(b"foo bar\n", b"up foo\n", b"foo # why\n", b"fail#x y\n", b"\n", b"#down\n", b"UP ready 100%\r\nnothing\n"),
    *(b"stopped #  by , hand\n", b"up ready maxconn:0 100%\n"),
)


def tidy(text: str) -> str:
    """haproxy's complaints about weights end with a line feed, wherever they are shown."""
    return re.sub(r"\s*(?:<0A>)?(\)|$)", r"\1", text.removeprefix("* "))


class Side:
    """One of the programs, with its agent."""

    def __init__(self, kind: Kind, folder: Path, up: str) -> None:
        self.agent = SpeakingAgent(b"ready up\n")
        self.log = LogReceiver()
        values = {"up": up, "agent": str(self.agent.port), "log": self.log.where}
        self.program = Program(kind, TEXT, folder / kind.name, values)

    def ask(self, command: str) -> str:
        return query(self.program.folder / "stats", command)

    def look(self) -> dict[str, list[str]]:
        """What is shown of the servers; a check that is under way hides what the last one has said."""
        rows = show_stat(self.program.folder / "stats")
        servers = [name for name in rows if "/s" in name]
        found = {name: [tidy(rows[name][column]) for column in COLUMNS] for name in servers}
        lines = self.ask("show servers state").splitlines()
        head = lines[1].removeprefix("# ").split()
        for line in lines[2:]:
            row = dict(zip(head, line.split()))
            if row:
                row["srv_agent_state"] = str(int(row["srv_agent_state"]) & ~1)  # whether it is being asked just now
                found[f"{row['be_name']}/{row['srv_name']}"] += [row[name] for name in STATE]
        return found

    def messages(self) -> dict[str, list[str]]:
        """Of each server, as they came. How long checks took is chance; and haproxy calls some servers DRAIN in
        messages about their agents, and others in the same state UP."""
        found: dict[str, list[str]] = {}
        for line in self.log.wait(0):
            level, _, rest = line.partition(">")
            text = (
                re.sub(r"duration: \d+ms", "duration: Nms", rest.partition(": ")[2])
                .replace("<0A>)", ")")
                .replace("1/1 DRAIN.", "1/1 UP.")
            )
            server = re.search(r" (\w+/s\d) ", text)
            if server is not None:
                found.setdefault(server[1], []).append(f"{level}> {tidy(COUNTS.sub('', text))}")
        return found

    def close(self) -> None:
        self.agent.close()
        self.log.close()


@pytest.fixture(scope="module")
def sides(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Side]]:
    with CountingOrigin() as origin:
        folder = tmp_path_factory.mktemp("agents")
        made = [Side(kind, folder, f"127.0.0.1:{origin.port}") for kind in (HAPROXY, POINTSMAN)]
        with made[0].program, made[1].program:
            yield made
        for side in made:
            side.close()


def equal(sides: list[Side], said: bytes) -> dict[str, list[str]]:
    """Both show the same, as soon as both have asked often enough."""
    limit = time.monotonic() + PATIENCE
    while True:
        asked = all(side.agent.asked >= 20 for side in sides)
        theirs, ours = (side.look() for side in sides)
        if asked and theirs == ours:
            return ours
        if time.monotonic() > limit:
            assert ours == theirs, said
            assert asked, said
        time.sleep(0.02)


@pytest.mark.timeout(300)
@pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")
def test_all_words(sides: list[Side]) -> None:
    seen = set()
    for said in WORDS:
        for side in sides:
            side.agent.says(said)
        found = equal(sides, said)
        seen |= {row[0] for row in found.values()}
    assert {"UP", "no check", "DOWN (agent)", "DRAIN (agent)", "MAINT"} <= seen
    theirs, ours = (side.messages() for side in sides)
    assert {name.partition("/")[0] for name in ours} == {"only", "both", "static"}
    for name, lines in theirs.items():
        states = [[line for line in found if " check for " not in line] for found in (lines, ours[name])]
        assert states[1] == states[0]
        assert set(ours[name]) == set(lines)  # what the first check of all met is chance


@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    "commands",
    [
        ("set server only/s1 agent down", "set server only/s1 agent up"),
        ("disable agent both/s1", "set server both/s1 agent up", "enable agent both/s1", "enable health both/s2"),
        ("set server only/s1 agent-addr 127.0.0.1", "set server only/s1 agent", "set server only/s1 agent-port x"),
        ("set server both/s1 health down", "set server both/s1 agent down", "set server both/s1 agent up"),
        ("set server only/s1 state maint", "set server only/s1 agent down", "set server only/s1 state ready"),
        ("set server only/s1 agent-addr 127.0.0.1 port x", "set server only/s1 agent-port 99999"),
    ],
)
def test_commands(sides: list[Side], commands: tuple[str, ...]) -> None:
    for say in (b"ready up 100%\n", b"\n"):
        for side in sides:
            side.agent.says(say)
        equal(sides, say)
    for command in commands:
        answers = [side.ask(command).strip() for side in sides]
        assert answers[0] == answers[1]
        for side in sides:
            side.agent.asked = 0
        equal(sides, command.encode())
