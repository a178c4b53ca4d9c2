"""Whom a connection to a server is for (pointsman/server/server_name.py): names, addresses, and what is neither."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.tls import VERSION, Context
from pointsman.net.tls import Purpose, begin
from pointsman.proto.h1 import parse_request
from pointsman.sample.context import Context as Exchange
from pointsman.sample.context import ListenerFacts, ProxyFacts, Session
from pointsman.server.server_name import LONGEST, NameOfRequest, as_name


@pytest.mark.parametrize(
    "name, expected",
    [
        (b"www.example.com", b"www.example.com"),
        (b"WWW.Example.com.", b"WWW.Example.com"),
        (b"a_b-c.d", b"a_b-c.d"),
        (b"localhost", b"localhost"),
        (b"192.0.2.1", b"192.0.2.1"),
        (b"2001:db8::1", b"2001:db8::1"),
        (b"", b""),
        (b".", b""),
        (b"..", b""),
        (b"a..b", b""),
        (b".a", b""),
        (b"a..", b""),
        (b"a b", b""),
        (b"a\0b", b""),
        (b"[", b""),
        ("bücher.example".encode(), b""),
        (b"a" * 63 + b".b", b"a" * 63 + b".b"),
        (b"a" * 64 + b".b", b""),
        (b"a." * 126 + b"a", b"a." * 126 + b"a"),
        (b"a." * 127 + b"a", b""),
    ],
)
def test_names(name: bytes, expected: bytes) -> None:
    assert as_name(name) == expected


@given(st.one_of(st.binary(max_size=300), st.text("aA0.-_:", max_size=300).map(str.encode)))
def test_what_is_named_can_be_said_in_a_hello(name: bytes) -> None:
    found = as_name(name)
    assert found in (b"", name, name[:-1])
    assert len(found) <= LONGEST
    if found and VERSION:
        text = found.decode("ascii")
        begin(Context(False), -1, Purpose(text, text)).connection.close()


def host_of(kept: NameOfRequest, *lines: bytes) -> bytes:
    exchange = Exchange(ProxyFacts("f", 1, True), Session(ListenerFacts("", 1)))
    exchange.request = parse_request(b"GET / HTTP/1.1\r\n" + b"".join(line + b"\r\n" for line in lines) + b"\r\n")
    return kept.value(exchange)


def test_the_host_of_a_request() -> None:
    kept = NameOfRequest()
    for _ in "twice":
        assert host_of(kept, b"Host: a.test:8443") == b"a.test"
        assert host_of(kept, b"Host: a.test") == b"a.test"
        assert host_of(kept, b"Host: [::1]:443") == b""
        assert host_of(kept, b"Host:") == b""
        assert host_of(kept, b"Accept: x") == b""
        assert host_of(kept, b"Host: b.test") == b"b.test"
