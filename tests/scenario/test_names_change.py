"""Servers whose names a real name server answers, with records that shrink, grow and vanish, under requests; two lanes,
and processes that are killed meanwhile."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.dns_stand import DNSMASQ, HttpServers, NameServer
from support.dumps import ask
from support.ports import Silent
from support.programs import POINTSMAN, Program

pytestmark = pytest.mark.skipif(DNSMASQ is None, reason="dnsmasq is not installed")

LONG = os.environ.get("POINTSMAN_LONG") == "1"
PATIENCE, PAUSE = (60.0, 0.3) if LONG else (15.0, 0.02)  # s; states of 1,000 servers take control's time
TEXT = """
global
    stats socket {dir}/s level admin
    log stdout format short local0
defaults
    mode http
    log global
    retries 10
    retry-on all-retryable-errors
    no option redispatch
    timeout connect 2s
    timeout client 10s
    timeout server 10s
resolvers dns
    nameserver a 127.0.0.1:{dns}
    timeout resolve {often}
    timeout retry 100ms
    resolve_retries 2
    hold nx 300ms
    hold other 300ms
    hold refused 300ms
    hold timeout {hold}
    hold obsolete 0s
frontend web
    bind 127.0.0.1:{port:web}
"""
WORDS = "resolvers dns init-addr none resolve-prefer ipv4 pool-purge-delay 1h"
APP = f"    default_backend app\nbackend app\n    server-template t 3 app.test:{{http}} {WORDS}\n"
SERVICE = f"    default_backend app\nbackend app\n    server-template t 3 _http._tcp.app.test {WORDS}\n"
ONE, TWO, THREE, FOUR = (f"127.8.0.{n}" for n in (1, 2, 3, 4))


def wait(test: Callable[[], object], what: str) -> None:
    limit = time.monotonic() + PATIENCE
    while not test():
        assert time.monotonic() < limit, what
        time.sleep(PAUSE)


class Scene:
    def __init__(self, dns: NameServer, servers: HttpServers, program: Program) -> None:
        self.dns = dns
        self.servers = servers
        self.program = program

    def states(self) -> dict[str, tuple[str, str]]:
        """Address and srv_admin_state of each server."""
        rows = [line.split() for line in self.shown().splitlines()[2:]]
        return {row[3]: (row[4], row[6]) for row in rows if row}

    def shown(self) -> str:
        """Once more where control is killed meanwhile."""
        for _ in range(5):
            with contextlib.suppress(OSError):
                answer = ask(self.program.folder / "s", "show servers state")
                if answer:
                    return answer
            time.sleep(0.2)
        return ""

    def missed(self) -> int:
        """How many queries have come to nothing."""
        lines = [line.split() for line in ask(self.program.folder / "s", "show resolvers dns").splitlines()]
        return sum(int(line[1]) for line in lines if line[:1] in (["timeout:"], ["snd_error:"]))

    def wait_for(self, *addresses: str) -> None:
        """These are the addresses of the servers that are in use."""
        wanted = sorted(addresses)
        wait(
            lambda: sorted(place for place, admin in self.states().values() if not int(admin) & 0x20) == wanted,
            f"{wanted}: {self.states()}",
        )

    def get(self) -> str:
        """The address of the server that has answered, or the status; "lost" with a lane that is killed."""
        data = b""
        try:
            with socket.create_connection(("127.0.0.1", self.program.ports["web"]), 15) as client:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
                while piece := client.recv(4096):
                    data += piece
        except ConnectionError:
            return "lost"
        if not data:
            return "lost"
        head, _, body = data.partition(b"\r\n\r\n")
        status = head.split(b" ")[1].decode()
        return body.decode() if status == "200" else status

    def answers(self, count: int = 12) -> set[str]:
        """Who answers."""
        return {self.get() for _ in range(count)}

    def log(self, words: str) -> list[str]:
        return [line for line in self.program.stdout().splitlines() if words in line]


@pytest.fixture
def scene(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Scene]:
    lines, hold = getattr(request, "param", (APP, "1m"))
    with (
        NameServer(tmp_path / "dns") as dns,
        HttpServers(ONE, TWO, THREE, FOUR) as servers,
        Program(
            POINTSMAN,
            TEXT + lines,
            tmp_path / "program",
            {"dns": str(dns.port), "http": str(servers.port), "often": "1s" if LONG else "100ms", "hold": hold},
        ) as program,
    ):
        yield Scene(dns, servers, program)


def children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def process_of(scene: Scene, what: str) -> int:
    """A process of the generation: a lane or control, by what it shows of itself."""
    for pid in children(scene.program.pid):
        if what in Path(f"/proc/{pid}/comm").read_text() or what in Path(f"/proc/{pid}/cmdline").read_text():
            return pid
    raise AssertionError(what)


def test_answers_grow_shrink_and_vanish(scene: Scene) -> None:
    assert scene.answers(1) == {"503"}
    scene.dns.hosts({"app.test": [ONE, TWO]})
    scene.wait_for(ONE, TWO)
    wait(lambda: scene.answers() == {ONE, TWO}, "both lanes go to both")
    assert scene.answers(24) == {ONE, TWO}
    scene.dns.hosts({"app.test": [TWO, THREE, FOUR]})
    scene.wait_for(TWO, THREE, FOUR)
    wait(lambda: scene.answers() == {TWO, THREE, FOUR}, "all three")
    scene.dns.hosts({"app.test": [FOUR]})
    scene.wait_for(FOUR)
    wait(lambda: scene.answers() == {FOUR}, "one is left")
    assert len(scene.log("(No IP for server )")) == 2
    scene.dns.hosts({})
    scene.wait_for()
    assert scene.answers() == {"503"}
    assert scene.log("(DNS NX status)") and scene.log("backend app has no server available!")
    scene.dns.hosts({"app.test": [ONE]})
    scene.wait_for(ONE)
    wait(lambda: scene.answers() == {ONE}, "it is back")


def test_idle_connections_to_an_address_that_is_left_are_closed(scene: Scene) -> None:
    scene.dns.hosts({"app.test": [ONE]})
    scene.wait_for(ONE)
    wait(lambda: scene.answers(4) == {ONE}, "it answers")
    assert scene.servers.open[ONE] >= 1
    scene.dns.hosts({"app.test": [TWO]})
    wait(lambda: scene.servers.open[ONE] == 0, "in all lanes")
    wait(lambda: scene.answers() == {TWO}, "the other one answers")


RARELY = """
    default_backend app
