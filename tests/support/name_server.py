"""A name server that does what a test wants, lies included: by UDP and by TCP, at one port.

    with NameServer() as dns:
        dns.zone["www.example.com", A] = ["10.0.0.1", "10.0.0.2"]      may be changed at any time
        dns.zone["_http._tcp.example.com", SRV] = [(1, 10, 80, "a.example.com")]
        dns.zone["gone.example.com", A] = RCODE_REFUSED                no key at all: NXDOMAIN
        dns.zone["slow.example.com", A] = SILENCE
        dns.answer = lambda query: [...]                               messages instead of what the zone says

Its messages are put together here, so that the parser under test is not checked by itself.
"""

import ipaddress
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType

from support.ports import free_port

A, CNAME, AAAA, SRV, OPT = 1, 5, 28, 33, 41  # types
RCODE_OK, RCODE_FORMERR, RCODE_SERVFAIL, RCODE_NX, RCODE_REFUSED = 0, 1, 2, 3, 5
SILENCE = -1
SERVICES = tuple[int, int, int, str]  # of SRV: priority, weight, port, target
Entry = int | Sequence[str | SERVICES]  # a code, or what the records say; an empty list: no such record


@dataclass(frozen=True)
class Query:
    """What a client has asked. `payload`: what EDNS says it takes; 0: no EDNS."""

    id: int
    name: str
    type: int
    payload: int
    tcp: bool
    question: bytes


def packed_name(name: str) -> bytes:
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".") if label) + b"\0"


def record(name: bytes, kind: int, data: bytes, ttl: int = 10) -> bytes:
    return name + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def said(kind: int, value: str | SERVICES) -> bytes:
    """The data of a record."""
    if isinstance(value, tuple):
        priority, weight, port, target = value
        return struct.pack(">HHH", priority, weight, port) + packed_name(target)
    if kind in (A, AAAA):
        return ipaddress.ip_address(value).packed
    return packed_name(value)


def reply(
    query: Query,
    records: Sequence[bytes] = (),
    rcode: int = 0,
    *,
    id: int = -1,
    question: bytes = b"",
    flags: int = 0x8180,
    additional: Sequence[bytes] = (),
) -> bytes:
    """A response; `id` and `question` are those of the query, where nothing else is wanted."""
    head = struct.pack(">HHHHHH", query.id if id < 0 else id, flags | rcode, 1, len(records), 0, len(additional))
    return head + (question or query.question) + b"".join(records) + b"".join(additional)


def read_query(message: bytes, tcp: bool) -> Query:
    number, _, questions, _, _, additional = struct.unpack_from(">HHHHHH", message)
    assert questions == 1, message
    labels, at = [], 12
    while message[at]:
        labels.append(message[at + 1 : at + 1 + message[at]].decode())
        at += 1 + message[at]
    kind = struct.unpack_from(">H", message, at + 1)[0]
    end = at + 5
    payload = 0
    if additional:
        root, option, payload = struct.unpack_from(">BHH", message, end)
        assert (root, option) == (0, OPT), message
    return Query(number, ".".join(labels).lower(), kind, payload, tcp, message[12:end])


class NameServer:
    def __init__(self, host: str = "127.0.0.1", port: int = 0) -> None:
        self.zone: dict[tuple[str, int], Entry] = {}
        self.answer: Callable[[Query], Sequence[bytes]] = self.of_zone
        self.queries: list[Query] = []
        self.connections = 0  # by TCP, so far
        self.host = host
        self.family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.port = port or free_port()
        self.streams = socket.create_server((self.host, self.port), family=self.family)
        self.datagrams = socket.socket(self.family, socket.SOCK_DGRAM)
        self.datagrams.bind((self.host, self.port))
        self.threads = [
            threading.Thread(target=self._serve_datagrams, daemon=True),
            threading.Thread(target=self._serve_streams, daemon=True),
        ]

    def __enter__(self) -> "NameServer":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        for sock in (self.datagrams, self.streams):
            try:
                sock.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            sock.close()

    def asked(self, name: str, kind: int = 0) -> list[Query]:
        """All queries for a name so far."""
        return [query for query in list(self.queries) if query.name == name and kind in (0, query.type)]

    def of_zone(self, query: Query) -> Sequence[bytes]:
        entry = self.zone.get((query.name, query.type))
        if entry is None:
            known = any(name == query.name for name, _ in list(self.zone))
            entry = () if known else RCODE_NX
        if entry == SILENCE:
            return []
        if isinstance(entry, int):
            return [reply(query, rcode=entry)]
        return [reply(query, [record(b"\xc0\x0c", query.type, said(query.type, value)) for value in entry])]

    def _answers(self, message: bytes, tcp: bool) -> Sequence[bytes]:
        query = read_query(message, tcp)
        self.queries.append(query)
        return self.answer(query)

    def _serve_datagrams(self) -> None:
        while True:
            try:
                message, client = self.datagrams.recvfrom(65_536)
                if not client:
                    return  # shut down
                for answer in self._answers(message, False):
                    self.datagrams.sendto(answer, client)
            except OSError:
                if self.datagrams.fileno() < 0:
                    return

    def _serve_streams(self) -> None:
        while True:
            try:
                client, _ = self.streams.accept()
            except OSError:
                return
            self.connections += 1
            threading.Thread(target=self._serve_stream, args=(client,), daemon=True).start()

    def _serve_stream(self, client: socket.socket) -> None:
        with client, client.makefile("rb") as stream:
            try:
                while len(size := stream.read(2)) == 2:
                    message = stream.read(int.from_bytes(size, "big"))
                    for answer in self._answers(message, True):
                        client.sendall(len(answer).to_bytes(2, "big") + answer)
            except OSError:
                pass
