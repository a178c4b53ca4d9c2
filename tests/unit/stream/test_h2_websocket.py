"""WebSockets of clients that speak HTTP/2, to servers of HTTP/1 (RFC 8441)."""

from __future__ import annotations

from base64 import b64decode

import pytest
from support.h2_peer import NO_ERROR, PROTOCOL_ERROR, Pair, data, headers, literals
from support.h2_stand import H2Peer, H2Stand
from support.stand import End

from pointsman.proto.websocket import accept_of

CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 2s
    timeout server 3s
    timeout tunnel 4s
    retries 0
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server a {a}
"""
OPEN: list[Pair] = [
    (":method", "CONNECT"),
    (":protocol", "websocket"),
    (":scheme", "https"),
    (":authority", "ex.com"),
    (":path", "/ws?x"),
    ("sec-websocket-version", "13"),
]
START = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\nX-S: 1\r\n"


def opened(stand: H2Stand, client: H2Peer, number: int = 1) -> tuple[End, bytes]:
    """The server that was asked, and the key that it was given."""
    client.put(headers(number, literals(OPEN), False))
    server = stand.accept("a")
    head, _, key = server.take().partition(b"sec-websocket-key: ")
    assert head == (
        b"GET /ws?x HTTP/1.1\r\nhost: ex.com\r\nsec-websocket-version: 13\r\nupgrade: websocket\r\n"
        b"connection: upgrade\r\n"
    )
    assert key.endswith(b"\r\n\r\n")
    return server, key[:-4]


def test_it_is_opened_and_bytes_pass_both_ways() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        server, key = opened(stand, client)
        assert len(b64decode(key, validate=True)) == 16
        server.send(START + b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\nhello")
        answer = client.answer(1)
        assert (answer.status, answer.fields[1]) == (200, (b"x-s", b"1"))
        assert not {b"upgrade", b"connection"} & {name for name, _ in answer.fields}
        assert answer.body == b"hello" and not client.ended
        client.put(data(1, b"abc"))
        assert server.take() == b"abc"
        server.send(b"def")
        assert client.answer(1).body == b"hellodef"
        client.put(data(1, b"", True))
        server.take()
        server.close()
        assert client.look().ended == {1}
        assert stand.lines == ["101 --"]


def test_each_has_a_key_of_its_own_though_its_head_is_the_same() -> None:
    """What was remembered of a head in the same bytes does not hold the key."""
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        keys = set()
        for number in (1, 3, 5, 7):
            server, key = opened(stand, client, number)
            server.send(START + b"Sec-WebSocket-Accept: " + accept_of(key) + b"\r\n\r\n")
            assert client.answer(number).status == 200
            keys.add(key)
            client.put(data(number, b"", True))
            server.close()
            client.look()
        assert len(keys) == 4


@pytest.mark.parametrize(
    "response",
    [
        START + b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n",
        START + b"\r\n",
        START.replace(b"websocket", b"foo") + b"\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
    ],
    ids=["another key's proof", "no proof", "another protocol", "no protocol"],
)
def test_a_server_that_does_not_prove_it_has_read_the_key_is_a_bad_gateway(response: bytes) -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        server, _ = opened(stand, client)
        server.send(response)
        assert client.answer(1).status == 502
        assert client.resets == {1: NO_ERROR}  # it need not send more (RFC 9113 8.1)
        assert stand.lines == ["502 PH"]


def test_a_refusal_passes_as_it_is() -> None:
    with H2Stand(CONFIG, "a") as stand:
        client = stand.h2()
        server, _ = opened(stand, client)
        server.send(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 2\r\n\r\nno")
        answer = client.answer(1)
        assert (answer.status, answer.body) == (403, b"no")
        assert client.ended == {1}
        assert client.resets == {1: NO_ERROR}


def test_it_is_for_clients_that_were_told() -> None:
    with H2Stand("global\n    h2-workaround-bogus-websocket-clients\n" + CONFIG, "a") as stand:
        client = stand.h2()
        client.put(headers(1, literals(OPEN), False))
        assert client.look().resets == {1: PROTOCOL_ERROR}
