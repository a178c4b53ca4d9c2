"""How an exchange has ended, as logs and expressions tell errors from what is normal (manual 8.3.3)."""

from typing import Final

from pointsman.sample.context import Context

NONE: Final = 0x2D  # "-": no cause of termination but the ordinary one
LOCAL: Final = 0x4C  # "L": the proxy answered by itself


def failed(ctx: Context) -> bool:
    """Something went wrong: the line is an error's (manual 8.3.3)."""
    record = ctx.record
    if record.cause not in (NONE, LOCAL):
        return True
    if record.retries or record.redispatched:
        return True
    return ctx.frontend.http and record.status >= 500
