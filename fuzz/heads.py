"""Heads of requests and responses: found alike however they arrive, and a message or ProtocolError."""

from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1 import LIMIT, parse_request, parse_response, split_head

SEEDS: Final = [
    b"GET /a?b HTTP/1.1\r\nHost: h:80\r\nX: y\r\n z\r\n\r\nrest",
    b"\r\nPOST http://h:80/ HTTP/1.1\nHost: h:80\nContent-Length: 02\n\n",
    b"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: gzip, chunked\r\nTrailer: a\r\nTE: trailers\r\n\r\n",
    b"CONNECT [::1]:443 HTTP/1.1\r\nHost: [::1]:443\r\n\r\n",
    b"OPTIONS * HTTP/1.0\r\nConnection: keep-alive, x\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nConnection: upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Length: 5, 5\r\nSet-Cookie: a=b\r\n\r\nhello",
    b"HTTP/1.0 099\nTransfer-Encoding: chunked\n\n",
    b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
]


def arrived(data: bytes, is_request: bool) -> int:
    """The length of the head that comes byte by byte; 0: no whole one."""
    size = 0
    for end in range(1, len(data) + 1):
        size = split_head(data[:end], end - 1, LIMIT, is_request)
        if size:
            break
    return size


def fuzz_one(data: bytes) -> None:
    for is_request in (True, False):
        try:
            size = split_head(data, 0, LIMIT, is_request)
        except ProtocolError:
            size = 0
        for strict in (False, True):
            for block in (data[:size], data, data + b"\r\n\r\n"):
                try:
                    if is_request:
                        request = parse_request(block, strict)
                        assert request.uri and request.method
                        assert not (request.chunked and request.length >= 0)
                    else:
                        parse_response(block, strict)
                except ProtocolError:
                    continue
                if size and block == data[:size]:  # a good head is not refused while it is coming
                    assert arrived(data, is_request) == size
