"""Hashes. The expected numbers of sdbm, djb2 and CRC-32, plain and avalanched, are those of HAProxy 2.6."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.core.hashes import MASK, avalanche, crc32, djb2, sdbm, wt6

KNOWN = [
    (b"a", 97, 1830748055, 177670, 3548763807, 3904355907, 1288200982),
    (b"b", 98, 3356184089, 177671, 3734978796, 1908338681, 4244536606),
    (b"abc", 807794786, 659243622, 193485963, 2235766107, 891568578, 930845320),
    (b"hello world", 430867652, 261123301, 894552257, 2328455893, 222957957, 2832483188),
    (b"/index.html", 858007926, 4217574924, 3776231887, 1889807916, 3928116034, 571229468),
    (b"192.168.1.1", 2744588789, 4183571711, 3398482796, 771980607, 2286285663, 3062672666),
    (b"The quick brown fox", 2367138851, 721029811, 2546203896, 2899348258, 3074782430, 3889597298),
]


@pytest.mark.parametrize("row", KNOWN)
def test_numbers_are_those_of_the_program(row: tuple[bytes, int, int, int, int, int, int]) -> None:
    key, *expected = row
    plain = [sdbm(key), djb2(key), crc32(key)]
    assert plain == expected[::2]
    assert [avalanche(value) for value in plain] == expected[1::2]


@given(st.binary(max_size=300))
def test_results_have_32_bits(key: bytes) -> None:
    for function in (sdbm, djb2, crc32, wt6):
        value = function(key)
        assert 0 <= value <= MASK
        assert value == function(bytes(key))
        assert 0 <= avalanche(value) <= MASK


def test_avalanche_loses_nothing() -> None:
    """It is a permutation: no two inputs of a long run meet."""
    values = list(range(50_000)) + list(range(MASK - 50_000, MASK))
    assert len({avalanche(value) for value in values}) == len(values)


def test_wt6_spreads_keys_that_differ_little() -> None:
    """What the manual promises of it: numeric keys spread over any number of servers, powers of two included."""
    keys = [b"%d" % number for number in range(8000)]
    keys += [bytes([10, 0, high, low]) for high in range(16) for low in range(250)]
    for servers in (3, 7, 33, 64):
        counts = Counter(wt6(key) % servers for key in keys)
        mean = len(keys) / servers
        assert len(counts) == servers
        assert max(counts.values()) < mean * 1.35
        assert min(counts.values()) > mean * 0.65


@given(st.binary(min_size=1, max_size=40), st.data())
def test_wt6_sees_every_bit(key: bytes, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(key) - 1))
    bit = data.draw(st.integers(0, 7))
    changed = key[:index] + bytes([key[index] ^ 1 << bit]) + key[index + 1 :]
    assert wt6(changed) != wt6(key)
