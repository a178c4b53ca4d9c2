"""Connections that were meant for somebody else: the kernel brings them here, and they are forwarded to where their
clients wanted to go (manual 4.2, server 0.0.0.0; 5.1, transparent). HAProxy knows the same of them."""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass

import pytest
from support.network import POINTSMAN_INSIDE, Mirror, Network
from support.programs import HAPROXY, Program

pytestmark = pytest.mark.root
ELSEWHERE = "10.5.0.7"  # an address that is not the balancer's
RULES = """
add table ip nat
add chain ip nat begin { type nat hook output priority -100; }
add rule ip nat begin ip daddr 10.6.0.0/16 tcp dport 80 redirect to :PORT
"""
CONFIGURATION = """
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 2s
listen transparent
    bind 0.0.0.0:{port:foreign} transparent
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[fc_dst] %[bc_dst]:%[bc_dst_port]"
    server s 0.0.0.0:9000
listen redirected
    bind 127.0.0.1:{port:redirected}
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[fc_dst] %[bc_dst]:%[bc_dst_port]"
    server s 10.7.0.1:9000
"""


@dataclass
class Lab:
    """The network that all are in, and the program."""

    network: Network
    program: Program

    def ask(self, address: str, port: int) -> str:
        """The field that tells where the client wanted to go, and where it went."""
        with self.network.inside():
            sock = socket.socket()
        with sock:
            sock.settimeout(15)
            sock.connect((address, port))
            sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
            data = b""
            while received := sock.recv(65536):
                data += received
        (line,) = [one for one in data.decode().split("\r\n") if one.startswith("x-dst: ")]
        return line.removeprefix("x-dst: ")


@pytest.fixture(scope="module", params=["pointsman", pytest.param("haproxy", marks=pytest.mark.peer)])
def lab(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    kind = POINTSMAN_INSIDE if request.param == "pointsman" else HAPROXY
    with ExitStack() as stack:
        network = stack.enter_context(Network())
        network.address("10.7.0.1/32")
        network.ip("route", "add", "local", "10.5.0.0/16", "dev", "lo")
        network.ip("route", "add", "default", "dev", "lo")
        with network.inside():
            for address in (ELSEWHERE, "10.7.0.1"):
                mirror = Mirror(address, 9000)
                stack.callback(mirror.close)
            program = Program(kind, CONFIGURATION, tmp_path_factory.mktemp("redirected"))
            stack.enter_context(program)
        yield Lab(network, program)


def test_where_a_route_has_brought_it(lab: Lab) -> None:
    """An address for which somebody else listens: the server is asked at the client's destination."""
    port = lab.program.ports["foreign"]
    assert lab.ask(ELSEWHERE, port) == f"{ELSEWHERE}:{port} {ELSEWHERE} {ELSEWHERE}:9000"


def test_what_netfilter_has_redirected(lab: Lab) -> None:
    """`dst` is the address that the client wanted, though the socket is bound to another one."""
    if shutil.which("nft") is None:
        pytest.skip("the program nft is not installed")
    rules = RULES.replace("PORT", str(lab.program.ports["redirected"]))
    with lab.network.inside():
        subprocess.run(["nft", "-f", "-"], input=rules.encode(), check=True)
    assert lab.ask("10.6.0.9", 80) == "10.6.0.9:80 10.6.0.9 10.7.0.1:9000"
