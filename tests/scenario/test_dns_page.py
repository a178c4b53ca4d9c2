"""docs/dns.md: each of its configurations does what the page says, with a real name server."""

from __future__ import annotations

import re
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.dns_stand import DNSMASQ, HttpServers, NameServer
from support.dumps import ask
from support.programs import POINTSMAN, ROOT, Program

pytestmark = pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed")

PAGE = (ROOT / "docs" / "dns.md").read_text(encoding="utf-8")
BLOCKS = {  # by the heading above
    part.partition("\n")[0]: found[1]
    for part in re.split(r"(?m)^## ", PAGE)[1:]
    if (found := re.search(r"(?ms)^```haproxy\n(.*?)^```$", part))
}
ADDRESSES = [f"127.7.0.{n}" for n in (1, 2, 3)]


class Shown:
    def __init__(self, program: Program, dns: NameServer, servers: HttpServers) -> None:
        self.program = program
        self.dns = dns
        self.servers = servers

    def rows(self) -> list[list[str]]:
        return [line.split() for line in self.ask("show servers state app").splitlines()[2:] if line]

    def ask(self, command: str) -> str:
        return ask(self.program.folder / "s", command)

    def wait(self, test: Callable[[], object]) -> None:
        limit = time.monotonic() + 15
        while not test():
            assert time.monotonic() < limit, (self.rows(), self.program.stdout())
            time.sleep(0.02)

    def answered_by(self, host: str = "x") -> str:
        """The address of the server, or the status."""
        with socket.create_connection(("127.0.0.1", self.program.ports["web"]), 15) as client:
            client.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
            answer = b""
            while piece := client.recv(4096):
                answer += piece
        return answer.rpartition(b"\r\n")[2].decode() if answer.startswith(b"HTTP/1.1 200") else answer[9:12].decode()


@contextmanager
def shown(heading: str, folder: Path, block: str = "") -> Iterator[Shown]:
    """A configuration of the page, with names and addresses of ours."""
    with NameServer(folder / "dns") as dns, HttpServers(*ADDRESSES) as servers:
        text = (block or BLOCKS[heading]).replace("example.com", "example.test")
        text = re.sub(r"10\.0\.0\.\d:53", f"127.0.0.1:{dns.port}\n    timeout resolve 100ms", text, count=1)
        text = re.sub(r"10\.0\.0\.\d:53", f"127.0.0.1:{dns.port}", text)
        text = re.sub(r"(example\.test):80", rf"\1:{servers.port}", text)
        text = text.replace("0.0.0.0:0", f"0.0.0.0:{servers.port}")
        text = re.sub(r"10\.(\d)\.0\.0/16", r"127.7.0.\1/32", text)
        text = text.replace("bind :8080", "bind 127.0.0.1:{port:web}").replace("hold obsolete 10s", "hold obsolete 0s")
        head = "global\n    stats socket {dir}/s level admin\n    log stdout format short local0\n"
        text = head + text.replace("    mode http\n", "    mode http\n    log global\n")
        with Program(POINTSMAN, text, folder / "program") as program:
            yield Shown(program, dns, servers)


def test_a_server_that_follows_its_name(tmp_path: Path) -> None:
    with shown("A server that follows its name", tmp_path) as page:
        assert page.answered_by() == "503"
        page.dns.hosts({"app.example.test": ADDRESSES[:1]})
        page.wait(lambda: page.answered_by() == ADDRESSES[0])
        page.dns.hosts({"app.example.test": [ADDRESSES[1], ADDRESSES[0]]})
        page.dns.hosts({"app.example.test": ADDRESSES[1:2]})
        page.wait(lambda: page.answered_by() == ADDRESSES[1])
        said = [f"app/app1: IP changed from '{ADDRESSES[0]}' to '{ADDRESSES[1]}' by 'mydns/{one}'." for one in NAMES]
        assert any(line in page.program.stdout() for line in said)


