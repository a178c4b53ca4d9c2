"""Every fetch about TLS (manual 7.3.4): both programs have the same configuration and the same certificates, and the
same clients ask them. Each fetch that has a sample is a field of the answer, in hexadecimal digits.

What is drawn by chance is compared by its length. Debian 12's program lacks a few of these fetches, so the peer has to
be a newer one (POINTSMAN_PEER). What fetches say of a handshake that failed is compared by error-log-format.
"""

from __future__ import annotations

import re
import socket
import ssl
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest
from support.hello import client_hello
from support.programs import HAPROXY, POINTSMAN, Program, peer_version
from support.receiver import LogReceiver
from support.tls_pairs import certificates
from support.x509 import forest

pytestmark = pytest.mark.skipif(peer_version() < (3, 2), reason="the peer is older")

CHANCE = re.compile("random|session_id|session_key|unique_id|secret")
NAMES = (
    *("", "(CN)", "(cn)", "(CN,2)", "(CN,3)", "(CN,-1)", "(CN,0)", "(OU)", "(OU,2)", "(OU,-1)", "(OU,-9)", "(O)"),
    *("(emailAddress)", "(UID)", "(X)", "(2.5.4.3)", "(,0,rfc2253)", "(OU,1,rfc2253)", "(,1)"),
)
LISTS = "cipherlist_bin cipherlist_hex cipherlist_str eclist_bin extlist_bin sigalgs_bin supported_versions_bin"
BOTH = """alpn cipher curve npn protocol sni err_str alg_keysize use_keysize err client_random server_random session_id
session_key unique_id is_resumed client_early_traffic_secret client_handshake_traffic_secret client_traffic_secret_0
early_exporter_secret exporter_secret server_handshake_traffic_secret server_traffic_secret_0"""
CERTIFICATE = "der key_alg notafter notbefore serial sha1 sig_alg version"
FRONT = [
    *(f"ssl_fc_{name}" for name in BOTH.split()),
    *(f"ssl_fc_{name}{filter}" for name in LISTS.split() for filter in ("", "(0)", "(1)")),
    *(
        "ssl_fc",
        "ssl_fc_has_crt",
        "ssl_fc_has_early",
        "ssl_fc_early_rcvd",
        "ssl_fc_has_sni",
        "ssl_fc_protocol_hello_id",
    ),
    *("ssl_fc_cipherlist_xxh", "ssl_fc_ecformats_bin"),
]
CLIENT = [
    *(f"ssl_c_{name}" for name in ("ca_err", "ca_err_depth", "err", "verify", "used", "san", "chain_der")),
    *(f"ssl_c_{name}" for name in CERTIFICATE.split()),
    *(f"ssl_c_{kind}_dn{words}" for kind in "sir" for words in NAMES),
]
OWN = [
    *(f"ssl_f_{name}" for name in CERTIFICATE.split()),
    *(f"ssl_f_{kind}_dn{words}" for kind in "si" for words in NAMES),
]
BACK = [
    *("ssl_bc", "ssl_s_chain_der", *(f"ssl_bc_{name}" for name in BOTH.split())),
    *(f"ssl_s_{name}" for name in CERTIFICATE.split()),
    *(f"ssl_s_{kind}_dn{words}" for kind in "si" for words in NAMES),
]
FAILED = [*FRONT, *CLIENT, *OWN]  # what is known of a client alone
ALL = [*FAILED, *BACK]
ASKABLE = [*ALL, *(f"{fetch} at first" for fetch in FAILED)]  # when the answer goes, and when the request comes
GLOBAL = """
global
    log {log} len 65000 format raw local0
    tune.ssl.capture-buffer-size 512
    tune.ssl.keylog on
    tune.http.maxhdr 1000
    tune.bufsize 65536
    tune.maxrewrite 60000
    ssl-default-server-options no-tls-tickets
defaults
    mode http
    timeout connect 5s
    timeout client 5s
    timeout server 5s
"""
CRT = "crt {files}/front.pem crt {files}/rsa.pem"


def shown(number: int, fetch: str) -> str:
    """A field with what the fetch says, if it says anything."""
    return f'    http-after-response set-header x-{number} "%[{fetch},hex]" if {{ {fetch} -m found }}\n'


def noted(number: int, fetch: str) -> str:
    """Another one with what it says when the request comes."""
    rule = f"    http-request set-var(txn.v{number}) {fetch}\n"
    return rule + shown(len(ALL) + number, f"var(txn.v{number})")


