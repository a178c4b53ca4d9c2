"""Regular expressions: a match that takes too long is none, is counted and logged; and what is there without PCRE2."""

import os
import socket
import subprocess
import time
from pathlib import Path

import pytest
from support.ports import free_port
from support.programs import POINTSMAN, Program, environment
from support.receiver import LogReceiver
from support.scenario import query

from pointsman.core.regex import VERSION

TEXT = """
global
    nbthread {lanes}
    log {log} format raw local0
    stats socket {folder}/admin level admin
defaults
    mode http
    timeout client 30s
    timeout server 30s
    timeout connect 5s
frontend web
    bind 127.0.0.1:{port}
    acl stuck path_reg ^/(a+)+$
    http-request replace-path ^/b(b|bb)+$ /c
    http-request return status 200 content-type text/plain lf-string "%[path,length]" if stuck
    http-request return status 404
"""
built = pytest.mark.skipif(not VERSION, reason="the extension over PCRE2 is not built")


def ask(port: int, path: str) -> int:
    """On a connection of its own, so that all lanes have their turn."""
    with socket.create_connection(("127.0.0.1", port), 10) as client:
        client.settimeout(10)
        client.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())
        return int(client.recv(100)[9:12])


@built
@pytest.mark.parametrize("lanes", [1, 2])
def test_what_takes_too_long_is_given_up_counted_and_logged(tmp_path: Path, lanes: int) -> None:
    port = free_port()
    log = LogReceiver()
    text = TEXT.format(lanes=lanes, log=log.where, folder=tmp_path, port=port)
    with Program(POINTSMAN, text, tmp_path):
        began = time.monotonic()
        for _ in range(8):
            assert ask(port, "/" + "a" * 6000 + "!") == 404
        assert time.monotonic() - began < 10  # a single one would take longer than anybody waits
        assert ask(port, "/aaaa") == 200
        assert ask(port, "/b" + "b" * 3000 + "!") == 404
        limit = time.monotonic() + 5
        while "\nExhaustedRegexes: 9\n" not in query(tmp_path / "admin", "show info") and time.monotonic() < limit:
            time.sleep(0.1)
        assert "\nExhaustedRegexes: 9\n" in query(tmp_path / "admin", "show info")
    lines = [line for line in log.close() if "too many steps" in line]
    assert 1 <= len(lines) < 9
    said = sum(int(line.partition("steps: ")[2].partition(",")[0]) for line in lines)
    assert said == 9
    assert any("'^/(a+)+$'" in line for line in lines)


def prepared(folder: Path, text: str) -> dict[str, str]:
    """The environment of a program whose extension over PCRE2 was not built."""
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['pointsman.core._pcre'] = None\n")
    (folder / "web.cfg").write_text(text)
    variables = environment()
    variables["PYTHONPATH"] += f"{os.pathsep}{folder}"
    return variables


def run(folder: Path, variables: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*POINTSMAN.command, *words], cwd=folder, env=variables, check=True, capture_output=True, text=True
    )


def test_without_pcre2(tmp_path: Path) -> None:
    """Python's expressions serve; a notice, -vv and feature(PCRE2) say so."""
    port = free_port()
    variables = prepared(tmp_path, TEXT.format(lanes=1, log="127.0.0.1:9", folder=tmp_path, port=port))
    assert (
        "regular expressions are Python's: the extension for PCRE2 is not built"
        in run(tmp_path, variables, "-c", "-f", "web.cfg").stderr
    )
    told = run(tmp_path, variables, "-vv").stdout
    assert "\nRegular expressions : Python's re" in told
    assert " -PCRE2 -PCRE2_JIT " in told
    assert (
        subprocess.run(
            [*POINTSMAN.command, "-cc", "feature(PCRE2)"], cwd=tmp_path, env=variables, check=False
        ).returncode
        == 1
    )
    process = subprocess.Popen(
        [*POINTSMAN.command, "-db", "-f", "web.cfg"], cwd=tmp_path, env=variables, stderr=subprocess.DEVNULL
    )
    try:
        limit = time.monotonic() + 10
        while time.monotonic() < limit:
            try:
                assert ask(port, "/aaaa") == 200
                break
            except ConnectionRefusedError:
                time.sleep(0.05)
        assert ask(port, "/aaab") == 404
        assert ask(port, "/bbbb") == 404
    finally:
        process.terminate()
        process.wait(10)


def test_nothing_is_said_where_no_expression_is_used(tmp_path: Path) -> None:
    variables = prepared(
        tmp_path,
        "defaults\n    mode http\n    timeout client 1s\nfrontend web\n"
        "    bind 127.0.0.1:8080\n    http-request deny if { path /x }\n",
    )
    assert "PCRE2" not in run(tmp_path, variables, "-c", "-f", "web.cfg").stderr


@built
def test_with_pcre2(tmp_path: Path) -> None:
    told = run(tmp_path, environment(), "-vv").stdout
    assert f"\nRegular expressions : PCRE2 {VERSION}, with" in told
    assert " +PCRE2 " in told
    assert run(tmp_path, environment(), "-cc", "feature(PCRE2)").returncode == 0
