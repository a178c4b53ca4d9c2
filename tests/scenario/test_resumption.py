"""Clients resume their TLS sessions on every lane, after reloads, and when a lane was killed: by tickets, which hold
the session, and by the cache. What was sealed with a key that nobody has any more is a full handshake, and no more.
"""

from __future__ import annotations

import base64
import os
import re
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest
from support.certificates import authority
from support.crowd import children, read_response, until
from support.ports import free_port
from support.programs import POINTSMAN, environment
from support.scenario import query
from support.tls_resumption import TLS12, TLS13

from pointsman.core.tls import MISSING

LONG = os.environ.get("POINTSMAN_LONG") == "1"

pytestmark = pytest.mark.skipif(bool(MISSING), reason="built without OpenSSL")

HOST = "www.example.test"
TEXT = """
global
    nbthread {lanes}
    stats socket {dir}/stats mode 600 level admin expose-fd listeners
{global}
defaults
    mode http
    timeout connect 2s
    timeout client 10s
    timeout server 2s
frontend web
    bind 127.0.0.1:{tickets} ssl crt {pem}
    bind 127.0.0.1:{cache} ssl crt {pem} no-tls-tickets
    bind 127.0.0.1:{file} ssl crt {pem} tls-ticket-keys {dir}/keys
    http-request return status 200 content-type text/plain lf-string "%[thread] %pid"
"""
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
# Python that begins as the program does, with ticket keys of its own renewed after some seconds.
RENEWING = "import pointsman.tls.tickets as t, pointsman.cli as c, sys; t.PERIOD = {}; sys.exit(c.main())"


class Client:
    """Connections to one port, each with the session of the one before. `resumed`, `lanes`: of each."""

    def __init__(self, port: int, version: ssl.TLSVersion) -> None:
        self.port = port
        self.context = ssl.create_default_context(cadata=authority().ca.decode())
        self.context.minimum_version = self.context.maximum_version = version
        self.session: ssl.SSLSession | None = None
        self.resumed: list[bool] = []
        self.lanes: list[str] = []
        self.pids: list[str] = []

    def connect(self) -> bool:
        """Whether it was resumed."""
        with (
            socket.create_connection(("127.0.0.1", self.port), timeout=10) as plain,
            self.context.wrap_socket(plain, server_hostname=HOST, session=self.session) as client,
        ):
            client.sendall(REQUEST)
            response = read_response(client)
            assert response.startswith(b"HTTP/1.1 200"), response
            self.resumed.append(bool(client.session_reused))
            self.session = client.session
        lane, pid = response.rpartition(b"\r\n")[2].decode().split()
        self.lanes.append(lane)
        self.pids.append(pid)
        return self.resumed[-1]

    def comes_to_refuse(self, session: ssl.SSLSession | None) -> None:
        """That session, before long."""

        def refuses() -> bool:
            self.session = session
            return not self.connect()

        until(refuses, 10)


@contextmanager
def others(port: int) -> Iterator[None]:
    """Two more clients of that port, one connection after the other: a lane that is busy leaves some to the next one,
    while the kernel wakes the same one for whoever comes alone."""
    over = threading.Event()

    def connect() -> None:
        client = Client(port, TLS13)
        while not over.is_set():
            client.connect()

    with ThreadPoolExecutor(2) as pool:
        busy = [pool.submit(connect) for _ in range(2)]
        try:
            yield
        finally:
            over.set()
        for one in busy:
            one.result()


