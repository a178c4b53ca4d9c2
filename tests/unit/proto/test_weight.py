"""What heads take of a buffer (manual 3.2, tune.bufsize, tune.maxrewrite)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.h1 import parse_request, parse_response
from pointsman.proto.message import field
from pointsman.proto.weight import FIXED, least_to_weigh, weight


@pytest.mark.parametrize(
    "head, expected",
    [  # measured: with bufsize 2048 and maxrewrite 128 the last one that passes
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1801 + b"\r\n\r\n", 1920),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * 1621 + b"\r\n" + b"Y: \r\n" * 20 + b"\r\n", 1920),
        (b"GET /" + b"a" * 1810 + b" HTTP/1.1\r\nHost: h\r\n\r\n", 1920),
    ],
)
def test_of_requests(head: bytes, expected: int) -> None:
    assert weight(parse_request(head)) == expected


def test_of_responses() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nX: " + b"a" * 1790 + b"\r\n\r\n"
    assert weight(parse_response(head)) == 1920


def test_blanks_that_a_rule_has_written_count() -> None:
    request = parse_request(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
    before = weight(request)
    request.fields = [*request.fields, field(b"x", b" a ")]
    assert weight(request) - before == 8 + 1 + 3


NAMES = st.text("abcdefg", min_size=1, max_size=9).map(str.encode)
VALUES = st.text("xyz", max_size=20).map(str.encode)


@given(
    st.lists(st.tuples(NAMES, VALUES), max_size=99),
    st.sampled_from([b":", b": ", b":  "]),
    st.sampled_from([b"\r\n", b"\n"]),
)
def test_a_small_head_need_not_be_weighed(lines: list[tuple[bytes, bytes]], colon: bytes, end: bytes) -> None:
    """Whatever has fewer bytes than `least_to_weigh` says is within the limit."""
    fields = [name + colon + value + end for name, value in [(b"host", b"h"), *lines]]
    head = b"GET / HTTP/1.1" + end + b"".join(fields) + end
    heavy = weight(parse_request(head))
    assert heavy > FIXED
    assert len(head) > least_to_weigh(heavy - 1, 100)
