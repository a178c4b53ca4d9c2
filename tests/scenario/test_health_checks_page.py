"""docs/health-checks.md: its configurations run, with two lanes."""

from __future__ import annotations

import re
import time
from pathlib import Path

from support.check_stand import Talker
from support.crowd import get, until
from support.programs import POINTSMAN, ROOT, Program
from support.scenario import show_stat
from support.scripted_servers import END, PATIENCE, CheckServers, Until

PAGE = (ROOT / "docs" / "health-checks.md").read_text(encoding="utf-8")
MORE = """
global
    nbthread 2
    max-spread-checks 200ms
    stats socket {dir}/stats level admin
"""
ASKED = Until(b"\r\n\r\n")


def block(heading: str) -> str:
    """The first configuration behind that heading."""
    found = re.search(r"(?ms)^```haproxy\n(.*?)^```$", PAGE.partition(f"## {heading}\n")[2])
    assert found is not None, heading
    return MORE + found[1].replace("bind :8080", "bind 127.0.0.1:{port:web}")


def test_variables_of_one_check_and_of_all_lanes(tmp_path: Path) -> None:
    """The second question has the first answer in it; what the process keeps is known to both lanes."""
    servers = CheckServers()
    try:
        answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nx-closed: 1\r\n\r\nab12"
        port = servers.add((ASKED, answer, END))
        text = block("What one answer says, in the next question").replace("127.0.0.1:9001", f"127.0.0.1:{port}")
        with Program(POINTSMAN, text, tmp_path) as program:
            limit = time.monotonic() + PATIENCE
            closed = 0
            while closed < 40 and time.monotonic() < limit:  # so many in a row: both lanes were among them
                closed = closed + 1 if get(program.ports["web"], "/") == 503 else 0
            assert closed == 40
            until(lambda: "L7OK" in show_stat(program.folder / "stats")["site/site1"]["check_status"], PATIENCE)
        asked = [bytes(one).partition(b"\r\n")[0] for one in servers.seen[port]]
        asked = [line for line in asked if line != b"GET / HTTP/1.1"]  # of traffic, before it was closed
        assert asked[:2] == [b"GET /token HTTP/1.1", b"GET /health?token=ab12 HTTP/1.1"]
    finally:
        servers.close()


def test_a_database(tmp_path: Path) -> None:
    """The second server does not know the user."""
    greeting = b"\x0a\0\0\0\x0a5.5.5-10\0"
    first = Talker(greeting, ..., b"\7\0\0\2\0\0\0\2\0\0\0")
    second = Talker(greeting, ..., b"\x20\0\0\2\xff\x15\x04#28000Access denied for user x")
    text = block("A database, a cache, a mail server, a directory").replace(":3306", ":{port:front}")
    for port, server in (("3401", first), ("3402", second)):
        text = text.replace(f"127.0.0.1:{port} check", f"127.0.0.1:{server.port} check inter 15s fall 1")
    with Program(POINTSMAN, text, tmp_path) as program:
        until(lambda: _checked(program, "mariadb/db1", "mariadb/db2"), PATIENCE)
        rows = show_stat(program.folder / "stats")
    assert [rows[f"mariadb/{name}"]["check_status"] for name in ("db1", "db2")] == ["L7OK", "L7STS"]
    assert rows["mariadb/db2"]["check_code"] == "1045"
    assert rows["mariadb/db2"]["last_chk"] == "#28000Access denied for user x"
    assert b"checker" in first.heard[0]
    for server in (first, second):
        server.close()


def test_a_program_of_ones_own(tmp_path: Path) -> None:
    script = tmp_path / "check-site"
    script.write_text('#!/bin/sh\necho "$HAPROXY_SERVER_NAME $*" >$0.told; exit 3\n')
    script.chmod(0o755)
    text = block("A program of your own").replace("/usr/local/bin/check-site", str(script)).replace("10s", "10s fall 1")
    with Program(POINTSMAN, text, tmp_path) as program:
        until(lambda: _checked(program, "site/site1"), PATIENCE)
        row = show_stat(program.folder / "stats")["site/site1"]
    assert (row["status"], row["check_status"], row["check_code"]) == ("DOWN", "PROCERR", "3")
    assert script.with_name("check-site.told").read_text() == "site1 NOT_USED NOT_USED 127.0.0.1 9001\n"


def test_different_checks_for_servers_of_one_backend(tmp_path: Path) -> None:
    web = [Talker(..., b"HTTP/1.1 %d X\r\ncontent-length: 0\r\n\r\n" % code) for code in (200, 500)]
    cache = Talker(..., b"+PONG\r\n")
    text = block("Different checks for servers of one backend")
    text = text.replace("default-server check", "default-server check inter 15s fall 1")
    for port, server in (("9001", web[0]), ("9002", web[1]), ("9003", cache)):
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{server.port}")
    names = ("mixed/app1", "mixed/app2", "mixed/cache1")
    with Program(POINTSMAN, text, tmp_path) as program:
        until(lambda: _checked(program, *names), PATIENCE)
        rows = show_stat(program.folder / "stats")
    assert [rows[name]["check_status"] for name in names] == ["L7OK", "L7STS", "L7OK"]
    assert [rows[name]["last_chk"] for name in names] == ["", "X", "Redis server is ok"]
    assert web[0].heard[0].startswith(b"GET /health HTTP/1.1\r\nhost: app1\r\n")
    for server in (*web, cache):
        server.close()


def _checked(program: Program, *names: str) -> bool:
    """Each of these servers has been checked."""
    rows = show_stat(program.folder / "stats")
    return all(rows[name]["check_status"].removeprefix("* ") not in ("", "INI") for name in names)
