"""Actions that make a message wait: pause, wait-for-body, wait-for-handshake (manual 4.4). How a list stops and goes on
stands in plan.py.

Where nobody can wait (the answers of services pass the http-response rules in one go) neither does anything.
"""

from typing import Final

from pointsman.config.action import HTTP_REQUEST, HTTP_RESPONSE, RuleArgs, action
from pointsman.config.keyword import LONGEST, parse_size
from pointsman.config.verdict import CONTINUE, WAIT, Action
from pointsman.core.diagnostics import ConfigError
from pointsman.sample.context import Context
from pointsman.sample.need import ENDLESS, HANDSHAKE, REQUEST_BODY, RESPONSE_BODY, TIME, Need
from pointsman.sample.source import Getter
from pointsman.sample.types import Reads, Type, Writes

_BOTH: Final = HTTP_REQUEST | HTTP_RESPONSE


class Pause(Action):
    """Wait so many ms: `time`, or what `ask` says. A value that is no positive number is no pause."""

    def __init__(self, time: int, ask: Getter | None) -> None:
        super().__init__()
        self.waits = True
        self.time = time
        self.ask = ask

    def run(self, context: Context) -> int:
        time = self.time
        if self.ask is not None:
            found = self.ask(context)
            if context.need is not None:
                return WAIT  # the expression itself waits
            time = found if isinstance(found, int) else 0
        if time <= 0 or not context.may_wait:
            return CONTINUE
        context.need = Need(TIME, min(time, LONGEST), behind=True)
        return WAIT


@action("pause", _BOTH, "4.4", reads=Reads.NOTHING, writes=Writes.NOTHING)
def parse_pause(args: RuleArgs) -> Action:
    """pause { <timeout> | <expr> }: suspend the message for so many milliseconds. An expression that yields no positive
    number suspends nothing."""
    if args.peek()[:1].isdecimal():
        at = args.here
        time = args.time()
        if not time:
            raise ConfigError(f"'{args.keyword}': null value is not valid for a pause", at, "a time above 0")
        return Pause(time, None)
    at = args.here
    if not args.more():
        args.word("<timeout> or <expr>")
    expression = args.expression("<timeout> or <expr>")
    ask = expression.cast_to(Type.SINT)
    if ask is None:
        raise ConfigError(
            f"'{args.keyword}': '{expression.text}' yields no number", at, "a time, or an expression of milliseconds"
        )
    return Pause(0, ask)


class WaitForHandshake(Action):
    """Only early data comes before a handshake is over; `timeout client` ends the wait. What it reads can be no part of
    an outcome that is remembered: none is used for early data, and it says nothing to anything else."""

    def __init__(self) -> None:
        super().__init__()
        self.waits = True

    def run(self, context: Context) -> int:
        tls = context.session.tls
        if tls is None or not tls.early or not context.may_wait:
            return CONTINUE
        context.need = Need(HANDSHAKE, behind=True)
        return WAIT


@action("wait-for-handshake", HTTP_REQUEST, "4.4", reads=Reads.CONNECTION, writes=Writes.NOTHING)
def parse_wait_for_handshake(args: RuleArgs) -> Action:
    """wait-for-handshake: a request that came as early data (bind ... allow-0rtt) waits for the end of its client's TLS
    handshake. Whoever only repeats what it has seen on its way never gets there."""
    return WaitForHandshake()


class WaitForBody(Action):
    """Wait for all of a body, or for `size` bytes of it, or for a full buffer."""

    def __init__(self, kind: int, time: int, size: int) -> None:
        super().__init__()
        self.waits = True
        self.kind = kind
        self.time = time
        self.size = size

    def run(self, context: Context) -> int:
        if not context.may_wait or not self._expects(context):
            return CONTINUE
        context.need = Need(self.kind, self.time, size=self.size, behind=True)
        return WAIT

    def _expects(self, context: Context) -> bool:
        """There is a body."""
        request = context.request
        if self.kind == REQUEST_BODY:
            return request is not None and (request.chunked or request.length > 0)
        response = context.response
        return response is not None and not response.empty


# What tells whether there is a body: of a response the method of its request as well, which may be HEAD.
_OF_RESPONSE: Final = Reads.REQUEST_LINE | Reads.RESPONSE_LINE | Reads.RESPONSE_BLOCK


@action("wait-for-body", _BOTH, "4.4", reads=Reads.HEADER_BLOCK | _OF_RESPONSE, writes=Writes.NOTHING)
def parse_wait_for_body(args: RuleArgs) -> Action:
    """wait-for-body time <time> [at-least <bytes>]: wait until the body is here, or so many bytes of it, or as many as
    a buffer takes. Where that takes longer, the client is answered 408 (a request) or 504 (a response). A time of 0 is
    no limit; without `at-least`, or with 0, all of the body is waited for."""
    at = args.here
    time = -1
    size = 0
    while args.peek() in ("time", "at-least", "use-large-buffer"):
        word = args.word("")
        if word.text == "time":
            time = args.time("<time>")
        elif word.text == "at-least":
            size = parse_size(args.word("<bytes>"))
        else:
            raise ConfigError(
                f"'{args.keyword}': 'use-large-buffer' is not supported",
                word.at,
                "one size of buffers holds for all bodies",
                "'tune.bufsize' sets it",
            )
    if time < 0:
        raise ConfigError(f"'{args.keyword}' expects 'time <time> [at-least <bytes>]'", at, "time <time>")
    if args.rule_set == HTTP_REQUEST:
        args.only(reads=Reads.HEADER_BLOCK)
        return WaitForBody(REQUEST_BODY, time or ENDLESS, size)
    args.only(reads=_OF_RESPONSE)
    return WaitForBody(RESPONSE_BODY, time or ENDLESS, size)
