"""Clients of others in front of one configuration: curl, openssl s_client, Python's ssl, nginx and haproxy, some with
certificates of their own. What is expected is as of HAProxy 3.2, which the same tests ask (manual 5.1: verify, ca-file,
ca-verify-file, crl-file, ca-ignore-err, crt-ignore-err, no-ca-names, ssl-min-ver and its kin)."""

from __future__ import annotations

import http.client
import re
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from support.certificates import authority
from support.ports import free_port
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.receiver import LogReceiver

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"
ISSUER = "X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY,X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE"

# What lines say: {ca} has signed all certificates but one, {other} that one, {crl} is what {ca} has revoked.
LINES = {
    "required": "verify required ca-file {ca}",
    "optional": "verify optional ca-file {ca}",
    "revocations": "verify required ca-file {ca} crl-file {crl}",
    "optional-revocations": "verify optional ca-file {ca} crl-file {crl}",
    "expired-ignored": "verify required ca-file {ca} crt-ignore-err X509_V_ERR_CERT_HAS_EXPIRED",
    "number-ignored": "verify required ca-file {ca} crt-ignore-err 10",
    "all-ignored": "verify required ca-file {ca} crt-ignore-err all",
    "of-authorities-ignored": "verify required ca-file {ca} ca-ignore-err all",
    "revoked-ignored": "verify required ca-file {ca} crl-file {crl} crt-ignore-err X509_V_ERR_CERT_REVOKED",
    "some-ignored": "verify optional ca-file {ca} crl-file {crl} crt-ignore-err 10,23 ca-ignore-err 2,20,21,27",
    "issuer-ignored": f"verify required ca-file {{ca}} crt-ignore-err {ISSUER}",
    "verified-apart": "verify required ca-file {other} ca-verify-file {ca}",
    "never-named": "verify required ca-verify-file {ca}",
    "unnamed": "verify required ca-file {both} no-ca-names",
    "both": "verify required ca-file {both}",
    "other-signatures": "verify required ca-file {ca} client-sigalgs RSA-PSS+SHA256",
    "plain": "",
    "old": "ssl-min-ver TLSv1.0 ciphers ALL:@SECLEVEL=0",
    "only-1.2": "ssl-max-ver TLSv1.2",
    "only-1.3": "ssl-min-ver TLSv1.3",
    "without-1.2": "no-tlsv12",
    "force-1.2": "force-tlsv12",
    "no-tickets": "no-tls-tickets",
}

MISSING = "SSLV3_ALERT_HANDSHAKE_FAILURE TLSV13_ALERT_CERTIFICATE_REQUIRED"  # with TLS 1.2 and with 1.3
EXPIRED, REVOKED, UNKNOWN = (
    "SSLV3_ALERT_CERTIFICATE_EXPIRED",
    "SSLV3_ALERT_CERTIFICATE_REVOKED",
    "TLSV1_ALERT_UNKNOWN_CA",
)
GOOD = "verify=0 err=0 ca=0"
SHOWN = ("none", "good", "expired", "revoked", "wrong", "alone", "expired-revoked")
# By lines: what becomes of a client that shows each of these.
VERDICTS = {
    "required": (MISSING, GOOD, EXPIRED, GOOD, UNKNOWN, UNKNOWN, EXPIRED),
    "optional": (GOOD, GOOD, EXPIRED, GOOD, UNKNOWN, UNKNOWN, EXPIRED),
    "revocations": (MISSING, GOOD, EXPIRED, REVOKED, UNKNOWN, UNKNOWN, REVOKED),
    "optional-revocations": (GOOD, GOOD, EXPIRED, REVOKED, UNKNOWN, UNKNOWN, REVOKED),
    "expired-ignored": (MISSING, GOOD, "verify=10 err=10 ca=0", GOOD, UNKNOWN, UNKNOWN, "verify=10 err=10 ca=0"),
    "number-ignored": (MISSING, GOOD, "verify=10 err=10 ca=0", GOOD, UNKNOWN, UNKNOWN, "verify=10 err=10 ca=0"),
    "all-ignored": (
        MISSING,
        GOOD,
        "verify=10 err=10 ca=0",
        GOOD,
        "verify=21 err=20 ca=0",
        "verify=18 err=18 ca=0",
        "verify=10 err=10 ca=0",
    ),
    "of-authorities-ignored": (MISSING, GOOD, EXPIRED, GOOD, UNKNOWN, UNKNOWN, EXPIRED),
    "revoked-ignored": (MISSING, GOOD, EXPIRED, "verify=23 err=23 ca=0", UNKNOWN, UNKNOWN, EXPIRED),
    "some-ignored": (
        GOOD,
        GOOD,
        "verify=10 err=10 ca=0",
        "verify=23 err=23 ca=0",
        UNKNOWN,
        UNKNOWN,
        "verify=10 err=23 ca=0",
    ),
    "issuer-ignored": (MISSING, GOOD, EXPIRED, GOOD, "verify=21 err=20 ca=0", UNKNOWN, EXPIRED),
    "verified-apart": (MISSING, GOOD, EXPIRED, GOOD, GOOD, UNKNOWN, EXPIRED),
    "never-named": (MISSING, GOOD, EXPIRED, GOOD, UNKNOWN, UNKNOWN, EXPIRED),
    "unnamed": (MISSING, GOOD, EXPIRED, GOOD, GOOD, UNKNOWN, EXPIRED),
    "both": (MISSING, GOOD, EXPIRED, GOOD, GOOD, UNKNOWN, EXPIRED),
    "other-signatures": (MISSING,) * 7,
}
OURS, OTHERS = "Pointsman's tests", "another"
NAMED = {  # authorities of which clients are told
    "required": [OURS],
    "verified-apart": [OTHERS],
    "never-named": [],
    "unnamed": [],
    "both": [OURS, OTHERS],
}
SPOKEN = {"plain": "1.2 1.3", "old": "1.0 1.1 1.2 1.3", "only-1.2": "1.2", "only-1.3": "1.3"}
SPOKEN |= {"without-1.2": "1.3", "force-1.2": "1.2"}
FACTS = (
    "verify=%[ssl_c_verify] err=%[ssl_c_err] ca=%[ssl_c_ca_err] used=%[ssl_c_used] name=%[ssl_c_s_dn(cn)] "
    "resumed=%[ssl_fc_is_resumed] %[ssl_fc_protocol] %[ssl_fc_sni] %[method] %[path]"
)
HEAD = """
global
    stats socket {dir}/stats level admin
defaults
    mode http
    log {log} format raw local0
    timeout client 5s
    timeout server 5s
    timeout connect 5s
"""


