"""The cookie of an RDP connection's first bytes. What counts as one, and what has to be waited for, was asked of
haproxy 2.6 and 3.2, by `tcp-request content reject unless` rules that wait for more."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.rdp_cookie import RdpCookie, find_rdp_cookie, named_server

# [MS-RDPBCGR] 4.1.1, the example of a client's X.224 Connection Request, with its negotiation request.
PUBLISHED = bytes.fromhex(
    "03 00 00 2c 27 e0 00 00 00 00 00 43 6f 6f 6b 69 65 3a 20 6d 73 74 73 68 61 73 68 3d 65 6c 74 6f 6e 73 0d 0a"
    "01 00 08 00 00 00 00 00"
)
HEADERS = bytes(11)
MSTS = b"msts"
HASH = b"mstshash"


def said(found: RdpCookie) -> bytes | str | None:
    return "waits" if found.waits else found.value


def test_the_published_request() -> None:
    assert said(find_rdp_cookie(PUBLISHED)) == b"eltons"
    assert said(find_rdp_cookie(PUBLISHED, HASH)) == b"eltons"
    assert said(find_rdp_cookie(PUBLISHED, b"MstsHash")) == b"eltons"
    assert said(find_rdp_cookie(PUBLISHED, MSTS)) is None


@pytest.mark.parametrize(
    ("text", "any_name", "msts", "mstshash", "x"),
    [
        (b"Cookie: mstshash=user1\r\n", b"user1", None, b"user1", None),
        (b"COOKIE:MSTSHASH=User1\r\n", b"User1", None, b"User1", None),
        (b"Cookie:    msts=1.2.0000\r\nmore", b"1.2.0000", b"1.2.0000", None, None),
        (b"Cookie: x=\r\n", b"", "waits", "waits", b""),
        (b"Cookie: mstshash=\r\n", b"", None, b"", None),
        (b"Cookie:         ", "waits", "waits", "waits", "waits"),
        (b"Cookie;         ", None, None, None, None),
        (b"zzzzzzz", "waits", "waits", "waits", "waits"),  # too short to look at
        (b"zzzzzzzz", None, None, None, None),
        (b"Cookie:\r", None, "waits", "waits", "waits"),
        (b"Cookie:\r\n", None, "waits", "waits", None),
        (b"Cookie:\n\n", None, "waits", "waits", None),
        (b"Cookie:xx", "waits", "waits", "waits", None),
        (b"Cookie:x=", "waits", "waits", "waits", "waits"),
        (b"Cookie:=x", "waits", "waits", "waits", None),
        (b"Cookie:=x\r\n", b"x", "waits", "waits", None),
        (b"Cookie: mstsh", "waits", None, "waits", None),
        (b"Cookie: zzzzzzzzzzz", "waits", None, None, None),
        (b"Cookie: zzz=abc", "waits", None, "waits", None),
        (b"Cookie: x=abc\r", "waits", None, "waits", "waits"),
        (b"Cookie: x=abc\rx", None, None, "waits", None),
        (b"Cookie: x=abc\nd\r\n", b"abc\nd", None, None, b"abc\nd"),
        (b"Cookie:\tx=abc\r\n", b"abc", None, "waits", None),
        (b"Cookie: x =abc\r\n", b"abc", None, "waits", None),
        (b"Cookie: x\r\n=abc\r\n", None, None, None, None),
        (b"Cookie: x\r", None, "waits", "waits", None),
        (b"Cookie: x\n=abc\r\n", None, None, "waits", None),
        (b"Cookie: a=abc; x=d\r\n", b"abc; x=d", None, None, None),
        (b"Cookie: a=abc\r\nCookie: x=3\r\n", b"abc", None, None, None),
        (b"Cookie: x=a\xe9b,c \r\n", b"a\xe9b,c ", None, None, b"a\xe9b,c "),
        (b"Cookie: x=a\r\r\n", None, None, "waits", None),
    ],
)
def test_what_counts(
    text: bytes, any_name: bytes | str | None, msts: bytes | str | None, mstshash: bytes | str | None, x: bytes | None
) -> None:
    data = HEADERS + text
    assert [said(find_rdp_cookie(data, name)) for name in (b"", MSTS, HASH, b"x")] == [any_name, msts, mstshash, x]


@given(st.binary(max_size=60), st.sampled_from([b"", MSTS, HASH, b"x"]), st.booleans())
def test_what_is_told_stays_told(tail: bytes, name: bytes, cookie: bool) -> None:
    """More bytes never change what was told from fewer, and it is told of a whole cookie."""
    data = HEADERS + (b"Cookie: mstshash=" if cookie else b"") + tail
    told: RdpCookie | None = None
    for end in range(len(data) + 1):
        found = find_rdp_cookie(data[:end], name)
        if told is not None:
            assert (found.waits, found.value) == (False, told.value)
        elif not found.waits:
            told = found


def test_cut_at_every_byte() -> None:
    end = PUBLISHED.index(b"\r\n") + 2
    for cut in range(len(PUBLISHED)):
        assert said(find_rdp_cookie(PUBLISHED[:cut], HASH)) == ("waits" if cut < end else b"eltons")


def test_the_server_of_a_routing_token() -> None:
    """3640205228.15629.0000 is Microsoft's example of a token: 172.31.249.216, port 3389."""
    found = named_server(b"3640205228.15629.0000")
    assert found is not None and (found.text, found.port) == (b"172.31.249.216", 3389)
    for token in (b"3640205228.15629.", b"3640205228.15629.x", b"03640205228.015629.0000.1.2"):
        again = named_server(token)
        assert again is not None and found.same(again)
    for token in (b"", b"x", b"3640205228", b"3640205228.15629", b"3640205228..0", b"3640205228x.15629.0"):
        assert named_server(token) is None
    for token in (b"3640205228 .15629.0", b"3640205228.15629 .0", b"4294967296.15629.0", b"1.65536.0", b"-1.2.0"):
        assert named_server(token) is None
