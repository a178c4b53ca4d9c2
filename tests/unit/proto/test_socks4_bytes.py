"""SOCKS4 as bytes: what is asked, and replies in any pieces."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pointsman.proto.errors import ProtocolError
from pointsman.proto.socks4 import REPLY, Socks4Reply, socks4_request


def read(data: bytes, cuts: list[int]) -> tuple[str, bytes]:
    """What a reply in these pieces comes to, and what was not read of it."""
    reply = Socks4Reply()
    for cut in [*cuts, len(data)]:
        if not data:
            break
        piece = data[: max(1, min(cut, reply.missing))]
        data = data[len(piece) :]
        try:
            if reply.feed(piece):
                return "granted", data
        except ProtocolError:
            return "refused", data
    return "waits", data


def test_a_request() -> None:
    assert socks4_request(b"\xc0\0\2\1", 8080) == b"\x04\x01\x1f\x90\xc0\0\2\1HAProxy\0"


def test_other_addresses_cannot_be_asked_for() -> None:
    with pytest.raises(ValueError, match="no such address"):
        socks4_request(bytes(16), 80)


@given(st.binary(min_size=7, max_size=7), st.binary(max_size=20), st.lists(st.integers(1, 9), max_size=20))
def test_a_grant_in_pieces(rest: bytes, behind: bytes, cuts: list[int]) -> None:
    """Its version and its last six bytes say nothing; what stands behind it is not touched."""
    data = rest[:1] + b"\x5a" + rest[1:]
    assert len(data) == REPLY
    assert read(data + behind, [*cuts, *[1] * REPLY]) == ("granted", behind)


@given(st.binary(min_size=2, max_size=12).filter(lambda data: data[1] != 0x5A), st.lists(st.integers(1, 9), max_size=8))
def test_anything_else_is_a_refusal(data: bytes, cuts: list[int]) -> None:
    assert read(data, [*cuts, 1, 1])[0] == "refused"


@pytest.mark.parametrize("size", range(REPLY))
def test_half_a_grant_waits(size: int) -> None:
    assert read(b"\0\x5a\0\0\0\0\0\0"[:size], [1] * REPLY) == ("waits", b"")
