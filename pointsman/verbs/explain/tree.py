"""Trees of rows in 80 columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from pointsman.verbs.terminal import WIDTH, Piece, Row, Terminal, lines_of, row


@dataclass(slots=True)
class Node:
    """A row, what is said about it (`details`, without lines of the tree), and what is below it."""

    head: Row
    details: list[Row] = field(default_factory=list)
    below: list["Node"] = field(default_factory=list)


_LINES = {True: ("├─ ", "└─ ", "│  ", "   "), False: ("|- ", "`- ", "|  ", "   ")}


def rendered(roots: Sequence[Node], terminal: Terminal, width: int = WIDTH) -> Iterator[str]:
    """The lines of trees, the roots at the left edge."""
    for root in roots:
        yield from _node(root, "", "", "│  " if terminal.unicode else "|  ", terminal, width)


def _node(node: Node, first: str, further: str, stem: str, terminal: Terminal, width: int) -> Iterator[str]:
    """`first`: before its head; `further`: before what follows it; `stem`: from it to what is below."""
    held = further + (stem if node.below else "   ")
    yield from lines_of(node.head, first, held, terminal, width)
    for entry in node.details:
        yield from lines_of(entry, held, held, terminal, width)
    branch, last, through, nothing = _LINES[terminal.unicode]
    for number, one in enumerate(node.below):
        end = number == len(node.below) - 1
        yield from _node(
            one, further + (last if end else branch), further + (nothing if end else through), stem, terminal, width
        )


def leaf(*pieces: Piece | str, place: str = "", whole: bool = True) -> Node:
    """A node with nothing below."""
    return Node(
        row(
            *pieces,
            place=place,
            whole=whole,
        )
    )