NAMES = ("first", "second")


def test_all_addresses_of_a_name(tmp_path: Path) -> None:
    with shown("All addresses of a name", tmp_path) as page:
        page.dns.hosts({"app.example.test": ADDRESSES})
        page.wait(lambda: {page.answered_by() for _ in range(9)} == set(ADDRESSES))
        waiting = [row for row in page.rows() if row[6] == "32"]
        assert len(waiting) == 7
        assert "MAINT (resolution)" in page.ask("show stat")


def test_services(tmp_path: Path) -> None:
    with shown("Services", tmp_path) as page:
        name, port = "_http._tcp.example.test", page.servers.port
        page.dns.hosts({"h1.example.test": ADDRESSES[:1], "h2.example.test": ADDRESSES[1:2]})
        page.dns.services({name: [("h1.example.test", port, 65535, 0), ("h2.example.test", port, 1, 7)]})
        page.wait(lambda: {page.answered_by() for _ in range(300)} == set(ADDRESSES[:2]))
        rows = {row[17]: (row[7], row[18], row[19]) for row in page.rows() if row[17] != "-"}
        assert rows == {"h1.example.test": ("256", str(port), name), "h2.example.test": ("1", str(port), name)}
        page.dns.services({name: [("h2.example.test", port, 1, 7)]})
        page.wait(lambda: "(entry removed from SRV record)" in page.program.stdout())
        page.wait(lambda: page.answered_by() == ADDRESSES[1])


def test_which_address(tmp_path: Path) -> None:
    with shown("Which address", tmp_path) as page:
        page.dns.hosts({"app.example.test": [ADDRESSES[2], ADDRESSES[1], "::1"]})
        page.wait(lambda: page.answered_by() == ADDRESSES[1])  # of the second network
        page.dns.hosts({"app.example.test": [ADDRESSES[0], ADDRESSES[2]]})
        page.wait(lambda: page.answered_by() == ADDRESSES[0])  # of the first


def test_when_name_servers_fail(tmp_path: Path) -> None:
    rest = BLOCKS["A server that follows its name"].partition("\n\n")[2]
    with shown("", tmp_path, BLOCKS["When name servers fail"].replace("retry 1s", "retry 100ms") + "\n" + rest) as page:
        page.dns.hosts({"app.example.test": ADDRESSES[:1]})
        page.wait(lambda: page.answered_by() == ADDRESSES[0])
        page.dns.stop()
        time.sleep(1)  # several attempts fail
        assert page.answered_by() == ADDRESSES[0]


def test_at_run_time(tmp_path: Path) -> None:
    with shown("A server that follows its name", tmp_path) as page:
        page.dns.hosts({"app.example.test": ADDRESSES[:1], "new.example.test": ADDRESSES[1:2]})
        page.wait(lambda: page.answered_by() == ADDRESSES[0])
        command, answer = re.findall(r'"(set server app/app1 fqdn .*?)".*\n(.*)', PAGE)[0]
        ours = answer.replace("example.com", "example.test")
        assert page.ask(command.replace("example.com", "example.test")) == ours + "\n\n"
        page.wait(lambda: page.answered_by() == ADDRESSES[1])
        assert page.rows()[0][17] == "new.example.test"


def test_addresses_of_what_requests_name(tmp_path: Path) -> None:
    quick = "hold valid 10s\n    timeout retry 200ms"
    block = BLOCKS["Addresses of what requests name"].replace("hold valid 10s", quick)
    for folder, text, expected in (
        ("guarded", block, "403"),
        ("open", re.sub(r"    http-request deny .*\n", "", block), ADDRESSES[0]),
    ):
        with shown("", tmp_path / folder, text) as page:
            page.dns.hosts({"app.example.test": ADDRESSES[:1]})
            page.wait(lambda page=page, expected=expected: page.answered_by("app.example.test:80") == expected)
            assert page.answered_by("127.7.0.2") == "503"  # no name
