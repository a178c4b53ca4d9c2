"""The same request several times: a table of the servers that it came to, and their shares."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from pointsman.verbs.explain.as_json import Json
from pointsman.verbs.explain.model import Explanation
from pointsman.verbs.explain.places import places_of
from pointsman.verbs.explain.render import summary
from pointsman.verbs.terminal import Piece, Row, Terminal, columns, piece, row, rows, safe, shorten

SHOWN = 20  # requests of the table; of more, the first ones
BAR = 24  # columns of a share of all


@dataclass(frozen=True, slots=True)
class Turn:
    """What is kept of each request: explanations are large."""

    backend: str
    server: str
    outcome: str
    status: int
    why: str

    @property
    def where_to(self) -> str:
        """A server's full name; or what else became of the request."""
        return f"{self.backend}/{self.server}" if self.outcome == "server" and self.server else f"({self.outcome})"


def turn_of(explanation: Explanation) -> Turn:
    """What is kept of it."""
    choice = explanation.server
    name, why = (choice.name, choice.why) if choice is not None else ("", "")
    return Turn(explanation.backend, name, explanation.outcome, explanation.status, why)


def shares(turns: Sequence[Turn]) -> list[tuple[str, int]]:
    """How many came where: the most first."""
    return Counter(one.where_to for one in turns).most_common()


def table(first: Explanation, turns: Sequence[Turn], terminal: Terminal, everything: bool) -> Iterator[str]:
    """The lines. `first`: the first of the explanations."""
    yield from summary(first, terminal, places_of(first))
    yield ""
    shown = turns if everything else turns[:SHOWN]
    names = [safe(one.where_to) for one in shown]
    room = min(max(columns(one) for one in [*names, "server"]), 40)
    entries = [row(Piece(f"{'turn':>5}  {'server':{room}}  status  why", "strong"))]
    for number, (one, name) in enumerate(zip(shown, names, strict=True), 1):
        status = str(one.status or "-")
        cell = shorten(name, room)
        padded = cell + " " * (room - columns(cell))
        pieces = [Piece(f"{number:>5}  "), Piece(padded, "name"), Piece(f"  {status:6}  "), piece(one.why)]
        entries.append(row(*pieces, whole=False))
    if len(shown) < len(turns):
        entries.append(row(Piece(f"{'':5}  ... {len(turns) - len(shown):,} more (--all shows them)", "dim")))
    yield from rows(entries, terminal)
    yield ""
    yield from rows(_shares(turns, terminal), terminal)


def _shares(turns: Sequence[Turn], terminal: Terminal) -> list[Row]:
    found = shares(turns)
    total = len(turns)
    room = min(max(columns(safe(name)) for name, _ in found), 30)
    digits = len(f"{total:,}")
    entries = [row(Piece(f"shares of {total:,} requests", "strong"))]
    for name, count in found:
        cell = shorten(safe(name), room)
        bar = ("█" if terminal.unicode else "#") * max(1, round(BAR * count / total))
        entries.append(
            row(
                "  ",
                Piece(cell + " " * (room - columns(cell)), "name"),
                f"  {count:>{digits},}  {100 * count / total:5.1f} %  ",
                piece(bar, "good"),
            )
        )
    return entries


def repeated_json(turns: Sequence[Turn]) -> Json:
    """What is added to the first explanation."""
    return {
        "requests": len(turns),
        "turns": [
            {
                "backend": one.backend or None,
                "server": one.server or None,
                "outcome": one.outcome,
                "status": one.status or None,
                "why": one.why,
            }
            for one in turns
        ],
        "shares": [{"server": name, "requests": count} for name, count in shares(turns)],
    }
