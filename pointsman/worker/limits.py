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
    reserve: int = OWN_DESCRIPTORS  # descriptors that no connection may have


@dataclass(frozen=True, slots=True)
class Limits:
    maxconn: int
    descriptors: int


def with_reserve(wanted: Wanted, more: int) -> Wanted:
    """With so many descriptors more set aside."""
    return replace(wanted, reserve=wanted.reserve + more)


def compute(wanted: Wanted, soft: int, hard: int) -> Limits:
    """How many connections and descriptors the process shall have, with these limits of RLIMIT_NOFILE at hand."""
    maxconn = wanted.maxconn
    if not maxconn:
        ceiling = wanted.most or DEFAULT_MOST
        at_hand = ceiling if INFINITE in (soft, hard) else min(max(soft, hard), ceiling)
        maxconn = max(1, ((wanted.descriptors or at_hand) - wanted.reserve) // 2)
        if wanted.memory:
            maxconn = max(1, min(maxconn, (wanted.memory << 20) // MEMORY_PER_CONNECTION))
    return Limits(maxconn, wanted.descriptors or maxconn * 2 + wanted.reserve)


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
