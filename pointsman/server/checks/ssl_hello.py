"""`option ssl-hello-chk`: a hello of SSLv3 is sent, and whoever answers with a record of a handshake or an alert speaks
SSL (manual 4.2). No library is asked: the hello is made here."""

import os
import time
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.sample.context import Context
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

VERSION: Final = b"\x03\x00"
ALERT: Final = 0x15  # kinds of records (RFC 6101 5.2.1)
HANDSHAKE: Final = 0x16
HEADER: Final = 5  # bytes of a record's header
# What SSLv3 may choose from (RFC 6101 A.6, RFC 3268): RSA and DHE with AES, 3DES, RC4, then what only old servers know.
SUITES: Final = bytes.fromhex("0035 0039 0038 002f 0033 0032 000a 0016 0013 0005 0004 0009 0015 0012 0003 0008 0006")


def client_hello(seconds: int, noise: bytes) -> bytes:
    """The record of a hello with 28 random bytes (RFC 6101 5.6.1.2)."""
    body = VERSION + seconds.to_bytes(4, "big") + noise + b"\0" + len(SUITES).to_bytes(2, "big") + SUITES + b"\1\0"
    message = b"\1" + len(body).to_bytes(3, "big") + body
    return bytes((HANDSHAKE,)) + VERSION + len(message).to_bytes(2, "big") + message


class Hello(CheckText):
    """Another one for each check."""

    def render(self, context: Context) -> bytes:
        return client_hello(int(time.time()) & 0xFFFFFFFF, os.urandom(28))


def judge_hello(data: bytes, ended: bool) -> Result | None:
    """None: more has to come."""
    if len(data) < HEADER and not ended:
        return None
    if not data:
        return Result("L6RSP", 0, "TCPCHK got an empty response at step 2")
    return Result("L6OK" if data[0] in (ALERT, HANDSHAKE) else "L6RSP")


STEPS: Final[tuple[CheckStep, ...]] = (
    Connect(),
    SendData(data=Hello()),
    ExpectReply(judge=judge_hello, timeout_status="L6TOUT"),
)


@keyword("option ssl-hello-chk", In.DEFAULTS | In.BACK, "4.2")
def option_ssl_hello_chk(args: Args) -> CheckKind:
    """option ssl-hello-chk: checks see whether the server answers a hello of SSLv3."""
    args.end()
    return CheckKind(kind=FIXED, steps=STEPS, at=args.at)
