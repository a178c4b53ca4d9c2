"""The same configuration, the same records at the same time: states, log lines and answers of haproxy's and of ours.

Families are asked for one after the other, so that a name has addresses of one family at a time. Of a template each
program may give an address to another one of its servers, as name servers turn records round: so their numbers are left
out, and what is said of them all is compared.
"""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.dns_stand import DNSMASQ, HttpServers, NameServer
from support.dumps import ask
from support.programs import HAPROXY, Program, peer_version
from support.side_by_side import both

pytestmark = [
    pytest.mark.skipif(HAPROXY.missing or DNSMASQ is None, reason="haproxy or dnsmasq is not installed"),
    pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older"),
]

PATIENCE: Final = 15.0  # s
_BY_SOCKET: Final = "by 'stats socket command'"
TEXT: Final = """
global
    stats socket {dir}/s level admin
    log stdout format short local0
defaults
    mode http
    log global
    timeout connect 1s
    timeout client 1s
    timeout server 1s
    default-server init-addr none
resolvers dns
    nameserver a 127.0.0.1:{dns}
    timeout resolve 100ms
    timeout retry 200ms
    resolve_retries 2
    hold nx 500ms
    hold other 500ms
    hold refused 500ms
    hold timeout {timeout}
    hold obsolete 0s
frontend web
    bind 127.0.0.1:{port:web}
"""


class Pair:
    """Theirs and ours."""

    def __init__(self, dns: NameServer, programs: tuple[Program, Program]) -> None:
        self.dns = dns
        self.programs = programs

    def states(self, program: Program) -> list[str]:
        """Backend, name, address, both states, weights, name, port, service: in order, without the numbers of names."""
        rows = [line.split() for line in ask(program.folder / "s", "show servers state").splitlines()[2:] if line]
        columns = (1, 3, 4, 5, 6, 7, 8, 17, 18, 19)
        return sorted(re.sub(r"^(\S+ [a-z])\d+ ", r"\1 ", " ".join(row[at] for at in columns)) for row in rows)

    def status(self, program: Program) -> list[str]:
        rows = [line.split(",") for line in ask(program.folder / "s", "show stat").splitlines()[1:] if line]
        return sorted(re.sub(r"^(\S+ [a-z])\d+ ", r"\1 ", f"{row[0]} {row[1]} {row[17]} {row[73]}") for row in rows)

    def log(self, program: Program) -> Counter[str]:
        """Lines, without the numbers of servers, and of those with numbers without who said where they are. What the
        system says of a connection has its own tests; how many servers are left depends on who went first; of `set
        server ... addr` only we write a line."""
        lines = [line for line in program.stdout().splitlines() if line.startswith("<") and _BY_SOCKET not in line]
        lines = [re.sub(r'info: ".*?"|duration: \d+ms|\d+ active', "", line) for line in lines]
        lines = [re.sub(r"(/[a-z]\d+: .*) by '(?:dns/a|DNS [a-z ]+)'", r"\1", line) for line in lines]
        return Counter(re.sub(r"(\b[a-z]+/[a-z])\d+", r"\1", line) for line in lines)

    def settle(self, *wanted: str) -> None:
        """Until all servers' states hold what is wanted, and both programs show the same."""
        limit = time.monotonic() + PATIENCE
        while True:
            theirs, ours = ((self.states(one), self.status(one), self.log(one)) for one in self.programs)
            there = all(any(word in row for row in theirs[0]) for word in wanted)
            if theirs == ours and there:
                return
            if time.monotonic() > limit:
                only_theirs = theirs[2] - ours[2], Counter(theirs[0]) - Counter(ours[0]), set(theirs[1]) - set(ours[1])
                only_ours = ours[2] - theirs[2], Counter(ours[0]) - Counter(theirs[0]), set(ours[1]) - set(theirs[1])
                differences = [f"{who} {row}" for who, rows in (("-", only_theirs), ("+", only_ours)) for row in rows]
                assert there and not differences, "\n".join([f"{wanted}", *differences, *theirs[0]])
            time.sleep(0.1)

    def command(self, text: str) -> str:
        theirs, ours = (ask(one.folder / "s", text) for one in self.programs)
        assert ours == theirs
        return ours


