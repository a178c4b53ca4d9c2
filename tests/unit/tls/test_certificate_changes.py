"""Changes of certificates, authorities and lists (pointsman/tls/changes.py): a process that begins anew, with what
files had at the start, becomes by a snapshot what the others are."""

from __future__ import annotations

import json
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from support.certificates import Authority, authority

from pointsman.core.tls import VERSION
from pointsman.tables.changes import Change, Plain
from pointsman.tables.patterns import PatternError
from pointsman.tls.back import ServerContext
from pointsman.tls.changes import CA, CRL, TlsFollower, material_of, plain_line, plain_material
from pointsman.tls.files import Material, parse_material
from pointsman.tls.front import FrontTls
from pointsman.tls.options import BindTls, CertificateLine, CertificateList, FrontOptions, LoadedFiles, ServerTls
from pointsman.tls.store import Store

pytestmark = pytest.mark.skipif(not VERSION, reason="built without OpenSSL")


class Lane:
    """A process, with what the files have at the start."""

    def __init__(self, folder: Path) -> None:
        lines = tuple(
            CertificateLine(files=LoadedFiles(name=str(folder / name), crt=str(folder / name)), number=number)
            for number, name in enumerate(("a.pem", "b.pem", "a.pem"), 1)
        )
        self.store = Store()
        said = CertificateList(name="list", lines=lines)
        first = CertificateLine(files=LoadedFiles(name="web", crt=str(folder / "web.pem")))
        verified = {"verify": "optional", "ca_file": str(folder / "ca.pem"), "crl_file": str(folder / "crl.pem")}
        self.fronts = [
            FrontTls(BindTls(ssl=True, certificates=(first, said)), self.store),
            FrontTls(BindTls(ssl=True, certificates=(said,), **verified), self.store),  # type: ignore[arg-type]
        ]
        self.follower = TlsFollower(self.store)

    def make(self, *changes: Change) -> None:
        """As they come by the log."""
        for change in json.loads(json.dumps(changes)):
            self.follower.apply(change)

    def state(self) -> object:
        """All that can be seen from outside."""
        store = self.store
        return (
            {name: (one.identity.leaf, one.material, one.jwt, one.used) for name, one in store.certificates.items()},
            sorted(store.empty),
            {name: (one.pem, one.used) for name, one in {**store.authorities, **store.revocations}.items()},
            {name: ([plain_line(line) for line in one.lines], one.last) for name, one in store.lists.items()},
            [
                [(name, shown.certificate.name, plain_line(shown.line)) for name, shown in front.served()]
                for front in self.fronts
            ],
        )


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b", "web"):
        (tmp_path / f"{name}.pem").write_bytes(authority().pem(f"{name}.test"))
    (tmp_path / "ca.pem").write_bytes(authority().ca)
    (tmp_path / "crl.pem").write_bytes(authority().crl())
    return tmp_path


def certificate(name: str, kind: str = "ec") -> Plain:
    return plain_material(parse_material(authority().pem(name, kind), name))


def line(name: str, number: int, *filters: str, **options: object) -> Plain:
    said = FrontOptions(**options)  # type: ignore[arg-type]
    made = CertificateLine(files=LoadedFiles(name=name, crt=""), options=said, filters=filters, number=number)
    return plain_line(made)


def history(folder: Path) -> list[Change]:
    """Of every kind."""
    other = Authority("somebody else")
    a, b = str(folder / "a.pem"), str(folder / "b.pem")
    return [
        ["tls", "new", "cert", "new"],
        ["tls", "new", "cert", "late"],
        ["tls", "cert", "new", certificate("new.test")],
        ["tls", "cert", a, certificate("other.test", "rsa")],
        [
            "tls",
            "add",
            "list",
            line("new", 4, "*.new.test", "!x.new.test", alpn=b"\x02h2", without=frozenset(("TLSv1.3",))),
        ],
        ["tls", "add", "list", line(a, 5, min_version="TLSv1.3", tickets=False, early_data=True)],
        ["tls", "drop", "list", 1],
        ["tls", "del", "cert", b],
        ["tls", "jwt", "new", True],
        ["tls", CA, "more", other.ca.decode()],
        ["tls", "add", "list", line("new", 6, verify="required", ca_file="more")],
        ["tls", "drop", "list", 3],
        ["tls", CA, str(folder / "ca.pem"), (authority().ca + other.ca).decode()],
        ["tls", CRL, "empty", ""],
        ["tls", CRL, "gone", other.crl().decode()],
        ["tls", "del", CRL, "gone"],
        ["tls", "new", "cert", "gone"],
        ["tls", "del", "cert", "gone"],
        ["tls", "del", "cert", "never"],
    ]


