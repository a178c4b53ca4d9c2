"""The pieces of a log-format: a native object for each item, which asks its tag or its expression each time.

    text(ctx)    what stands in the line

piece_rows.py makes one piece of several in a row; piece_groups.py makes lines, in which items that change together are
one piece that remembers its text.
"""

import socket
from collections.abc import Callable, Sequence
from typing import Final

from pointsman.core.address import AF_UNIX
from pointsman.sample.context import Context
from pointsman.sample.encode import encode_header, encode_line, encode_log, escape_structured
from pointsman.sample.key import AddressKey, Key, Number, Text, digits
from pointsman.sample.types import Value

UNENCODED: Final = 0  # uses of a format
HEADER: Final = 1
LOG: Final = 2


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
        self.encoding = use if encoded else UNENCODED
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
        if self.encoding != UNENCODED:
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
    """The port that a tag shows, if it has no flags."""

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
    """`encoding` is UNENCODED, LOG or HEADER."""

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
        if self.encoding != UNENCODED:
            value = encode_line(value) if self.encoding == LOG else encode_header(value)
        if self.escaped:
            value = escape_structured(value)
        return b'"%b"' % value if self.quoted else value


class OptionalText(Piece):
    """Tags that may print nothing, behind a space, and a text that begins with one: two spaces would be one."""

    def __init__(self, pieces: Sequence[Piece], behind: bytes) -> None:
        super().__init__(_all_keys(pieces))
        self.pieces = list(pieces)
        self.behind = behind

    def text(self, ctx: Context) -> bytes:
        text = b"".join([piece.text(ctx) for piece in self.pieces])
        return text + self.behind if text else self.behind[1:]


def _all_keys(pieces: Sequence[Piece]) -> list[Key]:
    """The keys of pieces in a row; none if one of them has none."""
    keys: list[Key] = []
    for piece in pieces:
        if not piece.keys:
            return []
        keys += piece.keys
    return keys
