"""Two lanes and servers of TLS behind them: others' programs, sessions, names, changes, certificates of our own.

Manual 5.2 (ssl and what belongs to it), management manual 9.3 (set server ssl).
"""

from __future__ import annotations

import os
import random
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from support.certificates import authority
from support.crowd import children, until
from support.programs import POINTSMAN, Program
from support.scenario import query
from support.tls_origin import HOST, TlsOrigin, haproxy, have, nginx, openssl_server
from support.tls_stand import serving

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

CONFIG: Final = """
global
    nbthread 2
    cpu-map auto:1/1-2 {cpus}
    stats socket {dir}/stats level admin
    log {dir}/log.sock format raw local0
defaults
    mode http
    log global
    timeout connect 2s
    timeout client 5s
    timeout server 5s
    http-reuse always
    retries 0
frontend web
    bind 127.0.0.1:{port:web}
    default_backend app
frontend first
    bind 127.0.0.1:{port:first} thread 1
    default_backend app
frontend second
    bind 127.0.0.1:{port:second} thread 1/2
    default_backend app
backend app
    {rules}
    server s1 127.0.0.1:{server} {words}
"""
VERIFIED: Final = f"ssl verify required ca-file {authority().folder}/ca.pem"


@contextmanager
def balancing(folder: Path, port: int, words: str, rules: str = "") -> Iterator[Program]:
    cpus = sorted(os.sched_getaffinity(0))
    values = {
        "server": str(port),
        "words": words,
        "rules": rules,
        "cpus": f"{cpus[0]} {cpus[-1]}" if len(cpus) > 1 else "0-1",
    }
    with Program(POINTSMAN, CONFIG, folder, values) as program:
        until(lambda: len(children(program.pid)) == 3)
        yield program


def get(program: Program, port: str = "web", host: str = HOST) -> str:
    """Status, unless it is 200, or body."""
    with socket.create_connection(("127.0.0.1", program.ports[port]), 5) as sock:
        sock.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        data = b""
        while piece := sock.recv(65_536):
            data += piece
    head, _, body = data.partition(b"\r\n\r\n")
    status = head.split(b" ")[1].decode()
    return body.decode() if status == "200" else status


def ask(program: Program, line: str) -> str:
    return query(program.folder / "stats", line).strip()


def kill(program: Program, pid: int) -> None:
    """It, and until it is back."""
    os.kill(pid, signal.SIGKILL)
    until(lambda: len(children(program.pid)) == 3 and pid not in children(program.pid), 10)
    until(lambda: answers(program), 10)


def answers(program: Program) -> bool:
    try:
        return ask(program, "show info").startswith("Name: ")
    except OSError:
        return False


@pytest.mark.parametrize("version", ["tlsv12", "tlsv13"])
def test_openssl_nginx_and_haproxy_as_servers(tmp_path: Path, version: str) -> None:
    shown = f"TLSv1.{version[-1]}"
    words = f"{VERIFIED} force-{version}"
    with openssl_server("-www") as (port, _), balancing(tmp_path / "a", port, words) as program:
        page = get(program)
        assert f"Protocol  : {shown}" in page
        assert "200" not in page.split()[:1]
    if have("nginx"):
        with nginx(tmp_path) as port, balancing(tmp_path / "b", port, words) as program:
            assert [get(program) for _ in "123"] == [f"nginx {shown} {HOST} NONE"] * 3
    if have("haproxy"):
        with haproxy(tmp_path) as port, balancing(tmp_path / "c", port, words) as program:
            assert [get(program) for _ in "123"] == [f"haproxy {shown} {HOST} 0"] * 3


def test_certificates_of_our_own(tmp_path: Path) -> None:
    ca = authority().folder / "ca.pem"
    mine = f"{VERIFIED} crt {authority().path('client.test', 'rsa')}"
    if have("nginx"):
        asks = (f"ssl_client_certificate {ca};", "ssl_verify_client on;")
        with nginx(tmp_path, *asks) as port:
            with balancing(tmp_path / "a", port, mine) as program:
                assert get(program) == f"nginx TLSv1.3 {HOST} SUCCESS"
            with balancing(tmp_path / "b", port, VERIFIED) as program:
                assert get(program) == "400"
    if have("haproxy"):
        with haproxy(tmp_path, f"verify required ca-file {ca}") as port:
            with balancing(tmp_path / "c", port, f"{mine} force-tlsv12") as program:
                assert get(program) == f"haproxy TLSv1.2 {HOST} 1"
            with balancing(tmp_path / "d", port, f"{VERIFIED} force-tlsv12") as program:
                assert get(program) == "503"
            with balancing(tmp_path / "e", port, VERIFIED) as program:
                # In TLS 1.3 the handshake is over for us when the server refuses.
                assert get(program) == "502"


