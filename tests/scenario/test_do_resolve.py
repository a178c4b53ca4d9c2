"""do-resolve in a running program (manual 4.4): requests and connections wait for addresses that a name server has."""

from __future__ import annotations

import os
import signal
import socket
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest
from support.crowd import children, until
from support.name_server import AAAA, RCODE_REFUSED, A, NameServer, Query, record, reply, said
from support.programs import POINTSMAN, Program

PATIENCE = 15.0
CONFIG = """
global
    dns-accept-family ipv4,ipv6
    stats socket {dir}/s level admin
resolvers d
    nameserver n 127.0.0.1:{dns}
    timeout retry 5s
    resolve_retries 1
    hold valid 0
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200 content-type text/plain string fine if { path /other }
    http-request do-resolve(txn.ip,d,ipv4) hdr(Host),host_only
    acl found var(txn.ip) -m found
    acl show path /show
    http-request return status 200 content-type text/plain lf-string "%[var(txn.ip)]" if show found
    http-request return status 404 if show
    use_backend none unless found
    default_backend be
backend none
    http-request return status 503 content-type text/plain string "no address"
backend be
    http-request deny if { var(txn.ip) -m ip 10.0.0.0/8 }
    http-request set-dst var(txn.ip)
    http-request set-dst-port int({port:far})
    server clear 0.0.0.0:0
frontend tcp
    mode tcp
    bind 127.0.0.1:{port:tcp}
    tcp-request inspect-delay 20s
    acl whole req.payload(0,0) -m sub !
    tcp-request content do-resolve(sess.ip,d,ipv4) req.payload(0,0),field(1,!) if whole
    tcp-request content reject if whole !{ var(sess.ip) -m found }
    tcp-request content accept if whole
    default_backend raw
backend raw
    mode tcp
    tcp-request content set-dst var(sess.ip)
    tcp-request content set-dst-port int({port:echo})
    server clear 0.0.0.0:0
frontend second
    bind 127.0.0.2:{port:far}
    http-request return status 200 content-type text/plain string second
frontend third
    bind 127.0.0.3:{port:far}
    http-request return status 200 content-type text/plain string third
"""


@pytest.fixture(scope="module")
def dns() -> Iterator[NameServer]:
    with NameServer() as server:
        yield server


@pytest.fixture(scope="module")
def program(dns: NameServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    folder = tmp_path_factory.mktemp("resolve")
    with Program(POINTSMAN, CONFIG, folder, {"dns": str(dns.port)}) as running:
        yield running


@pytest.fixture(autouse=True)
def plain(dns: NameServer) -> None:
    dns.answer = dns.of_zone
    dns.zone.clear()
    dns.zone["two.x", A] = ["127.0.0.2"]
    dns.zone["three.x", A] = ["127.0.0.3"]
    dns.zone["six.x", AAAA] = ["2001:db8::6"]
    dns.zone["ten.x", A] = ["10.1.2.3"]
    dns.zone["refused.x", A] = dns.zone["refused.x", AAAA] = RCODE_REFUSED


def connect(program: Program, port: str) -> socket.socket:
    return socket.create_connection(("127.0.0.1", program.ports[port]), PATIENCE)


def ask(program: Program, host: str, path: str = "/") -> tuple[int, str]:
    """Status and body."""
    with connect(program, "web") as client:
        client.sendall(f"GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n".encode())
        head, _, body = everything(client).partition(b"\r\n\r\n")
    return int(head[9:12]), body.decode()


def everything(client: socket.socket) -> bytes:
    found = b""
    while data := client.recv(65_536):
        found += data
    return found


def test_the_example_of_the_manual(program: Program) -> None:
    assert ask(program, "two.x:80") == (200, "second")
    assert ask(program, "three.x") == (200, "third")
    assert ask(program, "nothing.x") == (503, "no address")
    assert ask(program, "refused.x")[0] == 503
    assert ask(program, "ten.x")[0] == 403


def test_what_the_variable_holds(program: Program) -> None:
    assert ask(program, "TWO.x.", "/show") == (200, "127.0.0.2")
    assert ask(program, "six.x", "/show") == (200, "2001:db8::6")
    for name in ("nothing.x", "a..b", "x" * 64, "y" * 300, "[::1]", ""):
        assert ask(program, name, "/show")[0] == 404


def test_many_at_once(program: Program, dns: NameServer) -> None:
    for number in range(60):
        dns.zone[f"n{number}.x", A] = [f"10.9.8.{number}"]
    with ThreadPoolExecutor(12) as pool:
        found = list(pool.map(lambda number: ask(program, f"n{number}.x", "/show"), range(60)))
    assert found == [(200, f"10.9.8.{number}") for number in range(60)]


class Slow:
    """A name server whose answers wait until they may go."""

    def __init__(self, dns: NameServer) -> None:
        self.dns = dns
        self.may = threading.Event()
        dns.answer = self.answer

    def answer(self, query: Query) -> Sequence[bytes]:
        assert self.may.wait(PATIENCE)
        return [reply(query, [record(b"\xc0\x0c", A, said(A, "127.0.0.2"))])]


def test_a_request_that_waits_stops_no_other(program: Program, dns: NameServer) -> None:
    slow = Slow(dns)
    with connect(program, "web") as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: slow.x\r\nconnection: close\r\n\r\n")
        until(lambda: bool(dns.asked("slow.x")), PATIENCE)
        for _ in range(20):
            assert ask(program, "a", "/other") == (200, "fine")
        slow.may.set()
        assert everything(client).endswith(b"second")


def test_a_client_that_leaves_meanwhile(program: Program, dns: NameServer) -> None:
    slow = Slow(dns)
    with connect(program, "web") as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: left.x\r\n\r\n")
        until(lambda: bool(dns.asked("left.x")), PATIENCE)
        client.shutdown(socket.SHUT_WR)
        assert b" 400 " in everything(client)[:20]
    slow.may.set()
    assert ask(program, "two.x")[0] == 200


class Echo:
    """A TCP server of 127.0.0.2 that tells where it was reached."""

    def __init__(self, port: int) -> None:
        self.sock = socket.create_server(("127.0.0.2", port))
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self) -> None:
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            with client, suppress(OSError):  # one of them is reset
                client.sendall(b"echo:" + client.recv(100))


