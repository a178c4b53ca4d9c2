"""What certificates and lists of revoked ones say: compared with what was asked for when they were made, and with what
the program openssl prints of them."""

import calendar
import gc
import re
import time

import pytest
from support.x509 import CLIENT, forest

from pointsman.core.tls import MISSING, Certificate, Crl, pem_certificates, pem_crls

pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def client() -> Certificate:
    forest().make("client", CLIENT, serial=0xFF0102)
    return Certificate(forest().der("client"))


def root() -> Certificate:
    return Certificate(forest().der("root"))


def sub() -> Certificate:
    return Certificate(forest().der("sub"))


def said(name: str, *words: str) -> str:
    """What openssl says behind the first sign of equality."""
    return forest().run("x509", "-in", f"{name}.crt", "-noout", *words).partition("=")[2].strip()


def test_names_in_order() -> None:
    subject = client().subject
    assert subject[:3] == ((b"C", b"DE"), (b"ST", b"Bayern"), (b"L", "München".encode()))
    # What stands together in a set is sorted by its encoding (X.690, 11.6).
    assert [value for name, value in subject if name == b"OU"] == [b"one", b"two", b"three"]
    assert subject[-1] == (b"UID", b"u1")
    assert client().issuer == ((b"C", b"DE"), (b"O", b"Zwischen"), (b"CN", b"Sub CA"))
    assert root().subject == root().issuer


def test_a_name_as_a_line() -> None:
    made = client()
    assert made.line(False) == b"".join(b"/%b=%b" % one for one in made.subject)
    assert made.line(True) == b"/C=DE/O=Zwischen/CN=Sub CA"


def test_a_name_for_ldap() -> None:
    assert client().rfc2253(False).decode() == said("client", "-subject", "-nameopt", "RFC2253")


@pytest.mark.parametrize(
    ("name", "nth", "value"),
    [
        (b"CN", 1, b"client"),
        (b"cn", 2, b"second;#"),
        (b"CN", 3, None),
        (b"CN", -1, b"second;#"),
        (b"CN", -2, b"client"),
        (b"CN", -3, None),
        (b"CN", 0, None),
        (b"OU", -3, b"one"),
        (b"emailAddress", 1, b"x@y.test"),
        (b"commonName", 1, None),
        (b"", 1, None),
    ],
)
def test_an_entry_of_a_name(name: bytes, nth: int, value: bytes | None) -> None:
    assert client().entry(False, name, nth) == value


def test_a_value_with_a_nul_might_pass_for_another() -> None:
    forest().make("base", "/CN=abcxyz/O=qrs", extensions="plain", signer="root")
    forest().changed("nul", "base", (b"abcxyz", b"abc\0yz"))
    made = Certificate(forest().der("nul"))
    assert made.entry(False, b"CN", 1) is None and made.line(False) is None
    assert made.entry(False, b"O", 1) == b"qrs" and made.rfc2253(False) == rb"O=qrs,CN=abc\00yz"
    assert made.subject[0] == (b"CN", b"abc\0yz")
    forest().changed("nuls", "base", (b"abcxyz", b"abcx\0\0"))
    made = Certificate(forest().der("nuls"))
    assert made.entry(False, b"CN", 1) == b"abcx\0" and made.line(False) == b"/CN=abcx\0/O=qrs"


def test_a_kind_of_entry_without_a_name() -> None:
    forest().make("base", "/CN=abcxyz/O=qrs", extensions="plain", signer="root")
    forest().changed("strange", "base", (b"\x55\x04\x0a\x0c\x03qrs", b"\x55\x04\x7f\x0c\x03qrs"))
    made = Certificate(forest().der("strange"))
    assert made.entry(False, b"2.5.4.127", 1) == b"qrs" and made.line(False) == b"/CN=abcxyz/2.5.4.127=qrs"


@pytest.mark.parametrize(("mask", "coded"), [("MASK:0x0800", "utf-16-be"), ("MASK:0x0004", "latin-1")])
def test_values_stay_as_they_are_encoded(mask: str, coded: str) -> None:
    forest().make(coded, "/CN=Bé", mask=mask)
    assert Certificate(forest().der(coded)).subject == ((b"CN", "Bé".encode(coded)),)


