"""docs/tls-sessions.md: its configurations are served, its commands run, and clients resume as the page says."""

from __future__ import annotations

import re
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import POINTSMAN, ROOT, Program, environment
from test_tls_page import HOST, client

from pointsman.core.tls import MISSING

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.skipif(shutil.which("socat") is None, reason="socat is needed"),
]
PAGE = (ROOT / "docs" / "tls-sessions.md").read_text(encoding="utf-8")
OWN, SHARED = re.findall(r"(?ms)^```haproxy tls\n(.*?)^```$", PAGE)
COMMANDS = re.findall(r"(?m)^    ((?:for |\(|printf ).*)$", re.sub(r"(?ms)^```.*?^```$", "", PAGE))


def put(text: str, folder: Path) -> str:
    return text.replace("/run/haproxy", str(folder)).replace("/etc/haproxy", str(folder))


def run(command: str, folder: Path) -> str:
    done = subprocess.run(put(command, folder), shell=True, capture_output=True, text=True, timeout=20, check=True)
    assert done.stderr == ""
    return done.stdout


def program(block: str, folder: Path) -> Program:
    """To be started; nothing is to be said about it."""
    folder.mkdir(exist_ok=True)
    (folder / "site.pem").write_bytes(authority().pem(HOST))
    path = folder / "checked.cfg"
    path.write_text(put(block, folder))
    words = [*POINTSMAN.command, "-c", "-dW", "-f", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr
    return Program(POINTSMAN, re.sub(r"bind :(\d+)", r"bind 127.0.0.1:{port:p\1}", put(block, folder)), folder)


def visit(port: int, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> tuple[bool, ssl.SSLSession]:
    """Whether the session was resumed, and the one to come again with."""
    with (
        socket.create_connection(("127.0.0.1", port), 10) as plain,
        context.wrap_socket(plain, server_hostname=HOST, session=session) as sock,
    ):
        sock.sendall(f"GET / HTTP/1.1\r\nhost: {HOST}\r\n\r\n".encode())
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 ")
        assert sock.session is not None
        return bool(sock.session_reused), sock.session


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("port", ["p443", "p8443"])
def test_sessions_are_resumed(tmp_path: Path, port: str, version: ssl.TLSVersion) -> None:
    """By tickets and by the cache, on whichever lane accepts."""
    context = client()
    context.maximum_version = version
    with program(OWN, tmp_path) as own:
        resumed, session = visit(own.ports[port], context)
        assert not resumed and session.has_ticket == (port == "p443" or version == ssl.TLSVersion.TLSv1_3)
        assert session.ticket_lifetime_hint == (1800 if session.has_ticket else 0)
        for _ in range(6):
            resumed, session = visit(own.ports[port], context, session)
            assert resumed


def test_two_balancers(tmp_path: Path) -> None:
    """What one has sealed the other opens, also while keys are renewed on one after the other."""
    make, append, change, show = COMMANDS
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        folder.mkdir()
    run(make, folders[0])
    keys = (folders[0] / "keys").read_text()
    assert len(keys.splitlines()) == 3
    (folders[1] / "keys").write_text(keys)
    context = client()
    with program(SHARED, folders[0]) as one, program(SHARED, folders[1]) as two:
        ports = [one.ports["p443"], two.ports["p443"]]
        _, session = visit(ports[0], context)
        resumed, session = visit(ports[1], context, session)
        assert resumed
        for _ in range(2):
            run(append, folders[0])
            (folders[1] / "keys").write_text((folders[0] / "keys").read_text())
            for folder in folders:
                assert run(change, folder).strip() == "TLS ticket key updated!"
                for port in ports:
                    resumed, session = visit(port, context, session)
                    assert resumed
        assert str(folders[0] / "keys") in run(show, folders[0])
        lines = (folders[0] / "keys").read_text().split()
        shown = run(show.replace("tls-keys", "tls-keys *"), folders[0])
        assert len(lines) == 5 and [line in shown for line in lines] == [False, False, True, True, True]


def test_all_of_it() -> None:
    """Each command of the page is one of those above."""
    indented = re.findall(r"(?m)^    (\S.*)$", re.sub(r"(?ms)^```.*?^```$", "", PAGE))
    assert indented == COMMANDS and len(COMMANDS) == 4
