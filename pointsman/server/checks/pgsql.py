"""`option pgsql-check`: a start-up message, and the server is well that asks for a password or needs none (manual 4.2;
PostgreSQL's documentation, "Message Formats")."""

import re
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import encode
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply, shown
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

VERSION: Final = b"\0\3\0\0"  # 3.0
# AuthenticationOk and its kin, but no continuation of an exchange (8, 11, 12).
AUTHENTICATION: Final = re.compile(rb"R\0\0\0.\0\0\0[\0\2-\7\t\n]", re.DOTALL)
ERROR_HEADER: Final = 5  # bytes in front of an ErrorResponse's fields
HEADER: Final = 9  # bytes in front of what an authentication request adds


def startup(user: bytes) -> bytes:
    """StartupMessage: length, version, "user" and the name, and an end of the list."""
    body = VERSION + b"user\0" + user + b"\0\0"
    return (len(body) + 4).to_bytes(4, "big") + body


def judge_authentication(data: bytes, ended: bool) -> Result | None:
    """An ErrorResponse's first field, which is how severe it is, is its reason."""
    if data[:1] == b"E" and (ended or len(data) >= ERROR_HEADER):
        return Result("L7RSP", 0, shown(data[ERROR_HEADER + 1 :]))
    if not ended and len(data) < HEADER:
        return None
    if AUTHENTICATION.match(data):
        return Result("L7OK", 0, "PostgreSQL server is ok")
    return Result("L7STS", 0, "PostgreSQL unknown error")


@keyword("option pgsql-check", In.DEFAULTS | In.BACK, "4.2")
def option_pgsql_check(args: Args) -> CheckKind:
    """option pgsql-check user <username>: checks see whether a PostgreSQL server would let that user log in."""
    at = args.here
    if not args.accept("user") or not args.more():
        raise ConfigError(f"'{args.keyword}' expects 'user <username>' as argument.", at, "user <username>")
    user = encode(args.take("<username>"))
    args.end()
    steps: tuple[CheckStep, ...] = (
        Connect(linger=True),
        SendData(data=CheckText(startup(user))),
        ExpectReply(judge=judge_authentication),
    )
    return CheckKind(kind=FIXED, steps=steps, at=args.at)
