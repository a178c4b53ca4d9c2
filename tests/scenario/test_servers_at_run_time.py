"""Servers that come and go under load, with two lanes: in all of them at once, whoever is killed meanwhile, and
nothing is left behind.

POINTSMAN_LONG=1 in the environment runs the long form: 10,000 servers after each other.
"""

import os
import re
import signal
import socket
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Final

import pytest
from support.counting import CountingOrigin
from support.crowd import children, get, until
from support.programs import POINTSMAN, Program
from support.scenario import query, show_stat

MANY: Final = 10_000 if os.environ.get("POINTSMAN_LONG") else 150
PATIENCE: Final = 15.0  # s

CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout connect 2s
    timeout client 20s
    timeout server 10s
    timeout queue 10s
    retries 3
    option redispatch 1
frontend web
    bind 127.0.0.1:{port:web}
    http-request return status 200 content-type text/plain lf-string "%pid" if { path /who }
    use_backend empty if { path_beg /empty }
    use_backend sticky if { path_beg /sticky }
    use_backend private if { path_beg /private }
    use_backend grown if { path_beg /slow }
    default_backend app
backend app
    balance roundrobin
    http-reuse always
    server s1 {origin}
backend grown
    balance leastconn
    server s1 {origin} maxconn 2
backend private
    http-reuse never
backend sticky
    balance leastconn
    option prefer-last-server
    stick-table type string size 100
    stick on url_param(k)
    server s1 {origin}
backend empty
    balance roundrobin
