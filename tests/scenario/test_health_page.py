"""docs/health-checks.md: the agent that it shows speaks with the configuration that it shows."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from support.crowd import until
from support.ports import free_port
from support.programs import POINTSMAN, ROOT, Program
from support.scenario import show_stat

PATIENCE = 15.0  # s


@pytest.mark.timeout(60)
def test_the_agent_of_the_page(tmp_path: Path) -> None:
    page = (ROOT / "docs" / "health-checks.md").read_text(encoding="utf-8")
    section = page.partition("## A server that says itself how it is")[2]
    script = re.findall(r"```python\n(.*?)```", section, re.DOTALL)[0]
    text = re.findall(r"```haproxy\n(.*?)```", section, re.DOTALL)[0]
    port = free_port()
    with socket.create_server(("127.0.0.1", 0), backlog=100) as server:
        here = f"127.0.0.1:{server.getsockname()[1]}"
        text = re.sub(r"192\.0\.2\.1\d:80", here, text).replace("192.0.2.200", "127.0.0.1").replace("9777", str(port))
        text = text.replace("bind :8080", "bind 127.0.0.1:{port:web}").replace("agent-inter 5s", "agent-inter 50ms")
        text = f"global\n    stats socket {{dir}}/stats level admin\n{text}"
        agent = subprocess.Popen([sys.executable, "-c", script.replace("9777", str(port))], stderr=subprocess.DEVNULL)
        try:
            with Program(POINTSMAN, text, tmp_path) as program:
                assert program.pid
                names = ("site/site1", "site/site2")

                def shown() -> list[tuple[str, str, bool]]:
                    rows = show_stat(tmp_path / "stats")
                    return [
                        (rows[name]["agent_status"], rows[name]["last_agt"], 1 <= int(rows[name]["weight"]) <= 100)
                        for name in names
                    ]

                until(lambda: shown() == [("L7OK", "via agent : up", True)] * 2, PATIENCE)
        finally:
            agent.kill()
            agent.wait()
