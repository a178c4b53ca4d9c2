"""Bytes that are no OCSP response, or nearly: what is parsed can be asked for everything, and nothing but ValueError
comes of the rest. The same for identifiers, and for what decides whether a response goes along."""

import subprocess
import tempfile
import time
from pathlib import Path
from typing import Final

from pointsman.core.tls import VERSION, Certificate, OcspResponse, ocsp_id_parts, ocsp_request
from pointsman.tls.ocsp import OcspError, Subject, usable

MAKE: Final = ("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key",
               "-out", "ca", "-subj", "/CN=ca", "-set_serial", "10")  # fmt: skip
ASK: Final = ("ocsp", "-index", "index", "-CA", "ca", "-rsigner", "ca", "-rkey", "key", "-issuer", "ca", "-cert", "ca",
              "-ndays", "3", "-respout", "response")  # fmt: skip


def made() -> tuple[bytes, bytes]:
    """A CA that has signed itself, and a response about it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "index").write_text("V\t360101000000Z\t\t0A\tunknown\t/CN=ca\n")
        for words in (MAKE, ASK, ("x509", "-in", "ca", "-outform", "DER", "-out", "der")):
            subprocess.run(["openssl", *words], cwd=folder, capture_output=True, check=True)
        return (folder / "der").read_bytes(), (folder / "response").read_bytes()


CA, RESPONSE = made() if VERSION else (b"", b"")
NOW: Final = int(time.time())
SUBJECT: Final = Subject(Certificate(CA), Certificate(CA)) if VERSION else None
SEEDS: Final = [
    b"\x30\x03\x0a\x01\x06",
    *([RESPONSE, CA, SUBJECT.leaf.ocsp_id(SUBJECT.issuer)] if SUBJECT is not None else []),
]


def fuzz_one(data: bytes) -> None:
    if SUBJECT is None:
        return
    try:
        response = OcspResponse(data)
    except ValueError:
        response = None
    if response is not None:
        assert response.count >= 0 or response.status != 0
        assert isinstance(response.text, bytes)
        response.find(SUBJECT.leaf, SUBJECT.issuer)
        try:
            response.verify(SUBJECT.issuer)
        except ValueError:
            pass
    try:
        assert usable(data, SUBJECT, NOW).next_update > NOW
    except OcspError:
        pass
    try:
        ocsp_id_parts(data)
    except ValueError:
        pass
    try:
        ocsp_request(Certificate(data), SUBJECT.issuer)
    except ValueError:
        pass
