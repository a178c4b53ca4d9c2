"""Captures: what of a request and of its response goes into the log and can be asked for later (manual 4.2, capture and
declare capture; 4.4, capture; 8.2.3 and 8.6).

A frontend has numbered slots for requests and others for responses. A slot is filled from a header field when the head
comes, before any rule (capture request header), or by a rule (http-request capture). One cookie may be captured too.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import ClassVar, Final

from pointsman.config.action import (
    CONTINUE,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    RULE_SETS,
    TCP_CONTENT,
    Action,
    RuleArgs,
    action,
)
from pointsman.config.keyword import Args, Parsed, keyword
from pointsman.config.setting import In, Section, Setting
from pointsman.core.diagnostics import ConfigError, Diagnostics, Position
from pointsman.proto.message import Head
from pointsman.rules.headers import header_name
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.head import request_cookies, response_cookies
from pointsman.sample.types import Reads, Writes

LONGEST: Final = (1 << 31) - 1  # bytes of a slot


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureSlot(Setting):
    """A slot. `header`: the field that fills it, b"" if only rules do. Slots of rules in defaults come first."""

    response: bool
    header: bytes
    length: int
    many: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptureCookie(Setting):
    """The cookie whose name begins like this."""

    name: bytes
    length: int
    from_defaults: ClassVar[bool] = False


class Captures:
    """The slots of a frontend, and how they are filled. Slots are (header, length)."""

    def __init__(
        self, request: list[tuple[bytes, int]], response: list[tuple[bytes, int]], cookie: CaptureCookie | None
    ) -> None:
        self.request = request
        self.response = response
        self.cookie = cookie
        self.request_sizes = [length for _, length in request]
        self.response_sizes = [length for _, length in response]

    def begin(self, context: Context) -> None:
        """Nothing has been captured yet. Layer 4 content rules fill slots before the head does."""
        context.request_capture_sizes = self.request_sizes
        context.response_capture_sizes = self.response_sizes
        context.request_captures = [b""] * len(self.request)
        context.response_captures = [b""] * len(self.response)

    def of_request(self, context: Context) -> None:
        """The head of a request came."""
        filled = context.request_captures
        if not filled:
            self.begin(context)
        head = context.request
        if head is None:
            return
        if filled:
            for index, (name, length) in enumerate(self.request):
                if name:
                    filled[index] = _last(head, name, length)
        else:
            context.request_captures = [_last(head, name, length) for name, length in self.request]
        if self.cookie is not None:
            context.record.request_cookie = _first(request_cookies(head), self.cookie)

    def of_response(self, context: Context) -> None:
        """The head of its response came."""
        head = context.response
        if head is None:
            return
        filled = context.response_captures
        for index, (name, length) in enumerate(self.response):
            if name:
                filled[index] = _last(head, name, length)
        if self.cookie is not None:
            context.record.response_cookie = _first(response_cookies(head), self.cookie)


def _last(head: Head, name: bytes, length: int) -> bytes:
    """The value of the last field of that name."""
    if name:
        for one in reversed(head.fields):
            if one.name == name:
                return one.value[:length]
    return b""


def _first(cookies: Iterable[tuple[bytes, bytes]], wanted: CaptureCookie) -> bytes | None:
    """The first cookie whose "name=value" begins as it should."""
    for name, value in cookies:
        text = name + b"=" + value
        if text.startswith(wanted.name):
            return text[: wanted.length]
    return None


def slots_of(section: Section, response: bool) -> list[CaptureSlot]:
    """The slots of one direction in their order; their places are their numbers."""
    return [one for one in section.all(CaptureSlot) if one.response == response]


def captures_of(section: Section, longest_cookie: int, diagnostics: Diagnostics) -> Captures | None:
    """What a frontend captures; None: nothing. `longest_cookie`: tune.http.cookielen."""
    request = [(one.header, one.length) for one in slots_of(section, False)]
    response = [(one.header, one.length) for one in slots_of(section, True)]
    cookie = section.one(CaptureCookie)
    if cookie is not None and cookie.length > longest_cookie:
        diagnostics.warning(
            f"truncating capture length to {longest_cookie} bytes for frontend '{section.name}'.",
            cookie.at,
            hint="tune.http.cookielen sets the limit",
        )
        cookie = replace(cookie, length=longest_cookie)
    if not request and not response and cookie is None:
        return None
    return Captures(request, response, cookie)


def _header(response: bool) -> Callable[[Args], Parsed]:
    def parse(args: Args) -> CaptureSlot:
        """<name> len <length>: capture the last field of that name, up to so many bytes."""
        name = header_name(args)
        return CaptureSlot(at=args.at, response=response, header=name, length=_length(args))

    return parse


def _length(args: Args, low: int = 0) -> int:
    if not args.accept("len"):
        raise ConfigError(f"'{args.keyword}' expects 'len' <length>", args.here, "len <length>")
    return args.integer("<length>", low, LONGEST)


keyword("capture request header", In.FRONT, "4.2")(_header(False))
keyword("capture response header", In.FRONT, "4.2")(_header(True))


@keyword("capture cookie", In.FRONT, "4.2")
def parse_capture_cookie(args: Args) -> CaptureCookie:
    """capture cookie <name> len <length>: the first cookie whose name begins like that, in requests and responses."""
    word = args.word("<name>")
    return CaptureCookie(at=args.at, name=word.text.encode("utf-8", "surrogateescape"), length=_length(args))


@keyword("declare capture", In.FRONT, "4.2")
def parse_declare_capture(args: Args) -> CaptureSlot:
    """declare capture {request | response} len <length>: a slot that rules fill."""
    response = args.choice("<direction>", ("request", "response")) == "response"
    return CaptureSlot(at=args.at, response=response, header=b"", length=_length(args, 1))


class Capture(Action):
    """Store a sample in a slot. A rule of a backend whose frontend has no such slot does nothing (manual 4.4)."""

    def __init__(self, expression: Expression, index: int, rule_set: int, at: Position) -> None:
        super().__init__()
        self.rule_set = rule_set
        self.expression = expression
        self.index = index
        self.response = not rule_set & (TCP_CONTENT | HTTP_REQUEST)
        self.at = at

    def check(self, section: Section, diagnostics: Diagnostics) -> None:
        if section.kind & In.FRONT and self.index >= len(slots_of(section, self.response)):
            diagnostics.alert(
                f"unable to find capture id '{self.index}' referenced by {RULE_SETS[self.rule_set]} capture rule.",
                self.at,
                "the number of a slot: 'declare capture' makes one",
            )

    def run(self, context: Context) -> int:
        slots = context.response_captures if self.response else context.request_captures
        if self.index < len(slots):
            value = self.expression.get_bytes(context)
            if value is not None:
                sizes = context.response_capture_sizes if self.response else context.request_capture_sizes
                slots[self.index] = value[: sizes[self.index]]
        return CONTINUE


@action(
    "capture",
    TCP_CONTENT | HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER,
    "4.4",
    reads=Reads.CONNECTION,
    writes=Writes.MOVING,
)
def parse_capture(args: RuleArgs) -> Action:
    """capture <sample> {len <length> | id <id>}: into a slot of its own (requests only), or into a declared one."""
    response = not args.rule_set & (TCP_CONTENT | HTTP_REQUEST)
    expression = args.expression("<sample>")
    choices = ("id",) if response else ("len", "id")
    word = args.word(" or ".join(f"'{one}'" for one in choices))
    if word.text not in choices:
        raise args.wrong(word, f"'{args.keyword}': expects {' or '.join(choices)}, found '{word.text}'", choices)
    if word.text == "id":
        at = args.here
        return Capture(expression, args.integer("<id>", 0, LONGEST), args.rule_set, at)
    if args.section.kind == In.BACKEND:
        raise ConfigError(
            f"'{args.keyword}': proxy '{args.section.name}' has no frontend capability",
            word.at,
            "id <id>",
            "declare the slot in the frontend",
        )
    length = args.integer("<length>", 1, LONGEST)
    index = len(slots_of(args.section, False))
    args.section.put(CaptureSlot(at=args.at, response=False, header=b"", length=length))
    return Capture(expression, index, args.rule_set, word.at)
