"""What a Context of TLS is told (core/_tls_context.c), and what handshakes make of it: names, certificates, tickets."""

from __future__ import annotations

import os
import re
import select
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from functools import cache

import pytest
from support.certificates import Authority, authority
from support.ports import free_port

from pointsman.core.tls import VERSION, Connection, Context, Identity, TlsError, dummy, verify_text

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")
HOST = "www.example.test"
VERSIONS = ("TLSv1.2", "TLSv1.3")
# X509_V_ERR_..., <openssl/x509_vfy.h>
NO_ISSUER, EXPIRED, REVOKED, LEAF_UNKNOWN, HOST_MISMATCH, IP_MISMATCH, NO_CRL = 20, 10, 23, 21, 62, 64, 3


@cache
def stranger() -> Authority:
    """Another CA, with another key and the same kind of names."""
    return Authority("somebody else")


def server(name: str = HOST, kind: str = "ec", pem: bytes = b"") -> Context:
    context = Context(True)
    pem = pem or authority().pem(name, kind)
    context.certificate(pem, pem)
    return context


def client(version: str = "", sessions: bool = False) -> Context:
    context = Context(False)
    context.trust(authority().ca, False)
    context.verify(1, (), (), 0)
    context.sessions = sessions
    if version:
        context.set("MinProtocol", version)
        context.set("MaxProtocol", version)
    return context


class Ends:
    def __init__(self) -> None:
        self.open: list[socket.socket] = []

    def __call__(self, one: Context, other: Context, **words: str | bytes | None) -> tuple[Connection, Connection]:
        """Server's and client's connection, after the handshake and what follows it (tickets, a late refusal)."""
        a, b = socket.socketpair()
        self.open += [a, b]
        for sock in (a, b):
            sock.setblocking(False)
        here = Connection(one, a.fileno())
        there = Connection(other, b.fileno(), **words)  # type: ignore[arg-type]
        for _ in range(10):
            waits = there.handshake()
            if here.handshake() == 0 and waits == 0:
                break
        else:
            raise AssertionError("no end of the handshake")
        here.write(b"x")
        assert there.read(10) == b"x"
        return here, there


@pytest.fixture
def joined() -> Iterator[Ends]:
    ends = Ends()
    yield ends
    for one in ends.open:
        one.close()


def subject(connection: Connection) -> str:
    """The certificate that the client got: its name and the kind of its key."""
    der = connection.peer_certificate
    assert der is not None
    words = ["openssl", "x509", "-inform", "der", "-noout", "-subject", "-text"]
    text = subprocess.run(words, input=der, capture_output=True, check=True).stdout.decode()
    name = re.search(r"CN ?= ?(\S+)", text[text.index("Subject:") :])
    kind = re.search(r"Public Key Algorithm: (\S+)", text)
    assert name is not None and kind is not None
    return f"{name[1]} {kind[1]}"


# Identities: candidates for a name.


def identity(name: str, kind: str) -> Identity:
    pem = authority().pem(name, kind)
    return Identity(pem, pem)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize(
    ("sigalgs", "got"),
    [
        ("ECDSA+SHA256:RSA-PSS+SHA256", "id-ecPublicKey"),
        ("RSA-PSS+SHA256:ECDSA+SHA256", "id-ecPublicKey"),  # who can verify the better kind gets it
        ("RSA-PSS+SHA256:RSA+SHA256", "rsaEncryption"),
    ],
)
def test_a_client_gets_a_candidate_that_it_can_verify(joined: Ends, version: str, sigalgs: str, got: str) -> None:
    first, other = Context(True), Context(True)
    first.use(identity("default.test", "ec"))
    both = ((other, identity(HOST, "ec")), (None, identity(HOST, "rsa")))
    first.names = {HOST.encode(): both, b"*.none.test": ()}
    first.defaults = ((None, identity("late.test", "rsa")),)
    asking = client(version)
    asking.set("SignatureAlgorithms", sigalgs)
    _, there = joined(first, asking, name=HOST)
    assert subject(there) == f"{HOST} {got}"
    for name in ("a.none.test", "a.other.test", None):
        _, there = joined(first, asking, name=name)
        assert subject(there) == "late.test rsaEncryption"
    first.strict = True
    with pytest.raises(TlsError, match="names no host"):
        joined(first, asking, name="a.none.test")


