"""Servers that are known by names begin where a server-state file says that they were, whether name servers answer or
not; and follow their names from there (manual 5.2, init-addr; 5.3)."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from support.crowd import children, until
from support.dns_stand import DNSMASQ, NameServer
from support.dumps import ask
from support.programs import POINTSMAN, Program
from support.server_states import rows_of

pytestmark = [pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed"), pytest.mark.timeout(120)]

PATIENCE = 15.0
TEXT = """
global
    nbthread 2
    stats socket {dir}/stats level admin
    server-state-file {file}
resolvers mydns
    nameserver one 127.0.0.1:{dns}
    timeout resolve 100ms
    timeout retry 100ms
    hold valid 100ms
    hold obsolete 0s
defaults
    mode http
    load-server-state-from-file global
    timeout connect 5s
    timeout client 5s
    timeout server 5s
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
backend app
    server name app.test:80 resolvers mydns init-addr last,none
    server renamed old.test:80 resolvers mydns init-addr last,none
    server-template of 2 _http._tcp.app.test resolvers mydns
"""
SERVICE = "_http._tcp.app.test"
COLUMNS = ("srv_addr", "srv_port", "srv_fqdn", "srv_uweight", "srv_op_state")
Places = dict[str, tuple[str, ...]]


def parsed(answer: str) -> Places:
    return {row["srv_name"]: tuple(row[name] for name in COLUMNS) for row in rows_of(answer).values()}


def comes_to(program: Program, right: Callable[[Places], bool]) -> str:
    """What `show servers state` says as soon as it is right."""
    limit = time.monotonic() + PATIENCE
    while True:
        answer = ask(program.folder / "stats", "show servers state")
        if right(parsed(answer)):
            return answer
        assert time.monotonic() < limit, answer
        time.sleep(0.02)


def is_at(found: Places, **addresses: str) -> bool:
    """Servers are there, and up."""
    return all((found[name][0], found[name][-1]) == (address, "2") for name, address in addresses.items())


def test_names_over_a_restart(tmp_path: Path) -> None:
    file = tmp_path / "states"
    with NameServer(tmp_path / "dns") as dns:
        values = {"file": str(file), "dns": str(dns.port)}
        dns.hosts({"app.test": ["127.9.0.1"], "new.test": ["127.9.0.2"], "h1.test": ["127.9.0.3"]})
        dns.services({SERVICE: [("h1.test", 8080, 40000, 0)]})
        with Program(POINTSMAN, TEXT, tmp_path / "first", values) as program:
            until(lambda: len(children(program.pid)) == 3, PATIENCE)
            comes_to(program, lambda found: is_at(found, name="127.9.0.1", of1="127.9.0.3"))
            ask(tmp_path / "first" / "stats", "set server app/renamed fqdn new.test")
            answer = comes_to(
                program, lambda found: is_at(found, name="127.9.0.1", renamed="127.9.0.2", of1="127.9.0.3")
            )
            file.write_text(answer.rstrip("\n") + "\n")
            before = parsed(answer)
        assert before["renamed"][2] == "new.test"
        assert before["of1"][1:3] == ("8080", "h1.test")
        assert before["of2"][0] == "-"

        dns.stop()
        with Program(POINTSMAN, TEXT, tmp_path / "second", values) as program:
            assert parsed(ask(program.folder / "stats", "show servers state")) == before
            dns.hosts({"app.test": ["127.9.0.4"], "new.test": ["127.9.0.5"], "h2.test": ["127.9.0.6"]})
            dns.services({SERVICE: [("h2.test", 8081, 40000, 0)]})
            dns.start()
            comes_to(program, lambda found: is_at(found, name="127.9.0.4", renamed="127.9.0.5"))
            comes_to(program, lambda found: {found["of1"][:3], found["of2"][:3]} >= {("127.9.0.6", "8081", "h2.test")})
            comes_to(program, lambda found: all(place[2] != "h1.test" for place in found.values()))
