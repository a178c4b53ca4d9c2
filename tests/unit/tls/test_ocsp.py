"""Which OCSP responses are sent along (manual 5.1 "crt"): of files, and those that come at run time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest
from support.certificates import Authority, authority

from pointsman.core.tls import VERSION
from pointsman.tls.files import ExtraFiles, TlsFileError
from pointsman.tls.front import FrontTls
from pointsman.tls.ocsp import OcspError, subject_of, usable
from pointsman.tls.options import BindTls, CertificateLine, LoadedFiles
from pointsman.tls.store import Certificate, Store

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


def loaded(folder: Path, pem: bytes, response: bytes | None, issuer: bytes = b"", name: str = "a.pem") -> Store:
    """A store with that certificate alone."""
    (folder / name).write_bytes(pem)
    if response is not None:
        (folder / f"{name}.ocsp").write_bytes(response)
    if issuer:
        (folder / f"{name}.issuer").write_bytes(issuer)
    store = Store(ExtraFiles())
    store.certificate(LoadedFiles(name="a", crt=str(folder / name)))
    return store


def only(store: Store) -> Certificate:
    (found,) = store.certificates.values()
    return found


def test_a_good_one_goes_along_until_its_next_update(tmp_path: Path) -> None:
    path = authority().path("ocsp.test")
    response = authority().ocsp(path)
    for chain, issuer in ((path.read_bytes(), authority().ca), (path.read_bytes() + authority().ca, b"")):
        for file in tmp_path.iterdir():
            file.unlink()
        store = loaded(tmp_path, chain, response, issuer)
        found = only(store)
        assert found.identity.staple == response and not store.warnings
        assert 3 * 24 * 3600 - 60 < found.identity.staple_until - time.time() <= 3 * 24 * 3600
        assert list(store.by_ocsp_key) == [found.ocsp_key]


def shown(store: Store) -> FrontTls:
    """A bind line that shows the only certificate."""
    line = CertificateLine(files=only(store).files)
    return FrontTls(BindTls(ssl=True, certificates=(line,)), store)


def test_on_a_bind_line_its_issuer_has_to_be_known(tmp_path: Path) -> None:
    path = authority().path("ocsp.test")
    for response in (authority().ocsp(path), b""):
        for issuer in (b"", Authority("another").ca):
            store = loaded(tmp_path, path.read_bytes(), response, issuer)  # a server may be shown it all the same
            assert only(store).identity.staple is None and not store.by_ocsp_key and not store.warnings
            with pytest.raises(TlsFileError, match="impossible to compute the OCSP certificate ID"):
                shown(store)
    store = loaded(tmp_path, path.read_bytes(), authority().ocsp(path), authority().ca)
    assert shown(store).lines[0].certificate.identity.staple is not None


def test_what_is_not_good_is_ignored_with_a_warning(tmp_path: Path) -> None:
    good, revoked = authority().path("ocsp.test"), authority().path("ocsp.test", revoked=True)
    stranger = authority().named("ocsp-stranger", "ec", "stranger.test")
    for path, response, said in (
        (good, authority().ocsp(authority().path("other.test")), "does not match certificate and issuer"),
        (good, authority().ocsp(good)[:-1], "Unable to parse OCSP response"),
        (good, b"\x30\x03\x0a\x01\x06", "is not successful (6)"),
        (good, authority().ocsp(good, "-no_nonce"), "missing nextupdate"),
        (revoked, authority().ocsp(revoked), "certificate status is revoked"),
        (stranger, authority().ocsp(stranger), "certificate status is unknown"),
    ):
        store = loaded(tmp_path, path.read_bytes(), response, authority().ca)
        assert only(store).identity.staple is None
        ((text, _),) = store.warnings
        assert said in text and text.startswith("Loading 'a': ") and text.endswith(". Content will be ignored.")


def test_an_empty_file_is_room_for_one(tmp_path: Path) -> None:
    path = authority().path("ocsp.test")
    store = loaded(tmp_path, path.read_bytes(), b"", authority().ca)
    assert only(store).identity.staple is None and not store.warnings
    response = authority().ocsp(path)
    store.respond(only(store).ocsp_key, response)
    assert only(store).identity.staple == response


def test_what_is_the_same_to_responders_shares_it(tmp_path: Path) -> None:
    path = authority().path("ocsp.test")
    store = loaded(tmp_path, path.read_bytes(), b"", authority().ca)
    (tmp_path / "b.pem").write_bytes(path.read_bytes() + authority().ca)
    (tmp_path / "b.pem.ocsp").write_bytes(b"")
    second = store.certificate(LoadedFiles(name="b", crt=str(tmp_path / "b.pem")))
    first = store.certificates["a"]
    assert store.by_ocsp_key == {first.ocsp_key: [first, second]}
    response = authority().ocsp(path)
    store.respond(first.ocsp_key, response)
    assert first.identity.staple == second.identity.staple == response
    for broken in (b"", authority().ocsp(authority().path("other.test"))):
        with pytest.raises(OcspError):
            store.respond(first.ocsp_key, broken)
    with pytest.raises(OcspError, match="does not match any certificate"):
        store.respond("30", response)
    assert first.identity.staple == second.identity.staple == response
    store.detach(first)
    assert store.by_ocsp_key == {second.ocsp_key: [second]}


def test_times(tmp_path: Path) -> None:
    path = authority().path("ocsp.test")
    subject = subject_of(only(loaded(tmp_path, path.read_bytes(), b"", authority().ca)).material)
    assert subject is not None
    response = authority().ocsp(path)
    found = subject.leaf, subject.issuer
    now = int(time.time())
    until = usable(response, subject, now).next_update
    assert usable(response, subject, until - 1).next_update == until, found
    with pytest.raises(OcspError, match="no longer valid"):
        usable(response, subject, until)
    with pytest.raises(OcspError, match="not valid yet"):
        usable(response, subject, now - 3600)


def test_a_certificate_to_be_updated_needs_its_issuer(tmp_path: Path) -> None:
    path = authority().with_responder("updated.test", "http://127.0.0.1:1")
    (tmp_path / "a.pem").write_bytes(path.read_bytes().replace(authority().ca, b""))
    store = Store(ExtraFiles())
    store.updates = lambda files: True
    store.certificate(LoadedFiles(name="a", crt=str(tmp_path / "a.pem")))
    with pytest.raises(TlsFileError, match="auto-update set to 'on' but its issuer could not be found"):
        shown(store)
    without = authority().path("ocsp.test")  # it names no responder
    assert store.certificate(LoadedFiles(name="b", crt=str(without))).subject is None
