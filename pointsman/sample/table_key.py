"""Keys of stick tables from samples (manual 11.1): cast to the type of the table, then cut or filled up to its size.

The casts are those between types of samples, but for text that becomes an address: an IPv4 address in text is none of a
table of IPv6 addresses, and the other way round. Addresses that are not text do become each other where they can.
"""

import socket
from collections.abc import Callable
from typing import Final

from pointsman.sample.casts import CASTS, Cast, same
from pointsman.sample.context import Context
from pointsman.sample.expression import Expression
from pointsman.sample.types import Binary, Packed, Type, Value
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_types import KeyType

KeyGetter = Callable[[Context], bytes | None]
SAMPLE_TYPES: Final = {
    KeyType.IPV4: Type.IPV4,
    KeyType.IPV6: Type.IPV6,
    KeyType.INTEGER: Type.SINT,
    KeyType.STRING: Type.STR,
    KeyType.BINARY: Type.BIN,
}
_STRING: Final = int(KeyType.STRING)
_BINARY: Final = int(KeyType.BINARY)
_INTEGER: Final = int(KeyType.INTEGER)


def table_key(expression: Expression, options: StickTableOptions) -> KeyGetter | None:
    """What asks an expression for a key of a table; None: their types do not fit, which is an error of the line. No
    sample, or one that is no such key (text that is no address): no key."""
    made = tracking_key(expression, options)
    return None if made is None else made.get


def tracking_key(expression: Expression, options: StickTableOptions) -> "TableKey | None":
    """The same as an object, for callers that are compiled."""
    maker = key_maker(expression.type, options)
    return None if maker is None else TableKey(expression, maker)


def key_maker(kind: Type, options: StickTableOptions, when_met: bool = False) -> "KeyMaker | None":
    """What makes keys of samples of one type; None: there is no cast. `when_met`: an address counts as what it is then,
    IPv4 or IPv6, as in HAProxy's converters; else it must fit a table whatever it is."""
    wanted = SAMPLE_TYPES[options.type]
    cast = _find(kind, wanted)
    if kind == Type.ADDR and wanted == Type.SINT and not when_met:
        cast = None
    if cast is None:
        if not when_met:
            return None
        cast = _never
    return KeyMaker(None if cast is same else cast, int(options.type), options.key_size)


class KeyMaker:
    """Keys of one table, from samples of one type."""

    def __init__(self, cast: Cast | None, kind: int, size: int) -> None:
        self.cast = cast
        self.kind = kind
        self.size = size

    def key(self, value: Value) -> bytes | None:
        cast = self.cast
        if cast is not None:
            made = cast(value)
            if made is None:
                return None
            value = made
        kind = self.kind
        if kind == _INTEGER:
            assert isinstance(value, int)
            return (value & 0xFFFFFFFF).to_bytes(4, "big")
        assert isinstance(value, bytes)
        if kind == _STRING:
            end = value.find(b"\0")  # as HAProxy's strings do
            if 0 <= end < self.size:
                return value[:end]
            return value if len(value) <= self.size else value[: self.size]
        if kind == _BINARY:
            length = len(value)
            if length < self.size:
                return value + bytes(self.size - length)
            return value if length == self.size else value[: self.size]
        return value


class TableKey:
    """An expression as the key of a table."""

    def __init__(self, expression: Expression, maker: KeyMaker) -> None:
        self.expression = expression
        self.maker = maker

    def get(self, ctx: Context) -> bytes | None:
        value = self.expression.get(ctx)
        return None if value is None else self.maker.key(value)


def _find(kind: Type, wanted: Type) -> Cast | None:
    if kind == Type.ANY:
        return _Unknown(wanted).turn
    if kind == Type.STR and wanted == Type.IPV4:
        return _text_to_ipv4
    if kind == Type.STR and wanted == Type.IPV6:
        return _text_to_ipv6
    return same if kind == wanted else CASTS.get((kind, wanted))


class _Unknown:
    """For values whose type is not known before they are there: variables."""

    def __init__(self, wanted: Type) -> None:
        self.from_bool = _find(Type.BOOL, wanted)
        self.from_int = _find(Type.SINT, wanted)
        self.from_text = _find(Type.STR, wanted)
        self.from_address = _find(Type.ADDR, wanted)
        self.from_binary = _find(Type.BIN, wanted)

    def turn(self, value: Value) -> Value | None:
        if isinstance(value, bool):
            cast = self.from_bool
        elif isinstance(value, int):
            cast = self.from_int
        elif isinstance(value, Packed):
            cast = self.from_address
        else:
            cast = self.from_binary if isinstance(value, Binary) else self.from_text
        return None if cast is None else cast(value)


def _never(value: Value) -> Value | None:
    """A sample that is no key of such a table."""
    return None


def _text_to_ipv4(value: Value) -> Value | None:
    assert isinstance(value, bytes)
    return _packed(socket.AF_INET, value)


def _text_to_ipv6(value: Value) -> Value | None:
    assert isinstance(value, bytes)
    return _packed(socket.AF_INET6, value)


def _packed(family: int, value: bytes) -> bytes | None:
    try:
        return socket.inet_pton(family, value.decode("ascii"))
    except (OSError, ValueError):
        return None
