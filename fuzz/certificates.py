"""Bytes that are no certificate and no list of revoked ones, or nearly: each attribute of what is parsed can be asked
for, and nothing but ValueError comes of the rest."""

import base64
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from pointsman.core.tls import VERSION, Certificate, Crl, pem_certificates, pem_crls

EXTENSIONS: Final = (
    "subjectAltName=DNS:a.test,IP:192.0.2.1,IP:2001:db8::1,email:a@b.test,URI:http://a.test/,RID:1.2.3.4",
    "authorityInfoAccess=OCSP;URI:http://ocsp.test/,caIssuers;URI:http://a.test/",
    "certificatePolicies=1.2.3.4,2.5.29.32.0",
    "subjectKeyIdentifier=hash",
    "basicConstraints=critical,CA:TRUE",
)
CONFIG: Final = "[req]\ndistinguished_name=n\n[n]\n[ca]\ndefault_ca=o\n[o]\ndatabase=index\ndefault_md=sha256\n"
MAKE: Final = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key",
               "-multivalue-rdn", "-utf8", "-config", "config", "-outform", "DER", "-out", "certificate",
               "-subj", "/C=DE/O=\N{LATIN SMALL LETTER E WITH ACUTE}+OU=a/CN=fuzz.test")  # fmt: skip
LIST: Final = ("ca", "-gencrl", "-config", "config", "-cert", "certificate", "-keyfile", "key", "-crldays", "30")


def made() -> list[bytes]:
    """A certificate with most extensions, and a list."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "config").write_text(CONFIG)
        (folder / "index").write_text("R\t360101000000Z\t260101000000Z\t0A\tunknown\t/CN=a\n")
        words = [word for one in EXTENSIONS for word in ("-addext", one)]
        subprocess.run(["openssl", *MAKE, *words], cwd=folder, capture_output=True, check=True)
        made_list = subprocess.run(["openssl", *LIST], cwd=folder, capture_output=True, check=True).stdout
        return [(folder / "certificate").read_bytes(), base64.b64decode(b"".join(made_list.split(b"\n")[1:-2]))]


def pem(der: bytes, kind: bytes) -> bytes:
    return b"-----BEGIN %b-----\n%b-----END %b-----\n" % (kind, base64.encodebytes(der), kind)


SEEDS: Final = [
    b"\x30\x03\x02\x01\x01",
    b"-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n",
    *(found for der in (made() if VERSION else []) for found in (der, pem(der, b"CERTIFICATE"), pem(der, b"X509 CRL"))),
]
NAMES: Final = [name for kind in (Certificate, Crl) for name in vars(kind) if not name.startswith("_")]


def look(found: Certificate | Crl) -> None:
    for name in NAMES:
        getattr(found, name, None)
    if isinstance(found, Certificate):
        assert Certificate(found.der).sha256 == found.sha256
        for of_issuer in (False, True):
            found.rfc2253(of_issuer)
            found.line(of_issuer)
            found.entry(of_issuer, b"CN", 1)
            found.entry(of_issuer, b"O", -2)
        found.issued_by(found)
        found.signed_by(found)
        found.ocsp_id(found)


def fuzz_one(data: bytes) -> None:
    if not VERSION:
        return
    for kind in (Certificate, Crl):
        try:
            look(kind(data))
        except ValueError:
            pass
    for read, kind in ((pem_certificates, Certificate), (pem_crls, Crl)):
        try:
            ders = read(data)
        except ValueError:
            continue
        for der in ders:
            look(kind(der))
