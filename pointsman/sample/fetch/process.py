"""How long the process serves, and whether it stops (manual 7.3.2)."""

import time

from pointsman.sample.context import Context
from pointsman.sample.registry import fetch
from pointsman.sample.types import Reads, Type, Where


@fetch("uptime", Type.SINT, Where.EVERYWHERE, Reads.MOVING, "7.3.2")
def uptime(ctx: Context) -> int | None:
    """Seconds since this generation has read its configuration. No sample before it serves."""
    names = ctx.frontend.names
    if names is None or names.facts is None:
        return None
    now = ctx.now or time.monotonic_ns() // 1_000_000
    return (now - names.facts.started) // 1000


@fetch("stopping", Type.BOOL, Where.RUNNING, Reads.MOVING, "7.3.2")
def stopping(ctx: Context) -> bool:
    """Whether the process is in a soft stop."""
    return is_stopping(ctx)


def is_stopping(ctx: Context) -> bool:
    names = ctx.frontend.names
    return names is not None and names.facts is not None and names.facts.stopping
