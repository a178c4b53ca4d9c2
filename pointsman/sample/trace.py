"""What an explained decision stood on: the values of samples, the verdicts of ACLs and the patterns that matched, the
outcomes of rules, each with its place in the configuration.

Traffic makes none of this and does not ask whether somebody wants it: `test`, `get` and `run` know nothing of a trace.
Beside them stand `explain` methods, which evaluate the same in the same order, give the same result, and return a
record:

    Condition.explain(ctx)      ConditionRecord     whether it holds, and the terms that were looked at
      Term                        TermRecord        an ACL in it, negated or not
        Acl.explain(ctx)            AclRecord       one line: the values, and which of them matched which pattern
                                      PatternRecord
    explain_rule(...)           RuleRecord          rules/explained.py: the condition, the samples, the verdict
    Route.explain(ctx)          RouteRecord         use_backend, use-server
    tapped(expressions)         SampleRecord        sample/tap.py: what expressions gave while something else asked them

Records are plain data. Whoever explains keeps them in a Trace, in the order in which things were decided; one that has
to be evaluated again, because something was waited for, is left out by whoever does so. An explanation evaluates for
real: what it would change is gathered (`CHANGES.gathered`, tables/changes.py), and its context is its own.
"""

from dataclasses import dataclass, field

from pointsman.core.diagnostics import Position
from pointsman.sample.types import Type, Value


@dataclass(frozen=True, slots=True)
class PatternRecord:
    """A pattern that matched: as it was written, and where. `line` 0: it was added while the process ran."""

    text: str
    file: str
    line: int


@dataclass(frozen=True, slots=True)
class ConverterRecord:
    """A converter that was run, and what came out of it. `entry`: of a map, the one that was found; None: its default
    holds."""

    name: str
    value: Value | None
    entry: PatternRecord | None = None


@dataclass(frozen=True, slots=True)
class SampleRecord:
    """What an expression gave, once. `fetched` is the value before all converters, `value` the one behind them; None is
    no sample, and then the converters behind it were not run."""

    at: Position  # of the ACL or the rule in which it stands
    text: str
    type: Type  # of `value`
    value: Value | None
    fetched: Value | None = None
    converters: tuple[ConverterRecord, ...] = ()


@dataclass(frozen=True, slots=True)
class AclRecord:
    """One line of an ACL. `samples`: all that the expression gave, one for each value that it has.

    `value` and `pattern` are the first ones that matched; `pattern` is None under the methods that have none (found,
    bool), and of course where nothing matched.
    """

    at: Position  # of its criterion
    name: str  # "": an anonymous one
    text: str  # the criterion
    method: str
    samples: tuple[SampleRecord, ...]
    verdict: bool
    value: Value | None = None
    pattern: PatternRecord | None = None

    @property
    def values(self) -> list[Value]:
        """What there was to match: a converter may have made no sample of what was fetched."""
        return [sample.value for sample in self.samples if sample.value is not None]


@dataclass(frozen=True, slots=True)
class TermRecord:
    """An ACL in a condition. `lines`: those that were looked at, up to the first that matched. Lines whose samples do
    not exist where the condition stands are not looked at."""

    at: Position
    name: str
    negated: bool
    lines: tuple[AclRecord, ...]
    verdict: bool  # with the negation


@dataclass(frozen=True, slots=True)
class ConditionRecord:
    """What stands behind `if` or `unless`. `alternatives`: those that were looked at, up to the first that holds, each
    with its terms up to the first that does not hold."""

    at: Position
    text: str
    alternatives: tuple[tuple[TermRecord, ...], ...]
    verdict: bool


@dataclass(frozen=True, slots=True)
class RuleRecord:
    """A rule. `verdict` is one of config/verdict.py's, None where it did not run."""

    at: Position
    action: str
    condition: ConditionRecord | None  # None: it has none
    negated: bool  # `unless`
    samples: tuple[SampleRecord, ...] = ()  # that its action asked for, in their order
    verdict: int | None = None


@dataclass(frozen=True, slots=True)
class RouteRecord:
    """A use_backend, default_backend or use-server line. `name`: what it names, None where it does not hold."""

    at: Position
    condition: ConditionRecord | None
    negated: bool
    holds: bool
    samples: tuple[SampleRecord, ...] = ()  # of a name that is computed
    name: bytes | None = None


Record = RuleRecord | RouteRecord | ConditionRecord | SampleRecord


@dataclass(slots=True)
class Trace:
    """The records of one exchange, in the order in which things were decided. `held`: the condition of a rule whose
    action waits."""

    records: list[Record] = field(default_factory=list)
    held: ConditionRecord | None = None

    def add(self, record: Record) -> None:
        self.records.append(record)
