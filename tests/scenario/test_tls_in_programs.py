"""What programs count and log of TLS, with two lanes, as HAProxy 3.2 does: the error log (manual 8.2.5), ssl_sess and
its kin (management 9.1), show info (9.3), maxsslconn and maxsslrate (manual 3.2); and after a lane's death."""

from __future__ import annotations

import os
import signal
import socket
import ssl
import struct
import subprocess
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from support.certificates import authority
from support.crowd import children, read_response, until
from support.programs import HAPROXY, POINTSMAN, Kind, Program, peer_version
from support.scenario import query, show_stat

from pointsman.core.tls import VERSION

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"
REQUEST = b"GET / HTTP/1.1\r\nhost: a\r\n\r\n"
CLOSING = b"GET / HTTP/1.0\r\n\r\n"
ERRORS = '"%ft %ts fc=%[fc_err]/%[fc_err_name] ssl=%[ssl_fc_err,hex] %[ssl_fc_sni]/%sslv/%sslc %[ssl_fc]"'
CONFIG = """
global
    stats socket {dir}/stats level admin
    {global}
defaults
    mode http
    timeout connect 2s
    timeout client 5s
    timeout client-hs 800ms
    timeout server 5s
    log {log} format raw local0
    option socket-stats
    option httplog
frontend web
    bind 127.0.0.1:{port:web} ssl crt {pem} name tls
    http-request return status 200
frontend quiet
    bind 127.0.0.1:{port:quiet} ssl crt {pem} name tls
    option dontlognull
    http-request return status 200
frontend told
    bind 127.0.0.1:{port:told} ssl crt {pem} name tls
    error-log-format {errors}
    http-request return status 200
frontend headed
    bind 127.0.0.1:{port:headed} ssl crt {pem} accept-proxy name tls
    http-request return status 200
frontend stapled
    bind 127.0.0.1:{port:stapled} ssl crt {dir}/stapled.pem name tls
    http-request return status 200
frontend https
    bind 127.0.0.1:{port:https} ssl crt {pem} name tls
    option httpslog
    http-request return status 200
frontend clear
    bind 127.0.0.1:{port:clear}
    bind 127.0.0.1:{port:secure} ssl crt {pem}
    http-request redirect scheme https unless { ssl_fc }
    http-request return status 200
frontend metrics
    bind 127.0.0.1:{port:metrics}
    http-request use-service prometheus-exporter
listen behind
    bind 127.0.0.1:{port:behind}
    http-reuse never
    retries 0
    use-server bad if { path /bad }
    server good 127.0.0.1:{port:web} ssl verify none
    server bad 127.0.0.1:{port:web} weight 0 ssl verify required ca-file {other}
"""


@dataclass
class House:
    program: Program
    lines: socket.socket

    @property
    def stats(self) -> Path:
        return self.program.folder / "stats"

    def logged(self, seconds: float = 2.0) -> str:
        """The next line, without its client and its date."""
        self.lines.settimeout(seconds)
        line = self.lines.recv(65536).decode().rstrip()
        return line.partition("] ")[2] if line.startswith("127.0.0.1:") else line

    def silent(self) -> bool:
        """Nothing more is logged."""
        self.lines.settimeout(0.3)
        try:
            self.lines.recv(65536)
        except TimeoutError:
            return True
        return False

    def info(self, *names: str) -> list[int]:
        """These fields of `show info`."""
        fields = dict(line.split(": ", 1) for line in query(self.stats, "show info").splitlines() if ": " in line)
        return [int(fields[name]) for name in names]

    def row(self, name: str, *columns: str) -> dict[str, int]:
        """Columns of a row that are not zero."""
        found = show_stat(self.stats)[name]
        wanted = columns or ("stot", "conn_tot", "ereq", "ssl_sess", "ssl_reused_sess", "ssl_failed_handshake")
        return {column: int(found[column]) for column in wanted if found[column] not in ("", "0")}

    def metrics(self) -> dict[str, float]:
        """What Prometheus is told, with the counters of modules."""
        address = f"http://127.0.0.1:{self.program.ports['metrics']}/metrics?extra-counters"
        with urllib.request.urlopen(address, timeout=5) as answer:
            lines = [line for line in answer.read().decode().splitlines() if line and line[0] != "#"]
        return {line.rpartition(" ")[0]: float(line.rpartition(" ")[2]) for line in lines}

    def connect(self, name: str = "web") -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.program.ports[name]), timeout=5)

    def secured(self, name: str = "web", context: ssl.SSLContext | None = None) -> ssl.SSLSocket:
        return (context or client_context()).wrap_socket(self.connect(name), server_hostname=HOST)