@pytest.mark.parametrize("version", VERSIONS)
def test_an_identity_brings_what_is_sent_along(joined: Ends, version: str) -> None:
    context, plain = Context(True), identity("default.test", "ec")
    context.use(plain)
    context.announce()
    one = identity(HOST, "rsa")
    assert one.kind == "RSA" and one.leaf[:1] == b"\x30" and one.names == [HOST.encode(), HOST.encode()]
    context.names = {HOST.encode(): ((None, one),)}
    for own in (one, plain):
        own.staple = own.timestamps = None
    one.timestamps = b"\0\x04\0\x02ab"
    here, there = joined(context, client(version), name=HOST)
    assert subject(there) == f"{HOST} rsaEncryption" and here.own_certificate == one.leaf
    for wrong in (b"", b"x" * 0x10000):
        with pytest.raises(ValueError, match="handshake"):
            one.timestamps = wrong
    assert one.timestamps == b"\0\x04\0\x02ab"


def test_groups_for_dhe(joined: Ends) -> None:
    for source in (
        2048,
        subprocess.run(
            ["openssl", "genpkey", "-genparam", "-algorithm", "DH", "-pkeyopt", "group:ffdhe3072"],
            capture_output=True,
            check=True,
        ).stdout,
    ):
        context, asking = server(kind="rsa"), client("TLSv1.2")
        context.dh(source)
        asking.set("CipherString", "DHE-RSA-AES128-GCM-SHA256")
        _, there = joined(context, asking)
        assert there.cipher == b"DHE-RSA-AES128-GCM-SHA256"
    for wrong in (77, b"", authority().pem(HOST), 1 << 70):
        with pytest.raises((ValueError, OverflowError)):
            server().dh(wrong)
    with pytest.raises(TypeError):
        server().dh("text")  # type: ignore[arg-type]


@pytest.mark.parametrize(("kind", "got"), [("RSA", "rsaEncryption"), ("ECDSA", "id-ecPublicKey")])
def test_certificates_for_trying_things_out(joined: Ends, kind: str, got: str) -> None:
    chain, key = dummy(kind, 2048, "P-384", HOST)
    one, context = Identity(chain, key), Context(True)
    context.use(one)
    assert one.names == [HOST.encode(), HOST.encode()]
    asking = Context(False)
    asking.trust(chain, False)
    asking.verify(1, (), (), 0)
    _, there = joined(context, asking, name=HOST, host=HOST)
    assert subject(there) == f"{HOST} {got}" and there.verify == (0, 0)
    assert dummy(kind, 2048, "P-384", HOST) != (chain, key)


def test_what_no_certificate_is_made_of() -> None:
    for words in (
        ("DSA", 2048, "P-384", HOST),
        ("RSA", 1, "", HOST),
        ("ECDSA", 0, "P-1", HOST),
        ("RSA", 2048, "", "x" * 300),
    ):
        with pytest.raises(ValueError, match="no certificate can be made"):
            dummy(*words)


def test_what_an_identity_refuses() -> None:
    pem, other = authority().pem(HOST), authority().pem("other.test")
    with pytest.raises(ValueError, match="key values mismatch"):
        Identity(pem, other)
    with pytest.raises(ValueError, match="no certificate"):
        Identity(b"", pem)
    for choice in ("x", [], ((None, None),), ((1, 2, 3),), ((Context(False), Identity(pem, pem)),)):
        with pytest.raises(TypeError, match="candidates"):
            Context(True).names = {b"a": choice}  # type: ignore[dict-item]
        with pytest.raises(TypeError, match="candidates"):
            Context(True).defaults = choice  # type: ignore[assignment]


# Names.


