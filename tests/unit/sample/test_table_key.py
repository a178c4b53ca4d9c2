"""Keys of stick tables from samples of each type: the values are those that haproxy 3.2 shows in `show table` for the
same expressions and tables, and 2.6 where it does not differ (it takes no 6to4 addresses or ::1 for IPv4)."""

import pytest

import pointsman.keywords  # noqa: F401
from pointsman.core.diagnostics import Position
from pointsman.core.words import Word
from pointsman.sample.context import Context, ListenerFacts, ProxyFacts, Session
from pointsman.sample.expression import parse_expression
from pointsman.sample.source import Getter
from pointsman.sample.table_key import key_maker, table_key
from pointsman.sample.types import Binary, Packed, Type, Value, Where
from pointsman.tables.stick_options import StickTableOptions
from pointsman.tables.stick_types import KeyType

TABLES = {
    "ip": (KeyType.IPV4, 4),
    "ipv6": (KeyType.IPV6, 16),
    "integer": (KeyType.INTEGER, 4),
    "string": (KeyType.STRING, 31),
    "string5": (KeyType.STRING, 5),
    "binary": (KeyType.BINARY, 32),
    "binary4": (KeyType.BINARY, 4),
}
MAPPED = bytes(10) + b"\xff\xff"


def options(name: str) -> StickTableOptions:
    kind, size = TABLES[name]
    return StickTableOptions(name="t", type=kind, key_size=size, size=10)


def key(text: str, name: str) -> bytes | None:
    word = Word(text, Position("f", 1, 1, len(text), text))
    ask = table_key(parse_expression(word, Where.HTTP_REQ), options(name))
    assert ask is not None, "no cast"
    session = Session(ListenerFacts("", 0))
    return ask(Context(ProxyFacts("f", 2, True), session))


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("int(-1)", "ip", b"\xff\xff\xff\xff"),
        ("int(4294967296)", "ip", bytes(4)),
        ("int(5000000000)", "ipv6", MAPPED + bytes((42, 5, 242, 0))),
        ("int(-1)", "integer", b"\xff\xff\xff\xff"),
        ("int(5000000000)", "integer", (705032704).to_bytes(4, "big")),
        ("int(-1)", "string", b"-1"),
        ("int(4294967296)", "string5", b"42949"),
        ("int(-1)", "binary", b"\xff" * 8 + bytes(24)),
        ("int(3232235777)", "binary4", bytes(4)),
        ("bool(1)", "integer", b"\0\0\0\1"),
        ("bool(1)", "string", b"1"),
        ("bool(1)", "binary", bytes(7) + b"\1" + bytes(24)),
        ("str(abc)", "ip", None),
        ("str(abc)", "ipv6", None),
        ("str(abc)", "integer", bytes(4)),
        ("str(12abc)", "integer", b"\0\0\0\x0c"),
        ("str()", "integer", None),
        ("str()", "string", b""),
        ("str()", "binary4", bytes(4)),
        ("str(192.168.1.1)", "ip", bytes((192, 168, 1, 1))),
        ("str(192.168.1.1)", "ipv6", None),
        ("str(192.168.1.1)", "string5", b"192.1"),
        ("str(::1)", "ip", None),
        ("str(::1)", "ipv6", bytes(15) + b"\1"),
        ("str(::ffff:1.2.3.4)", "ip", None),
        ("str(localhost)", "ip", None),
        ("ipv4(1.2.3.4)", "ip", bytes((1, 2, 3, 4))),
        ("ipv4(1.2.3.4)", "ipv6", MAPPED + bytes((1, 2, 3, 4))),
        ("ipv4(1.2.3.4)", "integer", (16909060).to_bytes(4, "big")),
        ("ipv4(1.2.3.4)", "string", b"1.2.3.4"),
        ("ipv4(1.2.3.4)", "binary", bytes((1, 2, 3, 4)) + bytes(28)),
        ("ipv6(::1)", "ip", b"\0\0\0\1"),
        ("ipv6(::ffff:1.2.3.4)", "ip", bytes((1, 2, 3, 4))),
        ("ipv6(2002:102:304::)", "ip", bytes((1, 2, 3, 4))),
        ("ipv6(fe80::1)", "ip", None),
        ("ipv6(fe80::1)", "string5", b"fe80:"),
        ("ipv6(fe80::1)", "binary4", b"\xfe\x80\0\0"),
        ("bin(0102)", "string", b"\1\2"),
        ("bin(610062)", "string", b"a"),
        ("bin(610062)", "binary4", b"a\0b\0"),
        ("bin(010203040506)", "binary4", b"\1\2\3\4"),
        ("str(0123456789012345678901234567890123456789)", "string", b"0123456789012345678901234567890"),
        ("str(0123456789012345678901234567890123456789)", "binary", b"01234567890123456789012345678901"),
        ("str(0123456789012345678901234567890123456789)", "integer", b"\xff\xff\xff\xff"),
        ("str(-5)", "integer", (4294967291).to_bytes(4, "big")),
        ("str(99999999999)", "integer", (1215752191).to_bytes(4, "big")),
        ("req.hdr(none)", "string", None),
    ],
)
def test_samples_become_keys(text: str, name: str, expected: bytes | None) -> None:
    assert key(text, name) == expected


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("src", "integer"),  # which 2.6 took
        ("bool(1)", "ip"),
        ("bool(1)", "ipv6"),
        ("ipv6(::1)", "integer"),
        *[(text, name) for text in ("bin(0102)", "method") for name in ("ip", "ipv6", "integer")],
    ],
)
def test_types_that_do_not_fit(text: str, name: str) -> None:
    word = Word(text, Position("f", 1, 1, len(text), text))
    assert table_key(parse_expression(word, Where.HTTP_REQ), options(name)) is None


@pytest.mark.parametrize(
    ("value", "name", "expected"),
    [
        (7, "ip", b"\0\0\0\7"),
        (7, "ipv6", MAPPED + b"\0\0\0\7"),
        (7, "string", b"7"),
        (b"abc", "ip", None),
        (b"abc", "integer", bytes(4)),
        (Packed(bytes((127, 0, 0, 1))), "ip", bytes((127, 0, 0, 1))),
        (Packed(bytes((127, 0, 0, 1))), "string", b"127.0.0.1"),
        (Packed(bytes((127, 0, 0, 1))), "binary4", bytes((127, 0, 0, 1))),
        (True, "ip", None),
        (True, "integer", b"\0\0\0\1"),
        (Binary(b"\1\2"), "ip", None),
        (Binary(b"\1\2"), "integer", None),
        (Binary(b"\1\2"), "string", b"\1\2"),
        (Binary(b"\1\2"), "binary4", b"\1\2\0\0"),
    ],
)
def test_variables_become_keys_by_what_they_hold(value: Value, name: str, expected: bytes | None) -> None:
    maker = key_maker(Type.ANY, options(name))
    assert maker is not None
    assert maker.key(value) == expected


def test_converters_take_an_address_for_what_it_is() -> None:
    maker = key_maker(Type.ADDR, options("integer"), when_met=True)
    assert maker is not None
    assert maker.key(bytes((127, 0, 0, 1))) == bytes((127, 0, 0, 1))
    assert maker.key(bytes(16)) is None
    never = key_maker(Type.BIN, options("ip"), when_met=True)
    assert never is not None
    assert never.key(b"\1\2\3\4") is None


def test_getters_are_the_same_kind() -> None:
    word = Word("int(1)", Position("f", 1, 1, 6, "int(1)"))
    ask: Getter | None = table_key(parse_expression(word, Where.HTTP_REQ), options("integer"))
    assert ask is not None
