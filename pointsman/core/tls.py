"""TLS, by an extension of our own over OpenSSL 3 (core/_tls.c). It is built where there are a C compiler and OpenSSL's
headers (Debian: libssl-dev); nothing else serves in its place, and MISSING says so.

    Context(server)                    what is said of all connections of a `bind` line or a server, filled by
      set(name, value)                 a command of SSL_CONF_cmd(3): MinProtocol, MaxProtocol, CipherString,
                                       Ciphersuites, Groups, SignatureAlgorithms, ClientSignatureAlgorithms, Options
      dh(source)                       for suites with DHE: a group of RFC 7919 by its bits, or a PEM text
      certificate(chain, key, phrase)  PEM, the leaf first; one for each kind of key (RSA, ECDSA, Ed25519), of which a
                                       client gets one that it can use
      trust(pem, named)                CAs, and lists of revoked certificates, which are looked at as soon as there is
                                       one; named: clients are told whose certificates are expected
      trust_system()                   the CAs that the system trusts
      verify(mode, of_peer, of_cas, depth)
                                       0 none, 1 if the peer has one, 2 required; the numbers of errors that are
                                       ignored, in the peer's own certificate and in CAs; depth 0: OpenSSL's
      alpn, staple                     protocols as on the wire; an OCSP response
      use(identity)                    the same with what is there already
      names, defaults, strict          what the name of a client's hello chooses: "www.a.b", then "*.a.b"; and what is
                                       chosen for all others, unless they are refused, strictly. A choice is a Context,
                                       None (this one), or candidates: ((Context or None, Identity), ...), the best kind
                                       of key first, of which a client gets one that it can verify; (): not served
      put(name, choice), drop(name)    one of `names` alone, while there are connections
      check(identity)                  ValueError: no connection could show it (its key is too small, say)
      announce()                       identities may have timestamps
      tickets(keys)                    up to three of 48 or 80 bytes (name and two keys), the first one seals, all open
      find, store, lifetime            a cache of sessions that no ticket holds; for how many seconds any is valid
      early                            bytes of early data that clients may send, 0 by default; to be set before names
      capture, keylog, sessions        what connections keep; capture: how many bytes of a client's hello

    Identity(chain, key, passphrase)   a certificate with what belongs to it, which several contexts may show
      label                            by what it is known, which connections tell
      staple, timestamps               an OCSP response, a list of signed certificate timestamps: sent along
      staple_until                     seconds of the epoch from which on the response is too old; 0: never
      kind, bits, leaf, names          RSA, EC, ED25519...; of its key; the DER of the certificate; hosts that it names
      certificate                      what it says (a Certificate)
      key                              its private key as PEM: to be written where an administrator asks for it

    Connection(context, fd, given, name, session, host)
                                       on a socket that does not wait. given: what was received already. Of a client:
                                       name: SNI; session: to be resumed; host: what the certificate has to be of
      allow_early()                    of a client: how many bytes go along with its hello, if they are written before
                                       `handshake` is called. EKEYREJECTED: the server did not take them
      handshake(), read(size), write(data), shut(), close()
                                       none of them waits. handshake: 0: over; else what it waits for, with a bit that
                                       says that early data may be read, and answered, meanwhile. OSError: the
                                       connection is lost; a TlsError, which is one (EPROTO), says what was wrong with
                                       the protocol, with OpenSSL's `code`
      early, early_seen                early data came, and the handshake is not over; some came, or was sent
      early_refused                    the server did not take what was sent
      cut                              the peer has ended without close_notify: what came last may be missing

    Certificate(der), Crl(der)         what a certificate, or a list of revoked ones, says: the attributes of _tls.pyi.
                                       ValueError: it is none. An extension that is malformed counts as missing
    pem_certificates(text), pem_crls(text)
                                       their DERs, in order; what else stands there is skipped, and one that is
                                       malformed a ValueError
    OcspResponse(der)                  status, count and text of an OCSP response; ValueError: it is none
      find(certificate, issuer)        (status, this update, next update) of that certificate, or None
      verify(issuer)                   ValueError: nobody has signed it who may tell of its certificates
    ocsp_request(certificate, issuer)  the DER of what a responder is asked
    ocsp_id_parts(id)                  of Certificate.ocsp_id: digests of the issuer's name and key, the serial number
    providers()                        names of OpenSSL's that are loaded

Contexts refuse with ValueError. No message holds a part of a key, a passphrase or a session.
"""

from typing import TYPE_CHECKING, Final

__all__ = [
    "MISSING",
    "VERSION",
    "Certificate",
    "Choice",
    "Connection",
    "Context",
    "Crl",
    "Identity",
    "OcspResponse",
    "TlsError",
    "dummy",
    "error_text",
    "ocsp_id_parts",
    "ocsp_request",
    "pem_certificates",
    "pem_crls",
    "providers",
    "verify_text",
]

WORDS: Final = (
    "TLS needs OpenSSL 3, which Pointsman was built without: install a C compiler and libssl-dev, then build it"
)

if TYPE_CHECKING:
    from pointsman.core._tls import (
        VERSION,
        Certificate,
        Choice,
        Connection,
        Context,
        Crl,
        Identity,
        OcspResponse,
        TlsError,
        dummy,
        error_text,
        ocsp_id_parts,
        ocsp_request,
        pem_certificates,
        pem_crls,
        providers,
        verify_text,
    )
else:
    Choice = object  # a name for annotations
    try:
        from pointsman.core._tls import (
            VERSION,
            Certificate,
            Connection,
            Context,
            Crl,
            Identity,
            OcspResponse,
            TlsError,
            dummy,
            error_text,
            ocsp_id_parts,
            ocsp_request,
            pem_certificates,
            pem_crls,
            providers,
            verify_text,
        )
    except ImportError:  # no compiler or no library was at hand

        class Context:
            def __init__(self, server: bool) -> None:
                raise RuntimeError(WORDS)

        class Identity:
            def __init__(self, chain: bytes, key: bytes, passphrase: bytes | None = None) -> None:
                raise RuntimeError(WORDS)

        class Connection:
            def __init__(self, *words: object) -> None:
                raise RuntimeError(WORDS)

        class Certificate:
            def __init__(self, der: bytes) -> None:
                raise RuntimeError(WORDS)

        class Crl:
            def __init__(self, der: bytes) -> None:
                raise RuntimeError(WORDS)

        class OcspResponse:
            def __init__(self, der: bytes) -> None:
                raise RuntimeError(WORDS)

        class TlsError(OSError):
            code = 0

        def dummy(kind: str, bits: int, curve: str, name: str) -> tuple[bytes, bytes]:
            raise RuntimeError(WORDS)

        def error_text(code: int) -> bytes:
            return b"error %d" % code

        def ocsp_id_parts(identifier: bytes) -> tuple[bytes, bytes, bytes]:
            raise RuntimeError(WORDS)

        def ocsp_request(certificate: object, issuer: object) -> bytes:
            raise RuntimeError(WORDS)

        def pem_certificates(text: bytes) -> list[bytes]:
            raise RuntimeError(WORDS)

        def pem_crls(text: bytes) -> list[bytes]:
            raise RuntimeError(WORDS)

        def providers() -> list[str]:
            return []

        def verify_text(number: int) -> str:
            return f"error {number}"

        VERSION = ""

MISSING: Final = "" if VERSION else WORDS  # what to say where TLS is asked for
