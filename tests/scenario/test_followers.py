"""track: what checks and an agent say of one server is in force for those that track it, in all lanes, also when
control was killed between."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import pytest
from support.agents import SpeakingAgent
from support.counting import CountingOrigin
from support.crowd import children, get, until
from support.ports import free_port
from support.programs import POINTSMAN, Program
from support.receiver import LogReceiver
from support.scenario import show_stat

PATIENCE = 15.0  # s
TEXT = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} format raw local0
    balance roundrobin
    timeout connect 5s
    timeout client 5s
    timeout server 5s
    timeout check 10s
listen first
    bind 127.0.0.1:{port:first}
    server s1 {up} track last/s1
listen second
    bind 127.0.0.1:{port:second}
    server s1 {up} track first/s1
backend last
    server s1 {up} check port {probe} inter 50ms fall 1 rise 1 agent-check agent-port {agent} agent-inter 50ms
"""


@pytest.mark.timeout(120)
def test_followers_over_lanes_and_deaths(tmp_path: Path) -> None:
    port = free_port()
    log, agent, probe = LogReceiver(), SpeakingAgent(b"\n"), socket.create_server(("127.0.0.1", port))

    def statuses() -> list[str]:
        rows = show_stat(tmp_path / "stats")
        return [rows[f"{name}/s1"]["status"] for name in ("last", "first", "second")]

    def become(status: str, answer: int) -> None:
        until(lambda: statuses() == [status] * 3, PATIENCE)
        until(lambda: {get(program.ports[name], "/") for name in ("first", "second") * 5} == {answer}, PATIENCE)

    with CountingOrigin() as origin:
        values = {"log": log.where, "up": f"127.0.0.1:{origin.port}", "probe": str(port), "agent": str(agent.port)}
        with Program(POINTSMAN, TEXT, tmp_path, values) as program:
            until(lambda: len(children(program.pid)) == 3, PATIENCE)
            for turn in range(2):
                become("UP", 200)
                probe.close()
                become("DOWN", 503)
                probe = socket.create_server(("127.0.0.1", port))
                become("UP", 200)
                agent.says(b"down\n")
                become("DOWN (agent)", 503)
                if not turn:
                    before = children(program.pid)
                    os.kill(before[-1], signal.SIGKILL)
                    until(lambda old=before: len(set(children(program.pid)) - set(old)) == 1, PATIENCE)
                agent.says(b"up\n")
            become("UP", 200)
            agent.says(b"drain\n")
            become("DRAIN (agent)", 503)
    lines = log.close()
    probe.close()
    agent.close()
    for said in (
        "Server first/s1 is DOWN via last/s1.",
        "Server second/s1 is DOWN via first/s1.",
        "Server second/s1 is UP via first/s1.",
        "Server second/s1 enters drain state via first/s1.",
    ):
        assert any(line.startswith(said) for line in lines), said
