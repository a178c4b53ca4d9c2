"""Arguments in parentheses: how they are split, unquoted (manual 2.2) and typed (manual 7.3).

A signature is written as HAProxy prints it: "(string,integer[,table])"; what stands in brackets may be left out. The
text between the parentheses has a level of quoting of its own, like that of the file but without \\#, \\$ and \\xNN.
"""

import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.words import Word
from pointsman.sample.context import Context
from pointsman.sample.types import Type
from pointsman.tables.stick_tables import TABLES, TableReference

ESCAPES: Final = {"n": "\n", "r": "\r", "t": "\t", " ": " ", "\\": "\\", '"': '"', "'": "'"}
KINDS: Final = {
    "string",
    "integer",
    "regex",
    "user list",
    "table",
    "frontend",
    "backend",
    "server",
    "IPv4 address",
    "IPv6 address",
    "IPv4 mask",
    "IPv6 mask",
    "Protocol buffers field number",
}
# Types that name another object of the configuration: the text is kept, and whoever builds the object looks it up.
NAMED: Final = {"user list", "table", "frontend", "backend", "server"}
FIELD_NUMBERS: Final = re.compile(r"[0-9]+(\.[0-9]+)*", re.ASCII)
INTEGER: Final = re.compile(r"[+-]?[0-9]+", re.ASCII)
LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 63) - 1

Argument = str | int | bytes


@dataclass(frozen=True, slots=True)
class Signature:
    """The types of arguments, and how many of them must be there."""

    kinds: tuple[str, ...]
    required: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Another object that an expression names (a backend, a table); who builds the configuration looks it up."""

    kind: str
    name: str
    at: Position


def signature(text: str) -> Signature:
    """From HAProxy's notation; "" is none. An unknown type is a bug: ValueError."""
    inner = text.removeprefix("(").removesuffix(")")
    if not inner:
        return Signature((), 0)
    required = [kind for kind in inner.partition("[")[0].split(",") if kind]
    kinds = tuple(kind.strip() for kind in inner.replace("[", "").replace("]", "").split(","))
    if not KINDS.issuperset(kinds):
        raise ValueError(f"unknown type of argument in {text!r}")
    return Signature(kinds, len(required))


def encode(text: str) -> bytes:
    """Words of the configuration as bytes; bytes of the file that are no UTF-8 came in as surrogates."""
    return text.encode("utf-8", "surrogateescape")


def inside(word: Word, start: int, length: int) -> Position:
    """The place of a part of a word: exact where that can be known behind quotes and escapes, else the whole word."""
    at = word.at
    written = at.text[at.column - 1 : at.column - 1 + at.length]
    if written != word.text:
        part = word.text[start : start + length]
        if written[1:-1] == word.text and written[0] in "'\"":
            start += 1
        elif part and written.count(part) == 1:
            start = written.index(part)
        else:
            return at
    return Position(at.file, at.line, at.column + start, max(length, 1), at.text)


class Spot:
    """A part of a word, whose place is worked out when it is asked for: few are."""

    __slots__ = ("length", "start", "word")

    def __init__(self, word: Word, start: int, length: int) -> None:
        self.word = word
        self.start = start
        self.length = length

    @property
    def at(self) -> Position:
        return inside(self.word, self.start, self.length)


class AclScope:
    """The section in which an expression stands: its named ACLs, which the fetch `acl` may ask, and whose it is."""

    def __init__(self) -> None:
        self.proxy = ""  # its name, which tables have that are not named; "": a section of another kind
        self.shared = False  # a defaults section: whose proxy that is cannot be told

    def find(self, name: str, at: Position) -> tuple[Callable[[Context], bool], int] | None:
        """The test of a named ACL, and what it reads; None: there is none of that name. `at`: where it is asked for."""
        raise NotImplementedError


