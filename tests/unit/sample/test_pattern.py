"""Matching methods (manual 7.1.1 to 7.1.6), against the manual's examples, the program and naive models."""

import ipaddress
from collections.abc import Callable

import pytest
from exchanges import word
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.diagnostics import NOWHERE, ConfigError
from pointsman.core.regex import VERSION
from pointsman.sample.matcher import Either
from pointsman.sample.pattern import (
    METHOD_NAME,
    METHODS,
    Comparison,
    Pattern,
    parse_network,
    parse_range,
    parse_versions,
)
from pointsman.sample.regex import compile_regex
from pointsman.sample.types import Value

Test = Callable[[Value], bool]


def test_of(method: str, *texts: str, nocase: bool = False, operator: str = "eq") -> Test:
    """The test that a method makes of patterns."""
    return METHODS[method].make([Comparison(text, word(text).at, operator) for text in texts], nocase).test


test_of.__test__ = False  # type: ignore[attr-defined]

LOGO = b"/images/png/logo/32x32.png"
BLAH = b"http://www1.dc-eu.example.com:80/blah"


@pytest.mark.parametrize(
    ("method", "pattern", "value", "matches"),
    [
        ("str", "a", b"a", True),
        ("str", "a", b"A", False),
        ("beg", "/a", b"/ab", True),
        ("beg", "/a", b"x/a", False),
        ("end", ".js", b"a.js", True),
        ("end", ".js", b"a.jsx", False),
        ("sub", "b", b"abc", True),
        ("sub", "d", b"abc", False),
        *[
            ("dir", text, LOGO, True)
            for text in ("/images", "/images/png", "images/png", "/png/logo", "logo/32x32.png", "32x32.png")
        ],
        ("dir", "pn", LOGO, False),
        ("dir", "32x32", LOGO, False),
        ("dir", "x=1", b"/a/foo?x=1", True),
        ("dir", "foo", b"/a/foo?x", True),
        ("dir", "/", b"/a", False),
        ("dir", "/a/", b"/a/b", True),
        *[
            ("dom", text, BLAH, True)
            for text in (
                "http",
                "www1",
                ".www1",
                "dc-eu",
                "example",
                "com",
                "80",
                "dc-eu.example",
                "blah",
                ":www1:",
                "dc-eu.example:80".replace(":80", ".com:80"),
            )
        ],
        ("dom", "eu", BLAH, False),
        ("dom", "dc", BLAH, False),
        ("dom", "www", BLAH, False),
        ("dom", "", BLAH, False),
        ("reg", "^/a.c$", b"/abc", True),
        ("reg", "b", b"abc", True),
        ("reg", "^b", b"abc", False),
        ("reg", "[[:alpha:]]+", b"1a", True),
        ("bin", "48656c6c6f0A", b"Hello\n", True),
        ("bin", "4865", b"Hello", False),
        ("len", "3", b"abc", True),
        ("len", "4:", b"abc", False),
        ("found", "x", b"", True),
        ("int", "5", 5, True),
        ("int", "4:6", 5, True),
        ("int", ":5", 5, True),
        ("int", "6:", 5, False),
        ("bool", "", True, True),
        ("bool", "", False, False),
    ],
)
def test_methods(method: str, pattern: str, value: bytes | int, matches: bool) -> None:
    assert test_of(method, pattern)(value) is matches


@pytest.mark.parametrize(
    ("method", "pattern", "value"),
    [
        ("str", "aB", b"Ab"),
        ("beg", "/A", b"/ab"),
        ("end", ".JS", b"a.js"),
        ("sub", "B", b"abc"),
        ("dir", "PNG", LOGO),
        ("dom", "EXAMPLE", BLAH),
        ("reg", "B.", b"abc"),
    ],
)
def test_case_is_ignored_on_demand(method: str, pattern: str, value: bytes) -> None:
    assert test_of(method, pattern, nocase=True)(value)
    assert not test_of(method, pattern)(value)


def test_patterns_with_and_without_case_together() -> None:
    exact = METHODS["str"].make([Pattern("Exact", NOWHERE)])
    loose = METHODS["str"].make([Pattern("Loose", NOWHERE)], nocase=True)
    test = Either([exact, loose]).test
    assert [test(value) for value in (b"Exact", b"exact", b"LOOSE", b"loose", b"x")] == [True, False, True, True, False]


def test_methods_of_http_mind_the_case_if_they_are_known() -> None:
    test = METHOD_NAME.make([Pattern("GET", NOWHERE), Pattern("purge", NOWHERE)], nocase=True).test
    assert [test(value) for value in (b"GET", b"get", b"PURGE", b"purge", b"POST")] == [True, True, True, True, False]
    assert not METHOD_NAME.make([Pattern("get", NOWHERE)], nocase=True).test(b"GET")
    assert not METHOD_NAME.make([Pattern("get", NOWHERE)]).test(b"GET")


