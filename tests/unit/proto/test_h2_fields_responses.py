"""Header blocks of HTTP/2 as responses (RFC 9113 8.1, 8.2, 8.3.2), with what HAProxy 3.2.26 was seen to do."""

import pytest

from pointsman.proto.errors import ProtocolError
from pointsman.proto.h1_render import interim, response_bytes
from pointsman.proto.h2_fields import response_of
from pointsman.proto.hpack import Block, Decoder, coded_pair
from pointsman.proto.message import Request, Response

Pairs = list[tuple[bytes, bytes]]


def block_of(pairs: Pairs) -> Block:
    return Decoder(4096, 65_536).decode(b"".join([coded_pair(name, value) for name, value in pairs]))


def response(
    *pairs: tuple[bytes, bytes], status: bytes = b"200", ended: bool = False, head_only: bool = False
) -> Response:
    return response_of(block_of([(b":status", status), *pairs]), ended, head_only)


def asked(minor: int = 1) -> Request:
    made = Request()
    made.method = b"GET"
    made.minor = minor
    return made


def sent(found: Response) -> bytes:
    """What a client of HTTP/1.1 gets."""
    return response_bytes(found, asked(), close=False)


def test_8_3_2_a_response_has_a_status() -> None:
    found = response((b"x", b"1"), (b"content-length", b"2"))
    assert (found.status, found.reason, found.major, found.minor, found.length) == (200, b"", 2, 1, 2)
    assert not found.chunked and not found.empty and not found.close and not found.keep
    assert sent(found) == b"HTTP/1.1 200 OK\r\nx: 1\r\ncontent-length: 2\r\n\r\n"


@pytest.mark.parametrize(
    ("status", "line"), [(b"600", b"HTTP/1.1 600 "), (b"999", b"HTTP/1.1 999 "), (b"299", b"HTTP/1.1 299 ")]
)
def test_8_3_2_any_status_of_three_digits_will_do(status: bytes, line: bytes) -> None:
    assert sent(response(status=status)).startswith(line)


def test_8_1_a_body_without_a_length_is_in_chunks_for_http_1() -> None:
    for ended in (False, True):  # HAProxy too writes an empty body in chunks
        found = response((b"x", b"1"), ended=ended)
        assert (found.length, found.chunked) == (-1, True)
        assert sent(found) == b"HTTP/1.1 200 OK\r\nx: 1\r\ntransfer-encoding: chunked\r\n\r\n"


def test_8_1_1_a_length_without_a_body_is_malformed() -> None:
    with pytest.raises(ProtocolError) as caught:
        response((b"content-length", b"5"), ended=True)
    assert caught.value.status == 502
    assert response((b"content-length", b"0"), ended=True).length == 0


@pytest.mark.parametrize("status", [b"204", b"304"])
def test_8_1_1_some_have_no_body_whatever_their_length(status: bytes) -> None:
    found = response((b"content-length", b"5"), status=status, ended=True)
    assert (found.empty, found.chunked, found.length) == (True, False, 5)
    assert not response(status=status, ended=True).chunked
    kept = b"content-length: 5\r\n" if status == b"304" else b""  # RFC 9110 8.6
    assert sent(found).partition(b"\r\n")[2] == kept + b"\r\n"


def test_8_1_1_the_answer_to_head_keeps_its_length() -> None:
    block = block_of([(b":status", b"200"), (b"content-length", b"5")])
    found = response_of(block, True, True)
    assert (found.empty, found.length) == (True, 5)
    assert sent(found) == b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n"
    with pytest.raises(ProtocolError):  # the same block for another method
        response_of(block, True, False)
    assert not response_of(block, False, False).empty


@pytest.mark.parametrize(("status", "wire"), [
    (b"100", b"HTTP/1.1 100 Continue\r\n\r\n"),
    (b"103", b"HTTP/1.1 103 Informational\r\nlink: a\r\n\r\n"),
    (b"199", b"HTTP/1.1 199 "),
])  # fmt: skip
def test_8_1_interim_responses_come_first(status: bytes, wire: bytes) -> None:
    found = response(*([(b"link", b"a")] if status == b"103" else []), status=status)
    assert found.empty
    assert interim(found).startswith(wire)


def test_8_1_an_interim_response_does_not_end_a_stream() -> None:
    with pytest.raises(ProtocolError) as caught:
        response(status=b"103", ended=True)
    assert caught.value.status == 502


def test_fields_pass_as_they_are() -> None:
    found = response(
        (b"set-cookie", b"a"),
        (b"te", b"gzip"),
        (b"host", b"h"),
        (b"set-cookie", b"b"),
        (b"cookie", b"q"),
        (b"cookie", b"r"),
        (b"content-length", b"2"),
        (b"content-length", b"2"),
    )
    assert sent(found) == (
        b"HTTP/1.1 200 OK\r\nset-cookie: a\r\nhost: h\r\nset-cookie: b\r\ncookie: q\r\ncookie: r\r\n"
        b"content-length: 2\r\n\r\n"
    )


S = (b":status", b"200")
MALFORMED: dict[str, Pairs] = {
    "no status": [(b"x", b"1")],
    "nothing": [],
    "two statuses": [S, S],
    "letters": [(b":status", b"abc")],
    "a sign": [(b":status", b"+20")],
    "an empty status": [(b":status", b"")],
    "two digits": [(b":status", b"20")],
    "four digits": [(b":status", b"1000")],
    "a zero in front": [(b":status", b"099")],
    "101": [(b":status", b"101")],  # 8.6
    "a request's pseudo-field": [S, (b":path", b"/")],
    "a request's method": [S, (b":method", b"GET")],
    "an unknown pseudo-field": [S, (b":foo", b"1")],
    "the status behind": [(b"x", b"1"), S],
    "a pseudo-field behind": [S, (b"x", b"1"), (b":foo", b"1")],
    "upper case": [S, (b"X-A", b"1")],
    "connection": [S, (b"connection", b"close")],
    "keep-alive": [S, (b"keep-alive", b"x")],
    "proxy-connection": [S, (b"proxy-connection", b"x")],
    "transfer-encoding": [S, (b"transfer-encoding", b"chunked")],
    "upgrade": [S, (b"upgrade", b"x")],
    "differing lengths": [S, (b"content-length", b"2"), (b"content-length", b"3")],
    "a length that is no number": [S, (b"content-length", b"x")],
    "a line end": [S, (b"x", b"a\nb")],
    "a NUL": [S, (b"x", b"a\0b")],
    "a blank behind": [S, (b"x", b"a ")],
    "many fields": [S, *[(b"a%d" % i, b"1") for i in range(101)]],
}


@pytest.mark.parametrize("name", MALFORMED)
def test_8_1_1_a_malformed_response_is_a_bad_gateway(name: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        response_of(block_of(MALFORMED[name]), False, False)
    assert caught.value.status == 502


def test_the_same_block_gives_another_response_with_the_same_fields() -> None:
    block = block_of([S, (b"x", b"y")])
    first = response_of(block, False, False)
    second = response_of(block, True, True)
    assert second is not first
    assert second.fields is first.fields
    assert (second.empty, first.empty) == (True, False)
