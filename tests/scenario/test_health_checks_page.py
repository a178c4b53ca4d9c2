"""docs/health-checks.md: its configurations run, with two lanes."""

from __future__ import annotations

import re
import time
from pathlib import Path

from support.crowd import get, until
from support.programs import POINTSMAN, ROOT, Program
from support.scenario import show_stat
from support.scripted_servers import END, PATIENCE, CheckServers, Until

PAGE = (ROOT / "docs" / "health-checks.md").read_text(encoding="utf-8")
MORE = """
global
    nbthread 2
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