class Balancer:
    """A program with three ports: tickets by keys of its own, the cache, tickets by keys of a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = {name: free_port() for name in ("tickets", "cache", "file")}
        self.running: list[subprocess.Popen[bytes]] = []
        self.keys = [os.urandom(80) for _ in range(3)]
        self.more = ""
        self.count = 2  # of lanes
        self.write_keys()

    def write_keys(self) -> None:
        (self.folder / "keys").write_bytes(b"".join(base64.b64encode(key) + b"\n" for key in self.keys))

    def write(self) -> Path:
        text = TEXT.replace("{dir}", str(self.folder)).replace("{pem}", str(authority().path(HOST)))
        text = text.replace("{global}", self.more).replace("{lanes}", str(self.count))
        for name, port in self.ports.items():
            text = text.replace(f"{{{name}}}", str(port))
        (self.folder / "test.cfg").write_text(text)
        return self.folder / "test.cfg"

    def start(self, *words: str, command: tuple[str, ...] = POINTSMAN.command) -> subprocess.Popen[bytes]:
        path = self.write()
        with (self.folder / f"stderr-{len(self.running)}").open("wb") as errors:
            made = subprocess.Popen(
                [*command, *words, "-f", str(path)],
                env=environment(),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
            )
        self.running.append(made)
        return made

    def begin(self, *words: str, command: tuple[str, ...] = POINTSMAN.command) -> None:
        self.start(*(words or ("-W", "-db")), command=command)
        if words:
            until(lambda: len(self.lanes()) == (3 if self.count > 1 else 0), 15)
            until(self.listens, 15)
        else:
            until(lambda: "Loading success." in self.stderr(), 15)

    def listens(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.ports["tickets"])):
                return True
        except ConnectionError:
            return False

    def reload(self) -> None:
        self.write()
        before = self.stderr().count("Loading success.")
        self.running[0].send_signal(signal.SIGUSR2)
        until(lambda: self.stderr().count("Loading success.") > before, 15)

    def stderr(self) -> str:
        return "".join(path.read_text() for path in sorted(self.folder.glob("stderr-*")))

    def lanes(self) -> list[int]:
        """Processes below the last keeper: lanes, and control."""
        return children(self.running[-1].pid)

    def kill_a_lane(self) -> None:
        """And another one takes its place."""
        self.kill(self.lanes()[0])

    def kill(self, pid: int) -> None:
        before = set(self.lanes())
        os.kill(pid, signal.SIGKILL)

        def replaced() -> bool:
            now = set(self.lanes())
            return pid not in now and bool(now - before)

        try:
            until(replaced, 30)
        except AssertionError as error:
            error.add_note(f"{before} without {pid} became {self.lanes()}; it printed:\n{self.stderr()}")
            raise

    def ask(self, line: str) -> str:
        return query(self.folder / "stats", line)

    def client(self, name: str, version: ssl.TLSVersion) -> Client:
        return Client(self.ports[name], version)

    def close(self) -> None:
        for made in self.running:
            if made.poll() is None:
                made.terminate()
            made.wait(15)


@pytest.fixture
def balancer(tmp_path: Path) -> Iterator[Balancer]:
    made = Balancer(tmp_path)
    yield made
    made.close()
    assert "Traceback" not in made.stderr()


def clients(balancer: Balancer) -> list[Client]:
    return [balancer.client(name, version) for name in ("tickets", "cache") for version in (TLS12, TLS13)]


def test_connections_over_two_lanes_and_two_reloads(balancer: Balancer) -> None:
    """A quarter of them each by tickets and by the cache, in TLS 1.2 and in 1.3; a thousand with POINTSMAN_LONG=1."""
    balancer.begin()
    all_of_them = clients(balancer)
    turns = 250 if LONG else 75
    for turn in range(turns):
        for client in all_of_them:
            client.connect()
        if turn in (turns // 3, turns * 2 // 3):
            balancer.reload()
    for client in all_of_them:
        assert client.resumed == [False] + [True] * (turns - 1)
        assert len(set(client.lanes)) == 2
        assert len(set(client.pids)) == 6


def test_a_lane_that_replaces_a_killed_one_resumes(balancer: Balancer) -> None:
    balancer.begin("-db")
    all_of_them = clients(balancer)
    for _ in range(2):
        for client in all_of_them:
            client.connect()
        # Keys that were renewed, or set, before the lane was forked.
        key = os.urandom(80)
        assert balancer.ask(f"set ssl tls-key #0 {base64.b64encode(key).decode()}").strip() == "TLS ticket key updated!"
        balancer.kill_a_lane()
        pids = {client: len(client.pids) for client in all_of_them}
        for client in all_of_them:
            with others(client.port):
                for count in range(4_000):
                    assert client.connect()
                    if count >= 40 and len(set(client.pids[pids[client] :])) == 2:
                        break
            assert len(set(client.pids[pids[client] :])) == 2
    assert re.search(r"\nSslCacheLookups: [1-9]", balancer.ask("show info"))


@pytest.mark.parametrize("version", [TLS12, TLS13], ids=["1.2", "1.3"])
def test_keys_that_are_set_hold_on_all_lanes_at_once(balancer: Balancer, version: ssl.TLSVersion) -> None:
    balancer.begin("-db")
    client = balancer.client("file", version)

    def add() -> None:
        balancer.keys = [*balancer.keys[1:], os.urandom(80)]
        key = base64.b64encode(balancer.keys[-1]).decode()
        assert balancer.ask(f"set ssl tls-key {balancer.folder}/keys {key}").strip() == "TLS ticket key updated!"

    client.connect()
    first = client.session
    for _ in range(20):
        assert client.connect()
    for opens in (True, False):
        add()
        for _ in range(20):
            client.session = first
            assert client.connect() == opens
        for _ in range(20):  # what it got in its place
            assert client.connect()
    assert set(client.lanes) == {"0", "1"}
    # The same keys in the file, and another program: those of a cluster do so.
    balancer.write_keys()
    balancer.running[-1].terminate()
    balancer.running[-1].wait(15)
    balancer.begin("-db")
    assert client.connect()
    balancer.keys = [os.urandom(80) for _ in range(3)]
    balancer.write_keys()
    balancer.running[-1].terminate()
    balancer.running[-1].wait(15)
    balancer.begin("-db")
    assert not client.connect()
    assert client.connect()


@pytest.mark.slow
def test_own_keys_are_renewed_on_all_lanes(balancer: Balancer) -> None:
    """Here after a second and a half; in between clients resume, also across a reload."""
    interpreter, *_ = POINTSMAN.command
    balancer.begin(command=(interpreter, "-c", RENEWING.format(1.5)))
    for version in (TLS12, TLS13):
        client = balancer.client("tickets", version)
        client.connect()
        first = client.session
        for _ in range(60):
            client.connect()
            time.sleep(0.02)
        balancer.reload()
        for _ in range(60):
            client.connect()
            time.sleep(0.02)
        assert client.resumed == [False] + [True] * 120
        assert set(client.lanes) == {"0", "1"}
        client.comes_to_refuse(first)


def test_a_program_beside_an_older_one_goes_on(balancer: Balancer) -> None:
    """Without a master, by the stats socket; and without that clients shake hands anew."""
    balancer.begin("-db")
    all_of_them = clients(balancer)
    for client in all_of_them:
        client.connect()
    old = balancer.running[-1]
    balancer.begin("-db", "-x", str(balancer.folder / "stats"), "-sf", str(old.pid))
    assert old.wait(15) == 0
    for client in all_of_them:
        for _ in range(20):
            assert client.connect()
    old = balancer.running[-1]
    balancer.begin("-db", "-sf", str(old.pid))
    assert old.wait(15) == 0
    assert [client.connect() for client in all_of_them] == [False] * 4
    assert [client.connect() for client in all_of_them] == [True] * 4
    old = balancer.running[-1]
    balancer.begin("-db", "-x", str(balancer.folder / "nothing"), "-sf", str(old.pid))
    assert "in memory cannot be fetched" in balancer.stderr()


def test_secrets_are_in_memory_alone(balancer: Balancer) -> None:
    """Whoever holds the descriptor can read them; they stand in no environment, command line or file."""
    balancer.begin()
    balancer.client("tickets", TLS13).connect()
    balancer.reload()
    master = balancer.running[0].pid
    held = [Path(f"/proc/{master}/fd/{fd}") for fd in os.listdir(f"/proc/{master}/fd")]
    (memory,) = [path for path in held if os.readlink(path).startswith("/memfd:tls-ticket-keys")]
    content = memory.read_bytes()
    secrets = [content[at : at + 32] for at in range(80, 176, 32)]  # behind digest, count and time
    assert len(set(secrets)) == 3 and bytes(32) not in secrets
    until(lambda: len(children(master)) == 1, 10)  # the former generation has gone
    pids = [master, *(pid for keeper in children(master) for pid in (keeper, *children(keeper)))]
    assert len(pids) == 5
    told = [Path(f"/proc/{pid}/{what}").read_bytes() for pid in pids for what in ("environ", "cmdline")]
    told += [path.read_bytes() for path in balancer.folder.rglob("*") if path.is_file()]
    for secret in secrets:
        for written in (secret, secret.hex().encode(), base64.b64encode(secret)):
            assert not any(written in text for text in told)


def test_one_process_alone(balancer: Balancer) -> None:
    """It is lane, control and keeper at once."""
    balancer.count = 1
    balancer.begin("-db")
    all_of_them = clients(balancer)
    for client in all_of_them:
        client.connect()
        assert client.connect()
    by_file = balancer.client("file", TLS13)
    by_file.connect()
    for resumes in (True, False, True):
        key = base64.b64encode(os.urandom(80)).decode()
        assert balancer.ask(f"set ssl tls-key #0 {key}").strip() == "TLS ticket key updated!"
        session = by_file.session
        assert by_file.connect() == resumes
        by_file.session = session if resumes else by_file.session
    old = balancer.running[-1]
    balancer.begin("-db", "-x", str(balancer.folder / "stats"), "-sf", str(old.pid))
    assert old.wait(15) == 0
    assert [client.connect() for client in all_of_them] == [True] * 4


@pytest.mark.slow
def test_control_that_is_killed_goes_on_renewing(balancer: Balancer) -> None:
    interpreter, *_ = POINTSMAN.command
    balancer.begin("-db", command=(interpreter, "-c", RENEWING.format(1.0)))
    client = balancer.client("tickets", TLS13)
    client.connect()
    key = base64.b64encode(os.urandom(80)).decode()
    balancer.ask(f"set ssl tls-key #0 {key}")
    for _ in range(2):
        balancer.kill(balancer.lanes()[-1])
        first = client.session
        client.comes_to_refuse(first)
        for _ in range(50):
            assert client.connect()
            time.sleep(0.02)
        assert f"0.2 {key}\n" in balancer.ask("show tls-keys #0")


def test_without_a_cache_only_tickets_resume(balancer: Balancer) -> None:
    balancer.more = "    tune.ssl.cachesize 0"
    balancer.begin("-db")
    for name, resumes in (("tickets", True), ("cache", False)):
        for version in (TLS12, TLS13):
            client = balancer.client(name, version)
            client.connect()
            assert [client.connect() for _ in range(10)] == [resumes] * 10


def test_a_private_cache_resumes_on_its_lane_alone(balancer: Balancer) -> None:
    balancer.more = "    tune.ssl.force-private-cache"
    balancer.begin("-db")
    client = balancer.client("cache", TLS12)
    with others(balancer.ports["cache"]):
        for _ in range(60):
            client.connect()
    # On the lane that has just stored it, or that has resumed it; after a change of lanes it is a full handshake.
    known: str | None = None
    for lane, resumed in zip(client.lanes, client.resumed, strict=True):
        assert resumed == (lane == known)
        known = lane
    assert set(client.lanes) == {"0", "1"}


def test_sessions_have_a_lifetime(balancer: Balancer) -> None:
    balancer.more = "    tune.ssl.lifetime 1"
    balancer.begin("-db")
    for client in clients(balancer):
        client.connect()
        client.comes_to_refuse(client.session)


@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
@pytest.mark.parametrize("name", ["tickets", "cache", "file"])
def test_sessions_of_the_program_openssl(balancer: Balancer, version: str, name: str) -> None:
    balancer.begin("-db")
    kept = balancer.folder / "session"

    def talk(*words: str) -> str:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{balancer.ports[name]}", version, "-ign_eof", *words]
        done = subprocess.run(
            [*command, "-servername", HOST], input=REQUEST, capture_output=True, check=False, timeout=20
        )
        said = re.search(rb"^(New|Reused), TLSv", done.stdout, re.MULTILINE)
        assert said is not None, done
        return said[1].decode()

    assert talk("-sess_out", str(kept)) == "New"
    for _ in range(6):
        assert talk("-sess_in", str(kept)) == "Reused"
