"""Alerts by mail: haproxy and Pointsman send the same mails of the same events (manual 12.3; 4.2, email-alert)."""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

import pytest
from support.agents import SpeakingAgent
from support.crowd import until
from support.mail_server import MailServer
from support.programs import HAPROXY, POINTSMAN, Kind, Program
from support.scenario import query, show_stat

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
]

PATIENCE = 15.0  # s
TEXT = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 10s
    timeout client 10s
    timeout server 10s
    email-alert mailers office
    email-alert from f@x.example
    email-alert to t@x.example
    email-alert LEVEL
mailers office
    mailer one 127.0.0.1:{mailer}
    timeout mail 60s
frontend front
    bind 127.0.0.1:{port:front}
backend b
    option log-health-checks
    server s1 127.0.0.1:1
    server s2 127.0.0.1:1 track b/s3
    server s3 127.0.0.1:1 agent-check agent-port {agent} agent-inter 50ms
    server s4 127.0.0.1:1 backup
"""
COMMANDS = (
    *("health down", "health up", "health stopping", "health down", "health up", "state drain", "health down"),
    *("state ready", "health up", "state maint", "state drain", "state ready", "health stopping", "health up"),
)
WORDS = {  # of the agent, and what the log says then
    b"down\n": "is DOWN.",
    b"up\n": "is UP.",
    b"drain\n": "enters drain state.",
    b"ready\n": "is UP (leaving",
    b"maint\n": "is going DOWN for maintenance.",
    b"up ready\n": "is UP/READY",
    b"fail # why\n": "is DOWN.",
}


def exchanges(kind: Kind, folder: Path, level: str) -> list[list[bytes]]:
    """What the mailer has got while all this was done: of each mail the commands and the content without its date."""
    agent = SpeakingAgent(b"up ready\n")
    with MailServer() as mailer:
        values = {"mailer": str(mailer.port), "agent": str(agent.port)}
        with Program(kind, TEXT.replace("LEVEL", level), folder / kind.name, values) as program:
            where = program.folder / "stats"

            seen = 0

            def told(text: str) -> bool:
                return text in program.stderr()[seen:]

            until(lambda: show_stat(where)["b/s3"]["agent_status"].startswith("L7OK"), PATIENCE)
            for server in ("s1", "s4"):
                for command in COMMANDS:
                    query(where, f"set server b/{server} {command}")
            for word, text in WORDS.items():
                seen = len(program.stderr())
                agent.says(word)
                until(partial(told, f"Server b/s3 {text}"), PATIENCE)
            # Mails go one after the other: when the last one is there, so are all.
            last = "Server b/s2 is DOWN via b/s3"
            until(lambda: sum(last in subject for subject in mailer.subjects) == 2, PATIENCE)
            until(lambda: all(one.over for one in mailer.received), PATIENCE)
        agent.close()
        return [[*one.commands, _tidy(one.content)] for one in mailer.received if one.taken]


def _tidy(content: bytes) -> bytes:
    """When it was, and how long a check took, is chance."""
    date = re.compile(rb"(?m)^Date: \w{3}, \d\d \w{3} \d{4} \d\d:\d\d:\d\d [+-]\d{4} \(\w+\)\r$")
    assert len(date.findall(content)) == 1, content
    return re.sub(rb"duration: \d+ms", b"duration: Nms", date.sub(b"Date: D\r", content))


@pytest.mark.parametrize("level", ["level alert", "level notice", "level info", "myhostname lb.example"])
def test_mails(tmp_path: Path, level: str) -> None:
    theirs, ours = (exchanges(kind, tmp_path, level) for kind in (HAPROXY, POINTSMAN))
    assert ours == theirs
    assert len(ours) >= 4
