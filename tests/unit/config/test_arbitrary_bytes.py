"""Every parser of arguments takes arbitrary bytes: what comes of them is a setting, or an error with a place.

Each family of words is tried with all its names; arguments are pieces that mean something somewhere, and bytes that
mean nothing anywhere, in any order. What a parser does not foresee is told by the last net as an internal error.
"""

import socket
from collections.abc import Iterable

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

import pointsman.keywords
from pointsman.assemble import assembled
from pointsman.assemble.more_errors import find_more
from pointsman.config.action import ACTIONS
from pointsman.config.bind import BIND_WORDS
from pointsman.config.keyword import KEYWORDS
from pointsman.config.load import load_text
from pointsman.config.server_words import SERVER_WORDS
from pointsman.core.diagnostics import Diagnostics
from pointsman.sample.registry import CONVERTERS, FETCHES
from pointsman.sample.tag import TAGS

assert pointsman.keywords

MEANINGFUL = [
    "1",
    "0",
    "-1",
    "99999999999999999999",
    "1s",
    "4k",
    "/",
    ":80",
    "*",
    "%[src]",
    "%[",
    "%",
    "sha256",
    "()",
    "txn.a",
    "::1",
    "127.0.0.1",
    "127.0.0.1:80",
    "[",
    "$X",
    "@",
    "if",
    "TRUE",
    "{",
    "}",
    "'x'",
    "=",
    "unix@",
    "abns@x",
    "fd@1",
    "len",
    "id",
    "str",
    "-m",
    "-i",
    "-f",
    "status",
    "200",
    "hdr",
    "name",
    "1-3",
    "3-1",
    "0x",
    "1e5",
    "auto:1/1",
    "all",
    "odd",
    "GET",
    "HTTP/1.1",
    "code",
    "err",
    "on",
    "off",
    "from",
    "except",
    "raw",
    "local0",
]
pieces = st.one_of(
    st.sampled_from([*(piece.encode() for piece in MEANINGFUL), b"x" * 200]),
    st.binary(min_size=1, max_size=4).filter(lambda data: b"\0" not in data),
)
words = st.lists(pieces, min_size=1, max_size=2).map(b"".join)
several = st.lists(words, max_size=5)
inner = st.lists(pieces.map(lambda data: data.translate(None, b"(),")), max_size=3).map(b",".join)


def escaped(word: bytes) -> bytes:
    """As it may stand in a file: every byte that means something to the lexer is written in digits."""
    return b"".join(b"\\x%02x" % byte if byte <= 32 or byte in b"\"'\\#" else bytes([byte]) for byte in word)


def check(section: bytes, line: Iterable[bytes]) -> None:
    text = section + b"\n " + b" ".join(escaped(word) for word in line if word) + b"\n"
    diagnostics = Diagnostics()
    configuration = load_text(text.decode("utf-8", "surrogateescape"), diagnostics, variables={})
    if diagnostics.failed:
        find_more(configuration, diagnostics)
    else:
        assembled(configuration, diagnostics, resolves=False)
    for finding in diagnostics.findings:
        assert "internal error" not in finding.message, (text, finding.message)
        assert finding.render()


@pytest.fixture(autouse=True)
def no_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Names are not looked up: that would take long, and leave the machine."""

    def fail(*args: object, **named: object) -> None:
        raise socket.gaierror("not here")

    monkeypatch.setattr(socket, "getaddrinfo", fail)


many = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@many
@given(
    st.sampled_from(list(KEYWORDS)),
    st.sampled_from([b"frontend f", b"backend b", b"listen l", b"defaults d", b"userlist u", b"http-errors e"]),
    several,
)
@example("stats uri", b"backend b", [b"\xed\xa0\x80"])
@example("stats auth", b"backend b", [b"\xff:\xff"])
@example("log-tag", b"frontend f", [b"\xff"])
def test_keywords(name: str, section: bytes, line: list[bytes]) -> None:
    section = b"global" if name.startswith("global ") else section
    check(section, [*name.removeprefix("global ").encode().split(), *line])


@many
@given(st.sampled_from([b"frontend", b"backend", b"listen", b"defaults", b"userlist", b"http-errors"]), words, several)
@example(b"frontend", b"\xff", [])
@example(b"backend", b"f\xff", [b"from", b"\xff"])
@example(b"listen", b"\xff?\x05", [])
def test_names_of_sections(section: bytes, name: bytes, line: list[bytes]) -> None:
    head = b" ".join(escaped(word) for word in (section, name, *line) if word)
    check(head, [b"default_backend", name])
    check(head, [b"server", b"s", b"127.0.0.1:1"])


@many
@given(
    st.sampled_from(list(ACTIONS)),
    st.sampled_from([b"http-request", b"http-response", b"http-after-response"]),
    st.sampled_from([b"frontend f", b"backend b"]),
    inner,
    several,
)
def test_actions(name: str, rules: bytes, section: bytes, parameter: bytes, line: list[bytes]) -> None:
    check(section, [rules, name.encode() + (b"(" + parameter + b")" if parameter else b""), *line])


@many
@given(st.sampled_from(list(CONVERTERS)), inner)
@example("digest", b"\xff")
@example("hmac", b"\xff,a")
@example("hmac", b"sha1,\xff")
def test_converters(name: str, arguments: bytes) -> None:
    check(b"frontend f", [b"http-request", b"set-header", b"x", b"%[path," + name.encode() + b"(" + arguments + b")]"])


@many
@given(st.sampled_from(list(FETCHES)), inner, several)
def test_fetches_and_patterns(name: str, arguments: bytes, line: list[bytes]) -> None:
    check(b"frontend f", [b"acl", b"a", name.encode() + (b"(" + arguments + b")" if arguments else b""), *line])


@many
@given(st.sampled_from(list(SERVER_WORDS)), several)
def test_words_of_servers(name: str, line: list[bytes]) -> None:
    check(b"backend b", [b"server", b"s", b"127.0.0.1:1", name.encode(), *line])


@many
@given(st.sampled_from(list(BIND_WORDS)), several)
@example("name", [b"\xff"])
def test_words_of_bind_lines(name: str, line: list[bytes]) -> None:
    check(b"frontend f", [b"bind", b"127.0.0.1:1", name.encode(), *line])


@many
@given(
    st.lists(
        st.one_of(
            pieces,
            st.sampled_from([f"%{name}".encode() for name in TAGS]),
            pieces.map(lambda data: b"%[" + data + b"]"),
            pieces.map(lambda data: b"%{" + data + b"}ci"),
            pieces.map(lambda data: b"%(" + data + b")ci"),
        ),
        min_size=1,
        max_size=3,
    ).map(b"".join)
)
def test_formats(text: bytes) -> None:
    check(b"frontend f", [b"log-format", text])
