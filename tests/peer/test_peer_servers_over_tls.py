"""Servers of TLS behind both programs, good and bad: status, letters, retries, names, connections (manual 5.2)."""

from __future__ import annotations

import re
import socket
import struct
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver
from support.tls_origin import HOST, TlsOrigin
from support.tls_stand import serving

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
]

CA = f"{authority().folder}/ca.pem"
FOREIGN = f"{authority('another one').folder}/ca.pem"
HEAD = """
global
    log {log} format raw local0
defaults
    mode http
    timeout connect 400ms
    timeout client 5s
    timeout server 5s
    retries 1
    http-reuse always
frontend web
    log global
    log-format "%ST %ts rc=%rc bc=%[bc_err] %b/%s"
    bind 127.0.0.1:{port:web}
"""


class Raw:
    """A server that speaks no TLS: `answer` to what comes, then the end; None: silence."""

    def __init__(self, answer: bytes | None, reset: bool = False) -> None:
        self.answer = answer
        self.reset = reset
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.count = 0
        self.held: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            self.count += 1
            if self.answer is None:
                self.held.append(sock)
                continue
            with sock:
                sock.recv(8_192)
                sock.sendall(self.answer)
                if self.reset:
                    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def close(self) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for sock in self.held:
            sock.close()


Server = TlsOrigin | Raw


@dataclass(frozen=True)
class Case:
    """`hosts`: of the requests, one after the other on one connection."""

    words: str
    server: Callable[[], Server] = lambda: TlsOrigin(serving(HOST))
    hosts: tuple[str, ...] = (HOST,)
    rules: str = ""


def origin(**words: bool) -> Callable[[], Server]:
    return lambda: TlsOrigin(serving(HOST, **words))


CASES = {
    "verified": Case(f"ssl verify required ca-file {CA}"),
    "verified by its name": Case(f"ssl verify required ca-file {CA} sni req.hdr(host)"),
    "another authority": Case(f"ssl verify required ca-file {FOREIGN}"),
    "expired": Case(f"ssl verify required ca-file {CA}", origin(expired=True)),
    "another name": Case(f"ssl verify required ca-file {CA} sni str(o.test)", rules="retries 3"),
    "another name than verifyhost": Case(f"ssl verify required ca-file {CA} verifyhost o.test"),
    "a name, and verifyhost": Case(f"ssl verify required ca-file {CA} verifyhost o.test sni str({HOST})"),
    "anything": Case("ssl verify none", origin(expired=True)),
    "silent": Case("ssl verify none", lambda: Raw(None)),
    "ends": Case("ssl verify none", lambda: Raw(b"")),
    "resets": Case("ssl verify none", lambda: Raw(b"", reset=True)),
    "plain": Case("ssl verify none", lambda: Raw(b"HTTP/1.1 400 Bad\r\n\r\n")),
    "an alert": Case("ssl verify none", lambda: Raw(b"\x15\x03\x03\0\2\2\x28")),
    "not tried again": Case("ssl verify none", lambda: Raw(b""), rules="retry-on none"),
    "names apart": Case("ssl verify none sni req.hdr(host)", hosts=("a.test", "b.test", "a.test", "a.test", "A.test")),
    "one name for all": Case("ssl verify none sni str(x.test)", hosts=("a.test", "b.test", "a.test")),
    "TLS 1.2": Case("ssl verify none force-tlsv12", hosts=("a.test", "b.test")),
    "a certificate of our own": Case(f"ssl verify none crt {authority().path('client.test')}"),
}


@dataclass
class Outcome:
    """Answers, log lines, and what the server saw: names in its hellos, connections."""

    statuses: list[bytes]
    slow: bool  # it was tried again after a pause, or a time was up
    names: list[str | None]
    connections: int
    log: list[str]


def configuration(kind: Kind, servers: dict[str, Server]) -> str:
    text = HEAD
    for number in range(len(CASES)):
        text += f"    use_backend b{number} if {{ path /{number} }}\n"
    for number, (name, case) in enumerate(CASES.items()):
        # HAProxy before 3.3 names nobody by itself.
        mute = " no-sni-auto" if kind is POINTSMAN else ""
        text += f"backend b{number}\n    {case.rules}\n    server s 127.0.0.1:{servers[name].port} {case.words}{mute}\n"
    return text


def play(kind: Kind, folder: Path) -> dict[str, Outcome]:
    outcomes: dict[str, Outcome] = {}
    receiver = LogReceiver()
    with ExitStack() as stack:
        servers: dict[str, Server] = {}
        for name, case in CASES.items():
            servers[name] = case.server()
            stack.callback(servers[name].close)
        with Program(kind, configuration(kind, servers), folder, {"log": receiver.where}) as program:
            for number, (name, case) in enumerate(CASES.items()):
                begun = time.monotonic()
                statuses = talk(program, number, case.hosts)
                outcomes[name] = Outcome(statuses, time.monotonic() - begun > 0.35, [], 0, [])
        for name, server in servers.items():
            outcome = outcomes[name]
            if isinstance(server, Raw):
                outcome.connections = server.count
            else:
                outcome.names = [one.name for one in server.seen]
                outcome.connections = len(server.seen) + len(server.failed)
    lines = receiver.close()
    for number, outcome in enumerate(outcomes.values()):
        outcome.log = [line for line in lines if line.endswith(f" b{number}/s")]
    return outcomes


def talk(program: Program, number: int, hosts: tuple[str, ...]) -> list[bytes]:
    found: list[bytes] = []
    with socket.create_connection(("127.0.0.1", program.ports["web"]), 10) as sock:
        for host in hosts:
            sock.sendall(f"GET /{number} HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
            data = b""
            while b"\r\n\r\n" not in data:
                piece = sock.recv(65_536)
                assert piece, data
                data += piece
            found.append(data[9:12])
            time.sleep(0.02)  # the connection to the server is back among the idle ones
    return found


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Outcome], dict[str, Outcome]]:
    return play(HAPROXY, tmp_path_factory.mktemp("h")), play(POINTSMAN, tmp_path_factory.mktemp("p"))


@pytest.mark.parametrize("name", CASES)
def test_the_same_as_haproxy(both: tuple[dict[str, Outcome], dict[str, Outcome]], name: str) -> None:
    theirs, ours = both[0][name], both[1][name]
    if peer_version() < (3, 0) or name == "resets":
        # What a failed connection is called has changed since; and a reset is called one thing or another by 3.2,
        # depending on when it comes.
        for outcome in (theirs, ours):
            outcome.log = [re.sub(" bc=[^ ]*", "", line) for line in outcome.log]
    assert ours == theirs
