"""resolvers and do-resolve: both programs ask the same, and say the same of it (manual 5.3.2, 4.4; management 9.3)."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator, Sequence

import pytest
from support.name_server import (
    AAAA,
    CNAME,
    RCODE_REFUSED,
    RCODE_SERVFAIL,
    A,
    NameServer,
    Query,
    packed_name,
    record,
    reply,
    said,
)
from support.programs import HAPROXY, POINTSMAN, Program, peer_version
from support.scenario import query

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
]

CONFIG = """
global
    dns-accept-family ipv4,ipv6
    stats socket {dir}/s level admin
resolvers d
    nameserver n 127.0.0.1:{dns}
    timeout retry 10s
    resolve_retries 1
    hold valid 0
resolvers empty
    nameserver a 127.0.0.1:{dns}
    nameserver b tcp@127.0.0.1:{dns}
resolvers default
    nameserver only 127.0.0.1:{dns}
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind 127.0.0.1:{port:web}
    http-request use-service prometheus-exporter if { path /metrics }
    http-request do-resolve(txn.ip,d,ipv4) hdr(Host) if { path /4 }
    http-request do-resolve(txn.ip,d,ipv6) hdr(Host) if { path /6 }
    http-request do-resolve(txn.ip,d) hdr(Host) if { path / }
    http-request return status 200 hdr address %[var(txn.ip)] if { var(txn.ip) -m found }
    http-request return status 404
