"""Certificates from files: what is beside them, chains that are completed or cut, passphrases that a program says, and
groups for DHE (manual 3.1, 3.2, 5.1)."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from support.certificates import authority

from pointsman.core.tls import VERSION, pem_certificates
from pointsman.tls.chains import Chains
from pointsman.tls.files import ExtraFiles, TlsFileError, check_timestamps
from pointsman.tls.options import LoadedFiles
from pointsman.tls.passphrases import Passphrases
from pointsman.tls.store import Store

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


def files(path: Path, **others: str) -> LoadedFiles:
    return LoadedFiles(name=str(path), crt=str(path), **others)


def parts(name: str = "files.test") -> tuple[bytes, bytes]:
    pem = authority().pem(name)
    at = pem.index(b"-----BEGIN PRIVATE")
    return pem[:at], pem[at:]


def test_what_stands_beside_a_certificate(tmp_path: Path) -> None:
    certificate, key = parts()
    path = tmp_path / "site.crt"
    path.write_bytes(certificate)
    sctl = b"\0\x04\0\x02ab"
    for ending, text in (
        (".key", key),
        (".sctl", sctl),
        (".issuer", authority().ca),
        (".ocsp", b"\x30\x03\x0a\x01\x06"),
    ):
        (tmp_path / f"site.crt{ending}").write_bytes(text)
        (tmp_path / f"site{ending}").write_bytes(text)
    for replaces in (False, True):
        found = Store(ExtraFiles(replaces_ending=replaces)).certificate(files(path))
        assert (found.material.key, found.material.sctl, found.material.issuer) == (key, sctl, authority().ca)
        assert found.identity.timestamps == sctl
    for name in ("site.crt.key", "site.crt.sctl"):
        (tmp_path / name).unlink()
    with pytest.raises(TlsFileError, match=r"No Private Key found in '.*site\.crt\.key'"):
        Store().certificate(files(path))
    with pytest.raises(TlsFileError, match=r"No Private Key found in '.*site\.crt'"):
        Store(ExtraFiles(frozenset())).certificate(files(path))
    said = Store(ExtraFiles(frozenset())).certificate(files(path, key=str(tmp_path / "site.key")))
    assert said.material.key == key and not said.material.sctl and said.identity.timestamps is None


def test_a_key_of_its_own_file_prevails(tmp_path: Path) -> None:
    certificate, key = parts()
    other_certificate, other_key = parts("other.test")
    path, wrong = tmp_path / "both.pem", tmp_path / "wrong.key"
    path.write_bytes(certificate + key)
    wrong.write_bytes(other_key)
    with pytest.raises(TlsFileError, match="inconsistencies"):
        Store().certificate(files(path, key=str(wrong)))
    wrong.write_bytes(other_certificate)
    with pytest.raises(TlsFileError, match="unable to load private key"):
        Store().certificate(files(path, key=str(wrong)))


@pytest.mark.parametrize(
    "text", [b"", b"\0", b"\0\0", b"\0\x03\0\x02a", b"\0\x04\0\0ab", b"\0\x02ab", b"\0\x05\0\x02abc"]
)
def test_timestamps_are_looked_at(text: bytes) -> None:
    with pytest.raises(TlsFileError, match="timestamps"):
        check_timestamps(text, "x")


def test_chains_are_completed_and_cut(tmp_path: Path) -> None:
    certificate, key = parts()
    chains = tmp_path / "chains"
    chains.mkdir()
    (chains / "a.pem").write_bytes(parts("other.test")[0])
    (chains / "b.pem").write_bytes(b"no certificate")
    (chains / "ca.pem").write_bytes(authority().ca)
    path = tmp_path / "site.pem"
    path.write_bytes(certificate + key)
    store = Store()
    store.chains = Chains(str(chains))
    found = store.certificate(files(path))
    assert pem_certificates(found.material.chain) == pem_certificates(certificate) + pem_certificates(authority().ca)
    path.write_bytes(certificate + authority().ca + key)
    for skips, count in ((False, 2), (True, 1)):
        store = Store()
        store.chains = Chains("", skips)
        found = store.certificate(files(path))
        assert len(pem_certificates(found.material.chain)) == count
    assert pem_certificates(found.material.issuer) == pem_certificates(authority().ca)
    store.chains = Chains(str(tmp_path / "none"))
    path.write_bytes(certificate + key)
    with pytest.raises(TlsFileError, match="unable to read the chains"):
        store.certificate(LoadedFiles(name="again", crt=str(path)))


def test_a_program_says_passphrases(tmp_path: Path) -> None:
    asked = tmp_path / "asked"
    program = tmp_path / "program"
    program.write_text(
        f'#!/bin/sh\necho "$@" >> {asked}\ncase $1 in *first*) echo one;; *second*) echo two;; *) exit 1;; esac\n'
    )
    program.chmod(0o755)
    paths = []
    for name, phrase in (("first.pem", "one"), ("second.pem", "two"), ("third.pem", "one"), ("fourth.pem", "four")):
        certificate, key = parts(name)
        words = ["openssl", "pkey", "-aes128", "-passout", f"pass:{phrase}"]
        encrypted = subprocess.run(words, input=key, capture_output=True, check=True).stdout
        path = tmp_path / name
        path.write_bytes(certificate + encrypted)
        paths.append(path)
    store = Store()
    with pytest.raises(TlsFileError, match="passphrase"):
        store.certificate(files(paths[0]))
    store.passphrases = Passphrases((str(program), "word"))
    for path in paths[:3]:
        assert store.certificate(files(path)).identity.kind == "EC"
    assert asked.read_text().splitlines() == [f"{paths[0]} word", f"{paths[1]} word"]
    with pytest.raises(TlsFileError, match="passphrase") as caught:
        store.certificate(files(paths[3]))
    assert "four" not in str(caught.value).replace("fourth", "")
    store.passphrases.close()
    with pytest.raises(TlsFileError, match="passphrase"):
        store.certificate(files(paths[3]))
    assert len(asked.read_text().splitlines()) == 3


def test_generated_certificates() -> None:
    store = Store()
    for words, kind, bits in (("RSA 2048 P-384", "RSA", 2048), ("ECDSA 0 P-256", "EC", 256)):
        found = store.certificate(LoadedFiles(name=f"@/{kind}", crt="", generate=words))
        assert (found.identity.kind, found.identity.bits) == (kind, bits) and b"localhost" in found.identity.names
    with pytest.raises(TlsFileError, match="unable to generate"):
        store.certificate(LoadedFiles(name="@/x", crt="", generate="ECDSA 0 P-1"))
