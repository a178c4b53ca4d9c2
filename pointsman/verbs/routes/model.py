"""Cases, as the reader makes them: plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.verbs.explain.model import Asked
from pointsman.verbs.routes.wanted import Test

NUMBER: Final = "<n>"  # in what is asked: the number of the request, from 1, where a case repeats it


@dataclass(frozen=True, slots=True)
class Expectation:
    """`key`: of the format, "backend" or "to-server". `name`: of a header, a variable, a log tag; "" for the rest."""

    key: str
    name: str
    tests: tuple[Test, ...]
    at: Position

    @property
    def label(self) -> str:
        return f"{self.key} {self.name}" if self.name else self.key

    def holds(self, fields: list[str]) -> bool:
        return all(test.holds(fields) for test in self.tests)

    def __str__(self) -> str:
        return ", ".join(str(test) for test in self.tests)


@dataclass(frozen=True, slots=True)
class Share:
    """How many of the requests a server is to get: from `least` to `most`, in percent, or as a number."""

    server: str
    least: float
    most: float
    percent: bool
    at: Position

    def holds(self, count: int, all_of_them: int) -> bool:
        """A share in percent is met by the two whole numbers beside it."""
        if not self.percent:
            return self.least <= count <= self.most
        return self.least * all_of_them / 100 - 1 < count < self.most * all_of_them / 100 + 1

    def __str__(self) -> str:
        unit = " %" if self.percent else ""
        return f"{self.least:g}{unit}" if self.least == self.most else f"{self.least:g} to {self.most:g}{unit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    name: str
    at: Position
    groups: tuple[str, ...] = ()
    title: str = ""  # the request as it was written; "": there is none
    asked: Asked
    numbered: bool = False  # "<n>" stands in it
    repeat: int = 1
    expected: tuple[Expectation, ...] = ()
    last: tuple[Expectation, ...] = ()  # of the last of repeated requests
    shares: tuple[Share, ...] = ()
    sequence: tuple[str, ...] = ()  # of servers
    sequence_at: Position
    strict: bool = False
    skip: str = ""  # why

    @property
    def path(self) -> str:
        """The name with those of its groups: what `-k` looks at."""
        return " / ".join((*self.groups, self.name))

    def request(self, number: int) -> Asked:
        """What is asked the `number`th time, from 1."""
        if not self.numbered:
            return self.asked
        asked, text = self.asked, str(number)
        return replace(
            asked,
            url=asked.url.replace(NUMBER, text),
            headers=tuple((name, value.replace(NUMBER, text)) for name, value in asked.headers),
            source=asked.source.replace(NUMBER, text),
            sni=asked.sni.replace(NUMBER, text),
            body=asked.body.replace(NUMBER.encode(), text.encode()),
            payload=asked.payload and asked.payload.replace(NUMBER.encode(), text.encode()),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """A file of cases. `configuration`: what it names itself, from its own folder."""

    file: str
    cases: tuple[Case, ...]
    configuration: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
