"""The same request several times: a table of the servers that it came to, and their shares."""

from collections import Counter
from collections.abc import Iterator, Sequence

from pointsman.verbs.explain.as_json import Json
from pointsman.verbs.explain.model import Explanation
from pointsman.verbs.explain.places import places_of
from pointsman.verbs.explain.render import summary
from pointsman.verbs.terminal import Piece, Row, Terminal, columns, piece, row, rows, safe, shorten

SHOWN = 20  # requests of the table; of more, the first ones
BAR = 24  # columns of a share of all


def where_to(explanation: Explanation) -> str:
    """A server's full name; or what else became of the request."""
    choice = explanation.server
    if explanation.outcome == "server" and choice is not None and choice.name:
        return f"{explanation.backend}/{choice.name}"
    return f"({explanation.outcome})"


def shares(explanations: Sequence[Explanation]) -> list[tuple[str, int]]:
    """How many came where: the most first."""
    return Counter(where_to(one) for one in explanations).most_common()


def table(explanations: Sequence[Explanation], terminal: Terminal, everything: bool) -> Iterator[str]:
    """The lines."""
    first = explanations[0]
    yield from summary(first, terminal, places_of(first))
    yield ""
    shown = explanations if everything else explanations[:SHOWN]
    names = [safe(where_to(one)) for one in shown]
    room = min(max(columns(one) for one in [*names, "server"]), 40)
    entries = [row(Piece(f"{'turn':>5}  {'server':{room}}  status  why", "strong"))]
    for number, (one, name) in enumerate(zip(shown, names, strict=True), 1):
        why = one.server.why if one.server is not None else ""
        status = str(one.status or "-")
        cell = shorten(name, room)
        padded = cell + " " * (room - columns(cell))
        pieces = [Piece(f"{number:>5}  "), Piece(padded, "name"), Piece(f"  {status:6}  "), piece(why)]
        entries.append(row(*pieces, whole=False))
    if len(shown) < len(explanations):
        entries.append(row(Piece(f"{'':5}  ... {len(explanations) - len(shown):,} more (--all shows them)", "dim")))
    yield from rows(entries, terminal)
    yield ""
    yield from rows(_shares(explanations, terminal), terminal)


def _shares(explanations: Sequence[Explanation], terminal: Terminal) -> list[Row]:
    found = shares(explanations)
    total = len(explanations)
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


def repeated_json(explanations: Sequence[Explanation]) -> Json:
    """What is added to the first explanation."""
    return {
        "requests": len(explanations),
        "turns": [
            {
                "backend": one.backend or None,
                "server": one.server.name or None if one.server is not None else None,
                "outcome": one.outcome,
                "status": one.status or None,
                "why": one.server.why if one.server is not None else "",
            }
            for one in explanations
        ],
        "shares": [{"server": name, "requests": count} for name, count in shares(explanations)],
    }
