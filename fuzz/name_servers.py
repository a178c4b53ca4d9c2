"""Responses of name servers: to a question about addresses, and to one about services. ProtocolError, or an answer
that is about what was asked."""

import struct
from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.resolve.message import AAAA, CNAME, SRV, TYPE_OF, A, make_query, number_of, read_response
from pointsman.resolve.records import Record

NAME: Final = "_a._b.x"
POINTER: Final = b"\xc0\x0c"


def response(kind: int, *records: tuple[bytes, int, bytes], additional: int = 0, flags: int = 0x8180) -> bytes:
    query = make_query(1, NAME, kind, 512)
    question = query[12 : len(query) - 11]  # less the record of EDNS
    head = struct.pack(">HHHHHH", 1, flags, 1, len(records) - additional, 0, additional)
    return (
        head
        + question
        + b"".join(owner + struct.pack(">HHIH", which, 1, 9, len(data)) + data for owner, which, data in records)
    )


SEEDS: Final = [
    response(A, (POINTER, A, bytes(4)), (POINTER, A, b"\1\2\3\4")),
    response(AAAA, (POINTER, CNAME, b"\1c\0"), (b"\1c\0", AAAA, bytes(16))),
    response(SRV, (POINTER, SRV, b"\0\1\0\2\0\3\1t\xc0\x0c"), (b"\1t\xc0\x0c", A, bytes(4)), additional=1),
    response(A, flags=0x8183),
    response(A, flags=0x8380),
]


def fuzz_one(data: bytes) -> None:
    assert number_of(data) in range(-1, 65_536)
    for kind in (A, AAAA, SRV):
        try:
            found = read_response(data, NAME.lower(), kind)
        except ProtocolError:
            continue
        assert not found.records or found.code == 0 and not found.truncated
        for record in found.records:
            check(record, kind)
        assert found.addresses.keys() <= {record.target for record in found.records}
        for target in found.addresses.values():
            assert all(record.address and record.family in TYPE_OF for record in target)


def check(record: Record, kind: int) -> None:
    if kind == SRV:
        assert record.target and 0 <= record.port <= 65_535 and not record.address
    else:
        assert record.target == "" and record.address and TYPE_OF[record.family] == kind
