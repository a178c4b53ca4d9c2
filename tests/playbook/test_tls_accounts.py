"""What is counted and logged of handshakes, as HAProxy 3.2 does it (manual 8.2.5; management 9.1, ssl_*): in front,
and behind."""

from __future__ import annotations

import socket
import ssl

import pytest
from support.certificates import authority
from support.early_stand import EarlyStand
from support.stand import End
from support.tls_stand import HOST, TlsEnd, TlsStand, python_context

from pointsman.core.connection_faults import PROXY_TIMEOUT, PROXY_TRUNCATED
from pointsman.core.tls import VERSION, Context
from pointsman.net.tls import Purpose, TlsTransports

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
CONFIG = """
defaults
    mode http
    timeout connect 1s
    timeout client 10s
    timeout http-request 3s
    timeout server 5s
    retries 1
frontend f
    bind 127.0.0.1:1
    default_backend b
backend b
    server s {a}
"""
HANDSHAKE_LIMIT = CONFIG.replace("timeout http-request 3s", "timeout client-hs 700")
TCP = CONFIG.replace("mode http", "mode tcp").replace("    timeout http-request 3s\n", "")
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
EMPTY = "Connection closed during SSL handshake"
FAILED = "SSL handshake failure"
LATE = "Timeout during SSL handshake"


