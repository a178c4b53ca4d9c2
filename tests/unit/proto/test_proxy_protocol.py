"""The PROXY protocol, both versions, both ways."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.address import AF_INET, AF_INET6, AF_UNIX, UNIX_ADDRESS, net_address
from pointsman.proto.errors import ProtocolError
from pointsman.proto.proxy import (
    AUTHORITY,
    CRC32C,
    MOST_TLVS,
    SIGNATURE,
    UNIQUE_ID,
    ProxyHeader,
    crc32c,
    inner_tlvs,
    parse,
    render_v1,
    render_v2,
    tlv,
)

FOUR = net_address("1.2.3.4", 80)
OTHER = net_address("5.6.7.8", 443)
SIX = net_address("2001:db8::1", 65535)
ENDS4 = bytes([1, 2, 3, 4, 5, 6, 7, 8, 0, 80, 1, 187])


def said(header: ProxyHeader | None) -> tuple[int, int, bytes, int, bytes, int]:
    assert header is not None and header.source is not None and header.destination is not None and not header.local
    return (
        header.size,
        header.source.family,
        header.source.text,
        header.source.port,
        header.destination.text,
        header.destination.port,
    )


def v2(family: int, block: bytes, command: int = 0x21) -> bytes:
    return SIGNATURE + bytes([command, family]) + len(block).to_bytes(2, "big") + block


def test_version_1() -> None:
    line = b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n"
    assert said(parse(line + b"GET")) == (len(line), AF_INET, b"1.2.3.4", 80, b"5.6.7.8", 443)
    line = b"PROXY TCP6 2001:DB8::1 ::2 65535 0\r\n"
    assert said(parse(line)) == (len(line), AF_INET6, b"2001:db8::1", 65535, b"::2", 0)
    for line in (b"PROXY UNKNOWN\r\n", b"PROXY UNKNOWN ffff::1 whatever 1 2 3\r\n"):
        header = parse(line + b"X")
        assert header is not None and (header.size, header.local, header.source) == (len(line), True, None)


@pytest.mark.parametrize(
    "data",
    [
        b"GET / HTTP/1.1\r\n",
        b"PROXX",
        b"PROXY\r\n",
        b"proxy TCP4 1.2.3.4 5.6.7.8 80 443\r\n",
        b"PROXY  TCP4\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443\n",
        b"PROXY TCP4 1.2.3.4  5.6.7.8 80 443\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443 9\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80\r\n",
        b"PROXY UDP4 1.2.3.4 5.6.7.8 80 443\r\n",
        b"PROXY TCP6 1.2.3.4 ::2 1 2\r\n",
        b"PROXY TCP4 ::1 ::2 1 2\r\n",
        b"PROXY TCP4 1.2.3 5.6.7.8 1 2\r\n",
        b"PROXY TCP4 1.2.3.4\0 5.6.7.8 1 2\r\n",
        b"PROXY TCP4 1.2.3.\xb2 5.6.7.8 1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 65536 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 +1 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1_0 2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 \v2\r\n",
        b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\r\n",
        b"PROXY UNKNOWN " + b"x" * 200,
        b"PROXY UNKNOWN " + b"x" * 92 + b"\r\n",
        b"\r\n\r\n\0\r\nQUIX",
        b"\n",
        b"PROXY \n",
    ],
)
def test_bad_version_1(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(data)


def test_longest_version_1() -> None:
    line = b"PROXY UNKNOWN " + b"x" * 91 + b"\r\n"
    assert len(line) == 107
    header = parse(line)
    assert header is not None and header.size == 107


def test_version_2() -> None:
    assert said(parse(v2(0x11, ENDS4) + b"X")) == (28, AF_INET, b"1.2.3.4", 80, b"5.6.7.8", 443)
    assert said(parse(v2(0x12, ENDS4))) == (28, AF_INET, b"1.2.3.4", 80, b"5.6.7.8", 443)
    six = SIX.packed + b"\0" * 15 + b"\2" + bytes([255, 255, 1, 187])
    assert said(parse(v2(0x21, six))) == (52, AF_INET6, b"2001:db8::1", 65535, b"::2", 443)
    paths = b"/a".ljust(108, b"\0") + b"\0" * 108
    assert said(parse(v2(0x31, paths))) == (232, AF_UNIX, b"/a", 0, b"unix", 0)


@pytest.mark.parametrize(
    "data",
    [v2(0, b"", 0x20), v2(0x11, ENDS4, 0x20), v2(0x99, b"abc", 0x20), v2(0, b""), v2(0, b"abc"), v2(0x10, ENDS4)],
)
def test_version_2_without_addresses(data: bytes) -> None:
    header = parse(data + b"X")
    assert header is not None
    assert (header.size, header.local, header.source, header.destination, header.tlvs) == (
        len(data),
        True,
        None,
        None,
        [],
    )


def test_tlvs() -> None:
    tlvs = b"\x05\0\3abc" + b"\x04\0\2xx" + b"\xe0\0\0" + b"\x05\0\1d" + b"\x02\0\x05h.tld"
    header = parse(v2(0x11, ENDS4 + tlvs))
    assert header is not None
    assert header.tlvs == [(UNIQUE_ID, b"abc"), (4, b"xx"), (0xE0, b""), (UNIQUE_ID, b"d"), (AUTHORITY, b"h.tld")]
    assert (header.tlv(UNIQUE_ID), header.tlv(AUTHORITY), header.tlv(1)) == (b"abc", b"h.tld", None)


@pytest.mark.parametrize(("kind", "size"), [(UNIQUE_ID, 128), (AUTHORITY, 255), (0xE0, 1024), (0x20, 1024), (4, 1024)])
def test_the_largest_tlvs(kind: int, size: int) -> None:
    header = parse(v2(0x11, ENDS4 + tlv(kind, b"x" * size)))
    assert header is not None and header.tlvs == [(kind, b"x" * size)]


def test_tlvs_of_local_headers() -> None:
    """They follow where there are no addresses; behind addresses all is skipped, whatever it is (section 2.2)."""
    told = parse(v2(0x00, tlv(AUTHORITY, b"h.tld"), 0x20))
    assert told is not None and told.local and told.source is None and told.tlvs == [(AUTHORITY, b"h.tld")]
    for block in (ENDS4 + tlv(AUTHORITY, b"h.tld"), ENDS4 + b"\xe0", b"x"):
        skipped = parse(v2(0x11, block, 0x20))
        assert skipped is not None and skipped.local and skipped.size == 16 + len(block) and skipped.tlvs == []


def test_tlvs_inside_of_one() -> None:
    whole = b"\1\0\0\0\0" + tlv(0x21, b"TLSv1.3") + tlv(0x22, b"a") + tlv(0x22, b"")
    assert inner_tlvs(whole) == [(0x21, b"TLSv1.3"), (0x22, b"a"), (0x22, b"")]
    assert inner_tlvs(whole + b"\x22\0\5abcd") == inner_tlvs(whole)  # what does not fit is none
    assert inner_tlvs(whole[:5]) == inner_tlvs(b"\1\0") == inner_tlvs(b"") == []


@given(st.binary(max_size=80))
def test_whatever_stands_inside(data: bytes) -> None:
    found = inner_tlvs(data)
    assert b"".join(tlv(*one) for one in found) == data[5 : 5 + sum(3 + len(value) for _, value in found)]


@pytest.mark.parametrize(
    "data",
    [
        v2(0x11, ENDS4[:-1]),
        v2(0x21, ENDS4),
        v2(0x31, b"x" * 215),
        v2(0x41, ENDS4),
        v2(0x13, ENDS4),
        v2(0x11, ENDS4, 0x22),
        v2(0x11, ENDS4, 0x31),
        v2(0x11, ENDS4, 0x11),
        v2(0x11, ENDS4 + b"\4\0"),
        v2(0x11, ENDS4 + b"\4"),
        v2(0x11, ENDS4 + b"\4\0\5abcd"),
        v2(0x11, ENDS4 + b"\3\0\4abcd"),
        v2(0x11, ENDS4 + b"\3\0\3abc"),
        v2(0x11, ENDS4 + tlv(UNIQUE_ID, b"x" * 129)),
        v2(0x11, ENDS4 + tlv(AUTHORITY, b"x" * 256)),
        v2(0x11, ENDS4 + tlv(0xE0, b"x" * 1025)),
        v2(0x11, ENDS4 + tlv(0x20, b"x" * 1025)),
        v2(0x00, tlv(0xE0, b"abc")[:-1], 0x20),
        v2(0x11, b"x" * 20_000),
        SIGNATURE + b"\x21\x11\xff\xff",
        SIGNATURE + b"\x22",
    ],
)
def test_bad_version_2(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        parse(data)


@pytest.mark.parametrize(
    "data",
    [
        b"PROXY TCP4 1.2.3.4 5.6.7.8 80 443\r\n",
        v2(0x11, ENDS4 + b"\5\0\3abc"),
        v2(0, b"ab"),
        v2(0x11, ENDS4, 0x20),
        b"PROXY UNKNOWN x\r\n",
    ],
)
def test_needs_more(data: bytes) -> None:
    for size in range(len(data)):
        assert parse(data[:size]) is None
    header = parse(data)
    assert header is not None and header.size == len(data)


def test_checksum() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of every catalogue of CRCs
    assert crc32c(b"\0" * 32) == 0x8A9136AA  # RFC 3720 B.4
    assert crc32c(b"\xff" * 32) == 0x62A8AB43
    whole = render_v2(FOUR, OTHER, b"", True, tlv(UNIQUE_ID, b"abc"))
    header = parse(whole)
    assert header is not None and [kind for kind, _ in header.tlvs] == [CRC32C, UNIQUE_ID]
    for i in range(16, len(whole)):
        if i in (28, 34):  # the types of the TLVs: one hides the checksum, or adds a second
            continue
        with pytest.raises(ProtocolError):
            parse(whole[:i] + bytes([whole[i] ^ 1]) + whole[i + 1 :])
    twice = v2(0x11, ENDS4 + b"\3\0\4" + b"\0" * 4 + b"\3\0\4" + b"\0" * 4)
    with pytest.raises(ProtocolError):
        parse(twice)


def test_as_haproxy_renders() -> None:
    """Bytes that HAProxy 2.6 sent with send-proxy, send-proxy-v2 and proxy-v2-options unique-id,crc32c."""
    local = net_address("127.0.0.1", 60223)
    assert (
        render_v1(net_address("127.0.0.1", 58940), net_address("127.0.0.1", 56977))
        == b"PROXY TCP4 127.0.0.1 127.0.0.1 58940 56977\r\n"
    )
    assert render_v1(UNIX_ADDRESS, UNIX_ADDRESS) == b"PROXY UNKNOWN\r\n"
    assert (
        render_v1(net_address("2001:db8::1", 52382), local)
        == b"PROXY TCP6 2001:db8::1 ::ffff:127.0.0.1 52382 60223\r\n"
    )
    assert render_v1(net_address("2001:db8::1", 1), net_address("::2", 2)) == b"PROXY TCP6 2001:db8::1 ::2 1 2\r\n"
    assert render_v2(UNIX_ADDRESS, UNIX_ADDRESS) == b"\r\n\r\n\x00\r\nQUIT\n \x00\x00\x00"
    assert (
        render_v2(net_address("127.0.0.1", 0xD088), net_address("127.0.0.1", 0x9073))
        == b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x0c\x7f\x00\x00\x01\x7f\x00\x00\x01\xd0\x88\x90s"
    )
    assert (
        render_v2(net_address("2001:db8::1", 0xB8D4), net_address("127.0.0.1", 0xB993))
        == b"\r\n\r\n\x00\r\nQUIT\n!!\x00$ \x01\r\xb8"
        + b"\x00" * 11
        + b"\x01"
        + b"\x00" * 10
        + b"\xff\xff\x7f\x00\x00\x01\xb8\xd4\xb9\x93"
    )
    assert (
        render_v2(net_address("1.2.3.4", 0x8080), net_address("127.0.0.1", 0x9CCD), b"", True, tlv(UNIQUE_ID, b"abc"))
        == b"\r\n\r\n\x00\r\nQUIT\n!\x11\x00\x19\x01\x02\x03\x04\x7f\x00\x00\x01\x80\x80\x9c\xcd"
        b"\x03\x00\x04i\x1f^\xa3\x05\x00\x03abc"
    )
    assert (
        render_v2(UNIX_ADDRESS, UNIX_ADDRESS, b"", True, tlv(UNIQUE_ID, b""))
        == b"\r\n\r\n\x00\r\nQUIT\n \x00\x00\n\x03\x00\x04\x82ct\xb8\x05\x00\x00"
    )


def test_too_much_to_say() -> None:
    most = tlv(0xE0, b"x" * 997) * (MOST_TLVS // 1000) + tlv(0xE0, b"x" * (MOST_TLVS % 1000 - 3))
    assert len(most) == MOST_TLVS and parse(render_v2(FOUR, OTHER, most, True)) is not None
    for checksum in (False, True):
        with pytest.raises(ValueError, match="too long"):
            render_v2(FOUR, OTHER, most, checksum, b"x" * 40)


ADDRESSES = st.one_of(st.ip_addresses(v=4), st.ip_addresses(v=6)).map(str)
PORTS = st.integers(0, 65535)
TLVS = st.lists(st.tuples(st.sampled_from([1, 2, 5, 0x20, 0x30, 0xE0]), st.binary(max_size=40)), max_size=4)


@given(ADDRESSES, PORTS, ADDRESSES, PORTS, TLVS, st.booleans())
def test_round_trip(
    source: str, port: int, target: str, target_port: int, tlvs: list[tuple[int, bytes]], checksum: bool
) -> None:
    first = net_address(source, port)
    second = net_address(target, target_port)
    joined = [b"".join(tlv(*one) for one in some) for some in (tlvs[:2], tlvs[2:])]
    for data in (render_v1(first, second), render_v2(first, second, joined[0], checksum, joined[1])):
        header = parse(data + b"X")
        assert header is not None and header.source is not None and header.destination is not None
        assert (header.size, header.source.port, header.destination.port) == (len(data), port, target_port)
        mixed = first.family != second.family
        for one, given_ in ((header.source, first), (header.destination, second)):
            assert one.packed == given_.packed or (mixed and one.packed[-4:] == given_.packed)
        if header.version == 2:
            assert [one for one in header.tlvs if one[0] != CRC32C] == tlvs


@given(st.binary(max_size=60))
def test_garbage(data: bytes) -> None:
    for block in (
        data,
        SIGNATURE + data,
        SIGNATURE + b"\x21" + data,
        b"PROXY " + data + b"\r\n",
        v2(0x11, ENDS4 + data),
    ):
        try:
            header = parse(block)
        except ProtocolError:
            continue
        assert header is None or 0 < header.size <= len(block)