def test_dates() -> None:
    made = client()
    text = said("client", "-startdate")
    assert made.not_before_text == text.encode()
    assert made.not_before == calendar.timegm(time.strptime(text, "%b %d %H:%M:%S %Y GMT"))
    assert made.not_before_asn1 == time.strftime("%y%m%d%H%M%SZ", time.gmtime(made.not_before)).encode()
    assert (made.not_after or 0) - made.not_before == 3650 * 86400
    forest().make("far", "/CN=far", days=20000)
    later = Certificate(forest().der("far"))
    assert later.not_after_asn1 == time.strftime("%Y%m%d%H%M%SZ", time.gmtime(later.not_after)).encode()


def test_numbers_and_digests() -> None:
    made = client()
    assert (made.version, made.serial) == (3, b"\xff\x01\x02")
    assert sub().serial.hex() == "8001020304"
    assert made.sha1.hex(":").upper() == said("client", "-fingerprint", "-sha1")
    assert made.sha256.hex(":").upper() == said("client", "-fingerprint", "-sha256")
    assert made.der == forest().der("client")


@pytest.mark.parametrize(
    ("key", "algorithm", "kind", "bits"),
    [
        (("ec", "-pkeyopt", "ec_paramgen_curve:P-384"), b"id-ecPublicKey", b"EC", 384),
        (("rsa:2048",), b"rsaEncryption", b"RSA", 2048),
        (("ed25519",), b"ED25519", b"ED25519", 256),
    ],
)
def test_keys(key: tuple[str, ...], algorithm: bytes, kind: bytes, bits: int) -> None:
    name = kind.decode()
    forest().make(name, f"/CN={name}", key=key)
    made = Certificate(forest().der(name))
    assert (made.key_algorithm, made.key_kind, made.key_bits) == (algorithm, kind, bits)
    assert made.signature_algorithm == b"ecdsa-with-SHA256"


def test_extensions() -> None:
    made = client()
    assert made.names == (b"www.example.test", b"*.example.test", b"client", b"second;#")
    assert made.addresses == (b"\x7f\0\0\1", bytes.fromhex("20010db8000000000000000000000001"))
    printed = forest().run("x509", "-in", "client.crt", "-noout", "-ext", "subjectAltName")
    assert made.alternative_names == printed.split("\n")[1].strip().encode()
    assert made.ocsp_uris == (b"http://ocsp.test/", b"http://second.test/")
    assert made.policies == (b"1.2.3.4", b"2.5.29.32.0", b"0.4.0.1862.1.4")
    assert made.issuer_key_id == sub().subject_key_id and made.subject_key_id not in (None, made.issuer_key_id)
    assert (made.authority, sub().authority, root().authority) == (False, True, True)


def test_none_of_them() -> None:
    forest().make("bare", "/CN=bare", extensions="plain")
    made = Certificate(forest().der("bare"))
    assert made.names == (b"bare",) and made.addresses == made.ocsp_uris == made.policies == ()
    assert made.alternative_names is made.subject_key_id is made.issuer_key_id is None


def test_a_malformed_extension_counts_as_missing() -> None:
    client()
    forest().changed("odd", "client", (b"\x82\x10www.example.test", b"\x82\x7fwww.example.test"))
    made = Certificate(forest().der("odd"))
    assert made.alternative_names is None and made.names == (b"client", b"second;#") and made.addresses == ()


def test_who_has_issued_it() -> None:
    made = client()
    assert made.issued_by(sub()) and made.signed_by(sub())
    assert not made.issued_by(root()) and not made.signed_by(root())
    assert root().self_signed and not sub().self_signed and root().signed_by(root())
    forest().changed("forged", "client", (b"client", b"cliemt"))
    forged = Certificate(forest().der("forged"))
    assert forged.issued_by(sub()) and not forged.signed_by(sub())
    with pytest.raises(TypeError):
        made.issued_by(b"")  # type: ignore[arg-type]


