"""fc_rtt, bc_rtt and what else the kernel measures on connections (manual 7.3.3): both programs have a sample in the
same places. The values are the kernel's, so they are compared by being there; and tcp-ss with fc_saved_syn, which
HAProxy has since 3.5, by what stands in the packet."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from threading import Thread

import pytest
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver

CLIENT = "fc_rtt fc_rtt(ms) fc_rtt(us) fc_rttvar fc_rttvar(us) fc_unacked fc_sacked fc_lost fc_retrans fc_fackets"
FETCHES = (
    *CLIENT.split(),
    "fc_reordering",
    *(("bc_rtt", "bc_rtt(us)", "bc_rttvar(us)") if peer_version() >= (2, 9) else ()),
)
ALL = " ".join(f"{fetch}=%[{fetch}]" for fetch in FETCHES)
TEXT = """
global
    log {log} len 65000 format raw local0
defaults
    log global
    timeout client 5s
    timeout connect 1s
    timeout server 5s
    log-format "ALL %ts"
frontend web
    mode http
    bind 127.0.0.1:{port:web}
    bind {dir}/web.sock
    http-request return status 200 if { path /own }
    http-response set-header x-all "ALL"
    default_backend app
backend app
    mode http
    server s {server}
listen raw
    mode tcp
    bind 127.0.0.1:{port:raw}
    server s {server}
listen gone
    mode tcp
    bind 127.0.0.1:{port:gone}
    retries 0
    server s 127.0.0.1:{port:nobody}
""".replace("ALL", ALL)


class Origin:
    """Answers each request of HTTP."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.where = f"127.0.0.1:{self.listener.getsockname()[1]}"
        Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            Thread(target=self._serve, args=(sock,), daemon=True).start()

    def _serve(self, sock: socket.socket) -> None:
        with sock, suppress(OSError):
            while sock.recv(65_536):
                sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")


@pytest.fixture
def origin() -> Iterator[Origin]:
    made = Origin()
    yield made
    made.listener.shutdown(socket.SHUT_RDWR)
    made.listener.close()


def asked(sock: socket.socket, path: str, last: bool) -> bytes:
    close = "Connection: close\r\n" * last
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n{close}\r\n".encode())
    data = b""
    while b"\r\n\r\n" not in data or b"Length: 2" in data and not data.endswith(b"ok"):
        more = sock.recv(65_536)
        if not more:
            break
        data += more
    return data


def shape(text: str) -> str:
    """Numbers are there, or not."""
    return re.sub(r"=-?[0-9]+", "=N", text)


def play(kind: Kind, folder: Path, origin: Origin) -> list[str]:
    log = LogReceiver()
    seen = []
    with Program(kind, TEXT, folder, {"log": log.where, "server": origin.where}) as program:
        for number, (place, paths) in enumerate(
            (("web", ("/", "/")), ("web", ("/own",)), ("raw", ("/",)), ("gone", ()))
        ):
            with socket.create_connection(("127.0.0.1", program.ports[place]), 5) as sock:
                for at, path in enumerate(paths):
                    answer = asked(sock, path, at + 1 == len(paths))
                    seen += [f"{place} {line}" for line in answer.decode().split("\r\n") if line.startswith("x-all")]
                if place == "gone":
                    assert sock.recv(1) == b""
            assert len(log.wait(number + 2, 10)) == number + 2  # the first connection has two requests
        with socket.socket(socket.AF_UNIX) as sock:
            sock.connect(str(program.folder / "web.sock"))
            asked(sock, "/", True)
        log.wait(6, 10)
    return [shape(line) for line in seen + log.close()]


@pytest.mark.peer
def test_both_programs_have_the_same_samples(origin: Origin, tmp_path: Path) -> None:
    theirs, mine = (play(kind, tmp_path / kind.name, origin) for kind in (HAPROXY, POINTSMAN))
    assert mine[:-2] + mine[-1:] == theirs[:-2] + theirs[-1:]
    assert "bc_rtt=- " in mine[-2] or "bc_rtt" not in ALL  # the server refused; HAProxy has what the kernel begins with
    assert len(mine) == 2 + 6
    assert mine[0].startswith("web x-all: fc_rtt=N fc_rtt(ms)=N fc_rtt(us)=N")
    assert "fc_rtt=- " in mine[-1]  # a client of a UNIX socket


SYNS = """
frontend web
    mode http
    timeout client 5s
    bind 127.0.0.1:{port:plain}
    bind 127.0.0.1:{port:one} tcp-ss 1
    bind 127.0.0.1:{port:two} tcp-ss 2
    tcp-request connection set-var(sess.syn) fc_saved_syn
    http-request return status 200 hdr x-syn "%[var(sess.syn),hex]" hdr x-again "%[fc_saved_syn,hex]"
"""


def test_the_saved_syn(tmp_path: Path) -> None:
    """Manual 5.1, tcp-ss: 0 by default; 1: IP and TCP headers; 2: Ethernet's before them, of zeros on the loopback."""
    with Program(POINTSMAN, SYNS, tmp_path) as program:
        for place, before in (("plain", None), ("one", b""), ("two", bytes(12) + b"\x08\0")):
            port = program.ports[place]
            with socket.create_connection(("127.0.0.1", port), 5) as sock:
                own = sock.getsockname()[1]
                answer = asked(sock, "/", True).decode()
            kept, again = (re.findall(rf"(?m)^{name}: ?(.*?)\r?$", answer) for name in ("x-syn", "x-again"))
            packet = bytes.fromhex("".join(kept))
            assert again == kept  # the kernel hands it out once, and the session keeps it
            if before is None:
                assert packet == b""
                continue
            assert packet.startswith(before)
            headers = packet[len(before) :]
            assert headers[0] == 0x45 and headers[12:20] == socket.inet_aton("127.0.0.1") * 2
            assert headers[20:24] == own.to_bytes(2, "big") + port.to_bytes(2, "big")
            assert headers[33] & 0x3F == 2  # SYN
