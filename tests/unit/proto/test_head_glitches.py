"""What counts as a glitch of a head."""

import pytest

from pointsman.proto.glitches import count_glitches


@pytest.mark.parametrize(
    ("head", "count"),
    [
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n\r\n", 0),
        (b"GET / HTTP/1.0\r\n\r\n", 0),
        (b"GET / HTTP/1.1\r\n\r\n", 1),
        (b"GET / HTTP/1.1\nHost: h\n\n", 3),
        (b"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", 1),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: 1\r\n 2\r\n\t3\r\n\r\n", 2),
        (b"GET  / HTTP/1.1\r\nHost: h\r\n\r\n", 1),
        (b"GET /\xff HTTP/1.1\r\nHost: h\r\n\r\n", 1),
        (b"GET /#a HTTP/1.1\r\nHost: h\r\n\r\n", 1),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX(: 1\r\nY : 2\r\nZ: \x01\r\n\r\n", 3),
        (b"GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 1),
        (b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n", 1),
    ],
)
def test_requests(head: bytes, count: int) -> None:
    assert count_glitches(head, True) == count


@pytest.mark.parametrize(
    ("head", "count"),
    [
        (b"HTTP/1.1 200 OK\r\nX: \xe4\r\n\r\n", 0),
        (b"HTTP/1.1 200  several  blanks\r\n\r\n", 0),
        (b"HTTP/1.1 200 OK\r\nX: 1\n\r\n", 1),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n", 1),
    ],
)
def test_responses(head: bytes, count: int) -> None:
    assert count_glitches(head, False) == count