@pytest.mark.parametrize(
    ("asked", "got"),
    [
        ("www.example.test", "www.example.test"),
        ("WWW.Example.TEST", "www.example.test"),
        ("a.wild.test", "*.wild.test"),
        ("not.wild.test", "default.test"),  # excluded from the wildcard
        ("a.b.wild.test", "default.test"),  # one label alone
        ("wild.test", "default.test"),
        ("other.test", "default.test"),
        (None, "default.test"),
        ("x" * 63 + ".test", "default.test"),
    ],
)
def test_the_certificate_is_chosen_by_the_name(joined: Ends, asked: str | None, got: str) -> None:
    for version in VERSIONS:
        for strict in (False, True):
            first = server("default.test")
            first.names = {
                b"www.example.test": server(),
                b"*.wild.test": server("*.wild.test"),
                b"not.wild.test": None,
            }
            first.strict = strict
            if strict and got == "default.test" and asked != "not.wild.test":
                with pytest.raises(TlsError, match="names no host that is served"):
                    joined(first, client(version), name=asked)
                continue
            here, there = joined(first, client(version), name=asked)
            assert subject(there).split()[0] == got
            assert here.name == (asked.encode() if asked else None)
            assert (here.context is first) == (got == "default.test")


def test_a_name_has_its_own_protocols_versions_and_options(joined: Ends) -> None:
    first, other = server("default.test"), server()
    first.alpn, other.alpn = b"\x02aa", b"\x02bb"
    other.set("MaxProtocol", "TLSv1.2")
    other.set("CipherString", "ECDHE-ECDSA-AES256-GCM-SHA384")
    other.set("Groups", "P-384")
    first.names = {HOST.encode(): other}
    peer = client()
    peer.alpn = b"\x02aa\x02bb"
    here, there = joined(first, peer, name="default.test")
    assert (there.alpn, there.protocol) == (b"aa", b"TLSv1.3")
    here, there = joined(first, peer, name=HOST)
    assert (there.alpn, there.protocol, here.cipher) == (b"bb", b"TLSv1.2", b"ECDHE-ECDSA-AES256-GCM-SHA384")
    assert here.group == there.group == b"secp384r1"
    peer.set("Groups", "X25519")  # the server wants P-384
    with pytest.raises(TlsError, match="no shared cipher"):
        joined(first, peer, name=HOST)
    joined(first, peer, name="default.test")


def test_a_client_gets_the_kind_of_key_that_it_can_use(joined: Ends) -> None:
    context = server()
    for kind in ("rsa", "ed"):
        pem = authority().pem(HOST, kind)
        context.certificate(pem, pem)
    wanted = {
        "ECDSA+SHA256": "id-ecPublicKey",
        "RSA+SHA256:RSA-PSS+SHA256": "rsaEncryption",
        "ed25519": "ED25519",
    }
    for version in VERSIONS:
        for algorithms, kind in wanted.items():
            peer = client(version)
            peer.verify(0, (), (), 0)
            peer.set("SignatureAlgorithms", algorithms)
            _, there = joined(context, peer, name=HOST)
            assert subject(there).split()[1] == kind


@pytest.mark.parametrize(
    ("suite", "kind"),
    [("ECDHE-RSA-AES128-GCM-SHA256", "rsaEncryption"), ("ECDHE-ECDSA-AES128-GCM-SHA256", "id-ecPublicKey")],
)
def test_suites_say_what_a_client_of_tls_1_2_can_verify(joined: Ends, suite: str, kind: str) -> None:
    """The signal among them that there is no renegotiation (RFC 5746, 3.3) says nothing of it."""
    texts = [authority().pem(HOST, one) for one in ("ec", "rsa")]
    context = Context(True)
    context.names = {HOST.encode(): tuple((None, Identity(text, text)) for text in texts)}
    peer = client("TLSv1.2")
    peer.set("CipherString", suite)
    _, there = joined(context, peer, name=HOST)
    assert subject(there).split()[1] == kind


def test_the_server_says_that_it_has_used_the_name(joined: Ends) -> None:
    """server_name stands in its answer (RFC 6066, 3): the program openssl prints it."""
    first = server("default.test")
    first.names = {HOST.encode(): server()}
    for name in (HOST, "other.test"):
        port, stop = serve(first)
        words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-servername", name, "-tls1_2", "-tlsextdebug"]
        text = subprocess.run(words, input=b"", capture_output=True, check=False, timeout=20).stdout
        stop()
        assert (b'TLS server extension "server name"' in text) == (name == HOST)


