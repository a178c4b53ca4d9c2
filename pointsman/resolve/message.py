"""Messages of the DNS (RFC 1035, 2782, 6891): queries as bytes, and bytes as responses. No I/O.

    query = make_query(number, "www.example.com", A, 512)
    response = read_response(data, "www.example.com", A)     ProtocolError: what came is no answer to that

Names are strings as in RFC 1035, 5.1: labels joined by dots, in lower case, without a dot at their end; a dot inside a
label, a backslash and what cannot be printed are escaped, so that two names are equal if and only if their labels are.
What we ask about is simpler: letters, digits, hyphens and underscores (`is_name`).

Whoever answers may lie: a response must repeat our question, each compression pointer leads further back than the one
before, and addresses count only where the name they are for is the one we asked about, or one that a chain of CNAME
records leads to from there. Records may come in any order.
"""

import re
import socket
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from pointsman.proto.errors import ProtocolError
from pointsman.resolve.records import Record

A: Final = 1  # types of records (RFC 1035, 3.2.2; 3596; 2782; 6891)
CNAME: Final = 5
AAAA: Final = 28
SRV: Final = 33
OPT: Final = 41
TYPE_OF: Final = {4: A, 6: AAAA}  # by family
FAMILY_OF: Final = {A: 4, AAAA: 6}
INTERNET: Final = 1  # the class

OK: Final = 0  # codes of responses (RFC 1035, 4.1.1)
NAME_ERROR: Final = 3
REFUSED_CODE: Final = 5

HEAD: Final = struct.Struct(">HHHHHH")  # id, flags, counts of questions, answers, authorities, additional records
_QUESTION: Final = struct.Struct(">HH")  # type, class
_FIXED: Final = struct.Struct(">HHIH")  # type, class, TTL, size of the data
_SERVICE: Final = struct.Struct(">HHH")  # priority, weight, port
_RESPONSE: Final = 0x8000  # flags
_OPCODE: Final = 0x7800
_TRUNCATED: Final = 0x0200
_RECURSION_DESIRED: Final = 0x0100
_CODE: Final = 0x000F
_POINTER: Final = 0xC0  # both upper bits of a label's size (RFC 1035, 4.1.4)
LONGEST_NAME: Final = 255  # bytes on the wire, sizes of labels included (RFC 1035, 2.3.4)
LONGEST_LABEL: Final = 63
LONGEST_CHAIN: Final = 16  # CNAME records from the question to an address
LARGEST: Final = 65_535  # bytes of a message

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*", re.ASCII)
_SPECIAL: Final = re.compile(rb"[^!-~]|[.\\]")


@dataclass(frozen=True, slots=True)
class Response:
    """What a name server has answered. `records`: of the type that was asked for. `chain`: CNAME records were followed;
    with no record behind them the chain leads nowhere. `addresses`: of targets of services, as far as they came along.
    """

    code: int
    truncated: bool = False
    chain: bool = False
    records: tuple[Record, ...] = ()
    addresses: dict[str, tuple[Record, ...]] = field(default_factory=dict)


def is_name(text: str) -> bool:
    """Something that may be asked about."""
    return len(text) <= LONGEST_NAME - 2 and _NAME.fullmatch(text) is not None


def make_query(number: int, name: str, kind: int, payload: int) -> bytes:
    """`number`: its id; `payload`: bytes that a datagram with the response may have (RFC 6891, 6.2.3)."""
    labels = b"".join([bytes([len(label)]) + label.encode() for label in name.split(".")])
    head = HEAD.pack(number, _RECURSION_DESIRED, 1, 0, 0, 1)
    return head + labels + b"\0" + _QUESTION.pack(kind, INTERNET) + b"\0" + _FIXED.pack(OPT, payload, 0, 0)


def number_of(message: bytes) -> int:
    """The id of a message; -1: it is too short to have one."""
    return int.from_bytes(message[:2], "big") if len(message) >= 2 else -1


def read_response(data: bytes, name: str, kind: int) -> Response:
    """The answer to the question about `name`, which is in lower case. Raises ProtocolError."""
    if len(data) < HEAD.size:
        raise ProtocolError("too short for a head")
    _, flags, questions, answers, authorities, additional = HEAD.unpack_from(data)
    if not flags & _RESPONSE or flags & _OPCODE:
        raise ProtocolError("no response to a query")
    code = flags & _CODE
    at = HEAD.size
    if questions or code == OK:  # who does not understand a query may leave the question out
        at = _check_question(data, at, questions, name, kind)
    truncated = flags & _TRUNCATED != 0
    if code != OK or truncated:
        return Response(code, truncated)
    aliases: dict[str, str] = {}
    found: list[tuple[str, Record]] = []
    for owner, which, start, size in _records(data, at, answers):
        at = start + size
        if which == CNAME:
            aliases[owner] = _whole_name(data, start, size)
        elif which == kind:
            found.append((owner, _record(data, which, start, size)))
    final = _follow(aliases, name)
    records = [record for owner, record in found if owner == final]
    if len(records) < len(found) and not aliases:
        raise ProtocolError("records of another name")
    addresses: dict[str, tuple[Record, ...]] = {}
    if kind == SRV:
        records = [record for record in records if record.target]  # "." says that there is no such service (RFC 2782)
        known = _addresses(data, at, authorities, additional)
        addresses = {record.target: tuple(known[record.target]) for record in records if record.target in known}
    return Response(code, False, bool(aliases), tuple(dict.fromkeys(records)), addresses)


