"""Header blocks of HTTP/2 as heads: RFC 9113 8.1 to 8.5, by section, with what HAProxy 3.2.26 was seen to do."""

import pytest

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1_render import request_bytes
from pointsman.proto.h2_fields import request_of
from pointsman.proto.hpack import Block, Decoder, coded_pair
from pointsman.proto.message import Request

Pairs = list[tuple[bytes, bytes]]
LIMIT = 65_536


def block_of(pairs: Pairs) -> Block:
    """What the decoder makes of these fields."""
    return Decoder(4096, LIMIT).decode(b"".join([coded_pair(name, value) for name, value in pairs]))


def head(method: bytes = b"GET", path: bytes = b"/", scheme: bytes = b"http", authority: bytes = b"ex.com") -> Pairs:
    return [(b":method", method), (b":scheme", scheme), (b":authority", authority), (b":path", path)]


def request(pairs: Pairs, ended: bool = True, extended: bool = True, lax: int = 0) -> Request:
    return request_of(block_of(pairs), ended, extended, lax)


def test_8_3_1_a_request_is_what_its_pseudo_fields_say() -> None:
    found = request(head(path=b"/a?b"))
    assert (found.method, found.uri, found.host, found.major, found.minor) == (
        b"GET",
        b"http://ex.com/a?b",
        b"ex.com",
        2,
        1,
    )
    assert found.line == b"GET http://ex.com/a?b HTTP/2.0"
    assert request_bytes(found, close=False) == b"GET /a?b HTTP/1.1\r\nhost: ex.com\r\n\r\n"


@pytest.mark.parametrize("missing", [b":method", b":scheme", b":path"])
def test_8_3_1_method_scheme_and_path_must_be_there(missing: bytes) -> None:
    with pytest.raises(ProtocolError) as caught:
        request([pair for pair in head() if pair[0] != missing])
    assert caught.value.status == UNANSWERED
