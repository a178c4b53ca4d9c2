"""OCSP (RFC 6960): requests, and what responses of OpenSSL's responder say."""

from __future__ import annotations

import subprocess
import time
from pathlib import Path

import pytest
from support.certificates import Authority, authority

from pointsman.core.tls import VERSION, Certificate, OcspResponse, ocsp_id_parts, ocsp_request, pem_certificates

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


def facts(pem: bytes) -> Certificate:
    return Certificate(pem_certificates(pem)[0])


@pytest.fixture(scope="module")
def issuer() -> Certificate:
    return facts(authority().ca)


def test_a_good_response(issuer: Certificate) -> None:
    path = authority().path("ocsp.test")
    other = facts(authority().pem("other.test"))
    before = int(time.time())
    response = OcspResponse(authority().ocsp(path))
    assert (response.status, response.count) == (0, 1)
    leaf = facts(path.read_bytes())
    found = response.find(leaf, issuer)
    assert found is not None
    status, since, until = found
    assert status == 0 and since is not None and before - 1 <= since <= time.time()
    assert until == since + 3 * 24 * 3600
    assert response.find(other, issuer) is None
    response.verify(issuer)
    lines = response.text.splitlines()
    assert lines[0] == b"OCSP Response Data:" and b"    Cert Status: good" in lines


def test_the_digest_of_identifiers_is_the_responders_choice(issuer: Certificate) -> None:
    path = authority().path("ocsp.test")
    folder = authority().folder
    words = ["-sha256", "-issuer", "ca.pem", "-cert", str(path), "-index", "index", "-CA", "ca.pem"]
    words += ["-rsigner", "ca.pem", "-rkey", "ca.key", "-respout", "sha256.der", "-ndays", "1"]
    subprocess.run(["openssl", "ocsp", *words], cwd=folder, check=True, capture_output=True)
    response = OcspResponse((folder / "sha256.der").read_bytes())
    assert b"Hash Algorithm: sha256" in response.text
    found = response.find(facts(path.read_bytes()), issuer)
    assert found is not None and found[0] == 0


def test_revoked_unknown_and_without_an_end(issuer: Certificate) -> None:
    revoked = authority().path("ocsp.test", revoked=True)
    found = OcspResponse(authority().ocsp(revoked)).find(facts(revoked.read_bytes()), issuer)
    assert found is not None and found[0] == 1
    stranger = authority().named("ocsp-stranger", "ec", "stranger.test")
    found = OcspResponse(authority().ocsp(stranger)).find(facts(stranger.read_bytes()), issuer)
    assert found is not None and found[0] == 2
    endless = authority().path("ocsp.test")
    found = OcspResponse(authority().ocsp(endless, "-no_nonce")).find(facts(endless.read_bytes()), issuer)
    assert found is not None and found[2] is None


def test_who_has_not_signed_it(issuer: Certificate) -> None:
    response = OcspResponse(authority().ocsp(authority().path("ocsp.test")))
    with pytest.raises(ValueError, match="not signed for this issuer"):
        response.verify(facts(Authority("strangers").ca))
    with pytest.raises(ValueError, match="not signed for this issuer"):
        response.verify(facts(authority().pem("ocsp.test")))


def test_one_byte_of_its_signature_is_another(issuer: Certificate) -> None:
    der = bytearray(authority().ocsp(authority().path("ocsp.test"), "-resp_no_certs", "-ndays", "1"))
    OcspResponse(bytes(der)).verify(issuer)
    der[-1] ^= 1
    with pytest.raises(ValueError, match="not signed for this issuer"):
        OcspResponse(bytes(der)).verify(issuer)


def test_a_responder_that_refuses(issuer: Certificate) -> None:
    response = OcspResponse(b"\x30\x03\x0a\x01\x06")  # unauthorized (RFC 6960, 4.2.1)
    assert (response.status, response.count, response.find(issuer, issuer)) == (6, 0, None)
    with pytest.raises(ValueError, match="says nothing"):
        response.verify(issuer)


def test_what_is_none() -> None:
    der = authority().ocsp(authority().path("ocsp.test"))
    for data in (b"", b"\x30", der[:-1], der + b"\0", b"hallo"):
        with pytest.raises(ValueError, match=r"OCSP response|behind"):
            OcspResponse(data)
    response = OcspResponse(der)
    for wrong in (None, b"", response):
        with pytest.raises(TypeError):
            response.verify(wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            response.find(wrong, wrong)  # type: ignore[arg-type]
        with pytest.raises(TypeError):
            ocsp_request(wrong, wrong)  # type: ignore[arg-type]


def test_openssl_reads_our_requests(issuer: Certificate, tmp_path: Path) -> None:
    leaf = facts(authority().pem("ocsp.test"))
    (tmp_path / "request").write_bytes(ocsp_request(leaf, issuer))
    words = ["openssl", "ocsp", "-reqin", str(tmp_path / "request"), "-req_text"]
    text = subprocess.run(words, capture_output=True, check=True, text=True).stdout
    name, key, serial = ocsp_id_parts(leaf.ocsp_id(issuer))
    for what, part in (("Issuer Name Hash", name), ("Issuer Key Hash", key), ("Serial Number", serial)):
        assert f"{what}: {part.hex().upper()}\n" in text
    for wrong in (b"", b"\x30\x00", b"hallo"):
        with pytest.raises(ValueError, match="identifier"):
            ocsp_id_parts(wrong)