def hello() -> bytes:
    """What a client sends first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = python_context(False).wrap_bio(incoming, outgoing, server_hostname=HOST)
    with pytest.raises(ssl.SSLWantReadError):
        client.do_handshake()
    return outgoing.read()


def counted(stand: TlsStand) -> dict[str, int]:
    """Of the frontend; its socket has the same."""
    frontend = stand.frontend()
    rows = []
    for counters in (frontend.counters.totals, stand.bind_states[id(frontend)].counters.totals):
        found = {
            "stot": counters.sessions,
            "conn_tot": counters.connections,
            "ereq": counters.failed_requests,
            "sess": counters.tls_sessions,
            "reused": counters.tls_resumed,
            "failed": counters.tls_failed,
        }
        rows.append({name: value for name, value in found.items() if value})
    assert rows[0] == rows[1]
    return rows[0]


def process(stand: TlsStand) -> dict[str, int]:
    """CurrSslConns, CumSslConns and new keys on both sides, and sessions of the process (SessRate)."""
    state = stand.live.process
    tls = state.tls.counters
    found = {
        "current": tls.current,
        "total": tls.accepted + tls.connected,
        "keys": tls.keys,
        "server_keys": tls.server_keys,
        "sessions": state.counters.totals.sessions,
    }
    return {name: value for name, value in found.items() if value}


def raw(config: str = CONFIG) -> TlsStand:
    stand = TlsStand(config, "a", side="front")
    stand.raw = True
    return stand


CLOSED: dict[str, tuple[bytes, str, str]] = {  # what the client sends, how it ends, what is logged
    "nothing": (b"", "shut", EMPTY),
    "half a hello": (hello()[:50], "shut", EMPTY),
    "a hello": (hello(), "shut", FAILED),
    "nothing, reset": (b"", "abort", FAILED),
    "half a hello, reset": (hello()[:50], "abort", FAILED),
    "a hello, reset": (hello(), "abort", FAILED),
}


@pytest.mark.parametrize("config", [CONFIG, TCP], ids=["http", "tcp"])
@pytest.mark.parametrize("case", CLOSED)
def test_a_client_that_leaves(case: str, config: str) -> None:
    data, end, message = CLOSED[case]
    with raw(config) as stand:
        client = stand.client()
        assert counted(stand) == {"conn_tot": 1}
        assert process(stand) == {"current": 1, "total": 1, "sessions": 1}
        client.send(data)
        getattr(client, end)()
        assert stand.lines == [message]
        assert counted(stand) == {"conn_tot": 1, "failed": 1}
        assert process(stand) == {"total": 1, "sessions": 1}
        assert stand.frontend().connections == 0


@pytest.mark.parametrize("config", [CONFIG, TCP], ids=["http", "tcp"])
@pytest.mark.parametrize(
    "data, reason",
    [(b"GET / HTTP/1.0\r\n\r\n", "0A00009C:SSL routines::http request"), (b"\0garbage" * 9, "0A00010B:SSL routines::")],
)
def test_what_is_no_hello(data: bytes, reason: str, config: str) -> None:
    """The default line says what OpenSSL has against it."""
    with raw(config) as stand:
        client = stand.client()
        client.send(data)
        client.take()
        assert client.closed
        assert len(stand.lines) == 1 and stand.lines[0].startswith(f"{FAILED} (error:{reason}")
        assert counted(stand) == {"conn_tot": 1, "failed": 1}


@pytest.mark.parametrize("config", [HANDSHAKE_LIMIT, HANDSHAKE_LIMIT.replace("mode http", "mode tcp")])
def test_timeout_client_hs(config: str) -> None:
    """It counts from the accept on, whatever comes meanwhile; and is no failed handshake, as in HAProxy."""
    with raw(config) as stand:
        client = stand.client()
        for byte in hello()[:6]:
            client.send(bytes([byte]))
            stand.wait(100)
        assert not client.closed and stand.lines == []
        stand.wait(200)
        assert client.ended()
        assert stand.lines == [LATE]
        assert counted(stand) == {"conn_tot": 1}
        assert process(stand) == {"total": 1, "sessions": 1}


def test_without_it_timeout_client_holds() -> None:
    with raw() as stand:
        client = stand.client()
        stand.wait(9_800)
        assert not client.take() and not client.closed
        stand.wait(400)
        assert client.ended() and stand.lines == [LATE]


def test_behind_the_handshake_the_other_timeouts_hold() -> None:
    with TlsStand(HANDSHAKE_LIMIT.replace("mode http", "mode tcp"), "a", side="front") as stand:
        client = stand.client()
        server = stand.accept("a")
        stand.wait(2_000)
        client.send(b"ping")
        assert server.take() == b"ping"
        client.take()  # tickets: unread, they would make a reset of the end
        client.close()
        server.close()
        assert stand.lines == ["-1 --"]


def test_the_proxy_header_and_the_handshake_share_the_limit() -> None:
    with raw(HANDSHAKE_LIMIT) as stand:
        end, arrival = stand.arrive()
        stand.wait(500)  # for the header
        stand.frontend().open(arrival)
        stand.settle()
        stand.wait(150)
        assert not end.take() and not end.closed
        stand.wait(100)
        assert end.ended() and stand.lines == [LATE]


@pytest.mark.parametrize("reason, failed", [(PROXY_TRUNCATED, 1), (PROXY_TIMEOUT, 0)])
def test_a_bad_proxy_header_is_a_failed_handshake(reason: int, failed: int) -> None:
    """On a socket of TLS, unless the time was up; and it is no session, here or there."""
    with raw() as stand:
        end, arrival = stand.arrive()
        socket.socket(fileno=arrival.fd).close()
        stand.frontend().refused(arrival, reason, False)
        stand.frontend().closed(arrival.bind_state)
        end.close()
        assert counted(stand) == {"conn_tot": 1} | ({"failed": 1} if failed else {})
        assert process(stand) == {"total": 1, "sessions": 1}


@pytest.mark.parametrize(
    "data, end, logged",
    [(b"", "shut", False), (hello()[:50], "shut", False), (hello(), "shut", True), (b"", "abort", True)],
    ids=["nothing", "a part of a hello", "a hello", "reset"],
)
def test_dontlognull(data: bytes, end: str, logged: bool) -> None:
    """Probes are quiet: those that end before their hello is whole, and (below) those that say nothing."""
    with raw(CONFIG.replace("mode http", "mode http\n    option dontlognull")) as stand:
        client = stand.client()
        client.send(data)
        getattr(client, end)()
        assert stand.lines == ([FAILED] if logged else [])
        assert counted(stand) == {"conn_tot": 1, "failed": 1}


def test_dontlognull_is_quiet_about_timeouts() -> None:
    with raw(CONFIG.replace("mode http", "mode http\n    option dontlognull")) as stand:
        stand.client().send(hello())
        stand.wait(11_000)
        assert stand.lines == [] and stand.frontend().connections == 0


def test_a_client_that_rejects_the_certificate() -> None:
    with raw() as stand:
        end = stand.client()
        stand.ends.remove(end)
        secured = TlsEnd.__new__(TlsEnd)
        End.__init__(
            secured,
            stand,
            ssl.create_default_context().wrap_socket(end.sock, do_handshake_on_connect=False, server_hostname=HOST),
        )
        stand.ends.append(secured)
        with pytest.raises(ssl.SSLCertVerificationError):
            secured.shake()
        secured.close()
        assert stand.lines == [f"{FAILED} (error:0A000418:SSL routines::tlsv1 alert unknown ca)"]
        assert counted(stand) == {"conn_tot": 1, "failed": 1}


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_full_and_resumed_sessions(version: ssl.TLSVersion) -> None:
    """ssl_sess counts those that have made a key, ssl_reused_sess the others: each is in one of both."""
    context = ssl.create_default_context(cadata=authority().ca.decode())
    context.minimum_version = context.maximum_version = version
    with raw() as stand:
        session = None
        for number in range(3):
            end = stand.client()
            stand.ends.remove(end)
            secured = TlsEnd.__new__(TlsEnd)
            sock = context.wrap_socket(end.sock, do_handshake_on_connect=False, server_hostname=HOST, session=session)
            End.__init__(secured, stand, sock)
            stand.ends.append(secured)
            secured.shake()
            assert counted(stand)["stot"] == number + 1
            secured.send(GET)
            server = stand.accept("a")
            server.send(OK)
            assert secured.take().endswith(b"ok")
            assert sock.session_reused is bool(number)
            session = sock.session
            secured.close()
            server.close()
        assert counted(stand) == {"stot": 3, "conn_tot": 3, "sess": 1, "reused": 2}
        assert process(stand) == {"total": 3, "keys": 1, "sessions": 3}


# Behind.


def server_counts(stand: TlsStand) -> dict[str, int]:
    """Of the server; its backend has the same."""
    rows = []
    for counters in (stand.server("s").counters.totals, stand.backend().counters.totals):
        found = {"sess": counters.tls_sessions, "reused": counters.tls_resumed, "failed": counters.tls_failed}
        rows.append({name: value for name, value in found.items() if value})
    assert rows[0] == rows[1]
    return rows[0]


def test_sessions_with_a_server() -> None:
    with TlsStand(CONFIG, "a", side="back") as stand:
        for number in range(3):
            client = stand.client()
            client.send(GET)
            server = stand.accept("a")
            assert process(stand)["current"] == 1
            server.take()
            server.send(OK)
            assert client.take().endswith(b"ok")
            server.close()
            client.close()
            assert process(stand).get("current", 0) == 0
            assert process(stand)["total"] == number + 1
        assert server_counts(stand) == {"sess": 1, "reused": 2}
        assert process(stand)["server_keys"] == 1


def test_a_server_that_speaks_no_tls() -> None:
    """Each attempt has failed; the exchange ends as where there is no connection."""
    with TlsStand(CONFIG, "a", side="back") as stand:
        stand.raw = True
        client = stand.client()
        client.send(GET)
        for _ in range(2):
            server = stand.accept("a")
            server.send(b"HTTP/1.0 400 Bad Request\r\n\r\n")
            server.close()
            stand.wait(1_100)
        assert client.take().startswith(b"HTTP/1.1 503 ")
        assert stand.lines == ["503 SC"]
        assert server_counts(stand) == {"failed": 2}
        assert process(stand) == {"total": 2, "sessions": 1}


def test_a_server_that_says_nothing() -> None:
    """timeout connect ends the handshake, and that is none that has failed."""
    with TlsStand(CONFIG, "a", side="back") as stand:
        stand.raw = True
        client = stand.client()
        client.send(GET)
        servers = [stand.accept("a")]
        stand.wait(1_100)
        servers.append(stand.accept("a"))
        stand.wait(1_100)
        assert client.take().startswith(b"HTTP/1.1 503 ")
        assert stand.lines == ["503 sC"]
        assert server_counts(stand) == {}
        assert process(stand) == {"total": 2, "sessions": 1}
        for server in servers:
            server.close()


def test_a_server_that_refuses_the_connection() -> None:
    """CumSslConns counts the attempts; there was no handshake."""
    with TlsStand(CONFIG, "a", side="back") as stand:
        stand.server("s").dial.target = ("127.0.0.1", 1)  # where nobody listens
        client = stand.client()
        client.send(GET)
        stand.wait(1_100)
        assert stand.lines == ["503 SC"]
        assert server_counts(stand) == {}
        assert process(stand) == {"total": 2, "sessions": 1}


def test_a_certificate_that_is_not_trusted() -> None:
    with TlsStand(CONFIG, "a", side="back") as stand:
        context = Context(False)
        context.trust(authority("another").ca, False)
        context.verify(1, (), (), 0)
        stand.server("s").transports = TlsTransports(context, True, Purpose(HOST, HOST))
        stand.raw = True
        client = stand.client()
        client.send(GET)
        for _ in range(2):
            server = stand.accept("a")
            stand.ends.remove(server)
            secured = TlsEnd(stand, server.sock, True)
            stand.ends.append(secured)
            with pytest.raises(ssl.SSLError):
                secured.shake()
            secured.close()
            stand.wait(1_100)
        assert stand.lines == ["503 SC"]
        assert server_counts(stand) == {"failed": 2}


# Limits.


def test_maxsslconn_with_servers() -> None:
    """A connection that would be one too many is not tried, nor anything instead: 500, IC, and econ."""
    with TlsStand(CONFIG, "a", side="back") as stand:
        stand.live.process.tls.counters.limit = 1
        first = stand.client()
        first.send(GET)
        server = stand.accept("a")
        server.take()
        second = stand.client()
        second.send(GET)
        assert second.take().startswith(b"HTTP/1.1 500 ")
        assert stand.lines == ["500 IC"]
        counters = stand.server("s").counters.totals
        assert (counters.failed_connections, counters.connects, counters.sessions) == (1, 1, 2)
        assert process(stand)["total"] == 1
        server.send(OK)
        first.take()
        server.close()
        first.send(GET)
        server = stand.accept("a")  # there is room again
        server.send(OK)
        assert first.take().endswith(b"ok")
        assert stand.lines == ["500 IC", "200 --", "200 --"]


def test_both_sides_count() -> None:
    with TlsStand(CONFIG, "a", side="both") as stand:
        client = stand.client()
        client.send(GET)
        server = stand.accept("a")
        server.take()
        assert process(stand) == {"current": 2, "total": 2, "keys": 1, "server_keys": 1, "sessions": 1}
        server.send(OK)
        client.take()


# Early data: the connection is used before its handshake is over.


def test_a_client_that_sends_early_data_and_leaves() -> None:
    """It is a session of the frontend, and its handshake has failed."""
    with EarlyStand(CONFIG, "a", front=True) as stand:
        stand.learn()
        client = stand.resuming(GET)
        server = stand.accept("a")
        assert b"early-data" in server.take()
        counters = stand.frontend().counters.totals
        assert (counters.sessions, counters.tls_sessions, counters.tls_resumed, counters.tls_failed) == (2, 1, 1, 0)
        client.abort()
        server.close()
        assert (counters.sessions, counters.tls_sessions, counters.tls_resumed, counters.tls_failed) == (2, 1, 1, 1)
        assert stand.live.process.tls.counters.current == 0


def test_a_server_that_gets_early_data() -> None:
    """It is counted when the handshake is over, for only then is known what became of the session."""
    with EarlyStand(CONFIG + "    retry-on 0rtt-rejected\n", "a", back=True) as stand:
        first = stand.client()
        first.send(GET)
        server = stand.serving("a")
        server.shake()
        server.send(OK)
        assert first.take().endswith(b"ok")
        server.close()
        counters = stand.server("s").counters.totals
        assert (counters.tls_sessions, counters.tls_resumed, counters.tls_failed) == (1, 0, 0)
        client = stand.client()
        client.send(GET)
        server = stand.serving("a")
        assert (counters.tls_sessions, counters.tls_resumed, counters.tls_failed) == (1, 0, 0)
        server.tls.handshake()
        assert server.take().startswith(b"GET ")
        server.send(OK)
        server.shake()
        assert client.take().endswith(b"ok")
        assert (counters.tls_sessions, counters.tls_resumed, counters.tls_failed) == (1, 1, 0)
        server.close()
        client = stand.client()
        client.send(GET)
        stand.serving("a").close()
        stand.wait(1_100)
        assert (counters.tls_sessions, counters.tls_resumed, counters.tls_failed) == (1, 1, 1)
