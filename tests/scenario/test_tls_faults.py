"""Faults of clients over TLS, and of servers whose answers go out over it: status, termination state, fc_err and alert
are those of HAProxy 3.2, which is asked as well. Reasons that depend on OpenSSL's version are not compared.
"""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import struct
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest
from support.certificates import authority
from support.ports import free_port
from support.programs import HAPROXY, Kind, Program, peer_version
from support.record_client import RecordClient

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"
VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}
CONFIG = """
global
    stats socket {dir}/stats level admin
defaults
    log {log} format raw local0
    timeout client 600ms
    timeout http-request 600ms
    timeout client-hs 600ms
    timeout server 5s
    timeout connect 3s
frontend web
    mode http
    log-format "%ft %s %ST %ts %[fc_err_name] %{+Q}r by %cp"
    bind 127.0.0.1:{port:web} ssl crt {pem}
    default_backend servers
frontend tcp
    mode tcp
    log-format "%ft %s %ts %[fc_err_name] by %cp"
    bind 127.0.0.1:{port:tcp} ssl crt {pem}
    default_backend streams
backend servers
    mode http
    no option abortonclose
    server s {server}
backend streams
    mode tcp
    server s {server}
"""


class Server:
    """Answers each request by what its path says."""

    def __init__(self) -> None:
        self.sock = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.where = f"127.0.0.1:{self.sock.getsockname()[1]}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self.sock.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with client:
            try:
                while self._answer(client):
                    pass
            except OSError:
                pass

    def _answer(self, client: socket.socket) -> bool:
        data = b""
        while b"\r\n\r\n" not in data:
            more = client.recv(65536)
            if not more:
                return False
            data += more
        head, _, body = data.partition(b"\r\n\r\n")
        size = re.search(rb"(?i)content-length: (\d+)", head)
        while size is not None and len(body) < int(size[1]):
            more = client.recv(65536)
            if not more:
                return False
            body += more
        path = head.split()[1]
        if path in (b"/cut", b"/reset", b"/until-end"):
            length = b"" if path == b"/until-end" else b"content-length: 100\r\n"
            client.sendall(b"HTTP/1.1 200 OK\r\n" + length + b"\r\n" + b"x" * 50)
            time.sleep(0.1)
            if path == b"/reset":
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if path == b"/slow":
            time.sleep(0.35)
        size_of = 2_000_000 if path == b"/large" else 2
        client.sendall(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size_of + b"o" * size_of)
        return True


class House:
    """Both programs, each started once for all tests, and their log."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.server = Server()
        stack.callback(self.server.sock.close)
        self.lines: dict[str, socket.socket] = {}
        self.running: dict[str, Program] = {}

    def port(self, kind: Kind, name: str) -> int:
        if kind is HAPROXY and peer_version() < (3, 2):
            pytest.skip("the peer is older")
        if kind.name not in self.running:
            lines = self.stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            lines.bind(("127.0.0.1", 0))
            lines.settimeout(5)
            where = f"127.0.0.1:{lines.getsockname()[1]}"
            values = {"pem": str(authority().path(HOST)), "log": where, "server": self.server.where}
            program = Program(kind, CONFIG, self.folder / kind.name, values)
            self.running[kind.name] = self.stack.enter_context(program)
            self.lines[kind.name] = lines
        return self.running[kind.name].ports[name]

    def logged(self, kind: Kind) -> str:
        """The next line, without the name of its frontend, a client and a date."""
        return self.logged_of(kind)[1]

    def logged_of(self, kind: Kind) -> tuple[str, str]:
        """The same, behind its frontend and the port of that client, as in "web 40123", where the line says it."""
        line = self.lines[kind.name].recv(65536).decode().rstrip()
        found = re.match(r"(?:\S+ \[[^]]*\] )?(web|tcp)(?:~|/1:) (.*)", line)
        assert found is not None, line
        said, _, port = found[2].partition(" by ")
        return f"{found[1]} {port}", said


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with ExitStack() as stack:
        yield House(tmp_path_factory.mktemp("faults"), stack)


@pytest.fixture
def house(started: House) -> House:
    """What a test that failed has left unread is not the next one's."""
    for lines in started.lines.values():
        while select.select([lines], [], [], 0)[0]:
            lines.recv(65536)
    return started


def get(path: str = "/ok") -> bytes:
    return f"GET {path} HTTP/1.1\r\nhost: a\r\n\r\n".encode()


