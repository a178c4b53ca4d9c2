"""PROXY headers of version 2 that servers are sent, byte by byte (manual 5.2, proxy-v2-options, set-proxy-v2-tlv-fmt;
the protocol's section 2.2). What HAProxy 3.2 sends for the same was looked at with each option."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import pytest
from support.certificates import Authority, authority
from support.stand import Stand
from support.tls_stand import HOST, TlsEnd, TlsStand

from pointsman.core.tls import VERSION, Context
from pointsman.net.tls import TlsTransports
from pointsman.proto.proxy import SIGNATURE, crc32c
from pointsman.stream.connections import client_connections

CONFIG = """
defaults
    mode {mode}
    timeout connect 1s
    timeout client 60s
    timeout server 3s
frontend f
    bind 127.0.0.1:1
    unique-id-format id-%rt
    {rule}
    default_backend b
backend b
    http-reuse always
    server s {a} send-proxy-v2 {words}
"""
GET = b"GET /%d HTTP/1.1\r\nHost: h\r\nX-Tell: %b\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
ALL = "proxy-v2-options ssl,cert-cn,ssl-cipher,cert-sig,cert-key,unique-id,authority"
needs_tls = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


def config(words: str, rule: str = "", mode: str = "http") -> str:
    return CONFIG.replace("{words}", words).replace("{rule}", rule).replace("{mode}", mode)


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def tlvs_of(stand: Stand, name: str = "a") -> bytes:
    """What the server finds behind the addresses of the header of its next connection, whose answer is sent."""
    server = stand.accept(name)
    data = server.take()
    server.send(OK)
    assert data.startswith(SIGNATURE + b"\x21\x11")
    size = 16 + int.from_bytes(data[14:16], "big")
    assert data[size:].startswith(b"GET /")
    return data[28:size]


def ask(stand: Stand, words: str = "x") -> bytes:
    client = stand.client()
    client.send(GET % (1, words.encode()))
    found = tlvs_of(stand)
    assert client.take().endswith(b"ok")
    return found


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("", b""),
        ("send-proxy-v2-ssl", tlv(0x20, b"\0\0\0\0\0")),
        ("proxy-v2-options cert-key", tlv(0x20, b"\0\0\0\0\0")),
        ("proxy-v2-options authority", b""),
        ("proxy-v2-options unique-id", tlv(5, b"id-0")),
        ("proxy-v2-options unique-id,ssl", tlv(5, b"id-0") + tlv(0x20, b"\0\0\0\0\0")),
        ("set-proxy-v2-tlv-fmt(0xe1) one-%[req.hdr(x-tell)]", tlv(0xE1, b"one-x")),
        ("set-proxy-v2-tlv-fmt(0) %[req.hdr(none)]", tlv(0, b"")),
        (
            "proxy-v2-options unique-id set-proxy-v2-tlv-fmt(225) a set-proxy-v2-tlv-fmt(0xE1) b",
            tlv(0xE1, b"a") + tlv(0xE1, b"b") + tlv(5, b"id-0"),
        ),
    ],
)
def test_what_is_told_of_a_plain_connection(words: str, expected: bytes) -> None:
    with Stand(config(words), "a") as stand:
        assert ask(stand) == expected


def test_a_checksum_stands_behind_what_formats_say() -> None:
    with Stand(config("proxy-v2-options crc32c,ssl set-proxy-v2-tlv-fmt(0xe1) a"), "a") as stand:
        client = stand.client()
        client.send(GET % (1, b""))
        data = stand.accept("a").take()
        size = 16 + int.from_bytes(data[14:16], "big")
        header = data[:size]
        assert header[28:35] == tlv(0xE1, b"a") + b"\x03\x00\x04"
        told = header[35:39]
        assert crc32c(header[:35] + b"\0\0\0\0" + header[39:]) == int.from_bytes(told, "big")
        assert header[39:] == tlv(0x20, b"\0\0\0\0\0")


def test_a_unique_id_is_cut_and_what_is_too_large_left_out() -> None:
    """At 128 bytes (section 2.2.5); a header is no larger than a buffer."""
    long = "unique-id-format %[req.hdr(x-tell)]"
    with Stand(config("proxy-v2-options unique-id").replace("unique-id-format id-%rt", long), "a") as stand:
        assert ask(stand, "i" * 200) == tlv(5, b"i" * 128)
    words = "set-proxy-v2-tlv-fmt(1) %[var(txn.x)] set-proxy-v2-tlv-fmt(2) two"
    rule = "http-request set-var(txn.x) req.hdr(x-tell)\n"
    rule += "    http-request set-var(txn.x) var(txn.x),concat(,txn.x),concat(,txn.x)"
    with Stand(config(words, rule), "a") as stand:
        assert ask(stand, "i" * 5000) == tlv(1, b"i" * 15000) + tlv(2, b"two")
        assert ask(stand, "i" * 6000) == tlv(2, b"two")


def test_a_unique_id_in_tcp_mode() -> None:
    with Stand(config("proxy-v2-options unique-id", mode="tcp"), "a") as stand:
        stand.client().send(b"GET / HTTP/1.1\r\n\r\n")
        assert tlvs_of(stand) == tlv(5, b"id-0")


def test_connections_are_shared_where_their_headers_are_the_same() -> None:
    words = "set-proxy-v2-tlv-fmt(0xe1) %[req.hdr(x-tell)]"
    with Stand(config(words), "a") as stand:
        client = stand.client()
        servers = {}
        for value, fresh in ((b"one", True), (b"one", False), (b"two", True), (b"one", False), (b"two", False)):
            client.send(GET % (1, value))
            came = stand.arrivals("a")
            assert len(came) == fresh
            servers[value] = came[0] if came else servers[value]
            data = servers[value].take()
            assert (tlv(0xE1, value) in data) == fresh
            servers[value].send(OK)
            assert client.take().endswith(b"ok")


def test_each_unique_id_has_its_connection() -> None:
    with Stand(config("proxy-v2-options unique-id"), "a") as stand:
        client = stand.client()
        for number in range(3):
            client.send(GET % (number, b""))
            assert tlvs_of(stand) == tlv(5, b"id-%d" % number)
            assert client.take().endswith(b"ok")


def arrived(stand: Stand, tlvs: list[tuple[int, bytes]]) -> bytes:
    """What a server is told of a client whose PROXY header had these TLVs."""
    client, arrival = stand.arrive()
    arrival.tlvs = tlvs
    stand.frontend().open(arrival)
    client.send(GET % (1, b""))
    found = tlvs_of(stand)
    assert client.take().endswith(b"ok")
    return found


def test_what_a_proxy_before_us_has_told_is_sent_on() -> None:
    """Whole, zero bytes included."""
    with Stand(config("set-proxy-v2-tlv-fmt(0xe1) %[fc_pp_tlv(0xe0)] proxy-v2-options authority"), "a") as stand:
        assert arrived(stand, [(0xE0, b"a\0b\xff"), (2, b"x.y"), (2, b"z")]) == tlv(0xE1, b"a\0b\xff") + tlv(2, b"x.y")
        assert arrived(stand, [(0xE0, b"other"), (2, b"")]) == tlv(0xE1, b"other") + tlv(2, b"")
        assert ask(stand) == tlv(0xE1, b"")


class Secured(TlsStand):
    """Clients may show certificates, and want their names."""

    def __init__(self, text: str, kind: str = "ec") -> None:
        super().__init__(text, "a", side="front")
        context = Context(True)
        pem = authority().pem(HOST, kind)
        context.certificate(pem, pem)
        context.trust(authority().ca, False)
        context.verify(1, range(1, 95), range(1, 95), 0)
        context.alpn = b"\x08http/1.1"
        self.context = context
        for bind_state in self.bind_states.values():
            bind_state.transports = TlsTransports(context)

    def connect(
        self,
        shown: Path | None = None,
        alpn: bool = False,
        name: str | None = HOST,
        highest: ssl.TLSVersion = ssl.TLSVersion.TLSv1_3,
        session: ssl.SSLSession | None = None,
        context: ssl.SSLContext | None = None,
    ) -> TlsEnd:
        if context is None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            context.maximum_version = highest
            if shown is not None:
                context.load_cert_chain(shown)
            if alpn:
                context.set_alpn_protocols(["http/1.1"])
        self.raw = True
        end = self.client()
        self.raw = False
        self.ends.remove(end)
        made = SecuredEnd(self, end.sock, context, name, session)
        self.ends.append(made)
        made.shake()
        return made


class SecuredEnd(TlsEnd):
    def __init__(
        self,
        stand: Stand,
        sock: socket.socket,
        context: ssl.SSLContext,
        name: str | None,
        session: ssl.SSLSession | None,
    ) -> None:
        super(TlsEnd, self).__init__(
            stand,
            context.wrap_socket(sock, do_handshake_on_connect=False, server_hostname=name, session=session),
        )


def told(stand: Secured, client: TlsEnd) -> dict[int, bytes]:
    """TLVs by type, those inside of SSL by the side of the others; 0: the first five bytes of SSL."""
    client.send(GET % (1, b""))
    found = _cut(tlvs_of(stand))
    if 0x20 in found:
        whole = found.pop(0x20)
        found |= {0: whole[:5], **_cut(whole[5:])}
    assert client.take().endswith(b"ok")
    return found


def _cut(data: bytes) -> dict[int, bytes]:
    found: dict[int, bytes] = {}
    while data:
        kind, size = struct.unpack(">BH", data[:3])
        found[kind] = data[3 : 3 + size]
        data = data[3 + size :]
    return found


@needs_tls
def test_what_is_told_of_tls() -> None:
    with Secured(config(ALL)) as stand:
        client = stand.connect(alpn=True)
        assert told(stand, client) == {
            0x01: b"http/1.1",
            0x02: HOST.encode(),
            0x05: b"id-0",
            0x00: b"\x01\0\0\0\0",
            0x21: b"TLSv1.3",
            0x23: b"TLS_AES_256_GCM_SHA384",
            0x24: b"ecdsa-with-SHA256",
            0x25: b"EC256",
        }


@needs_tls
@pytest.mark.parametrize(
    ("words", "kinds"),
    [
        ("", {0x01}),
        ("send-proxy-v2-ssl", {0x01, 0x00, 0x21}),
        ("send-proxy-v2-ssl-cn", {0x01, 0x00, 0x21, 0x22}),
        ("proxy-v2-options authority", {0x01, 0x02}),
        ("proxy-v2-options ssl-cipher", {0x01, 0x00, 0x21, 0x23}),
        ("proxy-v2-options cert-sig", {0x01, 0x00, 0x21, 0x24}),
        ("proxy-v2-options cert-key", {0x01, 0x00, 0x21, 0x25}),
    ],
)
def test_which_option_tells_what(words: str, kinds: set[int]) -> None:
    with Secured(config(words)) as stand:
        assert set(told(stand, stand.connect(authority().path("client.example"), alpn=True))) == kinds


@needs_tls
def test_the_clients_certificate() -> None:
    with Secured(config("send-proxy-v2-ssl-cn")) as stand:
        good = told(stand, stand.connect(authority().path("client.example")))
        assert (good[0], good[0x22]) == (b"\x07\0\0\0\0", b"client.example")
        expired = told(stand, stand.connect(authority().path("late.example", expired=True)))
        assert (expired[0], expired[0x22]) == (b"\x07\0\0\0\x0a", b"late.example")
        none = told(stand, stand.connect())
        assert none[0] == b"\x01\0\0\0\0" and 0x22 not in none
        foreign = told(stand, stand.connect(Authority("another").path("foreign.example")))
        assert foreign[0][:4] == b"\x07\0\0\0" and foreign[0][4] == 21 and foreign[0x22] == b"foreign.example"


@needs_tls
def test_a_resumed_session_has_shown_its_certificate_before() -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(authority().path("client.example"))
    with Secured(config("send-proxy-v2-ssl-cn")) as stand:
        stand.context.tickets([bytes(80)])
        first = stand.connect(context=context)
        assert told(stand, first)[0] == b"\x07\0\0\0\0"
        again = stand.connect(context=context, session=first.sock.session)
        assert again.sock.session_reused
        found = told(stand, again)
        assert (found[0], found[0x21], found[0x22]) == (b"\x05\0\0\0\0", b"TLSv1.2", b"client.example")


@needs_tls
def test_an_authority_that_was_received_counts_before_the_name_of_the_hello() -> None:
    with Secured(config("proxy-v2-options authority")) as stand:
        client = stand.connect()
        (front,) = client_connections(stand.reactor)
        front.of_session().tlvs = [(2, b"received.example")]
        assert told(stand, client) == {2: b"received.example"}
        assert told(stand, stand.connect()) == {2: HOST.encode()}


@needs_tls
@pytest.mark.parametrize(("kind", "key"), [("ec", b"EC256"), ("rsa", b"RSA2048"), ("ed", None)])
def test_our_own_key(kind: str, key: bytes | None) -> None:
    """Of Ed25519 there is no size to tell: 3.2 leaves it out as well."""
    with Secured(config("proxy-v2-options cert-key"), kind) as stand:
        assert told(stand, stand.connect()).get(0x25) == key


@needs_tls
def test_clients_of_other_certificates_share_no_connection() -> None:
    """Whatever rules say of their addresses."""
    rule = "http-request set-src str(192.0.2.1)\n    http-request set-src-port int(7)"
    with Secured(config("send-proxy-v2-ssl-cn", rule)) as stand:
        one = stand.connect(authority().path("one.example"))
        assert told(stand, one)[0x22] == b"one.example"
        assert told(stand, stand.connect(authority().path("two.example")))[0x22] == b"two.example"
        same = stand.connect(authority().path("one.example"))
        same.send(GET % (2, b""))
        assert stand.arrivals("a") == []