"""


@pytest.fixture
def origin() -> Iterator[CountingOrigin]:
    with CountingOrigin() as made:
        yield made


@contextmanager
def running(folder: Path, origin: CountingOrigin) -> Iterator[Program]:
    with Program(POINTSMAN, CONFIG, folder, {"origin": f"127.0.0.1:{origin.port}"}) as program:
        until(lambda: len(children(program.pid)) == 3 and answers(program), PATIENCE)
        yield program


@pytest.fixture
def program(origin: CountingOrigin, tmp_path: Path) -> Iterator[Program]:
    with running(tmp_path, origin) as made:
        yield made


def answers(program: Program) -> bool:
    """The runtime socket does."""
    try:
        return query(program.folder / "stats", "show version").startswith("3.")
    except OSError:
        return False


def ask(program: Program, line: str) -> str:
    """The answer, whoever has to begin anew for it."""
    limit = time.monotonic() + PATIENCE
    while True:
        try:
            answer = query(program.folder / "stats", line)
        except OSError:
            answer = ""
        if answer:
            return answer.strip()
        assert time.monotonic() < limit, f"no answer to {line}"
        time.sleep(0.02)


def add(program: Program, route: str, address: str, words: str = "") -> None:
    assert ask(program, f"add server {route} {address} {words}") == "New server registered."
    assert ask(program, f"enable server {route}") == ""  # it has ended with an empty line


def remove(program: Program, route: str) -> None:
    ask(program, f"disable server {route}")
    ask(program, f"shutdown sessions server {route}")
    assert ask(program, f"wait {PATIENCE:.0f}s srv-removable {route}") == "Done."
    assert ask(program, f"del server {route}") == "Server deleted."


def server_names(program: Program, backend: str) -> list[str]:
    rows = show_stat(program.folder / "stats")
    return [name.partition("/")[2] for name in rows if name.startswith(backend + "/") and "BACKEND" not in name]


class Load:
    """Clients that ask until they are told to stop. Use as `with Load(port, path) as load:`."""

    def __init__(self, port: int, path: str, clients: int = 3) -> None:
        self.port = port
        self.path = path
        self.statuses: Counter[int] = Counter()
        self.stopping = threading.Event()
        self.threads = [threading.Thread(target=self._run) for _ in range(clients)]

    def _run(self) -> None:
        while not self.stopping.is_set():
            self.statuses[get(self.port, self.path)] += 1

    def __enter__(self) -> "Load":
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stopping.set()
        for thread in self.threads:
            thread.join(2 * PATIENCE)


def who(port: int) -> int:
    """The process that answers."""
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE) as client:
        client.sendall(b"GET /who HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
        data = b""
        while piece := client.recv(4096):
            data += piece
    return int(data.rpartition(b"\r\n\r\n")[2])


def ask_both_lanes(program: Program, path: str, status: int) -> None:
    """Each lane answers so: enough connections that both have some, by what accepts them."""
    port, lanes = program.ports["web"], set(children(program.pid)[:2])
    seen: set[int] = set()
    limit = time.monotonic() + PATIENCE
    while seen != lanes and time.monotonic() < limit:
        seen.add(who(port))
        assert get(port, path) == status
    assert seen == lanes


def test_a_server_comes_and_goes_in_all_lanes(program: Program, origin: CountingOrigin) -> None:
    port = program.ports["web"]
    ask_both_lanes(program, "/empty", 503)
    add(program, "empty/x", f"127.0.0.1:{origin.port}")
    ask_both_lanes(program, "/empty", 200)
    assert int(show_stat(program.folder / "stats")["empty/x"]["stot"]) >= 2
    remove(program, "empty/x")
    ask_both_lanes(program, "/empty", 503)
    add(program, "empty/x", f"127.0.0.1:{origin.port}")
    assert show_stat(program.folder / "stats")["empty/x"]["stot"] == "0"  # it is another one, in the same cells
    assert get(port, "/empty") == 200


def test_who_has_stuck_to_a_server_that_is_gone_goes_elsewhere(program: Program, origin: CountingOrigin) -> None:
    """Its cells are those of the next one by then, and say that this one is up."""
    port = program.ports["web"]
    ask_both_lanes(program, "/sticky?k=s", 200)
    client = HTTPConnection("127.0.0.1", port, timeout=PATIENCE)
    with CountingOrigin() as other:
        add(program, "sticky/x", f"127.0.0.1:{other.port}")
        ask(program, "set server sticky/s1 state drain")
        ask_both_lanes(program, "/sticky?k=x", 200)
        client.request("GET", "/sticky")
        assert client.getresponse().read() is not None and other.total > 2
        ask(program, "set server sticky/s1 state ready")
        before = origin.total
        ask_both_lanes(program, "/sticky?k=x", 200)
        assert origin.total == before  # all lanes know one that has come later
        remove(program, "sticky/x")
        add(program, "sticky/y", f"127.0.0.1:{origin.port}")
        before = other.total
        ask_both_lanes(program, "/sticky?k=x", 200)
        client.request("GET", "/sticky")
        assert client.getresponse().status == 200
        assert other.total == before
    client.close()


def test_idle_connections_of_clients_do_not_keep_a_server(program: Program, origin: CountingOrigin) -> None:
    """Those of http-reuse never, which wait for their own clients alone."""
    add(program, "private/x", f"127.0.0.1:{origin.port}")
    clients = [HTTPConnection("127.0.0.1", program.ports["web"], timeout=PATIENCE) for _ in range(4)]
    for client in clients:
        client.request("GET", "/private")
        assert client.getresponse().read() is not None
    ask(program, "disable server private/x")
    assert ask(program, "wait 5s srv-removable private/x") == "Done."
    assert ask(program, "del server private/x") == "Server deleted."
    add(program, "private/y", f"127.0.0.1:{origin.port}")
    for client in clients:
        client.request("GET", "/private")
        assert client.getresponse().status == 200
        client.close()


def test_a_lane_and_control_are_killed_between_changes(program: Program, origin: CountingOrigin) -> None:
    """Who begins anew has the same servers, in the same cells, and hands out no cells that are in use."""
    address = f"127.0.0.1:{origin.port}"
    add(program, "app/a", address, "weight 7 maxconn 20")
    add(program, "app/gone", address)
    remove(program, "app/gone")
    ask(program, "disable server app/s1")
    assert ask(program, "wait 15s srv-removable app/s1") == "Done."
    assert ask(program, "del server app/s1") == "Server deleted."
    ask(program, "set server app/a weight 5")
    assert get(program.ports["web"], "/") == 200
    count = int(show_stat(program.folder / "stats")["app/a"]["stot"])
    for place in (0, 2, 1):
        victim = children(program.pid)[place]
        os.kill(victim, signal.SIGKILL)
        until(lambda gone=victim: len(children(program.pid)) == 3 and gone not in children(program.pid), PATIENCE)
        until(lambda: answers(program), PATIENCE)
        name = f"b{place}"
        add(program, f"app/{name}", address)
        row = show_stat(program.folder / "stats")["app/a"]
        assert (row["weight"], row["slim"], int(row["stot"]) >= count) == ("5", "20", True)
        assert server_names(program, "app")[0] == "a"
    assert server_names(program, "app") == ["a", "b0", "b2", "b1"]
    before = Counter({name: int(row["stot"]) for name, row in show_stat(program.folder / "stats").items()})
    for _ in range(24):
        assert get(program.ports["web"], "/") == 200
    after = Counter({name: int(row["stot"]) for name, row in show_stat(program.folder / "stats").items()})
    assert [after[f"app/{name}"] - before[f"app/{name}"] for name in ("a", "b0", "b2", "b1")] == [15, 3, 3, 3]


def test_slots_of_servers_that_come_and_go(program: Program, origin: CountingOrigin) -> None:
    """Under their maxconn, in one queue, with a lane killed: never more at once than there is room for, and no waiter
    is lost with a server."""
    address = f"127.0.0.1:{origin.port}"
    with Load(program.ports["web"], "/slow", clients=8) as load:
        for turn in range(6):
            add(program, f"grown/x{turn}", address, "maxconn 1")
            until(lambda name=f"grown/x{turn}": show_stat(program.folder / "stats")[name]["stot"] != "0", PATIENCE)
            if turn == 3:
                victim = children(program.pid)[0]
                os.kill(victim, signal.SIGKILL)
                until(lambda gone=victim: gone not in children(program.pid), PATIENCE)
                until(lambda: len(children(program.pid)) == 3, PATIENCE)
            ask(program, f"disable server grown/x{turn}")
            assert ask(program, f"wait 15s srv-removable grown/x{turn}") == "Done."
            assert ask(program, f"del server grown/x{turn}") == "Server deleted."
    assert set(load.statuses) <= {200, 0}, load.statuses  # 0: of the lane that was killed
    assert load.statuses[0] <= 8 and load.statuses[200] > 6
    assert origin.most <= 4  # 2 + 1, and one whose lane was killed before the origin knew
    until(lambda: show_stat(program.folder / "stats")["grown/s1"]["scur"] == "0", PATIENCE)
    assert show_stat(program.folder / "stats")["grown/BACKEND"]["qcur"] == "0"


def descriptors(program: Program) -> list[int]:
    return [len(os.listdir(f"/proc/{pid}/fd")) for pid in children(program.pid)]


def resident(pid: int) -> int:
    """kB."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    found = re.search(r"VmRSS:\s*(\d+) kB", status)
    assert found is not None
    return int(found[1])


