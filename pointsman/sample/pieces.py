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

from pointsman.core.address import AF_UNIX, NetAddress
from pointsman.sample.context import Context
from pointsman.sample.encode import encode_header, encode_line, encode_log, escape_structured
from pointsman.sample.key import KEY_BITS, Family, Key, Number, digits
from pointsman.sample.types import Value

PLAIN: Final = 0  # uses of a format
HEADER: Final = 1
LOG: Final = 2

KEPT: Final = 4096  # texts that a group remembers
ONE_THING: Final = int(Family.ACCEPT)  # families from here on have one key for all of their tags


class Piece:
    """`keys` decide its text together; without keys it must be asked each time."""

    def __init__(self, keys: "Sequence[Key]" = ()) -> None:
        self.keys = list(keys)

    def text(self, ctx: Context) -> bytes:
        raise NotImplementedError


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

    def __init__(self, get: Callable[[Context], Value | None], key: Key | None, use: int, *, encoded: bool,
                 quoted: bool, escaped: bool, hexadecimal: bool) -> None:
        super().__init__([key] if key is not None else [])
        self.get = get
        self.encoding = use if encoded else PLAIN
        self.quoted = quoted
        self.escaped = escaped
        self.hexadecimal = hexadecimal
        self.missing = b'""' if quoted else (b"-" if use == LOG else b"")
        # It is there, and empty: %HQ of "/"; a name (%hr) is not even quoted.
        self.empty = self.missing if quoted and encoded else b""

    def text(self, ctx: Context) -> bytes:
        value = self.get(ctx)
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


def _address_hex(text: bytes) -> bytes:
    """"127.0.0.1" as 7F000001; what is no address ("unix") as it is."""
    try:
        name = text.decode("ascii")
        return socket.inet_pton(socket.AF_INET6 if ":" in name else socket.AF_INET, name).hex().upper().encode()
    except (OSError, ValueError):
        return text


class ListText(Piece):
    def __init__(self, many: Callable[[Context], list[bytes]], key: Key | None, use: int, *, quoted: bool,
                 escaped: bool) -> None:
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

    def __init__(self, get: Callable[[Context], bytes | None], use: int, encoding: int, *, quoted: bool,
                 escaped: bool) -> None:
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


# Groups.


class Link:
    """A key in the chain of a group's: a list would look at the class of each, each time."""

    def __init__(self, key: Key, behind: "Link | None") -> None:
        self.key = key
        self.bits: i64 = key.bits
        self.behind = behind


class Remembered(Piece):
    """Pieces whose text small numbers decide."""

    def __init__(self, pieces: Sequence[Piece], keys: Sequence[Key]) -> None:
        super().__init__(keys)
        self.pieces = list(pieces)
        self.links: Link | None = None
        for key in reversed(keys):
            self.links = Link(key, self.links)
        self.table: dict[int, bytes] = {}
        self.last: i64 = -1
        self.shown = b""

    def text(self, ctx: Context) -> bytes:
        key: i64 = 0
        link = self.links
        while link is not None:
            number = link.key.of(ctx)
            if number < 0:
                return self.fresh(ctx)
            key = key << link.bits | number
            link = link.behind
        if key == self.last:
            return self.shown
        return self.remembered(key, ctx)

    def remembered(self, key: i64, ctx: Context) -> bytes:
        """For another key than last time."""
        found = self.table.get(key)
        if found is None:
            if len(self.table) >= KEPT:
                self.table.clear()
            found = self.table[key] = self.fresh(ctx)
        self.last = key
        self.shown = found
        return found

    def fresh(self, ctx: Context) -> bytes:
        return b"".join([piece.text(ctx) for piece in self.pieces])


class Dated(Remembered):
    """Pieces that show one date: it never comes again, so only the last text is remembered."""

    def remembered(self, key: i64, ctx: Context) -> bytes:
        self.shown = self.fresh(ctx)
        self.last = key
        return self.shown


class Addressed(Remembered):
    """Pieces that show one address. The text stays with the address, for as long as the connection has it."""

    def text(self, ctx: Context) -> bytes:
        family = self.keys[0].family
        if family == Family.SOURCE:
            address: NetAddress | None = ctx.source
        elif family == Family.DESTINATION:
            address = ctx.destination
        elif family == Family.SERVER_SOURCE:
            address = ctx.server_source
        else:
            address = ctx.server_address
        if address is None or address.family == AF_UNIX:  # its port is that of the listener
            return self.fresh(ctx)
        if address.shown_by is not self:
            address.shown = self.fresh(ctx)
            address.shown_by = self
        return address.shown


class Requested(Remembered):
    """Pieces that show the request line."""

    def __init__(self, pieces: Sequence[Piece], keys: Sequence[Key]) -> None:
        super().__init__(pieces, keys)
        self.line: bytes | None = None

    def text(self, ctx: Context) -> bytes:
        line = ctx.record.request_line
        last = self.line
        if last is None or line != last:
            self.shown = self.fresh(ctx)
            self.line = line
        return self.shown


class Eight(Piece):
    """Up to eight pieces in a row."""

    def __init__(self, pieces: Sequence[Piece]) -> None:
        super().__init__()
        nothing = Constant(b"")
        row = [*pieces, *[nothing] * (8 - len(pieces))]
        self.first, self.second, self.third, self.fourth = row[0], row[1], row[2], row[3]
        self.fifth, self.sixth, self.seventh, self.eighth = row[4], row[5], row[6], row[7]

    def text(self, ctx: Context) -> bytes:
        return b"%b%b%b%b%b%b%b%b" % (
            self.first.text(ctx), self.second.text(ctx), self.third.text(ctx), self.fourth.text(ctx),
            self.fifth.text(ctx), self.sixth.text(ctx), self.seventh.text(ctx), self.eighth.text(ctx))


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
    while len(parts) > 1:
        parts = [Eight(parts[at:at + 8]) for at in range(0, len(parts), 8)]
    return parts[0] if parts else Constant(b"")


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
        return [Addressed(group, keys)]
    if family >= ONE_THING:
        return [Dated(group, keys[:1])]
    return [Remembered(group, keys)]
