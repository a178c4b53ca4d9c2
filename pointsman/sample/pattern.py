"""Patterns of ACLs and how values are matched with them (manual 7.1.1 to 7.1.6).

A method of matching turns a list of patterns into one Matcher (matcher.py) when the configuration is compiled.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.registry import nearest
from pointsman.core.words import Word
from pointsman.sample.arguments import INTEGER, encode, parse_mask
from pointsman.sample.casts import Cast, find_cast
from pointsman.sample.matcher import (
    Between,
    Either,
    Found,
    Lowered,
    Matcher,
    Methods,
    Networks,
    Numbers,
    Parts,
    Prefixes,
    Regexes,
    Sizes,
    Suffixes,
    Texts,
    Truth,
)
from pointsman.sample.regex import compile_regex
from pointsman.sample.types import Type


class Pattern:
    """One pattern as it was written. `operator` is that of an integer ("ge"), or "eq"; `resolve`: a host name may stand
    for an address (no flag -n). `place`: where it stands, or the word, which tells that when it is asked."""

    __slots__ = ("nocase", "operator", "place", "resolve", "text")

    def __init__(
        self, text: str, place: Position | Word, nocase: bool = False, operator: str = "eq", resolve: bool = True
    ) -> None:
        self.text = text
        self.place = place
        self.nocase = nocase
        self.operator = operator
        self.resolve = resolve

    @property
    def at(self) -> Position:
        return self.place.at if isinstance(self.place, Word) else self.place

    @property
    def source(self) -> tuple[str, int]:
        """The file and the line."""
        return self.place.source if isinstance(self.place, Word) else (self.place.file, self.place.line)


@dataclass(frozen=True, slots=True)
class Method:
    """A matching method: the type that a value is cast to, and what makes the matcher from patterns."""

    name: str
    accepts: Type
    make: Callable[[Sequence[Pattern]], Matcher]
    patterns: bool = True  # it needs some


OPERATORS: Final = ("eq", "ge", "gt", "le", "lt")
LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 63) - 1
DIGITS: Final = re.compile(r"[0-9]+(\.[0-9]+){0,3}", re.ASCII)


def _make_found(_: Sequence[Pattern]) -> Matcher:
    return Found()


def _make_bool(_: Sequence[Pattern]) -> Matcher:
    return Truth()


def _number(text: str, pattern: Pattern, empty: int) -> int:
    if not text:
        return empty
    if not INTEGER.fullmatch(text):
        raise ConfigError(f"'{pattern.text}' is not a number", pattern.at, "a number, or a range such as 1024:65535")
    return min(max(int(text), LOWEST), HIGHEST)


def parse_range(pattern: Pattern) -> tuple[int, int]:
    """What an integer pattern and its operator cover, both ends included (manual 7.1.2)."""
    first, mark, last = pattern.text.partition(":")
    if pattern.text in ("", ":"):
        raise ConfigError(f"'{pattern.text}' is not a number", pattern.at, "a number, or a range such as 1024:65535")
    low = _number(first, pattern, LOWEST)
    high = _number(last, pattern, HIGHEST) if mark else low
    if low > high:
        raise ConfigError(f"'{pattern.text}' is not a valid number range", pattern.at, "the lower bound first")
    operator = pattern.operator
    if operator in ("ge", "gt"):
        return (low + 1 if operator == "gt" else low), (high if mark else HIGHEST)
    if operator in ("le", "lt"):
        return (low if mark else LOWEST), (high - 1 if operator == "lt" else high)
    return low, high


def _make_int(patterns: Sequence[Pattern]) -> Matcher:
    return Numbers([parse_range(pattern) for pattern in patterns])


def _make_len(patterns: Sequence[Pattern]) -> Matcher:
    return Sizes([parse_range(pattern) for pattern in patterns])


def _make_ip(patterns: Sequence[Pattern]) -> Matcher:
    return Networks([one for pattern in patterns for one in parse_network(pattern)])


def parse_network(pattern: Pattern) -> list[tuple[bytes, bytes]]:
    """Address and mask (manual 7.1.6). A host name gives each of its IPv4 addresses, resolved now."""
    host, mark, mask = pattern.text.partition("/")
    v6 = ":" in host
    packed_mask = parse_mask(mask, v6) if mark else parse_mask("128" if v6 else "32", v6)
    addresses: list[bytes] = []
    if packed_mask is not None:
        addresses = _addresses(host, v6, pattern.resolve)
    if not addresses or packed_mask is None or (v6 and mark and not mask.isdigit()):
        raise ConfigError(
            f"'{pattern.text}' is not a valid IPv4 or IPv6 address",
            pattern.at,
            "an address or a network such as 10.0.0.0/8 or 2001:db8::/32",
        )
    return [(address, packed_mask) for address in addresses]


def _addresses(host: str, v6: bool, resolve: bool) -> list[bytes]:
    try:
        if v6:
            return [ipaddress.IPv6Address(host).packed]
        if DIGITS.fullmatch(host):
            return [socket.inet_aton(host)]  # "10.12" is 10.0.0.12
        if resolve and host:
            found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
            return sorted({socket.inet_aton(str(one[4][0])) for one in found})
    except (OSError, ValueError):
        pass
    return []


def _make_bin(patterns: Sequence[Pattern]) -> Matcher:
    return Texts([parse_hex(pattern) for pattern in patterns])


def parse_hex(pattern: Pattern) -> bytes:
    """Pairs of hexadecimal digits (manual 7.1.5)."""
    text = pattern.text
    if len(text) % 2:
        raise ConfigError("an even number of hex digit is expected", pattern.at)
    for digit in text:
        if digit not in "0123456789abcdefABCDEF":
            raise ConfigError(f"an hex digit is expected (found '{digit}')", pattern.at)
    return bytes.fromhex(text)


def _texts(patterns: Sequence[Pattern]) -> tuple[list[bytes], list[bytes]]:
    """Those that mind the case, and those that do not, in lower case."""
    exact = [encode(pattern.text) for pattern in patterns if not pattern.nocase]
    return exact, [encode(pattern.text).lower() for pattern in patterns if pattern.nocase]


def _by_case(made: Callable[[list[bytes]], Matcher]) -> Callable[[Sequence[Pattern]], Matcher]:
    """A method for strings, with and without case, from one that compares bytes."""

    def make(patterns: Sequence[Pattern]) -> Matcher:
        exact, lowered = _texts(patterns)
        if not lowered:
            return made(exact)
        loose = Lowered(made(lowered))
        return Either([made(exact), loose]) if exact else loose

    return make


def _delimited(delimiters: bytes) -> Callable[[list[bytes]], Matcher]:
    def make(texts: list[bytes]) -> Matcher:
        return Between(texts, delimiters)

    return make


def _make_reg(patterns: Sequence[Pattern]) -> Matcher:
    return Regexes([compile_regex(pattern.text, pattern.at, pattern.nocase, groups=False) for pattern in patterns])


def _make_method(patterns: Sequence[Pattern]) -> Matcher:
    """Names of HTTP methods; -i is for the unknown ones."""
    return Methods([encode(pattern.text) for pattern in patterns], _texts(patterns)[1])


METHODS: Final[dict[str, Method]] = {
    "found": Method("found", Type.ANY, _make_found, patterns=False),
    "bool": Method("bool", Type.BOOL, _make_bool, patterns=False),
    "int": Method("int", Type.SINT, _make_int),
    "ip": Method("ip", Type.ADDR, _make_ip),
    "bin": Method("bin", Type.BIN, _make_bin),
    "len": Method("len", Type.STR, _make_len),
    "str": Method("str", Type.STR, _by_case(Texts)),
    "beg": Method("beg", Type.STR, _by_case(Prefixes)),
    "end": Method("end", Type.STR, _by_case(Suffixes)),
    "sub": Method("sub", Type.STR, _by_case(Parts)),
    "dir": Method("dir", Type.STR, _by_case(_delimited(b"/?"))),
    "dom": Method("dom", Type.STR, _by_case(_delimited(b"./:?"))),
    "reg": Method("reg", Type.STR, _make_reg),
}
METHOD_NAME: Final = Method("str", Type.METH, _make_method)
DEFAULTS: Final = {
    Type.BOOL: "bool",
    Type.SINT: "int",
    Type.ADDR: "ip",
    Type.IPV4: "ip",
    Type.IPV6: "ip",
    Type.STR: "str",
}


def find_method(name: str, at: Position) -> Method:
    """By the name behind -m. ConfigError for an unknown one."""
    method = METHODS.get(name)
    if method is None:
        near = nearest(name, METHODS)
        raise ConfigError(
            f"unknown matching method '{name}' when parsing ACL expression",
            at,
            "one of " + ", ".join(METHODS),
            f"did you mean '{near}'?" if near else "",
        )
    return method


def find_matching_cast(method: Method, kind: Type) -> Cast | None:
    """How a value becomes what a method compares; None: the two do not go together (the matrix of manual 7.1)."""
    if method.name == "bin" and kind not in (Type.STR, Type.BIN, Type.ANY, Type.METH):
        return None
    return find_cast(kind, method.accepts)
