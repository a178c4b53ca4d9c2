"""Patterns of ACLs and how values are matched with them (manual 7.1.1 to 7.1.6).

A method of matching turns a list of patterns into one test when the configuration is compiled. What many patterns share
is looked up at once: strings in a set, prefixes and suffixes in one call, networks by the length of their masks.
"""
import ipaddress
import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from pointsman.core.diagnostics import ConfigError, Position
from pointsman.core.registry import nearest
from pointsman.sample.arguments import INTEGER, encode, parse_mask
from pointsman.sample.casts import MAPPED, Cast, find_cast, ipv4_of
from pointsman.sample.regex import compile_regex
from pointsman.sample.types import Type, Value

Test = Callable[[Value], bool]


@dataclass(frozen=True, slots=True)
class Pattern:
    """One pattern as it was written. `operator` is that of an integer ("ge"), or "eq"."""

    text: str
    at: Position
    nocase: bool = False
    operator: str = "eq"
    resolve: bool = True  # a host name may stand for an address (no flag -n)


@dataclass(frozen=True, slots=True)
class Method:
    """A matching method: the type that a value is cast to, and what makes the test from patterns."""

    name: str
    accepts: Type
    make: Callable[[Sequence[Pattern]], Test]
    patterns: bool = True  # it needs some


OPERATORS: Final = ("eq", "ge", "gt", "le", "lt")
LOWEST: Final = -(1 << 63)
HIGHEST: Final = (1 << 63) - 1
DIGITS: Final = re.compile(r"[0-9]+(\.[0-9]+){0,3}", re.ASCII)
KNOWN_METHODS: Final = {b"OPTIONS", b"GET", b"HEAD", b"POST", b"PUT", b"DELETE", b"TRACE", b"CONNECT"}


def _always(_: Value) -> bool:
    return True


def _make_found(_: Sequence[Pattern]) -> Test:
    return _always


def _make_bool(_: Sequence[Pattern]) -> Test:
    return bool


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


def _ranges(patterns: Sequence[Pattern]) -> Callable[[int], bool]:
    ranges = [parse_range(pattern) for pattern in patterns]
    singles = frozenset(low for low, high in ranges if low == high)
    spans = [(low, high) for low, high in ranges if low < high]
    if not spans:
        return singles.__contains__
    if len(spans) == 1 and not singles:
        first, last = spans[0]
        return lambda number: first <= number <= last

    def test(number: int) -> bool:
        return number in singles or any(low <= number <= high for low, high in spans)
    return test


def _make_int(patterns: Sequence[Pattern]) -> Test:
    test = _ranges(patterns)

    def match(value: Value) -> bool:
        assert isinstance(value, int)
        return test(value)
    return match


def _make_len(patterns: Sequence[Pattern]) -> Test:
    test = _ranges(patterns)

    def match(value: Value) -> bool:
        assert isinstance(value, bytes)
        return test(len(value))
    return match


