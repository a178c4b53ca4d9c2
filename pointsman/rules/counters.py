"""sc-inc-gpc, sc-add-gpc, sc-set-gpt and their older forms: the general purpose counters and tags of what is tracked
(manual 4.4). What the table does not store, or what is not tracked, is left out without a word."""

from typing import Final

from pointsman.config.action import (
    CONTINUE,
    HTTP_AFTER,
    HTTP_REQUEST,
    HTTP_RESPONSE,
    TCP_CONNECTION,
    TCP_CONTENT,
    TCP_RESPONSE,
    TCP_SESSION,
    Action,
    RuleArgs,
    action,
)
from pointsman.core.diagnostics import ConfigError
from pointsman.core.words import Word
from pointsman.rules.tracking import counter_number
from pointsman.sample.context import Context
from pointsman.sample.source import Getter
from pointsman.sample.tracking import tracked
from pointsman.sample.types import Reads, Type, Writes
from pointsman.tables.stick_table import StickTable
from pointsman.tables.stick_types import MOST_ELEMENTS

_ALL: Final = HTTP_REQUEST | HTTP_RESPONSE | HTTP_AFTER | TCP_CONNECTION | TCP_SESSION | TCP_CONTENT | TCP_RESPONSE
_MASK: Final = 0xFFFFFFFF


class ChangeCounter(Action):
    """Base: run a program on the entry that a counter tracks. `names`: the types that it changes, as far as stored."""

    def __init__(self, counter: int, names: tuple[str, ...], element: int) -> None:
        super().__init__()
        self.counter = counter
        self.names = names
        self.element = element
        self.table: StickTable | None = None  # the one that was changed last, and what does so
        self.program = b""

    def learn(self, table: StickTable) -> bytes:
        """What changes it in this table; b"": nothing of it is stored."""
        raise NotImplementedError

    def amount(self, context: Context) -> int:
        """By how much, or what it shall be; -1: nothing is changed."""
        return 1

    def run(self, context: Context) -> int:
        found = tracked(context, self.counter)
        if found is not None:
            table = found.table
            if table is not self.table:
                self.program = self.learn(table)
                self.table = table
            if self.program:
                amount = self.amount(context)
                if amount >= 0:
                    table.run(found.ref, self.program, context.now, amount)
        return CONTINUE


class Increment(ChangeCounter):
    """One more, and its rate with it."""

    def learn(self, table: StickTable) -> bytes:
        return b"".join([table.counting(name, self.element) for name in self.names])


class Amount(ChangeCounter):
    """Base of those that have a number or an expression."""

    def __init__(self, counter: int, names: tuple[str, ...], element: int, number: int, ask: Getter | None) -> None:
        super().__init__(counter, names, element)
        self.number = number
        self.ask = ask

    def amount(self, context: Context) -> int:
        ask = self.ask
        if ask is None:
            return self.number
        value = ask(context)
        return -1 if value is None or isinstance(value, bytes) else int(value) & _MASK


class Add(Amount):
    """So many more, and its rate with it."""

    def learn(self, table: StickTable) -> bytes:
        return b"".join([table.adding(name, self.element) for name in self.names])


class Set(Amount):
    """Another value."""

    def learn(self, table: StickTable) -> bytes:
        return b"".join([table.setting(name, self.element) for name in self.names])


@action("sc-inc-gpc", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_inc_gpc(args: RuleArgs) -> Action:
    """sc-inc-gpc(<idx>,<sc-id>): one more in a counter of the array, and in its rate."""
    element, counter = _element(args, "gpc")
    return Increment(counter, ("gpc", "gpc_rate"), element)


@action("sc-inc-gpc0", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True, bare=True)
def parse_inc_gpc0(args: RuleArgs) -> Action:
    """sc-inc-gpc0(<sc-id>): one more in the first counter, and in its rate."""
    return Increment(_counter(args), ("gpc0", "gpc0_rate"), 0)


@action("sc-inc-gpc1", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True, bare=True)
def parse_inc_gpc1(args: RuleArgs) -> Action:
    """sc-inc-gpc1(<sc-id>): one more in the second counter, and in its rate."""
    return Increment(_counter(args), ("gpc1", "gpc1_rate"), 0)


@action("sc-add-gpc", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_add_gpc(args: RuleArgs) -> Action:
    """sc-add-gpc(<idx>,<sc-id>) { <int> | <expr> }: so many more in a counter of the array, and in its rate."""
    element, counter = _element(args, "gpc")
    number, ask = _number(args)
    return Add(counter, ("gpc", "gpc_rate"), element, number, ask)


@action("sc-set-gpt", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True)
def parse_set_gpt(args: RuleArgs) -> Action:
    """sc-set-gpt(<idx>,<sc-id>) { <int> | <expr> }: a tag of the array."""
    element, counter = _element(args, "gpt")
    number, ask = _number(args)
    return Set(counter, ("gpt",), element, number, ask)


@action("sc-set-gpt0", _ALL, "4.4", reads=Reads.MOVING, writes=Writes.MOVING, named=True, bare=True)
def parse_set_gpt0(args: RuleArgs) -> Action:
    """sc-set-gpt0(<sc-id>) { <int> | <expr> }: the first tag."""
    counter = _counter(args)
    number, ask = _number(args)
    return Set(counter, ("gpt0",), 0, number, ask)


def _counter(args: RuleArgs) -> int:
    """(<sc-id>), which may be left out: 0."""
    return counter_number(args, Word("", args.parameters_at), args.parameters or "0")


def _element(args: RuleArgs, kind: str) -> tuple[int, int]:
    """(<idx>,<sc-id>)"""
    name = args.keyword.partition("(")[0]
    expected = f"{name.rpartition(' ')[2]}(<{kind} ID>,<Track ID>), the first from 0 to {MOST_ELEMENTS - 1}"
    index, comma, counter = args.parameters.partition(",")
    if not comma or not (index.isascii() and index.isdigit()):
        raise ConfigError(f"'{args.keyword}': missing {kind} ID.", args.parameters_at, expected)
    if int(index) >= MOST_ELEMENTS:
        raise ConfigError(f"'{args.keyword}': {kind} ID {index} is out of range.", args.parameters_at, expected)
    return int(index), counter_number(args, Word("", args.parameters_at), counter)


def _number(args: RuleArgs) -> tuple[int, Getter | None]:
    """<int> or <expr>, of 32 bits."""
    text = args.peek()
    if text.isascii() and text.isdigit():
        return args.integer("<int>", 0, _MASK), None
    at = args.here
    if text.startswith("-") and text[1:].isdigit():
        raise ConfigError(f"'{args.keyword}': '{text}' is not a number", at, f"a number from 0 to {_MASK}")
    expression = args.expression("<int> or <expr>")
    ask = expression.cast_to(Type.SINT)
    if ask is None:
        kind = expression.type.name.lower()
        raise ConfigError(f"'{args.keyword}': '{expression.text}' is no number", at, f"an integer, not {kind}")
    return 0, ask