POST = b"POST /ok HTTP/1.1\r\nhost: a\r\ncontent-length: 100\r\n\r\n" + b"y" * 50
BEFORE = {"idle": b"", "head": get()[:20], "body": POST, "answered": get(), "waiting": get("/slow")}
Deed = Callable[[RecordClient], object]


def forged(client: RecordClient) -> object:
    """A record whose seal is broken."""
    record = client.record(b"x" * 20)
    return client.send(record[:-1] + bytes((record[-1] ^ 1,)))


DEEDS: dict[str, Deed] = {
    "fin": RecordClient.finish,
    "notify": RecordClient.notify,
    "notify, fin": lambda client: client.notify().finish(),
    "reset": RecordClient.reset,
    "nothing": lambda client: None,
    "half a record": lambda client: client.send(client.record(b"x" * 20)[:10]),
    "forged": forged,
    "garbage": lambda client: client.send(b"\x17\x03\x03\x00\x40" + b"z" * 64),
    "empty record": lambda client: client.send(b"\x17\x03\x03\x00\x00"),
    "too large": lambda client: client.send(b"\x17\x03\x03\x48\x01" + b"z" * 0x4801),
    "clear hello": lambda client: client.send(b"\x16\x03\x01\x00\x40\x01\x00\x00\x3c" + b"z" * 60),
}
MAC, OVERFLOW, HELLO = (
    "SSLV3_ALERT_BAD_RECORD_MAC",
    "TLSV1_ALERT_RECORD_OVERFLOW",
    "TLSV1_ALERT_PROTOCOL_VERSION SSLV3_ALERT_UNEXPECTED_MESSAGE",  # with TLS 1.2 and with 1.3
)
ENDED = "close_notify"
OK, GONE = "s 200 -- -", '<NOSRV> 400 CR - "<BADREQ>"'
BROKEN = '<NOSRV> 400 CR SSL_FATAL "<BADREQ>"'
# Before which bytes, what the client does: what it gets (a status, an end) and the line, in mode http and in mode tcp.
CASES = {
    ("idle", "fin"): (f"400 {ENDED}", GONE, f" {ENDED}", "s -- -"),
    ("idle", "notify"): (f"400 {ENDED}", GONE, f" {ENDED}", "s -- -"),
    ("idle", "notify, fin"): (f"400 {ENDED}", GONE, f" {ENDED}", "s -- -"),
    ("idle", "reset"): ("", '<NOSRV> 400 CR ERESET "<BADREQ>"', "", "s CD ERESET"),
    ("idle", "nothing"): (f"408 {ENDED}", '<NOSRV> 408 cR - "<BADREQ>"', f" {ENDED}", "s cD -"),
    ("idle", "half a record"): (f"408 {ENDED}", '<NOSRV> 408 cR - "<BADREQ>"', f" {ENDED}", "s cD -"),
    ("idle", "forged"): (f" {MAC}", BROKEN, "", ""),
    ("idle", "garbage"): (f" {MAC}", BROKEN, "", ""),
    ("idle", "empty record"): (f" {MAC}", BROKEN, "", ""),
    ("idle", "too large"): (f" {OVERFLOW}", BROKEN, f" {OVERFLOW}", "s CD SSL_FATAL"),
    ("idle", "clear hello"): (f" {HELLO}", BROKEN, f" {HELLO}", "s CD SSL_FATAL"),
    ("head", "fin"): (f"400 {ENDED}", GONE, f" {ENDED}", "s -- -"),
    ("head", "notify"): (f"400 {ENDED}", GONE, f" {ENDED}", "s -- -"),
    ("head", "reset"): ("", '<NOSRV> 400 CR ERESET "<BADREQ>"', "", "s CD ERESET"),
    ("head", "nothing"): (f"408 {ENDED}", '<NOSRV> 408 cR - "<BADREQ>"', f" {ENDED}", "s cD -"),
    ("head", "forged"): (f" {MAC}", BROKEN, f" {MAC}", "s CD SSL_FATAL"),
    ("head", "too large"): (f" {OVERFLOW}", BROKEN, f" {OVERFLOW}", "s CD SSL_FATAL"),
    ("body", "fin"): (f" {ENDED}", 's 400 CH - "POST /ok HTTP/1.1"', f" {ENDED}", "s -- -"),
    ("body", "notify"): (f" {ENDED}", 's 400 CH - "POST /ok HTTP/1.1"', f" {ENDED}", "s -- -"),
    ("body", "notify, fin"): (f" {ENDED}", 's 400 CH - "POST /ok HTTP/1.1"', f" {ENDED}", "s -- -"),
    ("body", "reset"): ("", 's 400 CH ERESET "POST /ok HTTP/1.1"', "", "s CD ERESET"),
    ("body", "nothing"): (f"400 {ENDED}", 's 400 cH - "POST /ok HTTP/1.1"', f" {ENDED}", "s cD -"),
    ("body", "half a record"): (f"400 {ENDED}", 's 400 cH - "POST /ok HTTP/1.1"', f" {ENDED}", "s cD -"),
    ("body", "forged"): (f" {MAC}", 's 400 CH SSL_FATAL "POST /ok HTTP/1.1"', f" {MAC}", "s CD SSL_FATAL"),
    ("body", "garbage"): (f" {MAC}", 's 400 CH SSL_FATAL "POST /ok HTTP/1.1"', f" {MAC}", "s CD SSL_FATAL"),
    ("body", "empty record"): (f" {MAC}", 's 400 CH SSL_FATAL "POST /ok HTTP/1.1"', f" {MAC}", "s CD SSL_FATAL"),
    ("body", "clear hello"): (f" {HELLO}", 's 400 CH SSL_FATAL "POST /ok HTTP/1.1"', f" {HELLO}", "s CD SSL_FATAL"),
    ("answered", "fin"): (f"200 {ENDED}", f'{OK} "GET /ok HTTP/1.1"', f"200 {ENDED}", "s -- -"),
    ("answered", "notify"): (f"200 {ENDED}", f'{OK} "GET /ok HTTP/1.1"', f"200 {ENDED}", "s -- -"),
    ("answered", "nothing"): (f"200 {ENDED}", f'{OK} "GET /ok HTTP/1.1"', f"200 {ENDED}", "s cD -"),
    ("answered", "forged"): (f"200 {MAC}", f'{OK} "GET /ok HTTP/1.1"', f"200 {MAC}", "s CD SSL_FATAL"),
    ("answered", "garbage"): (f"200 {MAC}", f'{OK} "GET /ok HTTP/1.1"', f"200 {MAC}", "s CD SSL_FATAL"),
    ("answered", "too large"): (f"200 {OVERFLOW}", f'{OK} "GET /ok HTTP/1.1"', f"200 {OVERFLOW}", "s CD SSL_FATAL"),
    ("answered", "clear hello"): (f"200 {HELLO}", f'{OK} "GET /ok HTTP/1.1"', f"200 {HELLO}", "s CD SSL_FATAL"),
    ("waiting", "fin"): (f"200 {ENDED}", f'{OK} "GET /slow HTTP/1.1"', f"200 {ENDED}", "s -- -"),
    ("waiting", "notify"): (f"200 {ENDED}", f'{OK} "GET /slow HTTP/1.1"', f"200 {ENDED}", "s -- -"),
    ("waiting", "half a record"): (f"200 {ENDED}", f'{OK} "GET /slow HTTP/1.1"', "", ""),
    ("waiting", "forged"): ("", "", f" {MAC}", "s CD SSL_FATAL"),
    ("waiting", "clear hello"): ("", "", f" {HELLO}", "s CD SSL_FATAL"),
}

