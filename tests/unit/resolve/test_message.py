"""Messages of the DNS: what is asked, what counts as an answer, and what is none (RFC 1035, 2782, 6891)."""

from __future__ import annotations

import struct
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.name_server import (
    AAAA,
    CNAME,
    RCODE_FORMERR,
    RCODE_NX,
    RCODE_REFUSED,
    SRV,
    A,
    Query,
    packed_name,
    read_query,
    record,
    reply,
    said,
)

from pointsman.proto.errors import ProtocolError
from pointsman.resolve import message
from pointsman.resolve.message import Response, is_name, make_query, number_of, read_name, read_response
from pointsman.resolve.records import Record

PTR = b"\xc0\x0c"  # the name of the question
ONE = record(PTR, A, said(A, "10.0.0.1"))
TXT = 16


def asked(name: str = "www.example.com", kind: int = A) -> Query:
    return read_query(make_query(4711, name, kind, 1232), False)


def read(query: Query, *records: bytes) -> Response:
    return read_response(reply(query, records), query.name, query.type)


def four(*addresses: str) -> tuple[Record, ...]:
    return tuple(Record(address, 4) for address in addresses)


def test_a_query() -> None:
    query = asked("www.Example.com", AAAA)
    assert (query.id, query.name, query.type, query.payload) == (4711, "www.example.com", AAAA, 1232)
    assert make_query(1, "a.b", SRV, 512) == (b"\0\1\1\0\0\1\0\0\0\0\0\1\1a\1b\0\0\x21\0\1\0\0\x29\2\0\0\0\0\0\0\0")


def test_names_that_may_be_asked_about() -> None:
    assert all(is_name(name) for name in ("a", "a.b", "_http._tcp.example.com", "10.0.0.1", "x" * 63))
    assert not any(is_name(name) for name in ("", ".", "a.", "a..b", "x" * 64, "ä.de", "a b", "a/b", "a\n", "a\0.b"))
    assert is_name(".".join(["x" * 61] * 4 + ["x" * 5])) and not is_name(".".join(["x" * 61] * 4 + ["x" * 6]))


def test_addresses_in_their_order() -> None:
    query = asked()
    found = read(query, ONE, record(PTR, A, said(A, "10.0.0.2")), ONE)
    assert found == Response(0, False, False, four("10.0.0.1", "10.0.0.2"))
    query = asked(kind=AAAA)
    assert read(query, record(PTR, AAAA, said(AAAA, "2001:db8::1"))).records == (Record("2001:db8::1", 6),)


def test_a_name_in_other_case_is_the_same() -> None:
    query = asked()
    upper = packed_name("WWW.EXAMPLE.COM")
    data = reply(query, [record(upper, A, said(A, "10.0.0.1"))], question=upper + b"\0\1\0\1")
    assert read_response(data, query.name, A).records == four("10.0.0.1")


def test_other_types_and_classes_say_nothing() -> None:
    query = asked()
    chaos = PTR + struct.pack(">HHIH", A, 3, 10, 4) + bytes(4)
    six = record(PTR, AAAA, bytes(16))
    assert read(query, record(PTR, TXT, b"\3abc"), chaos, six, ONE).records == four("10.0.0.1")
    assert read(query, six).records == ()


def test_a_chain_of_aliases_in_any_order() -> None:
    query = asked()
    records = [
        record(packed_name("b.x"), A, said(A, "10.0.0.9")),
        record(packed_name("a.x"), CNAME, packed_name("b.x")),
        record(PTR, CNAME, packed_name("a.x")),
        record(packed_name("evil.x"), A, said(A, "6.6.6.6")),
    ]
    assert read(query, *records) == Response(0, False, True, four("10.0.0.9"))
    assert read(query, *reversed(records)).records == four("10.0.0.9")


