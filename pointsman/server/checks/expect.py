"""Judging what a server said: does it satisfy an `expect` (manual 4.2 http-check expect, tcp-check expect)? No I/O.

A judge answers None for "not yet": more bytes are needed. What is found decides at once; what is not found decides when
nothing more can come, or when min-recv says so. The words of the answers are the program's.
"""

from typing import Final

from pointsman.sample.context import Context
from pointsman.sample.types import Type
from pointsman.server.checks.http_response import CheckResponse
from pointsman.server.checks.status import Result
from pointsman.server.checks.steps import (
    BINARY,
    FHDR,
    HDR,
    HEAD_KINDS,
    RBINARY,
    RSTATUS,
    RSTRING,
    STATUS,
    STRING,
    Expect,
)

LABELS: Final = {RSTRING: "regex", RBINARY: "binary regex"}
HEADS: Final = {STATUS: "(status codes)", RSTATUS: " (regex)", HDR: " (header pattern)", FHDR: " (header pattern)"}
UNWANTED: Final = {BINARY: "(binary)", RSTRING: "(regex)", RBINARY: "(binary regex)"}


def label(expect: Expect, context: Context) -> str:
    """As timeouts name it: "expect string '+PONG'"."""
    if expect.kind in (STRING, BINARY):
        return f"expect {expect.kind} '{_shown(expect, context)}'"
    return f"expect {LABELS.get(expect.kind, expect.kind)}"


def _shown(expect: Expect, context: Context) -> str:
    return "" if expect.text is None else expect.text.render(context).decode("latin-1")


def judge_data(expect: Expect, data: bytes, ended: bool, context: Context) -> Result | None:
    """The result of a tcp-check's step: `data` is what has come, `ended` that nothing more will."""
    if not data:
        if not ended:
            return None
        info = f"TCPCHK got an empty response at step {expect.number}"
        if expect.comment and expect.on_error is None:
            return _failure(expect, f"{info} comment: '{expect.comment}'", context, remark="")
        return _failure(expect, info, context)
    wanted = expect.text.render(context) if expect.text is not None else b""
    if expect.text is not None and not wanted:
        return _unusable(expect)
    # An exact string cannot be found in less than it is long.
    if not ended and len(data) < max(expect.min_recv, len(wanted)):
        return None
    if expect.kind in (STRING, BINARY):
        found = wanted in data
    else:
        assert expect.regex is not None
        found = expect.regex.test(data.hex().encode() if expect.kind == RBINARY else data)
    if not found and not ended and expect.min_recv < 0:
        return None
    if found != expect.inverse:
        return _success(expect, 0, "", context)
    what = UNWANTED.get(expect.kind) or f"'{_shown(expect, context)}'"
    verb = "TCPCHK matched unwanted content" if found else "TCPCHK did not match content"
    return _failure(expect, f"{verb} {what} at step {expect.number}", context)


def _unusable(expect: Expect) -> Result:
    """A format has yielded nothing that could be looked for."""
    return Result("L7RSP", 0, "log-format string evaluated to an empty string" + _remark(expect))


def judge_reply(expect: Expect, reply: CheckResponse, disable_on_404: bool, context: Context) -> Result | None:
    """The result of an http-check's step. `disable_on_404`: the server runs and that option is on."""
    if reply.broken:
        return Result("SOCKERR")
    head = reply.head
    if head is None:
        return None
    code = head.status
    if disable_on_404 and code == 404:
        return Result("L7OKC", code)
    if any(one is not None and not one.text.known(context) for one in (expect.name, expect.value)):
        return _unusable(expect)
    if expect.kind in HEAD_KINDS:
        found = _found_in_head(expect, reply, context)
    else:
        outcome = _found_in_body(expect, reply, context)
        if outcome is None:
            return None
        if reply.full and not reply.body:
            return _failure(expect, "HTTP content check could not find a response body", context, code)
        if expect.text is not None and not expect.text.known(context):
            return _unusable(expect)
        found = outcome
    if found != expect.inverse:
        return _success(expect, code, "", context)
    if expect.kind in HEAD_KINDS:
        info = head.reason.decode("latin-1")
        if not info:
            info = f"TCPCHK did not match content{HEADS[expect.kind]} at step {expect.place}"
        return _failure(expect, info, context, code)
    info = "HTTP check matched unwanted content" if found else "HTTP content check did not match"
    return _failure(expect, info, context, code)


def _found_in_head(expect: Expect, reply: CheckResponse, context: Context) -> bool:
    head = reply.head
    assert head is not None
    if expect.kind == STATUS:
        return any(low <= head.status <= high for low, high in expect.ranges)
    if expect.kind == RSTATUS:
        assert expect.regex is not None
        return expect.regex.test(b"%d" % head.status)
    assert expect.name is not None
    for field in head.fields:
        if expect.name.test(field.name, context, lower=True):
            if expect.value is None:
                return True
            values = [field.value] if expect.kind == "fhdr" else field.value.split(b",")
            if any(expect.value.test(value.strip(b" \t"), context) for value in values):
                return True
    return False


def _found_in_body(expect: Expect, reply: CheckResponse, context: Context) -> bool | None:
    body = reply.body
    if not reply.full and len(body) < expect.min_recv:
        return None
    if expect.kind == RSTRING:
        assert expect.regex is not None
        found = expect.regex.test(body)
    else:
        assert expect.text is not None
        found = expect.text.render(context) in body
    if not found and not reply.full and (expect.min_recv < 0 or not body):
        return None
    return found


def _remark(expect: Expect) -> str:
    return f" comment: {expect.comment}" if expect.comment else ""


def _code(expect: Expect, code: int, context: Context) -> int:
    if expect.status_code is None:
        return code
    number = expect.status_code.cast_to(Type.SINT)
    value = number(context) if number is not None else None
    return int(value) if value is not None else code


def _success(expect: Expect, code: int, info: str, context: Context) -> Result:
    if expect.on_success is not None:
        info = expect.on_success.render(context).decode("latin-1")
    return Result(expect.ok_status, _code(expect, code, context), info)


def _failure(expect: Expect, info: str, context: Context, code: int = 0, remark: str | None = None) -> Result:
    """`remark` stands behind what is told; None: the comment of the step."""
    if expect.on_error is not None:
        info = expect.on_error.render(context).decode("latin-1")
    info += _remark(expect) if remark is None else remark
    return Result(expect.failure, _code(expect, code, context), info)
