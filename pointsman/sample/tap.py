"""What expressions give while somebody else asks them: the samples of an ACL, an action or a log-format, for a trace.

An action asks its expressions by itself, in its own order, perhaps not all of them, and what it asks may change things
(`set-var` as a converter) or be another thing each time (`rand`). So that a trace tells what it was given, its
expressions are tapped while it runs:

    source                  a source in its place, which tells where there is nothing to convert
      | tap                 the fetched value: a sample begins
    converter | tap         what came out, and so on; a cast belongs to the converter behind it
    cast | tap | map        where a map is asked, which entry it will find

The taps are taken out again at the end of the block. Traffic never meets them, as nothing else may run meanwhile.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from pointsman.core.diagnostics import Position
from pointsman.sample.casts import find_cast, same
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.lookup import LOOKUPS, Lookup
from pointsman.sample.pattern import place_of
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.source import ConverterStep, Plain, Pure, Source
from pointsman.sample.trace import ConverterRecord, PatternRecord, SampleRecord
from pointsman.sample.types import Type, Value
from pointsman.tables.patterns import PatternEntry


class _Sample:
    """What an expression has given, so far. `passed`: behind the fetch, and behind each converter. `entries`: of maps,
    by the number of their converters."""

    def __init__(self, expression: Expression, names: list[str]) -> None:
        self.expression = expression
        self.names = names
        self.passed: list[Value] = []
        self.entries: dict[int, PatternEntry] = {}

    def record(self, at: Position) -> SampleRecord:
        expression, names, passed = self.expression, self.names, self.passed
        came: list[Value | None] = [*passed[1:]]
        if len(came) < len(names) and passed:
            came.append(None)  # the converter that gave no sample
        converters = [
            ConverterRecord(name, value, self._entry(number))
            for number, (name, value) in enumerate(zip(names, came, strict=False))
        ]
        value = passed[-1] if len(passed) > len(names) else None
        return SampleRecord(
            at, expression.text, expression.type, value, passed[0] if passed else None, tuple(converters)
        )

    def _entry(self, number: int) -> PatternRecord | None:
        entry = self.entries.get(number)
        if entry is None:
            return None
        at = place_of(entry)
        return PatternRecord(entry.key, at.file, at.line)


class _Nothing(Source):
    """In the place of an expression's source: a sample that nothing was fetched for has no tap to pass."""

    def __init__(self, expression: Expression, names: list[str], samples: list[_Sample]) -> None:
        self.expression = expression
        self.names = names
        self.source = expression.source
        self.samples = samples
        self.many = self.source.many

    def get(self, ctx: Context) -> Value | None:
        value = self.source.get(ctx)
        if value is None:
            self.samples.append(_Sample(self.expression, self.names))
        return value

    def values(self, ctx: Context) -> list[Value]:
        return self.source.values(ctx)


class _Begin(Pure):
    """Behind the source."""

    def __init__(self, expression: Expression, names: list[str], samples: list[_Sample]) -> None:
        self.expression = expression
        self.names = names
        self.samples = samples

    def turn(self, value: Value) -> Value | None:
        sample = _Sample(self.expression, self.names)
        sample.passed.append(value)
        self.samples.append(sample)
        return value


class _Behind(Pure):
    """Behind a converter. One sample is finished before the next one begins: it belongs to the last."""

    def __init__(self, samples: list[_Sample]) -> None:
        self.samples = samples

    def turn(self, value: Value) -> Value | None:
        self.samples[-1].passed.append(value)
        return value


class _Before(Pure):
    """Before a converter that asks a map: its input, cast to what the map compares."""

    def __init__(self, lookup: Lookup, number: int, samples: list[_Sample]) -> None:
        self.lookup = lookup
        self.number = number
        self.samples = samples

    def turn(self, value: Value) -> Value | None:
        entry = self.lookup.find(value)
        if entry is not None:
            self.samples[-1].entries[self.number] = entry
        return value


def _tap(expression: Expression, samples: list[_Sample]) -> None:
    steps: list[ConverterStep] = [_Begin(expression, expression.converters, samples)]
    at = 0
    for number, width in enumerate(_widths(expression)):
        *casts, converter = expression.steps[at : at + width]
        lookup = LOOKUPS.get(converter.convert) if isinstance(converter, Plain) else None
        before = [] if lookup is None else [_Before(lookup, number, samples)]
        steps += [*casts, *before, converter, _Behind(samples)]
        at += width
    expression.source, expression.steps = _Nothing(expression, expression.converters, samples), steps


def _widths(expression: Expression) -> list[int]:
    """How many steps each converter has: itself, and the cast before it where there is one."""
    entry = FETCHES.get(expression.fetch)
    assert entry is not None
    kind = entry.type
    found: list[int] = []
    for name in expression.converters:
        converter = CONVERTERS.get(name)
        assert converter is not None
        found.append(1 if find_cast(kind, converter.accepts) is same else 2)
        kind = kind if converter.returns == Type.ANY and converter.accepts == Type.ANY else converter.returns
    assert sum(found) == len(expression.steps)
    return found


@contextmanager
def tapped(expressions: Sequence[Expression], at: Position) -> Iterator[list[SampleRecord]]:
    """What the expressions give in this block, filled in at its end. `at`: where they stand."""
    samples: list[_Sample] = []
    found: list[SampleRecord] = []
    kept = [(one, one.source, one.steps) for one in dict.fromkeys(expressions)]
    for one, _, _ in kept:
        _tap(one, samples)
    try:
        yield found
    finally:
        for one, source, steps in kept:
            one.source, one.steps = source, steps
        found += [sample.record(at) for sample in samples]
