"""Names of fields respelt on their way out (manual 3.1, h1-case-adjust)."""

import pytest

from pointsman.proto.spelling import respelt

NAMES = {b"host": b"Host", b"content-length": b"Content-Length", b"x": b"X"}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"GET / HTTP/1.1\r\nhost: h\r\ny: host\r\n\r\n", b"GET / HTTP/1.1\r\nHost: h\r\ny: host\r\n\r\n"),
        (b"x: y HTTP/1.1\r\nx: x\r\n\r\n", b"x: y HTTP/1.1\r\nX: x\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nx: \r\n\r\nhost: body\r\n", b"HTTP/1.1 200 OK\r\nX: \r\n\r\nhost: body\r\n"),
        (b"0\r\nx: t\r\n\r\n", b"0\r\nX: t\r\n\r\n"),
        (b"0\r\n\r\n", b"0\r\n\r\n"),
        (b"GET / HTTP/1.1\r\nxx: 1\r\nxhost: 2\r\n\r\n", b"GET / HTTP/1.1\r\nxx: 1\r\nxhost: 2\r\n\r\n"),
    ],
)
def test_names_alone_are_respelt(before: bytes, after: bytes) -> None:
    assert respelt(before, NAMES) == after