resolvers rarely
    nameserver a 127.0.0.1:{dns}
    timeout resolve 1h
backend app
    timeout check 200ms
    server s app.test:{http} resolvers rarely init-addr none check inter 200ms fall 1
"""


@pytest.mark.parametrize("scene", [(RARELY, "1m")], indirect=True)
def test_a_check_that_times_out_has_its_name_asked_for(scene: Scene) -> None:
    """Whatever `timeout resolve` says (manual 5.3.1)."""
    with contextlib.closing(Silent("127.8.0.9", scene.servers.port)):
        scene.dns.hosts({"app.test": ["127.8.0.9"]})
        for pid in children(scene.program.pid):  # control asks when it begins, and an hour later
            os.kill(pid, signal.SIGKILL)
        wait(lambda: scene.states().get("s", ("", ""))[0] == "127.8.0.9", "the address is known")
        scene.dns.hosts({"app.test": [ONE]})
        scene.wait_for(ONE)
        wait(lambda: scene.answers() == {ONE}, "it answers")


def test_nothing_changes_while_hold_lasts(scene: Scene) -> None:
    """However often a name server that is silent, or gone, is asked."""
    scene.dns.hosts({"app.test": [ONE, TWO]})
    scene.wait_for(ONE, TWO)
    wait(lambda: scene.answers() == {ONE, TWO}, "both")
    before = scene.states()
    lines = scene.log("app/")
    for away, back in ((scene.dns.pause, scene.dns.go_on), (scene.dns.stop, scene.dns.start)):
        away()
        missed = scene.missed()
        wait(lambda missed=missed: scene.missed() >= missed + 4, "attempts have failed")
        assert scene.states() == before
        assert scene.answers() <= {ONE, TWO}
        back()
    assert scene.log("app/") == lines


@pytest.mark.parametrize("scene", [(APP, "1s")], indirect=True)
def test_a_name_server_that_is_away(scene: Scene) -> None:
    """Its servers are gone when `hold` is over, and come back with it."""
    scene.dns.hosts({"app.test": [ONE, TWO]})
    scene.wait_for(ONE, TWO)
    for away, back in ((scene.dns.pause, scene.dns.go_on), (scene.dns.stop, scene.dns.start)):
        away()
        wait(lambda: "(DNS timeout status)" in scene.program.stdout(), "hold timeout is over")
        scene.wait_for()
        back()
        scene.wait_for(ONE, TWO)
        wait(lambda: scene.answers() == {ONE, TWO}, "both again")


def test_names_go_on_when_processes_are_killed(scene: Scene) -> None:
    scene.dns.hosts({"app.test": [ONE, TWO]})
    scene.wait_for(ONE, TWO)
    before = set(children(scene.program.pid))
    for pid in sorted(before):  # lanes and control, one after the other
        os.kill(pid, signal.SIGKILL)
        wait(lambda pid=pid: pid not in children(scene.program.pid), "it has ended")
        wait(lambda: len(children(scene.program.pid)) == len(before), "another one is there")
        wait(lambda: scene.answers() == {ONE, TWO}, "nobody has moved")
    moves = len(scene.log("IP changed"))
    scene.dns.hosts({"app.test": [TWO, THREE]})
    scene.wait_for(TWO, THREE)
    wait(lambda: scene.answers() == {TWO, THREE}, "changes go on")
    assert len(scene.log("IP changed")) - moves == 1


@pytest.mark.parametrize("scene", [(SERVICE, "1m")], indirect=True)
def test_a_service(scene: Scene) -> None:
    """Its hosts come and go, and have other addresses."""
    port = scene.servers.port
    name = "_http._tcp.app.test"
    scene.dns.hosts({"h1.test": [ONE], "h2.test": [TWO]})
    scene.dns.services({name: [("h1.test", port, 256, 0), ("h2.test", port, 512, 1)]})
    scene.wait_for(ONE, TWO)
    wait(lambda: scene.answers() == {ONE, TWO}, "both")
    rows = [line.split() for line in ask(scene.program.folder / "s", "show servers state app").splitlines()[2:] if line]
    weights = {row[17]: row[7] for row in rows}
    assert (weights["h1.test"], weights["h2.test"]) == ("1", "2")
    scene.dns.hosts({"h1.test": [THREE], "h2.test": [TWO]})
    scene.wait_for(THREE, TWO)
    wait(lambda: scene.answers() == {TWO, THREE}, "h1 has moved")
    scene.dns.services({name: [("h2.test", port, 512, 1)]})
    scene.wait_for(TWO)
    wait(lambda: scene.answers() == {TWO}, "one is left")
    assert scene.log("(entry removed from SRV record)")
    scene.dns.services({})
    scene.wait_for()
    assert scene.answers(3) == {"503"}


def test_another_name_by_the_socket(scene: Scene) -> None:
    scene.dns.hosts({"app.test": [ONE], "new.test": [FOUR]})
    scene.wait_for(ONE)
    holder = next(name for name, (place, _) in scene.states().items() if place == ONE)
    answer = ask(scene.program.folder / "s", f"set server app/{holder} fqdn new.test")
    assert answer == f"app/{holder} changed its FQDN from app.test to new.test by 'stats socket command'\n\n"
    scene.wait_for(ONE, FOUR)  # the address that it leaves is free for another server of its old name
    wait(lambda: scene.answers() == {ONE, FOUR}, "both")


class Load(threading.Thread):
    """Requests one after the other, on connections that are kept."""

    def __init__(self, scene: Scene, until: float, pause: float) -> None:
        super().__init__(daemon=True)
        self.scene = scene
        self.until = until
        self.pause = pause
        self.statuses: dict[bytes, int] = {}

    def run(self) -> None:
        with socket.create_connection(("127.0.0.1", self.scene.program.ports["web"]), 15) as client:
            while time.monotonic() < self.until:
                client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                data = client.recv(4096)
                status = data[9:12] if data else b"end"
                self.statuses[status] = self.statuses.get(status, 0) + 1
                if not data:
                    return
                time.sleep(self.pause)


NAMES, BACKENDS, SECONDS = (1000, 20, 60.0) if LONG else (30, 3, 4.0)
CLIENTS, EACH = (16, 0.016) if LONG else (4, 0.02)  # with LONG 1,000 requests a second
MANY = f"    use_backend b%[rand({BACKENDS})]\n" + "".join(
    f"backend b{back}\n"
    + "".join(f"    server n{n} n{n}.test:{{http}} {WORDS}\n" for n in range(back, NAMES, BACKENDS))
    for back in range(BACKENDS)
)


@pytest.mark.parametrize("scene", [(MANY, "1m")], indirect=True)
def test_no_request_fails_while_a_name_has_an_address(scene: Scene) -> None:
    """Names change again and again under load: each has one of two addresses, and the one that it leaves dies as soon
    as control knows the other, with the requests that it has. A lane that has not heard of that by then is refused, and
    tries again a second later.
    1,000 names that change every second under 1,000 requests a second with POINTSMAN_LONG=1."""
    places = [ONE, TWO]

    def names(place: str) -> dict[str, list[str]]:
        return {f"n{n}.test": [place] for n in range(NAMES)}

    scene.dns.hosts(names(ONE))
    scene.wait_for(*[ONE] * NAMES)
    until = time.monotonic() + SECONDS
    load = [Load(scene, until, EACH) for _ in range(CLIENTS)]
    for one in load:
        one.start()
    turn = 0
    while time.monotonic() < until - 1:
        turn += 1
        new, old = places[turn % 2], places[(turn + 1) % 2]
        scene.dns.hosts(names(new))
        scene.wait_for(*[new] * NAMES)
        scene.servers.end(old)
        time.sleep(0.3)
        scene.servers.begin(old)
        time.sleep(0.3)
    for one in load:
        one.join(SECONDS + 30)
    assert not any(one.is_alive() for one in load)
    total: dict[bytes, int] = {}
    for one in load:
        for status, count in one.statuses.items():
            total[status] = total.get(status, 0) + count
    assert set(total) == {b"200"}, total
    assert turn >= 2
