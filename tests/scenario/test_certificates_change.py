"""Certificates, CAs and crt-lists that change while two lanes serve: once a command is answered no new connection is as
before, whoever is killed then, and nobody's request fails."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from support.certificates import Authority, authority
from support.crowd import children, until
from support.programs import POINTSMAN, Program
from support.scenario import query

from pointsman.core.tls import VERSION, dummy, pem_certificates

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

TIMES: Final = 100
CLIENTS: Final = 5  # each with a connection for every request; half as many keep theirs
PAUSE: Final = 0.005  # s between two requests of a client
BETWEEN: Final = 0.02  # s between two certificates
CONFIG: Final = """
global
    nbthread 2
    stats socket {dir}/stats level admin
defaults
    mode http
    timeout client 10s
frontend web
    bind 127.0.0.1:{port:web} ssl crt {dir}/web.pem crt-list {dir}/list
    bind 127.0.0.1:{port:verified} ssl crt {dir}/web.pem verify required ca-file {dir}/ca.pem
    http-request return status 200 content-type text/plain lf-string "%pid"
"""
REQUEST: Final = b"GET / HTTP/1.1\r\nhost: web.test\r\n\r\n"


def certificate() -> bytes:
    """One that is like no other, with its key."""
    chain, key = dummy("ECDSA", 2048, "P-256", "web.test")
    return chain + key


def leaf(pem: bytes) -> bytes:
    return pem_certificates(pem)[0]


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    (tmp_path / "web.pem").write_bytes(certificate())
    (tmp_path / "listed.pem").write_bytes(authority().pem("listed.test"))
    (tmp_path / "list").write_text(f"{tmp_path}/listed.pem\n")
    (tmp_path / "ca.pem").write_bytes(Authority("strangers").ca)
    with Program(POINTSMAN, CONFIG, tmp_path) as made:
        until(lambda: len(children(made.pid)) == 3)
        yield made


def ask(program: Program, line: str, payload: bytes = b"") -> str:
    end = f" <<%END%\n{payload.decode()}\n%END%" if payload else ""
    return query(program.folder / "stats", line + end).strip()


def replaced(program: Program, kind: str, name: Path, payload: bytes) -> None:
    answer = ask(program, f"set ssl {kind} {name}", payload)
    assert "created for" in answer, answer
    answer = ask(program, f"commit ssl {kind} {name}")
    assert answer.endswith("Success!"), answer


def client(shown: Path | None = None) -> ssl.SSLContext:
    """It trusts everybody."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if shown is not None:
        context.load_cert_chain(shown)
    return context


class Connection:
    """Of a client; `der`: the certificate that it has seen, `lane`: who has answered last."""

    def __init__(self, port: int, context: ssl.SSLContext, name: str = "web.test") -> None:
        plain = socket.create_connection(("127.0.0.1", port), 10)
        try:
            self.sock = context.wrap_socket(plain, server_hostname=name)
        except OSError:
            plain.close()
            raise
        self.der = self.sock.getpeercert(True)

    def request(self) -> int:
        self.sock.sendall(REQUEST)
        data = b""
        while b"\r\n\r\n" not in data or not data.partition(b"\r\n\r\n")[2]:
            piece = self.sock.recv(65536)
            if not piece:
                raise ConnectionResetError("no answer")
            data += piece
        assert data.startswith(b"HTTP/1.1 200 "), data
        return int(data.partition(b"\r\n\r\n")[2])