def shown(name: str) -> Path | None:
    """What a client shows: its certificate with its key."""
    own = authority()
    return {
        "none": lambda: None,
        "good": lambda: own.path("client.test"),
        "expired": lambda: own.path("old.test", expired=True),
        "revoked": lambda: own.path("revoked.test", revoked=True),
        "wrong": lambda: authority(OTHERS).path("client.test"),
        "alone": lambda: own.alone("alone.test"),
        "expired-revoked": lambda: own.path("both.test", expired=True, revoked=True),
    }[name]()


def values(folder: Path) -> dict[str, str]:
    """Paths of what lines name."""
    for name in SHOWN:
        shown(name)
    own, other = authority(), authority(OTHERS)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "crl.pem").write_bytes(own.crl())
    (folder / "both.pem").write_bytes(own.ca + other.ca)
    return {
        "pem": str(own.path(HOST)),
        "ca": str(own.folder / "ca.pem"),
        "other": str(other.folder / "ca.pem"),
        "both": str(folder / "both.pem"),
        "crl": str(folder / "crl.pem"),
    }


class Programs:
    """Both programs, each started once for all tests."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.folder = folder
        self.stack = stack
        self.running: dict[str, Program] = {}

    def port(self, kind: Kind, name: str) -> int:
        if kind is HAPROXY and peer_version() < (3, 2):
            pytest.skip("the peer is older")
        if kind.name not in self.running:
            folder = self.folder / kind.name
            receiver = LogReceiver()
            self.stack.callback(receiver.close)
            text = HEAD
            for line, words in LINES.items():
                text += f"frontend {line}\n    bind 127.0.0.1:{{port:{line}}} ssl crt {{pem}} {words}\n"
                text += f'    http-request return status 200 content-type text/plain lf-string "{FACTS}"\n'
            program = Program(kind, text, folder, {"log": receiver.where, **values(folder)})
            self.running[kind.name] = self.stack.enter_context(program)
        return self.running[kind.name].ports[name]


@pytest.fixture(scope="module")
def programs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Programs]:
    with ExitStack() as stack:
        yield Programs(tmp_path_factory.mktemp("clients"), stack)


def ask(port: int, certificate: Path | None, version: ssl.TLSVersion) -> str:
    """What the program knows of Python's ssl, or the alert that it sends."""
    context = ssl.create_default_context(cadata=authority().ca.decode())
    context.minimum_version = context.maximum_version = version
    if certificate is not None:
        context.load_cert_chain(certificate)
    try:
        with (
            socket.create_connection(("127.0.0.1", port), timeout=5) as plain,
            context.wrap_socket(plain, server_hostname=HOST) as sock,
        ):
            sock.sendall(b"GET /python HTTP/1.0\r\n\r\n")
            answer = b""
            while data := sock.recv(65536):
                answer += data
    except ssl.SSLError as error:
        return str(error.reason)
    return answer.decode().partition("\r\n\r\n")[2]


