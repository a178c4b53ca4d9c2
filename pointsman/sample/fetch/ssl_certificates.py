"""Certificates of TLS connections (manual 7.3.4): the client's (ssl_c_), the one that was shown to it (ssl_f_), the
server's (ssl_s_). No sample where there is none, as on a clear connection.

A client that resumes an earlier session shows none, but that one's certificate is known. A client's certificate that
did not pass verification is known behind the handshake that failed, for error-log-format; a server's is not. Nothing is
known while early data is all that came: whoever sent that may be somebody else (http-request wait-for-handshake).
"""

from collections.abc import Callable
from typing import Final

from pointsman.core.tls import Certificate
from pointsman.sample.arguments import Arguments
from pointsman.sample.context import Context
from pointsman.sample.fetch.ssl_front import settled
from pointsman.sample.registry import (
    CLIENT_CERTIFICATE,
    HANDSHAKEN,
    OWN_CERTIFICATE,
    Fetched,
    fetch,
    fetch_of_certificates,
    fetch_with,
)
from pointsman.sample.source import Source
from pointsman.sample.types import Reads, Type, Value

ROOT: Final = 3  # beside the three of the registry: the authority where the client's chain ends
DN: Final = "([string,integer,string])"
CENTURY: Final = b"20"  # the one that dates of two digits stand for


def certificate_of(ctx: Context, side: int) -> Certificate | None:
    """The one that a fetch looks at; None: there is none."""
    if side == CLIENT_CERTIFICATE:
        tls = settled(ctx)
        return tls.peer if tls is not None else None
    if side == OWN_CERTIFICATE:
        tls = settled(ctx)
        return tls.own if tls is not None else None
    if side == ROOT:
        tls = settled(ctx)
        return tls.root if tls is not None else None
    tls = ctx.server_tls
    return tls.peer if tls is not None and tls.finished else None


class OfCertificate(Source):
    """What one of the certificates says."""

    def __init__(self, side: int, ask: Callable[[Certificate], Value | None]) -> None:
        self.many = False
        self.side = side
        self.ask = ask

    def get(self, ctx: Context) -> Value | None:
        certificate = certificate_of(ctx, self.side)
        return self.ask(certificate) if certificate is not None else None


class OfName(Source):
    """A subject or an issuer: all of it, or one of its entries."""

    def __init__(self, side: int, of_issuer: bool, args: Arguments) -> None:
        self.many = False
        self.side = side
        self.of_issuer = of_issuer
        self.entry = args.text(0)
        self.nth = args.number(1, 1)
        quoting = args.word(2)
        if quoting not in ("", "rfc2253"):
            raise args.wrong("only rfc2253 or a blank value are currently supported as the format argument.", "rfc2253")
        self.quoted = bool(quoting)

    def get(self, ctx: Context) -> bytes | None:
        certificate = certificate_of(ctx, self.side)
        if certificate is None:
            return None
        if self.entry:
            return certificate.entry(self.of_issuer, self.entry, self.nth)
        return (certificate.rfc2253(self.of_issuer) if self.quoted else certificate.line(self.of_issuer)) or None


def _der(certificate: Certificate) -> bytes:
    return certificate.der


def _serial(certificate: Certificate) -> bytes:
    return certificate.serial


def _sha1(certificate: Certificate) -> bytes:
    return certificate.sha1


def _version(certificate: Certificate) -> int:
    return certificate.version


def _key_algorithm(certificate: Certificate) -> bytes | None:
    return certificate.key_algorithm or None


def _signature_algorithm(certificate: Certificate) -> bytes | None:
    return certificate.signature_algorithm or None


def _short(date: bytes) -> bytes | None:
    """YYMMDDhhmmss[Z]. Later centuries have no such form."""
    if len(date) <= 13:
        return date
    return date[2:] if date.startswith(CENTURY) else None


def _not_before(certificate: Certificate) -> bytes | None:
    return _short(certificate.not_before_asn1)


def _not_after(certificate: Certificate) -> bytes | None:
    return _short(certificate.not_after_asn1)


@fetch_of_certificates("ssl_c_der", "ssl_f_der", "ssl_s_der", "", Type.BIN)
def der(_: Arguments, side: int) -> Fetched:
    """The certificate in DER."""
    return OfCertificate(side, _der)


@fetch_of_certificates("ssl_c_serial", "ssl_f_serial", "ssl_s_serial", "", Type.BIN)
def serial(_: Arguments, side: int) -> Fetched:
    """The serial number of the certificate."""
    return OfCertificate(side, _serial)


@fetch_of_certificates("ssl_c_sha1", "ssl_f_sha1", "ssl_s_sha1", "", Type.BIN)
def sha1(_: Arguments, side: int) -> Fetched:
    """The SHA-1 fingerprint of the certificate."""
    return OfCertificate(side, _sha1)


@fetch_of_certificates("ssl_c_version", "ssl_f_version", "ssl_s_version", "", Type.SINT)
def version(_: Arguments, side: int) -> Fetched:
    """The version of the certificate, 1 to 3."""
    return OfCertificate(side, _version)