def client_context(version: ssl.TLSVersion | None = None) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority().ca.decode())
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context


def hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = client_context().wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def with_staple(folder: Path) -> None:
    """stapled.pem, and beside it an OCSP response (stapled.pem.ocsp) that is good for a day."""
    own = authority()
    certificate, key = own.path(HOST), str(own.folder / "ca.key")
    (folder / "stapled.pem").write_bytes(certificate.read_bytes() + own.ca)
    asked, answer = str(folder / "asked.der"), str(folder / "stapled.pem.ocsp")
    ca = str(own.folder / "ca.pem")
    for words in (
        ["-issuer", ca, "-cert", str(certificate), "-no_nonce", "-reqout", asked],
        ["-index", str(own.folder / "index"), "-CA", ca, "-rsigner", ca, "-rkey", key, "-reqin", asked]
        + ["-respout", answer, "-ndays", "1"],
    ):
        done = subprocess.run(["openssl", "ocsp", *words], capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()


@contextmanager
def running(kind: Kind, folder: Path, words: str = "", arguments: Sequence[str] = ("-db",)) -> Iterator[House]:
    """`words`: a line of the global section."""
    if kind is HAPROXY and peer_version() < (3, 2):
        pytest.skip("the peer is older")
    other = folder / "other.pem"
    other.write_bytes(authority("another").ca)
    with_staple(folder)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as lines:
        lines.bind(("127.0.0.1", 0))
        values = {
            "global": words,
            "log": f"127.0.0.1:{lines.getsockname()[1]}",
            "pem": str(authority().path(HOST)),
            "other": str(other),
            "errors": ERRORS,
        }
        with Program(kind, CONFIG, folder, values, arguments) as program:
            yield House(program, lines)


@pytest.fixture
def house(peer: Kind, tmp_path: Path) -> Iterator[House]:
    with running(peer, tmp_path) as made:
        yield made


def drain(client: socket.socket) -> None:
    try:
        while client.recv(65536):
            pass
    except ConnectionError:
        pass
    client.close()


def reset(client: socket.socket) -> None:
    client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def shut(client: socket.socket) -> None:
    client.shutdown(socket.SHUT_WR)
    drain(client)


def leave(client: socket.socket) -> None:
    time.sleep(0.1)  # what was sent is read first
    reset(client)


EMPTY = "Connection closed during SSL handshake"
FAILED = "SSL handshake failure"
LATE = "Timeout during SSL handshake"
NO_HELLO = "-/TLSv1.3/(NONE) 1"
HELLO = f"{HOST}/TLSv1.3/TLS_AES_256_GCM_SHA384 1"
# What the client sends, and how it goes on; what is logged, under dontlognull or not, and by error-log-format.
CASES: dict[str, tuple[bytes, Callable[[socket.socket], None], str, bool, str]] = {
    "nothing, end": (b"", shut, EMPTY, False, f"24/SSL_EMPTY ssl={0:016X} {NO_HELLO}"),
    "half, end": (hello()[:50], shut, EMPTY, False, f"24/SSL_EMPTY ssl={0:016X} {NO_HELLO}"),
    "hello, end": (hello(), shut, FAILED, True, f"34/SSL_HANDSHAKE ssl={0:016X} {HELLO}"),
    "nothing, reset": (b"", leave, FAILED, True, f"34/SSL_HANDSHAKE ssl={0:016X} {NO_HELLO}"),
    "hello, reset": (hello(), leave, FAILED, True, f"34/SSL_HANDSHAKE ssl={0:016X} {HELLO}"),
    "nothing": (b"", drain, LATE, False, f"26/SSL_TIMEOUT ssl={0:016X} {NO_HELLO}"),
    "hello": (hello(), drain, LATE, False, f"26/SSL_TIMEOUT ssl={0:016X} {HELLO}"),
    "another protocol": (
        CLOSING,
        drain,
        f"{FAILED} (error:0A00009C:SSL routines::http request)",
        True,
        f"34/SSL_HANDSHAKE ssl={0x0A00009C:016X} {NO_HELLO}",
    ),
    "garbage": (
        b"\0garbage" * 9,
        drain,
        f"{FAILED} (error:0A00010B:SSL routines::wrong version number)",
        True,
        f"34/SSL_HANDSHAKE ssl={0x0A00010B:016X} {NO_HELLO}",
    ),
}


def test_handshakes_that_fail(house: House) -> None:
    """They are connections and no sessions; those whose time was up are no failed handshakes."""
    failed = 0
    for number, (data, go_on, message, told, line) in enumerate(CASES.values(), 1):
        failed += message != LATE
        for name in ("web", "quiet", "told"):
            client = house.connect(name)
            client.sendall(data)
            go_on(client)
            if name == "web":
                assert house.logged() == f"web/tls: {message}"
            elif name == "told":
                assert house.logged() == f"told~ PR fc={line}"
            elif told:
                assert house.logged() == f"quiet/tls: {message}"
        expected = {"conn_tot": number, "ssl_failed_handshake": failed}
        assert house.row("web/FRONTEND") == house.row("web/tls") == expected
    assert house.silent()
    connections = 3 * len(CASES)
    assert house.info("CurrConns", "CurrSslConns", "CumSslConns") == [0, 0, connections]


def test_a_failed_proxy_header_of_a_socket_with_tls(house: House) -> None:
    """A failed handshake, too; the limit of time is one for both."""
    client = house.connect("headed")
    client.sendall(CLOSING)
    drain(client)
    assert house.logged() == "headed/tls: Received something which does not look like a PROXY protocol header"
    client = house.connect("headed")
    client.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n")
    shut(client)
    assert house.logged().partition("] ")[2] == f"headed/tls: {EMPTY}"  # of the client that the header names
    began = time.monotonic()
    client = house.connect("headed")
    time.sleep(0.5)
    client.sendall(b"PROXY TCP4 1.2.3.4 5.6.7.8 11 22\r\n" + hello())
    drain(client)
    assert 0.7 < time.monotonic() - began < 1.25
    assert house.logged().partition("] ")[2] == f"headed/tls: {LATE}"
    client = house.connect("headed")
    drain(client)
    assert house.logged() == "headed/tls: Timeout while waiting for PROXY protocol header"
    assert house.row("headed/FRONTEND") == {"conn_tot": 4, "ssl_failed_handshake": 2}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=["1.2", "1.3"])