"""
PTR = b"\xc0\x0c"


def lies(query: Query) -> Sequence[bytes] | None:
    """What is not of the zone."""
    one = record(PTR, A, said(A, "10.0.0.1"))
    if query.type != A:
        return None
    return {
        "cut.x": [reply(query, flags=0x8380)],
        "question.x": [reply(query, [one], question=packed_name("b.x") + b"\0\1\0\1")],
        "owner.x": [reply(query, [record(packed_name("b.x"), A, bytes(4))])],
        "id.x": [reply(query, [one], id=query.id ^ 1), reply(query, [record(PTR, A, said(A, "10.0.0.2"))])],
        "twice.x": [reply(query, [one])] * 2,
        "short.x": [reply(query, [one])[:-2]],
        "half.x": [reply(query)[:6] + bytes(2)],
        "address.x": [reply(query, [record(PTR, A, bytes(3))])],
        "text.x": [reply(query, [record(PTR, 16, b"\3abc"), one])],
        "loop.x": [reply(query, [record(PTR, CNAME, packed_name("loop.x"))])],
        "lonely.x": [reply(query, [record(PTR, CNAME, packed_name("c.x"))])],
        "elsewhere.x": [
            reply(query, [record(PTR, CNAME, packed_name("c.x")), record(packed_name("d.x"), A, bytes(4))])
        ],
        "chain.x": [
            reply(
                query,
                [
                    record(PTR, CNAME, packed_name("c.x")),
                    record(packed_name("c.x"), CNAME, packed_name("d.x")),
                    record(packed_name("d.x"), A, said(A, "10.0.0.4")),
                ],
            )
        ],
    }.get(query.name)


@pytest.fixture(scope="module")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[tuple[Program, NameServer]]]:
    """Theirs and ours, each with a name server of its own."""
    with NameServer() as first, NameServer() as second:
        for dns in (first, second):
            dns.zone["four.x", A] = ["10.0.0.1"]
            dns.zone["six.x", AAAA] = ["2001:db8::1"]
            dns.zone["both.x", A] = ["10.0.0.1"]
            dns.zone["both.x", AAAA] = ["2001:db8::1"]
            dns.zone["none.x", A] = dns.zone["none.x", AAAA] = ()
            dns.zone["refused.x", A] = dns.zone["refused.x", AAAA] = RCODE_REFUSED
            dns.zone["failed.x", A] = dns.zone["failed.x", AAAA] = RCODE_SERVFAIL
            dns.zone["refusedsix.x", AAAA] = RCODE_REFUSED
            dns.zone["refusedsix.x", A] = ["10.0.0.3"]
            dns.answer = liar(dns)
        folders = [tmp_path_factory.mktemp(name) for name in ("theirs", "ours")]
        programs = [
            Program(kind, CONFIG, folder, {"dns": str(dns.port)})
            for kind, folder, dns in zip((HAPROXY, POINTSMAN), folders, (first, second))
        ]
        with programs[0], programs[1]:
            yield [(programs[0], first), (programs[1], second)]


def liar(dns: NameServer) -> Callable[[Query], Sequence[bytes]]:
    def answer(query: Query) -> Sequence[bytes]:
        found = lies(query)
        return dns.of_zone(query) if found is None else found

    return answer


def ask(program: Program, name: str, path: str) -> tuple[str, str]:
    """Status, and the address."""
    with socket.create_connection(("127.0.0.1", program.ports["web"]), 15) as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n".encode())
        found = b""
        while data := client.recv(65_536):
            found += data
    lines = found.decode().split("\r\n")
    return lines[0][9:12], next((line[9:] for line in lines if line.startswith("address: ")), "")


def counted(program: Program) -> dict[str, int]:
    """Of the name server `n`, but for what the peer does not count."""
    lines = query(program.folder / "s", "show resolvers d").splitlines()
    found = [line.split(":") for line in lines if line.startswith("  ")]
    return {name.strip(): int(value) for name, value in found if name.strip() not in ("timeout", "cname")}


NAMES = (
    *("four.x", "six.x", "both.x", "none.x", "nothing.x", "refused.x", "failed.x", "refusedsix.x", "FOUR.X", "four.x."),
    *("a..b", "cut.x", "question.x", "owner.x", "id.x", "twice.x", "short.x", "half.x", "address.x", "text.x"),
    *("loop.x", "lonely.x", "elsewhere.x", "chain.x", "10.0.0.9", "under_score.x"),
)


@pytest.mark.parametrize("path", ["/4", "/6", "/"])
@pytest.mark.parametrize("name", NAMES)
def test_the_same_is_asked_found_and_counted(pairs: list[tuple[Program, NameServer]], name: str, path: str) -> None:
    told = []
    for program, dns in pairs:
        dns.queries.clear()
        before = counted(program)
        found = ask(program, name, path)
        asked = [query.type for query in dns.queries]
        end = time.monotonic() + 15
        while True:  # what nobody waits for may come a moment later
            after = counted(program)
            more = {key: after[key] - before[key] for key in after if after[key] != before[key]}
            if sum(more.values()) >= 2 * len(asked) + (name in ("id.x", "twice.x") and 1 in asked):
                break
            assert time.monotonic() < end, more
            time.sleep(0.01)
        told.append((found, asked, more))
    assert told[0] == told[1]


@pytest.mark.parametrize(
    "line",
    [
        *("show resolvers empty", "show resolvers default", "show resolvers none", "show resolvers empty default"),
        *("show stat domain none", "show stat domain"),
    ],
)
def test_commands_about_resolvers(pairs: list[tuple[Program, NameServer]], line: str) -> None:
    theirs, ours = [query(program.folder / "s", line) for program, _ in pairs]
    assert ours == theirs


@pytest.mark.parametrize("form", ["", " typed", " json"])
def test_statistics_of_name_servers(pairs: list[tuple[Program, NameServer]], form: str) -> None:
    """Which numbers they are was compared above. The peer forgets the commas between rows of JSON."""
    theirs, ours = [query(program.folder / "s", f"show stat domain resolvers{form}") for program, _ in pairs]
    assert digits(ours) == digits(theirs.replace("}][{", "}],[{"))


def test_metrics_of_name_servers(pairs: list[tuple[Program, NameServer]]) -> None:
    theirs, ours = [metrics(program) for program, _ in pairs]
    assert digits("\n".join(ours)) == digits("\n".join(theirs))
    assert len([line for line in ours if not line.startswith("#")]) == 4 * 15


def metrics(program: Program) -> list[str]:
    """Their types and values; descriptions are each program's own."""
    with socket.create_connection(("127.0.0.1", program.ports["web"]), 15) as client:
        client.sendall(b"GET /metrics?scope=resolver HTTP/1.0\r\nhost: a\r\n\r\n")
        found = b""
        while data := client.recv(65_536):
            found += data
    return [line for line in found.decode().splitlines() if line.startswith(("haproxy_", "# TYPE"))]


def digits(text: str) -> str:
    """Any counts are as good as others."""
    return re.sub("[0-9]+", "0", text)
