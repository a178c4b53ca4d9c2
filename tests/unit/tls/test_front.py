"""Which certificate a client gets on a bind line (pointsman/tls/front.py), in real handshakes."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.certificates import Authority, authority

from pointsman.core.tls import VERSION, Choice, Connection, Context, TlsError
from pointsman.tls.contexts import TlsSetupError
from pointsman.tls.files import TlsFileError, parse_material
from pointsman.tls.front import FrontTls
from pointsman.tls.options import BindTls, CertificateLine, CertificateList, FrontOptions, LoadedFiles
from pointsman.tls.store import Store

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


def files(path: Path | str) -> LoadedFiles:
    return LoadedFiles(name=str(path), crt=str(path))


def line(name: str, *filters: str, kind: str = "ec", **options: object) -> CertificateLine:
    path = authority().path(name, kind)
    said = FrontOptions(**options)  # type: ignore[arg-type]
    return CertificateLine(files=files(path), options=said, filters=filters, default="*" in filters)


class Ends:
    """Both ends of a connection over a pair of sockets."""

    def __init__(self) -> None:
        self.open: list[socket.socket] = []

    def connect(self, front: FrontTls, name: str | None, context: Context) -> Connection:
        a, b = socket.socketpair()
        self.open += [a, b]
        for sock in (a, b):
            sock.setblocking(False)
        here = front.accept(a.fileno(), b"").connection
        there = Connection(context, b.fileno(), name=name)
        for _ in range(10):
            waits = there.handshake()
            if here.handshake() == 0 and waits == 0:
                break
        else:
            raise AssertionError("no end of the handshake")
        here.write(b"x")
        assert there.read(10) == b"x"
        return there


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    for one in made.open:
        one.close()


def client(**said: str) -> Context:
    context = Context(False)
    for name, value in said.items():
        context.set(name, value)
    return context


def got(connection: Connection) -> bytes:
    der = connection.peer_certificate
    assert der is not None
    return der


def leaf(name: str, kind: str = "ec") -> bytes:
    return Store().certificate(files(authority().path(name, kind))).identity.leaf


def front(*lines: CertificateLine, strict: bool = False) -> FrontTls:
    return FrontTls(BindTls(ssl=True, certificates=lines, strict=strict), Store())


def test_names_choose_certificates(ends: Ends) -> None:
    one = front(
        line("first.test"),
        line("*.wild.test", "*.wild.test", "!not.wild.test"),
        line("second.test", "Filter.test", "*.other.test"),
        line("both.test", kind="rsa"),
        line("both.test"),
    )
    for name, expected in (
        ("first.test", "first.test"),
        ("a.wild.test", "*.wild.test"),
        ("not.wild.test", "first.test"),
        ("second.test", "first.test"),  # filters stand for its own names
        ("filter.test", "second.test"),
        ("x.other.test", "second.test"),
        ("both.test", "both.test"),
        ("", "first.test"),
    ):
        assert got(ends.connect(one, name or None, client())) == leaf(expected), name
    old = client(SignatureAlgorithms="RSA-PSS+SHA256")
    assert got(ends.connect(one, "both.test", old)) == leaf("both.test", "rsa")


def test_defaults_of_several_kinds_and_strictness(ends: Ends) -> None:
    one = front(line("late.test", "*", kind="rsa"), line("early.test", "*"), line("named.test"))
    assert got(ends.connect(one, "none.test", client())) == leaf("early.test")
    old = client(SignatureAlgorithms="RSA-PSS+SHA256")
    assert got(ends.connect(one, None, old)) == leaf("late.test", "rsa")
    strict = front(line("named.test"), strict=True)
    assert got(ends.connect(strict, "named.test", client())) == leaf("named.test")
    for name in ("none.test", None):
        with pytest.raises(TlsError):
            ends.connect(strict, name, client())


def test_a_line_of_a_list_says_more_than_the_bind_line(ends: Ends) -> None:
    lines = (
        line("first.test"),
        line("old.test", max_version="TLSv1.2", alpn=b"\x02h2"),
        line("inherits.test", ciphers="ECDHE-ECDSA-AES256-GCM-SHA384"),
    )
    bind = BindTls(ssl=True, certificates=lines, alpn=b"\x08http/1.1", ciphersuites="TLS_AES_128_GCM_SHA256")
    one = FrontTls(bind, Store())
    asking = client()
    asking.alpn = b"\x02h2\x08http/1.1"
    there = ends.connect(one, "first.test", asking)
    assert (there.protocol, there.alpn, there.cipher) == (b"TLSv1.3", b"http/1.1", b"TLS_AES_128_GCM_SHA256")
    there = ends.connect(one, "old.test", asking)
    assert (there.protocol, there.alpn) == (b"TLSv1.2", b"h2")
    old = client(MaxProtocol="TLSv1.2")
    old.alpn = b"\x08http/1.1"
    there = ends.connect(one, "inherits.test", old)
    assert (there.alpn, there.cipher) == (b"http/1.1", b"ECDHE-ECDSA-AES256-GCM-SHA384")


@pytest.mark.parametrize(
    ("said", "spoken"),
    [
        ({}, "TLSv1.2 TLSv1.3"),
        ({"min_version": "TLSv1.3"}, "TLSv1.3"),
        ({"max_version": "TLSv1.2"}, "TLSv1.2"),
        ({"min_version": "TLSv1.0"}, "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"),
        ({"max_version": "TLSv1.1"}, "TLSv1 TLSv1.1"),
        ({"without": frozenset(("TLSv1.3",))}, "TLSv1.2"),
    ],
)
def test_versions(ends: Ends, said: dict[str, object], spoken: str) -> None:
    # OpenSSL speaks the old versions at its lowest level of security alone.
    one = FrontTls(BindTls(ssl=True, certificates=(line("first.test"),), security_level=0, **said), Store())  # type: ignore[arg-type]
    able = []
    for version in ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"):
        try:
            there = ends.connect(
                one, None, client(MinProtocol=version, MaxProtocol=version, CipherString="DEFAULT:@SECLEVEL=0")
            )
        except TlsError:
            continue
        assert there.protocol == version.encode()
        able.append(version)
    assert " ".join(able) == spoken


def test_chacha20_comes_first_where_the_client_says_so(ends: Ends) -> None:
    """Clients without instructions for AES do (manual 5.1, prefer-client-ciphers)."""
    one = front(line("first.test"), line("old.test", max_version="TLSv1.2"))
    chacha, aes = "TLS_CHACHA20_POLY1305_SHA256", "TLS_AES_256_GCM_SHA384"
    assert ends.connect(one, None, client(Ciphersuites=f"{chacha}:{aes}")).cipher == chacha.encode()
    assert ends.connect(one, None, client(Ciphersuites=f"{aes}:{chacha}")).cipher == aes.encode()
    chacha, aes = "ECDHE-ECDSA-CHACHA20-POLY1305", "ECDHE-ECDSA-AES256-GCM-SHA384"
    for words, expected in ((f"{chacha}:{aes}", chacha), (f"{aes}:{chacha}", aes)):
        there = ends.connect(one, "old.test", client(CipherString=words, MaxProtocol="TLSv1.2"))
        assert there.cipher == expected.encode()


def test_clients_show_certificates(ends: Ends, tmp_path: Path) -> None:
    trusted, revoked = tmp_path / "ca.pem", tmp_path / "crl.pem"
    trusted.write_bytes(authority().ca)
    pem = authority().pem("gone.test", revoked=True)
    revoked.write_bytes(authority().crl())
    bind = BindTls(ssl=True, certificates=(line("first.test"),), verify="required", ca_file=str(trusted))
    one = FrontTls(bind, Store())
    with pytest.raises(TlsError):
        ends.connect(one, None, client())
    for shown in (pem, authority().pem("someone.test")):
        asking = client()
        asking.certificate(shown, shown)
        ends.connect(one, None, asking)
    said = {"certificates": (line("first.test"),), "verify": "required", "ca_file": str(trusted)}
    strict = FrontTls(BindTls(ssl=True, crl_file=str(revoked), **said), Store())  # type: ignore[arg-type]
    asking = client()
    asking.certificate(pem, pem)
    with pytest.raises(TlsError):
        ends.connect(strict, None, asking)
    lenient = BindTls(ssl=True, crl_file=str(revoked), ignored_of_client=frozenset((23,)), **said)  # type: ignore[arg-type]
    ends.connect(FrontTls(lenient, Store()), None, asking)


def test_a_certificate_is_replaced_for_connections_yet_to_come(ends: Ends) -> None:
    store = Store()
    path = authority().path("first.test")
    one = FrontTls(BindTls(ssl=True, certificates=(line("first.test"), line("other.test"))), store)
    before = ends.connect(one, "first.test", client())
    certificate = store.certificates[str(path)]
    other = store.certificates[str(authority().path("other.test"))]
    certificate.replace(other.material, other.identity)
    assert got(ends.connect(one, "none.test", client())) == leaf("other.test")
    assert got(before) == leaf("first.test")


def test_what_is_refused(tmp_path: Path) -> None:
    pem, other = authority().pem("first.test"), authority().pem("other.test")
    certificate, key = pem.split(b"-----BEGIN PRIVATE", 1)
    contents = {
        "empty": (b"", "no start line"),
        "alone.pem": (certificate, "No Private Key found in"),
        "mixed.pem": (
            certificate + b"-----BEGIN PRIVATE" + other.split(b"-----BEGIN PRIVATE", 1)[1],
            "inconsistencies",
        ),
        "cut.pem": (certificate + b"-----BEGIN PRIVATE KEY-----\nabcd\n-----END PRIVATE KEY-----\n", "no private key"),
    }
    for name, (text, said) in contents.items():
        (tmp_path / name).write_bytes(text)
        with pytest.raises(TlsFileError, match=said):
            Store().certificate(files(tmp_path / name))
    with pytest.raises(TlsFileError, match="No such file"):
        Store().certificate(files(tmp_path / "none"))
    (tmp_path / "alone.pem.key").write_bytes(b"-----BEGIN PRIVATE" + key)
    assert Store().certificate(files(tmp_path / "alone.pem")).identity.kind == "EC"
    for wrong, words in (
        (BindTls(ssl=True), "no SSL certificate"),
        (BindTls(ssl=True, certificates=(line("first.test"),), verify="required"), "no CA file"),
        (BindTls(ssl=True, certificates=(line("first.test"),), ciphers="none"), "cipher list to 'none'"),
        (BindTls(ssl=True, certificates=(line("first.test"),), curves="none"), "curves list to 'none'"),
        (BindTls(ssl=True, certificates=(line("first.test"),), without=frozenset(("TLSv1.2", "TLSv1.3"))), "disabled"),
    ):
        with pytest.raises(TlsSetupError, match=words):
            FrontTls(wrong, Store())


def files_in(folder: Path, name: str, kind: str = "ec") -> LoadedFiles:
    """A file of its own, so that only this one changes."""
    path = folder / f"{name.replace('*', 'any')}-{kind}.pem"
    path.write_bytes(authority().pem(name, kind))
    return files(path)


def replaced(store: Store, path: str, name: str, kind: str = "ec") -> None:
    other = Store().certificate(files(authority().path(name, kind)))
    store.certificates[path].replace(other.material, other.identity)


def test_names_follow_a_certificate_that_is_replaced(ends: Ends, tmp_path: Path) -> None:
    store = Store()
    moving = files_in(tmp_path, "old.test")
    one = FrontTls(
        BindTls(
            ssl=True,
            certificates=(
                line("default.test"),
                CertificateLine(files=moving),
                CertificateLine(files=moving, filters=("*.filter.test", "!not.filter.test")),
                line("new.test", kind="rsa"),
            ),
        ),
        store,
    )
    assert len(store.certificates[moving.name].lines) == 2
    replaced(store, moving.name, "new.test")
    fallback = leaf("default.test")
    for name, expected in (
        ("old.test", fallback),
        ("new.test", leaf("new.test")),
        ("a.filter.test", leaf("new.test")),
        ("not.filter.test", fallback),
    ):
        assert got(ends.connect(one, name, client())) == expected, name
    rsa = client(SignatureAlgorithms="RSA-PSS+SHA256")
    assert got(ends.connect(one, "new.test", rsa)) == leaf("new.test", "rsa")
    replaced(store, moving.name, "new.test", "rsa")  # of two of a kind that which stands first
    assert got(ends.connect(one, "new.test", client())) == leaf("new.test", "rsa")
    replaced(store, moving.name, "*.new.test")
    assert got(ends.connect(one, "x.new.test", client())) == leaf("*.new.test")
    assert got(ends.connect(one, "new.test", client())) == leaf("new.test", "rsa")


def test_what_cannot_be_shown_replaces_nothing(ends: Ends, tmp_path: Path) -> None:
    store = Store()
    moving = files_in(tmp_path, "first.test")
    bind = BindTls(ssl=True, certificates=(CertificateLine(files=moving),), ciphers="DEFAULT:@SECLEVEL=2")
    one = FrontTls(bind, store)
    certificate = store.certificates[moving.name]
    key = tmp_path / "small.key"
    words = ["req", "-x509", "-newkey", "rsa:1024", "-nodes", "-subj", "/CN=small.test", "-keyout", str(key)]
    small = subprocess.run(["openssl", *words], capture_output=True, check=True).stdout
    material = parse_material(small + key.read_bytes(), "small.pem")
    with pytest.raises(TlsSetupError, match="key too small"):
        certificate.replace(material, store.identity(material, "small.pem"))
    assert got(ends.connect(one, "first.test", client())) == certificate.identity.leaf == leaf("first.test")
    calls = []

    def refuses() -> None:
        calls.append(certificate.identity.leaf)
        if calls[-1] != leaf("first.test"):
            raise TlsSetupError("not here")

    told: list[bytes] = []
    certificate.users += [lambda: told.append(certificate.identity.leaf), refuses]
    with pytest.raises(TlsSetupError, match="not here"):
        replaced(store, moving.name, "other.test")
    assert told == [leaf("other.test"), leaf("first.test")] and len(calls) == 1
    assert got(ends.connect(one, "first.test", client())) == leaf("first.test")


def test_lines_of_a_list_come_and_go(ends: Ends, tmp_path: Path) -> None:
    store = Store()
    ca = tmp_path / "ca.pem"
    ca.write_bytes(authority().ca)
    first, second = line("first.test"), line("*.wild.test", "*.wild.test")
    said = CertificateList(name="list", lines=(first, second))
    fronts = [FrontTls(BindTls(ssl=True, certificates=(said, line("last.test"))), store) for _ in range(2)]
    known = store.lists["list"]
    assert known.fronts == fronts and known.lines == [first, second]
    one = fronts[0]
    assert one.rests_on(first) and not one.rests_on(second)
    late = line("late.test", "late.test", "x.wild.test", verify="required", ca_file=str(ca))
    hole = line("*.wild.test", "*.late.test", "!not.late.test")
    for extra in (late, hole):
        one.add(extra)
    assert got(ends.connect(one, "a.late.test", client())) == leaf("*.wild.test")
    assert got(ends.connect(one, "not.late.test", client())) == leaf("first.test")
    with pytest.raises(TlsError):  # it asks for a certificate
        ends.connect(one, "x.wild.test", client())
    assert one.rebuild in store.authorities[str(ca)].users
    with pytest.raises(TlsSetupError, match="no CA file"):
        one.add(line("refused.test", verify="required"))
    with pytest.raises(TlsFileError):
        one.add(CertificateLine(files=files(tmp_path / "none.pem")))
    for extra in (hole, late):
        one.remove(extra)
    assert not store.authorities[str(ca)].users and not store.certificates[late.files.name].used
    for name, expected in (
        ("a.late.test", "first.test"),
        ("late.test", "first.test"),
        ("x.wild.test", "*.wild.test"),
        ("last.test", "last.test"),
    ):
        assert got(ends.connect(one, name, client())) == leaf(expected), name
    one.remove(second)
    assert got(ends.connect(one, "x.wild.test", client())) == leaf("first.test")
    assert got(ends.connect(fronts[1], "x.wild.test", client())) == leaf("*.wild.test")


def test_a_wildcard_that_comes_and_goes_adds_its_kind_to_names_below_it(ends: Ends) -> None:
    one = front(line("first.test"), line("www.below.test"), line("a.www.below.test"))
    above = line("*.below.test", kind="rsa")
    old = client(SignatureAlgorithms="RSA-PSS+SHA256")
    for _ in range(2):
        with pytest.raises(TlsError):
            ends.connect(one, "www.below.test", old)
        one.add(above)
        assert got(ends.connect(one, "www.below.test", old)) == leaf("*.below.test", "rsa")
        assert got(ends.connect(one, "www.below.test", client())) == leaf("www.below.test")
        with pytest.raises(TlsError):
            ends.connect(one, "a.www.below.test", old)
        one.remove(above)


def test_a_name_that_a_wildcard_excludes_has_its_own_kinds_alone(ends: Ends) -> None:
    one = front(line("first.test"), line("www.below.test"))
    above = line("*.below.test", "*.below.test", "!www.below.test", kind="rsa")
    one.add(above)
    old = client(SignatureAlgorithms="RSA-PSS+SHA256")
    assert got(ends.connect(one, "other.below.test", old)) == leaf("*.below.test", "rsa")
    with pytest.raises(TlsError):
        ends.connect(one, "www.below.test", old)
    one.remove(above)
    assert got(ends.connect(one, "www.below.test", client())) == leaf("www.below.test")
    assert got(ends.connect(one, "other.below.test", client())) == leaf("first.test")


def test_authorities_change_for_connections_yet_to_come(ends: Ends, tmp_path: Path) -> None:
    store = Store()
    ca, crl = tmp_path / "ca.pem", tmp_path / "crl.pem"
    ca.write_bytes(Authority("strangers").ca)
    shown, revoked = authority().pem("someone.test"), authority().pem("gone.test", revoked=True)
    crl.write_bytes(Authority("strangers").crl() + authority().crl())
    bind = BindTls(
        ssl=True,
        certificates=(line("first.test"), line("strict.test", crl_file=str(crl))),
        verify="required",
        ca_file=str(ca),
    )
    one = FrontTls(bind, store)
    known = client()
    known.certificate(shown, shown)
    for name in ("first.test", "strict.test"):
        with pytest.raises(TlsError):
            ends.connect(one, name, known)
    store.authorities[str(ca)].replace(authority().ca)
    for name in ("first.test", "strict.test", None):
        assert got(ends.connect(one, name, known)) == leaf(name or "first.test")
    gone = client()
    gone.certificate(revoked, revoked)
    ends.connect(one, "first.test", gone)
    with pytest.raises(TlsError):
        ends.connect(one, "strict.test", gone)
    with pytest.raises(TlsSetupError, match="unable to load"):
        store.authorities[str(ca)].replace(b"")
    ends.connect(one, "strict.test", known)


def test_groups_for_dhe_fit_the_key(ends: Ends, tmp_path: Path) -> None:
    """Manual 3.2, tune.ssl.default-dh-param: not larger than the key, nor than what is said."""
    asking = {"MaxProtocol": "TLSv1.2", "CipherString": "DHE-RSA-AES128-GCM-SHA256"}
    lines = (line("first.test", kind="rsa"),)
    for dh in (1024, 2048, 4096):
        one = FrontTls(BindTls(ssl=True, certificates=lines), Store(), dh)
        assert ends.connect(one, None, client(**asking)).cipher == b"DHE-RSA-AES128-GCM-SHA256"
    with pytest.raises(TlsError):
        ends.connect(FrontTls(BindTls(ssl=True, certificates=lines), Store()), None, client(**asking))
    with pytest.raises(TlsSetupError, match="DH parameters"):
        FrontTls(BindTls(ssl=True, certificates=lines), Store(), b"none")


def test_only_names_that_are_concerned_are_chosen_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store()
    others = [line("many.test", f"h{number}.test", "*.wild.test") for number in range(300)]
    moving = files_in(tmp_path, "old.test")
    said = CertificateList(name="list", lines=(*others, CertificateLine(files=moving)))
    one = FrontTls(BindTls(ssl=True, certificates=(said,)), store)
    context, asked = one.context, []
    choose = FrontTls._choice

    def choice(self: FrontTls, name: bytes) -> Choice | None:
        asked.append(name)
        return choose(self, name)

    monkeypatch.setattr(FrontTls, "_choice", choice)
    replaced(store, moving.name, "new.test")
    assert sorted(asked) == [b"new.test", b"old.test"]
    asked.clear()
    added = line("late.test", "late.test", "x.late.test")
    store.lists["list"].add(added)
    store.lists["list"].remove(added)
    assert sorted(asked) == [b"late.test"] * 2 + [b"x.late.test"] * 2
    assert one.context is context