@pytest.mark.parametrize(
    ("operator", "pattern", "low", "high"),
    [
        ("eq", "5", 5, 5),
        ("eq", "1024:65535", 1024, 65535),
        ("ge", "5", 5, (1 << 63) - 1),
        ("gt", "5", 6, (1 << 63) - 1),
        ("le", "5", -(1 << 63), 5),
        ("lt", "5", -(1 << 63), 4),
        ("lt", "0", -(1 << 63), -1),
        ("eq", "-3", -3, -3),
        ("gt", "1:3", 2, 3),
        ("ge", "1:3", 1, 3),
    ],
)
def test_ranges(operator: str, pattern: str, low: int, high: int) -> None:
    assert parse_range(Comparison(pattern, NOWHERE, operator)) == (low, high)


@pytest.mark.parametrize(
    ("operator", "pattern", "low", "high"),
    [
        ("eq", "3.1", 0x30001, 0x30001),
        ("eq", "3", 0x30000, 0x30000),
        ("eq", "03.01", 0x30001, 0x30001),
        ("eq", "3.1:3.2", 0x30001, 0x30002),
        ("eq", "3.1:", 0x30001, (1 << 63) - 1),
        ("eq", ":3.1", -(1 << 63), 0x30001),
        ("gt", "3.1", 0x30002, (1 << 63) - 1),
        ("gt", "3", 0x30001, (1 << 63) - 1),
        ("lt", "3.3", -(1 << 63), 0x30002),
        ("gt", "3.1:3.2", 0x30002, 0x30002),
    ],
)
def test_ranges_of_versions(operator: str, pattern: str, low: int, high: int) -> None:
    """Manual 7.3.5, req.ssl_ver; what HAProxy 3.2 makes of each was asked live."""
    assert parse_versions(Comparison(pattern, NOWHERE, operator)) == (low, high)