def _check_question(data: bytes, at: int, questions: int, name: str, kind: int) -> int:
    """Behind the question, which must be ours."""
    if questions != 1:
        raise ProtocolError("not one question")
    asked, at = read_name(data, at)
    if at + _QUESTION.size > len(data) or asked != name or _QUESTION.unpack_from(data, at) != (kind, INTERNET):
        raise ProtocolError("another question")
    return at + _QUESTION.size


def _records(data: bytes, at: int, count: int) -> Iterator[tuple[str, int, int, int]]:
    """Records of the Internet's class: owner, type, where their data begin, and their size. The last one yielded is
    the last one there is, whatever its class: of another class the type is 0."""
    for _ in range(count):
        owner, at = read_name(data, at)
        if at + _FIXED.size > len(data):
            raise ProtocolError("a record is cut off")
        kind, which, _, size = _FIXED.unpack_from(data, at)
        at += _FIXED.size
        if at + size > len(data):
            raise ProtocolError("a record is longer than the message")
        yield owner, kind if which == INTERNET else 0, at, size
        at += size


def _record(data: bytes, kind: int, start: int, size: int) -> Record:
    """An A, AAAA or SRV record."""
    if kind == SRV:
        if size <= _SERVICE.size:
            raise ProtocolError("a service without a target")
        priority, weight, port = _SERVICE.unpack_from(data, start)
        target = _whole_name(data, start + _SERVICE.size, size - _SERVICE.size)
        return Record("", 0, target, port, weight, priority)
    if size != (4 if kind == A else 16):
        raise ProtocolError("an address of the wrong size")
    packed = data[start : start + size]
    return Record(socket.inet_ntop(socket.AF_INET if kind == A else socket.AF_INET6, packed), FAMILY_OF[kind])


def _whole_name(data: bytes, start: int, size: int) -> str:
    """A name that fills the data of a record."""
    name, end = read_name(data, start)
    if end != start + size:
        raise ProtocolError("a name does not fill its record")
    return name


def _follow(aliases: dict[str, str], name: str) -> str:
    """Where a chain of CNAME records ends; "": it has no end."""
    for _ in range(LONGEST_CHAIN):
        following = aliases.get(name)
        if following is None:
            return name
        name = following
    return ""


def _addresses(data: bytes, at: int, authorities: int, additional: int) -> dict[str, list[Record]]:
    """What the additional records say of targets."""
    found: dict[str, list[Record]] = {}
    for index, (owner, kind, start, size) in enumerate(_records(data, at, authorities + additional)):
        if index >= authorities and kind in FAMILY_OF:
            found.setdefault(owner, []).append(_record(data, kind, start, size))
    return found


def read_name(data: bytes, at: int) -> tuple[str, int]:
    """A name, and where what follows it begins. Raises ProtocolError."""
    labels: list[str] = []
    end = -1  # behind the first pointer
    limit = at  # a pointer leads to a place before this one
    room = LONGEST_NAME
    while True:
        if at >= len(data):
            raise ProtocolError("a name is cut off")
        size = data[at]
        at += 1
        if not size:
            return ".".join(labels), at if end < 0 else end
        if size & _POINTER == _POINTER:
            if at >= len(data):
                raise ProtocolError("a pointer is cut off")
            target = (size & ~_POINTER) << 8 | data[at]
            if target >= limit or target < HEAD.size:
                raise ProtocolError("a pointer does not lead back")
            if end < 0:
                end = at + 1
            at = limit = target
            continue
        room -= size + 1
        if size & _POINTER or room < 1:
            raise ProtocolError("a name is too long")
        if at + size > len(data):
            raise ProtocolError("a label is cut off")
        labels.append(_text(data[at : at + size]))
        at += size


def _text(label: bytes) -> str:
    return _SPECIAL.sub(_escaped, label).decode("ascii").lower()


def _escaped(found: re.Match[bytes]) -> bytes:
    byte = found[0]
    return b"\\" + byte if byte in (b".", b"\\") else b"\\%03d" % byte[0]
