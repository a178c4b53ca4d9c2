"""Lines of log-formats, made of groups: neighbours whose texts change together.

A group remembers the text of its pieces, the constants between them included, with what decided it: small numbers in a
bounded table, the last date, the address itself, the last request line. It asks its pieces when what decides is new, so
a group can only ever say what they say.
"""

from collections.abc import Sequence
from typing import Final

from mypy_extensions import i64

from pointsman.core.address import AF_UNIX
from pointsman.sample.context import Context
from pointsman.sample.key import KEY_BITS, AddressKey, Family, Key, one_key
from pointsman.sample.piece_rows import row
from pointsman.sample.pieces import Constant, Piece

FEW: Final = 64  # texts that a group may remember, to begin with
KEPT: Final = 4096  # and in the end at most these
ONE_THING: Final = int(Family.ACCEPT)  # families from here on have one key for all of their tags


class CachedText:
    """The text in one place of a group's table, with its key."""

    def __init__(self, key: i64, text: bytes) -> None:
        self.key = key
        self.shown = text


_NONE: Final = CachedText(-1, b"")


class NumberedGroup(Piece):
    """Pieces whose text small numbers decide. Each has its place in a table, where a newer one takes it.

    `otherwise` say the same where no number can tell.
    """

    def __init__(self, pieces: Sequence[Piece], keys: Sequence[Key], otherwise: Piece | None = None) -> None:
        super().__init__(keys)
        self.pieces = list(pieces)
        self.key = one_key(keys)
        self.whole = row(pieces)
        self.otherwise = self.whole if otherwise is None else otherwise
        self.table = [_NONE] * FEW
        self.mask: i64 = FEW - 1
        self.made: i64 = 0

    def text(self, ctx: Context) -> bytes:
        key = self.key.of(ctx)
        if key < 0:
            return self.otherwise.text(ctx)
        slot = self.table[self._place(key)]
        if slot.key == key:
            return slot.shown
        return self.made_for(key, ctx)

    def made_for(self, key: i64, ctx: Context) -> bytes:
        """For a key that has no place."""
        text = self.whole.text(ctx)
        self.made += 1
        if self.made > self.mask and self.mask + 1 < KEPT:
            self._grow()
        place = self._place(key)
        slot = self.table[place]
        if slot is _NONE:
            self.table[place] = CachedText(key, text)
        else:
            slot.key = key
            slot.shown = text
        return text

    def _place(self, key: i64) -> i64:
        return ((key ^ key >> 31) & 0x7FFF_FFFF) * 0x9E37_79B1 >> 31 & self.mask

    def _grow(self) -> None:
        """As many texts were made as there are places."""
        old = self.table
        self.made = 0
        self.mask = 2 * self.mask + 1
        self.table = [_NONE] * (2 * len(old))
        for slot in old:
            if slot is not _NONE:
                self.table[self._place(slot.key)] = slot


class DateGroup(Piece):
    """Pieces that show one date: it never comes again, so only the last text is remembered."""

    def __init__(self, pieces: Sequence[Piece], key: Key) -> None:
        super().__init__([key])
        self.whole = row(pieces)
        self.key = key
        self.last: i64 = -1
        self.shown = b""

    def text(self, ctx: Context) -> bytes:
        key = self.key.of(ctx)
        if key != self.last or key < 0:
            self.shown = self.whole.text(ctx)
            self.last = key
        return self.shown


class AddressGroup(Piece):
    """Pieces that show one address. The text stays with the address, for as long as the connection has it."""

    def __init__(self, pieces: Sequence[Piece], key: AddressKey) -> None:
        super().__init__([key])
        self.whole = row(pieces)
        self.key = key

    def text(self, ctx: Context) -> bytes:
        address = self.key.address(ctx)
        if address is not None and address.shown_by is self:
            return address.shown
        text = self.whole.text(ctx)
        if address is not None and address.family != AF_UNIX:  # the port of those is that of the listener
            address.shown = text
            address.shown_by = self
        return text


class RequestLineGroup(Piece):
    """Pieces that show the request line."""

    def __init__(self, pieces: Sequence[Piece], keys: Sequence[Key]) -> None:
        super().__init__(keys)
        self.whole = row(pieces)
        self.line: bytes | None = None
        self.shown = b""

    def text(self, ctx: Context) -> bytes:
        line = ctx.record.request_line
        last = self.line
        if line is not last and (last is None or line != last):
            self.shown = self.whole.text(ctx)
            self.line = line
        return self.shown


def make_line(pieces: Sequence[Piece]) -> Piece:
    """The line of some plain pieces: neighbours that change together are one group."""
    parts: list[Piece] = []
    group: list[Piece] = []
    keys: list[Key] = []
    for piece in pieces:
        if isinstance(piece, Constant):
            group.append(piece)
            continue
        joins = _joins(keys, piece.keys)
        if not joins or not piece.keys:
            parts += _closed(group, keys)
            group, keys = [], []
        if piece.keys:
            group.append(piece)
            keys = keys + piece.keys
        else:
            parts.append(piece)
    parts += _closed(group, keys)
    parts = _with_captures(parts)
    return row(parts)


def _with_captures(parts: list[Piece]) -> list[Piece]:
    """Where nothing is captured, what shows captures is one text with the group before it."""
    found: list[Piece] = []
    for part in parts:
        last = found[-1] if found else None
        if isinstance(part, NumberedGroup) and part.key.bits == 0 and isinstance(last, NumberedGroup):
            found[-1] = NumberedGroup(last.pieces + part.pieces, last.keys + part.keys, row([last, part]))
        else:
            found.append(part)
    return found


def _joins(keys: list[Key], more: list[Key]) -> bool:
    """Whether a piece goes into the group of its neighbours."""
    if not keys or not more:
        return True
    family = keys[0].family
    if any([key.family != family for key in more]):
        return False
    return family >= ONE_THING or sum([key.bits for key in keys + more]) <= KEY_BITS


def _closed(group: list[Piece], keys: list[Key]) -> list[Piece]:
    """What stands in the line for a group that is complete."""
    if not keys:
        text = b"".join([piece.constant for piece in group if isinstance(piece, Constant)])
        return [Constant(text)] if text else []
    family = keys[0].family
    if family == Family.REQUEST_LINE:
        return [RequestLineGroup(group, keys)]
    if family >= Family.SOURCE:
        first = keys[0]
        assert isinstance(first, AddressKey)
        return [AddressGroup(group, first)]
    if family >= ONE_THING:
        return [DateGroup(group, keys[0])]
    return [NumberedGroup(group, keys)]
