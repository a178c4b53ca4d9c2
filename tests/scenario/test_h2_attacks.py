"""Attacks by HTTP/2, with small numbers, all at once on a program with two lanes: each meets its end, honest clients
are served meanwhile, memory stays bounded, and no process of the program is hurt.

`python -m bench.attacks` runs the same with large numbers, and says how long honest clients wait.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import pytest
from support.crowd import children, until
from support.memory import pss
from support.ports import free_port, listening_ports
from support.programs import POINTSMAN, ROOT, Program, environment

from bench.attacks.assault import Bounds, assault
from bench.attacks.attacker import Outcome
from bench.attacks.scripts import ATTACKS
from bench.attacks.victims import Victim
from bench.processes import ask
from pointsman.proto import h2

CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/s
defaults
    mode http
    timeout connect 5s
    timeout client 1s
    timeout server 10s
    timeout queue 5s
    timeout http-request 1s
    timeout http-keep-alive 2s
frontend web
    bind 127.0.0.1:{port:web}
    use_backend full if { path /queued }
    default_backend app
backend app
    server one 127.0.0.1:{origin}
backend full
    server one 127.0.0.1:{origin} maxconn 1
"""
# All that flood, and what they are told. A fault of the protocol ends its connection by itself.
CALM: Final = dict.fromkeys(
    (
        "rapid-reset",
        "rapid-reset-queued",
        "rapid-reset-upload",
        "made-you-reset-overflow",
        "made-you-reset-no-credit",
        "made-you-reset-half-closed",
        "made-you-reset-length",
        "malformed",
        "closed-streams",
        "late-data",
        "continuation-endless",
        "continuation-empty",
        "continuation-small",
        "huffman-bomb",
        "settings",
        "settings-many",
        "settings-window",
        "ping",
        "ping-unread",
        "settings-unread",
        "resets-unread",
        "priority",
        "empty-data",
        "padded-data",
        "window-ones-stream",
        "unknown",
        "streams-100000",
    ),
    h2.ENHANCE_YOUR_CALM,
)
FAULTS: Final = {
    "bad-hpack": h2.COMPRESSION_ERROR,
    "table-size": h2.COMPRESSION_ERROR,
    "hpack-bomb": h2.COMPRESSION_ERROR,
    "cookie-bomb": h2.COMPRESSION_ERROR,
    "many-fields": h2.COMPRESSION_ERROR,
    "push-promise": h2.PROTOCOL_ERROR,
}
# Connections that wait until the program has had enough of them: these have no stream, or one whose body or credit
# never comes; `timeout http-request` or `timeout client` ends them.
HELD: Final = ("preface-only", "half-preface", "half-frame", "half-block", "uploads-left", "no-credit")
# Each goes as far as its script says, and the program does what it asks for.
ALLOWED: Final = ("single-bytes", "goaway-and-on")
FRAMES: Final = 5_000
SECONDS: Final = 15.0  # at most; all of them together take five, most of which is waiting
HELD_CONNECTIONS: Final = 3
SLACK: Final = 48 << 20  # bytes that all attacks together may make the program grow by


@contextmanager
def origin() -> Iterator[int]:
    """The server behind the program. Its port."""
    port = free_port()
    command = [sys.executable, "-m", "bench.attacks.origin", str(port)]
    with subprocess.Popen(command, env=environment(), cwd=ROOT) as process:
        try:
            assert until(lambda: port in listening_ports())
            yield port
        finally:
            process.kill()


@dataclass
class Battle:
    """What came of it."""

    outcomes: dict[str, Outcome]
    honest: int  # requests that were answered
    grown: int  # bytes
    unharmed: bool  # each process lives
    told: str  # show info, afterwards


def live_on(port: int, over: threading.Event) -> int:
    """Honest requests, one after the other, until the attacks are over. Raises OSError where one is not answered."""
    one = Victim(port)
    count = 0
    try:
        while not over.is_set():
            one.ask()
            count += 1
            time.sleep(0.01)
    finally:
        one.sock.close()
    return count


@pytest.fixture(scope="module")
def battle(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Battle]:
    folder = tmp_path_factory.mktemp("attacks")
    names = [*CALM, *FAULTS, *HELD, *ALLOWED]
    with origin() as port, Program(POINTSMAN, CONFIG, folder, {"origin": str(port)}) as program:
        processes = children(program.pid)
        web = program.ports["web"]
        over = threading.Event()
        with ThreadPoolExecutor(1) as honest, ThreadPoolExecutor(8) as crowd:
            answered = honest.submit(live_on, web, over)
            try:
                before = pss(program.pid)
                bounds = Bounds(FRAMES, SECONDS, HELD_CONNECTIONS, again=False)
                running = {name: crowd.submit(assault, ATTACKS[name], web, bounds) for name in names}
                outcomes = {name: one.result() for name, one in running.items()}
                grown = pss(program.pid) - before
            finally:
                over.set()
            told = ask(folder / "s", "show info")
            yield Battle(outcomes, answered.result(), grown, children(program.pid) == processes, told)


@pytest.mark.parametrize("name", CALM)
def test_floods_are_told_to_calm_down(battle: Battle, name: str) -> None:
    outcome = battle.outcomes[name]
    assert outcome.goaways == {CALM[name]: 1}, outcome.told()
    assert outcome.closed == outcome.connections == 1


@pytest.mark.parametrize("name", FAULTS)
def test_faults_end_their_connection(battle: Battle, name: str) -> None:
    outcome = battle.outcomes[name]
    assert outcome.goaways == {FAULTS[name]: 1}, outcome.told()
    assert outcome.closed == outcome.connections == 1


@pytest.mark.parametrize("name", HELD)
def test_who_only_waits_is_given_up(battle: Battle, name: str) -> None:
    outcome = battle.outcomes[name]
    assert outcome.closed == outcome.connections == HELD_CONNECTIONS, outcome.told()
    assert set(outcome.goaways) <= {h2.NO_ERROR}


@pytest.mark.parametrize("name", ALLOWED)
def test_what_is_merely_odd_goes_on(battle: Battle, name: str) -> None:
    assert h2.ENHANCE_YOUR_CALM not in battle.outcomes[name].goaways


def test_honest_clients_are_served_meanwhile(battle: Battle) -> None:
    assert battle.honest > 0
    assert battle.unharmed


def test_memory_is_bounded(battle: Battle) -> None:
    assert battle.grown <= SLACK


def test_nothing_is_left(battle: Battle) -> None:
    """Who attacked is gone, and so is what was made for him."""
    found = re.search(r"^CurrConns: (\d+)$", battle.told, re.M)
    assert found is not None
    assert int(found[1]) <= 2  # the runtime socket's own, and the honest client's