def pair(tmp_path: Path, lines: str, timeout: str = "1m", http: int = 80) -> Iterator[Pair]:
    with NameServer(tmp_path / "dns") as dns:
        values = {"dns": str(dns.port), "timeout": timeout, "http": str(http)}
        text = TEXT
        for name, value in values.items():
            text = text.replace("{" + name + "}", value)
            lines = lines.replace("{" + name + "}", value)
        with both(text + lines, tmp_path) as programs:
            yield Pair(dns, programs)


ADDRESSES: Final = """
backend t
    server-template t 4 app.test:80 resolvers dns
backend p
    server p one.test:80 resolvers dns
    server q 127.0.0.9:80
backend six
    server b six.test:80 resolvers dns backup
    server v four.test:80 resolvers dns resolve-prefer ipv4 disabled
"""


def test_addresses(tmp_path: Path) -> None:
    for one in pair(tmp_path, ADDRESSES):
        one.settle("t t - 0 32", "p p - 0 32", "six v - 0 37")
        many = [f"127.0.1.{n}" for n in (1, 2, 3)]
        one.dns.hosts({"app.test": many, "one.test": ["127.0.1.9"], "six.test": ["::1"], "four.test": ["127.0.1.8"]})
        one.settle("t t 127.0.1.3 2 0", "p p 127.0.1.9 2 0", "six b ::1 2 0", "six v 127.0.1.8 0 5")
        one.dns.hosts({"app.test": many[1:], "one.test": ["127.0.1.10"], "six.test": ["127.0.1.8"]})
        one.settle("p p 127.0.1.10", "six b 127.0.1.8")
        one.dns.hosts({"app.test": ["127.0.1.2", "127.0.1.5", "127.0.1.6", "127.0.1.3"]})
        one.settle("t t 127.0.1.6", "p p - 0 32", "six v - 0 37")
        one.dns.hosts({})
        one.settle("t t - 0 32", "p p - 0 32")
        one.dns.hosts({"app.test": many, "one.test": ["127.0.1.9"]})
        one.settle("t t 127.0.1.1 2 0", "p p 127.0.1.9 2 0")


SHARED: Final = """
backend d
    server-template d 4 app.test:80 resolvers dns resolve-opts allow-dup-ip
    server e app.test:81 resolvers dns
backend net
    server n app.test:80 resolvers dns resolve-net 127.0.3.0/24,127.0.2.0/24
"""


def test_addresses_that_are_shared_and_preferred(tmp_path: Path) -> None:
    """There are so few addresses that the order of answers decides nothing."""
    for one in pair(tmp_path, SHARED):
        one.dns.hosts({"app.test": ["127.0.2.1"]})
        one.settle("d d 127.0.2.1 2 0", "d e - 0 32", "net n 127.0.2.1 2 0")
        one.dns.hosts({"app.test": ["127.0.3.1", "127.0.2.1"]})
        one.settle("d e 127.0.3.1 2 0")
        one.dns.hosts({"app.test": ["127.0.3.1"]})
        one.settle("net n 127.0.3.1 2 0")


def test_a_name_server_that_is_silent(tmp_path: Path) -> None:
    for one in pair(tmp_path, ADDRESSES, timeout="2s"):
        some = {"app.test": ["127.0.1.1"], "one.test": ["127.0.1.9"], "six.test": ["::1"], "four.test": ["127.0.1.8"]}
        one.dns.hosts(some)
        one.settle("t t 127.0.1.1 2 0", "p p 127.0.1.9 2 0", "six b ::1 2 0", "six v 127.0.1.8 0 5")
        one.dns.pause()
        one.settle("t t - 0 32", "p p - 0 32")
        one.dns.go_on()
        one.settle("t t 127.0.1.1 2 0", "p p 127.0.1.9 2 0", "six b ::1 2 0")


NAMED: Final = """
backend n
    server a a.test:80 resolvers dns
    server b b.test:80 resolvers dns
    server l 127.0.0.9:80 resolvers dns
    server z z.test:80
    server s _http._tcp.app.test resolvers dns
"""


