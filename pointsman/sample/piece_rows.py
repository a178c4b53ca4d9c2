"""Pieces of a log-format that stand in a row, as one piece.

A class for a row that is short enough asks its pieces by attributes and joins their texts in one operation: faster
than a loop over a list.
"""

from collections.abc import Sequence

from pointsman.sample.context import Context
from pointsman.sample.pieces import Constant, Piece


class UpToEight(Piece):
    """A row of five, six or eight pieces."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()
        nothing = Constant(b"")
        row = [*pieces, *[nothing] * (8 - len(pieces))]
        self.first, self.second, self.third, self.fourth = row[0], row[1], row[2], row[3]
        self.fifth, self.sixth, self.seventh, self.eighth = row[4], row[5], row[6], row[7]

    def text(self, ctx: Context) -> bytes:
        return b"%b%b%b%b%b%b%b%b" % (
            self.first.text(ctx),
            self.second.text(ctx),
            self.third.text(ctx),
            self.fourth.text(ctx),
            self.fifth.text(ctx),
            self.sixth.text(ctx),
            self.seventh.text(ctx),
            self.eighth.text(ctx),
        )

    def between(self, before: bytes, ctx: Context, behind: bytes) -> bytes:
        return b"%b%b%b%b%b%b%b%b%b%b" % (
            before,
            self.first.text(ctx),
            self.second.text(ctx),
            self.third.text(ctx),
            self.fourth.text(ctx),
            self.fifth.text(ctx),
            self.sixth.text(ctx),
            self.seventh.text(ctx),
            self.eighth.text(ctx),
            behind,
        )


class ExactlySeven(UpToEight):
    """A row of seven pieces: so many has the line of option httplog."""

    def text(self, ctx: Context) -> bytes:
        return b"%b%b%b%b%b%b%b" % (
            self.first.text(ctx),
            self.second.text(ctx),
            self.third.text(ctx),
            self.fourth.text(ctx),
            self.fifth.text(ctx),
            self.sixth.text(ctx),
            self.seventh.text(ctx),
        )

    def between(self, before: bytes, ctx: Context, behind: bytes) -> bytes:
        return b"%b%b%b%b%b%b%b%b%b" % (
            before,
            self.first.text(ctx),
            self.second.text(ctx),
            self.third.text(ctx),
            self.fourth.text(ctx),
            self.fifth.text(ctx),
            self.sixth.text(ctx),
            self.seventh.text(ctx),
            behind,
        )


class UpToFour(UpToEight):
    """A row of two to four pieces."""

    def text(self, ctx: Context) -> bytes:
        return b"%b%b%b%b" % (self.first.text(ctx), self.second.text(ctx), self.third.text(ctx), self.fourth.text(ctx))

    def between(self, before: bytes, ctx: Context, behind: bytes) -> bytes:
        return b"%b%b%b%b%b%b" % (
            before,
            self.first.text(ctx),
            self.second.text(ctx),
            self.third.text(ctx),
            self.fourth.text(ctx),
            behind,
        )


def row(pieces: Sequence[Piece]) -> Piece:
    """Any number of pieces as one."""
    parts = list(pieces)
    while len(parts) > 1:
        parts = [_row(parts[at : at + 8]) for at in range(0, len(parts), 8)]
    return parts[0] if parts else Constant(b"")


def _row(pieces: list[Piece]) -> Piece:
    if len(pieces) == 1:
        return pieces[0]
    return UpToFour(pieces) if len(pieces) <= 4 else ExactlySeven(pieces) if len(pieces) == 7 else UpToEight(pieces)
