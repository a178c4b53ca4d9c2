"""`option redis-check`: a PING, and the server is well that says PONG (manual 4.2).

A server that says something else is waited for until the time is up, because its PONG may still come; what it said is
the reason only where it closes.
"""

from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply, first_line
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

PING: Final = b"*1\r\n$4\r\nPING\r\n"
PONG: Final = b"+PONG\r\n"


def judge_pong(data: bytes, ended: bool) -> Result | None:
    if PONG in data:
        return Result("L7OK", 0, "Redis server is ok")
    return Result("L7STS", 0, first_line(data)) if ended else None


STEPS: Final[tuple[CheckStep, ...]] = (Connect(), SendData(data=CheckText(PING)), ExpectReply(judge=judge_pong))


@keyword("option redis-check", In.DEFAULTS | In.BACK, "4.2")
def option_redis_check(args: Args) -> CheckKind:
    """option redis-check: checks see whether the server answers a PING of Redis."""
    args.end()
    return CheckKind(kind=FIXED, steps=STEPS, at=args.at)