# What is spoken.


@pytest.mark.parametrize(
    ("name", "value", "cipher", "version"),
    [
        ("Ciphersuites", "TLS_CHACHA20_POLY1305_SHA256", "TLS_CHACHA20_POLY1305_SHA256", "TLSv1.3"),
        ("CipherString", "ECDHE-ECDSA-AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256", "TLSv1.2"),
    ],
)
def test_ciphers(joined: Ends, name: str, value: str, cipher: str, version: str) -> None:
    context = server()
    context.set(name, value)
    here, there = joined(context, client(version))
    assert here.cipher == there.cipher == cipher.encode()


def test_versions_that_have_nothing_in_common(joined: Ends) -> None:
    context = server()
    context.set("MinProtocol", "TLSv1.3")
    with pytest.raises(TlsError, match="protocol"):
        joined(context, client("TLSv1.2"))


def test_protocols(joined: Ends) -> None:
    context, peer = server(), client()
    context.alpn = b"\x02h2\x08http/1.1"
    for offer, agreed in ((b"\x08http/1.1\x02h2", b"h2"), (b"\x08http/1.1", b"http/1.1"), (b"\x03foo", None)):
        peer.alpn = offer
        here, there = joined(context, peer)
        assert here.alpn == there.alpn == agreed
    context.alpn = None
    here, there = joined(context, peer)
    assert there.alpn is None


# Verification.


@pytest.mark.parametrize("version", VERSIONS)
def test_the_servers_certificate(joined: Ends, version: str) -> None:
    def attempt(pem: bytes = b"", host: str | None = HOST, ignored: tuple[int, ...] = ()) -> tuple[int, int]:
        peer = client(version)
        peer.verify(1, ignored, ignored, 0)
        _, there = joined(server(pem=pem), peer, host=host)
        return there.verify

    assert attempt() == (0, 0)
    assert attempt(host="127.0.0.1") == (0, 0)
    with pytest.raises(TlsError, match=r"hostname mismatch \(depth 0\)"):
        attempt(host="www.other.test")
    with pytest.raises(TlsError, match=r"IP address mismatch \(depth 0\)"):
        attempt(host="127.0.0.2")
    with pytest.raises(TlsError, match=r"certificate has expired \(depth 0\)"):
        attempt(authority().pem(HOST, expired=True))
    with pytest.raises(TlsError, match=r"unable to get local issuer certificate \(depth 0\)"):
        attempt(stranger().pem(HOST))
    assert attempt(authority().pem(HOST, expired=True), ignored=(EXPIRED,)) == (EXPIRED, 0)
    assert attempt(host="www.other.test", ignored=(HOST_MISMATCH,)) == (HOST_MISMATCH, 0)
    assert attempt(stranger().pem(HOST), ignored=(NO_ISSUER, LEAF_UNKNOWN))[0] in (NO_ISSUER, LEAF_UNKNOWN)
    with pytest.raises(TlsError, match="unable to verify the first certificate"):
        attempt(stranger().pem(HOST), ignored=(NO_ISSUER,))


def test_errors_of_a_ca_are_told_apart(joined: Ends) -> None:
    """A CA of somebody else's, of which no list of revoked ones is there: an error of the leaf, and one of the CA."""
    own = stranger()
    for of_cas in ((), (NO_CRL,)):
        peer = client()
        peer.trust(own.ca + authority().crl(), False)
        peer.verify(1, (NO_CRL,), of_cas, 0)
        if not of_cas:
            with pytest.raises(TlsError, match=r"unable to get certificate CRL \(depth 1\)"):
                joined(server(pem=own.pem(HOST)), peer)
            continue
        _, there = joined(server(pem=own.pem(HOST)), peer)
        assert there.first_errors == (NO_CRL, NO_CRL, 1)


