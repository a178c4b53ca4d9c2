"""What the checks of a backend want to hear, worked out from their steps: a script for the stand-ins of its servers.

A script has a part for each connection of a check, and a part is a list of steps [what, text] as checked.py plays them:

    ["wait", number]      so many bytes are received first
    ["request", uri]      one HTTP request is
    ["say", text]         this is written; bytes travel as the characters of latin-1

`Unanswerable` says which step nothing can be made for: then these checks are turned off.
"""

import re
from collections.abc import Sequence
from typing import Final

from pointsman.core.regex import Regex
from pointsman.server.checks.plan import CheckPlan
from pointsman.server.checks.steps import (
    BINARY,
    FHDR,
    HDR,
    RBINARY,
    RSTATUS,
    RSTRING,
    STATUS,
    STRING,
    CheckStep,
    CheckText,
    Connect,
    Expect,
    Match,
    SendData,
    SendRequest,
)

PROTOCOLS: Final = ("mysql", "pgsql", "redis", "smtp", "ldap", "ssl_hello", "spop")  # modules of server/checks
Part = list[list[str]]
CATEGORIES: Final = {  # characters of each, the first one is taken; of the inverse ones some
    "CATEGORY_DIGIT": "0123456789",
    "CATEGORY_SPACE": " \t\r\n\f\v",
    "CATEGORY_NOT_DIGIT": "a-",
    "CATEGORY_NOT_SPACE": "a1",
    "CATEGORY_NOT_WORD": " -",
}
STATUSES: Final[tuple[int, ...]] = (200, 204, 301, 302, 400, 401, 403, 404, 500, 503, *range(100, 600))


class Unanswerable(Exception):
    """No answer is known for a step of a check."""


def protocol_of(plan: CheckPlan) -> str:
    """The name of the protocol whose check this is: http, tcp, or one of PROTOCOLS."""
    if plan.http:
        return "http"
    for step in plan.steps:
        for part in (type(step), getattr(step, "judge", None)):
            module = str(getattr(part, "__module__", "")).rpartition(".")[2]
            if module in PROTOCOLS:
                return module
    return "tcp"


def script_of(plan: CheckPlan) -> list[Part]:
    """The script of HTTP and TCP checks. Raises Unanswerable."""
    parts: list[Part] = []
    expects: list[Expect] = []
    for step in plan.steps:
        if isinstance(step, Connect):
            _answer(parts, expects, plan.http)
            parts.append([])
        elif isinstance(step, SendRequest):
            _answer(parts, expects, plan.http)
            parts[-1].append(["request", _constant(step.uri).decode("latin-1") if step.uri is not None else "/"])
        elif isinstance(step, SendData):
            _answer(parts, expects, plan.http)
            size = len(step.data.constant) if step.data.form is None else 1
            parts[-1].append(["wait", str(size)])
        elif isinstance(step, Expect):
            expects.append(step)
        else:
            _silent(step)
    _answer(parts, expects, plan.http)
    return parts


def _silent(step: CheckStep) -> None:
    """Steps that neither send nor expect."""
    if type(step).__name__ == "ExpectReply":
        raise Unanswerable("it expects what is not known here")


def _answer(parts: list[Part], expects: list[Expect], http: bool) -> None:
    """What satisfies all expects since the last step that sent something."""
    if not expects:
        return
    text = _response(expects) if http else b"".join(_text(one) for one in expects)
    parts[-1].append(["say", text.decode("latin-1")])
    expects.clear()


def _constant(text: CheckText) -> bytes:
    if text.form is not None:
        raise Unanswerable("its text is only known when the check runs")
    return text.constant


def _response(expects: Sequence[Expect]) -> bytes:
    status, body, fields = 200, b"OK\n", b""
    for one in expects:
        if one.kind in (STATUS, RSTATUS):
            status = _status(one)
        elif one.kind in (HDR, FHDR) and not one.inverse:
            assert one.name is not None
            value = _matched(one.value) if one.value is not None else b"here"
            fields += b"%b: %b\r\n" % (_matched(one.name), value)
        elif one.kind in (STRING, RSTRING) and not one.inverse:
            body += _text(one) + b"\n"
    for one in expects:
        if one.inverse and one.kind == STRING and _constant(one.text or CheckText()) in body:
            body = b"fine\n" if b"fine" not in _constant(one.text or CheckText()) else b".\n"
    if status < 200 or status in (204, 304):
        body = b""
    return b"HTTP/1.1 %d Checked\r\n%bContent-Length: %d\r\n\r\n%b" % (status, fields, len(body), body)