def test_a_chain_that_leads_nowhere_or_in_a_circle() -> None:
    query = asked()
    for target in ("b.x", "www.example.com"):
        lonely = read(query, record(PTR, CNAME, packed_name(target)), record(packed_name("c.x"), A, bytes(4)))
        assert lonely.chain and lonely.records == ()
    long = [record(packed_name(f"n{n}.x"), CNAME, packed_name(f"n{n + 1}.x")) for n in range(20)]
    end = record(packed_name("n20.x"), A, bytes(4))
    assert read(query, record(PTR, CNAME, packed_name("n0.x")), *long, end).records == ()


def test_services_with_addresses_that_came_along() -> None:
    query = asked("_http._tcp.x", SRV)
    answers = [
        record(PTR, SRV, said(SRV, (10, 20, 8080, "a.x"))),
        record(PTR, SRV, said(SRV, (20, 0, 81, "b.x"))),
        record(PTR, SRV, said(SRV, (20, 0, 81, ""))),
    ]
    more = [
        record(packed_name("a.x"), A, said(A, "10.0.0.1")),
        record(packed_name("a.x"), A, said(A, "10.0.0.2")),
        record(packed_name("c.x"), A, said(A, "10.0.0.3")),
        b"\0" + struct.pack(">HHIH", 41, 512, 0, 0),
    ]
    found = read_response(reply(query, answers, additional=more), query.name, SRV)
    assert found.records == (Record("", 0, "a.x", 8080, 20, 10), Record("", 0, "b.x", 81, 0, 20))
    assert found.addresses == {"a.x": four("10.0.0.1", "10.0.0.2")}


def test_codes_and_truncation() -> None:
    query = asked()
    assert read_response(reply(query, [ONE], RCODE_NX), query.name, A) == Response(RCODE_NX, False, False, ())
    assert read_response(reply(query, rcode=RCODE_REFUSED), query.name, A).code == RCODE_REFUSED
    bare = struct.pack(">HHHHHH", query.id, 0x8180 | RCODE_FORMERR, 0, 0, 0, 0)
    assert read_response(bare, query.name, A).code == RCODE_FORMERR
    assert read_response(reply(query, [ONE[:-2]], flags=0x8380), query.name, A) == Response(0, True, False, ())


LIES: dict[str, Callable[[Query], bytes]] = {
    "another name": lambda query: reply(query, [ONE], question=packed_name("other.x") + b"\0\1\0\1"),
    "another type": lambda query: reply(query, [ONE], question=query.question[:-4] + b"\0\x1c\0\1"),
    "another class": lambda query: reply(query, [ONE], question=query.question[:-2] + b"\0\3"),
    "no question": lambda query: struct.pack(">HHHHHH", query.id, 0x8180, 0, 1, 0, 0) + record(b"\0", A, bytes(4)),
    "two questions": lambda query: struct.pack(">HHHHHH", query.id, 0x8180, 2, 0, 0, 0) + query.question * 2,
    "a query": lambda query: reply(query, [ONE], flags=0x0100),
    "an update": lambda query: reply(query, [ONE], flags=0xA880),
    "records of another": lambda query: reply(query, [record(packed_name("evil.x"), A, bytes(4))]),
    "a short address": lambda query: reply(query, [record(PTR, A, bytes(3))]),
    "a long address": lambda query: reply(query, [record(PTR, A, bytes(16))]),
    "cut off": lambda query: reply(query, [ONE])[:-1],
    "fewer records": lambda query: reply(query, [ONE])[: -len(ONE)],
    "a head alone": lambda query: reply(query, [ONE])[:12],
    "half a head": lambda query: reply(query, [ONE])[:6],
    "an alias with a tail": lambda query: reply(query, [record(PTR, CNAME, packed_name("a.x") + b"\0")]),
    "an endless pointer": lambda query: reply(query, [record(pointer(len(query.question) + 12), A, bytes(4))]),
    "a pointer ahead": lambda query: reply(query, [record(pointer(500), A, bytes(4))]),
    "a pointer into the head": lambda query: reply(query, [record(pointer(4), A, bytes(4))]),
    "half a pointer": lambda query: reply(query, [b"\xc0"]),
    "reserved bits": lambda query: reply(query, [record(b"\x41a\0", A, bytes(4))]),
}


