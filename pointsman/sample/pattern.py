"""Patterns of ACLs and maps, and the methods by which values are matched with them (manual 7.1.1 to 7.1.6).

A method parses a pattern and has a matcher (matcher.py, parts.py, ranges.py) that compares what was parsed.
"""

import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.core.address import AF_INET, NAMES, STAND_INS
from pointsman.core.diagnostics import NOWHERE, ConfigError, Position
from pointsman.core.registry import nearest
from pointsman.core.words import Word
from pointsman.sample.arguments import INTEGER, encode, parse_mask
from pointsman.sample.casts import HIGHEST, LOWEST, Cast, find_cast
from pointsman.sample.matcher import Exact, Found, ListMatcher, Matcher, MethodNames, Parsed, Truth
from pointsman.sample.parts import Directories, Domains, Prefixes, Regexes, Substrings, Suffixes
from pointsman.sample.ranges import Networks, Numbers, Sizes
from pointsman.sample.regex import compile_regex
from pointsman.sample.types import Type
from pointsman.tables.patterns import LISTS, PatternEntry


class Pattern(PatternEntry):
    """A pattern that stands on an ACL's line: an entry of its list, which has no number before somebody asks for the
    list (acl_lists.py). `where`: its place, or the word, which tells that when it is asked. There may be a hundred
    thousand."""

    __slots__ = ("where",)
    operator = "eq"

    def __init__(self, key: str, where: Position | Word) -> None:
        self.identity = 0
        self.key = key
        self.value = None
        self.version = 0
        self.where = where

    @property
    def at(self) -> Position:
        return self.where.at if isinstance(self.where, Word) else self.where


class Comparison(Pattern):
    """An integer behind an operator, such as "ge". As an entry of a list it is the range that both cover."""

    __slots__ = ("operator", "written")

    def __init__(self, key: str, where: Position | Word, operator: str) -> None:
        super().__init__(key, where)
        self.operator = operator
        self.written = key if operator == "eq" else f"{operator} {key}"  # the key changes


def place_of(entry: PatternEntry) -> Position:
    """Where a pattern stands: on an ACL's line or in a file. Line 0: it came later, on the runtime socket or from
    traffic."""
    return entry.at if isinstance(entry, Pattern) else Position(*LISTS.place(entry))


def _at(entry: PatternEntry) -> Position:
    """For errors; of what stands in a file, whoever reads it says so."""
    return entry.at if isinstance(entry, Pattern) else NOWHERE


@dataclass(frozen=True, slots=True)
class Method:
    """A matching method: the type that a value is cast to, what parses a pattern, and what makes a matcher.

    `parse` takes the entry, whether case does not count, and whether a host name may stand for an address; ConfigError
    where that is no pattern. `tree`: how `get map` and `get acl` call what has no order of its own.
    """

    name: str
    accepts: Type
    parse: Callable[[PatternEntry, bool, bool], Parsed]
    kind: Callable[[bool], Matcher]
    patterns: bool = True  # it needs some
    any_text: bool = False  # there is no text that is no pattern
    tree: bool = False

    def parse_all(self, entries: Sequence[PatternEntry], nocase: bool, resolve: bool) -> list[Parsed]:
        """All of them. ConfigError at one that is no pattern."""
        parse = self.parse
        return [parse(entry, nocase, resolve) for entry in entries]

    def make(self, patterns: Sequence[PatternEntry], nocase: bool = False, resolve: bool = True) -> Matcher:
        """A matcher of these patterns. ConfigError at one that is none."""
        matcher = self.kind(nocase)
        if isinstance(matcher, ListMatcher) and patterns:
            matcher.fill(self.parse_all(patterns, nocase, resolve), patterns)
        return matcher


OPERATORS: Final = ("eq", "ge", "gt", "le", "lt")
DIGITS: Final = re.compile(r"[0-9]+(\.[0-9]+){0,3}", re.ASCII)


DOTTED: Final = re.compile(r"([0-9]+)(?:\.([0-9]+))?", re.ASCII)
_WORD: Final = 1 << 16  # a major version counts as so many minor ones


def _number(text: str, entry: PatternEntry, empty: int) -> int:
    if not text:
        return empty
    if not INTEGER.fullmatch(text):
        raise ConfigError(f"'{entry.key}' is not a number", _at(entry), "a number, or a range such as 1024:65535")
    return min(max(int(text), LOWEST), HIGHEST)


def parse_range(entry: PatternEntry) -> tuple[int, int]:
    """What an integer pattern and its operator cover, both ends included (manual 7.1.2)."""
    first, mark, last = entry.key.partition(":")
    if entry.key in ("", ":"):
        raise ConfigError(f"'{entry.key}' is not a number", _at(entry), "a number, or a range such as 1024:65535")
    low = _number(first, entry, LOWEST)
    high = _number(last, entry, HIGHEST) if mark else low
    if low > high:
        raise ConfigError(f"'{entry.key}' is not a valid number range", _at(entry), "the lower bound first")
    return _covered(entry, low, high, bool(mark))


def parse_versions(entry: PatternEntry) -> tuple[int, int]:
    """The same of versions, MAJOR.MINOR (manual 7.3.5, req.ssl_ver)."""
    first, mark, last = entry.key.partition(":")
    if entry.key in ("", ":"):
        raise ConfigError(
            f"'{entry.key}' is not a dotted number", _at(entry), "a version such as 3.1, or a range of them"
        )
    low = _version(first, entry, LOWEST)
    high = _version(last, entry, HIGHEST) if mark else low
    if low > high:
        raise ConfigError(f"'{entry.key}' is not a valid dotted number range", _at(entry), "the lower bound first")
    return _covered(entry, low, high, bool(mark))


