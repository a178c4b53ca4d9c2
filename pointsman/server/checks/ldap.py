"""`option ldap-check`: an anonymous bind of LDAPv3, and the server is well that accepts it (manual 4.2; RFC 4511 4.2).

Of BER only so much is read as a bind response has: servers write lengths short (one byte) or long (0x8n and n bytes).
"""

from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

# LDAPMessage { messageID 1, bindRequest { version 3, name "", authentication simple "" } }
BIND: Final = bytes.fromhex("30 0c 020101 60 07 020103 0400 8000")
RESPONSE: Final = b"\2\1\1\x61"  # messageID 1, and the tag of a bindResponse
RESULT_CODE: Final = b"\n\1"  # an enumeration of one byte
SHORTEST: Final = 14  # bytes of a bindResponse with nothing but a code
LONG: Final = 0x80
OTHER: Final = Result("L7RSP", 0, "Not LDAPv3 protocol")
REFUSED: Final = "See RFC: http://tools.ietf.org/html/rfc4511#section-4.1.9"  # HAProxy's words


def judge_bind(data: bytes, ended: bool) -> Result | None:
    """The result code is what counts."""
    if not ended and len(data) < SHORTEST:
        return None
    if data[:1] != b"\x30":
        return OTHER
    if len(data) < SHORTEST:
        return Result("L7RSP")
    length, start = data[1], 2
    if length & LONG:
        if length & ~LONG not in (2, 4):
            return OTHER
        start += length & ~LONG
        length = int.from_bytes(data[2:start], "big")
    if len(data) < start + length:
        return Result("L7RSP") if ended else None
    return _bind_response(data[start:])


def _bind_response(data: bytes) -> Result:
    if not data.startswith(RESPONSE) or len(data) <= len(RESPONSE):
        return OTHER
    place = len(RESPONSE) + 1
    if data[len(RESPONSE)] & LONG:
        place += data[len(RESPONSE)] & ~LONG
    if data[place : place + 2] != RESULT_CODE or len(data) < place + 3:
        return OTHER
    code = int.from_bytes(data[place + 2 : place + 3], "big", signed=True)
    return Result("L7STS", code, REFUSED) if code else Result("L7OK")


STEPS: Final[tuple[CheckStep, ...]] = (Connect(), SendData(data=CheckText(BIND)), ExpectReply(judge=judge_bind))


@keyword("option ldap-check", In.DEFAULTS | In.BACK, "4.2")
def option_ldap_check(args: Args) -> CheckKind:
    """option ldap-check: checks see whether the server lets nobody in particular bind by LDAPv3."""
    args.end()
    return CheckKind(kind=FIXED, steps=STEPS, at=args.at)
