"""The arithmetic: samples of runs, ratios of pairs, medians and spreads, lines of the table."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field

Json = dict[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One run of one program."""

    requests: int
    rate: float  # requests per second
    user: float  # µs per request
    system: float
    p50: int  # µs
    p99: int
    memory: int  # kB of anonymous memory at the end of the run
    log_lines: int = 0
    cores: dict[str, list[int]] = field(default_factory=dict)  # where each process ran last
    problems: str = ""

    @property
    def cpu(self) -> float:
        """µs per request, user and system."""
        return self.user + self.system


@dataclass(frozen=True, slots=True)
class Ratio:
    """Of pairs, ours to theirs."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one."""
        return statistics.median(self.values)

    @property
    def spread(self) -> float:
        """From the least to the most."""
        return max(self.values) - min(self.values)

    @property
    def unsure(self) -> bool:
        """Whether the noise is larger than the difference: then nobody is ahead."""
        return self.spread > abs(self.median - 1)

    def text(self) -> str:
        """Median and extremes; "~" if unsure."""
        return f"{'~' if self.unsure else ' '}{self.median:5.2f} ({min(self.values):.2f}..{max(self.values):.2f})"


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> Ratio:
    """Of each pair. 0 where theirs was too short to be seen."""
    return Ratio(tuple(a / b if b else 0.0 for a, b in zip(ours, theirs, strict=True)))


@dataclass(frozen=True, slots=True)
class Goal:
    """What a ratio has to reach; `lower` is better for times and memory. `must`: the row decides."""

    least: float
    aim: float
    must: bool = False
    lower: bool = False

    def verdict(self, value: float) -> str:
        """One word for the table."""
        if self.lower:
            value, least, aim = -value, -self.least, -self.aim
        else:
            least, aim = self.least, self.aim
        return "aim" if value >= aim else "met" if value >= least else "BELOW" if self.must else "below"

    def text(self, value: float) -> str:
        """The verdict with the minimum."""
        return f"{self.verdict(value)} ({'at most' if self.lower else 'at least'} {self.least:g})"


@dataclass(frozen=True, slots=True)
class Result:
    """A row that was measured under load. Its goal is about requests per second."""

    row: str
    goal: Goal
    ours: list[Sample]
    theirs: list[Sample]
    by_cpu: bool = False  # the goal is about CPU of a request: theirs to ours

    def of(self, what: Callable[[Sample], float]) -> Ratio:
        """The ratio of a figure."""
        return ratio([what(sample) for sample in self.ours], [what(sample) for sample in self.theirs])

    @property
    def rates(self) -> Ratio:
        """Of requests per second: above 1 is better than haproxy."""
        return self.of(lambda sample: sample.rate)

    @property
    def costs(self) -> Ratio:
        """Of CPU per request: below 1 is better than haproxy."""
        return self.of(lambda sample: sample.cpu)

    @property
    def judged(self) -> float:
        """What the goal is about: more is better."""
        if not self.by_cpu:
            return self.rates.median
        return ratio([sample.cpu for sample in self.theirs], [sample.cpu for sample in self.ours]).median

    @property
    def problems(self) -> list[str]:
        """All that is wrong, each once."""
        return sorted({sample.problems for sample in (*self.ours, *self.theirs) if sample.problems})

    def line(self) -> str:
        """For the table."""

        def both(what: Callable[[Sample], float], digits: int) -> str:
            found = [statistics.median(map(what, side)) for side in (self.ours, self.theirs)]
            return " / ".join(f"{value:,.{digits}f}" if value else "-" for value in found)  # "-": nobody measured it

        user, system = both(lambda sample: sample.user, 1), both(lambda sample: sample.system, 1)
        cells = [
            f"{self.row:12}",
            self.rates.text(),
            self.costs.text(),
            f"{both(lambda s: s.rate, 0):>17}",
            f"{user:>13}",
            f"{system:>13}",
            f"{both(lambda s: s.p50 / 1000, 2):>13}",
            f"{both(lambda s: s.p99 / 1000, 2):>13}",
            f"{both(lambda s: s.memory / 1024, 1):>11}",
            self.goal.text(self.judged) + " by CPU" * self.by_cpu,
            "; ".join(self.problems),
        ]
        return f"| {' | '.join(cells)} |"

    def json(self) -> Json:
        """Everything."""
        return {
            "row": self.row,
            "kind": "load",
            "goal": asdict(self.goal),
            "verdict": self.goal.verdict(self.judged),
            "rate_ratio": self.rates.median,
            "rate_ratios": self.rates.values,
            "rate_unsure": self.rates.unsure,
            "cpu_ratio": self.costs.median,
            "cpu_ratios": self.costs.values,
            "cpu_unsure": self.costs.unsure,
            "ours": [asdict(sample) for sample in self.ours],
            "theirs": [asdict(sample) for sample in self.theirs],
        }


TITLES = (
    "row",
    "req/s ratio (least..most)",
    "CPU ratio (least..most)",
    "req/s ours / haproxy",
    "user µs",
    "system µs",
    "p50 ms",
    "p99 ms",
    "memory MB",
    "goal, req/s",
    "problems",
)
HEAD = f"| {' | '.join(TITLES)} |\n|{'---|' * len(TITLES)}"


@dataclass(frozen=True, slots=True)
class Single:
    """A row with one figure: lower is better. An absolute goal is about our own figure, others about the ratio."""

    row: str
    unit: str
    goal: Goal
    ours: list[float]
    theirs: list[float]
    absolute: bool = False
    problems: list[str] = field(default_factory=list)
    about: str = ""

    @property
    def ratios(self) -> Ratio:
        """Of the pairs."""
        return ratio(self.ours, self.theirs)

    @property
    def judged(self) -> float:
        """What the goal is about."""
        return statistics.median(self.ours) if self.absolute else self.ratios.median

    def line(self) -> str:
        """For the table."""
        ours, theirs = statistics.median(self.ours), statistics.median(self.theirs)
        cells = [
            f"{self.row:12}",
            self.ratios.text(),
            f"{figure(ours)} / {figure(theirs)} {self.unit}",
            self.goal.text(self.judged),
            self.about,
            "; ".join(self.problems),
        ]
        return f"| {' | '.join(cells)} |"

    def json(self) -> Json:
        """Everything."""
        return {
            "row": self.row,
            "kind": "single",
            "unit": self.unit,
            "goal": asdict(self.goal),
            "about": self.about,
            "absolute": self.absolute,
            "verdict": self.goal.verdict(self.judged),
            "ratio": self.ratios.median,
            "ratios": self.ratios.values,
            "unsure": self.ratios.unsure,
            "ours": self.ours,
            "theirs": self.theirs,
            "problems": self.problems,
        }


def figure(value: float) -> str:
    """Three digits that mean something."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


SINGLE_TITLES = ("row", "ratio, lower is better (least..most)", "ours / haproxy", "goal", "about", "problems")
SINGLE_HEAD = f"| {' | '.join(SINGLE_TITLES)} |\n|{'---|' * len(SINGLE_TITLES)}"


def warnings(results: Sequence[Result | Single]) -> list[str]:
    """A sentence for each figure whose noise is larger than its difference from 1."""
    found = []
    for result in results:
        named = {"req/s": result.rates, "CPU": result.costs} if isinstance(result, Result) else {"ratio": result.ratios}
        for name, values in named.items():
            if values.unsure:
                found.append(
                    f"{result.row}, {name}: the noise ({values.spread:.2f} between the least and the most) is "
                    f"larger than the difference from 1 ({abs(values.median - 1):.2f})"
                )
    return found
