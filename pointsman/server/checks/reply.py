"""What the checks of protocols have in common: a step that waits for a reply and judges it, and text out of replies.

A judge is a function of what has come since the last thing was sent and of whether more can come (the server may have
closed, or tune.bufsize be full). It answers None for "not yet", and does no I/O.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import Expect

LONGEST: Final = 127  # bytes of a reply that logs and statistics show

Judge = Callable[[bytes, bool], Result | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectReply(Expect):
    """Wait for what a judge accepts or refuses."""

    judge: Judge


def shown(data: bytes) -> str:
    """What a server says, as far as it is shown: up to a NUL, and not too much of it."""
    return data.partition(b"\0")[0][:LONGEST].decode("latin-1")


def first_line(data: bytes) -> str:
    """What stands before the first end of a line."""
    return shown(data.partition(b"\n")[0].partition(b"\r")[0])


def empty(step: int) -> Result:
    """The server has closed and said nothing; `step` counts all steps from 1."""
    return Result("L7RSP", 0, f"TCPCHK got an empty response at step {step}")
