"""NetScaler's Client IP header, of both forms; which bytes HAProxy 3.2 takes and refuses was asked live."""

from __future__ import annotations

import struct
from collections.abc import Callable
from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.errors import ProtocolError
from pointsman.proto.netscaler import BadMagic, parse_client_ip

MAGIC = 0x04D2


def ip(source: str, destination: str, protocol: int = 6, version: int = 0, options: int = 0) -> bytes:
    """An IP header (RFC 791 3.1, RFC 8200 3); `options`: bytes of them."""
    ends = ip_address(source).packed + ip_address(destination).packed
    if len(ends) == 32:
        return struct.pack(">IHBB", (version or 6) << 28, 20, protocol, 64) + ends
    first = (version or 4) << 4 | 5 + options // 4
    return struct.pack(">BBHHHBBH", first, 0, 40, 0, 0, 64, protocol, 0) + ends + b"\1" * options


def tcp(source: int, destination: int) -> bytes:
    return struct.pack(">HHIIHHHH", source, destination, 0, 0, 0x5010, 100, 0, 0)


FOUR = ip("192.0.2.1", "198.51.100.2") + tcp(56324, 443)
SIX = ip("2001:db8::1", "2001:db8::2") + tcp(1, 65535)


def legacy(packet: bytes, length: int | None = None) -> bytes:
    return struct.pack(">II", MAGIC, len(packet) if length is None else length) + packet


def standard(packet: bytes, length: int | None = None, kind: int = 1) -> bytes:
    return struct.pack(">IIHH", MAGIC, len(packet) + 12, kind, len(packet) if length is None else length) + packet


def said(data: bytes) -> tuple[int, bytes, int, bytes, int] | None:
    found = parse_client_ip(data, MAGIC)
    if found is None:
        return None
    return found.size, found.source.text, found.source.port, found.destination.text, found.destination.port


@pytest.mark.parametrize("form", [legacy, standard], ids=["legacy", "standard"])
@pytest.mark.parametrize("rest", [b"", b"GET / HTTP/1.1\r\n"])
def test_both_forms(form: Callable[[bytes], bytes], rest: bytes) -> None:
    four, six = form(FOUR), form(SIX)
    assert said(four + rest) == (len(four), b"192.0.2.1", 56324, b"198.51.100.2", 443)
    assert said(six + rest) == (len(six), b"2001:db8::1", 1, b"2001:db8::2", 65535)
    with_options = form(ip("192.0.2.1", "198.51.100.2", options=8) + tcp(1, 2) + b"\1" * 12)
    assert said(with_options + rest) == (len(with_options), b"192.0.2.1", 1, b"198.51.100.2", 2)


@pytest.mark.parametrize("data", [legacy(FOUR), legacy(SIX), standard(FOUR), standard(SIX)])
def test_cut_at_every_byte(data: bytes) -> None:
    assert [said(data[:size]) for size in range(len(data))] == [None] * len(data)
    assert said(data) == said(data + b"x") != None  # noqa: E711


@pytest.mark.parametrize("kind", [0, 1, 2, 255, 0x0FFF])
def test_the_type_is_not_looked_at(kind: int) -> None:
    """But for the half octet that tells it from an IP header."""
    assert said(standard(FOUR, kind=kind)) is not None


@pytest.mark.parametrize(
    "data",
    [
        legacy(ip("192.0.2.1", "198.51.100.2", protocol=17) + tcp(1, 2)),
        legacy(ip("2001:db8::1", "2001:db8::2", protocol=0) + tcp(1, 2)),
        legacy(ip("192.0.2.1", "198.51.100.2", version=5) + tcp(1, 2)),
        standard(FOUR, kind=0x1000),
        standard(ip("192.0.2.1", "198.51.100.2", version=3) + tcp(1, 2)),
        legacy(b"\x44" + FOUR[1:]),  # a header of 16 bytes
        legacy(FOUR, 39),  # these would leave a part of the header to the server
        legacy(FOUR, 0),
        standard(FOUR, 20),
        legacy(SIX, 40),
        legacy(FOUR, 1 << 31),
        standard(FOUR, 16_380),
    ],
)
def test_what_is_no_header(data: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        said(data)
    assert not isinstance(caught.value, BadMagic)


@pytest.mark.parametrize("data", [b"G", b"\0\0\4\xd3", b"PROXY TCP4", b"\0\0\0\0" + legacy(FOUR)[4:]])
def test_another_magic_is_refused_at_its_first_byte(data: bytes) -> None:
    with pytest.raises(BadMagic):
        said(data)


@given(st.binary(max_size=120), st.sampled_from([b"", legacy(FOUR)[:8], standard(SIX)[:14], legacy(SIX)[:40]]))
def test_any_bytes(data: bytes, start: bytes) -> None:
    """A header whose size is its own, needs more, or ProtocolError; the same whatever the cuts."""
    whole = start + data
    try:
        found = said(whole)
    except ProtocolError:
        return
    if found is not None:
        assert 0 < found[0] <= len(whole)
        assert said(whole[: found[0]]) == found
        assert said(whole[: found[0] - 1]) is None
