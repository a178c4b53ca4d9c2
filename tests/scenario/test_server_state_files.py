"""docs/runtime-servers.md, "What a restart keeps": over a reload, with two lanes, and when every process was killed."""

from __future__ import annotations

import os
import re
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.crowd import children, until
from support.dns_stand import HttpServers
from support.dumps import ask
from support.programs import ROOT
from support.server_states import rows_of
from support.service import Service

PATIENCE = 15.0
PAGE = (ROOT / "docs" / "runtime-servers.md").read_text(encoding="utf-8").partition("## What a restart keeps\n")[2]
BLOCK = re.search(r"(?ms)^```haproxy\n(.*?)^```$", PAGE)
ADDRESSES = [f"127.8.0.{number}" for number in (1, 2, 3)]
CONNECTIONS = 16  # enough that each lane has some


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    made = Service(tmp_path)
    yield made
    if made.process is not None:
        if made.process.poll() is None:
            made.process.terminate()
        made.process.wait(15)
    assert "Traceback" not in made.stderr()


class Site:
    def __init__(self, service: Service, port: int) -> None:
        assert BLOCK is not None
        self.service = service
        text = re.sub(r"127\.0\.0\.1:900(\d)", rf"127.8.0.\1:{port}", BLOCK[1])
        text = text.replace("/run/haproxy/admin.sock", "{dir}/stats").replace("/var/lib/haproxy/", "{dir}/")
        service.head = text.replace("bind :8080", "bind 127.0.0.1:{port}").replace(
            "global\n", "global\n nbthread 2\n", 1
        )
        service.body = "# {text}\n"

    def say(self, command: str) -> str:
        return ask(self.service.folder / "stats", command)

    def states(self) -> dict[str, tuple[str, str, str]]:
        columns = ("srv_op_state", "srv_admin_state", "srv_uweight")
        rows = rows_of(self.say("show servers state"))
        return {name: (row[columns[0]], row[columns[1]], row[columns[2]]) for name, row in rows.items()}

    def save(self) -> None:
        """As the page says."""
        new = self.service.folder / "server-state.new"
        new.write_text(self.say("show servers state").rstrip("\n") + "\n")
        new.rename(self.service.folder / "server-state")

    def answers(self) -> set[str]:
        """Of all lanes."""
        return {self._answer() for _ in range(CONNECTIONS)}

    def _answer(self) -> str:
        with socket.create_connection(("127.0.0.1", self.service.port), PATIENCE) as client:
            client.settimeout(PATIENCE)
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            answer = b""
            while piece := client.recv(4096):
                answer += piece
        return answer.rpartition(b"\r\n")[2].decode()

    def reload(self, text: str) -> None:
        """Until the generation before has ended."""
        before = set(children(self.service.pid))
        self.service.reload(text)
        until(lambda: len(children(self.service.pid)) == 1 and not before & set(children(self.service.pid)), PATIENCE)


@pytest.mark.timeout(120)
def test_what_a_restart_keeps(service: Service) -> None:
    kept = {"app/app1": ("0", "1", "10"), "app/app2": ("2", "8", "10"), "app/app3": ("2", "0", "3")}
    with HttpServers(*ADDRESSES) as servers:
        site = Site(service, servers.port)
        service.begin("first")
        assert "Can't open global server state file" in service.stderr()  # a notice
        until(lambda: site.answers() == set(ADDRESSES), PATIENCE)
        site.say("set server app/app1 state maint; set server app/app2 state drain; set weight app/app3 3")
        assert site.states() == kept
        until(lambda: site.answers() == set(ADDRESSES[2:]), PATIENCE)
        site.save()
        site.reload("second")
        assert site.states() == kept
        assert site.answers() == set(ADDRESSES[2:])

        (keeper,) = children(service.pid)
        before = set(children(keeper))
        assert len(before) == 3  # two lanes and control
        for pid in before:
            os.kill(pid, signal.SIGKILL)
        until(lambda: len(children(keeper)) == 3 and not before & set(children(keeper)), PATIENCE)
        until(lambda: _shown(site) == kept, PATIENCE)
        assert site.answers() == set(ADDRESSES[2:])
        site.say("set server app/app1 state ready; set server app/app2 state ready")
        until(lambda: site.answers() == set(ADDRESSES), PATIENCE)

        (service.folder / "server-state").unlink()
        site.say("set server app/app1 state maint")
        site.reload("third")
        assert site.states()["app/app1"][1] == "0"


def _shown(site: Site) -> dict[str, tuple[str, str, str]]:
    """Nothing while control is being replaced."""
    try:
        return site.states()
    except (OSError, ValueError):
        return {}