def test_a_wildcard_is_for_one_label(joined: Ends) -> None:
    pem = authority().pem("*.wild.test")
    joined(server(pem=pem), client(), host="a.wild.test")
    for host in ("a.b.wild.test", "wild.test"):
        with pytest.raises(TlsError, match="hostname mismatch"):
            joined(server(pem=pem), client(), host=host)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_clients_certificate(joined: Ends, version: str) -> None:
    def attempt(
        mode: int, pem: bytes = b"", ignored: tuple[int, ...] = (), crl: bytes = b"", named: bool = True
    ) -> Connection:
        context, peer = server(), client(version)
        context.trust(authority().ca + crl, named)
        context.verify(mode, ignored, ignored, 0)
        if pem:
            peer.certificate(pem, pem)
        return joined(context, peer)[0]

    good = authority().pem("client")
    assert attempt(0, good).peer_certificate is None
    assert attempt(1).peer_certificate is None
    with pytest.raises(TlsError, match="peer did not return a certificate"):
        attempt(2)
    for mode in (1, 2):
        for named in (False, True):
            found = attempt(mode, good, named=named)
            assert found.verify == (0, 0)
            assert found.peer_certificate == ssl.PEM_cert_to_DER_cert(
                good.decode()[: good.index(b"-----BEGIN PRIVATE")]
            )
        with pytest.raises(TlsError, match="certificate has expired"):
            attempt(mode, authority().pem("client", expired=True))
        with pytest.raises(TlsError, match="unable to get local issuer"):
            attempt(mode, stranger().pem("client"), named=False)
    late = attempt(2, authority().pem("client", expired=True), (EXPIRED,))
    assert late.verify == (EXPIRED, 0) and late.first_errors == (EXPIRED, 0, 0)
    revoked = authority().pem("client", revoked=True)
    crl = authority().crl()
    assert attempt(2, good, crl=crl).verify == (0, 0)
    with pytest.raises(TlsError, match=r"certificate revoked \(depth 0\)"):
        attempt(2, revoked, crl=crl)
    assert attempt(2, revoked, (REVOKED,), crl).verify == (REVOKED, 0)
    assert attempt(2, revoked).verify == (0, 0)  # nobody has said so
    with pytest.raises(TlsError, match="unable to get certificate CRL"):
        attempt(2, good, crl=stranger().crl())


def test_errors_beyond_64_bits_can_be_ignored(joined: Ends) -> None:
    """79: X509_V_ERR_INVALID_CA; 255 is not one yet."""
    context = client()
    for number in (64, 79, 94, 255):
        context.verify(1, (number,), (number,), 0)
    peer = client()
    peer.verify(1, (IP_MISMATCH,), (), 0)
    _, there = joined(server(), peer, host="127.0.0.9")
    assert there.verify == (IP_MISMATCH, 0)
    peer.verify(1, (), (IP_MISMATCH,), 0)  # of CAs alone
    with pytest.raises(TlsError, match="IP address mismatch"):
        joined(server(), peer, host="127.0.0.9")
    for number in (0, -1, 256):
        with pytest.raises(ValueError, match="no number of an error"):
            context.verify(1, (number,), (), 0)
    assert verify_text(EXPIRED) == "certificate has expired"


# Sessions.


def kept(there: Connection) -> bytes:
    there.read(10)
    session = there.session
    assert session is not None
    return session


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("size", [48, 80])
def test_a_ticket_is_taken_by_all_that_have_its_key(joined: Ends, version: str, size: int) -> None:
    """Another lane, the next generation; not one that has lost the key, or never had it."""
    keys = [os.urandom(size) for _ in range(4)]

    def lane(*own: bytes) -> Context:
        context = server()
        context.tickets(own)
        return context

    peer = client(version, sessions=True)
    here, there = joined(lane(*keys[:3]), peer)
    assert not here.resumed and not there.resumed
    session = kept(there)
    here, there = joined(lane(*keys[:3]), peer, session=session)
    assert here.resumed and there.resumed and there.peer_certificate is not None
    here, there = joined(lane(keys[3], *keys[:2]), peer, session=session)
    assert here.resumed
    renewed = kept(there)
    assert joined(lane(keys[3]), peer, session=renewed)[0].resumed  # it has got a new one
    for lost in (lane(*keys[1:]), lane(os.urandom(size))):
        here, there = joined(lost, peer, session=session)
        assert not here.resumed and there.verify == (0, 0)
    for wrong in (b"", b"no session", session[:-5], session[5:]):
        assert not joined(lane(*keys[:3]), peer, session=wrong)[0].resumed


