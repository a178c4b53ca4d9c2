"""The PROXY header that connections to a server begin with (manual 5.2: send-proxy, send-proxy-v2, send-proxy-v2-ssl,
send-proxy-v2-ssl-cn, proxy-v2-options, set-proxy-v2-tlv-fmt; the bytes: proto/proxy.py).

    version 1    the ends of the client's connection, nothing else
    version 2    the same, then TLVs in this order: those of formats, CRC32C, ALPN, AUTHORITY, UNIQUE_ID, SSL

What it says of the client's TLS is the same for all requests of a connection, and is kept with the session. Idle
connections are shared by requests whose headers would be the same (pool_key.py).
"""

import struct
from typing import Final

from pointsman.core.address import NetAddress
from pointsman.core.tls import Certificate, Connection
from pointsman.proto.proxy import (
    ALPN,
    AUTHORITY,
    LONGEST_UNIQUE_ID,
    MOST_TLVS,
    SSL,
    SSL_CIPHER,
    SSL_CN,
    SSL_KEY_ALG,
    SSL_SIG_ALG,
    SSL_VERSION,
    UNIQUE_ID,
    first_tlv,
    render_v1,
    render_v2,
    tlv,
)
from pointsman.sample.context import Context, Session
from pointsman.sample.format import Format
from pointsman.server.pool_key import KeyPart

TELL_SSL: Final = 1  # options, as bits
TELL_CN: Final = 2
TELL_CIPHER: Final = 4
TELL_SIGNATURE: Final = 8
TELL_KEY: Final = 16
TELL_CHECKSUM: Final = 32
TELL_UNIQUE_ID: Final = 64
TELL_AUTHORITY: Final = 128

_CLIENT_SSL: Final = 0x01  # of the TLV SSL (section 2.2.6): it came over TLS
_CLIENT_CERT_CONN: Final = 0x02  # it showed a certificate on this connection
_CLIENT_CERT_SESS: Final = 0x04  # or in the session that this one belongs to
_PLAIN: Final = tlv(SSL, b"\0\0\0\0\0")  # of a connection without TLS
_NOTHING: Final = (b"", b"")
_KEYS: Final = (b"RSA", b"EC", b"DSA")  # kinds of keys that are told with their size; of others nothing is told


class OutgoingHeader(KeyPart):
    def __init__(self, version: int, options: int, formats: list[tuple[int, Format]], local: bool = True) -> None:
        """`options`: bits, of version 2. `formats`: types of TLVs with their values. `local`: that the proxy speaks for
        itself is said where it does (manual 3.1, pp2-never-send-local)."""
        self.version = version
        self.options = options if version == 2 else 0
        self.formats = formats if version == 2 else []
        self.local = local
        self.tells_unique_id = self.options & TELL_UNIQUE_ID != 0

    def value(self, context: Context) -> bytes:
        ends = _end(context.source) + _end(context.destination)
        if self.version == 1 or not (self.options or self.formats or context.session.tls is not None):
            return ends
        return ends + b"".join(self._formatted(context)) + self._standard(context, self.tells_unique_id)

    def write(self, context: Context) -> bytes:
        """For a connection that this exchange begins."""
        if self.version == 1:
            return render_v1(context.source, context.destination)
        if not (self.options or self.formats or context.session.tls is not None):
            return render_v2(context.source, context.destination)
        return self._version_2(context, context.source, context.destination, self.tells_unique_id)

    def of_check(self, context: Context, own: NetAddress | None, peer: NetAddress | None) -> bytes:
        """For a health check, between these ends. Nobody's connection is told of: it has no unique ID."""
        if self.version == 1:
            return render_v1(own, peer)
        if self.local:
            return self._version_2(context, None, None, False)
        return self._version_2(context, own, peer, False)

    def _version_2(
        self, context: Context, source: NetAddress | None, destination: NetAddress | None, unique_id: bool
    ) -> bytes:
        """What does not fit any more is left out."""
        room = MOST_TLVS
        first = b""
        for one in self._formatted(context):
            if len(one) <= room:
                first += one
                room -= len(one)
        rest = self._standard(context, unique_id)
        checksum = self.options & TELL_CHECKSUM != 0
        return render_v2(source, destination, first, checksum, rest if len(rest) <= room else b"")

    def _formatted(self, context: Context) -> list[bytes]:
        found: list[bytes] = []
        for kind, form in self.formats:
            value = form.render(context)
            if len(value) <= MOST_TLVS:
                found.append(tlv(kind, value))
        return found

    def _standard(self, context: Context, unique_id: bool) -> bytes:
        options = self.options
        session = context.session
        names, encryption = _NOTHING
        if session.tls is not None:
            names, encryption = _told(session, session.tls, options)
        elif options & TELL_SSL:
            encryption = _PLAIN
        if options & TELL_AUTHORITY:
            name = _authority(session)
            if name is not None:
                names += tlv(AUTHORITY, name)
        if unique_id:
            return names + tlv(UNIQUE_ID, context.unique_id[:LONGEST_UNIQUE_ID]) + encryption
        return names + encryption


def _end(address: NetAddress) -> bytes:
    """An address, its family and port. The family says how long it is."""
    return b"%d %d " % (address.family, address.port) + address.packed


def _authority(session: Session) -> bytes | None:
    """Whom the client wants to speak to, as a proxy before us says, or its hello."""
    if session.tlvs is not None:
        received = first_tlv(session.tlvs, AUTHORITY)
        if received is not None:
            return received
    return session.tls.name if session.tls is not None else None


def _told(session: Session, tls: Connection, options: int) -> tuple[bytes, bytes]:
    """What TLVs say of the client's TLS: the protocol inside, and how it is encrypted; once for all its requests."""
    kept = session.told
    if kept is None:
        kept = session.told = {}
    found = kept.get(options)
    if found is None:
        names = b""
        if tls.alpn:
            names = tlv(ALPN, tls.alpn)
        found = kept[options] = (names, _encryption(tls, options) if options & TELL_SSL else b"")
    return found


def _encryption(tls: Connection, options: int) -> bytes:
    """The TLV SSL (section 2.2.6)."""
    flags = _CLIENT_SSL
    shown = tls.peer_certificate
    if shown is not None:
        flags |= _CLIENT_CERT_SESS if tls.resumed else _CLIENT_CERT_SESS | _CLIENT_CERT_CONN
    inside = tlv(SSL_VERSION, tls.protocol or b"")
    if options & TELL_CN and shown is not None:
        name = Certificate(shown).entry(False, b"CN", 1)
        if name:
            inside += tlv(SSL_CN, name)
    ours = tls.own_certificate if options & (TELL_KEY | TELL_SIGNATURE) else None
    if ours is not None:
        certificate = Certificate(ours)
        if options & TELL_KEY and certificate.key_kind in _KEYS:
            inside += tlv(SSL_KEY_ALG, b"%b%d" % (certificate.key_kind, certificate.key_bits))
        if options & TELL_SIGNATURE:
            inside += tlv(SSL_SIG_ALG, certificate.signature_algorithm)
    if options & TELL_CIPHER and tls.cipher:
        inside += tlv(SSL_CIPHER, tls.cipher)
    return tlv(SSL, struct.pack(">BI", flags, tls.result) + inside)
