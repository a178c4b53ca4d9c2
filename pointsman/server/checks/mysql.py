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


def _wrong(data: bytes) -> Result | None:
    """What an ERR packet says: a code and a text, which may begin with "#" and the SQL state; None: it is another."""
    if data[HEADER : HEADER + 1] != b"\xff":
        return None
    return Result("L7STS", int.from_bytes(data[HEADER + 1 : HEADER + 3], "little"), shown(data[HEADER + 3 :]))


def _judge(data: bytes, ended: bool, step: int, packets: int) -> Result | None:
    if ended and not data:
        return empty(step)
    for _ in range(packets):
        whole = HEADER + int.from_bytes(data[:3], "little")
        if len(data) < whole:
            return Result("L7RSP") if ended else None
        wrong = _wrong(data)
        if wrong is not None:
            return wrong
        data = data[whole:]
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
