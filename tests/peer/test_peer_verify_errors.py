"""Names of errors of verification: the converter x509_v_err_str in both programs (manual 7.3.1)."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version

pytestmark = [
    pytest.mark.peer,
    pytest.mark.skipif(HAPROXY.missing, reason="haproxy is not installed"),
    pytest.mark.skipif(peer_version() < (3, 0), reason="the peer is older"),
]

TEXT = """
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:front}
    http-request return status 200 content-type text/plain lf-string "%[req.hdr(x),x509_v_err_str]"
"""
NUMBERS = [*range(100), 10**12]


def names(kind: Kind, folder: Path) -> list[bytes]:
    folder.mkdir()
    found: list[bytes] = []
    with Program(kind, TEXT, folder) as program:
        for number in NUMBERS:
            with socket.create_connection(("127.0.0.1", program.ports["front"]), timeout=10) as sock:
                sock.sendall(b"GET / HTTP/1.0\r\nx: %d\r\n\r\n" % number)
                answer = b""
                while data := sock.recv(4096):
                    answer += data
            found.append(answer.partition(b"\r\n\r\n")[2])
    return found


def test_both_programs_have_the_same_names(tmp_path: Path) -> None:
    theirs, ours = names(HAPROXY, tmp_path / "theirs"), names(POINTSMAN, tmp_path / "ours")
    assert ours == theirs
    assert ours[0] == b"X509_V_OK" and ours[-1] == b"1000000000000"
