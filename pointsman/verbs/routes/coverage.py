"""Which rules, routes and servers of a configuration the cases have reached.

A place (Engine.places) was asked or not. What is asked has ways to go: a rule with a condition applies or does not, one
without a condition applies, a server is chosen. The share of ways that were gone is what `--fail-under` looks at.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

from pointsman.core.diagnostics import Position
from pointsman.verbs.explain.engine import Place
from pointsman.verbs.explain.model import Explanation

CONDITION: Final = frozenset({"if", "unless"})
SERVER: Final = "server"


@dataclass(slots=True)
class Tally:
    """How often a place was asked, and how often it held."""

    place: Place
    asked: int = 0
    held: int = 0

    @property
    def conditional(self) -> bool:
        """Whether it can hold or not. A server is there to be chosen; that it was not says nothing about it."""
        return self.place.kind != SERVER and not CONDITION.isdisjoint(self.place.text.split())

    @property
    def ways(self) -> list[tuple[str, int]]:
        """What can happen at it, and how often it has."""
        if self.place.kind == SERVER:
            return [("chosen", self.held)]
        if not self.conditional:
            return [("applied", self.held)]
        return [("applied", self.held), ("did not apply", self.asked - self.held)]

    @property
    def missing(self) -> str:
        """In words; "": nothing."""
        if self.place.kind == SERVER:
            return "" if self.held else "never chosen"
        if not self.asked:
            return "never asked"
        if not self.held:
            return "never applied"
        return "always applied" if self.conditional and self.held == self.asked else ""


@dataclass(slots=True)
class Coverage:
    """Told of explanations by `hear`."""

    tallies: dict[tuple[str, int], Tally] = field(default_factory=dict)

    def expect(self, places: Iterable[Place]) -> None:
        for place in places:
            if place.at.line:
                self.tallies.setdefault((place.at.file, place.at.line), Tally(place))

    def hear(self, explanation: Explanation) -> None:
        for stage in explanation.stages:
            for step in stage.steps:
                tally = self.tallies.get((step.at.file, step.at.line))
                if tally is not None:
                    tally.asked += 1
                    tally.held += step.ran
        choice = explanation.server
        if choice is not None and choice.name:
            self._chosen(choice.at.file, choice.at.line)
            for name in choice.candidates:  # one of them was drawn: whatever covers the others covers them each time
                if name != choice.name:
                    self._chosen(choice.at.file, self._line_of(explanation.backend_at, name))

    def _chosen(self, file: str, line: int) -> None:
        tally = self.tallies.get((file, line))
        if tally is not None and tally.place.kind == SERVER:
            tally.asked += 1
            tally.held += 1

    def _line_of(self, backend: Position, server: str) -> int:
        """The first server line of that name behind the backend's."""
        lines = [
            line
            for (file, line), one in self.tallies.items()
            if file == backend.file and line > backend.line and one.place.text.split()[:2] == [SERVER, server]
        ]
        return min(lines, default=0)

    # Sums.

    def of_file(self, file: str) -> list[Tally]:
        return sorted((one for one in self.tallies.values() if one.place.at.file == file), key=_line)

    def files(self) -> list[str]:
        return list(dict.fromkeys(one.place.at.file for one in self.tallies.values()))

    def counts(self) -> tuple[int, int]:
        """Ways that were gone, and all of them."""
        ways = [count for one in self.tallies.values() for _, count in one.ways]
        return sum(1 for count in ways if count), len(ways)

    def percent(self) -> float:
        gone, all_of_them = self.counts()
        return 100.0 * gone / all_of_them if all_of_them else 100.0


def _line(tally: Tally) -> int:
    return tally.place.at.line


def summary_lines(coverage: Coverage) -> Iterator[str]:
    """What no case has reached, and the sum."""
    for file in coverage.files():
        for tally in coverage.of_file(file):
            if tally.missing:
                text = " ".join(tally.place.text.split())
                place = f"{file}:{tally.place.at.line}"
                line = f"  {tally.missing:<14}  {place}  {text}"
                yield line if len(line) <= 80 else line[:77] + "..."
    gone, all_of_them = coverage.counts()
    places = len(coverage.tallies)
    reached = sum(1 for one in coverage.tallies.values() if one.asked)
    percent = f"{coverage.percent():.1f} %"
    yield f"coverage: {reached} of {places} rules and servers reached, {gone} of {all_of_them} ways gone ({percent})"


def lcov_text(coverage: Coverage) -> str:
    """In the format of geninfo(1), which genhtml and services read: lines are places, branches the two ways of a
    condition."""
    lines = []
    for file in coverage.files():
        tallies = coverage.of_file(file)
        lines += ["TN:pointsman", f"SF:{os.path.abspath(file)}"]
        branches = [one for one in tallies if one.conditional]
        for one in branches:
            for index, (_, count) in enumerate(one.ways):
                lines.append(f"BRDA:{one.place.at.line},0,{index},{count if one.asked else '-'}")
        gone = sum(1 for one in branches for _, count in one.ways if count)
        lines += [f"BRF:{2 * len(branches)}", f"BRH:{gone}"]
        lines += [f"DA:{one.place.at.line},{one.asked}" for one in tallies]
        lines += [f"LF:{len(tallies)}", f"LH:{sum(1 for one in tallies if one.asked)}", "end_of_record"]
    return "".join(f"{line}\n" for line in lines)


HEADING: Final = "applied /  asked         "
MARK: Final = "####"


def listing_lines(coverage: Coverage, file: str, source: Sequence[str]) -> Iterator[str]:
    """The file, with how often each line has held and was asked; "####" where it was never so, "!" where
    something is missing."""
    known = {one.place.at.line: one for one in coverage.of_file(file)}
    yield HEADING + os.path.basename(file)
    for number, text in enumerate(source, 1):
        tally = known.get(number)
        yield f"{_margin(tally)} {number:>4}  {text}".rstrip()


def _margin(tally: Tally | None) -> str:
    if tally is None:
        return " " * 18
    if tally.place.kind == SERVER:
        return f"{tally.held or MARK:>7}" + " " * 9 + (" !" if tally.missing else "  ")
    return f"{tally.held or MARK:>7} /{tally.asked or MARK:>7}" + (" !" if tally.missing else "  ")


def write_listing(coverage: Coverage, folder: str) -> list[str]:
    """Each file of the configuration as FOLDER/NAME.coverage; two of one name get numbers. Raises OSError."""
    os.makedirs(folder, exist_ok=True)
    written: list[str] = []
    for file in coverage.files():
        with open(file, encoding="utf-8", errors="replace") as opened:
            source = opened.read().splitlines()
        path = os.path.join(folder, os.path.basename(file) + ".coverage")
        number = 2
        while path in written:
            path = os.path.join(folder, f"{os.path.basename(file)}.{number}.coverage")
            number += 1
        with open(path, "w", encoding="utf-8") as out:
            out.writelines(f"{line}\n" for line in listing_lines(coverage, file, source))
        written.append(path)
    return written