class _Networks:
    """Networks of one family, by mask."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.by_mask: dict[int, set[int]] = {}
        self.plain: list[tuple[int, set[int]]] = []

    def add(self, address: bytes, mask: bytes) -> None:
        bits = int.from_bytes(mask, "big")
        self.by_mask.setdefault(bits, set()).add(int.from_bytes(address, "big") & bits)
        self.plain = list(self.by_mask.items())

    def match(self, address: bytes) -> bool:
        number = int.from_bytes(address, "big")
        return any(number & mask in networks for mask, networks in self.plain)


def _make_ip(patterns: Sequence[Pattern]) -> Test:
    v4, v6 = _Networks(32), _Networks(128)
    for pattern in patterns:
        for address, mask in parse_network(pattern):
            (v4 if len(address) == 4 else v6).add(address, mask)

    def match(value: Value) -> bool:
        assert isinstance(value, bytes)
        if len(value) == 4:
            return v4.match(value) or (bool(v6.plain) and v6.match(MAPPED + value))
        if v6.match(value):
            return True
        inner = ipv4_of(value) if v4.plain else None
        return inner is not None and v4.match(inner)
    return match


def parse_network(pattern: Pattern) -> list[tuple[bytes, bytes]]:
    """Address and mask (manual 7.1.6). A host name gives each of its IPv4 addresses, resolved now."""
    host, mark, mask = pattern.text.partition("/")
    v6 = ":" in host
    packed_mask = parse_mask(mask, v6) if mark else parse_mask("128" if v6 else "32", v6)
    addresses: list[bytes] = []
    if packed_mask is not None:
        addresses = _addresses(host, v6, pattern.resolve)
    if not addresses or packed_mask is None or (v6 and mark and not mask.isdigit()):
        raise ConfigError(f"'{pattern.text}' is not a valid IPv4 or IPv6 address", pattern.at,
                          "an address or a network such as 10.0.0.0/8 or 2001:db8::/32")
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


def _make_bin(patterns: Sequence[Pattern]) -> Test:
    blocks = frozenset(parse_hex(pattern) for pattern in patterns)
    return lambda value: value in blocks


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


Finder = Callable[[list[bytes]], Callable[[bytes], bool]]


def _by_case(find: Finder) -> Callable[[Sequence[Pattern]], Test]:
    """A method for strings, with and without case, from one that compares bytes."""
    def make(patterns: Sequence[Pattern]) -> Test:
        exact, lowered = _texts(patterns)
        test, loose = find(exact), find(lowered)

        def match(value: Value) -> bool:
            assert isinstance(value, bytes)
            return test(value)

        def match_lower(value: Value) -> bool:
            assert isinstance(value, bytes)
            return loose(value.lower())

        def match_both(value: Value) -> bool:
            assert isinstance(value, bytes)
            return test(value) or loose(value.lower())
        return match if not lowered else match_both if exact else match_lower
    return make


def _find_str(texts: list[bytes]) -> Callable[[bytes], bool]:
    return frozenset(texts).__contains__


def _find_beg(texts: list[bytes]) -> Callable[[bytes], bool]:
    prefixes = tuple(texts)
    return lambda value: value.startswith(prefixes)


def _find_end(texts: list[bytes]) -> Callable[[bytes], bool]:
    suffixes = tuple(texts)
    return lambda value: value.endswith(suffixes)


def _find_sub(texts: list[bytes]) -> Callable[[bytes], bool]:
    if len(texts) == 1:
        only = texts[0]
        return lambda value: only in value
    return lambda value: any(text in value for text in texts)


def _delimited(delimiters: bytes) -> Finder:
    """Patterns that stand between delimiters or ends. Those around the pattern itself do not count."""
    marks = re.escape(delimiters)

    def find(texts: list[bytes]) -> Callable[[bytes], bool]:
        stripped = [text.strip(delimiters) for text in texts]
        words = [re.escape(text) for text in sorted(stripped, key=len, reverse=True) if text]
        if not words:
            return lambda _: False
        search = re.compile(b"(?<![^" + marks + b"])(?:" + b"|".join(words) + b")(?![^" + marks + b"])").search
        return lambda value: search(value) is not None
    return find


def _make_reg(patterns: Sequence[Pattern]) -> Test:
    searches = [compile_regex(pattern.text, pattern.at, pattern.nocase).search for pattern in patterns]
    if len(searches) == 1:
        only = searches[0]

        def match_one(value: Value) -> bool:
            assert isinstance(value, bytes)
            return only(value) is not None
        return match_one

    def match(value: Value) -> bool:
        assert isinstance(value, bytes)
        return any(search(value) is not None for search in searches)
    return match


def _make_method(patterns: Sequence[Pattern]) -> Test:
    """Names of HTTP methods. The known ones always mind the case, as in HAProxy; -i is for the others."""
    exact, lowered = _texts(patterns)
    names = frozenset(exact) | frozenset(encode(pattern.text) for pattern in patterns)
    others = frozenset(lowered)

    def match(value: Value) -> bool:
        assert isinstance(value, bytes)
        return value in names or (bool(others) and value not in KNOWN_METHODS and value.lower() in others)
    return match


METHODS: Final[dict[str, Method]] = {
    "found": Method("found", Type.ANY, _make_found, patterns=False),
    "bool": Method("bool", Type.BOOL, _make_bool, patterns=False),
    "int": Method("int", Type.SINT, _make_int),
    "ip": Method("ip", Type.ADDR, _make_ip),
    "bin": Method("bin", Type.BIN, _make_bin),
    "len": Method("len", Type.STR, _make_len),
    "str": Method("str", Type.STR, _by_case(_find_str)),
    "beg": Method("beg", Type.STR, _by_case(_find_beg)),
    "end": Method("end", Type.STR, _by_case(_find_end)),
    "sub": Method("sub", Type.STR, _by_case(_find_sub)),
    "dir": Method("dir", Type.STR, _by_case(_delimited(b"/?"))),
    "dom": Method("dom", Type.STR, _by_case(_delimited(b"./:?"))),
    "reg": Method("reg", Type.STR, _make_reg),
}
METHOD_NAME: Final = Method("str", Type.METH, _make_method)
DEFAULTS: Final = {Type.BOOL: "bool", Type.SINT: "int", Type.ADDR: "ip", Type.IPV4: "ip", Type.IPV6: "ip",
                   Type.STR: "str"}


def find_method(name: str, at: Position) -> Method:
    """By the name behind -m. ConfigError for an unknown one."""
    method = METHODS.get(name)
    if method is None:
        near = nearest(name, METHODS)
        raise ConfigError(f"unknown matching method '{name}' when parsing ACL expression", at,
                          "one of " + ", ".join(METHODS), f"did you mean '{near}'?" if near else "")
    return method


def find_matching_cast(method: Method, kind: Type) -> Cast | None:
    """How a value becomes what a method compares; None: the two do not go together (the matrix of manual 7.1)."""
    if method.name == "bin" and kind not in (Type.STR, Type.BIN, Type.ANY, Type.METH):
        return None
    return find_cast(kind, method.accepts)