def test_full_and_resumed_and_failed(house: House, version: ssl.TLSVersion) -> None:
    """Over all lanes: a key is made once, whichever lane has the next connection."""
    context = client_context(version)
    session = None
    for number in range(6):
        with context.wrap_socket(house.connect(), server_hostname=HOST, session=session) as client:
            client.sendall(REQUEST)
            assert read_response(client).startswith(b"HTTP/1.1 200 ")
            assert client.session_reused is bool(number)
            session = client.session
            assert house.info("CurrSslConns") == [1]
        until(lambda: house.info("CurrSslConns") == [0])
    shut(house.connect())
    expected = {"stot": 6, "conn_tot": 7, "ssl_sess": 1, "ssl_reused_sess": 5, "ssl_failed_handshake": 1}
    until(lambda: house.row("web/FRONTEND", *expected) == expected)
    assert house.row("web/tls", *expected) == expected
    assert house.info("CumSslConns", "SslFrontendMaxKeyRate") == [7, 1]
    metrics = house.metrics()
    assert metrics["haproxy_process_ssl_connections_total"] == 7
    for scope, labels in (("frontend", 'proxy="web"'), ("listener", 'proxy="web",listener="tls"')):
        for column in ("ssl_sess", "ssl_reused_sess", "ssl_failed_handshake"):
            assert metrics[f'haproxy_{scope}_{column}{{{labels},mod="ssl"}}'] == expected[column]
    (rate, keys, part) = house.info("SslRate", "SslFrontendKeyRate", "SslFrontendSessionReuse_pct")
    assert 0 <= rate <= 7 and 0 <= keys <= 1 and (part >= 50 or rate == 0)


