"""sslyze finds nothing here that it does not find in front of Debian's haproxy with the same configuration and the same
OpenSSL: protocols, suites, curves, renegotiation, compression, resumption, early data, and what has a name.

It is looked for in the folder POINTSMAN_CLIENTS (docs/clients.md), and among the programs of the system.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import authority
from support.programs import POINTSMAN, Kind, Program

from pointsman.core.tls import VERSION

DEBIAN = Kind("haproxy", ("haproxy",))  # whatever POINTSMAN_PEER says: a newer one brings its own OpenSSL
SCANNER = shutil.which("sslyze", path=os.pathsep.join((os.environ.get("POINTSMAN_CLIENTS", ""), os.environ["PATH"])))
pytestmark = [
    pytest.mark.skipif(not VERSION, reason="built without OpenSSL"),
    pytest.mark.skipif(SCANNER is None, reason="the program sslyze is not installed"),
    pytest.mark.skipif(DEBIAN.missing, reason="the program haproxy is not installed"),
]
HOST = "www.example.test"
CONFIG = """
global
    ssl-default-bind-ciphers ECDHE+AESGCM:AES256-SHA
defaults of-all
    mode http
    timeout client 5s
    http-request return status 200
frontend usual
    bind 127.0.0.1:{port:usual} ssl crt {ec} crt {rsa} alpn http/1.1
frontend modern
    bind 127.0.0.1:{port:modern} ssl crt {ec} ssl-min-ver TLSv1.3 no-tls-tickets
frontend old
    bind 127.0.0.1:{port:old} ssl crt {rsa} ssl-min-ver TLSv1.0 ciphers ALL:@SECLEVEL=0
frontend strict
    bind 127.0.0.1:{port:strict} ssl crt {ec} strict-sni curves P-256 ciphersuites TLS_AES_128_GCM_SHA256
    http-response set-header Strict-Transport-Security "max-age=31536000"
"""
NOT_COMPARED = ("certificate_info",)  # its verdict on our authority, and times
CHANCE = ("public_bytes", "x", "y", "openssl_name")  # ephemeral keys, and one of two names of a suite


def flat(value: object, name: str = "") -> Iterator[tuple[str, object]]:
    """All that a scan has found, by a path to it; suites and curves in an order of their own."""
    if isinstance(value, dict):
        for key, inner in value.items():
            if key not in CHANCE:
                yield from flat(inner, f"{name}/{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(sorted(value, key=lambda one: json.dumps(one, sort_keys=True))):
            yield from flat(inner, f"{name}/{number}")
    else:
        yield name, value


def scan(port: int, folder: Path) -> dict[str, object]:
    """What the scanner says of the server there."""
    report = folder / f"{port}.json"
    words = [str(SCANNER), "--sni", HOST, "--json_out", str(report), f"127.0.0.1:{port}"]
    subprocess.run(words, capture_output=True, check=False, timeout=120)
    (found,) = json.loads(report.read_text())["server_scan_results"]
    assert found["scan_status"] == "COMPLETED"
    return {
        name: value
        for part, result in found["scan_result"].items()
        if part not in NOT_COMPARED
        for name, value in flat(result, part)
    }


@pytest.mark.timeout(180)
def test_nothing_is_found_that_haproxy_has_not(tmp_path: Path) -> None:
    values = {kind: str(authority().path(HOST, kind)) for kind in ("ec", "rsa")}
    names = ("usual", "modern", "old", "strict")
    found = {}
    for kind in (DEBIAN, POINTSMAN):
        folder = tmp_path / f"of {kind.name}"
        with Program(kind, CONFIG, folder, values) as program:
            found[kind.name] = {name: scan(program.ports[name], folder) for name in names}
    for name in names:
        theirs, ours = found["haproxy"][name], found["pointsman"][name]
        assert ours == theirs, name
        # The scan was one: what any server has is there, and what none should have is not.
        assert ours["heartbleed/result/is_vulnerable_to_heartbleed"] is False
        assert ours["session_renegotiation/result/is_vulnerable_to_client_renegotiation_dos"] is False
        assert ours["tls_1_3_cipher_suites/result/tls_version_used"] == "TLS_1_3"
        assert any(name.startswith("tls_1_3_cipher_suites/result/accepted_cipher_suites/0/") for name in ours)
    accepted = "tls_1_0_cipher_suites/result/accepted_cipher_suites/0/"
    assert [any(one.startswith(accepted) for one in found["pointsman"][name]) for name in names] == [0, 0, 1, 0]
