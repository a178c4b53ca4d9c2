"""`option spop-check`: HAPROXY-HELLO, and the agent is well that answers with AGENT-HELLO (manual 4.2; HAProxy's
doc/SPOE.txt, 3.2).

A frame is four bytes of length, its type, flags, the numbers of a stream and of a frame, and named values.
"""

import re
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply, empty
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

HAPROXY_HELLO: Final = 1  # types of frames
AGENT_HELLO: Final = 101
AGENT_DISCONNECT: Final = 102
WHOLE: Final = b"\0\0\0\1\0\0"  # flags: the last piece of a message; no stream, no frame
HEADER: Final = 11  # bytes in front of the values
LENGTH: Final = 4  # of which are the length
LEAST_FRAME: Final = 256  # what an agent must be able to take
MOST_FRAME: Final = 16_380  # tune.bufsize without the length
STRING: Final = 8  # types of values; the upper four bits of the byte are flags
INTEGERS: Final = (2, 3, 4, 5)
SIZES: Final = {0: 0, 1: 0, 6: 4, 7: 16}  # null, bool, IPv4, IPv6
VERSION: Final = re.compile(rb"[ \t]*([0-9]+)\.([0-9]+)[ \t]*")
NAMES: Final = (b"version", b"max-frame-size", b"capabilities")  # what a hello must have
WRONG: Final = Result("L7RSP", 0, "invalid frame received")


def _varint(number: int) -> bytes:
    """A number as SPOP writes it: up to 239 in one byte."""
    if number < 240:
        return bytes((number,))
    encoded = bytearray((number & 0xFF | 240,))
    number = (number - 240) >> 4
    while number >= 128:
        encoded.append(number & 0xFF | 128)
        number = (number - 128) >> 7
    encoded.append(number)
    return bytes(encoded)


def _text(data: bytes) -> bytes:
    return _varint(len(data)) + data


def hello() -> bytes:
    """What a check says; "healthcheck" tells the agent that nothing follows."""
    values = (
        _text(b"supported-versions")
        + bytes((STRING,))
        + _text(b"2.0")
        + _text(b"max-frame-size")
        + b"\3"
        + _varint(MOST_FRAME)
        + _text(b"capabilities")
        + bytes((STRING,))
        + _text(b"")
        + _text(b"healthcheck")
        + b"\x11"  # true
    )
    frame = bytes((HAPROXY_HELLO,)) + WHOLE + values
    return len(frame).to_bytes(4, "big") + frame


class Values:
    """The named values of a frame, one after the other. Every reading raises ValueError where a frame is broken."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.place = 0

    def more(self) -> bool:
        return self.place < len(self.data)

    def take(self, size: int) -> bytes:
        if self.place + size > len(self.data):
            raise ValueError("the frame is too short")
        self.place += size
        return self.data[self.place - size : self.place]

    def number(self) -> int:
        value = self.take(1)[0]
        if value < 240:
            return value
        for shift in range(4, 64, 7):
            byte = self.take(1)[0]
            value += byte << shift
            if byte < 128:
                return value
        raise ValueError("a number of more than 64 bits")

    def text(self) -> bytes:
        return self.take(self.number())

    def value(self) -> tuple[int, int | bytes]:
        """Its type and what it is."""
        kind = self.take(1)[0] & 0x0F
        if kind in INTEGERS:
            return kind, self.number()
        if kind in SIZES:
            return kind, self.take(SIZES[kind])
        if kind in (STRING, STRING + 1):
            return kind, self.text()
        raise ValueError("an unknown type of a value")


def judge_hello(data: bytes, ended: bool) -> Result | None:
    if len(data) < HEADER:
        if not ended:
            return None
        return WRONG if data else empty(3)
    if data[LENGTH] not in (AGENT_HELLO, AGENT_DISCONNECT) or data[LENGTH + 1 : HEADER] != WHOLE:
        return WRONG
    if len(data) < LENGTH + int.from_bytes(data[:LENGTH], "big"):
        return WRONG if ended else None
    try:
        return _judge_values(Values(data[HEADER:]))
    except ValueError:
        return WRONG


def _judge_values(values: Values) -> Result:
    known: set[bytes] = set()
    while values.more():
        name = values.text()
        if not name:
            return WRONG
        kind, value = values.value()
        if name in NAMES:
            wrong = _judge_value(name, kind, value)
            if wrong is not None:
                return wrong
            known.add(name)
    for name in NAMES:
        if name not in known:
            return Result("L7RSP", 0, f"{name.decode()} value not found")
    return Result("L7OK")


def _judge_value(name: bytes, kind: int, value: int | bytes) -> Result | None:
    """What is wrong with one of the three that a hello must have."""
    if isinstance(value, int):
        if name != b"max-frame-size":
            return WRONG
        if not LEAST_FRAME <= value <= MOST_FRAME:
            return Result("L7RSP", 0, "max-frame-size too big or too small")
        return None
    if kind != STRING or name == b"max-frame-size":
        return WRONG
    if name == b"version":
        found = VERSION.fullmatch(value)
        if found is None:
            return WRONG
        if (int(found[1]), int(found[2])) != (2, 0):
            return Result("L7RSP", 0, "unsupported version")
    return None


STEPS: Final[tuple[CheckStep, ...]] = (Connect(), SendData(data=CheckText(hello())), ExpectReply(judge=judge_hello))


@keyword("option spop-check", In.DEFAULTS | In.BACK, "4.2")
def option_spop_check(args: Args) -> CheckKind:
    """option spop-check: checks greet an agent of SPOP."""
    args.end()
    return CheckKind(kind=FIXED, steps=STEPS, at=args.at)