def test_what_responders_know_it_by() -> None:
    client()
    asked = forest().run("ocsp", "-issuer", "sub.crt", "-cert", "client.crt", "-no_nonce", "-reqout", "asked")
    assert asked == ""
    assert client().ocsp_id(sub()) in (forest().folder / "asked").read_bytes()


@pytest.mark.parametrize("kind", [Certificate, Crl])
@pytest.mark.parametrize("data", [b"", b"0", b"abc", b"\x30\x03\x02\x01\x01"])
def test_what_is_none(kind: type[Certificate] | type[Crl], data: bytes) -> None:
    with pytest.raises(ValueError, match="certificate"):
        kind(data)


def test_neither_less_nor_more() -> None:
    der = client().der
    for wrong in (der[:-1], der + b"\0"):
        with pytest.raises(ValueError, match="certificate"):
            Certificate(wrong)
    with pytest.raises(TypeError):
        Certificate(der=der)  # type: ignore[call-arg]


def test_lists_of_revoked_ones() -> None:
    text = forest().crl(("0A", "260101020304Z"), ("FF01", "260201000000Z")).read_bytes()
    (der,) = pem_crls(text)
    made = Crl(der)
    assert made.revoked == ((b"\x0a", b"Jan  1 02:03:04 2026 GMT"), (b"\xff\x01", b"Feb  1 00:00:00 2026 GMT"))
    assert made.issuer == root().subject and made.issuer_line == root().line(False)
    printed = forest().run("crl", "-in", "crl.pem", "-noout", "-lastupdate", "-nextupdate", "-text")
    assert f"lastUpdate={(made.last_update_text or b'').decode()}\n" in printed
    assert f"nextUpdate={(made.next_update_text or b'').decode()}\n" in printed
    assert f"Version {made.version} " in printed
    assert f"Signature Algorithm: {made.signature_algorithm.decode()}\n" in printed
    assert (made.next_update or 0) - (made.last_update or 0) == 30 * 86400
    (none,) = pem_crls(forest().crl().read_bytes())
    assert Crl(none).revoked == ()


def test_texts() -> None:
    client()
    text = (forest().folder / "client.pem").read_bytes()
    crl = forest().crl().read_bytes()
    assert pem_certificates(text) == [forest().der("client"), forest().der("sub")]
    assert pem_certificates(b"words before\n" + crl + text) == [forest().der("client"), forest().der("sub")]
    assert len(pem_crls(text + crl + crl)) == 2
    assert pem_certificates(b"") == pem_crls(b"") == pem_crls(text) == pem_certificates(crl) == []


def test_texts_that_are_malformed() -> None:
    client()
    text = (forest().folder / "client.crt").read_text()
    lines = text.split("\n")
    for wrong in ("\n".join([*lines[:3], *lines[4:]]), text.replace("\nMII", "\nM!I"), "\n".join(lines[:-3])):
        assert wrong != text
        with pytest.raises(ValueError, match="a certificate cannot be read"):
            pem_certificates((text + wrong).encode())
    with pytest.raises(ValueError, match="a list of revoked certificates cannot be read"):
        pem_crls(re.sub("CERTIFICATE", "X509 CRL", text).encode())
    with pytest.raises(TypeError):
        pem_certificates("text")  # type: ignore[arg-type]


def test_nothing_is_left_over() -> None:
    """Thousands of them take no more memory than a few."""
    der, text = client().der, forest().authorities().read_bytes()

    def round_() -> None:
        for _ in range(300):
            made = Certificate(der)
            for name in vars(Certificate):
                getattr(made, name)
            made.rfc2253(False)
            made.line(False)
            made.ocsp_id(made)
            pem_certificates(text)

    def resident() -> int:
        gc.collect()
        with open("/proc/self/statm", encoding="ascii") as file:
            return int(file.read().split()[1])

    round_()
    before = resident()
    for _ in range(5):
        round_()
    assert resident() - before < 100  # pages