def pointer(at: int) -> bytes:
    return struct.pack(">H", 0xC000 | at)


@pytest.mark.parametrize("lie", LIES)
def test_what_is_no_answer(lie: str) -> None:
    query = asked()
    with pytest.raises(ProtocolError):
        read_response(LIES[lie](query), query.name, A)


@pytest.mark.parametrize("data", [bytes(6), struct.pack(">HHH", 1, 2, 3)])
def test_services_without_a_target(data: bytes) -> None:
    query = asked("_a._b", SRV)
    with pytest.raises(ProtocolError):
        read(query, record(PTR, SRV, data))


def test_names_are_unambiguous() -> None:
    assert read_name(bytes(12) + b"\3a.b\0", 12) == ("a\\.b", 17)
    assert read_name(bytes(12) + b"\1A\1b\0", 12) == ("a.b", 17)
    assert read_name(bytes(12) + b"\3\\\0\xff\0", 12) == ("\\\\\\000\\255", 17)
    assert read_name(bytes(12) + b"\0", 12) == ("", 13)
    assert read_name(bytes(12) + b"\1b\0\1a\xc0\x0c!", 15) == ("a.b", 19)
    longest = b"".join(b"\x3f" + b"x" * 63 for _ in range(3)) + b"\x3d" + b"x" * 61 + b"\0"
    assert len(longest) == message.LONGEST_NAME and read_name(bytes(12) + longest, 12)[1] == 12 + 255
    with pytest.raises(ProtocolError):
        read_name(bytes(12) + b"\1a" + longest, 12)


def test_pointers_cannot_make_a_message_expensive() -> None:
    """A chain of pointers is as long as the message at most, and a name has 255 bytes at most."""
    chain = b"".join(pointer(12 + 2 * n) for n in range(500))
    data = bytes(12) + b"\0\0" + chain
    assert read_name(data, len(data) - 2) == ("", len(data))


labels = st.binary(min_size=1, max_size=20)


@given(st.lists(labels, max_size=6))
def test_a_name_goes_there_and_back(parts: list[bytes]) -> None:
    wire = b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
    name, end = read_name(bytes(12) + wire + b"rest", 12)
    assert end == 12 + len(wire)
    other = [bytes([part[0] ^ 1]) + part[1:] for part in parts]
    if parts and [part.lower() for part in other] != [part.lower() for part in parts]:
        changed = b"".join(bytes([len(part)]) + part for part in other) + b"\0"
        assert read_name(bytes(12) + changed, 12)[0] != name


@given(st.binary(max_size=200))
def test_garbage_raises_nothing_else(tail: bytes) -> None:
    query = asked("a.x")
    for data in (tail, reply(query, [tail, ONE])):
        try:
            found = read_response(data, "a.x", A)
        except ProtocolError:
            continue
        assert all(one.family == 4 for one in found.records)


@given(st.integers(0, 400), st.integers(0, 255))
def test_each_byte_may_be_wrong(at: int, value: int) -> None:
    query = asked("_a._b.x", SRV)
    more = [record(packed_name("t.x"), A, bytes(4)), record(packed_name("t.x"), AAAA, bytes(16))]
    alias = record(PTR, CNAME, packed_name("c.x"))
    service = record(packed_name("c.x"), SRV, said(SRV, (1, 2, 3, "t.x")))
    data = bytearray(reply(query, [alias, service], additional=more))
    data[at % len(data)] = value
    try:
        read_response(bytes(data), query.name, SRV)
    except ProtocolError:
        pass
    assert number_of(bytes(data)) == data[0] << 8 | data[1]
    assert number_of(bytes(data[:1])) == -1