def test_commands(tmp_path: Path) -> None:
    for one in pair(tmp_path, NAMED):
        one.dns.hosts({"a.test": ["127.0.1.1"], "b.test": ["127.0.1.2"], "c.test": ["127.0.1.3"]})
        one.settle("n a 127.0.1.1 2 0", "n b 127.0.1.2 2 0", "n l 127.0.0.9 2 0", "n z - 0 32", "n s - 0 32")
        one.command("set server n/a addr 127.0.2.1 port 81")
        one.settle("n a 127.0.2.1 2 0")
        one.command("set server n/z addr 127.0.2.1")
        for words in ("n/l fqdn", "n/z fqdn c.test", "n/s fqdn c.test", "n/b fqdn b.test", "n/b fqdn bad..name"):
            one.command(f"set server {words}")
        one.command("set server n/b fqdn c.test")
        one.settle("n b 127.0.1.3 2 64")
        one.command("set server n/l fqdn b.test")
        one.settle("n l 127.0.1.2 2 64 1 1 b.test 80")
        one.command("set server n/l state drain")
        one.command("set server n/b state maint")
        one.settle("n l 127.0.1.2 2 72", "n b 127.0.1.3 0 65")
        one.dns.hosts({})
        one.settle("n l - 0 104", "n b - 0 97")
        one.command("set server n/b state ready")
        one.settle("n b - 0 96")
        one.command("set server n/b state maint")
        one.dns.hosts({"a.test": ["127.0.1.1"], "b.test": ["127.0.1.2"], "c.test": ["127.0.1.3"]})
        one.settle("n a 127.0.1.1 2 0", "n l 127.0.1.2 2 72", "n b 127.0.1.3 0 65")
        one.command("enable server n/b")
        one.settle("n b 127.0.1.3 2 64")


SERVICES: Final = """
backend s
    server-template s 4 _http._tcp.app.test resolvers dns weight 5
backend w
    server-template w 2 _http._tcp.app.test resolvers dns weight 5 resolve-opts ignore-weight
"""


def test_services(tmp_path: Path) -> None:
    """Their order is each program's own, so the second backend is compared when all records find a server."""
    name = "_http._tcp.app.test"
    for one in pair(tmp_path, SERVICES):
        one.dns.hosts({"h1.test": ["127.0.1.1"], "h2.test": ["127.0.1.2"], "h3.test": ["127.0.1.3"]})
        one.dns.services({name: [("h1.test", 8081, 10, 0), ("h2.test", 8082, 65535, 1)]})
        one.settle("s s 127.0.1.1 2 64 1 5 h1.test 8081", "s s 127.0.1.2 2 64 256 5 h2.test 8082", "s s - 0 32 5 5 -")
        one.dns.hosts({"h1.test": ["127.0.1.9"], "h2.test": ["127.0.1.2"], "h3.test": ["127.0.1.3"]})
        one.settle("s s 127.0.1.9 2 64 1 5 h1.test 8081")
        one.dns.hosts({"h1.test": ["127.0.1.9"], "h3.test": ["127.0.1.3"]})
        one.settle("s s - 0 96 256 5 h2.test 8082")
        one.dns.services({name: [("h1.test", 8081, 10, 0)]})
        one.settle("s s - 0 96 256 5 - 0 ", "w w - 0 96 5 5 - 0 ", "s s 127.0.1.9 2 64 1 5 h1.test 8081")


CHECKED: Final = """
backend c
    server c c.test:{http} resolvers dns check inter 100ms fall 1 rise 1
    server-template k 2 k.test:{http} resolvers dns check inter 100ms fall 1 rise 1 init-state fully-down
"""


def test_checks_follow_names(tmp_path: Path) -> None:
    with HttpServers("127.0.1.1", "127.0.1.2") as servers:
        for one in pair(tmp_path, CHECKED, http=servers.port):
            one.dns.hosts({"c.test": ["127.0.1.1"], "k.test": ["127.0.1.2"]})
            one.settle("c c 127.0.1.1 2 0", "c k 127.0.1.2 2 0")
            one.dns.hosts({"c.test": ["127.0.1.3"], "k.test": ["127.0.1.2"]})
            one.settle("c c 127.0.1.3 0 0")
            one.dns.hosts({"c.test": ["127.0.1.2"]})
            one.settle("c c 127.0.1.2 2 0", "c k - 0 32")