@pytest.mark.parametrize("version", VERSIONS)
def test_a_session_is_not_resumed_where_clients_have_to_prove_more(joined: Ends, version: str) -> None:
    """A name of the same socket asks for certificates: who has a session of another name has shown none."""
    keys = [os.urandom(80)]
    first, strict, alike = server("default.test"), server(), server("alike.test")
    strict.trust(authority().ca, True)
    strict.verify(2, (), (), 0)
    first.names = {HOST.encode(): strict, b"alike.test": alike}
    for one in (first, strict, alike):
        one.tickets(keys)
    peer = client(version, sessions=True)
    session = kept(joined(first, peer, name="default.test")[1])
    assert joined(first, peer, name="alike.test", session=session)[0].resumed
    with pytest.raises(TlsError, match="peer did not return a certificate"):
        joined(first, peer, name=HOST, session=session)
    pem = authority().pem("client")
    peer.certificate(pem, pem)
    here, there = joined(first, peer, name=HOST, session=session)
    assert not here.resumed and here.peer_certificate is not None
    here, there = joined(first, peer, name=HOST, session=kept(there))
    assert here.resumed and here.peer_certificate is not None  # it came with the ticket


def test_sessions_of_a_cache(joined: Ends) -> None:
    """TLS 1.2 without tickets: what one lane has stored, another one finds."""
    shared: dict[bytes, bytes] = {}

    def lane() -> Context:
        context = server()
        context.set("Options", "-SessionTicket")
        context.store = shared.__setitem__
        context.find = shared.get
        return context

    peer = client("TLSv1.2", sessions=True)
    here, there = joined(lane(), peer)
    assert list(shared) == [here.session_id]
    session = kept(there)
    assert joined(lane(), peer, session=session)[0].resumed
    shared.clear()
    assert not joined(lane(), peer, session=session)[0].resumed


def test_a_cache_that_fails_or_calls_back_does_no_harm(joined: Ends, monkeypatch: pytest.MonkeyPatch) -> None:
    heard: list[object] = []
    monkeypatch.setattr("sys.unraisablehook", lambda what: heard.append(what.exc_value))
    others: list[tuple[Connection, Connection]] = []

    def find(number: bytes) -> bytes | None:
        others.append(joined(server(), client()))  # another connection, in the middle of this one's handshake
        raise LookupError(number)

    def store(number: bytes, session: bytes) -> None:
        others.append(joined(server(), client()))
        raise RuntimeError

    context = server()
    context.set("Options", "-SessionTicket")
    context.find, context.store = find, store
    peer = client("TLSv1.2", sessions=True)
    here, there = joined(context, peer)
    here, there = joined(context, peer, session=kept(there))
    assert not here.resumed and len(others) == 3
    assert [type(one) for one in heard] == [RuntimeError, LookupError, RuntimeError]


# What is known.


def test_facts_of_a_hello(joined: Ends) -> None:
    context = server()
    context.capture = 512
    peer = client()
    peer.set("Groups", "X25519:P-256")
    peer.set("SignatureAlgorithms", "ECDSA+SHA256:ed25519")
    here = joined(context, peer, name=HOST)[0]
    assert here.hello is not None
    version, _, ciphers, extensions, groups, formats, versions, algorithms = here.hello
    assert version == 0x0303 and b"\x13\x01" in [ciphers[at : at + 2] for at in range(0, len(ciphers), 2)]
    assert b"\x00\x00" in [extensions[at : at + 2] for at in range(0, len(extensions), 2)]
    assert groups == b"\x00\x1d\x00\x17"
    assert algorithms == b"\x04\x03\x08\x07"
    assert formats[:1] == b"\x00" and versions[:4] == b"\x03\x04\x03\x03"
    assert here.suite(b"\x13\x01") == b"TLS_AES_128_GCM_SHA256"
    assert here.suite(b"\x0a\x0a") is here.suite(b"") is here.suite(b"\x13\x01\x13") is None
    assert joined(server(), client())[0].hello is None


