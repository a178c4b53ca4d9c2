"""WebSockets between HTTP/1 and HTTP/2 (RFC 8441), with what HAProxy 3.2.26 was seen to do."""

import pytest

from pointsman.proto.errors import UNANSWERED, ProtocolError
from pointsman.proto.h1 import check_switch, parse_request, parse_response
from pointsman.proto.h1_render import request_bytes, response_bytes
from pointsman.proto.h2_fields import request_block, request_of, response_block, response_of
from pointsman.proto.hpack import Block, Decoder, coded_pair
from pointsman.proto.message import Request, Response
from pointsman.proto.websocket import accept_of, is_websocket, new_key, protocol_of, switched

Pairs = list[tuple[bytes, bytes]]
KEY = b"dGhlIHNhbXBsZSBub25jZQ=="  # of RFC 6455 1.3, with its proof
PROOF = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
OPEN: Pairs = [
    (b":method", b"CONNECT"),
    (b":protocol", b"websocket"),
    (b":scheme", b"https"),
    (b":authority", b"ex.com"),
    (b":path", b"/ws?x"),
]
REST: Pairs = [(b"sec-websocket-version", b"13"), (b"origin", b"http://x")]
UPGRADE = (
    b"GET /ws HTTP/1.1\r\nHost: h.org\r\nConnection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: "
    + KEY
    + b"\r\n"
    b"Sec-WebSocket-Version: 13\r\nX: y\r\n\r\n"
)


def block_of(pairs: Pairs) -> Block:
    return Decoder(4096, 65_536).decode(b"".join([coded_pair(name, value) for name, value in pairs]))


def asked(*more: tuple[bytes, bytes], ended: bool = False) -> Request:
    return request_of(block_of([*OPEN, *REST, *more]), ended, True)


def decoded(block: bytes) -> Pairs:
    return [(one.name, one.value) for one in Decoder(4096, 65_536).decode(block).fields]


def answered(*fields: tuple[bytes, bytes], status: bytes = b"200") -> Response:
    return response_of(block_of([(b":status", status), *fields]), False, False)


# An HTTP/2 client.


@pytest.mark.parametrize("ended", [False, True])
def test_rfc_8441_4_an_extended_connect_is_a_get_with_an_upgrade(ended: bool) -> None:
    found = asked((b"cookie", b"a"), ended=ended)
    assert (found.method, found.uri, found.host) == (b"GET", b"https://ex.com/ws?x", b"ex.com")
    assert found.line == b"GET https://ex.com/ws?x HTTP/2.0"
    assert (found.upgrade, found.chunked, found.length) == (True, False, -1)
    assert [(one.name, one.value) for one in found.fields] == [
        (b"host", b"ex.com"),
        *REST,
        (b"upgrade", b"websocket"),
        (b"connection", b"upgrade"),
        (b"cookie", b"a"),
    ]
    assert is_websocket(found)
    assert protocol_of(found) == b"websocket"


def test_rfc_8441_5_a_server_of_http_1_gets_a_key() -> None:
    found = asked()
    key = new_key(found)
    assert len(key) == 24 and new_key(found) != key
    assert request_bytes(found, close=False, key=key) == (
        b"GET /ws?x HTTP/1.1\r\nhost: ex.com\r\nsec-websocket-version: 13\r\norigin: http://x\r\nupgrade: websocket\r\n"
        b"connection: upgrade\r\nsec-websocket-key: " + key + b"\r\n\r\n"
    )
    assert found.get(b"sec-websocket-key") is None  # rules and logs do not see it
    parse_request(request_bytes(found, close=False, key=key))  # which a server of HTTP/1 takes


def test_rfc_8441_5_a_key_of_the_client_is_kept() -> None:
    found = asked((b"sec-websocket-key", KEY))
    assert new_key(found) == b""
    assert b"sec-websocket-key: " + KEY in request_bytes(found, close=False)
    assert new_key(request_of(block_of([OPEN[0], (b":protocol", b"foo"), *OPEN[2:]]), False, True)) == b""
    assert new_key(parse_request(UPGRADE)) == b""


