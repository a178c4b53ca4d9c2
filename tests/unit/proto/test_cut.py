"""Values that vary, cut out of a head whose rest is known: the extension and plain Python mean the same."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto import cut

Cut = Callable[[bytes, int, list[bytes], bytes, list[bytes]], int]
RUNS = [b"\r\nhost: ", b"\r\nvia: 1\r\nx-id:"]
LAST = b"\r\n\r\n"


@pytest.fixture(params=["built", "plain"])
def way(request: pytest.FixtureRequest) -> Cut:
    if request.param == "plain":
        return cut.plain_cut
    built: Cut = pytest.importorskip("pointsman.proto._cut").cut
    return built


def head(host: bytes, identity: bytes, start: bytes = b"GET / HTTP/1.1") -> bytes:
    return start + RUNS[0] + host + RUNS[1] + identity + LAST


@pytest.mark.parametrize(
    "host, identity",
    [(b"a", b"17"), (b"a", b"18"), (b"a", b"1"), (b"longer", b"and longer"), (b"h\xe9", b"a b"), (b"a", b"x:y")],
)
def test_values_are_replaced_where_they_are_others(way: Cut, host: bytes, identity: bytes) -> None:
    before = [b"a", b"17"]
    values = before.copy()
    data = head(host, identity)
    assert way(data + b"body\r\n", 14, RUNS, LAST, values) == len(data)
    assert values == [host, identity]
    assert all(new is old for new, old in zip(values, before, strict=True) if new == old)


VALUES = [
    (b"", b"17"),
    (b"a", b""),
    (b"a", b" 17"),
    (b"a", b"17 "),
    (b"a", b"17\t"),
    (b"a", b"\x017"),
    (b"b\rc", b"17"),
    (b"a", b"1\r7"),
    (b"a", b"1\n7"),
    (b"a", b"1\0007"),
    (b"a", b"17\n\n"),
    (b"\0", b"17"),
    (b"\r", b"17"),
    (b"\r\r", b"17"),
]


@pytest.mark.parametrize(
    "data",
    [
        *[head(*values) for values in VALUES],
        head(b"a", b"17")[:-1],
        head(b"a", b"17")[:-4],
        head(b"a", b"17")[:20],
        b"GET / HTTP/1.1",
        b"",
        head(b"a", b"17").replace(b"via", b"Via"),
        head(b"a", b"17").replace(LAST, b"\r\nx: y" + LAST),
    ],
)
def test_what_is_refused(way: Cut, data: bytes) -> None:
    assert way(data, 14, RUNS, LAST, [b"a", b"17"]) == -1


def test_an_empty_value_may_stay_empty(way: Cut) -> None:
    values = [b"a", b""]
    assert way(head(b"b", b""), 14, RUNS, LAST, values) == len(head(b"b", b""))
    assert values == [b"b", b""]


def test_no_line_varies(way: Cut) -> None:
    assert way(b"GET /\r\na: b\r\n\r\nrest", 5, [], b"\r\na: b\r\n\r\n", []) == 15


def test_a_place_beyond_the_end(way: Cut) -> None:
    assert way(b"GET", 4, [], LAST, []) == -1


@pytest.mark.parametrize(
    "words",
    [
        (b"", 0, [b"a"], LAST, []),
        (b"", 0, [], LAST),
        ("", 0, [], LAST, []),
        (b"", 0, [1], LAST, [b""]),
        (b"a", 0, [b"a"], LAST, [1]),
        (b"", "0", [], LAST, []),
        (b"", 0, (), LAST, []),
    ],
)
def test_the_extension_takes_nothing_else(words: tuple[object, ...]) -> None:
    built = pytest.importorskip("pointsman.proto._cut").cut
    with pytest.raises(TypeError):
        built(*words)


SOME = [b"\r", b"\n", b"\r\n", b"\r\n\r\n", b"a", b"bc", b" ", b"\0", b": ", b"\t", b"\xff"]
pieces = st.lists(st.sampled_from(SOME), max_size=6).map(b"".join)


@given(
    st.lists(st.tuples(pieces, pieces, pieces), max_size=4), pieces, pieces, pieces, st.booleans(), st.integers(0, 9)
)
def test_both_mean_the_same(
    lines: list[tuple[bytes, bytes, bytes]], first: bytes, last: bytes, rest: bytes, right: bool, start: int
) -> None:
    """Each line: its run, the value that it had, the one that it has."""
    built = pytest.importorskip("pointsman.proto._cut").cut
    data = first + b"".join([run + value for run, _, value in lines]) + last + rest
    if right:
        start = len(first)
    runs = [run for run, _, _ in lines]
    ours, plain = [old for _, old, _ in lines], [old for _, old, _ in lines]
    end = built(data, start, runs, last, ours)
    assert end == cut.plain_cut(data, start, runs, last, plain)
    if end >= 0:
        assert ours == plain