@pytest.mark.parametrize("version", VERSIONS)
def test_both_ends_know_the_same(joined: Ends, version: str) -> None:
    context, peer = server(), client(version)
    context.keylog = peer.keylog = True
    here, there = joined(context, peer)
    assert here.client_random == there.client_random and len(here.client_random) == 32
    assert here.server_random == there.server_random != here.client_random
    assert here.own_finished == there.peer_finished and here.peer_finished == there.own_finished
    assert len(here.own_finished) >= 12
    assert here.secrets and there.secrets and sorted(here.secrets) == sorted(there.secrets)
    assert here.own_certificate == there.peer_certificate
    if version == "TLSv1.2":
        assert here.master_key == there.master_key and len(here.master_key) == 48
        words = b"CLIENT_RANDOM", here.client_random.hex().encode(), here.master_key.hex().encode()
        assert here.secrets == [b" ".join(words)]
    assert joined(server(), client())[0].secrets is None


def test_a_staple(joined: Ends) -> None:
    context = server()
    context.staple = b"an OCSP response, which nobody looks into here"
    port, stop = serve(context)
    words = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", "-status", "-tlsextdebug"]
    text = subprocess.run(words, input=b"", capture_output=True, check=False, timeout=20).stdout
    stop()
    assert b"OCSP response: no response sent" not in text and b"OCSP" in text
    joined(context, client())


# What is refused.


def test_what_is_refused() -> None:
    context, pem = Context(True), authority().pem(HOST)
    other = authority().pem("other.test")
    broken = b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
    key = pem[pem.index(b"-----BEGIN PRIVATE") :]
    cases: list[tuple[Callable[[], object], str]] = [
        (lambda: context.certificate(b"", pem), "no certificate"),
        (lambda: context.certificate(key, pem), "no certificate"),
        (lambda: context.certificate(pem, pem[: pem.index(b"-----BEGIN PRIVATE")]), "no private key"),
        (lambda: context.certificate(pem, other), "key values mismatch"),
        (lambda: context.certificate(pem + broken, pem), "chain"),
        (lambda: context.trust(b"", True), "no certificate"),
        (lambda: context.trust(broken, True), "certificates"),
        (lambda: context.set("CipherString", "NOTHING-KNOWN"), "no cipher match"),
        (lambda: context.set("MinProtocol", "TLSv9"), "bad value"),
        (lambda: context.set("Nonsense", "1"), "knows no 'Nonsense'"),
        (lambda: context.set("Groups", "P-1"), "not accepted"),
        (lambda: context.tickets([]), "1 to 3 keys"),
        (lambda: context.tickets([bytes(80)] * 4), "1 to 3 keys"),
        (lambda: context.tickets([bytes(80), bytes(79)]), "1 to 3 keys"),
        (lambda: context.lifetime(0), "seconds"),
        (lambda: context.verify(3, (), (), 0), "mode"),
        (lambda: setattr(context, "alpn", b"\x02h"), "protocols"),
        (lambda: setattr(context, "alpn", b"\x00"), "protocols"),
        (lambda: setattr(context, "alpn", b""), "protocols"),
    ]
    for call, said in cases:
        with pytest.raises(ValueError, match=re.escape(said)) as caught:
            call()
        assert "PRIVATE" not in str(caught.value) and key.decode()[30:60] not in str(caught.value)
    wrong: list[Callable[[], object]] = [
        lambda: setattr(context, "names", []),
        lambda: setattr(context, "names", {"text": context}),
        lambda: setattr(context, "names", {b"a": Context(False)}),
        lambda: setattr(context, "find", 1),
        lambda: context.tickets(5),  # type: ignore[arg-type]
        lambda: context.verify(1, 5, (), 0),  # type: ignore[arg-type]
        Context,
        lambda: Context(server=True),  # type: ignore[call-arg]
    ]
    for call in wrong:
        with pytest.raises(TypeError):
            call()


