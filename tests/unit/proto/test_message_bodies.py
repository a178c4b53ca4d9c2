"""Bodies: what is payload, where the body ends, and what cannot be one; whole, and cut at every byte."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.body import CHUNKED, NONE, SIZED, TO_CLOSE, Body, chunk, last_chunk
from pointsman.proto.errors import ProtocolError
from pointsman.proto.message import field


def fed(pieces: list[bytes], kind: int = CHUNKED, length: int = -1) -> tuple[bytes, bool, bytes, list[bytes]]:
    """Payload, whether it is over, what came behind, trailers."""
    body = Body()
    body.begin(kind, length)
    payload = b"".join([body.feed(piece) for piece in pieces])
    return payload, body.done, body.excess, [b"%b: %b" % (one.name, one.value) for one in body.trailers]


def every_way(data: bytes) -> list[list[bytes]]:
    """Cut at each byte once, and at all of them."""
    single = [data[i : i + 1] for i in range(len(data))]
    return [[data], single, *([data[:i], data[i:]] for i in range(1, len(data)))]


GOOD = {
    "plain": (b"2\r\nab\r\n0\r\n\r\n", b"ab", []),
    "empty": (b"0\r\n\r\n", b"", []),
    "several": (b"2\r\nab\r\nA\r\n0123456789\r\n3\r\n\r\n\n\r\n0\r\n\r\n", b"ab0123456789\r\n\n", []),
    "zeros": (b"0000000000002\r\nab\r\n000\r\n\r\n", b"ab", []),
    "very many zeros": (b"0" * 300 + b"2\r\nab\r\n" + b"0" * 20 + b"\r\n\r\n", b"ab", []),
    "a long extension": (b"2;" + b"x" * 15_000 + b"\r\nab\r\n0\r\n\r\n", b"ab", []),
    "hexadecimal in both cases": (b"a\r\n0123456789\r\nB\r\n0123456789a\r\n0\r\n\r\n", b"01234567890123456789a", []),
    "blanks behind the size": (b"2 \r\nab\r\n0\t\r\n\r\n", b"ab", []),
    "extension": (b"2;a=b\r\nab\r\n0;x\r\n\r\n", b"ab", []),
    "blanks before an extension": (b"2\t ;x\r\nab\r\n0\r\n\r\n", b"ab", []),
    "odd extensions": (b"2;;;\x80\r\nab\r\n0;\r\n\r\n", b"ab", []),
    "quoted extension": (b'2;a="b\\"c;"\r\nab\r\n0\r\n\r\n', b"ab", []),
    "trailers": (b"2\r\nab\r\n0\r\nX-T: 1\r\nY:\t2 \r\n\r\n", b"ab", [b"x-t: 1", b"y: 2"]),
    "folded trailer": (b"0\r\nA: b\r\n c\r\nD: e\r\n\r\n", b"", [b"a: b   c", b"d: e"]),
    "control in a trailer": (b"0\r\nA: b\x01\r\n\r\n", b"", [b"a: b\x01"]),
}


@pytest.mark.parametrize(("data", "payload", "trailers"), GOOD.values(), ids=GOOD.keys())
def test_chunked(data: bytes, payload: bytes, trailers: list[bytes]) -> None:
    for rest in (b"", b"GET / HTTP/1.1\r\n", b"\r\n"):
        for pieces in every_way(data + rest):
            assert fed(pieces) == (payload, True, rest, trailers)
    for size in range(len(data)):
        assert not fed([data[:size]])[1]


BAD = {
    "0x2": b"0x2\r\nab\r\n0\r\n\r\n",
    "+2": b"+2\r\nab\r\n0\r\n\r\n",
    "-2": b"-2\r\nab\r\n0\r\n\r\n",
    "a space first": b" 2\r\nab\r\n0\r\n\r\n",
    "2_": b"2_\r\nab\r\n0\r\n\r\n",
    "1_0": b"1_0\r\n0123456789abcdef\r\n0\r\n\r\n",
    "vertical tab": b"2\v\r\nab\r\n0\r\n\r\n",
    "14 digits": b"10000000000002\r\nab\r\n0\r\n\r\n",
    "16 digits": b"FFFFFFFFFFFFFFFF\r\nab\r\n0\r\n\r\n",
    "no digits": b";a\r\nab\r\n0\r\n\r\n",
    "an empty line first": b"\r\n2\r\nab\r\n0\r\n\r\n",
    "an empty line between": b"2\r\nab\r\n\r\n0\r\n\r\n",
    "words behind the size": b"2 x\r\nab\r\n0\r\n\r\n",
    "LF": b"2\nab\n0\n\n",
    "LF behind the size": b"2\nab\r\n0\r\n\r\n",
    "LF behind the data": b"2\r\nab\n0\r\n\r\n",
    "LF at the end": b"0\r\n\n",
    "LF behind a trailer": b"0\r\nA: b\n\r\n",
    "CR in an extension": b"2;a\rb\r\nab\r\n0\r\n\r\n",
    "LF in an extension": b"2;a\nb\r\nab\r\n0\r\n\r\n",
    "NUL in an extension": b"2;a\0b\r\nab\r\n0\r\n\r\n",
    "control in an extension": b"2;a\x01\r\nab\r\n0\r\n\r\n",
    "backslash in an extension": b"2;a\\b\r\nab\r\n0\r\n\r\n",
    "open quote": b'2;a="b\r\nab\r\n0\r\n\r\n',
    "escaped last quote": b'2;a="b\\"\r\nab\r\n0\r\n\r\n',
    "overrun": b"2\r\nabc\r\n0\r\n\r\n",
    "short by one": b"3\r\nab\r\n0\r\n\r\n",
    "trailer with a bad name": b"0\r\nbad name: x\r\n\r\n",
    "trailer with a blank before the colon": b"0\r\nA : x\r\n\r\n",
    "trailer without colon": b"0\r\nA\r\n\r\n",
    "trailer without name": b"0\r\n: a\r\n\r\n",
    "length in a trailer": b"0\r\nContent-Length: 3\r\n\r\n",
    "coding in a trailer": b"0\r\nTransfer-Encoding: chunked\r\n\r\n",
    "Host in a trailer": b"0\r\nhOST: 3\r\n\r\n",
    "NUL in a trailer": b"0\r\nA: b\0\r\n\r\n",
    "CR in a trailer": b"0\r\nA: b\rc\r\n\r\n",
    "fold of no trailer": b"0\r\n a\r\n\r\n",
    "forbidden trailer after a fold": b"0\r\nA: b\r\n c\r\nHost: d\r\n\r\n",
    "101 trailers": b"0\r\n" + b"a: b\r\n" * 101 + b"\r\n",
}


@pytest.mark.parametrize("data", BAD.values(), ids=BAD.keys())
def test_bad_chunks(data: bytes) -> None:
    for pieces in every_way(data) if len(data) < 100 else [[data]]:
        with pytest.raises(ProtocolError) as caught:
            fed(pieces)
        assert caught.value.status == 400


@pytest.mark.parametrize("data", [b"0x", b"x", b"\n", b" ", b"10000000000000", b"2 x", b"2\r\nabc", b"2\r\nab0"])
def test_refused_before_its_line_ends(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        fed([data])


@pytest.mark.parametrize(
    "data",
    [
        b"2;" + b"x" * 16_000,
        b"0" * 16_000,
        b"0\r\nA: " + b"x" * 16_000,
        b"0\r\n" + (b"a: " + b"x" * 1000 + b"\r\n") * 16,
    ],
)
def test_what_is_held_is_bounded(data: bytes) -> None:
    with pytest.raises(ProtocolError):
        fed([data])
    with pytest.raises(ProtocolError):
        fed([data[i : i + 50] for i in range(0, len(data), 50)])
    with pytest.raises(ProtocolError):
        fed([data + b"\r\n"])


@pytest.mark.parametrize(
    ("pieces", "payload", "done", "excess"),
    [
        ([b"ab"], b"ab", True, b""),
        ([b"a", b"b"], b"ab", True, b""),
        ([b"a"], b"a", False, b""),
        ([b"abc"], b"ab", True, b"c"),
        ([b"a", b"bcd"], b"ab", True, b"cd"),
        ([b"ab", b"c", b"d"], b"ab", True, b"cd"),
    ],
)
def test_sized(pieces: list[bytes], payload: bytes, done: bool, excess: bytes) -> None:
    assert fed(pieces, SIZED, 2) == (payload, done, excess, [])


def test_sized_data_is_not_copied() -> None:
    body = Body()
    body.begin(SIZED, 10)
    data = b"abcde"
    assert body.feed(data) is data
    assert body.left == 5


def test_no_body_and_end_of_the_connection() -> None:
    body = Body()
    body.begin(NONE, -1)
    assert (body.done, body.feed(b"x"), body.excess, body.ended()) == (True, b"", b"x", True)
    body.begin(SIZED, 0)
    assert (body.done, body.excess) == (True, b"")
    body.begin(TO_CLOSE, -1)
    assert (body.feed(b"ab"), body.done, body.ended(), body.done) == (b"ab", False, True, True)
    body.begin(SIZED, 2)
    body.feed(b"a")
    assert not body.ended()
    body.begin(CHUNKED, -1)
    body.feed(b"1\r\na\r\n0\r\nA: b\r\n")
    assert not body.ended()
    body.begin(CHUNKED, -1)
    assert body.feed(b"1\r\na\r\n0\r\n\r\n") == b"a"
    assert (body.ended(), body.trailers) == (True, [])


def test_encoding() -> None:
    assert chunk(b"0123456789abcdef") == b"10\r\n0123456789abcdef\r\n"
    assert chunk(b"") == b""
    assert last_chunk([]) == b"0\r\n\r\n"
    assert last_chunk([field(b"x-t", b"1"), field(b"y", b"")]) == b"0\r\nx-t: 1\r\ny: \r\n\r\n"


@given(
    st.lists(st.binary(max_size=300), max_size=6),
    st.lists(st.integers(0, 2000), max_size=8),
    st.binary(max_size=5),
    st.booleans(),
)
def test_round_trip(parts: list[bytes], cuts: list[int], rest: bytes, trailers: bool) -> None:
    fields = [field(b"x-t", b"1")] if trailers else []
    data = b"".join([chunk(part) for part in parts]) + last_chunk(fields) + rest
    ends = [0, *sorted(cut % len(data) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(ends)]
    assert fed(pieces) == (b"".join(parts), True, rest, [b"x-t: 1"] if trailers else [])


@given(
    st.lists(
        st.sampled_from(
            [
                b"0",
                b"2",
                b"a",
                b"\r\n",
                b"\n",
                b"\r",
                b";",
                b'"',
                b"\\",
                b"ab",
                b" ",
                b"A: b",
                b"x",
                b"0\r\n",
                b"2\r\nab\r\n",
                b"\0",
                b"Host: h",
            ]
        ),
        max_size=14,
    )
)
def test_any_cut_gives_the_same_or_an_error(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    results: list[tuple[bytes, bool, bytes, list[bytes]] | None] = []
    for way in every_way(whole):
        try:
            results.append(fed(way))
        except ProtocolError:
            results.append(None)
    assert all(result == results[0] for result in results)


@given(st.lists(st.binary(max_size=20), max_size=8))
def test_garbage(pieces: list[bytes]) -> None:
    try:
        fed(pieces)
    except ProtocolError as error:
        assert error.status == 400
