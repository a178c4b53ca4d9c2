"""Runs one attack within its bounds, with new connections for those that the program closes."""

from __future__ import annotations

import time
from dataclasses import dataclass

from bench.attacks.attacker import Attacker, Ended, Outcome, TimeIsUp
from bench.attacks.scripts import Attack

QUIET = 0.2  # s without a word after which a connection is taken to stay as it is


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far an attack may go."""

    frames: int = 100_000  # of all connections together
    seconds: float = 5.0
    connections: int = 20  # of an attack that holds them, at the same time
    again: bool = True  # a connection that was closed is replaced by another


def assault(attack: Attack, port: int, bounds: Bounds) -> Outcome:
    """The attack on a port of 127.0.0.1."""
    outcome = Outcome()
    until = time.monotonic() + bounds.seconds
    if attack.held:
        hold(attack, port, bounds, outcome, until)
        return outcome
    while time.monotonic() < until and outcome.frames < bounds.frames:
        try:
            one = Attacker(port, until, outcome, attack.first)
        except (Ended, TimeIsUp, OSError):
            continue
        try:
            attack.script(one, bounds.frames - outcome.frames)
            if attack.within:
                one.listen(QUIET)
            else:
                one.settle()
        except Ended:
            pass
        except TimeIsUp:
            while one.take():
                pass
        finally:
            one.close()
        if not bounds.again:
            break
    return outcome


def hold(attack: Attack, port: int, bounds: Bounds, outcome: Outcome, until: float) -> None:
    """Connections that are opened and left, until the time is over; what comes is read by those who read."""
    held: list[Attacker] = []
    for _ in range(bounds.connections):
        try:
            one = Attacker(port, until, outcome, attack.first)
            held.append(one)
            attack.script(one, max(1, bounds.frames // bounds.connections))
        except (Ended, TimeIsUp, OSError):
            continue
    while time.monotonic() < until:
        for one in held:
            while one.reads and not one.over and one.take():
                pass
        if all(one.over for one in held):
            break
        time.sleep(0.02)
    for one in held:
        while not one.over and one.take():
            pass
        one.close()