class Arguments:
    """The arguments of one fetch or converter, typed."""

    def __init__(self, called: str, values: list[Argument | None], place: Spot) -> None:
        self.acls: AclScope | None = None
        self.input = Type.ANY  # what comes into a converter
        self.reads = 0  # what the arguments themselves read; added to what the fetch declares
        self.called = called  # "fetch method 'str'"
        self.values = values  # None: left out
        self.place = place

    @property
    def at(self) -> Position:
        return self.place.at

    def given(self, index: int) -> bool:
        return index < len(self.values) and self.values[index] is not None

    def word(self, index: int, default: str = "") -> str:
        value = self.values[index] if index < len(self.values) else None
        return value if isinstance(value, str) else default

    def text(self, index: int, default: bytes = b"") -> bytes:
        """A string as bytes; an address or mask in its packed form."""
        value = self.values[index] if index < len(self.values) else None
        if isinstance(value, str):
            return encode(value)
        return value if isinstance(value, bytes) else default

    def table(self, index: int) -> TableReference:
        """The table that an argument names, or that of the proxy in which the expression stands."""
        name, scope = self.word(index), self.acls
        if name or scope is None:
            return TABLES.refer(name, self.at, not name)
        return TABLES.refer(scope.proxy, self.at, scope.shared or not scope.proxy)

    def number(self, index: int, default: int = 0) -> int:
        value = self.values[index] if index < len(self.values) else None
        return value if isinstance(value, int) else default

    def wrong(self, message: str, expected: str = "") -> ConfigError:
        """An error of these arguments."""
        return ConfigError(f"invalid args in {self.called} : {message}", self.at, expected)


def split_arguments(word: Word, start: int, called: str) -> tuple[list[str], int]:
    """The texts of the arguments behind an opening parenthesis at `start` - 1, and the index behind the closing one."""
    text = word.text
    found: list[str] = []
    current: list[str] = []
    quote = ""
    index = start
    while index < len(text):
        char = text[index]
        following = text[index + 1 : index + 2]
        if char == "\\" and quote != "'" and following and following in ESCAPES:
            current.append(ESCAPES[following])
            index += 1
        elif quote:
            if char == quote:
                quote = ""
            else:
                current.append(char)
        elif char in "\"'":
            quote = char
        elif char == ",":
            found.append("".join(current))
            current = []
        elif char == ")":
            found.append("".join(current))
            return found, index + 1
        else:
            current.append(char)
        index += 1
    what = f"unmatched quote ({quote})" if quote else "expected ')'"
    raise ConfigError(
        f"{called} : {what}",
        inside(word, start - 1, len(text) - start + 1),
        "a closing quote" if quote else "')' behind the arguments",
    )


def type_arguments(shape: Signature, texts: list[str], called: str, place: Spot) -> Arguments:
    """Check the texts against a signature. Missing strings are empty, as in HAProxy; other missing ones are errors."""
    if texts == [""]:
        texts = []
    if len(texts) > len(shape.kinds):
        extra = texts[len(shape.kinds)]
        raise ConfigError(
            f"{called} : expected ')' before '{extra}'",
            place.at,
            f"at most {len(shape.kinds)} arguments" if shape.kinds else "no arguments",
        )
    values: list[Argument | None] = []
    for index, kind in enumerate(shape.kinds):
        if index < len(texts) and (texts[index] or kind == "string"):
            values.append(_typed(kind, texts[index], called, index + 1, place))
        elif index < shape.required and kind == "string":
            values.append("")
        elif index < len(texts) or (index < shape.required and kind not in NAMED):
            raise ConfigError(f"{called} : expected type '{kind}' at position {index + 1}, but got nothing", place.at)
        else:
            values.append(None)
    return Arguments(called, values, place)


def _typed(kind: str, text: str, called: str, number: int, place: Spot) -> Argument:
    value: Argument | None = text
    if kind == "integer":
        value = min(max(int(text), LOWEST), HIGHEST) if INTEGER.fullmatch(text) else None
    elif kind in ("IPv4 address", "IPv6 address"):
        value = _packed(text, kind == "IPv6 address")
    elif kind in ("IPv4 mask", "IPv6 mask"):
        value = parse_mask(text, kind == "IPv6 mask")
    elif kind == "Protocol buffers field number":
        value = text if FIELD_NUMBERS.fullmatch(text) else None
    if value is None:
        raise ConfigError(f"{called} : failed to parse '{text}' as type '{kind}' at position {number}", place.at)
    return value


def _packed(text: str, v6: bool) -> bytes | None:
    try:
        return socket.inet_pton(socket.AF_INET6 if v6 else socket.AF_INET, text)
    except (OSError, ValueError):
        return None


def parse_mask(text: str, v6: bool) -> bytes | None:
    """A netmask as a number of bits or as an address; None if it is neither."""
    width = 128 if v6 else 32
    if text.isascii() and text.isdigit():
        bits = int(text)
        return prefix_mask(bits, width) if bits <= width else None
    return _packed(text, v6)


def prefix_mask(bits: int, width: int) -> bytes:
    """The mask whose first `bits` of `width` are set."""
    return (((1 << bits) - 1) << (width - bits)).to_bytes(width // 8, "big")