ASKED = (
    GLOBAL
    + f"frontend front\n    bind 127.0.0.1:{{port:front}} ssl {CRT} verify optional ca-file {{files}}/authorities.pem "
    "crt-ignore-err all ca-ignore-err all\n    bind 127.0.0.1:{port:clear}\n"
    f"    bind 127.0.0.1:{{port:early}} ssl {CRT} allow-0rtt\n"
    f"    bind 127.0.0.1:{{port:group}} ssl {CRT} curves P-256\n    default_backend both\n"
    + "".join(shown(number, fetch) for number, fetch in enumerate(ALL))
    + "".join(noted(number, fetch) for number, fetch in enumerate(FAILED))
    + "    use_backend one if { path /one }\n    use_backend bad if { path /bad }\n"
    "backend both\n    server s 127.0.0.1:{port:inner} ssl verify none sni str(www.example.test) alpn http/1.1 "
    "crt {files}/client.pem curves X25519\n"
    "backend one\n    server s 127.0.0.1:{port:inner} ssl verify required ca-file {files}/authorities.pem "
    "force-tlsv12 sni str(Www.example.test)\n"
    "backend bad\n    retries 0\n    server s 127.0.0.1:{port:inner} ssl verify required ca-file {files}/elsewhere.crt "
    "sni str(www.example.test) curves X25519\n"
    f"frontend inner\n    bind 127.0.0.1:{{port:inner}} ssl {CRT} verify optional ca-file {{files}}/authorities.pem\n"
    "    http-request return status 200\n"
)
FAILING = (
    GLOBAL
    + f"frontend front\n    bind 127.0.0.1:{{port:front}} ssl {CRT} verify required ca-file {{files}}/authorities.pem\n"
    '    log global\n    error-log-format "'
    + "|".join(f"%[{fetch},hex]" for fetch in FAILED)
    + '"\n    http-request return status 200\n'
)
Facts = dict[str, str]


@pytest.fixture(scope="module")
def files() -> Path:
    certificates()
    forest().authorities()
    return forest().folder


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory, files: Path) -> Iterator[list[dict[str, int]]]:
    """Of haproxy and of Pointsman."""
    with ExitStack() as stack:
        folder, log = tmp_path_factory.mktemp("tls"), LogReceiver()
        stack.callback(log.close)
        values = {"files": str(files), "log": log.where}
        yield [
            stack.enter_context(Program(kind, ASKED, folder / kind.name, values)).ports for kind in (HAPROXY, POINTSMAN)
        ]


def context(
    version: str = "", certificate: str = "", protocols: tuple[str, ...] = (), suites: str = ""
) -> ssl.SSLContext:
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    if version:
        made.minimum_version = made.maximum_version = getattr(ssl.TLSVersion, version)
    if certificate:
        made.load_cert_chain(forest().folder / certificate)
    if protocols:
        made.set_alpn_protocols(list(protocols))
    if suites:
        made.set_ciphers(suites)
    return made


def answer(sock: socket.socket, path: str) -> Facts:
    """The fields of the answer, by fetch."""
    sock.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n".encode())
    data = b""
    while more := sock.recv(65536):
        data += more
    assert data.startswith(b"HTTP/1.1 503 " if path == "/bad" else b"HTTP/1.1 200 "), data[:200]
    return fields(data)


def fields(data: bytes) -> Facts:
    """Those of an answer, by fetch."""
    found: Facts = {}
    for line in data.partition(b"\r\n\r\n")[0].decode("ascii").split("\r\n")[1:]:
        name, _, value = line.partition(": ")
        if name.startswith("x-"):
            fetch = ASKABLE[int(name[2:])]
            found[fetch] = str(len(value)) if CHANCE.search(fetch) else value
    return found


def ask(
    port: int, client: ssl.SSLContext, name: str | None, path: str = "/", session: ssl.SSLSession | None = None
) -> tuple[Facts, ssl.SSLSession | None]:
    plain = socket.create_connection(("127.0.0.1", port), 10)
    with client.wrap_socket(plain, server_hostname=name, session=session) as sock:
        return answer(sock, path), sock.session


def same(theirs: Facts, mine: Facts) -> None:
    assert {name: (theirs.get(name), mine.get(name)) for name in ASKABLE if theirs.get(name) != mine.get(name)} == {}