# Without those whose record the two programs read at different times.
PLAYED = [
    (*case, mode, seen, line)
    for case, wanted in CASES.items()
    for mode, seen, line in (("web", *wanted[:2]), ("tcp", *wanted[2:]))
    if line
]


def ended(client: RecordClient) -> str:
    data, end = client.received()
    return f"{data[9:12].decode()} {end}"


def play(port: int, version: str, before: str, deed: str) -> tuple[int, str]:
    """The client's own port, and what it gets; nothing is asked of one that resets its connection."""
    own = free_port()  # the kernel would give one twice
    with RecordClient(port, VERSIONS[version], HOST, own) as client:
        client.shake()
        if BEFORE[before]:
            client.say(BEFORE[before])
        time.sleep(0.1)
        DEEDS[deed](client)
        return own, ended(client) if deed != "reset" else ""


class Faults:
    """All of them, several at a time: most of it is waiting. Lines are told apart by frontends and clients' ports."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.played: dict[tuple[str, str], dict[tuple[str, str, str], tuple[str, str]]] = {}

    def of(self, kind: Kind, version: str) -> dict[tuple[str, str, str], tuple[str, str]]:
        """What a client has got and the line, by what came before, the fault and the mode."""
        known = self.played.get((kind.name, version))
        if known is None:
            known = self.played[kind.name, version] = self._play(kind, version)
        return known

    def _play(self, kind: Kind, version: str) -> dict[tuple[str, str, str], tuple[str, str]]:
        ports = {mode: self.house.port(kind, mode) for mode in ("web", "tcp")}
        cases = [case[:3] for case in PLAYED]
        with ThreadPoolExecutor(6) as pool:
            ends = list(pool.map(lambda case: play(ports[case[2]], version, case[0], case[1]), cases))
        lines = dict(self.house.logged_of(kind) for _ in cases)
        return {
            case: (seen, lines.get(f"{case[2]} {port}", "no line"))
            for case, (port, seen) in zip(cases, ends, strict=True)
        }


@pytest.fixture(scope="module")
def faults(started: House) -> Faults:
    return Faults(started)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("before", "deed", "mode", "seen", "line"), PLAYED)
def test_faults_of_clients(
    peer: Kind, faults: Faults, before: str, deed: str, mode: str, seen: str, line: str, version: str
) -> None:
    if HELLO in seen:
        seen = seen.replace(HELLO, HELLO.split()[version == "1.3"])
    assert faults.of(peer, version)[before, deed, mode] == (seen, line)


FAILED = "SSL handshake failure (error:"
FIRST = {
    "another record": (b"\x17\x03\x03\x00\x20" + b"z" * 32, "SSLV3_ALERT_UNEXPECTED_MESSAGE", "unexpected message)"),
    "an alert": (b"\x15\x03\x01\x00\x02\x02\x28", "SSLV3_ALERT_UNEXPECTED_MESSAGE", "unexpected message)"),
    "another message": (
        b"\x16\x03\x01\x00\x10\x02\x00\x00\x0c" + b"z" * 12,
        "SSLV3_ALERT_UNEXPECTED_MESSAGE",
        "unexpected message)",
    ),
    "a hello of 16 MB": (
        b"\x16\x03\x01\x00\x10\x01\xff\xff\xff" + b"z" * 12,
        "SSLV3_ALERT_ILLEGAL_PARAMETER",
        "excessive message size)",
    ),
    "a hello that is none": (
        b"\x16\x03\x01\x00\x10\x01\x00\x00\x0c" + b"z" * 12,
        "TLSV1_ALERT_DECODE_ERROR",
        "length mismatch)",
    ),
    "too large": (b"\x16\x03\x01\x48\x01" + b"z" * 0x4801, "TLSV1_ALERT_RECORD_OVERFLOW", "too long)"),
    "SSLv2": (
        b"\x80\x2e\x01\x00\x02\x00\x15\x00\x00\x00\x10" + b"a" * 40,
        "TLSV1_ALERT_PROTOCOL_VERSION",
        "unknown protocol)",
    ),
    "a request to a proxy": (b"CONNECT a:1 HTTP/1.1\r\n\r\n", "cut", "https proxy request)"),
    "a request": (b"PUT / HTTP/1.1\r\n\r\n", "cut", "http request)"),
    "another protocol": (b"SSH-2.0-OpenSSH_9.2\r\n", "cut", "wrong version number)"),
    "zeros": (b"\0" * 100, "cut", "wrong version number)"),
    "a byte": (b"\x16", "cut", "Timeout during SSL handshake"),
    "a header": (b"\x16\x03\x01\x00\x20", "cut", "Timeout during SSL handshake"),
}


@pytest.mark.parametrize("what", FIRST)
def test_what_is_no_hello(peer: Kind, house: House, what: str) -> None:
    data, end, line = FIRST[what]
    with RecordClient(house.port(peer, "web"), VERSIONS["1.2"], HOST) as client:
        client.send(data)
        assert ended(client) == f" {end}"
    logged = house.logged(peer)
    assert logged.endswith(line)
    assert logged.startswith(FAILED) == (not line.startswith("Timeout"))


@pytest.mark.parametrize("version", VERSIONS)
def test_handshake_and_request_byte_by_byte(peer: Kind, house: House, version: str) -> None:
    port = house.port(peer, "web")
    with RecordClient(port, VERSIONS[version], HOST) as client:
        client.shake(1)
        client.send(client.record(get()), 1)
        client.notify()
        assert ended(client) == f"200 {ENDED}"
    assert house.logged(peer) == f'{OK} "GET /ok HTTP/1.1"'
    with RecordClient(port, VERSIONS[version], HOST) as client:
        client.shake()
        client.send(b"".join(client.record(bytes((octet,))) for octet in get()))  # a record for each
        client.notify()
        assert ended(client) == f"200 {ENDED}"
    assert house.logged(peer) == f'{OK} "GET /ok HTTP/1.1"'


@pytest.mark.parametrize("version", VERSIONS)
def test_a_handshake_cut_at_every_byte(peer: Kind, house: House, version: str) -> None:
    """Neither a client that leaves there, nor what it leaves behind, concerns the next one."""
    port = house.port(peer, "web")
    with RecordClient(port, VERSIONS[version], HOST) as first:
        size = len(first.flight())
    assert house.logged(peer) == "Connection closed during SSL handshake"
    for cut in range(1, size, 7):
        with RecordClient(port, VERSIONS[version], HOST) as client:
            client.send(client.flight()[:cut])
            client.finish()
            assert ended(client) == " cut"
        assert house.logged(peer) == "Connection closed during SSL handshake"
    with RecordClient(port, VERSIONS[version], HOST) as client:
        client.shake().say(get())
        client.notify()
        assert ended(client) == f"200 {ENDED}"
    assert house.logged(peer) == f'{OK} "GET /ok HTTP/1.1"'


def s_client(port: int, version: str, *talk: tuple[bytes, bytes]) -> bytes:
    """What openssl complains of: it gets keys, each when it has said the text in front of them. The last keys
    end it, or the server does. Only then it prints what it has received."""
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST, version]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stdin is not None and process.stderr is not None
    said = b""
    try:
        for text, keys in talk:
            while text not in said:
                data = os.read(process.stderr.fileno(), 65536)
                assert data, said
                said += data
            time.sleep(0.2)  # it reads what it is told by keys one by one
            process.stdin.write(keys)
            process.stdin.flush()
        return said + process.communicate(timeout=5)[1]
    finally:
        process.kill()
        process.wait()


READY = b"verify return:1"  # it has the certificate


@pytest.mark.parametrize(
    ("mode", "before", "line"),
    [
        ("web", b"", BROKEN),
        ("tcp", b"", "s CD SSL_FATAL"),
        ("web", get(), f'{OK} "GET /ok HTTP/1.1"'),
        ("tcp", get(), "s CD SSL_FATAL"),
    ],
)
def test_clients_do_not_renegotiate(peer: Kind, house: House, mode: str, before: bytes, line: str) -> None:
    talk = [(READY, before)] if before else []
    printed = s_client(house.port(peer, mode), "-tls1_2", *talk, (READY, b"R\n"))
    assert b"RENEGOTIATING" in printed and b"no renegotiation" in printed
    assert house.logged(peer) == line


@pytest.mark.parametrize("key", [b"K\n", b"k\n"])
def test_clients_change_their_keys(peer: Kind, house: House, key: bytes) -> None:
    """KeyUpdate of TLS 1.3, also one that asks for ours."""
    said = s_client(house.port(peer, "web"), "-tls1_3", (READY, key), (b"KEYUPDATE", get()), (b"", b"Q\n"))
    assert b"error" not in said.replace(b"verify error", b"")
    assert house.logged(peer) == f'{OK} "GET /ok HTTP/1.1"'


@pytest.mark.parametrize("version", VERSIONS)
def test_a_large_answer_behind_the_client_s_end(peer: Kind, house: House, version: str) -> None:
    for deed in ("fin", "notify"):
        with RecordClient(house.port(peer, "web"), VERSIONS[version], HOST) as client:
            client.shake().say(get("/large"))
            time.sleep(0.2)
            DEEDS[deed](client)
            data, end = client.received()
        assert (len(data.partition(b"\r\n\r\n")[2]), end) == (2_000_000, ENDED)
        assert house.logged(peer) == f'{OK} "GET /large HTTP/1.1"'


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(("path", "state"), [("/cut", "SD"), ("/reset", "SD"), ("/until-end", "--")])
def test_answers_that_end_too_early(peer: Kind, house: House, path: str, state: str, version: str) -> None:
    """A response that is not whole ends without close_notify, so that nobody takes it for a whole one; 3.2 sends one.
    In mode tcp nobody knows what is whole."""
    for mode in ("web", "tcp"):
        with RecordClient(house.port(peer, mode), VERSIONS[version], HOST) as client:
            client.shake().say(get(path))
            data, end = client.received()
        whole = mode == "tcp" or state == "--" or peer is HAPROXY
        assert (data.count(b"x"), end) == (50, ENDED if whole else "cut")
        line = (
            f's 200 {state} - "GET {path} HTTP/1.1"' if mode == "web" else f"s {'SD' if path == '/reset' else '--'} -"
        )
        assert house.logged(peer) == line