def test_a_lane_resumes_what_another_one_has_begun(tmp_path: Path) -> None:
    for version in ("tlsv12", "tlsv13"):
        with TlsOrigin(serving(HOST)) as origin:
            words = f"{VERIFIED} force-{version} pool-max-conn 0"
            with balancing(tmp_path / version, origin.port, words) as program:
                for port in ("first", "second", "first", "second"):
                    assert get(program, port) == HOST
                    time.sleep(0.05)
                assert [one.resumed for one in origin.seen] == [False, True, True, True]
                kill(program, children(program.pid)[0])
                assert get(program, "first") == get(program, "second") == HOST
                assert all(one.resumed for one in origin.seen[1:])


def test_a_connection_never_carries_a_request_of_another_name(tmp_path: Path) -> None:
    names = [f"{letter}.example.test" for letter in "abcdefgh"]
    said: list[tuple[str, str]] = []

    def work(program: Program, seed: int) -> None:
        chance = random.Random(seed)
        with socket.create_connection(("127.0.0.1", program.ports["web"]), 5) as sock:
            for _ in range(50):
                name = chance.choice(names)
                sock.sendall(f"GET / HTTP/1.1\r\nHost: {name}\r\n\r\n".encode())
                data = b""
                while not data.endswith(b".test"):
                    piece = sock.recv(65_536)
                    assert piece, data
                    data += piece
                said.append((name, data.rpartition(b"\r\n")[2].decode()))

    for words in ("", "sni req.hdr(host)"):
        folder, all_words = tmp_path / f"p{len(words)}", f"ssl verify none {words}"
        with TlsOrigin(serving(HOST)) as origin, balancing(folder, origin.port, all_words) as program:
            threads = [threading.Thread(target=work, args=(program, seed)) for seed in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        assert len(said) == 400
        assert all(wanted == got for wanted, got in said)
        assert all({host} == {seen.name} for seen in origin.seen for host in seen.hosts)
        assert len(origin.seen) < 400, "connections are used again"
        said.clear()


def test_what_a_client_names_is_handed_on(tmp_path: Path) -> None:
    """TLS on both sides, and bytes in between."""
    front = f"bind 127.0.0.1:{{port:web}} ssl crt {authority().path('*.example.test')}"
    text = CONFIG.replace("mode http", "mode tcp").replace("bind 127.0.0.1:{port:web}", front)
    text = text.replace("    cpu-map auto:1/1-2 {cpus}\n", "")
    client = ssl.create_default_context(cadata=authority().ca.decode())
    with TlsOrigin(serving(HOST)) as origin:
        values = {"server": str(origin.port), "words": f"{VERIFIED} sni ssl_fc_sni", "rules": ""}
        with Program(POINTSMAN, text, tmp_path, values) as program:
            for name, answer in ((HOST, b"200"), ("other.example.test", b"")):
                sock = socket.create_connection(("127.0.0.1", program.ports["web"]), 5)
                with client.wrap_socket(sock, server_hostname=name) as secured:
                    secured.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
                    try:
                        got = secured.recv(100)
                    except OSError:
                        got = b""
                    assert got[9:12] == answer
        assert [one.name for one in origin.seen] == [HOST]
        assert len(origin.failed) == 1, "the certificate is not for that name"


def test_tls_is_switched_off_and_on_for_all_lanes(tmp_path: Path) -> None:
    with TlsOrigin(serving(HOST)) as origin, balancing(tmp_path, origin.port, f"{VERIFIED} no-ssl") as program:
        assert get(program, "first") == get(program, "second") == "502"
        assert ask(program, "set server app/s1 ssl on") == "server ssl setting updated."
        assert get(program, "first") == get(program, "second") == HOST
        for place in (0, 1, 2):  # lanes, control
            kill(program, children(program.pid)[place])
            assert get(program, "first") == get(program, "second") == HOST
        assert ask(program, "set server app/s1 ssl off") == "server ssl setting updated."
        assert get(program, "first") == get(program, "second") == "502"


def test_a_failed_verification_is_told_to_operators(tmp_path: Path) -> None:
    receiver = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    receiver.settimeout(5)
    receiver.bind(str(tmp_path / "log.sock"))
    why = "certificate verify failed: certificate has expired (depth 0) of CN=www.example.test"
    with receiver, TlsOrigin(serving(HOST, expired=True)) as origin, balancing(tmp_path, origin.port, VERIFIED) as one:
        assert get(one, "first") == get(one, "second") == "503"
        told = {receiver.recv(4_096).decode().strip() for _ in range(4)}
        assert f"Server app/s1: TLS handshake failed: {why}." in told
        remark = ask(one, "show servers conn").splitlines()[-1]
        assert remark.startswith("# app/s1 tls-failed=2 age=")
        assert remark.endswith(why)
        # A file that others read has no remarks.
        assert not ask(one, "show servers state").splitlines()[-1].startswith("#")


def test_authorities_and_certificates_are_replaced_while_it_runs(tmp_path: Path) -> None:
    cas, mine = tmp_path / "cas.pem", tmp_path / "mine.pem"
    cas.write_bytes(authority("another one").ca)
    mine.write_bytes(authority("another one").pem("client.test"))
    context = serving(HOST)
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority().ca.decode())
    words = f"ssl verify required ca-file {cas} crt {mine} force-tlsv12"
    with TlsOrigin(context) as origin, balancing(tmp_path, origin.port, words) as program:

        def both() -> list[str]:
            return [get(program, port) for port in ("first", "second")]

        def replace(kind: str, path: Path, pem: bytes) -> None:
            assert "ransaction" in ask(program, f"set ssl {kind} {path} <<\n{pem.decode()}\n")
            assert "Success" in ask(program, f"commit ssl {kind} {path}")

        assert both() == ["503", "503"]
        replace("ca-file", cas, authority().ca)
        assert both() == ["503", "503"]
        assert any("unknown ca" in one.lower() or "verify failed" in one for one in origin.failed), origin.failed
        replace("cert", mine, authority().pem("client.test"))
        assert both() == [HOST, HOST]
        kill(program, children(program.pid)[0])
        assert both() == [HOST, HOST]
        # Who was verified by what is no longer trusted is not resumed.
        replace("ca-file", cas, authority("another one").ca)
        for port in ("first", "second"):
            until(lambda port=port: get(program, port, "x.test") == "503")