def test_rfc_6455_4_1_the_proof_is_checked_of_a_key_that_was_made() -> None:
    assert accept_of(KEY) == PROOF
    start = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n"
    good = parse_response(start + b"Sec-WebSocket-Accept: " + PROOF + b"\r\n\r\n")
    bad = parse_response(start + b"Sec-WebSocket-Accept: x" + PROOF[1:] + b"\r\n\r\n")
    none = parse_response(start + b"\r\n")
    other = parse_response(b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: foo\r\nConnection: upgrade\r\n\r\n")
    check_switch(asked(), good, False, KEY)
    check_switch(asked(), bad)
    check_switch(asked(), bad, True, KEY)  # option accept-unsafe-violations-in-http-response
    for response in (bad, none, other):
        with pytest.raises(ProtocolError) as caught:
            check_switch(asked(), response, False, KEY)
        assert caught.value.status == 502


def test_rfc_8441_5_101_is_200() -> None:
    response = parse_response(
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-S: 1\r\n"
        b"Content-Length: 3\r\nSec-WebSocket-Accept: " + PROOF + b"\r\n\r\n"
    )
    assert decoded(response_block(response)) == [(b":status", b"200"), (b"x-s", b"1"), (b"sec-websocket-accept", PROOF)]


@pytest.mark.parametrize("protocol", [b"foo", b"WebSocket"])
def test_rfc_8441_4_other_protocols_are_upgrades_too(protocol: bytes) -> None:
    found = request_of(block_of([OPEN[0], (b":protocol", protocol), *OPEN[2:]]), False, True)
    assert found.get(b"upgrade") == protocol
    assert is_websocket(found) == (protocol != b"foo")


def test_what_belongs_to_a_body_goes() -> None:
    found = asked((b"content-length", b"3"), (b"expect", b"100-continue"))
    assert (found.length, found.expects_continue) == (-1, False)
    assert found.get(b"content-length") is None and found.get(b"expect") is None


MALFORMED: dict[str, Pairs] = {
    "another method": [(b":method", b"GET"), *OPEN[1:]],
    "no scheme": [*OPEN[:2], *OPEN[3:]],
    "no authority": [*OPEN[:3], OPEN[4]],
    "Host alone": [*OPEN[:3], OPEN[4], (b"host", b"ex.com")],
    "no path": OPEN[:4],
    "an asterisk": [*OPEN[:4], (b":path", b"*")],
    "twice": [*OPEN, OPEN[1]],
    "an Upgrade field": [*OPEN, (b"upgrade", b"websocket")],
    "an empty protocol": [OPEN[0], (b":protocol", b""), *OPEN[2:]],
    "no token": [OPEN[0], (b":protocol", b"a b"), *OPEN[2:]],
    "several": [OPEN[0], (b":protocol", b"a, b"), *OPEN[2:]],
    # A server of HTTP/1 that takes this would speak HTTP/2 with the client, unseen.
    "h2c": [OPEN[0], (b":protocol", b"h2c"), *OPEN[2:]],
    "H2": [OPEN[0], (b":protocol", b"H2"), *OPEN[2:]],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_rfc_8441_4_malformed(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        request_of(block_of(MALFORMED[name]), False, True)
    assert caught.value.status == UNANSWERED


def test_rfc_8441_3_it_is_for_those_who_were_told() -> None:
    """h2-workaround-bogus-websocket-clients does not tell."""
    block = block_of(OPEN)
    assert request_of(block, False, True).upgrade
    with pytest.raises(ProtocolError):
        request_of(block, False, False)


# An HTTP/2 server.


def test_rfc_8441_5_an_upgrade_is_an_extended_connect() -> None:
    request = parse_request(UPGRADE)
    assert decoded(request_block(request, True, protocol_of(request))) == [
        (b":method", b"CONNECT"),
        (b":scheme", b"https"),
        (b":authority", b"h.org"),
        (b":path", b"/ws"),
        (b":protocol", b"websocket"),
        (b"sec-websocket-version", b"13"),
        (b"x", b"y"),
    ]
    assert protocol_of(parse_request(UPGRADE.replace(b": websocket", b": , websocket, foo"))) == b"websocket"
    assert protocol_of(parse_request(b"GET / HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\n\r\n")) == b""


@pytest.mark.parametrize(
    "fields",
    [[], [(b"content-length", b"2")], [(b"sec-websocket-accept", b"bad")]],
    ids=["nothing", "a length", "another proof"],
)
def test_rfc_8441_5_200_is_a_101_with_the_proof(fields: Pairs) -> None:
    request = parse_request(UPGRADE)
    response = switched(request, answered((b"x-s", b"1"), *fields))
    assert response_bytes(response, request, close=False) == (
        b"HTTP/1.1 101 Switching Protocols\r\nx-s: 1\r\nconnection: upgrade\r\nupgrade: websocket\r\n"
        b"sec-websocket-accept: " + PROOF + b"\r\n\r\n"
    )
    check_switch(request, response)
    assert (response.status, response.major, response.empty) == (101, 2, True)


def test_rfc_8441_5_another_protocol_has_no_proof() -> None:
    request = parse_request(UPGRADE.replace(b"websocket\r\n", b"foo\r\n", 1))
    response = switched(request, answered((b"x-s", b"1")))
    assert response_bytes(response, request, close=False) == (
        b"HTTP/1.1 101 Switching Protocols\r\nx-s: 1\r\nconnection: upgrade\r\nupgrade: foo\r\n\r\n"
    )


def test_http_2_on_both_sides_needs_neither_key_nor_proof() -> None:
    request = asked()
    assert decoded(request_block(request, False, protocol_of(request))) == [
        (b":method", b"CONNECT"),
        (b":scheme", b"https"),
        (b":authority", b"ex.com"),
        (b":path", b"/ws?x"),
        (b":protocol", b"websocket"),
        *REST,
    ]
    response = switched(request, answered((b"x-s", b"1")))
    assert decoded(response_block(response)) == [(b":status", b"200"), (b"x-s", b"1")]