@pytest.mark.parametrize(
    "text", ["196609", "3.65536", "3.", ".1", "3.1.2", "a", "3.2:3.1", "-1", "+3.1", "3.x", "", ":"]
)
def test_wrong_versions(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a (dotted number|valid dotted number range)"):
        parse_versions(Pattern(text, NOWHERE))


@pytest.mark.parametrize("text", ["x", "5x", "5.0", "5:3", "", ":", "1_0", "0x5", "٣"])
def test_wrong_numbers(text: str) -> None:
    with pytest.raises(ConfigError, match=r"is not a (number|valid number range)"):
        test_of("int", text)


@pytest.mark.parametrize(
    ("text", "networks"),
    [
        ("192.168.0.1", ["192.168.0.1/32"]),
        ("192.168.1", ["192.168.0.1/32"]),
        ("10.12", ["10.0.0.12/32"]),
        ("127.1", ["127.0.0.1/32"]),
        ("192.168.0.1/22", ["192.168.0.0/22"]),
        ("10.12/8", ["10.0.0.0/8"]),
        ("127.0.0.1/255.0.0.0", ["127.0.0.0/8"]),
        ("2001:db8::1/32", ["2001:db8::/32"]),
        ("::1", ["::1/128"]),
        ("0.0.0.0/0", ["0.0.0.0/0"]),
    ],
)
def test_networks(text: str, networks: list[str]) -> None:
    found = [
        (int.from_bytes(address, "big") & int.from_bytes(mask, "big"), int.from_bytes(mask, "big"))
        for address, mask in parse_network(Pattern(text, NOWHERE))
    ]
    expected = [ipaddress.ip_network(one) for one in networks]
    assert found == [(int(one.network_address), int(one.netmask)) for one in expected]


@pytest.mark.parametrize(
    "text", ["300.1.1.1", "127.0.0.1/33", "1.2.3.4.5", "::1/129", "::1/ffff::", "", "/8", "1.2.3.4 x", "g::"]
)
def test_wrong_addresses(text: str) -> None:
    with pytest.raises(ConfigError, match="is not a valid IPv4 or IPv6 address"):
        parse_network(Pattern(text, word(text).at), resolve=False)


def test_host_names_are_resolved_unless_forbidden() -> None:
    assert (bytes([127, 0, 0, 1]), bytes([255] * 4)) in parse_network(Pattern("localhost", NOWHERE))
    with pytest.raises(ConfigError):
        parse_network(Pattern("localhost", NOWHERE), resolve=False)


def packed(text: str) -> bytes:
    return ipaddress.ip_address(text).packed


@pytest.mark.parametrize(
    ("pattern", "address", "matches"),
    [
        ("1.2.3.0/24", "1.2.3.4", True),
        ("1.2.3.0/24", "1.2.4.4", False),
        ("1.2.3.0/24", "::ffff:1.2.3.4", True),
        ("1.2.3.4", "2002:102:304::", True),
        ("1.2.3.4", "::1.2.3.4", True),
        ("1.2.3.4", "2001:db8::1.2.3.4", False),
        ("::ffff:127.0.0.0/104", "127.0.0.1", True),
        ("::1", "127.0.0.1", False),
        ("2001:db8::/32", "2001:db8:5::1", True),
        ("2001:db8::/32", "2001:db9::1", False),
        ("::/0", "8.8.8.8", True),
    ],
)
def test_addresses_of_both_families(pattern: str, address: str, matches: bool) -> None:
    assert test_of("ip", pattern)(packed(address)) is matches


@pytest.mark.parametrize("text", ["4", "zz", "+1"])
def test_wrong_blocks(text: str) -> None:
    with pytest.raises(ConfigError, match="hex digit"):
        test_of("bin", text)


WORDS = st.text("ab./:?", max_size=6)


def naive(value: str, pattern: str, delimiters: str) -> bool:
    """Cut out every run that begins and ends at delimiters or ends."""
    pattern = pattern.strip(delimiters)
    if not pattern:
        return False
    for start in range(len(value) - len(pattern) + 1):
        end = start + len(pattern)
        if (
            value[start:end] == pattern
            and (start == 0 or value[start - 1] in delimiters)
            and (end == len(value) or value[end] in delimiters)
        ):
            return True
    return False


@given(WORDS, st.lists(WORDS, min_size=1, max_size=3))
def test_methods_of_strings_against_models(value: str, patterns: list[str]) -> None:
    raw = value.encode()
    assert test_of("str", *patterns)(raw) == (value in patterns)
    assert test_of("beg", *patterns)(raw) == any(value.startswith(one) for one in patterns)
    assert test_of("end", *patterns)(raw) == any(value.endswith(one) for one in patterns)
    assert test_of("sub", *patterns)(raw) == any(one in value for one in patterns)
    assert test_of("dir", *patterns)(raw) == any(naive(value, one, "/?") for one in patterns)
    assert test_of("dom", *patterns)(raw) == any(naive(value, one, "./:?") for one in patterns)
    assert test_of("sub", *patterns, nocase=True)(raw.upper()) == any(one in value for one in patterns)


@given(
    st.integers(-20, 20),
    st.lists(st.tuples(st.sampled_from(["eq", "ge", "gt", "le", "lt"]), st.integers(-10, 10)), min_size=1, max_size=3),
)
def test_integers_against_a_model(value: int, patterns: list[tuple[str, int]]) -> None:
    made = [Comparison(str(number), NOWHERE, operator) for operator, number in patterns]
    test = METHODS["int"].make(made).test
    compare = {"eq": int.__eq__, "ge": int.__ge__, "gt": int.__gt__, "le": int.__le__, "lt": int.__lt__}
    assert test(value) == any(compare[operator](value, number) for operator, number in patterns)


@given(
    st.lists(st.tuples(st.integers(0, (1 << 32) - 1), st.integers(0, 32)), min_size=1, max_size=5),
    st.integers(0, (1 << 32) - 1),
)
def test_networks_against_the_standard_library(networks: list[tuple[int, int]], address: int) -> None:
    texts = [f"{ipaddress.IPv4Address(number)}/{bits}" for number, bits in networks]
    expected = any(ipaddress.IPv4Address(address) in ipaddress.ip_network(text, strict=False) for text in texts)
    assert test_of("ip", *texts)(address.to_bytes(4, "big")) == expected


@pytest.mark.parametrize(
    ("pattern", "nocase", "value", "matches"),
    [("^/é$", False, "/é".encode(), True), ("^/a", True, b"/A", True), ("^/a", False, b"/A", False)],
)
def test_regular_expressions(pattern: str, nocase: bool, value: bytes, matches: bool) -> None:
    assert compile_regex(pattern, NOWHERE, nocase).test(value) is matches


@pytest.mark.parametrize(("pattern", "place"), [("(", 1), ("[a", 2), ("*", 0), ("(?<x", 4), ("\\", 1)])
def test_wrong_regular_expressions(pattern: str, place: int) -> None:
    with pytest.raises(ConfigError) as caught:
        compile_regex(pattern, NOWHERE)
    assert f"regex '{pattern}' is invalid (error=" in str(caught.value)
    assert f", erroffset={place})" in str(caught.value) or not VERSION