class Load:
    """Clients that notice which certificate they get. One whose lane was killed asks once more, as browsers do."""

    def __init__(self, port: int, first: bytes) -> None:
        self.port = port
        self.order = {first: 0}  # certificates as they are committed
        self.committed = 0  # how many were when somebody looks
        self.context = client()
        self.killed = False
        self.requests = self.again = 0
        self.failures: list[str] = []
        self.ended = threading.Event()
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self._closing) for _ in range(CLIENTS)]
        self.threads += [threading.Thread(target=self._keeping) for _ in range(CLIENTS // 2)]

    def __enter__(self) -> Load:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.ended.set()
        for thread in self.threads:
            thread.join()

    def _connect(self) -> Connection:
        least = self.committed
        made = Connection(self.port, self.context)
        assert made.der is not None
        if self.order.get(made.der, -1) < least:
            self.failures.append(f"certificate {self.order.get(made.der)} after {least} was committed")
        return made

    def _attempt(self, kept: Connection | None, keep: bool) -> Connection | None:
        connection = kept or self._connect()
        try:
            connection.request()
        except OSError:
            connection.sock.close()
            raise
        if keep:
            return connection
        connection.sock.close()
        return None

    def _run(self, keep: bool) -> None:
        kept: Connection | None = None
        while not self.ended.is_set():
            for _ in range(2):
                try:
                    kept = self._attempt(kept, keep)
                except OSError as error:
                    kept = None
                    with self.lock:
                        self.again += 1
                        if not self.killed:
                            self.failures.append(repr(error))
                    continue
                break
            else:
                self.failures.append("twice in a row")
            with self.lock:
                self.requests += 1
            time.sleep(PAUSE)
        if kept is not None:
            kept.sock.close()

    def _closing(self) -> None:
        self._run(False)

    def _keeping(self) -> None:
        self._run(True)


@pytest.mark.parametrize("kills", [False, True])
def test_a_certificate_is_replaced_a_hundred_times_under_load(program: Program, kills: bool) -> None:
    path = program.folder / "web.pem"
    first = children(program.pid)
    began = time.monotonic()
    with Load(program.ports["web"], leaf(path.read_bytes())) as load:
        for number in range(1, TIMES + 1):
            pem = certificate()
            load.order[leaf(pem)] = number
            replaced(program, "cert", path, pem)
            load.committed = number
            time.sleep(BETWEEN)
            if kills and number == TIMES // 2:
                load.killed = True
                os.kill(first[0], signal.SIGKILL)
    rate = load.requests / (time.monotonic() - began)
    assert not load.failures, load.failures[:5]
    assert load.again <= CLIENTS + CLIENTS // 2  # of each client one request, at most
    assert rate > 100, rate
    until(lambda: len(children(program.pid)) == 3)
    assert (first[0] in children(program.pid)) is not kills
    lanes = set()
    for _ in range(50):
        connection = Connection(program.ports["web"], load.context)
        assert connection.der == leaf(pem)
        lanes.add(connection.request())
        connection.sock.close()
    assert lanes <= set(children(program.pid)) and len(lanes) == 2


def kill_all(program: Program) -> None:
    """One by one, lanes and control."""
    for pid in children(program.pid):
        os.kill(pid, signal.SIGKILL)
        until(lambda gone=pid: gone not in children(program.pid) and len(children(program.pid)) == 3)  # type: ignore[misc]
    until(lambda: answers(program))


def answers(program: Program) -> bool:
    try:
        return bool(ask(program, "show version"))
    except OSError:
        return False


def seen(program: Program, name: str, port: str = "web") -> set[bytes]:
    """What many connections get."""
    found = set()
    for _ in range(20):
        connection = Connection(program.ports[port], client(), name)
        connection.request()
        assert connection.der is not None
        found.add(connection.der)
        connection.sock.close()
    return found


def test_new_names_are_served_and_old_ones_are_not_whoever_is_killed(program: Program) -> None:
    folder = program.folder
    default, new = leaf((folder / "web.pem").read_bytes()), authority().pem("new.test")
    assert ask(program, "new ssl cert new.pem") == "New empty certificate store 'new.pem'!"
    replaced(program, "cert", Path("new.pem"), new)
    assert seen(program, "new.test") == {default}
    line = f"add ssl crt-list {folder}/list"
    assert ask(program, line, b"new.pem [ssl-min-ver TLSv1.3] *.new.test !not.new.test").endswith("Success!")
    assert ask(program, f"{line} new.pem").endswith("Success!")
    for name, expected in (
        ("new.test", new),
        ("www.new.test", new),
        ("not.new.test", None),
        ("listed.test", authority().pem("listed.test")),
    ):
        assert seen(program, name) == {leaf(expected) if expected else default}, name
    with pytest.raises(OSError, match="alert"):
        old = client()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        Connection(program.ports["web"], old, "www.new.test")
    other = authority().pem("new.test", "rsa")
    replaced(program, "cert", Path("new.pem"), other)
    assert seen(program, "www.new.test") == {leaf(other)}
    assert ask(program, f"del ssl crt-list {folder}/list {folder}/listed.pem").startswith("Entry ")
    assert ask(program, f"del ssl crt-list {folder}/list new.pem:3").startswith("Entry ")
    listed = f"# {folder}/list\nnew.pem:2 [ssl-min-ver TLSv1.3] *.new.test !not.new.test"
    assert ask(program, f"del ssl cert {folder}/listed.pem").endswith("deleted!")
    for _ in range(2):
        assert ask(program, f"show ssl crt-list -n {folder}/list") == listed
        assert ask(program, "show ssl cert") == f"# filename\n{folder}/web.pem\nnew.pem"
        assert seen(program, "new.test") == seen(program, "listed.test") == {default}
        assert seen(program, "www.new.test") == {leaf(other)}
        kill_all(program)


def accepted(program: Program, context: ssl.SSLContext) -> int:
    """How many of many connections are."""
    count = 0
    for _ in range(10):
        try:
            connection = Connection(program.ports["verified"], context)
        except OSError:
            continue
        try:
            count += connection.request() > 0
        except OSError:
            pass
        finally:
            connection.sock.close()
    return count


def test_clients_are_verified_by_what_was_committed(program: Program) -> None:
    path = program.folder / "ca.pem"
    context = client(authority().path("client.test"))
    strangers = path.read_bytes()
    assert accepted(program, context) == 0
    assert ask(program, f"add ssl ca-file {path}", authority().ca) == f"transaction created for CA {path}!"
    assert accepted(program, context) == 0
    assert ask(program, f"commit ssl ca-file {path}") == f"Committing {path}.\nSuccess!"
    for _ in range(2):
        assert accepted(program, context) == 10
        assert ask(program, "show ssl ca-file") == f"# filename\n{path} - 2 certificate(s)"
        kill_all(program)
    replaced(program, "ca-file", path, strangers)
    assert accepted(program, context) == 0