CLIENTS: dict[str, Callable[[], ssl.SSLContext]] = {
    "TLS 1.3": lambda: context("TLSv1_3"),
    "TLS 1.2": lambda: context("TLSv1_2"),
    "all versions": context,
    "ALPN": lambda: context(protocols=("http/1.1",)),
    "ALPN without agreement": lambda: context(protocols=("other",)),
    "RSA": lambda: context("TLSv1_2", suites="ECDHE-RSA-AES128-GCM-SHA256"),
    "ECDSA": lambda: context("TLSv1_2", suites="ECDHE-ECDSA-CHACHA20-POLY1305"),
    "no agreement on keys": lambda: context("TLSv1_2", suites="AES256-SHA"),
    **{
        f"{certificate} {version}": lambda version=version, certificate=certificate: context(
            version, f"{certificate}.pem"
        )
        for certificate in ("client", "rsa", "stranger", "alone", "nul", "strange", "bmp", "latin")
        for version in ("TLSv1_2", "TLSv1_3")
    },
}


@pytest.fixture(scope="module", autouse=True)
def odd_certificates(files: Path) -> None:
    woods = forest()
    woods.make("base", "/CN=abcxyz/O=qrs/OU=unit", extensions="plain", signer="root")
    woods.changed("nul", "base", (b"abcxyz", b"abc\0yz"))
    woods.changed("strange", "base", (b"\x55\x04\x0a\x0c\x03qrs", b"\x55\x04\x7f\x0c\x03qrs"))
    woods.make("bmp", "/CN=B\N{LATIN SMALL LETTER E WITH ACUTE}/O=a", mask="MASK:0x0800")
    woods.make("latin", "/CN=B\N{LATIN SMALL LETTER E WITH ACUTE}/O=a", mask="MASK:0x0004", days=50000)


@pytest.mark.parametrize("kind", CLIENTS)
def test_each_fetch_says_the_same(ports: list[dict[str, int]], kind: str) -> None:
    name = "Other.example.test" if kind in ("RSA", "no agreement on keys") else "WWW.example.test"
    theirs, mine = (ask(one["front"], CLIENTS[kind](), name)[0] for one in ports)
    assert theirs["ssl_fc_protocol"] and theirs["ssl_bc_protocol"]
    same(theirs, mine)


def test_no_name_of_a_server(ports: list[dict[str, int]]) -> None:
    theirs, mine = (ask(one["front"], context(), None)[0] for one in ports)
    assert "ssl_fc_sni" not in theirs
    same(theirs, mine)


def test_a_server_that_speaks_otherwise(ports: list[dict[str, int]]) -> None:
    theirs, mine = (ask(one["front"], context(), "www.example.test", "/one")[0] for one in ports)
    assert bytes.fromhex(theirs["ssl_bc_protocol"]) == b"TLSv1.2"
    same(theirs, mine)


def test_a_server_that_is_not_trusted(ports: list[dict[str, int]]) -> None:
    theirs, mine = (ask(one["front"], context(), "www.example.test", "/bad")[0] for one in ports)
    assert int(theirs["ssl_bc_err"], 16) & 0xFFF == 134  # certificate verify failed
    same(theirs, mine)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
@pytest.mark.parametrize("certificate", ["", "client.pem", "alone.pem"])
def test_a_session_that_is_resumed(ports: list[dict[str, int]], version: str, certificate: str) -> None:
    found = []
    for one in ports:
        client = context(version, certificate)
        session = ask(one["front"], client, "www.example.test")[1]
        found.append(ask(one["front"], client, "www.example.test", session=session)[0])
    assert int(found[0]["ssl_fc_is_resumed"], 16) == 1
    same(*found)


def test_a_hello_that_is_said_twice(ports: list[dict[str, int]]) -> None:
    """The client has offered keys of another group."""
    theirs, mine = (ask(one["group"], context("TLSv1_3"), "www.example.test")[0] for one in ports)
    assert bytes.fromhex(theirs["ssl_fc_curve"]) == b"SECP256R1"
    same(theirs, mine)