def test_a_snapshot_makes_a_fresh_process_the_same(folder: Path) -> None:
    changes = history(folder)
    for count in range(len(changes) + 1):
        old, fresh, again = Lane(folder), Lane(folder), Lane(folder)
        old.make(*changes[:count])
        snapshot = old.follower.snapshot()
        assert bool(snapshot) is (count > 0)
        fresh.make(*snapshot)
        assert fresh.state() == old.state(), changes[count - 1]
        again.make(*fresh.follower.snapshot())  # its own successor
        assert again.state() == old.state()
        again.make(*snapshot)  # what it has made already changes nothing
        assert again.state() == old.state()
    store = old.store
    assert set(store.certificates) == {str(folder / "a.pem"), "web", "new"}
    assert store.certificates[str(folder / "a.pem")].identity.kind == "RSA" and store.empty == {"late"}
    assert [line.number for line in store.lists["list"].lines] == [1, 3, 4, 6]


def test_what_was_deleted_may_come_back(folder: Path) -> None:
    old, fresh = Lane(folder), Lane(folder)
    b = str(folder / "b.pem")
    old.make(["tls", "drop", "list", 1], ["tls", "del", "cert", b], ["tls", "cert", b, certificate("later.test")])
    fresh.make(*old.follower.snapshot())
    assert fresh.state() == old.state()
    assert fresh.store.certificates[b].identity.names == [b"later.test", b"later.test"]


def test_what_is_impossible_changes_nothing(folder: Path, tmp_path: Path) -> None:
    lane = Lane(folder)
    before, context = lane.state(), lane.fronts[0].context
    web, a = parse_material(authority().pem("web.test"), "x"), str(folder / "a.pem")
    key = tmp_path / "key"
    words = ["req", "-x509", "-newkey", "rsa:512", "-nodes", "-subj", "/CN=small.test", "-keyout", str(key)]
    small = subprocess.run(["openssl", *words], capture_output=True, check=True).stdout
    mixed = Material(chain=web.chain, key=parse_material(authority().pem("b.test"), "x").key)
    for change in (
        ["tls", "cert", "web", plain_material(mixed)],
        ["tls", "cert", "web", plain_material(Material(chain=b"", key=web.key))],
        ["tls", "cert", a, plain_material(parse_material(small + key.read_bytes(), "small"))],
        ["tls", "cert", "fresh", plain_material(mixed)],
        ["tls", CA, str(folder / "ca.pem"), ""],
        ["tls", "add", "list", line("none", 4)],
        ["tls", "add", "list", line("web", 4, verify="required")],  # not possible on the first bind line alone
        ["tls", "add", "none", line("web", 4)],
        ["tls", "drop", "none", 0],
        ["tls", "del", "cert", "web"],
        ["tls", "del", CA, str(folder / "ca.pem")],
        ["tls", "jwt", "none", True],
    ):
        with pytest.raises(PatternError):
            lane.make(change)  # type: ignore[arg-type]
        assert lane.state() == before, change
    assert lane.fronts[0].context is context
    assert lane.follower.snapshot() == []


def test_every_option_of_a_line_is_kept() -> None:
    values: dict[str, object] = {
        "alpn": b"\x02\xff\x00\x01a",
        "without": frozenset(("SSLv3", "TLSv1.0")),
        "tickets": False,
        "early_data": True,
        "names_of_authorities": False,
    }
    said = FrontOptions(**{field.name: values.get(field.name, f"of {field.name}") for field in fields(FrontOptions)})  # type: ignore[arg-type]
    lane = TlsFollower(Store())
    lane.apply(["tls", "cert", "x", certificate("x.test")])
    files = lane.store.certificates["x"].files
    made = CertificateLine(files=files, options=said, filters=("*", "ü.test"), default=True, number=7)
    assert lane.line_of(json.loads(json.dumps(plain_line(made)))) == made


def test_texts_of_any_bytes_are_kept() -> None:
    material = Material(
        b"\xff\x00\n", b"key\xe9", b"dh", b"issuer\x80", b"\x30\x00", b"\x00\x02\xff\xff", wants_ocsp=True
    )
    assert material_of(json.loads(json.dumps(plain_material(material)))) == material


def test_servers_contexts_follow(folder: Path) -> None:
    lane = Lane(folder)
    web = LoadedFiles(name="web", crt=str(folder / "web.pem"))
    shared = ServerContext(ServerTls(ssl=True, verify="required", crt=web, ca_file=str(folder / "ca.pem")), lane.store)
    before = shared.context
    mixed = Material(
        chain=parse_material(authority().pem("web.test"), "x").chain,
        key=parse_material(authority().pem("b.test"), "x").key,
    )
    with pytest.raises(PatternError):
        lane.make(["tls", "cert", "web", plain_material(mixed)])
    assert shared.context is before
    for change in (
        ["tls", "cert", "web", certificate("other.test", "rsa")],
        ["tls", CA, str(folder / "ca.pem"), Authority("somebody else").ca.decode()],
    ):
        lane.make(change)  # type: ignore[arg-type]
        assert shared.context is not before
        before = shared.context
    trusted = lane.store.authorities[str(folder / "ca.pem")].pem
    with pytest.raises(PatternError):
        lane.make(["tls", CA, str(folder / "ca.pem"), ""])
    assert lane.store.authorities[str(folder / "ca.pem")].pem == trusted
