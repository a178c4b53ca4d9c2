"""`option smtpchk`: the server is well that greets, takes HELO or EHLO and says goodbye, each with a 2xx (manual 4.2;
RFC 5321 4.2)."""

import re
from typing import Final

from pointsman.config.keyword import Args, keyword
from pointsman.config.setting import In
from pointsman.sample.arguments import encode
from pointsman.server.checks.plan import FIXED, CheckKind
from pointsman.server.checks.reply import ExpectReply, first_line
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import CheckStep, CheckText, Connect, SendData

REPLY: Final = re.compile(rb"[0-9]{3}[ \r]")
GOOD: Final = re.compile(rb"2[0-9]{2}[ \r]")
GOOD_LINES: Final = re.compile(rb"(?:2[0-9]{2}-[^\r]*\r\n)*2[0-9]{2}[ \r]")  # a reply of more than one line
GOOD_FIRST: Final = re.compile(rb"2[0-9]{2}[- \r]")
LEAST: Final = 4  # bytes that say what a reply is


def _code(data: bytes) -> int:
    """The code of a reply; 0: there is none."""
    found = re.match(rb"[+-]?[0-9]+", data[:3]) if len(data) >= 3 else None
    return int(found[0]) if found else 0


def _text(data: bytes) -> str:
    """What stands behind the code."""
    return first_line(data[LEAST:].lstrip(b" "))


def _refused(data: bytes) -> Result:
    return Result("L7STS", _code(data), _text(data))


def judge_greeting(data: bytes, ended: bool) -> Result | None:
    """One line."""
    if not ended and len(data) < LEAST:
        return None
    if not REPLY.match(data):
        return Result("L7RSP", 0, first_line(data))
    return Result("L7OK") if GOOD.match(data) else _refused(data)


def judge_hello(data: bytes, ended: bool) -> Result | None:
    """One line or more: the last of them has no hyphen behind its code."""
    if GOOD_LINES.match(data):
        return Result("L7OK")
    return _refused(data) if ended else None


def judge_goodbye(data: bytes, ended: bool) -> Result | None:
    if not ended and len(data) < LEAST:
        return None
    return Result("L7OK", _code(data), _text(data)) if GOOD_FIRST.match(data) else _refused(data)


def steps(hello: bytes) -> tuple[CheckStep, ...]:
    return (
        Connect(linger=True),
        ExpectReply(judge=judge_greeting),
        SendData(data=CheckText(hello + b"\r\n")),
        ExpectReply(judge=judge_hello),
        SendData(data=CheckText(b"QUIT\r\n")),
        ExpectReply(judge=judge_goodbye),
    )


@keyword("option smtpchk", In.DEFAULTS | In.BACK, "4.2")
def option_smtpchk(args: Args) -> CheckKind:
    """option smtpchk [<hello> <domain>]: checks see whether the server greets and is greeted in SMTP."""
    hello = b"HELO localhost"
    if args.more():
        word = args.word("<hello>")
        domain = args.take("<domain>") if args.more() else ""
        if word.text in ("HELO", "EHLO") and domain:
            hello = f"{word.text} ".encode() + encode(domain)
        else:
            args.diagnostics.warning(
                f"'{args.keyword}' : '{word.text}' is not HELO or EHLO with a domain behind it: checks say "
                "'HELO localhost'.",
                word.at,
                "HELO <domain> or EHLO <domain>",
            )
    args.end()
    return CheckKind(kind=FIXED, steps=steps(hello), at=args.at)