def _version(text: str, entry: PatternEntry, empty: int) -> int:
    if not text:
        return empty
    found = DOTTED.fullmatch(text)
    major, minor = (int(found[1]), int(found[2] or 0)) if found is not None else (_WORD, 0)
    if max(major, minor) >= _WORD:
        raise ConfigError(
            f"'{entry.key}' is not a dotted number", _at(entry), "a version such as 3.1, or a range of them"
        )
    return major * _WORD + minor


def _covered(entry: PatternEntry, low: int, high: int, mark: bool) -> tuple[int, int]:
    """By the operator before it; `mark`: it was written as a range."""
    operator = entry.operator if isinstance(entry, Pattern) else "eq"
    if operator in ("ge", "gt"):
        return (low + 1 if operator == "gt" else low), (high if mark else HIGHEST)
    if operator in ("le", "lt"):
        return (low if mark else LOWEST), (high - 1 if operator == "lt" else high)
    return low, high


def parse_network(entry: PatternEntry, resolve: bool = True) -> list[tuple[bytes, bytes]]:
    """Address and mask (manual 7.1.6). A host name gives each of its IPv4 addresses, resolved now."""
    host, mark, mask = entry.key.partition("/")
    v6 = ":" in host
    packed_mask = parse_mask(mask, v6) if mark else parse_mask("128" if v6 else "32", v6)
    addresses: list[bytes] = []
    if packed_mask is not None:
        addresses = _addresses(host, v6, resolve)
    if not addresses or packed_mask is None or (v6 and mark and not mask.isdigit()):
        raise ConfigError(
            f"'{entry.key}' is not a valid IPv4 or IPv6 address",
            _at(entry),
            "an address or a network such as 10.0.0.0/8 or 2001:db8::/32",
        )
    return [(address, packed_mask) for address in addresses]


def _addresses(host: str, v6: bool, resolve: bool) -> list[bytes]:
    try:
        if v6:
            return [ipaddress.IPv6Address(host).packed]
        if DIGITS.fullmatch(host):
            return [socket.inet_aton(host)]  # "10.12" is 10.0.0.12
        if resolve and host and not NAMES.asked:
            return [socket.inet_aton(STAND_INS[AF_INET])]
        if resolve and host:
            found = socket.getaddrinfo(host, None, socket.AF_INET, socket.SOCK_STREAM)
            return sorted({socket.inet_aton(str(one[4][0])) for one in found})
    except (OSError, ValueError):
        pass
    return []


def parse_hex(entry: PatternEntry) -> bytes:
    """Pairs of hexadecimal digits (manual 7.1.5)."""
    text = entry.key
    if len(text) % 2:
        raise ConfigError("an even number of hex digit is expected", _at(entry))
    for digit in text:
        if digit not in "0123456789abcdefABCDEF":
            raise ConfigError(f"an hex digit is expected (found '{digit}')", _at(entry))
    return bytes.fromhex(text)


def _parse_text(entry: PatternEntry, nocase: bool, _: bool) -> Parsed:
    found = entry.key.encode("utf-8", "surrogateescape")  # as encode does: many patterns are parsed here
    return found.lower() if nocase else found


def _parse_method(entry: PatternEntry, _: bool, __: bool) -> Parsed:
    """As it is: the matcher knows which names mind the case."""
    return encode(entry.key)


def _parse_hex(entry: PatternEntry, _: bool, __: bool) -> Parsed:
    return parse_hex(entry)


def _parse_range(entry: PatternEntry, _: bool, __: bool) -> Parsed:
    return parse_range(entry)


def _parse_versions(entry: PatternEntry, _: bool, __: bool) -> Parsed:
    return parse_versions(entry)


def _parse_network(entry: PatternEntry, _: bool, resolve: bool) -> Parsed:
    return parse_network(entry, resolve)


def _parse_regex(entry: PatternEntry, nocase: bool, _: bool) -> Parsed:
    return compile_regex(entry.key, _at(entry), nocase, groups=False)


def _parse_groups(entry: PatternEntry, nocase: bool, _: bool) -> Parsed:
    return compile_regex(entry.key, _at(entry), nocase)


def _make_found(_: bool) -> Matcher:
    return Found()


def _make_truth(_: bool) -> Matcher:
    return Truth()


METHODS: Final[dict[str, Method]] = {
    "found": Method("found", Type.ANY, _parse_text, _make_found, patterns=False),
    "bool": Method("bool", Type.BOOL, _parse_text, _make_truth, patterns=False),
    "int": Method("int", Type.SINT, _parse_range, Numbers),
    "ip": Method("ip", Type.ADDR, _parse_network, Networks, tree=True),
    "bin": Method("bin", Type.BIN, _parse_hex, Exact, tree=True),
    "len": Method("len", Type.STR, _parse_range, Sizes),
    "str": Method("str", Type.STR, _parse_text, Exact, any_text=True, tree=True),
    "beg": Method("beg", Type.STR, _parse_text, Prefixes, any_text=True, tree=True),
    "end": Method("end", Type.STR, _parse_text, Suffixes, any_text=True),
    "sub": Method("sub", Type.STR, _parse_text, Substrings, any_text=True),
    "dir": Method("dir", Type.STR, _parse_text, Directories, any_text=True),
    "dom": Method("dom", Type.STR, _parse_text, Domains, any_text=True),
    "reg": Method("reg", Type.STR, _parse_regex, Regexes),
}
METHOD_NAME: Final = Method("str", Type.METH, _parse_method, MethodNames, any_text=True)
VERSIONS: Final = Method("int", Type.SINT, _parse_versions, Numbers)  # of req.ssl_ver, where no -m stands
GROUPS: Final = Method("regm", Type.STR, _parse_groups, Regexes)  # of map_regm alone
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
