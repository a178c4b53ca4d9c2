"""HPACK beside two other implementations, the package hpack and nghttp2's library: whatever tables and blocks come, all
three say the same."""

from collections.abc import Callable

import pytest
from hpack import Decoder as PackageDecoder
from hpack import Encoder as PackageEncoder
from hpack.exceptions import HPACKError
from hpack.struct import HeaderTuple, NeverIndexedHeaderTuple
from hypothesis import example, given
from hypothesis import strategies as st

from pointsman.proto.hpack import SIZE_UPDATE_0, Decoder, HpackError, coded, coded_pair
from pointsman.proto.hpack_memory import SECRET, Shared
from pointsman.proto.hpack_tables import STATIC
from pointsman.proto.message import field
from tests.support.nghttp2 import NO_INDEX, Deflater, InflateError, Inflater

Pair = tuple[bytes, bytes]
Coded = tuple[list[Pair], bool, bool]  # fields, whether they may never be indexed, whether in the Huffman code

NAMES = st.sampled_from([
    *sorted({name for name, _ in STATIC}), b"x", b"x-forwarded-for", b"sec-fetch-dest", b"n" * 130,
])  # fmt: skip
VALUES = st.one_of(
    st.sampled_from(
        [b"", b"/", b"GET", b"200", b"gzip, deflate", b"en-US,en;q=0.5", b"v" * 126, b"v" * 127, b"w" * 300]
    ),
    st.binary(max_size=30),
    st.text("abcdef0123456789 =;/", max_size=40).map(str.encode),
)
FIELDS = st.lists(st.one_of(st.sampled_from(STATIC), st.tuples(NAMES, VALUES)), max_size=8)
# What is done to an encoder: another size of its table, or a block; True: fields that may never be indexed.
STEPS = st.lists(
    st.one_of(
        st.sampled_from([0, 31, 32, 100, 300, 4096, 5000, 65536]), st.tuples(FIELDS, st.booleans(), st.booleans())
    ),
    max_size=12,
)
LIMIT = 1 << 20

shared = Shared()  # of all cases: what one remembers serves the next


class OfPackage:
    """An encoder of the package."""

    def __init__(self) -> None:
        self.encoder = PackageEncoder()

    def resize(self, size: int) -> None:
        self.encoder.header_table_size = size

    def encode(self, pairs: list[Pair], never: bool, huffman: bool) -> bytes:
        kind = NeverIndexedHeaderTuple if never else HeaderTuple
        return self.encoder.encode([kind(*pair) for pair in pairs], huffman)


class OfLibrary:
    """nghttp2's, which codes strings as it likes."""

    def __init__(self) -> None:
        self.deflater = Deflater(65536)

    def resize(self, size: int) -> None:
        self.deflater.resize(size)

    def encode(self, pairs: list[Pair], never: bool, huffman: bool) -> bytes:
        return self.deflater.encode(pairs, NO_INDEX if never else 0)


@pytest.mark.parametrize("encoder", [OfPackage, OfLibrary])
@given(steps=STEPS)
def test_what_others_encode(encoder: Callable[[], OfPackage | OfLibrary], steps: list[int | Coded]) -> None:
    """Two decoders get the same: what one remembers, the other gets. Sizes change no more than once between two blocks,
    as the package would say each of them."""
    theirs, library, package = encoder(), Inflater(), PackageDecoder(max_header_list_size=LIMIT)
    decoders = [Decoder(65536, LIMIT, shared) for _ in range(2)]
    said = True
    for step in steps:
        if isinstance(step, int):
            if said:
                theirs.resize(step)
                library.resize(step)
                package.max_allowed_table_size = step
                for one in decoders:
                    one.settle(step)
            said = False
            continue
        said = True
        fields, never, huffman = step
        block = theirs.encode(fields, never, huffman)
        assert library.decode(block) == fields
        others = package.decode(block, raw=True)
        never = any(isinstance(one, NeverIndexedHeaderTuple) for one in others)
        for one in decoders:
            made = one.decode(block)
            assert [(a.name, a.value) for a in made.fields] == fields == [(bytes(a), bytes(b)) for a, b in others]
            assert made.size == sum(len(name) + len(value) + 32 for name, value in fields)
            assert made.secret == (never or any(name in SECRET for name, _ in fields))
            assert [(a.name, a.value) for a in reversed(one.entries)] == [
                (bytes(a), bytes(b)) for a, b in package.header_table.dynamic_entries
            ]
            assert one.size == sum(len(a.name) + len(a.value) + 32 for a in one.entries) <= one.room


@given(st.lists(FIELDS, max_size=6))
def test_what_we_encode(blocks: list[list[Pair]]) -> None:
    """Both others read it, and their tables stay empty."""
    package, library = PackageDecoder(max_header_list_size=LIMIT), Inflater()
    ours = Decoder(4096, LIMIT, shared)
    start = SIZE_UPDATE_0
    for pairs in blocks:
        block = start + b"".join([coded_pair(name, value) for name, value in pairs])
        start = b""
        assert [(bytes(a), bytes(b)) for a, b in package.decode(block, raw=True)] == pairs
        assert library.decode(block) == pairs
        assert [(one.name, one.value) for one in ours.decode(block).fields] == pairs
        assert not package.header_table.dynamic_entries
        assert not ours.entries
        fields = [field(name, value) for name, value in pairs]
        stripped = [(name, value.strip(b" \t")) for name, value in pairs]
        assert b"".join([coded(one) for one in fields]) == b"".join([coded_pair(*pair) for pair in stripped])


REPRESENTATIONS = st.one_of(
    st.integers(0, 255).map(lambda octet: bytes([octet])),
    st.sampled_from([b"\x82", b"\xbe", b"\xbf", b"\x20", b"\x3f\x01", b"\x3f\xe1\x1f", b"\x40", b"\x7e", b"\x0f\x2f"]),
    st.tuples(st.sampled_from([b"\x40", b"\x00", b"\x10"]), NAMES, VALUES).map(
        lambda it: it[0] + bytes([min(len(it[1]), 126)]) + it[1][:126] + bytes([min(len(it[2]), 126)]) + it[2][:126]
    ),
    st.tuples(st.sampled_from([b"\x41", b"\x04", b"\x7e", b"\x1f\x11"]), st.binary(max_size=9)).map(
        lambda it: it[0] + bytes([0x80 + len(it[1])]) + it[1]
    ),
    st.binary(max_size=6),
)


@given(st.lists(st.lists(REPRESENTATIONS, max_size=6).map(b"".join), max_size=5))
@example([b"\x40\x01a\x82\x1f\xff"])
@example([b"\x82\x20"])
def test_nonsense(blocks: list[bytes]) -> None:
    """What one of them takes, the others take, and mean the same; what one refuses, the others refuse."""
    ours, package, library = Decoder(4096, LIMIT, shared), PackageDecoder(max_header_list_size=LIMIT), Inflater()
    for block in blocks:
        try:
            expected = library.decode(block)
        except InflateError:
            with pytest.raises(HpackError):
                ours.decode(block)
            return
        try:
            made = ours.decode(block)
        except HpackError as error:
            assert "update" in str(error) or "too long" in str(error)
            return
        assert [(one.name, one.value) for one in made.fields] == expected
        try:
            others = package.decode(block, raw=True)
        except HPACKError:
            return
        assert [(bytes(a), bytes(b)) for a, b in others] == expected
