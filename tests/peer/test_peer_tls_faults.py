"""What both programs say of handshakes that fail: fc_err, ssl_fc_err, bc_err and ssl_bc_err (manual 7.3.3, 7.3.4)."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.certificates import Authority, authority
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL"),
    pytest.mark.skipif(peer_version() < (3, 0), reason="the peer is older"),
]

HOST = "www.example.test"
SAYS = (
    "%ts fc=%[fc_err]/%[fc_err_str] ssl=%[ssl_fc_err,hex]/%[ssl_fc_err_str] c=%[ssl_c_err]/%[ssl_c_ca_err] "
    "bc=%[bc_err]/%[bc_err_str] ssl=%[ssl_bc_err,hex]/%[ssl_bc_err_str]"
)
TEXT = f"""
global
    log {{log}} format raw local0
defaults
    mode http
    log global
    log-format "{SAYS}"
    timeout connect 400ms
    timeout client 1s
    timeout server 1s
    retries 0
frontend web
    error-log-format "E {SAYS}"
    bind 127.0.0.1:{{port:tls}} ssl crt {{pem}}
    bind 127.0.0.1:{{port:shown}} ssl crt {{pem}} ca-file {{ca}} verify required
    bind 127.0.0.1:{{port:strict}} ssl crt {{pem}} strict-sni
frontend behind
    bind 127.0.0.1:{{port:plain}}
    use_backend %[path,regsub(/,,g)]
backend good
    server s {{tls}} ssl verify none
backend foreign
    server s {{tls}} ssl verify required ca-file {{other}}
backend name
    server s {{tls}} ssl verify required ca-file {{ca}} verifyhost nobody.example
backend ends
    server s {{ends}} ssl verify none
backend silent
    server s {{silent}} ssl verify none
backend clear
    server s {{ends}}
"""
GET = b"GET / HTTP/1.0\r\n\r\n"


def secured(sock: socket.socket) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path(HOST))
    made = context.wrap_socket(sock, server_side=True, do_handshake_on_connect=False)
    with contextlib.suppress(OSError), made:
        made.do_handshake()
        made.recv(1000)
        made.sendall(b"HTTP/1.0 204 No Content\r\n\r\n")


def ending(sock: socket.socket) -> None:
    sock.recv(10_000)
    sock.close()


def silent(sock: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while sock.recv(10_000):
            pass
    sock.close()


@contextlib.contextmanager
def serving(serve: Callable[[socket.socket], None]) -> Iterator[str]:
    """An address where each connection is served so."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        yield f"127.0.0.1:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)


def client(shown: Path | None = None, old: bool = False, ciphers: str = "") -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if shown is not None:
        made.load_cert_chain(shown)
    if ciphers:
        made.maximum_version = ssl.TLSVersion.TLSv1_2
        made.set_ciphers(ciphers)
    if old:
        made.set_ciphers("ALL:@SECLEVEL=0")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            made.minimum_version = made.maximum_version = ssl.TLSVersion.TLSv1_1
    return made


class Asking:
    """Connections to a program, each of which leaves a line in its log."""

    def __init__(self, program: Program, receiver: LogReceiver) -> None:
        self.program = program
        self.receiver = receiver
        self.said: dict[str, str] = {}

    def _line(self, name: str) -> None:
        """Of a connection: what is said of servers themselves is each program's own."""
        count = len(self.said)
        limit = time.monotonic() + 6
        while time.monotonic() < limit:
            lines = self.receiver.wait(count + 1, 0.2)
            found = [line for line in lines if " fc=" in line]
            if len(found) > len(self.said):
                self.said[name] = found[-1]
                return
            count = max(count, len(lines))
        raise AssertionError(f"{name} is not in the log")

    def raw(self, name: str, port: str, sent: bytes = b"", pause: float = 0.1, reset: bool = False) -> None:
        """Bytes, and then an end."""
        with socket.create_connection(("127.0.0.1", self.program.ports[port]), timeout=5) as sock:
            sock.sendall(sent)
            time.sleep(pause)
            if reset:
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._line(name)

    def ask(
        self, name: str, port: str, context: ssl.SSLContext | None = None, path: str = "", host: str = HOST
    ) -> None:
        """A request, as far as that goes."""
        place = ("127.0.0.1", self.program.ports[port])
        with contextlib.suppress(OSError), socket.create_connection(place, timeout=5) as sock:
            if context is not None:
                sock = context.wrap_socket(sock, server_hostname=host, do_handshake_on_connect=False)
            with sock:
                if isinstance(sock, ssl.SSLSocket):
                    sock.do_handshake()
                sock.sendall(GET.replace(b"/", b"/" + path.encode(), 1))
                sock.recv(1000)
        self._line(name)


def play(asking: Asking) -> None:
    asking.raw("no TLS", "tls", GET)
    asking.raw("nothing", "tls")
    asking.raw("the beginning of a hello", "tls", b"\x16\x03\x01\x00")
    asking.raw("a reset", "tls", reset=True)
    asking.raw("a stall", "tls", pause=1.5)
    asking.ask("an old version", "tls", client(old=True))
    asking.ask("no common cipher", "tls", client(ciphers="AES128-SHA"))
    asking.ask("no certificate", "shown", client())
    asking.ask("a foreign certificate", "shown", client(Authority("another").path("foreign.example")))
    asking.ask("an expired certificate", "shown", client(authority().path("late.example", expired=True)))
    asking.ask("an unknown name", "strict", client(), host="nobody.example")
    for name in ("good", "foreign", "name", "ends", "silent", "clear"):
        asking.ask(f"to {name}", "plain", path=name)


def told(kind: Kind, folder: Path) -> dict[str, str]:
    folder.mkdir()
    receiver = LogReceiver()
    try:
        with serving(secured) as tls, serving(ending) as ends, serving(silent) as stuck:
            values = {
                "log": receiver.where,
                "pem": str(authority().path(HOST)),
                "tls": tls,
                "ends": ends,
                "silent": stuck,
            }
            for name, one in (("ca", authority()), ("other", Authority("another"))):
                (folder / name).write_bytes(one.ca)
                values[name] = str(folder / name)
            with Program(kind, TEXT, folder, values) as program:
                asking = Asking(program, receiver)
                play(asking)
                return asking.said
    finally:
        receiver.close()


def test_both_programs_tell_the_same(tmp_path: Path) -> None:
    theirs, ours = told(HAPROXY, tmp_path / "theirs"), told(POINTSMAN, tmp_path / "ours")
    assert ours == theirs
    assert "bc=34/SSL handshake failure" in ours["to foreign"] and "bc=0/Success" in ours["to good"]
    assert "fc=34/SSL handshake failure" in ours["no common cipher"]
