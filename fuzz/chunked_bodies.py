"""Chunked bodies: payload, trailers and what comes behind are the same however they are cut, or ProtocolError."""

from typing import Final

from pointsman.proto.body import CHUNKED, Body
from pointsman.proto.errors import ProtocolError

SEEDS: Final = [
    b"\x032\r\nab\r\n0\r\n\r\n",
    b'\x052;a="b\\"c;"\r\nab\r\n0;x\r\nX-T: 1\r\nY:\t2 \r\n\r\nGET /',
    b"\x09000A \t\r\n0123456789\r\n00\r\n\r\n",
    b"\x0b0\r\nA: b\r\n c\r\n\r\n",
    b"\x022\nab\n0\n\n",
    b"\x07ffffffffffffffff\r\n",
]


def fed(pieces: list[bytes]) -> tuple[bytes, bool, bytes, list[tuple[bytes, bytes]]] | None:
    """Payload, whether it is over, what came behind, trailers; None: an error."""
    body = Body()
    body.begin(CHUNKED, -1)
    try:
        payload = b"".join([body.feed(piece) for piece in pieces])
    except ProtocolError as error:
        assert error.status == 400
        return None
    return payload, body.done, body.excess, [(one.name, one.value) for one in body.trailers]


def fuzz_one(data: bytes) -> None:
    """The first byte says where the rest is cut in two."""
    at, body = data[:1], data[1:]
    cut = at[0] % (len(body) + 1) if at else 0
    whole = fed([body])
    assert fed([body[:cut], body[cut:]]) == whole
    assert fed([body[i : i + 1] for i in range(len(body))]) == whole