def test_towards_servers(house: House) -> None:
    """ssl_sess and its kin of servers and backends; both sides are in CumSslConns."""
    for _ in range(3):
        with house.connect("behind") as client:
            client.sendall(REQUEST)
            assert read_response(client).startswith(b"HTTP/1.1 200 ")
    until(lambda: house.info("CurrSslConns") == [0])
    columns = ("ssl_sess", "ssl_reused_sess", "ssl_failed_handshake")
    assert house.row("behind/good", *columns) == {"ssl_sess": 1, "ssl_reused_sess": 2}
    with house.connect("behind") as client:
        client.sendall(REQUEST.replace(b"/ ", b"/bad ", 1))
        assert read_response(client).startswith(b"HTTP/1.1 503 ")
    assert house.row("behind/bad", *columns) == {"ssl_failed_handshake": 1}
    assert house.row("behind/BACKEND", *columns) == {
        "ssl_sess": 1,
        "ssl_reused_sess": 2,
        "ssl_failed_handshake": 1,
    }
    assert house.info("CumSslConns", "SslBackendMaxKeyRate") == [8, 1]


def test_ocsp_responses(house: House) -> None:
    """Those that are sent along with a certificate, to clients that ask for them; none goes with a resumed session."""
    port, kept = house.program.ports["stapled"], house.program.folder / "session.pem"

    def visit(*words: str) -> bytes:
        command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-tls1_2", *words]
        return subprocess.run(command, input=b"", capture_output=True, check=False, timeout=20).stdout

    assert b"OCSP Response Status: successful" in visit("-status", "-sess_out", str(kept))
    assert b"OCSP response" not in visit()
    assert b"Reused, TLSv1.2" in visit("-status", "-sess_in", str(kept))
    expected = {"ssl_sess": 2, "ssl_reused_sess": 1, "ssl_ocsp_staple": 1}
    columns = (*expected, "ssl_failed_ocsp_staple", "ssl_failed_handshake")
    assert house.row("stapled/FRONTEND", *columns) == house.row("stapled/tls", *columns) == expected


def test_what_lines_say(house: House) -> None:
    """option httpslog (manual 8.2.4), and the "~" behind names."""
    with house.secured("https") as client:
        client.sendall(CLOSING)
        drain(client)
    line = house.logged()
    assert line.startswith("https~ https/<NOSRV> ")
    tls = f"0/{0:016X}/0/0/0 {HOST}/TLSv1.3/TLS_AES_256_GCM_SHA384"
    assert line.endswith(f' "GET / HTTP/1.0" {tls}')


def test_a_redirect_to_https(house: House) -> None:
    with house.connect("clear") as client:
        client.sendall(REQUEST)
        answer = read_response(client)
        assert answer.startswith(b"HTTP/1.1 302 ") and b"location: https://a/\r\n" in answer
    assert house.logged().startswith("clear clear/<NOSRV> ")
    with house.secured("secure") as client:
        client.sendall(REQUEST)
        assert read_response(client).startswith(b"HTTP/1.1 200 ")
    assert house.logged().startswith("clear~ clear/<NOSRV> ")


def test_maxsslconn(peer: Kind, tmp_path: Path) -> None:
    """Of both sides together: clients wait, connections to servers are not made."""
    with running(peer, tmp_path, "maxsslconn 2") as house, house.secured() as first, house.secured() as second:
        assert house.info("MaxSslConns", "CurrSslConns") == [2, 2]
        with house.connect("behind") as client:
            client.sendall(REQUEST)
            assert read_response(client).startswith(b"HTTP/1.1 500 ")
        while not (line := house.logged()).startswith("behind "):
            pass
        assert " behind/good " in line and " 500 " in line and " IC-- " in line
        third = house.connect()
        third.settimeout(0.3)
        with pytest.raises(TimeoutError):
            client_context().wrap_socket(third, server_hostname=HOST)
        if peer is HAPROXY:  # in 3.2 nobody tells the socket that there is room again
            return
        third = house.connect()
        first.close()
        with client_context().wrap_socket(third, server_hostname=HOST) as client:
            client.sendall(REQUEST)
            assert read_response(client).startswith(b"HTTP/1.1 200 ")
            assert house.info("CurrSslConns") == [2]
        second.close()
        until(lambda: house.info("CurrSslConns") == [0])