@pytest.fixture(scope="module")
def echo(program: Program) -> Iterator[None]:
    made = Echo(program.ports["echo"])
    yield
    made.sock.shutdown(socket.SHUT_RDWR)
    made.sock.close()


def test_a_connection_waits_with_its_first_bytes(program: Program, dns: NameServer, echo: None) -> None:
    slow = Slow(dns)
    with connect(program, "tcp") as client:
        client.sendall(b"tc")
        client.sendall(b"p.x!and ")
        until(lambda: bool(dns.asked("tcp.x")), PATIENCE)
        client.sendall(b"more")
        slow.may.set()
        assert everything(client) == b"echo:tcp.x!and more"
    assert [query.type for query in dns.asked("tcp.x")] == [A]


def test_a_connection_whose_name_is_none(program: Program, echo: None) -> None:
    with connect(program, "tcp") as client:
        client.sendall(b"nothing.x!")
        assert everything(client) == b""


def test_a_connection_that_ends_meanwhile(program: Program, dns: NameServer, echo: None) -> None:
    """The rules have their say of what is here, once the answer is."""
    slow = Slow(dns)
    with connect(program, "tcp") as client:
        client.sendall(b"ends.x!")
        until(lambda: bool(dns.asked("ends.x")), PATIENCE)
        client.shutdown(socket.SHUT_WR)
        slow.may.set()
        assert everything(client) == b"echo:ends.x!"
    with connect(program, "tcp") as client:
        client.sendall(b"reset.x!")
        until(lambda: bool(dns.asked("reset.x")), PATIENCE)
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    assert ask(program, "two.x")[0] == 200


def test_control_dies_meanwhile(program: Program, dns: NameServer) -> None:
    """Its successor is asked, and asks."""
    slow = Slow(dns)
    processes = children(program.pid)
    if not processes:
        return  # one process: its death is everybody's
    with connect(program, "web") as client:
        client.sendall(b"GET / HTTP/1.1\r\nhost: dies.x\r\nconnection: close\r\n\r\n")
        until(lambda: bool(dns.asked("dies.x")), PATIENCE)
        os.kill(processes[-1], signal.SIGKILL)
        slow.may.set()
        assert everything(client).endswith(b"second")
    assert len(dns.asked("dies.x")) == 2
    assert ask(program, "two.x") == (200, "second")


JAIL = """
global
    chroot {dir}/jail
    user nobody
    dns-accept-family ipv4
resolvers d
    nameserver datagrams 127.0.0.1:{dns}
    nameserver stream tcp@127.0.0.1:{dns}
    resolve_retries 1
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
frontend web
    bind 127.0.0.1:{port:web}
    http-request do-resolve(txn.ip,d) hdr(Host)
    http-request return status 200 content-type text/plain lf-string "%[var(txn.ip)]" if { var(txn.ip) -m found }
    http-request return status 404
"""


@pytest.mark.root
def test_in_a_jail(dns: NameServer, tmp_path: Path) -> None:
    """Name servers are asked from a chroot where there is nothing, by a user who may do nothing."""
    (tmp_path / "jail").mkdir()
    dns.queries.clear()
    with Program(POINTSMAN, JAIL, tmp_path, {"dns": str(dns.port)}) as program:
        assert ask(program, "three.x") == (200, "127.0.0.3")
        assert ask(program, "six.x") == (404, "")
        until(lambda: {(query.tcp, query.type) for query in dns.asked("six.x")} == {(False, A), (True, A)}, PATIENCE)
