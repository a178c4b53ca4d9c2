"""Contexts of servers, and what their connections are for (pointsman/tls/back.py), in real handshakes."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import authority

from pointsman.core.tls import VERSION, TlsError
from pointsman.net.tls import TlsTransport
from pointsman.tls.back import MOST_NAMES, BackTls, ServerContexts, TlsFileError, TlsSetupError
from pointsman.tls.files import SYSTEM_AUTHORITIES, system_authorities
from pointsman.tls.options import LoadedFiles, ServerTls
from pointsman.tls.store import Store

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")

HOST = "www.example.test"


def ca() -> str:
    return str(authority().folder / "ca.pem")


def back(contexts: ServerContexts | None = None, route: bytes = b"b/s", **said: object) -> BackTls:
    words = {"verify": "required", "ca_file": ca(), **said}
    tls = ServerTls(ssl=True, ready=True, **words)  # type: ignore[arg-type]
    return (contexts or ServerContexts(Store())).transports(route, tls)


def server(name: str = HOST, **said: bool) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority().path(name, **said))
    return context


class Ends:
    """Both ends of a connection over a pair of sockets, the server's is Python's."""

    def __init__(self) -> None:
        self.open: list[socket.socket] = []
        self.names: list[str | None] = []

    def connect(self, back: BackTls, name: bytes, there: ssl.SSLContext) -> TlsTransport:
        """The handshake is over, also for the server, which has sent a byte."""
        a, b = socket.socketpair()
        for sock in (a, b):
            sock.setblocking(False)
        there.sni_callback = lambda _, name, __: self.names.append(name)
        here = back.connect(a.fileno(), name)
        peer = there.wrap_socket(b, server_side=True, do_handshake_on_connect=False)
        self.open += [a, peer]
        done = False
        for _ in range(20):
            waits = here.handshake()
            try:
                peer.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            if done and not waits:
                peer.send(b"x")
                assert here.read(10) == b"x"
                return here
        raise AssertionError("no end of the handshake")


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    for one in made.open:
        one.close()


def resumed(transport: TlsTransport) -> bool:
    return transport.connection.resumed


def test_the_name_goes_into_the_hello_and_is_verified(ends: Ends) -> None:
    ends.connect(back(), HOST.encode(), server())
    assert ends.names == [HOST]
    with pytest.raises(TlsError, match="hostname mismatch"):
        ends.connect(back(), b"other.test", server())


@pytest.mark.parametrize(
    "subject, others, names, refused",
    [
        ("cn.test", "", "cn.test CN.test", "san.test"),
        ("cn.test", "DNS:san.test", "cn.test san.test", "other.test"),
        ("x", "DNS:*.w.test", "a.w.test b.W.TEST", "w.test a.b.w.test"),
        ("x", "DNS:a*.w.test", "", "ab.w.test"),
        ("x", "IP:127.0.0.1,IP:2001:db8::1", "127.0.0.1 2001:db8::1 2001:DB8:0::1", "127.0.0.2 ::1"),
        ("127.0.0.1", "", "", "127.0.0.1"),
    ],
)
def test_whose_certificate_it_is(ends: Ends, subject: str, others: str, names: str, refused: str) -> None:
    """Subject and alternative names, wildcards of whole labels; addresses in names of their own kind alone."""
    there = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    there.load_cert_chain(authority().path(subject, others=others))
    for name in names.split():
        ends.connect(back(), name.encode(), there)
    for name in refused.split():
        with pytest.raises(TlsError, match="mismatch"):
            ends.connect(back(), name.encode(), there)


def test_without_a_name_verifyhost_counts(ends: Ends) -> None:
    ends.connect(back(), b"", server())
    ends.connect(back(verify_host=HOST), b"", server())
    assert ends.names == [None, None]
    with pytest.raises(TlsError, match="hostname mismatch"):
        ends.connect(back(verify_host="other.test"), b"", server())


def test_an_address_is_compared_and_not_named(ends: Ends) -> None:
    ends.connect(back(), b"127.0.0.1", server())
    assert ends.names == [None]
    with pytest.raises(TlsError, match="IP address mismatch"):
        ends.connect(back(), b"127.0.0.2", server())
    with pytest.raises(TlsError, match="IP address mismatch"):
        ends.connect(back(), b"::1", server())


def test_what_is_not_verified_may_be_anything(ends: Ends) -> None:
    ends.connect(back(verify="none", ca_file=None), b"other.test", server(expired=True))
    assert ends.names == ["other.test"]


@pytest.mark.parametrize("words, text", [({"expired": True}, "has expired"), ({"revoked": True}, "revoked")])
def test_a_bad_certificate_is_refused(ends: Ends, tmp_path: Path, words: dict[str, bool], text: str) -> None:
    bad = server(**words)
    (tmp_path / "crl.pem").write_bytes(authority().crl())
    with pytest.raises(TlsError, match=text):
        ends.connect(back(crl_file=str(tmp_path / "crl.pem")), HOST.encode(), bad)


def test_one_of_another_authority_is_refused(ends: Ends) -> None:
    other = str(authority("another one").folder / "ca.pem")
    with pytest.raises(TlsError, match="certificate verify failed"):
        ends.connect(back(ca_file=other), HOST.encode(), server())


@pytest.mark.parametrize("version", ["TLSv1.2", "TLSv1.3"])
def test_a_session_is_resumed_for_its_name_alone(ends: Ends, version: str) -> None:
    there, here = server(), back(verify="none", max_version=version)
    assert not resumed(ends.connect(here, b"a.test", there))
    assert resumed(ends.connect(here, b"a.test", there))
    assert not resumed(ends.connect(here, b"b.test", there))
    assert not resumed(ends.connect(here, b"", there))
    assert resumed(ends.connect(here, b"b.test", there))
    full = back(verify="none", max_version=version, reuse=False)
    assert [resumed(ends.connect(full, b"a.test", there)) for _ in "12"] == [False, False]


def test_servers_that_say_the_same_share_a_context(ends: Ends) -> None:
    contexts = ServerContexts(Store())
    one = back(contexts, verify="none")
    two = back(contexts, verify="none", verify_host="a.test", reuse=False, sni_auto=False, check_sni="x")
    three = back(contexts, verify="none", alpn=b"\x08http/1.1")
    assert one.shared is two.shared
    assert three.shared is not one.shared
    there = server()
    ends.connect(one, b"", there)
    assert resumed(ends.connect(back(contexts, verify="none"), b"", there))
    assert not resumed(ends.connect(back(contexts, b"b/other", verify="none"), b"", there))


def test_what_is_made_anew_forgets_sessions(ends: Ends) -> None:
    store = Store()
    one = back(ServerContexts(store))
    there = server()
    ends.connect(one, HOST.encode(), there)
    assert resumed(ends.connect(one, HOST.encode(), there))
    authorities = store.trusted(ca())
    authorities.pem = authority("another one").ca
    for user in authorities.users:
        user()
    with pytest.raises(TlsError, match="certificate verify failed"):
        ends.connect(one, HOST.encode(), there)


def test_what_cannot_be_made_anew_stays_as_it_was(ends: Ends) -> None:
    store = Store()
    one = back(ServerContexts(store))
    ends.connect(one, HOST.encode(), server())
    authorities = store.trusted(ca())
    authorities.pem = b"nothing"
    (user,) = authorities.users
    with pytest.raises(TlsSetupError):
        user()
    ends.connect(one, HOST.encode(), server())


def test_a_certificate_is_shown_to_those_who_ask(ends: Ends) -> None:
    there = server()
    there.verify_mode = ssl.CERT_REQUIRED
    there.load_verify_locations(cadata=authority().ca.decode())
    path = str(authority().path("client.test", "rsa"))
    ends.connect(back(crt=LoadedFiles(name=path, crt=path)), HOST.encode(), there)
    peer = ends.open[-1]
    assert isinstance(peer, ssl.SSLSocket)
    shown = peer.getpeercert()
    assert shown is not None
    assert ("DNS", "client.test") in shown["subjectAltName"]


def test_names_without_end_leave_no_sessions_without_end() -> None:
    one = back()
    for number in range(MOST_NAMES + 10):
        one.purpose(b"%d.test" % number)
    assert len(one.purposes) == MOST_NAMES
    assert b"9.test" not in one.purposes


@pytest.mark.parametrize(
    "said",
    [
        {"min_version": "TLSv1.3", "max_version": "TLSv1.2"},
        {"min_version": "SSLv3", "max_version": "SSLv3"},
        {"without": frozenset(("TLSv1.0", "TLSv1.1", "TLSv1.2", "TLSv1.3"))},
    ],
)
def test_no_version_is_left(said: dict[str, object]) -> None:
    with pytest.raises(TlsSetupError, match="all SSL/TLS versions are disabled"):
        back(**said)


@pytest.mark.parametrize(
    "said, text",
    [
        ({"ca_file": None}, "verify is enabled by default but no CA file specified"),
        ({"ca_file": None, "verify": None}, "verify is enabled by default but no CA file specified"),
        ({"ciphers": "NOPE"}, "unable to set SSL cipher list to 'NOPE'"),
        ({"ciphersuites": "NOPE"}, "unable to set SSL TLS 1.3 cipher suites to 'NOPE'"),
        ({"curves": "NOPE"}, "unable to set SSL curves list to 'NOPE'"),
        ({"sigalgs": "NOPE"}, "unable to set SSL signature algorithms to 'NOPE'"),
        ({"client_sigalgs": "NOPE"}, "unable to set SSL client signature algorithms to 'NOPE'"),
    ],
)
def test_what_openssl_refuses(said: dict[str, object], text: str) -> None:
    with pytest.raises(TlsSetupError) as raised:
        back(**said)
    assert str(raised.value).startswith(text)


def test_files_that_are_missing_are_named() -> None:
    with pytest.raises(TlsFileError, match=r"'/nope/ca\.pem'"):
        back(ca_file="/nope/ca.pem")
    with pytest.raises(TlsFileError, match=r"'/nope/crl\.pem'"):
        back(crl_file="/nope/crl.pem")
    with pytest.raises(TlsFileError, match=r"'/nope/crt\.pem'"):
        back(crt=LoadedFiles(name="/nope/crt.pem", crt="/nope/crt.pem"))


def test_the_systems_authorities_sign_nothing_of_ours(ends: Ends) -> None:
    with pytest.raises(TlsError, match="certificate verify failed"):
        ends.connect(back(ca_file=SYSTEM_AUTHORITIES), HOST.encode(), server())


def test_the_systems_authorities_are_read_once_each(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    one, two = authority().ca, authority("another one").ca
    (tmp_path / "one.pem").write_bytes(one)
    (tmp_path / "bundle.crt").write_bytes(two + one)
    (tmp_path / ".hidden.pem").write_bytes(b"nothing")
    (tmp_path / "gone.pem").symlink_to(tmp_path / "nowhere")
    monkeypatch.setenv("SSL_CERT_DIR", f"/nope:{tmp_path}")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "bundle.crt"))
    assert system_authorities() == two + one
    monkeypatch.setenv("SSL_CERT_DIR", "/nope")
    monkeypatch.setenv("SSL_CERT_FILE", "/nope")
    assert system_authorities() == b""
