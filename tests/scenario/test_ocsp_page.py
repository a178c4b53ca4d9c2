"""docs/ocsp.md: its configuration keeps a response up to date, and its commands do what it says."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from support.certificates import authority
from support.crowd import children, until
from support.ports import free_port, listening_ports
from support.programs import POINTSMAN, ROOT, Program

from pointsman.core.tls import VERSION

pytestmark = [
    pytest.mark.skipif(not VERSION, reason="built without OpenSSL"),
    pytest.mark.skipif(shutil.which("socat") is None, reason="socat is needed"),
]
PAGE = (ROOT / "docs" / "ocsp.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"(?m)^    (printf .*)$", PAGE)


def run(program: Program, command: str) -> str:
    folder = str(program.folder)
    placed = command.replace("/run/haproxy", folder).replace("/etc/haproxy", folder)
    done = subprocess.run(
        placed, shell=True, cwd=program.folder, capture_output=True, text=True, timeout=20, check=True
    )
    assert done.stderr == ""
    return done.stdout.replace(folder, "/etc/haproxy").rstrip("\n")


def test_every_command_of_the_page(tmp_path: Path) -> None:
    port = free_port()
    path = authority().with_responder("ocsp-page.test", f"http://127.0.0.1:{port}")
    (tmp_path / "site.pem").write_bytes(path.read_bytes())
    (tmp_path / "response.der").write_bytes(authority().ocsp(path.with_suffix(".crt"), "-ndays", "9"))
    found = re.search(r"(?s)```haproxy\n(.*?)```", PAGE)
    assert found is not None
    text = found[1].replace("/run/haproxy", "{dir}").replace("/etc/haproxy", "{dir}")
    with authority().responder(port) as responder:
        try:
            until(lambda: port in listening_ports())
            with Program(POINTSMAN, text.replace("127.0.0.1:8443", "127.0.0.1:{port:web}"), tmp_path) as program:
                until(lambda: len(children(program.pid)) in (0, 3))
                listed, shown, updates, update, set_one = COMMANDS
                until(lambda: " | 1 | 0 | 1 | Update successful" in run(program, updates))
                assert "Certificate path : /etc/haproxy/site.pem\n" in run(program, listed)
                assert "Cert Status: good\n" in run(program, shown)
                assert run(program, update).startswith("OCSP Response Data:\n")
                assert " | 2 | 0 | 1 | Update successful" in run(program, updates)
                before = run(program, shown)
                assert run(program, set_one) == "OCSP Response updated!"
                assert run(program, shown) != before
        finally:
            responder.kill()