def s_client(port: int, *words: str) -> tuple[str, str]:
    """What it prints on either stream for a request that it sends."""
    fixed = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", HOST, "-ign_eof", "-crlf"]
    done = subprocess.run(
        [*fixed, *words], input=b"GET /openssl HTTP/1.0\n\n", capture_output=True, check=False, timeout=20
    )
    return done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("line", VERDICTS)
def test_certificates_of_clients(peer: Kind, programs: Programs, line: str, version: ssl.TLSVersion) -> None:
    port = programs.port(peer, line)
    for name, wanted in zip(SHOWN, VERDICTS[line], strict=True):
        found = ask(port, shown(name), version)
        if wanted is MISSING:
            wanted = MISSING.split()[version is ssl.TLSVersion.TLSv1_3]
        assert found.startswith(wanted), name
        if found.startswith("verify"):
            assert f" used={int(name != 'none')} " in found


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("line", NAMED)
def test_authorities_that_clients_are_told_of(peer: Kind, programs: Programs, line: str, version: str) -> None:
    printed, _ = s_client(programs.port(peer, line), f"-tls{version.replace('.', '_')}")
    if NAMED[line]:
        listed = printed.partition("Acceptable client certificate CA names\n")[2].splitlines()
        assert listed[: len(NAMED[line])] == [f"CN = {name}" for name in NAMED[line]]
        assert not listed[len(NAMED[line])].startswith("CN = ")
    else:
        assert "No client certificate CA names sent" in printed


@pytest.mark.parametrize("version", ["1.0", "1.1", "1.2", "1.3"])
@pytest.mark.parametrize("line", SPOKEN)
def test_versions_that_openssl_speaks(peer: Kind, programs: Programs, line: str, version: str) -> None:
    old = ["-cipher", "ALL:@SECLEVEL=0"] if version < "1.2" else []
    words = {"1.0": "-tls1", "1.1": "-tls1_1", "1.2": "-tls1_2", "1.3": "-tls1_3"}
    printed, complaint = s_client(programs.port(peer, line), words[version], *old)
    if version in SPOKEN[line].split():
        named = "TLSv1" if version == "1.0" else f"TLSv{version}"
        assert f" {named} {HOST} GET /openssl" in printed
    else:
        assert "SSL alert number 70" in complaint  # protocol_version
        assert "GET /openssl" not in printed


@pytest.mark.parametrize("version", ["1.2", "1.3"])
@pytest.mark.parametrize("line", ["plain", "no-tickets", "required"])
def test_openssl_resumes(peer: Kind, programs: Programs, tmp_path: Path, line: str, version: str) -> None:
    """With tickets and without, and behind a certificate that is shown once."""
    port, session = programs.port(peer, line), str(tmp_path / "session")
    words = [f"-tls{version.replace('.', '_')}"]
    if line == "required":
        words += ["-cert", str(shown("good")), "-key", str(shown("good"))]
    first, _ = s_client(port, *words, "-sess_out", session)
    again, _ = s_client(port, *words, "-sess_in", session)
    assert " resumed=0 " in first and " resumed=1 " in again
    assert re.search(r"^Reused, TLSv", again, re.MULTILINE)
    if line == "required":
        assert "name=client.test" in again
    if version == "1.2":
        assert ("TLS session ticket lifetime hint" in first) == (line != "no-tickets")


def test_a_session_of_another_line_proves_nothing(peer: Kind, programs: Programs, tmp_path: Path) -> None:
    """One that began where nobody asks for certificates is not resumed where they are required."""
    session = str(tmp_path / "session")
    first, _ = s_client(programs.port(peer, "plain"), "-tls1_2", "-sess_out", session)
    assert " resumed=0 " in first
    printed, complaint = s_client(programs.port(peer, "required"), "-tls1_2", "-sess_in", session)
    assert "resumed=" not in printed
    assert "SSL alert number 40" in complaint


def curl(port: int, *words: str) -> tuple[int, str]:
    own = authority().folder
    fixed = ["curl", "--silent", "--cacert", str(own / "ca.pem"), "--connect-to", f"{HOST}:443:127.0.0.1:{port}"]
    done = subprocess.run([*fixed, *words], capture_output=True, check=False, timeout=20)
    return done.returncode, done.stdout.decode()