def come_and_go(program: Program, address: str, numbers: range) -> None:
    """Servers after each other, by few connections to the socket."""
    with socket.socket(socket.AF_UNIX) as client, client.makefile("rb") as lines:
        client.settimeout(2 * PATIENCE)
        client.connect(str(program.folder / "stats"))
        client.sendall(b"prompt i\n")
        assert lines.readline() == b"\n"
        for number in numbers:
            route = f"app/x{number % 7}"
            client.sendall(
                f"add server {route} {address} weight {1 + number % 200} check inter 1h; enable health {route}; "
                f"enable server {route}; set server {route} addr 127.0.0.1; disable server {route}; "
                f"wait 15s srv-removable {route}; del server {route}\n".encode()
            )
            wanted = [b"New server registered.", b"", b"", b"nothing changed", b"", b"Done.", b"Server deleted."]
            for answer in wanted:
                got = lines.readline().strip()
                assert got == answer, (number, got)
                if answer:
                    assert lines.readline() == b"\n"


@pytest.mark.timeout(1800 if MANY > 1000 else 120)
def test_many_that_come_and_go_leave_nothing_behind(program: Program, origin: CountingOrigin) -> None:
    address = f"127.0.0.1:{origin.port}"
    with Load(program.ports["web"], "/", clients=2) as load:
        come_and_go(program, address, range(30 if MANY < 1000 else 2000))  # garbage is collected now and then
        before, memory = descriptors(program), [resident(pid) for pid in (program.pid, *children(program.pid))]
        come_and_go(program, address, range(MANY))
        grown = [resident(pid) for pid in (program.pid, *children(program.pid))]
    assert set(load.statuses) == {200}, load.statuses
    until(lambda: all(now <= then + 6 for now, then in zip(descriptors(program), before, strict=True)), PATIENCE)
    assert server_names(program, "app") == ["s1"]
    # A server takes some 30 kB; few of them are not seen among what else comes and goes.
    assert MANY < 1000 or all(now - then < 6_000 for now, then in zip(grown, memory, strict=True)), (memory, grown)
