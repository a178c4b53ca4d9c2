"""What expressions give while somebody else asks them: the samples of an action or of a log-format, for a trace.

An action asks its expressions by itself, in its own order, perhaps not all of them, and what it asks may change things
(`set-var` as a converter) or be another thing each time (`rand`). So that a trace tells what it was given, its
expressions are tapped while it runs: a source stands before each one's source, a converter behind its last one. Both
are taken out again at the end of the block; traffic never meets them, as nothing else may run meanwhile.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pointsman.core.diagnostics import Position
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.source import Pure, Source
from pointsman.sample.trace import SampleRecord
from pointsman.sample.types import Value


class _Asked:
    """An expression that was asked. `value`: what came out of its last converter, if anything did."""

    def __init__(self, expression: Expression) -> None:
        self.expression = expression
        self.value: Value | None = None


class _Before(Source):
    """In the place of an expression's source: it is asked from now on."""

    def __init__(self, expression: Expression, asked: list[_Asked]) -> None:
        self.expression = expression
        self.source = expression.source
        self.asked = asked
        self.many = self.source.many

    def get(self, ctx: Context) -> Value | None:
        self.asked.append(_Asked(self.expression))
        return self.source.get(ctx)

    def values(self, ctx: Context) -> list[Value]:
        return self.source.values(ctx)


class _Behind(Pure):
    """Behind an expression's last converter: what comes out. Expressions do not ask each other, so the last one that
    was asked is the one that answers."""

    def __init__(self, asked: list[_Asked]) -> None:
        self.asked = asked

    def turn(self, value: Value) -> Value | None:
        self.asked[-1].value = value
        return value


@contextmanager
def tapped(expressions: Sequence[Expression], at: Position) -> Iterator[list[SampleRecord]]:
    """What the expressions give in this block, filled in at its end. `at`: where they stand."""
    asked: list[_Asked] = []
    found: list[SampleRecord] = []
    each = list(dict.fromkeys(expressions))
    kept = [(one, one.source, one.steps) for one in each]
    for one in each:
        one.source, one.steps = _Before(one, asked), [*one.steps, _Behind(asked)]
    try:
        yield found
    finally:
        for one, source, steps in kept:
            one.source, one.steps = source, steps
        found += [SampleRecord(at, one.expression.text, one.expression.type, one.value) for one in asked]
