"""`option mysql-check`: the server is well that greets and, where the line names a user, lets it in without a password
(manual 4.2; MySQL's documentation, "Connection Phase").

A packet is three bytes of length, least significant first, a number, and what it says.
"""

from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.arguments import encode
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply, empty, shown
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

HEADER: Final = 4  # bytes in front of a packet
QUIT: Final = b"\1\0\0\0\1"  # COM_QUIT, as a packet
PROTOCOL_41: Final = 0x200  # what the client can do
SECURE_CONNECTION: Final = 0x8000
PLUGIN_AUTH: Final = 0x80000
BIGGEST: Final = b"\0\x80\0\1"  # the longest packet that the client would take
UTF8: Final = b"\x21"
PLUGIN: Final = b"mysql_native_password\0"
FORMS: Final = ("post-41", "pre-41", "post-80")


def login(user: bytes, form: str) -> bytes:
    """A handshake response without a password, and goodbye."""
    if form == "pre-41":
        body = SECURE_CONNECTION.to_bytes(2, "little") + b"\0\0\1" + user + b"\0\0"
    else:
        able = SECURE_CONNECTION | PROTOCOL_41 | (PLUGIN_AUTH if form == "post-80" else 0)
        body = able.to_bytes(4, "little") + BIGGEST + UTF8 + bytes(23) + user + b"\0\0"
        if form == "post-80":
            body += PLUGIN
    return len(body).to_bytes(3, "little") + b"\1" + body + QUIT


def _packet(data: bytes) -> tuple[Result | None, bytes] | None:
    """The first packet: what is wrong, and what stands behind it. None: it is not whole."""
    length = int.from_bytes(data[:3], "little")
    if len(data) < HEADER + length or len(data) < HEADER:
        return None
    packet, rest = data[HEADER : HEADER + length], data[HEADER + length :]
    if packet[:1] == b"\xff":
        return Result("L7STS", int.from_bytes(packet[1:3], "little"), shown(packet[3:])), rest
    return None, rest


def _judge(data: bytes, ended: bool, step: int, packets: int) -> Result | None:
    if ended and not data:
        return empty(step)
    for _ in range(packets):
        found = _packet(data)
        if found is None:
            return Result("L7RSP") if ended else None
        wrong, data = found
        if wrong is not None:
            return wrong
    return Result("L7OK")


def judge_greeting(data: bytes, ended: bool) -> Result | None:
    return _judge(data, ended, 2, 1)


def judge_login(data: bytes, ended: bool) -> Result | None:
    """The greeting is still there: nothing was sent since."""
    return _judge(data, ended, 3, 2)


def steps(user: bytes, form: str) -> tuple[CheckStep, ...]:
    if not user:
        return (Connect(linger=True), ExpectReply(judge=judge_greeting))
    return (Connect(linger=True), SendData(data=CheckText(login(user, form))), ExpectReply(judge=judge_login))


@keyword("option mysql-check", In.DEFAULTS | In.BACK, "4.2")
def option_mysql_check(args: Args) -> CheckKind:
    """option mysql-check [user <username> [post-41|pre-41|post-80]]: checks log into a MySQL server."""
    user, form = b"", FORMS[0]
    if args.more():
        word = args.word("user")
        if word.text != "user":
            raise ConfigError(
                f"'{args.keyword}' only supports optional values: 'user' (got '{word.text}').", word.at, "user"
            )
        if not args.peek():
            raise ConfigError(f"'{args.keyword} user' expects <username> as argument.", args.here, "<username>")
        user = encode(args.take("<username>"))
    if args.more():
        word = args.word("<form>")
        if word.text not in FORMS:
            raise args.wrong(
                word, f"keyword 'user' only supports 'post-41', 'pre-41' and 'post-80' (got '{word.text}').", FORMS
            )
        form = word.text
    args.end()
    return CheckKind(kind=FIXED, steps=steps(user, form), at=args.at)