def _status(expect: Expect) -> int:
    """A status that it takes."""
    for code in STATUSES:
        if expect.regex is not None:
            found = expect.regex.test(b"%d" % code)
        else:
            found = any([low <= code <= high for low, high in expect.ranges])
        if found != expect.inverse and code >= 200:
            return code
    raise Unanswerable("no status is what it expects")


def _matched(match: Match) -> bytes:
    if match.regex is not None:
        return _matching(match.regex)
    return _constant(match.text)


def _text(expect: Expect) -> bytes:
    """Bytes of a TCP reply, or of a body, that it takes."""
    if expect.inverse:
        unwanted = _constant(expect.text) if expect.text is not None else b""
        text = b"OK\r\n" if unwanted not in b"OK\r\n" or not unwanted else b"...\r\n"
        if expect.regex is not None and expect.regex.test(text):
            raise Unanswerable(f"'{expect.regex.pattern.decode('latin-1')}' must not match")
    elif expect.kind in (STRING, BINARY):
        text = _constant(expect.text or CheckText())
    elif expect.kind == RBINARY:
        assert expect.regex is not None
        text = _hexadecimal(expect.regex)
    else:
        assert expect.regex is not None
        text = _matching(expect.regex)
    return text + b"\0" * (expect.min_recv - len(text))


def _hexadecimal(regex: Regex) -> bytes:
    digits = _matching(regex)
    if len(digits) % 2 or not re.fullmatch(rb"[0-9A-Fa-f]*", digits):
        raise Unanswerable(f"'{regex.pattern.decode('latin-1')}' is of hexadecimal digits")
    return bytes.fromhex(digits.decode())


def _matching(regex: Regex) -> bytes:
    """A text that an expression matches: the shortest that its own shape gives, looked at by itself."""
    try:
        from re import _parser  # type: ignore[attr-defined]  # noqa: PLC0415

        text = _shape(_parser.parse(regex.pattern.decode("latin-1"))).encode("latin-1")
    except (ImportError, re.error, ValueError, OverflowError, RecursionError):
        text = b""
    if not regex.test(text):
        raise Unanswerable(f"no text is known that '{regex.pattern.decode('latin-1')}' matches")
    return text


def _shape(tree: "object") -> str:
    """One text of a parsed expression. ValueError: it has something that is not understood here."""
    made = ""
    for operation, value in tree:  # type: ignore[attr-defined]
        name = str(operation)
        if name == "LITERAL":
            made += chr(value)
        elif name == "ANY":
            made += "x"
        elif name in ("MAX_REPEAT", "MIN_REPEAT", "POSSESSIVE_REPEAT"):
            made += _shape(value[2]) * int(value[0])
        elif name == "SUBPATTERN":
            made += _shape(value[-1])
        elif name == "BRANCH":
            made += _shape(value[1][0])
        elif name == "IN":
            made += _member(value)
        elif name == "NOT_LITERAL":
            made += "x" if value != ord("x") else "y"
        elif name not in ("AT", "ASSERT_NOT"):
            raise ValueError(name)
    return made


def _member(choices: "object") -> str:
    """A character of a set."""
    tried = "".join(chr(code) for code in range(48, 123)) + " -._/\t"
    source = ""
    inverse = False
    for operation, value in choices:  # type: ignore[attr-defined]
        name = str(operation)
        if name == "NEGATE":
            inverse = True
        elif name == "LITERAL":
            source += chr(value)
        elif name == "RANGE":
            source += "".join(chr(code) for code in range(value[0], min(value[1], value[0] + 255) + 1))
        else:
            source += CATEGORIES.get(str(value), "a1_")
    if not inverse:
        return source[0]
    for char in tried:
        if char not in source:
            return char
    raise ValueError("an empty set")