def test_the_systems_authorities_are_trusted_also_in_a_jail(tmp_path: Path) -> None:
    """They are read before chroot."""
    folder, jail = tmp_path / "certificates", tmp_path / "jail"
    folder.mkdir()
    jail.mkdir()
    (folder / "own.pem").write_bytes(authority().ca)
    done = subprocess.run(["openssl", "rehash", str(folder)], capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    text = CONFIG.replace("global\n", f"global\n    chroot {jail}\n", 1)
    text = text.replace("    log {dir}/log.sock format raw local0\n", "").replace("    cpu-map auto:1/1-2 {cpus}\n", "")
    with TlsOrigin(serving(HOST)) as origin:
        values = {"server": str(origin.port), "rules": "", "words": "ssl ca-file @system-ca"}
        os.environ["SSL_CERT_DIR"] = str(folder)
        try:
            with Program(POINTSMAN, text, tmp_path, values) as one:
                assert get(one) == HOST
        finally:
            del os.environ["SSL_CERT_DIR"]


@pytest.mark.parametrize(
    "words, allowed", [("", True), ("renegotiate", True), ("no-renegotiate", False)], ids=["", "renegotiate", "no"]
)
def test_a_server_may_begin_anew_unless_it_is_forbidden(tmp_path: Path, words: str, allowed: bool) -> None:
    """Renegotiation, of TLS 1.2 and before."""
    text = CONFIG.replace("mode http", "mode tcp").replace("    cpu-map auto:1/1-2 {cpus}\n", "")
    with openssl_server("-tls1_2") as (port, process):
        values = {"server": str(port), "words": f"ssl verify none {words}", "rules": ""}
        with Program(POINTSMAN, text, tmp_path, values) as program:
            assert begin_anew(program, process) is allowed


def begin_anew(program: Program, process: subprocess.Popen[bytes]) -> bool:
    """Payload goes on behind another handshake."""

    def say(line: bytes) -> None:
        assert process.stdin is not None
        process.stdin.write(line)
        process.stdin.flush()

    with socket.create_connection(("127.0.0.1", program.ports["web"]), 5) as sock:
        sock.sendall(b"hello\n")
        say(b"before\n")
        assert sock.recv(100) == b"before\n"
        say(b"r\n")  # asks for another handshake
        time.sleep(0.3)
        sock.sendall(b"more\n")
        say(b"after\n")
        try:
            return sock.recv(100) == b"after\n"
        except ConnectionError:
            return False
