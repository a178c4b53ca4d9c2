"""Limits of the process: descriptors, connections, memory (management manual 5; 3.1 `ulimit-n`, 3.2 `maxconn`).

A connection needs two descriptors, one on each side; on top come listeners, health checks and what the process itself
holds. Either maxconn is given and the descriptors follow, or the descriptors are and maxconn follows.
"""

import resource
from dataclasses import dataclass, replace
from typing import Final

OWN_DESCRIPTORS: Final = 17  # standard streams, epoll, loop, signals, logs, a rest for files: as HAProxy reckons
DEFAULT_MOST: Final = 1_048_576  # fd-hard-limit, where it is not set (manual 3.1)
MEMORY_PER_CONNECTION: Final = 33_000  # bytes, two buffers and some data (manual 4.2 `maxconn`)
MEMORY_PER_TLS: Final = 60_000  # bytes of a side that speaks TLS, while it shakes hands; 17,300 behind that
INFINITE: Final = resource.RLIM_INFINITY


class LimitError(Exception):
    """A limit could not be set."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for; 0: nothing."""

    maxconn: int = 0
    descriptors: int = 0  # ulimit-n
    most: int = 0  # fd-hard-limit
    memory: int = 0  # -m: MB
    tls: int = 0  # maxsslconn
    tls_sides: int = 0  # of a connection that may speak TLS: the client's, the server's
    reserve: int = OWN_DESCRIPTORS  # descriptors that no connection may have


@dataclass(frozen=True, slots=True)
class Limits:
    maxconn: int
    descriptors: int
    tls: int = 0  # maxsslconn; 0: no limit of its own


def with_reserve(wanted: Wanted, more: int) -> Wanted:
    """With so many descriptors more set aside."""
    return replace(wanted, reserve=wanted.reserve + more)


def with_tls(wanted: Wanted, limit: int, sides: int) -> Wanted:
    """With what is said and done about TLS."""
    return replace(wanted, tls=limit, tls_sides=sides)


def compute(wanted: Wanted, soft: int, hard: int) -> Limits:
    """How many connections and descriptors the process shall have, with these limits of RLIMIT_NOFILE at hand."""
    maxconn = wanted.maxconn
    if not maxconn:
        ceiling = wanted.most or DEFAULT_MOST
        at_hand = ceiling if INFINITE in (soft, hard) else min(max(soft, hard), ceiling)
        maxconn = max(1, ((wanted.descriptors or at_hand) - wanted.reserve) // 2)
        if wanted.memory:
            maxconn = max(1, min(maxconn, _within_memory(wanted)))
    tls = wanted.tls
    if not tls and wanted.memory and wanted.tls_sides:
        left = (wanted.memory << 20) - maxconn * MEMORY_PER_CONNECTION
        tls = max(wanted.tls_sides, min(maxconn * wanted.tls_sides, left // MEMORY_PER_TLS))
    return Limits(maxconn, wanted.descriptors or maxconn * 2 + wanted.reserve, tls)


def _within_memory(wanted: Wanted) -> int:
    """How many connections -m allows: all of them may speak TLS, unless maxsslconn says how many (manual 3.2)."""
    size = wanted.memory << 20
    if wanted.tls:
        return (size - wanted.tls * MEMORY_PER_TLS) // MEMORY_PER_CONNECTION
    return size // (MEMORY_PER_CONNECTION + wanted.tls_sides * MEMORY_PER_TLS)


def apply(limits: Limits, strict: bool) -> list[str]:
    """Give the process its descriptors. Returns warnings; with `strict` (strict-limits) raises LimitError instead."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    need = limits.descriptors
    if soft != INFINITE and soft < need:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (need, hard if hard == INFINITE else max(hard, need)))
            return []
        except (OSError, ValueError):
            pass
        problem = f"[pointsman.main()] Cannot raise FD limit to {need}, limit is {hard}."
        if strict:
            raise LimitError(problem)
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return [
            problem,
            f"[pointsman.main()] FD limit ({hard}) too low for maxconn={limits.maxconn}/maxsock={need}. "
            f"Please raise 'ulimit-n' to {need} or more to avoid any trouble.",
        ]
    return []


def apply_memory(megabytes: int) -> None:
    """-m: bound what may be allocated for data. Raises LimitError."""
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    except (OSError, ValueError) as error:
        raise LimitError(f"[pointsman.main()] Cannot fix MEM limit to {megabytes} megs ({error}).") from None
