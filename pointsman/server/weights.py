"""Weights and limits of servers as they are said while running: by the runtime socket (management manual 9.3, set
weight, set maxconn server) and by agents (manual 5.2, agent-check). The complaints are those of both."""

from typing import Final

from pointsman.server.server import Server

HEAVIEST: Final = 256


def said_weight(text: str, server: Server, static: bool) -> int:
    """A weight, or with "%" one relative to the configured one. `static`: the algorithm cannot follow a change.

    ValueError: what is wrong with it.
    """
    if not text:
        raise ValueError("Require <weight> or <weight%>.")
    relative = text.endswith("%")
    digits = text.removesuffix("%")
    number = digits.removeprefix("-")
    if not number[:1].isdigit():
        raise ValueError("Empty weight string empty or preceded by garbage")
    if not number.isascii() or not number.isdigit() or len(number) > 18:
        raise ValueError("Trailing garbage in weight string")
    weight = int(digits)
    if relative:
        if weight < 0:
            raise ValueError("Relative weight must be positive.")
        weight = min(HEAVIEST, server.initial_weight * weight // 100)
    elif not 0 <= weight <= HEAVIEST:
        raise ValueError("Absolute weight can only be between 0 and 256 inclusive.")
    if static and weight not in (0, server.initial_weight):
        raise ValueError("Backend is using a static LB algorithm and only accepts weights '0%' and '100%'.")
    return weight


def said_maxconn(text: str) -> int:
    """0: no limit. ValueError: what is wrong with it."""
    if not text:
        raise ValueError("Require <maxconn>.")
    if not text[:1].isascii() or not text[:1].isdigit():
        raise ValueError("maxconn string empty or preceded by garbage")
    if not text.isascii() or not text.isdigit() or len(text) > 9:
        raise ValueError("Trailing garbage in maxconn string")
    return int(text)