def test_maxsslrate(peer: Kind, tmp_path: Path) -> None:
    """It counts handshakes before they begin; `set rate-limit` changes it at once."""
    with running(peer, tmp_path, "maxsslrate 3") as house:
        began = time.monotonic()
        for _ in range(8):
            drain_garbage(house)
        assert time.monotonic() - began > 1
        assert house.info("SslRateLimit") == [3]
        assert query(house.stats, "set rate-limit ssl-sessions global 100").strip() == ""
        assert house.info("SslRateLimit") == [100]
        began = time.monotonic()
        for _ in range(10):
            drain_garbage(house)
        assert time.monotonic() - began < 1


def drain_garbage(house: House) -> None:
    client = house.connect()
    client.sendall(CLOSING)
    drain(client)


def test_maxsslconn_follows_from_a_limit_of_memory(peer: Kind, tmp_path: Path) -> None:
    """-m, without maxsslconn: both sides speak TLS here (manual 3.2)."""
    with running(peer, tmp_path, "maxconn 100", ("-db", "-m", "400")) as house:
        assert house.info("Maxconn", "MaxSslConns") == [100, 200]


def test_maxsslconn_is_exact_over_lanes(tmp_path: Path) -> None:
    """Forty clients at once where five may be: never more, and everybody is served."""
    with running(POINTSMAN, tmp_path, "maxsslconn 5\n    nbthread 2") as house:
        lock = threading.Lock()
        held = most = 0
        context = client_context()

        def visit(_: int) -> int:
            nonlocal held, most
            with socket.create_connection(("127.0.0.1", house.program.ports["web"]), timeout=30) as plain:
                client = context.wrap_socket(plain, server_hostname=HOST)
                with lock:
                    held += 1
                    most = max(most, held)
                client.sendall(REQUEST)
                answer = read_response(client)
                time.sleep(0.01)
                with lock:
                    held -= 1
                client.close()
            return int(answer[9:12])

        with ThreadPoolExecutor(40) as pool:
            assert set(pool.map(visit, range(120))) == {200}
        assert most == 5
        until(lambda: house.info("CurrSslConns") == [0])
        assert house.info("CumSslConns") == [120]


def on_both_lanes(house: House, count: int) -> list[ssl.SSLSocket]:
    """So many connections, of which each lane has some. At the same time, and again where one lane has them all: the
    kernel wakes the same lane for whoever comes alone."""
    lanes = children(house.program.pid)[:2]
    before = {pid: len(os.listdir(f"/proc/{pid}/fd")) for pid in lanes}
    context = client_context()
    with ThreadPoolExecutor(count) as pool:
        for _ in range(50):
            clients = list(pool.map(lambda _: house.secured(context=context), range(count)))
            if all(len(os.listdir(f"/proc/{pid}/fd")) > before[pid] for pid in lanes):
                break
            for client in clients:
                client.close()
            until(lambda: house.info("CurrSslConns") == [0])
    return clients


def test_a_lane_that_is_killed_holds_nothing(tmp_path: Path) -> None:
    """Its connections are no longer counted, and those who have waited for room are served."""
    with running(POINTSMAN, tmp_path, "maxsslconn 12\n    nbthread 2") as house:
        until(lambda: len(children(house.program.pid)) == 3)
        clients = on_both_lanes(house, 12)
        assert house.info("CurrSslConns") == [12]
        waiting = house.connect()
        served: list[bytes] = []

        def be_served() -> None:
            with client_context().wrap_socket(waiting, server_hostname=HOST) as client:
                client.sendall(REQUEST)
                served.append(read_response(client))

        thread = threading.Thread(target=be_served)
        thread.start()
        time.sleep(0.2)
        assert not served
        os.kill(children(house.program.pid)[0], signal.SIGKILL)
        thread.join(20)
        assert len(served) == 1 and served[0].startswith(b"HTTP/1.1 200 ")
        alive = 0
        for client in clients:
            try:
                client.sendall(REQUEST)
                alive += read_response(client).startswith(b"HTTP/1.1 200 ")
            except OSError:
                pass
        assert 0 < alive < 12
        until(lambda: house.info("CurrSslConns") == [alive])
        for client in clients:
            client.close()
        until(lambda: house.info("CurrSslConns") == [0])
        assert house.row("web/FRONTEND", "scur") == {}
