"""docs/tls.md: its configurations are served as the page says, and its commands are run."""

from __future__ import annotations

import http.server
import os
import re
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path

import pytest
from support.certificates import Authority, authority
from support.ports import free_port, listening_ports
from support.programs import POINTSMAN, ROOT, Program, environment
from test_documented_commands import MAKE, commands_of, without_make

from pointsman.core.tls import MISSING, pem_certificates

pytestmark = [
    pytest.mark.skipif(bool(MISSING), reason=MISSING),
    pytest.mark.skipif(shutil.which("curl") is None, reason="curl is needed"),
]
PAGE = (ROOT / "docs" / "tls.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"(?ms)^```haproxy(?: tls)?\n(.*?)^```$")
COMMANDS = commands_of(PAGE, "cat", "openssl", "printf")
HOST = "www.example.test"
FIRST = BLOCK.findall(PAGE)[0]
GLOBAL, _, DEFAULTS, _ = re.split(r"(?m)^(?=crt-store|defaults|frontend)", FIRST)
SITE = FIRST[FIRST.index("\nbackend site\n") + 1 :]
BLOCKS = {  # by the heading above
    part.partition("\n")[0]: BLOCK.findall(part) for part in re.split(r"(?m)^## ", PAGE)[1:] if BLOCK.search(part)
}


class Servers:
    """Three servers behind the balancer, one plain, two over TLS; `fields` are those of the last request."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self.names: dict[str, str] = {}  # the name that a hello said, by the port on the page
        self.ports: dict[str, int] = {}
        self.running: list[http.server.ThreadingHTTPServer] = []
        outer = self

        class Answer(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                if self.path != "/health":
                    outer.fields = {name.lower(): value for name, value in self.headers.items()}
                self.send_response(200)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        for port, name in (("9001", ""), ("9443", "one.internal.test"), ("9444", "two.internal.test")):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Answer)
            if name:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(authority().path(name))
                context.sni_callback = self.named(port)
                server.socket = context.wrap_socket(server.socket, server_side=True)
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
            self.ports[port] = server.server_port
            self.running.append(server)

    def named(self, port: str) -> Callable[[ssl.SSLObject, str | None, ssl.SSLContext], None]:
        """Notes the name of a hello."""
        return lambda _, said, __: self.names.__setitem__(port, said or "")

    def close(self) -> None:
        for server in self.running:
            server.shutdown()
            server.server_close()


def whole(block: str) -> str:
    """A file, of a block that leaves out what stands in the first one."""
    text = block if block == FIRST else GLOBAL + DEFAULTS + block
    needed = "_backend site\n" in text and "\nbackend site\n" not in text
    return f"{text}\n{SITE}" if needed else text


def put(text: str, folder: Path) -> str:
    """With this test's folder for those of a system."""
    places = {"/etc/letsencrypt/live": f"{folder}/live", "/etc/haproxy": str(folder), "/run/haproxy": str(folder)}
    return re.sub("|".join(places), lambda found: places[found[0]], text)


@contextmanager
def served(block: str, folder: Path) -> Iterator[tuple[Program, Servers]]:
    """The block's program. It has nothing to say against it, as it stands there, but for places."""
    path = folder / "checked.cfg"
    path.write_text(put(whole(block), folder))
    words = [*POINTSMAN.command, "-c", "-dW", "-f", str(path)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment(), check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", ""), done.stderr
    servers = Servers()
    text = re.sub(r"bind (?:127\.0\.0\.1)?:(\d+)", r"bind 127.0.0.1:{port:p\1}", put(whole(block), folder))
    for port, other in servers.ports.items():
        text = text.replace(f"127.0.0.1:{port}", f"127.0.0.1:{other}")
    try:
        with Program(POINTSMAN, text, folder / "program") as program:
            yield program, servers
    finally:
        servers.close()


def client(certificate: Path | None = None, authorities: bytes | None = None) -> ssl.SSLContext:
    """Who verifies what it is shown."""
    made = ssl.create_default_context(cadata=(authorities or authority().ca).decode())
    if certificate is not None:
        made.load_cert_chain(certificate)
    return made


def ask(
    port: int, context: ssl.SSLContext | None = None, name: str = HOST, path: str = "/", fields: str = ""
) -> tuple[bytes, bytes]:
    """The answer's head, and the certificate that was shown; over plain HTTP without a context."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        shown = b""
        if context is not None:
            sock = context.wrap_socket(sock, server_hostname=name)
            shown = sock.getpeercert(True) or b""
        with sock:
            sock.sendall(f"GET {path} HTTP/1.1\r\nhost: {name}\r\n{fields}connection: close\r\n\r\n".encode())
            data = b""
            while more := sock.recv(65536):
                data += more
    return data, shown


def leaf(path: Path) -> bytes:
    return pem_certificates(path.read_bytes())[0]


def key_of(path: Path) -> bytes:
    data = path.read_bytes()
    return data[data.index(b"-----BEGIN PRIVATE KEY") :]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """With the files that the page names."""
    site = authority().path(HOST)
    live = tmp_path / "live" / HOST
    live.mkdir(parents=True)
    certificate, key = site.read_bytes().replace(key_of(site), b""), key_of(site)
    (live / "fullchain.pem").write_bytes(certificate + authority().ca)
    (live / "privkey.pem").write_bytes(key)
    (tmp_path / "site.crt").write_bytes(certificate)
    (tmp_path / "site.key").write_bytes(key)
    (tmp_path / "site.pem").write_bytes(site.read_bytes())
    (tmp_path / "shop.pem").write_bytes(authority().pem("*.shop.test"))
    (tmp_path / "domains").mkdir()
    (tmp_path / "domains" / "other.pem").write_bytes(authority().pem("other.test"))
    (tmp_path / "inside.pem").write_bytes(authority().ca)
    lines = re.findall(r"(?m)^    (/etc/haproxy/\w+\.pem\b.*)$", PAGE)
    assert len(lines) == 2
    (tmp_path / "domains.txt").write_text(put("\n".join(lines) + "\n", tmp_path))
    return tmp_path


def test_the_demonstration() -> None:
    """`make demo-tls` says what to try, among it the page's curl."""
    assert "make demo-tls" in COMMANDS
    with subprocess.Popen(
        [*MAKE, "demo-tls"], cwd=ROOT, env=without_make(), stdout=subprocess.PIPE, text=True, start_new_session=True
    ) as process:
        assert process.stdout is not None
        said = ""
        for line in process.stdout:
            said += line
            if "Ctrl-C" in line:
                break
        try:
            told = re.search(r"(?m)^  (curl -k https://localhost:)(\d+)/", said)
            assert told and f"{told[1]}8443/" in COMMANDS
            done = subprocess.run(
                ["curl", "-sfk", "--retry", "20", "--retry-all-errors", f"https://localhost:{told[2]}/"],
                capture_output=True,
                timeout=60,
                check=True,
            )
            assert done.stdout.startswith(b"Hello from server ")
        finally:
            os.killpg(process.pid, signal.SIGINT)
            process.communicate(timeout=20)


def test_five_minutes(folder: Path) -> None:
    with served(FIRST, folder) as (program, _):
        port = program.ports["p443"]
        with pytest.raises(ssl.SSLCertVerificationError, match=r"self-signed|self signed"):
            ask(port, client())
        anyone = client()
        anyone.check_hostname, anyone.verify_mode = False, ssl.CERT_NONE
        assert ask(port, anyone)[0].startswith(b"HTTP/1.1 200")
        # The line that the page shows the end of.
        end = next(line for line in PAGE.splitlines() if line.endswith("TLSv1.3/TLS_AES_256_GCM_SHA384"))
        wanted = end.strip().removeprefix("... ")
        until(lambda: wanted in program.stdout(), program.stdout)


def logged(program: Program, said: str) -> bool:
    return said in program.stdout()


def until(done: Callable[[], bool], told: Callable[[], str]) -> None:
    end = time.monotonic() + 10
    while not done():
        assert time.monotonic() < end, told()
        time.sleep(0.05)


@pytest.mark.parametrize("number", [0, 1])
def test_lets_encrypt(folder: Path, number: int) -> None:
    joined = next(command for command in COMMANDS if command.startswith("cat "))
    (folder / "site.pem").unlink()
    subprocess.run(put(joined, folder), shell=True, check=True)
    assert leaf(folder / "site.pem") == leaf(authority().path(HOST))
    assert key_of(folder / "site.pem") == key_of(authority().path(HOST))
    with served(BLOCKS["A certificate from Let's Encrypt"][number], folder) as (program, _):
        answer, shown = ask(program.ports["p443"], client())
        assert answer.startswith(b"HTTP/1.1 200") and shown == leaf(authority().path(HOST))


def test_a_key_beside_its_file(folder: Path) -> None:
    """site.pem.key"""
    (folder / "site.pem").write_bytes((folder / "site.crt").read_bytes())
    (folder / "site.pem.key").write_bytes((folder / "site.key").read_bytes())
    with served(BLOCKS["Many domains"][0], folder) as (program, _):
        assert ask(program.ports["p443"], client())[1] == leaf(folder / "site.pem")


def test_a_folder_of_domains(folder: Path) -> None:
    with served(BLOCKS["Many domains"][0], folder) as (program, _):
        port = program.ports["p443"]
        assert ask(port, client(), "other.test")[1] == leaf(folder / "domains" / "other.pem")
        strange = client()
        strange.check_hostname = False
        assert ask(port, strange, "unknown.test")[1] == leaf(folder / "site.pem")


def test_a_list_of_domains(folder: Path) -> None:
    with served(BLOCKS["Many domains"][1], folder) as (program, _):
        port = program.ports["p443"]
        assert ask(port, client())[1] == leaf(folder / "site.pem")
        assert ask(port, client(), "a.shop.test")[1] == leaf(folder / "shop.pem")
        old = client()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        assert ask(port, old)[1] == leaf(folder / "site.pem")
        with pytest.raises(ssl.SSLError, match="VERSION"):
            ask(port, old, "a.shop.test")
        for name in ("intern.shop.test", "unknown.test"):
            with pytest.raises(ssl.SSLError, match="UNRECOGNIZED_NAME"):
                ask(port, client(), name)


def test_two_kinds_of_keys(folder: Path) -> None:
    """site.pem.ecdsa and site.pem.rsa"""
    (folder / "site.pem").rename(folder / "site.pem.ecdsa")
    (folder / "site.pem.rsa").write_bytes(authority().pem(HOST, "rsa"))
    with served(BLOCKS["Many domains"][0], folder) as (program, _):
        old = client()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        for kind, suites in (("rsa", "ECDHE-RSA-AES128-GCM-SHA256"), ("ecdsa", "ECDHE-ECDSA-AES128-GCM-SHA256")):
            old.set_ciphers(suites)
            assert ask(program.ports["p443"], old)[1] == leaf(folder / f"site.pem.{kind}")


def test_from_http_to_https(folder: Path) -> None:
    with served(BLOCKS["From HTTP to HTTPS"][0], folder) as (program, servers):
        plain, _ = ask(program.ports["p80"], path="/a?b")
        assert plain.startswith(b"HTTP/1.1 301")
        assert f"location: https://{HOST}/a?b\r\n".encode() in plain and b"ransport-" not in plain
        assert servers.fields == {}
        safe, _ = ask(program.ports["p443"], client())
        assert safe.startswith(b"HTTP/1.1 200") and b"\r\nstrict-transport-security: max-age=31536000\r\n" in safe
        told = {name: servers.fields[name] for name in servers.fields if name.startswith("x-")}
        assert told == {"x-forwarded-proto": "https", "x-forwarded-host": HOST, "x-forwarded-for": "127.0.0.1"}


def test_certificates_of_clients(folder: Path) -> None:
    """By the page's own commands; and others."""
    ours = Authority("as the page's")
    for command in (one for one in COMMANDS if one.startswith("openssl req")):
        subprocess.run(command, shell=True, cwd=folder, check=True, capture_output=True)
    alice = folder / "alice.pem"
    alice.write_bytes((folder / "alice.crt").read_bytes() + (folder / "alice.key").read_bytes())
    text = BLOCKS["Certificates of clients"][0]
    with served(text.replace(" crl-file /etc/haproxy/revoked.pem", ""), folder) as (program, servers):
        port = program.ports["p443"]
        answer, _ = ask(port, client(alice), fields="x-client-name: root\r\n", path="/admin")
        assert answer.startswith(b"HTTP/1.1 200")
        assert servers.fields["x-client-name"] == "alice" and servers.fields["x-client-until"].endswith("Z")
        for other in (None, ours.path("stranger.test")):
            with pytest.raises(OSError, match=r"(?i)alert|reset"):
                ask(port, client(other))
    (folder / "clients.pem").write_bytes(ours.ca)
    good, gone, late = ours.path("bob"), ours.path("gone", revoked=True), ours.path("late", expired=True)
    (folder / "revoked.pem").write_bytes(ours.crl())
    with served(text, folder) as (program, servers):
        port = program.ports["p443"]
        assert ask(port, client(good))[0].startswith(b"HTTP/1.1 200")
        assert servers.fields["x-client-name"] == "bob"
        assert ask(port, client(good), path="/admin")[0].startswith(b"HTTP/1.1 403")
        for bad, said in ((gone, "REVOKED"), (late, "EXPIRED")):
            with pytest.raises(ssl.SSLError, match=said):
                ask(port, client(bad))
    optional = text.replace("verify required", "verify optional")
    with served(optional, folder) as (program, _):
        assert ask(program.ports["p443"], client())[0].startswith(b"HTTP/1.1 200")
        with pytest.raises(ssl.SSLError, match="REVOKED"):
            ask(program.ports["p443"], client(gone))


def speaking(port: int, version: ssl.TLSVersion, suites: str = "DEFAULT@SECLEVEL=0") -> str:
    """The version that was agreed on, "" for none."""
    context = client()
    context.set_ciphers(suites)
    context.minimum_version = context.maximum_version = version
    try:
        with (
            socket.create_connection(("127.0.0.1", port), 10) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as sock,
        ):
            return sock.version() or ""
    except ssl.SSLError:
        return ""


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_versions_and_ciphers(folder: Path) -> None:
    v10, v11, v12, v13 = (getattr(ssl.TLSVersion, name) for name in ("TLSv1", "TLSv1_1", "TLSv1_2", "TLSv1_3"))
    intermediate, modern = BLOCKS["Versions and ciphers"]
    with served(intermediate, folder) as (program, _):
        port, old = program.ports["p443"], program.ports["p8443"]
        assert [speaking(port, one) for one in (v10, v11, v12, v13)] == ["", "", "TLSv1.2", "TLSv1.3"]
        assert speaking(port, v12, "ECDHE-ECDSA-AES128-SHA") == ""
        assert [speaking(old, one) for one in (v10, v11, v12, v13)] == ["TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"]
    with served(modern, folder) as (program, _):
        assert [speaking(program.ports["p443"], one) for one in (v10, v11, v12, v13)] == ["", "", "", "TLSv1.3"]
    with served(BLOCKS["Many domains"][0], folder) as (program, _):  # without a word
        assert [speaking(program.ports["p443"], one) for one in (v11, v12, v13)] == ["", "TLSv1.2", "TLSv1.3"]


def test_on_to_servers(folder: Path) -> None:
    with served(BLOCKS["On to servers, encrypted again"][0], folder) as (program, servers):
        assert ask(program.ports["p443"], client())[0].startswith(b"HTTP/1.1 200")
        assert servers.names == {"9443": "one.internal.test"} and servers.fields["host"] == HOST


def test_a_server_with_another_name(folder: Path) -> None:
    text = BLOCKS["On to servers, encrypted again"][0].replace("str(one.", "str(another.").replace("check ssl", "ssl")
    with served(text, folder) as (program, _):
        assert ask(program.ports["p443"], client())[0].startswith(b"HTTP/1.1 503")


def test_passing_through(folder: Path) -> None:
    with served(BLOCKS["On to servers, encrypted again"][1], folder) as (program, servers):
        answer, shown = ask(program.ports["p443"], client(), "one.internal.test")
        assert answer.startswith(b"HTTP/1.1 200") and shown == leaf(authority().path("one.internal.test"))
        assert servers.names == {"9443": "one.internal.test"}


@pytest.mark.skipif(shutil.which("socat") is None, reason="socat is needed")
def test_ocsp_responses(folder: Path) -> None:
    port = free_port()
    site = authority().with_responder(f"page{port}.test", f"http://127.0.0.1:{port}")
    (folder / "site.pem").write_bytes(site.read_bytes() + authority().ca)
    show, update = (put(one, folder) for one in COMMANDS if one.startswith("printf "))

    def run(command: str) -> str:
        return subprocess.run(command, shell=True, capture_output=True, text=True, timeout=20, check=True).stdout

    with served(BLOCKS["OCSP responses"][0], folder) as (program, _), authority().responder(port) as responder:
        try:
            until(lambda: port in listening_ports(), program.stderr)
            until(lambda: bool(run(update)) and "Update successful" in run(show), lambda: run(show))
            words = ["openssl", "s_client", "-status", "-connect", f"127.0.0.1:{program.ports['p443']}"]
            told = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout
            assert b"Cert Status: good" in told
        finally:
            responder.kill()


# What stands in the table of faults, by what a client does.
FAULTS: dict[str, Callable[[int], object]] = {
    "http request": ask,
    "unsupported protocol": lambda port: speaking(port, ssl.TLSVersion.TLSv1_1),
    "no shared cipher": lambda port: speaking(port, ssl.TLSVersion.TLSv1_2, "ECDHE-RSA-AES128-GCM-SHA256"),
}


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion")
def test_logs_of_faults(folder: Path) -> None:
    with served(BLOCKS["Logs"][0], folder) as (program, _):
        for said, provoke in FAULTS.items():
            assert f'log "{said}"' in PAGE
            with suppress(OSError):
                provoke(program.ports["p443"])
            until(partial(logged, program, said), program.stdout)
        until(lambda: f"name={HOST} versions=" in program.stdout(), program.stdout)
    text = BLOCKS["Logs"][0].replace("site.pem", f"site.pem verify required ca-file {folder}/inside.pem")
    with served(text, folder) as (program, _):
        with pytest.raises(OSError):
            ask(program.ports["p443"], client())
        said = "peer did not return a certificate"
        assert said in PAGE
        until(lambda: said in program.stdout(), program.stdout)


def test_looking_for_faults(folder: Path) -> None:
    check = next(command for command in COMMANDS if command.startswith("pointsman "))
    look = next(command for command in COMMANDS if command.startswith("openssl s_client"))
    with served(BLOCKS["Many domains"][0], folder) as (program, _):
        port = program.ports["p443"]
        done = subprocess.run(
            look.replace(":443 ", f":{port} "), shell=True, capture_output=True, text=True, timeout=20, check=True
        )
        assert f"CN = {HOST}" in done.stderr and "TLSv1.3" in done.stderr, done
    (folder / "haproxy.cfg").write_text(put(whole(BLOCKS["Many domains"][0]), folder))
    words = put(check, folder).split()[1:]
    for content, status, said in (
        (None, 0, "Configuration file is valid\n"),
        ((folder / "site.crt").read_bytes() + key_of(authority().path("other.test")), 1, "site.pem"),
        (b"nothing\n", 1, "site.pem"),
    ):
        if content is not None:
            (folder / "site.pem").write_bytes(content)
        done = subprocess.run(
            [*POINTSMAN.command, *words], capture_output=True, text=True, env=environment(), check=False
        )
        assert done.returncode == status and said in done.stdout + done.stderr, done
        assert status == 0 or re.search(r"haproxy\.cfg:\d+", done.stderr), done


def test_all_of_it() -> None:
    """Each block and each command of the page is one of those above; who adds one comes here."""
    assert {name: len(blocks) for name, blocks in BLOCKS.items()} == {
        "Five minutes": 1,
        "A certificate from Let's Encrypt": 2,
        "Many domains": 2,
        "From HTTP to HTTPS": 1,
        "Certificates of clients": 1,
        "Versions and ciphers": 2,
        "On to servers, encrypted again": 2,
        "OCSP responses": 1,
        "Logs": 1,
    }
    assert (
        " ".join(command.split()[0] for command in COMMANDS)
        == "make curl cat openssl openssl printf printf pointsman openssl"
    )
