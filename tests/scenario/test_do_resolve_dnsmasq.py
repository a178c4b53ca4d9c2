"""do-resolve against a real name server, by UDP and by TCP, with answers that are too large for what is accepted."""

from __future__ import annotations

import socket
from collections.abc import Iterator

import pytest
from support.crowd import until
from support.dns_stand import DNSMASQ, NameServer
from support.programs import POINTSMAN, Program

pytestmark = pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed")

CONFIG = """
global
    dns-accept-family ipv4,ipv6
resolvers small
    nameserver n 127.0.0.1:{dns}
    timeout retry 10s
    resolve_retries 1
resolvers large
    nameserver n 127.0.0.1:{dns}
    accepted_payload_size 8192
    timeout retry 10s
    resolve_retries 1
    hold valid 0
resolvers stream
    nameserver n tcp@127.0.0.1:{dns}
    accepted_payload_size 65535
    timeout retry 10s
    resolve_retries 1
defaults
    mode http
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend web
    bind 127.0.0.1:{port:web}
    http-request do-resolve(txn.ip,small,ipv4) hdr(Host) if { path /small }
    http-request do-resolve(txn.ip,large,ipv4) hdr(Host) if { path /large }
    http-request do-resolve(txn.ip,stream,ipv4) hdr(Host) if { path /stream }
    http-request return status 200 hdr address %[var(txn.ip)] if { var(txn.ip) -m found }
    http-request return status 404
"""
MANY = [f"10.0.1.{number}" for number in range(1, 60)]  # 16 bytes each


@pytest.fixture(scope="module")
def stand(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Program, NameServer]]:
    folder = tmp_path_factory.mktemp("dnsmasq")
    with NameServer(folder / "dns") as dns:
        dns.hosts({"one.test": ["10.0.0.1"], "six.test": ["2001:db8::1"], "many.test": MANY})
        with Program(POINTSMAN, CONFIG, folder, {"dns": str(dns.port)}) as program:
            until(lambda: ask(program, "large", "one.test") == "10.0.0.1", 15)
            yield program, dns


def ask(program: Program, section: str, name: str) -> str:
    """The address; "": none."""
    with socket.create_connection(("127.0.0.1", program.ports["web"]), 30) as client:
        client.sendall(f"GET /{section} HTTP/1.1\r\nhost: {name}\r\nconnection: close\r\n\r\n".encode())
        found = b""
        while data := client.recv(65_536):
            found += data
    return next((line[9:] for line in found.decode().split("\r\n") if line.startswith("address: ")), "")


@pytest.mark.parametrize("section", ["small", "large", "stream"])
def test_addresses_of_either_family_and_none(stand: tuple[Program, NameServer], section: str) -> None:
    program, _ = stand
    assert ask(program, section, "one.test") == "10.0.0.1"
    assert ask(program, section, "six.test") == "2001:db8::1"
    assert ask(program, section, "none.test") == ""


def test_more_addresses_than_are_accepted(stand: tuple[Program, NameServer]) -> None:
    program, _ = stand
    assert ask(program, "small", "many.test") == ""  # truncated
    for section in ("large", "stream"):
        assert ask(program, section, "many.test") in MANY


def test_another_address_while_running(stand: tuple[Program, NameServer]) -> None:
    program, dns = stand
    dns.hosts({"one.test": ["10.0.0.2"]})
    until(lambda: ask(program, "large", "one.test") == "10.0.0.2", 15)
