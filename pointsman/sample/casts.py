"""Casts: which types of samples turn into which, and how (manual 7.3 and 7.1's matrix).

They are chosen when an expression is compiled, so that nothing looks at types at run time. A pair without an entry is
an error of the configuration; an entry may still yield "no sample" (None) for a value such as the string "abc" as an
address. The pairs are those that the program accepts.
"""

import re
import socket
from collections.abc import Callable
from typing import Final

from pointsman.sample.types import Binary, Packed, Type, Value

Cast = Callable[[Value], Value | None]

LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 63) - 1
NUMBER: Final = re.compile(rb"([+-]?[0-9]+)")  # blanks before it make it none, as in HAProxy
MAPPED: Final = bytes(10) + b"\xff\xff"


def clamp(number: int) -> int:
    """Into 64 bits; arithmetic saturates instead of wrapping (manual 7.3.1, mul)."""
    return min(max(number, LOWEST), HIGHEST)


def same(value: Value) -> Value | None:
    return value


def _bool_to_int(value: Value) -> Value | None:
    return int(value)


def _bool_to_text(value: Value) -> Value | None:
    return b"1" if value else b"0"


def _int_to_bool(value: Value) -> Value | None:
    return value != 0


def _int_to_text(value: Value) -> Value | None:
    assert isinstance(value, int)
    return b"%d" % value


def _int_to_bytes(value: Value) -> Value | None:
    """Eight bytes, the most significant first."""
    assert isinstance(value, int)
    return value.to_bytes(8, "big", signed=True)


def _int_to_ipv4(value: Value) -> Value | None:
    assert isinstance(value, int)
    return (value & 0xFFFFFFFF).to_bytes(4, "big")


def _int_to_ipv6(value: Value) -> Value | None:
    assert isinstance(value, int)
    return MAPPED + (value & 0xFFFFFFFF).to_bytes(4, "big")


def address_text(value: Value) -> bytes | None:
    """4 or 16 bytes in their usual textual form."""
    assert isinstance(value, bytes)
    if len(value) == 4:
        return socket.inet_ntop(socket.AF_INET, value).encode()
    return socket.inet_ntop(socket.AF_INET6, value).encode() if len(value) == 16 else None


def _address_to_int(value: Value) -> Value | None:
    """An IPv4 address as a number; other addresses have none (manual 7.3.1)."""
    assert isinstance(value, bytes)
    return int.from_bytes(value, "big") if len(value) == 4 else None


def ipv6_of(value: Value) -> bytes | None:
    """IPv4 becomes ::ffff:IPv4."""
    assert isinstance(value, bytes)
    return MAPPED + value if len(value) == 4 else value


def ipv4_of(value: Value) -> bytes | None:
    """IPv4, or the IPv4 in ::ffff:IPv4, ::IPv4 or 2002:IPV4:: (manual 7.1.6)."""
    assert isinstance(value, bytes)
    if len(value) == 4:
        return value
    if value.startswith(MAPPED) or value.startswith(bytes(12)):
        return value[12:]
    return value[2:6] if value.startswith(b"\x20\x02") else None


def text_to_int(value: Value) -> int | None:
    """The number at the beginning; 0 without one; no sample for an empty string."""
    assert isinstance(value, bytes)
    if not value:
        return None
    found = NUMBER.match(value)
    if found is None:
        return 0
    digits = found.group(1)
    return clamp(int(digits)) if len(digits) < 25 else (LOWEST if digits[:1] == b"-" else HIGHEST)


def _text_to_bool(value: Value) -> Value | None:
    number = text_to_int(value)
    return None if number is None else number != 0


def text_to_address(value: Value) -> bytes | None:
    """IPv4 or IPv6 in full; never a name."""
    assert isinstance(value, bytes)
    try:
        text = value.decode("ascii")
        return socket.inet_pton(socket.AF_INET6 if ":" in text else socket.AF_INET, text)
    except (OSError, ValueError):
        return None


def _bytes_to_text(value: Value) -> Value | None:
    """What stands before the first NUL: a string has none (measured of 2.6 and 3.2)."""
    assert isinstance(value, bytes)
    return value.partition(b"\0")[0]


def _text_to_ipv4(value: Value) -> Value | None:
    packed = text_to_address(value)
    return None if packed is None else ipv4_of(packed)


def _text_to_ipv6(value: Value) -> Value | None:
    packed = text_to_address(value)
    return None if packed is None else ipv6_of(packed)


CASTS: Final[dict[tuple[Type, Type], Cast]] = {
    (Type.BOOL, Type.SINT): _bool_to_int,
    (Type.BOOL, Type.STR): _bool_to_text,
    (Type.BOOL, Type.BIN): _int_to_bytes,
    (Type.SINT, Type.BOOL): _int_to_bool,
    (Type.SINT, Type.STR): _int_to_text,
    (Type.SINT, Type.BIN): _int_to_bytes,
    (Type.SINT, Type.ADDR): _int_to_ipv4,
    (Type.SINT, Type.IPV4): _int_to_ipv4,
    (Type.SINT, Type.IPV6): _int_to_ipv6,
    (Type.ADDR, Type.SINT): _address_to_int,
    (Type.ADDR, Type.IPV4): ipv4_of,
    (Type.ADDR, Type.IPV6): ipv6_of,
    (Type.ADDR, Type.STR): address_text,
    (Type.ADDR, Type.BIN): same,
    (Type.IPV4, Type.SINT): _address_to_int,
    (Type.IPV4, Type.ADDR): same,
    (Type.IPV4, Type.IPV6): ipv6_of,
    (Type.IPV4, Type.STR): address_text,
    (Type.IPV4, Type.BIN): same,
    (Type.IPV6, Type.ADDR): same,
    (Type.IPV6, Type.IPV4): ipv4_of,
    (Type.IPV6, Type.STR): address_text,
    (Type.IPV6, Type.BIN): same,
    (Type.STR, Type.BOOL): _text_to_bool,
    (Type.STR, Type.SINT): text_to_int,
    (Type.STR, Type.ADDR): text_to_address,
    (Type.STR, Type.IPV4): _text_to_ipv4,
    (Type.STR, Type.IPV6): _text_to_ipv6,
    (Type.STR, Type.BIN): same,
    (Type.STR, Type.METH): same,
    (Type.BIN, Type.STR): _bytes_to_text,
    (Type.METH, Type.STR): same,
    (Type.METH, Type.BIN): same,
}


def find_cast(given: Type, wanted: Type) -> Cast | None:
    """How a value of one type becomes one of the other; None: it cannot. `same` means that there is nothing to do."""
    if wanted in (given, Type.ANY):
        return same
    return _dynamic(wanted) if given == Type.ANY else CASTS.get((given, wanted))


def _dynamic(wanted: Type) -> Cast:
    """For values whose type is not known before they are there; bytes count as a string, unless they are marked."""
    from_bool = CASTS.get((Type.BOOL, wanted), same)
    from_int = CASTS.get((Type.SINT, wanted), same)
    from_text = CASTS.get((Type.STR, wanted), same)
    from_address = CASTS.get((Type.ADDR, wanted), same)
    from_binary = CASTS.get((Type.BIN, wanted), same)

    def convert(value: Value) -> Value | None:
        if isinstance(value, bool):
            return from_bool(value)
        if isinstance(value, int):
            return from_int(value)
        if isinstance(value, Packed):
            return from_address(value)
        return from_binary(value) if isinstance(value, Binary) else from_text(value)

    return convert
