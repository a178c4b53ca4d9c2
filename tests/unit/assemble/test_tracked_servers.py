"""Who may track whom (manual 5.2, track), and how servers begin (init-state)."""

from __future__ import annotations

import pytest

from pointsman.admin.rows import server_status
from pointsman.assemble import assembled
from pointsman.config.load import load_text
from pointsman.core.diagnostics import Diagnostics, Severity
from pointsman.server.server import RUNNING

CHAIN = "it belongs to a tracking chain looping back to b/s1."
UNWATCHED = "for tracking as it does not have any check nor agent enabled."


def complaints(text: str) -> list[str]:
    diagnostics = Diagnostics()
    assembled(load_text(f"defaults\n timeout connect 1s\n timeout server 1s\n{text}\n", diagnostics), diagnostics)
    return [one.message for one in diagnostics.findings if one.severity > Severity.WARNING]


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ("track s2", ""),
        ("track b/s2", ""),
        ("track s3", ""),
        ("track s2 init-state none", ""),
        ("track s2 agent-check agent-port 9", ""),
        ("track s2 disabled", ""),
        ("track s9", "unable to find required server 's9' for tracking."),
        ("track c/s2", "unable to find required proxy 'c' for tracking."),
        ("track /s2", "unable to find required proxy '' for tracking."),
        ("track a/b/c", "unable to find required proxy 'a/b' for tracking."),
        ("track b/", "unable to find required server '' for tracking."),
        ("track s1", f"unable to track b/s1 as {CHAIN}"),
        ("track s4", f"unable to use b/s4 {UNWATCHED}"),
        ("track s5", f"unable to use b/s5 {UNWATCHED}"),
        ("track s2 check", "unable to enable checks and tracking at the same time!"),
        ("track s2 init-state down", "unable to set init-state and tracking at the same time!"),
        ("agent-check", "server s1 does not have agent port. Agent check has been disabled."),
    ],
)
def test_a_line(words: str, complaint: str) -> None:
    found = complaints(
        f"backend b\n server s1 :1 {words}\n server s2 :1 check\n server s3 :1 track s2\n server s4 :1\n"
        " server s5 127.0.0.1:1 track s4"
    )
    own = f"'server b/s1' : {complaint}"
    assert found == [own] * bool(complaint) + [f"'server b/s5' : unable to use b/s4 {UNWATCHED}"]


def test_loops_and_options() -> None:
    loop = "backend b\n server s1 :1 track s2\n server s2 :1 track s3\n server s3 :1 track s1"
    assert complaints(loop)[0] == f"'server b/s1' : unable to track b/s2 as {CHAIN}"
    only_one = (
        "backend b\n mode http\n option httpchk\n http-check disable-on-404\n server s1 127.0.0.1:1 check\n"
        "backend t\n mode http\n server t1 127.0.0.1:1 track b/s1"
    )
    said = "'server t/t1' : unable to use b/s1 for tracking: disable-on-404 option inconsistency."
    assert complaints(only_one) == [said]
    assert complaints(only_one.replace("server t1", "http-check disable-on-404\n server t1")) == []


def test_a_chain_begins_as_its_end_does() -> None:
    diagnostics = Diagnostics()
    text = "backend b\n server s1 :1 track s2\n server s2 :1 track s3\n server s3 127.0.0.1:1 check init-state down"
    live = assembled(load_text(text, diagnostics), diagnostics)
    assert live is not None
    assert [server.up for server in live.backends[0].servers] == [False] * 3
    text = text.replace("init-state down", "disabled")
    live = assembled(load_text(text, diagnostics), diagnostics)
    assert live is not None
    assert [server.admin for server in live.backends[0].servers] == [2, 2, 5]


@pytest.mark.parametrize(
    ("state", "words", "up", "shown"),
    [
        ("none", "check rise 3", True, "UP 1/3"),
        ("fully-up", "check rise 3", True, "UP"),
        ("up", "check rise 3", True, "UP 1/3"),
        ("down", "check rise 3", False, "DOWN 2/3"),
        ("fully-down", "check rise 3", False, "DOWN"),
        ("fully-up", "", True, "no check"),
        ("down", "", False, "DOWN"),
        ("fully-down", "", False, "DOWN"),
        ("down", "agent-check agent-port 9", False, "DOWN"),
    ],
)
def test_init_state_holds_at_the_beginning_and_behind_maintenance(state: str, words: str, up: bool, shown: str) -> None:
    diagnostics = Diagnostics()
    live = assembled(
        load_text(f"backend b\n server s1 127.0.0.1:1 {words} init-state {state}", diagnostics), diagnostics
    )
    assert live is not None and live.health is not None
    server = live.backends[0].servers[0]
    assert (server.up, server_status(server)) == (up, shown)
    health = live.health.healths[server]
    health.to_maintenance(1)
    assert server_status(server) == "MAINT"
    health.to_ready(2)
    assert (server.up, server_status(server)) == (up, shown)
    health.force(RUNNING, 3)
    assert server.up and server.usable