@fetch_of_certificates("ssl_c_key_alg", "ssl_f_key_alg", "ssl_s_key_alg", "", Type.STR)
def key_algorithm(_: Arguments, side: int) -> Fetched:
    """The algorithm of the certificate's key, by OpenSSL's short name."""
    return OfCertificate(side, _key_algorithm)


@fetch_of_certificates("ssl_c_sig_alg", "ssl_f_sig_alg", "ssl_s_sig_alg", "", Type.STR)
def signature_algorithm(_: Arguments, side: int) -> Fetched:
    """The algorithm by which the certificate is signed, by OpenSSL's short name."""
    return OfCertificate(side, _signature_algorithm)


@fetch_of_certificates("ssl_c_notbefore", "ssl_f_notbefore", "ssl_s_notbefore", "", Type.STR)
def not_before(_: Arguments, side: int) -> Fetched:
    """The date from which on it holds, YYMMDDhhmmss[Z]."""
    return OfCertificate(side, _not_before)


@fetch_of_certificates("ssl_c_notafter", "ssl_f_notafter", "ssl_s_notafter", "", Type.STR)
def not_after(_: Arguments, side: int) -> Fetched:
    """The date until which it holds, YYMMDDhhmmss[Z]."""
    return OfCertificate(side, _not_after)


@fetch_of_certificates("ssl_c_s_dn", "ssl_f_s_dn", "ssl_s_s_dn", DN, Type.STR)
def subject(args: Arguments, side: int) -> Fetched:
    """<x>_s_dn([<entry>[,<occ>[,<format>]]]): whose certificate it is, or one entry of that name."""
    return OfName(side, False, args)


@fetch_of_certificates("ssl_c_i_dn", "ssl_f_i_dn", "ssl_s_i_dn", DN, Type.STR)
def issuer(args: Arguments, side: int) -> Fetched:
    """<x>_i_dn([<entry>[,<occ>[,<format>]]]): who has issued the certificate, or one entry of that name."""
    return OfName(side, True, args)


@fetch_with("ssl_c_r_dn", DN, Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def root(args: Arguments) -> Fetched:
    """ssl_c_r_dn([<entry>[,<occ>[,<format>]]]): the authority where the client's chain ends, or one entry of that name.
    No sample behind a resumed session."""
    return OfName(ROOT, False, args)


@fetch("ssl_c_chain_der", Type.BIN, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def client_chain(ctx: Context) -> bytes | None:
    """What the client has sent beside its certificate, each in DER."""
    tls = settled(ctx)
    return b"".join(tls.peer_chain) or None if tls is not None else None


@fetch("ssl_s_chain_der", Type.BIN, HANDSHAKEN, Reads.MOVING, "7.3.4")
def server_chain(ctx: Context) -> bytes | None:
    """What the server has sent, its own certificate first, each in DER."""
    tls = ctx.server_tls
    return b"".join(tls.peer_chain) or None if tls is not None and tls.finished else None


def _alternative_names(certificate: Certificate) -> bytes | None:
    return certificate.alternative_names or None


@fetch_with("ssl_c_san", "", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def alternative_names(_: Arguments) -> Fetched:
    """The alternative names of the client's certificate: "DNS:a.test, IP Address:192.0.2.1"."""
    return OfCertificate(CLIENT_CERTIFICATE, _alternative_names)


def _policies(certificate: Certificate) -> bytes | None:
    return b",".join(certificate.policies) or None


@fetch_with("ssl_c_policies", "([string])", Type.STR, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def policies(args: Arguments) -> Fetched:
    """ssl_c_policies([<oid>]): the policies of the client's certificate, separated by commas; or this one, if it is
    among them."""
    wanted = args.text(0)

    def one(certificate: Certificate) -> bytes | None:
        return wanted if wanted in certificate.policies else None

    return OfCertificate(CLIENT_CERTIFICATE, one if wanted else _policies)


@fetch("ssl_c_used", Type.BOOL, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def used(ctx: Context) -> bool | None:
    """Whether the client has a certificate, shown now or when its session began."""
    tls = settled(ctx)
    return tls.peer is not None if tls is not None else None


@fetch("ssl_c_verify", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def verified(ctx: Context) -> int | None:
    """The number of the error by which verification ended; 0: none."""
    tls = settled(ctx)
    return tls.result if tls is not None and tls.finished else None


@fetch("ssl_c_err", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def error(ctx: Context) -> int | None:
    """The number of the first error of verification that was the client's own certificate's; 0: none."""
    tls = settled(ctx)
    return tls.first_errors[0] if tls is not None else None


@fetch("ssl_c_ca_err", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def authority_error(ctx: Context) -> int | None:
    """The number of the first error of verification that was an authority's; 0: none."""
    tls = settled(ctx)
    return tls.first_errors[1] if tls is not None else None


@fetch("ssl_c_ca_err_depth", Type.SINT, HANDSHAKEN, Reads.CONNECTION, "7.3.4")
def authority_error_depth(ctx: Context) -> int | None:
    """How deep in the chain that error was; 0: there was none."""
    tls = settled(ctx)
    return tls.first_errors[2] if tls is not None else None
