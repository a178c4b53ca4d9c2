"""Sockets of other kinds (manual 5.1, 5.2): in other network namespaces, of MPTCP, with signed segments, under another
congestion control. HAProxy does the same where it knows the words."""

from __future__ import annotations

import re
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.network import POINTSMAN_INSIDE, SIGNS, Mirror, Network
from support.programs import HAPROXY, Kind, Program, peer_version

from pointsman.net.tcp_options import sign_for, sign_for_all

pytestmark = pytest.mark.root
HEAD = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout client 10s
    timeout server 10s
    timeout connect 2s
"""
NAMESPACES = (
    HEAD
    + """
listen inside
    bind 127.0.0.1:8000 namespace {there}
    bind abns@pointsman namespace {there}
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[bc_dst]"
    server s 127.0.0.1:9000
listen outwards
    bind 127.0.0.1:{port:outwards}
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[bc_dst]"
    server s 127.0.0.1:9000 namespace {there} check inter 100ms
"""
)
MPTCP = (
    HEAD
    + """
listen behind
    bind mptcp@127.0.0.1:{port:behind}
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[bc_dst]"
    server s 127.0.0.1:9000
listen before
    bind mptcp4@127.0.0.1:{port:before}
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[bc_dst]"
    server s mptcp@127.0.0.1:{port:behind} check inter 100ms
"""
)
OTHERS = (
    HEAD
    + """
listen signed
    bind 127.0.0.1:{port:signed} tcp-md5sig s3cret
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[bc_dst]"
    server s 127.0.0.1:9001 tcp-md5sig other cc reno check inter 100ms
listen controlled
    bind 127.0.0.1:{port:controlled} cc reno
    http-after-response set-header x-dst "%[dst]:%[dst_port] %[bc_dst]"
    server s 127.0.0.1:9000
"""
)


@dataclass
class Lab:
    """Two networks, with a server in each of them; programs run in the first."""

    here: Network
    there: Network
    served: Mirror  # the server there
    folder: Path

    def started(self, stack: ExitStack, kind: Kind, text: str) -> Program:
        with self.here.inside():
            return stack.enter_context(Program(kind, text, self.folder / kind.name, {"there": self.there.name}))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    with ExitStack() as stack:
        here, there = (stack.enter_context(Network()) for _ in range(2))
        mirrors: list[Mirror] = []
        for network in (here, there):
            with network.inside():
                mirrors.append(Mirror("127.0.0.1", 9000))
                stack.callback(mirrors[-1].close)
        yield Lab(here, there, mirrors[1], tmp_path_factory.mktemp("sockets"))


def ask(network: Network, address: tuple[str, int] | bytes, password: bytes = b"") -> str:
    """A request there: the field that tells where it went."""
    with network.inside():
        sock = socket.socket(socket.AF_INET if isinstance(address, tuple) else socket.AF_UNIX)
    with sock:
        if password:
            sign_for(sock, socket.AF_INET, socket.inet_aton("127.0.0.1"), password)
        sock.settimeout(15)
        sock.connect(address)
        sock.sendall(b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
        data = b""
        while received := sock.recv(65536):
            data += received
    assert data.startswith(b"HTTP/1.1 200"), data
    (line,) = [one for one in data.decode().split("\r\n") if one.startswith("x-dst: ")]
    return line.removeprefix("x-dst: ")


def is_up(program: Program, backend: str) -> None:
    """Its server's checks pass."""
    limit = time.monotonic() + 15
    while True:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(program.folder / "stats"))
            sock.sendall(b"show stat\n")
            told = b""
            while received := sock.recv(65536):
                told += received
        (line,) = [one for one in told.decode().splitlines() if one.startswith(f"{backend},s,")]
        if ",L4OK," in line:
            return
        assert time.monotonic() < limit, line
        time.sleep(0.05)


BOTH = [POINTSMAN_INSIDE, pytest.param(HAPROXY, marks=pytest.mark.peer)]


@pytest.mark.parametrize("kind", BOTH, ids=["pointsman", "haproxy"])
def test_namespaces(lab: Lab, kind: Kind) -> None:
    """What listens there is not here, and what is connected to there is not here either."""
    with ExitStack() as stack:
        program = lab.started(stack, kind, NAMESPACES)
        assert ask(lab.there, ("127.0.0.1", 8000)) == "127.0.0.1:8000 127.0.0.1"
        if kind is not HAPROXY or peer_version() >= (3, 2):
            assert ask(lab.there, b"\0pointsman".ljust(108, b"\0")).endswith(" 127.0.0.1")
        with pytest.raises(ConnectionRefusedError):
            ask(lab.here, ("127.0.0.1", 8000))
        is_up(program, "outwards")
        before = len(lab.served.seen)
        assert ask(lab.here, ("127.0.0.1", program.ports["outwards"])).endswith(" 127.0.0.1")
        assert len(lab.served.seen) > before


@pytest.mark.parametrize("kind", BOTH, ids=["pointsman", "haproxy"])
def test_a_namespace_that_is_not_there(kind: Kind, tmp_path: Path) -> None:
    for line in ("bind 127.0.0.1:1 namespace nosuch-1", "server s 127.0.0.1:1 namespace nosuch-1"):
        path = tmp_path / "test.cfg"
        path.write_text(f"listen x\n bind 127.0.0.1:2\n timeout client 1s\n {line}\n", encoding="ascii")
        done = subprocess.run([*kind.command, "-c", "-f", str(path)], capture_output=True, check=False, text=True)
        assert done.returncode == 1 and "Cannot open namespace 'nosuch-1'." in done.stderr


@pytest.mark.parametrize("kind", BOTH, ids=["pointsman", "haproxy"])
def test_mptcp(lab: Lab, kind: Kind) -> None:
    """Both ends know it; a client that does not is served by TCP."""
    if kind is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    with ExitStack() as stack:
        program = lab.started(stack, kind, MPTCP)
        is_up(program, "before")
        limit = time.monotonic() + 15
        while True:  # its connection to the server is idle, for some seconds
            assert ask(lab.here, ("127.0.0.1", program.ports["before"])).endswith(" 127.0.0.1")
            listed = subprocess.run(
                ["ss", "-N", lab.here.name, "-MtnaH"], capture_output=True, check=True, text=True
            ).stdout
            if re.search(rf"ESTAB .*:{program.ports['behind']}\b", listed) is not None:
                break
            assert time.monotonic() < limit, listed


def test_signed_segments(lab: Lab) -> None:
    """Who signs otherwise, or not at all, is not heard. Not all kernels can (tests/unit/listener/test_sockets.py)."""
    if not SIGNS:
        return
    with ExitStack() as stack:
        with lab.here.inside():
            listener = stack.enter_context(socket.socket())
            sign_for_all(listener, socket.AF_INET, b"other")
            listener.bind(("127.0.0.1", 9001))
            listener.listen()
        program = lab.started(stack, POINTSMAN_INSIDE, OTHERS)
        is_up(program, "signed")
        assert ask(lab.here, ("127.0.0.1", program.ports["controlled"])).endswith(" 127.0.0.1")
        address = ("127.0.0.1", program.ports["signed"])
        for password in (b"", b"wrong"):
            with lab.here.inside(), socket.socket() as sock:
                if password:
                    sign_for(sock, socket.AF_INET, socket.inet_aton("127.0.0.1"), password)
                sock.settimeout(0.3)
                with pytest.raises(TimeoutError):
                    sock.connect(address)
