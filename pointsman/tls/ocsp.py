"""OCSP responses that are sent along with certificates (manual 5.1 "crt", 12.7.1; RFC 6960).

    Material.ocsp ---> usable() ---> Store.by_ocsp_key[identifier] ---> staple of each Identity with that identifier

A response is known by the identifier (CertID) of what it is about, not by a file: certificates that are the same to a
responder share it. What a file has is looked at when the certificate is read, what comes at run time before it becomes
a change of all processes. From its next update on a response is no longer sent; the C of Identity looks at that.
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from pointsman.core.tls import Certificate, OcspResponse, ocsp_id_parts, pem_certificates
from pointsman.tls.files import Material, TlsFileError

GOOD: Final = 0  # CertStatus (RFC 6960, 4.2.1)
REVOKED: Final = 1
STATUSES: Final = range(7)  # OCSPResponseStatus (RFC 6960, 4.2.1)
SLACK: Final = 300  # s by which clocks may differ


class OcspError(Exception):
    """A response is not for use. The text says why."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A certificate, and who has issued it: what responders are asked about."""

    leaf: Certificate
    issuer: Certificate

    @property
    def key(self) -> str:
        """The identifier, as runtime commands show it."""
        return self.leaf.ocsp_id(self.issuer).hex()


@dataclass(frozen=True, slots=True)
class Response:
    der: bytes
    next_update: int  # seconds of the epoch


def subject_of(material: Material) -> Subject | None:
    """None: its issuer is not known. The chain comes first, then the file of the issuer (manual 5.1)."""
    chain = [Certificate(der) for der in pem_certificates(material.chain)]
    try:
        others = [Certificate(der) for der in pem_certificates(material.issuer)] if material.issuer else []
    except ValueError:
        others = []
    if not chain:
        return None
    for one in (*chain[1:], *others):
        if chain[0].issued_by(one):
            return Subject(chain[0], one)
    return None


def has_responder(material: Material) -> bool:
    """The certificate names one (Authority Information Access)."""
    chain = pem_certificates(material.chain)
    return bool(chain) and bool(Certificate(chain[0]).ocsp_uris)


def usable(der: bytes, subject: Subject, now: int) -> Response:
    """OcspError: it may not be sent: it is none, about another certificate, not good, or not of now."""
    response = parsed(der)
    if response.status != 0:
        raise OcspError(f"OCSP response status is not successful ({response.status})")
    if response.count != 1:
        raise OcspError("OCSP response ignored because contains multiple single responses")
    found = response.find(subject.leaf, subject.issuer)
    if found is None:
        raise OcspError("OCSP single response: Certificate ID does not match certificate and issuer")
    status, since, until = found
    if status != GOOD:
        raise OcspError(f"OCSP single response: certificate status is {'revoked' if status == REVOKED else 'unknown'}")
    if until is None:
        raise OcspError("OCSP single response: missing nextupdate")
    if since is None or since > now + SLACK:
        raise OcspError("OCSP single response: it is not valid yet")
    if until <= now:
        raise OcspError("OCSP single response: it is no longer valid")
    return Response(der, until)


def parsed(der: bytes) -> OcspResponse:
    """OcspError: it is none."""
    try:
        response = OcspResponse(der)
    except ValueError:
        raise OcspError("Unable to parse OCSP response") from None
    if response.status not in STATUSES:
        raise OcspError("Unable to parse OCSP response")
    return response


def is_about(response: OcspResponse, subject: Subject) -> bool:
    return response.find(subject.leaf, subject.issuer) is not None


def decoded(text: str) -> bytes:
    """The DER of a text in base64, which may have line ends in it. OcspError: it is no base64."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError):
        raise OcspError("received invalid base64 encoded response") from None


def missing_issuer(name: str, path: str) -> TlsFileError:
    return TlsFileError(
        f"'{path or name + '.ocsp'}' is present and activates OCSP but it is impossible to compute the OCSP "
        "certificate ID (maybe the issuer could not be found)."
    )


def described(key: str) -> Iterator[str]:
    """The lines about an identifier, in the form of `show ssl ocsp-response`."""
    name, issuer, serial = (part.hex().upper() for part in ocsp_id_parts(bytes.fromhex(key)))
    yield " Certificate ID:"
    yield f"   Issuer Name Hash: {name}"
    yield f"   Issuer Key Hash: {issuer}"
    yield f"   Serial Number: {serial}"