def early(port: int, folder: Path) -> Facts:
    """What is told a client, the program openssl, whose request came before its handshake was over, and whose answer
    went later."""
    request, session = folder / "request", folder / f"session-{port}"
    request.write_bytes(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", "www.example.test"]
    words += ["-tls1_3", "-quiet", "-alpn", "http/1.1"]
    again = [*words, "-sess_in", str(session), "-early_data", str(request)]
    for _ in range(40):  # it is a matter of chance when the end of the handshake comes
        with subprocess.Popen([*words, "-sess_out", str(session)], stdin=-1, stdout=-1, stderr=-3) as first:
            first.communicate(request.read_bytes(), timeout=20)
        with subprocess.Popen(again, stdin=-1, stdout=-1, stderr=-3) as second:
            found = fields(second.communicate(timeout=20)[0])
        if int(found["ssl_fc_has_early at first"], 16) and not int(found["ssl_fc_has_early"], 16):
            return found
    raise AssertionError("no request comes early enough")


def test_early_data(ports: list[dict[str, int]], tmp_path: Path) -> None:
    """The end of the handshake may come while rules are run, so that not each pair of answers is alike."""
    for _ in range(10):
        theirs, mine = (early(one["early"], tmp_path) for one in ports)
        assert int(theirs["ssl_fc_early_rcvd"], 16) == 1
        if theirs == mine:
            return
    same(theirs, mine)


def test_a_clear_connection(ports: list[dict[str, int]]) -> None:
    found = []
    for one in ports:
        with socket.create_connection(("127.0.0.1", one["clear"]), 10) as sock:
            found.append(answer(sock, "/"))
    assert int(found[0]["ssl_fc"], 16) == 0
    same(*found)


def hello(port: int) -> None:
    """With everything that no library knows, and with no key, so that nothing comes of it."""
    with socket.create_connection(("127.0.0.1", port), 10) as sock:
        sock.sendall(client_hello())
        with suppress(ConnectionError):
            while sock.recv(4096):
                pass


def refused(version: str, certificate: str) -> Callable[[int], None]:
    def ask_in_vain(port: int) -> None:
        with pytest.raises((ssl.SSLError, ConnectionError)):
            ask(port, context(version, certificate), "WWW.example.test")

    return ask_in_vain


IN_VAIN: dict[str, Callable[[int], None]] = {
    "hello": hello,
    **{
        f"{certificate or 'none'} {version}": refused(version, certificate)
        for version in ("TLSv1_2", "TLSv1_3")
        for certificate in ("", "alone.pem", "stranger.pem")
    },
}


def test_a_handshake_that_fails(tmp_path: Path, files: Path) -> None:
    lines: list[list[str]] = []
    for kind in (HAPROXY, POINTSMAN):
        log = LogReceiver()
        with Program(kind, FAILING, tmp_path / kind.name, {"files": str(files), "log": log.where}) as program:
            for number, attempt in enumerate(IN_VAIN.values(), 1):
                attempt(program.ports["front"])
                log.wait(number)
        lines.append([line for line in log.close() if "|" in line])
    for name, theirs, mine in zip(IN_VAIN, *lines, strict=True):
        pairs = {
            fetch: (one, other)
            for fetch, one, other in zip(FAILED, theirs.split("|"), mine.split("|"), strict=True)
            if one != other and not (CHANCE.search(fetch) and len(one) == len(other))
        }
        assert pairs == {}, name


OF_CHECKS = [fetch for fetch in BACK if fetch.startswith("ssl_bc") and not CHANCE.search(fetch)]
CHECKED = (
    GLOBAL + "backend asked\n    option httpchk\n"
    "    http-check connect\n"
    "    http-check send uri /clear hdr x-facts %[ssl_bc],%[ssl_bc_cipher]\n"
    "    http-check expect status 200\n"
    "    http-check connect port {port:tls} ssl sni www.example.test alpn http/1.1\n"
    "    http-check send uri /tls hdr x-facts " + ",".join(f"%[{fetch},hex]" for fetch in OF_CHECKS) + "\n"
    "    server s 127.0.0.1:{port:inner} check inter 60s verify none curves X25519 crt {files}/client.pem\n"
    f"frontend inner\n    bind 127.0.0.1:{{port:inner}}\n    bind 127.0.0.1:{{port:tls}} ssl {CRT}\n"
    '    log global\n    log-format "|%HP %[capture.req.hdr(0)]"\n    http-request capture req.fhdr(x-facts) len 4000\n'
    "    http-request return status 200\n"
)


def test_a_health_check(tmp_path: Path, files: Path) -> None:
    """What its steps send can tell of the connection that it has made."""
    lines = []
    for kind in (HAPROXY, POINTSMAN):
        log = LogReceiver()
        with Program(kind, CHECKED, tmp_path / kind.name, {"files": str(files), "log": log.where}):
            log.wait(2)
        lines.append([line.partition("|")[2] for line in log.close() if "|" in line])
    assert lines[0][0].startswith("/clear 0,") and len(lines[0]) == 2 and "/tls " in lines[0][1]
    assert lines[0] == lines[1]