def test_an_encrypted_key(joined: Ends) -> None:
    pem, secret = authority().pem(HOST), authority().encrypted_key(HOST, "open sesame")
    context = Context(True)
    with pytest.raises(ValueError, match="encrypted, and there is no passphrase"):
        context.certificate(pem, secret)
    with pytest.raises(ValueError, match="no private key") as caught:
        context.certificate(pem, secret, b"open wheat")
    assert "wheat" not in str(caught.value)
    with pytest.raises(ValueError, match="no private key"):
        context.certificate(pem, secret, b"x" * 5_000)
    context.certificate(pem, secret, b"open sesame")
    joined(context, client(), host=HOST)


# The program openssl.


def serve(context: Context, answer: bytes = b"hello\n") -> tuple[int, Callable[[], list[str]]]:
    """One connection, served by a thread: its port, and what waits for the end and tells the errors."""
    door = socket.create_server(("127.0.0.1", 0))
    errors: list[str] = []

    def run() -> None:
        sock, _ = door.accept()
        sock.settimeout(10)  # for select alone: calls of the connection do not wait
        connection = Connection(context, sock.fileno())
        try:
            while waits := connection.handshake():
                wait(sock, waits)
            if answer:
                connection.write(answer)
                connection.shut()
            while (data := connection.read(1000)) != b"":
                if data is None:
                    wait(sock, 1)
        except OSError as error:
            errors.append(str(error))
        finally:
            connection.close()
            sock.close()

    thread = threading.Thread(target=run)
    thread.start()

    def stop() -> list[str]:
        thread.join(10)
        door.close()
        return errors

    return door.getsockname()[1], stop


def wait(sock: socket.socket, waits: int) -> None:
    poll = select.poll()
    poll.register(sock, waits)
    assert poll.poll(10_000)


def s_client(context: Context, *words: str, data: bytes = b"") -> tuple[str, list[str]]:
    port, stop = serve(context, b"" if data else b"hello\n")
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{port}", *([] if data else ["-ign_eof"]), *words]
    done = subprocess.run(command, input=data, capture_output=True, check=False, timeout=20)
    errors = stop()
    return (done.stdout + done.stderr).decode(errors="replace"), errors


@pytest.mark.parametrize(("word", "protocol"), [("-tls1_2", "TLSv1.2"), ("-tls1_3", "TLSv1.3")])
def test_s_client(word: str, protocol: str) -> None:
    ca = str(authority().folder / "ca.pem")
    text, errors = s_client(server(), word, "-CAfile", ca, "-servername", HOST, "-verify_hostname", HOST)
    assert protocol in text and "Verification: OK" in text and "hello" in text
    assert errors == []


def test_s_client_gets_no_renegotiation() -> None:
    text, _ = s_client(server(), "-tls1_2", data=b"R\n")
    assert "no renegotiation" in text


def test_s_client_of_an_old_version() -> None:
    context = server()
    context.set("MinProtocol", "TLSv1.2")
    text, errors = s_client(context, "-tls1_1", "-cipher", "ALL:@SECLEVEL=0")
    assert "alert protocol version" in text and errors and "protocol" in errors[0]


def test_s_client_speaks_of_no_cipher() -> None:
    text, errors = s_client(server(), "-tls1_2", "-cipher", "ECDHE-RSA-AES128-GCM-SHA256")
    assert "handshake failure" in text and "no shared cipher" in errors[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_s_server(version: str) -> None:
    port = free_port()
    words = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", str(authority().path(HOST)), "-www"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as program:
        try:
            assert program.stdout is not None
            assert any(line.startswith(b"ACCEPT") for line in program.stdout)
            sessions: list[bytes] = []
            for again in range(2):
                with socket.create_connection(("127.0.0.1", port)) as sock:
                    session = sessions[-1] if again else None
                    peer = client(version, sessions=True)
                    there = Connection(peer, sock.fileno(), name=HOST, host=HOST, session=session)
                    while waits := there.handshake():
                        wait(sock, waits)
                    assert there.write(b"GET / HTTP/1.0\r\n\r\n") == 18
                    got = b""
                    while (data := there.read(10_000)) != b"":
                        if data is None:
                            wait(sock, 1)
                        else:
                            got += data
                    assert got.startswith(b"HTTP/1.0 200 ok") and b"s_server" in got
                    assert there.resumed == bool(again) and there.protocol == version.encode()
                    assert there.session is not None
                    sessions.append(there.session)
        finally:
            program.terminate()
