"""The pieces of a log-format: a native object for each item, and lines, in which items that change together are one.

    text(ctx)    what stands in the line

Plain pieces ask the tag or the expression each time: Constant, TagText, NumberText, ListText, ExpressionText, Computed,
Loose. A line (make_line) is made of groups of them. A group remembers the text of its pieces, the constants between
them included, with what decided it: small numbers in a bounded table, the last date, the address itself, the last
request line. It asks its plain pieces when what decides is new, so a group can only ever say what they say.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Final

from mypy_extensions import i64

from pointsman.core.address import AF_UNIX
from pointsman.sample.context import Context
from pointsman.sample.encode import encode_header, encode_line, encode_log, escape_structured
from pointsman.sample.key import KEY_BITS, AddressKey, Family, Key, Number, Text, digits, one_key
from pointsman.sample.types import Value

PLAIN: Final = 0  # uses of a format
HEADER: Final = 1
LOG: Final = 2

FEW: Final = 64  # texts that a group may remember, to begin with
KEPT: Final = 4096  # and in the end at most these
ONE_THING: Final = int(Family.ACCEPT)  # families from here on have one key for all of their tags


class Piece:
    """`keys` decide its text together; without keys it must be asked each time."""

    def __init__(self, keys: "Sequence[Key]" = ()) -> None:
        self.keys = list(keys)

    def text(self, ctx: Context) -> bytes:
        raise NotImplementedError

    def between(self, before: bytes, ctx: Context, behind: bytes) -> bytes:
        """Its text with others around it."""
        return b"%b%b%b" % (before, self.text(ctx), behind)


class Constant(Piece):
    def __init__(self, constant: bytes) -> None:
        super().__init__()
        self.constant = constant

    def text(self, ctx: Context) -> bytes:
        return self.constant


class Computed(Piece):
    """What a function makes: JSON, CBOR, the default line."""

    def __init__(self, render: Callable[[Context], bytes]) -> None:
        super().__init__()
        self.render = render

    def text(self, ctx: Context) -> bytes:
        return self.render(ctx)


class NumberText(Piece):
    def __init__(self, number: Number) -> None:
        super().__init__([number])
        self.number = number

    def text(self, ctx: Context) -> bytes:
        number = self.number
        text = digits(number.value(ctx))
        return b"+" + text if number.marked(ctx) else text


class TagText(Piece):
    """A tag that is a function. `hexadecimal` is for numbers and addresses, by what it yields."""

    def __init__(
        self,
        get: Callable[[Context], Value | None],
        key: Key | None,
        use: int,
        *,
        encoded: bool,
        quoted: bool,
        escaped: bool,
        hexadecimal: bool,
    ) -> None:
        super().__init__([key] if key is not None else [])
        self.get = get
        self.native = key if isinstance(key, Text) else None
        self.encoding = use if encoded else PLAIN
        self.quoted = quoted
        self.escaped = escaped
        self.hexadecimal = hexadecimal
        self.missing = b'""' if quoted else (b"-" if use == LOG else b"")
        # It is there, and empty: %HQ of "/"; a name (%hr) is not even quoted.
        self.empty = self.missing if quoted and encoded else b""

    def text(self, ctx: Context) -> bytes:
        native = self.native
        value: Value | None = self.get(ctx) if native is None else native.value(ctx)
        if value is None:
            return self.missing
        if isinstance(value, int):
            return b"%04X" % value if self.hexadecimal else b"%d" % value
        if not value:
            return self.empty
        if self.encoding != PLAIN:
            value = encode_log(value) if self.encoding == LOG else encode_header(value)
        elif self.hexadecimal:
            value = _address_hex(value)
        if self.escaped:
            value = escape_structured(value)
        return b'"%b"' % value if self.quoted else value


class AddressText(TagText):
    """The address that a tag shows, if it has no flags."""

    def __init__(self, get: Callable[[Context], Value | None], key: AddressKey, use: int) -> None:
        super().__init__(get, key, use, encoded=False, quoted=False, escaped=False, hexadecimal=False)
        self.key = key

    def text(self, ctx: Context) -> bytes:
        address = self.key.address(ctx)
        if address is None or address.family == AF_UNIX:
            return super().text(ctx)
        return address.text


class PortText(AddressText):
    """The same of a port."""

    def text(self, ctx: Context) -> bytes:
        address = self.key.address(ctx)
        if address is None or address.family == AF_UNIX:
            return super().text(ctx)
        return digits(address.port)


def _address_hex(text: bytes) -> bytes:
    """ "127.0.0.1" as 7F000001; what is no address ("unix") as it is."""
    try:
        name = text.decode("ascii")
        return socket.inet_pton(socket.AF_INET6 if ":" in name else socket.AF_INET, name).hex().upper().encode()
    except (OSError, ValueError):
        return text


class ListText(Piece):
    def __init__(
        self, many: Callable[[Context], list[bytes]], key: Key | None, use: int, *, quoted: bool, escaped: bool
    ) -> None:
        super().__init__([key] if key is not None else [])
        self.many = many
        self.quoted = quoted
        self.escaped = escaped
        self.missing = b'""' if quoted else (b"-" if use == LOG else b"")

    def text(self, ctx: Context) -> bytes:
        found: list[bytes] = []
        for value in self.many(ctx):
            if self.escaped:
                value = escape_structured(value)
            found.append(self.missing if not value else b'"' + value + b'"' if self.quoted else value)
        return b" ".join(found)


class ExpressionText(Piece):
    """`encoding` is PLAIN, LOG or HEADER."""

    def __init__(
        self, get: Callable[[Context], bytes | None], use: int, encoding: int, *, quoted: bool, escaped: bool
    ) -> None:
        super().__init__()
        self.get = get
        self.log = use == LOG
        self.encoding = encoding
        self.quoted = quoted
        self.escaped = escaped
        self.missing = b'""' if quoted else (b"-" if use == LOG else b"")

    def text(self, ctx: Context) -> bytes:
        value = self.get(ctx)
        if value is None or (not value and self.log):
            return self.missing
        if self.encoding != PLAIN:
            value = encode_line(value) if self.encoding == LOG else encode_header(value)
        if self.escaped:
            value = escape_structured(value)
        return b'"%b"' % value if self.quoted else value


class Loose(Piece):
    """Tags that may print nothing, behind a space, and a text that begins with one: two spaces would be one."""

    def __init__(self, pieces: Sequence[Piece], behind: bytes) -> None:
        super().__init__(_all_keys(pieces))
        self.pieces = list(pieces)
        self.behind = behind

    def text(self, ctx: Context) -> bytes:
        text = b"".join([piece.text(ctx) for piece in self.pieces])
        return text + self.behind if text else self.behind[1:]


def _all_keys(pieces: Sequence[Piece]) -> list[Key]:
    """Of pieces in a row; none if one of them has none."""
    keys: list[Key] = []
    for piece in pieces:
        if not piece.keys:
            return []
        keys += piece.keys
    return keys


# Pieces in a row.


class Eight(Piece):
    """Up to eight."""

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


class Seven(Eight):
    """As many as the line of option httplog has."""

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


class Four(Eight):
    """Up to four."""

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
    return Four(pieces) if len(pieces) <= 4 else Seven(pieces) if len(pieces) == 7 else Eight(pieces)


# Groups.


class CachedText:
    """A place of a table: one text."""

    def __init__(self, key: i64, text: bytes) -> None:
        self.key = key
        self.shown = text


_NONE: Final = CachedText(-1, b"")


class Remembered(Piece):
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


class Dated(Piece):
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


class Addressed(Piece):
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


class Requested(Piece):
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
        if isinstance(part, Remembered) and part.key.bits == 0 and isinstance(last, Remembered):
            found[-1] = Remembered(last.pieces + part.pieces, last.keys + part.keys, row([last, part]))
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
        return [Requested(group, keys)]
    if family >= Family.SOURCE:
        first = keys[0]
        assert isinstance(first, AddressKey)
        return [Addressed(group, first)]
    if family >= ONE_THING:
        return [Dated(group, keys[0])]
    return [Remembered(group, keys)]
