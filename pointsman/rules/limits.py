"""Actions that change for one exchange how long is waited for whom, how often a server is tried, and who is first in
queues: set-timeout, set-retries, set-priority-class, set-priority-offset (manual 4.4). What they say stands in
`Context.limits`; the stream asks that wherever it begins to wait."""

from typing import Final

from pointsman.config.action import HTTP_REQUEST, HTTP_RESPONSE, TCP_CONTENT, RuleArgs, action
from pointsman.config.keyword import LONGEST
from pointsman.config.setting import In
from pointsman.config.verdict import CONTINUE, WAIT, Action
from pointsman.core.diagnostics import ConfigError
from pointsman.core.wishes import WISHES
from pointsman.sample.context import Context
from pointsman.sample.limits import (
    CLIENT_TIME,
    HIGHEST_CLASS,
    LONGEST_OFFSET,
    MOST_RETRIES,
    TARPIT_TIME,
    TIME_NAMES,
    Limits,
)
from pointsman.sample.source import Getter
from pointsman.sample.types import Reads, Type, Writes

NOT_SAID: Final = -1


class Changed(Action):
    """One number: `value`, or what `ask` says. What is no sample, or out of bounds, changes nothing."""

    def __init__(self, value: int, ask: Getter | None) -> None:
        super().__init__()
        self.waits = True
        self.value = value
        self.ask = ask

    def run(self, context: Context) -> int:
        value = self.value
        if self.ask is not None:
            found = self.ask(context)
            if context.need is not None:
                return WAIT  # the expression itself waits
            if not isinstance(found, int):
                return CONTINUE
            value = found
        limits = context.limits
        if limits is None:
            limits = Limits()
        if self.change(limits, value):
            context.limits = limits
        return CONTINUE

    def change(self, limits: Limits, value: int) -> bool:
        """Note it; false: it means nothing."""
        raise NotImplementedError


class SetTimeout(Changed):
    def __init__(self, kind: int, value: int, ask: Getter | None) -> None:
        super().__init__(value, ask)
        self.kind = kind

    def change(self, limits: Limits, value: int) -> bool:
        if value <= 0:
            return False
        limits.times[self.kind] = min(value, LONGEST)
        return True


class SetRetries(Changed):
    def change(self, limits: Limits, value: int) -> bool:
        if not 0 <= value <= MOST_RETRIES:
            return False
        limits.retries = value
        return True


class SetPriorityClass(Changed):
    def change(self, limits: Limits, value: int) -> bool:
        limits.priority_class = max(-HIGHEST_CLASS, min(value, HIGHEST_CLASS))
        return True


class SetPriorityOffset(Changed):
    def change(self, limits: Limits, value: int) -> bool:
        limits.priority_offset = max(-LONGEST_OFFSET, min(value, LONGEST_OFFSET))
        return True


def _asked(args: RuleArgs, expected: str, what: str) -> Getter:
    """An expression that yields a number."""
    at = args.here
    expression = args.expression(expected)
    ask = expression.cast_to(Type.SINT)
    if ask is None:
        raise ConfigError(f"'{args.keyword}': '{expression.text}' yields no number", at, what)
    return ask


def _only_with_backend(args: RuleArgs, what: str) -> None:
    if args.section.kind == In.FRONTEND:
        raise ConfigError(
            f"'{args.keyword}': {args.section.title} has no backend capability",
            args.at,
            f"{what} is a matter of backends: the rule belongs into a backend or listen section",
        )


@action("set-timeout", HTTP_REQUEST | HTTP_RESPONSE, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_set_timeout(args: RuleArgs) -> Action:
    """set-timeout { client | connect | queue | server | tarpit | tunnel } { <timeout> | <expr> }: of this exchange
    alone. An expression yields milliseconds; one that yields no positive number changes nothing. Only the client's
    outlives the choice of another backend."""
    name = args.choice("<kind>", tuple(TIME_NAMES))
    kind = TIME_NAMES[name]
    if kind == CLIENT_TIME and args.section.kind == In.BACKEND:
        raise ConfigError(
            f"'{args.keyword}': {args.section.title} has no frontend capability",
            args.at,
            "the client's timeout is a matter of frontends",
        )
    if kind not in (CLIENT_TIME, TARPIT_TIME):
        _only_with_backend(args, f"timeout {name}")
    if not args.peek()[:1].isdecimal():
        return SetTimeout(kind, 0, _asked(args, "<timeout> or <expr>", "a time, or an expression of milliseconds"))
    at = args.here
    time = args.time()
    if not time:
        raise ConfigError(f"'{args.keyword} {name}': null value is not valid", at, "a time above 0")
    return SetTimeout(kind, time, None)


@action("set-retries", HTTP_REQUEST | TCP_CONTENT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_set_retries(args: RuleArgs) -> Action:
    """set-retries { <int> | <expr> }: how often a server is tried again for this exchange, 0 to 100. An expression that
    yields anything else changes nothing; another backend's own number holds there."""
    if args.section.kind == In.DEFAULTS:
        raise ConfigError(
            f"'{args.keyword}' is not allowed in a 'defaults' section", args.at, "a backend or listen section"
        )
    _only_with_backend(args, "the number of retries")
    text = args.peek()
    if not text.removeprefix("-")[:1].isdecimal():
        return SetRetries(NOT_SAID, _asked(args, "<int> or <expr>", "a number, or an expression that yields one"))
    return SetRetries(args.integer("<int>", 0, MOST_RETRIES), None)


@action("set-priority-class", HTTP_REQUEST | TCP_CONTENT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_set_priority_class(args: RuleArgs) -> Action:
    """set-priority-class <expr>: in a queue lower classes go first, from -2047 to 2047; 0 where nothing is said. What
    is beyond is taken for the end of that; without a sample nothing changes."""
    WISHES.priorities = True
    return SetPriorityClass(0, _asked(args, "<expr>", "an expression that yields a number"))


@action("set-priority-offset", HTTP_REQUEST | TCP_CONTENT, "4.4", reads=Reads.NOTHING, writes=Writes.MOVING)
def parse_set_priority_offset(args: RuleArgs) -> Action:
    """set-priority-offset <expr>: in a queue, among those of a class, it stands as if it had come so many milliseconds
    later, from -524287 to 524287."""
    WISHES.priorities = True
    return SetPriorityOffset(0, _asked(args, "<expr>", "an expression that yields a number"))
