"""Where samples come from: fetches and converters as they run.

    Source            a fetch: one value for rules, perhaps several for ACLs
    FunctionSource    a fetch that is a plain function
    ConverterStep     a converter: a value to a value
    Pure              one that looks at the value alone; `Plain`: one that is a plain function
    ContextStep       one that asks the exchange too: variables, captures

Several values often come from several field lines. A Source that can say what one line alone gives (`header` names the
lines, `of_line` takes one's value) lets ACLs on it be decided line by line, and remembered with the line.
"""

from collections.abc import Callable
from typing import Final

from mypy_extensions import mypyc_attr

from pointsman.sample.context import Context
from pointsman.sample.types import Value

Getter = Callable[[Context], Value | None]
Convert = Callable[[Value], Value | None]

NO_LINES: Final = 0  # how a source's lines are read
SPLIT: Final = 1  # strings between commas
WHOLE: Final = 2  # one string each
OWN: Final = 3  # as of_line says


@mypyc_attr(allow_interpreted_subclasses=True)
class Source:
    """A fetch that yields one value to rules and several to ACLs (all the values of a header).

    `many`: `values` may give other than `get`. `header`, where `lines` is not NO_LINES: the name of the fields, in
    lower case, from which the values come, each from one line alone; `on_request`: whose fields.
    """

    many = True
    lines = NO_LINES
    header = b""
    on_request = True

    def get(self, ctx: Context) -> Value | None:
        """The one value; None: no sample."""
        raise NotImplementedError

    def values(self, ctx: Context) -> list[Value]:
        """All values, in their order."""
        value = self.get(ctx)
        return [] if value is None else [value]

    def of_line(self, value: bytes) -> list[Value]:
        """All of those that one field line gives."""
        raise NotImplementedError


class FunctionSource(Source):
    """A fetch that is a function."""

    def __init__(self, ask: Getter) -> None:
        self.ask = ask
        self.many = False

    def get(self, ctx: Context) -> Value | None:
        return self.ask(ctx)


@mypyc_attr(allow_interpreted_subclasses=True)
class ConverterStep:
    """What stands behind a comma in an expression."""

    def run(self, ctx: Context, value: Value) -> Value | None:
        """The value that comes out; None: no sample."""
        raise NotImplementedError


@mypyc_attr(allow_interpreted_subclasses=True)
class Pure(ConverterStep):
    """A converter that looks at the value alone."""

    def run(self, ctx: Context, value: Value) -> Value | None:
        return self.turn(value)

    def turn(self, value: Value) -> Value | None:
        """The value that comes out; None: no sample."""
        raise NotImplementedError


class Plain(Pure):
    """A converter or a cast that is a function."""

    def __init__(self, convert: Convert) -> None:
        self.convert = convert

    def turn(self, value: Value) -> Value | None:
        return self.convert(value)


class ContextStep(ConverterStep):
    """What a converter's factory returns if it has to ask the exchange itself: variables, captures."""

    def __init__(self, ask: Callable[[Context, Value], Value | None]) -> None:
        self.ask = ask

    def run(self, ctx: Context, value: Value) -> Value | None:
        return self.ask(ctx, value)


def through(steps: list[ConverterStep], ctx: Context, value: Value) -> Value | None:
    """What a value becomes."""
    found: Value | None = value
    for step in steps:
        if found is None:
            return None
        found = step.run(ctx, found)
    return found


def turned(steps: list[Pure], value: Value) -> Value | None:
    """The value after these converters, none of which asks the exchange."""
    found: Value | None = value
    for step in steps:
        if found is None:
            return None
        found = step.turn(found)
    return found
