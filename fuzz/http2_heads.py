"""Header blocks of HTTP/2: whatever can be decoded is a head or a ProtocolError, and a good head can go on to servers
and clients of both versions."""

from typing import Final

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import MAX_FIELDS, parse_request, parse_response
from pointsman.proto.h1_render import request_bytes, response_bytes
from pointsman.proto.h2_fields import (
    request_block,
    request_of,
    response_block,
    response_of,
    trailer_block,
    trailers_of,
)
from pointsman.proto.hpack import Block, Decoder, HpackError, coded_pair
from pointsman.proto.unsafe import UNSAFE
from pointsman.proto.websocket import new_key, protocol_of

LIMIT: Final = 65_536


def _seed(*fields: tuple[bytes, bytes]) -> bytes:
    return b"".join([coded_pair(name, value) for name, value in fields])


_GET: Final = ((b":method", b"GET"), (b":scheme", b"http"), (b":authority", b"h:80"), (b":path", b"/a?b"))
SEEDS: Final = [
    _seed(*_GET, (b"x", b"y"), (b"cookie", b"a"), (b"cookie", b"b"), (b"te", b"trailers")),
    _seed(*_GET[:2], _GET[3], (b"host", b"h"), (b"content-length", b"5, 5"), (b"expect", b"100-continue")),
    _seed((b":method", b"OPTIONS"), (b":scheme", b"ftp"), (b":path", b"*"), (b"http2-settings", b"x")),
    _seed((b":method", b"CONNECT"), (b":authority", b"[::1]:443"), (b"host", b"[::1]")),
    _seed((b":method", b"CONNECT"), (b":protocol", b"websocket"), *_GET[1:], (b"sec-websocket-version", b"13")),
    _seed((b":status", b"200"), (b"content-length", b"5"), (b"set-cookie", b"a=b"), (b"te", b"gzip")),
    _seed((b":status", b"103"), (b"link", b"x")),
    _seed((b"x-t", b"1"), (b"grpc-status", b"0")),
]


def decoded(data: bytes) -> Block:
    return Decoder(4096, LIMIT).decode(data)


def fuzz_one(data: bytes) -> None:
    try:
        block = decoded(data)
    except HpackError:
        return
    for ended in (False, True):
        for lax in (0, UNSAFE):
            check_request(block, ended, lax)
        for head_only in (False, True):
            check_response(block, ended, head_only)
    try:
        trailers = trailers_of(block)
    except ProtocolError as error:
        assert error.status == 400
    else:
        assert len(trailers_of(decoded(trailer_block(trailers)))) == len(trailers)


def check_request(block: Block, ended: bool, lax: int) -> None:
    try:
        found = request_of(block, ended, True, lax)
    except ProtocolError as error:
        assert error.status in (UNANSWERED, 400)
        return
    wire = request_bytes(found, close=False, key=new_key(found))
    read = parse_request(wire, lax=UNSAFE if found.odd else 0)
    assert (read.length, read.chunked, read.upgrade) == (found.length, found.chunked, found.upgrade)
    assert read.method == found.method
    assert read.host == found.host or found.method == b"CONNECT"  # HTTP/1 leaves out a default port there
    again = request_of(decoded(request_block(found, False, protocol_of(found))), ended, True, lax)
    assert (again.method, again.length, again.upgrade) == (found.method, found.length, found.upgrade)
    assert again.host == (found.host or None)


def check_response(block: Block, ended: bool, head_only: bool) -> None:
    try:
        found = response_of(block, ended, head_only)
    except ProtocolError as error:
        assert error.status == 502
        return
    asked = parse_request(b"HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" if head_only else b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    read = parse_response(response_bytes(found, asked, close=False), False, MAX_FIELDS + 1)  # one tells the framing
    assert read.status == found.status
    if not found.empty:
        assert (read.length, read.chunked) == (found.length, found.chunked)
    assert response_of(decoded(response_block(found)), ended, head_only).status == found.status
