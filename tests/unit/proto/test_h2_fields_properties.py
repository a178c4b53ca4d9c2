"""Anything that can be decoded is a head or a ProtocolError, and what goes out comes back with the same meaning."""

from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import parse_request, parse_response
from pointsman.proto.h1_render import request_bytes, response_bytes
from pointsman.proto.h2_fields import (
    request_block,
    request_of,
    response_block,
    response_of,
    trailer_block,
    trailers_of,
)
from pointsman.proto.hpack import Block, Decoder, coded_pair
from pointsman.proto.message import Head, Request, Response
from pointsman.proto.unsafe import UNSAFE
from pointsman.proto.websocket import new_key, protocol_of

Pairs = list[tuple[bytes, bytes]]

NAMES = [
    *(b":method", b":scheme", b":authority", b":path", b":status", b":protocol", b":foo", b"host", b"cookie", b"te"),
    *(b"content-length", b"transfer-encoding", b"connection", b"upgrade", b"expect", b"keep-alive", b"http2-settings"),
    *(b"x-a", b"X-A", b"", b":", b"sec-websocket-key", b"accept"),
]
VALUES = [
    *(b"GET", b"POST", b"CONNECT", b"OPTIONS", b"http", b"https", b"ftp", b"ex.com", b"ex.com:443", b"[::1]:80"),
    *(b"u@h", b"/", b"/a?b#c", b"*", b"//h", b"200", b"204", b"101", b"103", b"304", b"websocket", b"0", b"5", b"5, 5"),
    *(b"trailers", b"chunked", b"", b"a\r\nb", b" a", b"\x80", b"\x7f", b"100-continue"),
]
anything = st.lists(
    st.tuples(
        st.sampled_from(NAMES) | st.binary(max_size=6),
        st.sampled_from(VALUES) | st.binary(max_size=8),
    ),
    max_size=12,
)
nearly = st.tuples(
    st.sampled_from(["GET", "POST", "CONNECT", "OPTIONS", "HEAD"]),
    st.sampled_from(["/", "/a?b", "*", "/\x80", "//x/y", "/a#b"]),
    st.sampled_from(["http", "https", "ftp"]),
    st.sampled_from(["ex.com", "ex.com:80", "[::1]", "h:1"]),
    anything,
).map(
    lambda parts: [
        (b":method", parts[0].encode()),
        (b":scheme", parts[2].encode()),
        (b":authority", parts[3].encode()),
        (b":path", parts[1].encode("latin-1")),
        *[pair for pair in parts[4] if pair[0][:1] != b":"],
    ]
)


def block_of(pairs: Pairs) -> Block:
    return Decoder(4096, 65_536).decode(b"".join([coded_pair(name, value) for name, value in pairs]))


def meaning(head: Head) -> tuple[object, ...]:
    """What a head says, whatever it came in."""
    said = [(one.name, one.value) for one in head.fields]
    start: tuple[object, ...] = ()
    if isinstance(head, Request):
        start = (head.method, head.uri, head.host, head.expects_continue)
    elif isinstance(head, Response):
        start = (head.status, head.empty)
    return (*start, head.length, head.chunked, head.upgrade, said)


@given(anything | nearly, st.booleans(), st.booleans(), st.sampled_from([0, UNSAFE]))
def test_a_block_is_a_request_or_malformed(pairs: Pairs, ended: bool, extended: bool, lax: int) -> None:
    block = block_of(pairs)
    try:
        found = request_of(block, ended, extended, lax)
    except ProtocolError as error:
        assert error.status in (UNANSWERED, 400)
        return
    assert meaning(request_of(block, ended, extended, lax)) == meaning(found)
    assert not any(b"\r" in value or b"\n" in value or b"\0" in value for value in (found.method, found.uri))
    for one in found.fields:
        assert one.name == one.name.lower()
        assert not set(one.value) & {0, 10, 13}
    # A server of HTTP/1 reads the same in it: the fields, where the body ends, and whom it is for.
    wire = request_bytes(found, close=False, key=new_key(found))
    read = parse_request(wire, lax=UNSAFE if found.odd else 0)
    assert (read.length, read.chunked, read.upgrade) == (found.length, found.chunked, found.upgrade)
    assert (read.host, read.method) == (found.host, found.method)
    assert wire.count(b"\r\nhost: ") <= 1


@given(nearly, st.booleans(), st.booleans())
def test_a_request_that_goes_on_means_the_same(pairs: Pairs, ended: bool, secure: bool) -> None:
    try:
        found = request_of(block_of(pairs), ended, True, UNSAFE)
    except ProtocolError:
        return
    again = Decoder(4096, 65_536).decode(request_block(found, secure))
    assert meaning(request_of(again, ended, True, UNSAFE)) == meaning(found)


@given(st.sampled_from([b"websocket", b"foo"]), st.lists(st.binary(max_size=5), max_size=3))
def test_a_websocket_that_goes_on_means_the_same(protocol: bytes, cookies: list[bytes]) -> None:
    pairs = [(b":method", b"CONNECT"), (b":protocol", protocol), (b":scheme", b"https"), (b":authority", b"h")]
    pairs += [(b":path", b"/"), *[(b"cookie", cookie) for cookie in cookies]]
    try:
        found = request_of(block_of(pairs), False, True)
    except ProtocolError:
        return
    again = Decoder(4096, 65_536).decode(request_block(found, False, protocol_of(found)))
    assert meaning(request_of(again, False, True)) == meaning(found)


@given(
    st.lists(
        st.tuples(st.sampled_from(NAMES[:3] + NAMES[4:]) | st.binary(max_size=6), st.sampled_from(VALUES)), max_size=9
    ),
    st.sampled_from([b"200", b"204", b"304", b"100", b"103", b"101", b"404", b""]),
    st.booleans(),
    st.booleans(),
)
def test_a_block_is_a_response_or_malformed(pairs: Pairs, status: bytes, ended: bool, head_only: bool) -> None:
    block = block_of([(b":status", status), *pairs])
    try:
        found = response_of(block, ended, head_only)
    except ProtocolError as error:
        assert error.status == 502
        return
    asked = parse_request(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" if head_only else b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    read = parse_response(response_bytes(found, asked, close=False))
    assert read.status == found.status
    if not found.empty:
        assert (read.length, read.chunked) == (found.length, found.chunked)
    again = response_of(Decoder(4096, 65_536).decode(response_block(found)), ended, head_only)
    if found.status in (204, 103, 100):
        found.length = -1  # what has no body has no length
        found.fields = [one for one in found.fields if one.name != b"content-length"]
    assert meaning(again) == meaning(found)


@given(anything)
def test_a_block_is_trailers_or_malformed(pairs: Pairs) -> None:
    try:
        found = trailers_of(block_of(pairs))
    except ProtocolError as error:
        assert error.status == 400
        return
    again = trailers_of(Decoder(4096, 65_536).decode(trailer_block(found)))
    assert [(one.name, one.value) for one in again] == pairs