@pytest.mark.skipif(shutil.which("curl") is None, reason="the program curl is not installed")
def test_curl(peer: Kind, programs: Programs) -> None:
    status, text = curl(programs.port(peer, "plain"), f"https://{HOST}/a", f"https://{HOST}/b")
    assert (status, text.count("GET /")) == (0, 2)
    status, text = curl(programs.port(peer, "optional"), "--cert", str(shown("good")), f"https://{HOST}/a")
    assert status == 0 and text.endswith(f"used=1 name=client.test resumed=0 TLSv1.3 {HOST} GET /a")
    status, text = curl(programs.port(peer, "required"), "--tls-max", "1.2", f"https://{HOST}/a")
    assert (status, text) in ((35, ""), (56, ""))
    status, text = curl(
        programs.port(peer, "old"), "--tls-max", "1.1", "--ciphers", "ALL:@SECLEVEL=0", f"https://{HOST}/"
    )
    assert status == 0 and f"TLSv1.1 {HOST} GET /" in text


NGINX = """
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    upstream front {{ server 127.0.0.1:{port}; keepalive 4; }}
    server {{
        listen 127.0.0.1:{own};
        location / {{
            proxy_pass https://front;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_ssl_server_name on;
            proxy_ssl_name {host};
            proxy_ssl_verify on;
            proxy_ssl_trusted_certificate {ca};
            {shown}
        }}
    }}
}}
"""


@contextmanager
def nginx(folder: Path, port: int, certificate: Path | None) -> Iterator[int]:
    """One that asks us over TLS; its own port."""
    own = free_port()
    said = f"proxy_ssl_certificate {certificate}; proxy_ssl_certificate_key {certificate};" if certificate else ""
    ca = authority().folder / "ca.pem"
    text = NGINX.format(folder=folder, port=port, own=own, host=HOST, ca=ca, shown=said)
    (folder / "nginx.conf").write_text(text)
    words = ["nginx", "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log"), "-p", str(folder)]
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            try:
                socket.create_connection(("127.0.0.1", own), timeout=5).close()
                break
            except ConnectionRefusedError:
                assert process.poll() is None, (folder / "error.log").read_text()
                threading.Event().wait(0.02)
        yield own
    finally:
        process.terminate()
        process.wait(10)


def plain(port: int, paths: Sequence[str]) -> list[str]:
    """Answers to requests on one clear connection."""
    found = []
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    for path in paths:
        client.request("GET", path)
        answer = client.getresponse()
        found.append(f"{answer.status} {answer.read().decode(errors='replace')}")
    client.close()
    return found


@pytest.mark.skipif(shutil.which("nginx") is None, reason="the program nginx is not installed")
def test_nginx_in_front(peer: Kind, programs: Programs, tmp_path: Path) -> None:
    with nginx(tmp_path, programs.port(peer, "required"), shown("good")) as port:
        answers = plain(port, ["/one", "/two", "/three"])
    for answer, path in zip(answers, ("/one", "/two", "/three"), strict=True):
        assert answer.startswith(f"200 {GOOD} used=1 name=client.test resumed=") and answer.endswith(
            f"{HOST} GET {path}"
        )
    with nginx(tmp_path, programs.port(peer, "required"), None) as port:
        assert plain(port, ["/one"])[0][:3] in ("400", "502")


BEFORE = (
    HEAD
    + """
listen before
    bind 127.0.0.1:{port:before}
    http-reuse always
    server behind 127.0.0.1:{behind} ssl verify required ca-file {ca} crt {shown} sni str(www.example.test)
listen without
    bind 127.0.0.1:{port:without}
    retries 0
    server behind 127.0.0.1:{behind} ssl verify required ca-file {ca} sni str(www.example.test)
"""
)


@pytest.mark.peer
@pytest.mark.parametrize("line", ["required", "no-tickets"])
def test_haproxy_in_front(programs: Programs, tmp_path: Path, line: str) -> None:
    """It shows its certificate where it is asked, and resumes where it begins anew."""
    behind = str(programs.port(POINTSMAN, line))
    own = {
        "behind": behind,
        "ca": str(authority().folder / "ca.pem"),
        "shown": str(shown("good")),
        "log": "127.0.0.1:9",
    }
    with Program(HAPROXY, BEFORE, tmp_path, own) as program:
        answers = plain(program.ports["before"], ["/one", "/two"])
        assert [answer[:3] for answer in answers] == ["200", "200"]
        for answer, path in zip(answers, ("/one", "/two"), strict=True):
            used = "used=1 name=client.test" if line == "required" else "used=0 name="
            assert used in answer and answer.endswith(f"{HOST} GET {path}")
        # With TLS 1.3 a client's handshake is over before the server has seen that there is no certificate.
        refused = ("502", "503") if line == "required" else ("200",)
        assert plain(program.ports["without"], ["/"])[0][:3] in refused
